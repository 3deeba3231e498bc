//! What the ledger no longer has, said aloud to who asks for it.

use ledger::{Event, Key, Line, Reader};
use mail::Timestamp;

/// How far back the ledger is kept, where something was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was recorded before this is removed.
    pub since: Timestamp,
    rule: String,
}

impl Kept {
    /// What the last removal says. A ledger that cannot be read says nothing; whoever asks hears of that elsewhere.
    #[must_use]
    pub fn of(reader: &Reader) -> Option<Self> {
        let last: Option<Line> = reader.last_of(&Key::Pruned, 1).ok()?.pop();
        match last?.event {
            Event::Pruned(record) => Some(Self {
                since: record.before,
                rule: record.rule.to_string(),
            }),
            _ => None,
        }
    }

    /// An answer that found nothing, with what may be why.
    #[must_use]
    pub fn beside(reader: &Reader, answer: String) -> String {
        match Self::of(reader) {
            Some(kept) => format!("{answer}; {kept}"),
            None => answer,
        }
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = self.since.to_date();
        write!(f, "what was recorded before {since} is no longer kept ({})", self.rule)
    }
}
