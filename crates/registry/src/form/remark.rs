//! What is wrong or doubtful about a form.

use std::fmt;

/// What a remark does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Weight {
    /// Worth a second look.
    Doubt,
    /// Has to be put right first.
    Blocks,
}

/// A remark on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The field: `head.email`, `senders[1]`.
    pub field: String,
    /// What it does.
    pub weight: Weight,
    /// What is wrong, and what is needed instead.
    pub said: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Doubt => "look again at",
            Weight::Blocks => "put right",
        };
        write!(f, "{weight} {}: {}", self.field, self.said)
    }
}
