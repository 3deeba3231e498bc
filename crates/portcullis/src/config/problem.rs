//! One thing that is wrong with a configuration, with its place, its reason and what to do.

use std::ops::Range;
use std::sync::Arc;

use super::report::Source;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration does not start.
    Error,
    /// It starts; somebody should look.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What happened, in one sentence without a full stop.
    pub message: String,
    /// The text it is in, where that is another than the configuration's.
    pub within: Option<Arc<Source>>,
    /// Where: octets of the text. `None` where a whole section is missing.
    pub at: Option<Range<usize>>,
    /// What to say at that place.
    pub label: Option<String>,
    /// Other places that have to do with it.
    pub also: Vec<(Range<usize>, String)>,
    /// Why it matters.
    pub why: Option<String>,
    /// What to do next.
    pub do_next: Option<String>,
}

impl Problem {
    /// Something the configuration cannot start with.
    #[must_use]
    pub fn error(at: impl Into<Option<Range<usize>>>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            within: None,
            at: at.into(),
            label: None,
            also: Vec::new(),
            why: None,
            do_next: None,
        }
    }

    /// Something somebody should look at.
    #[must_use]
    pub fn warning(at: impl Into<Option<Range<usize>>>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(at, message)
        }
    }

    /// Its place is in another text than the configuration's.
    #[must_use]
    pub fn within(mut self, source: Arc<Source>) -> Self {
        self.within = Some(source);
        self
    }

    /// Says this at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Points at another place.
    #[must_use]
    pub fn also(mut self, at: Range<usize>, label: impl Into<String>) -> Self {
        self.also.push((at, label.into()));
        self
    }

    /// Says why it matters.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.do_next = Some(advice.into());
        self
    }
}
