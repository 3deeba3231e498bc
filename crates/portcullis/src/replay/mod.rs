//! What was decided is decided again, from the facts in the ledger alone, by another configuration.
//!
//! A record becomes a [`Recorded`] message, judgement gives each of its recipients a [`Fate`], and what differs from the
//! fate it had is counted by grant and sender in a [`Report`]. Where the other configuration would have gone on asking
//! beyond what the session ever came to tell (a message that was refused at RCPT has no size), its fate is unknown from
//! there, which is said and never guessed.

mod again;
mod fate;
mod granted;
mod recorded;
mod report;

pub use again::Again;
pub use fate::Fate;
pub use granted::Past;
pub use recorded::{Made, Recorded};
pub use report::{Group, Report};

use std::collections::BTreeSet;

use ledger::Line;

use crate::recollection::Unreadable;

/// Ids that are remembered.
const RECENT_MAX: usize = 100_000;

/// Decides records again, one by one.
pub struct Replay {
    past: Past,
    /// Ids of the last ones: a record may stand twice, close together.
    recent: BTreeSet<String>,
    report: Report,
}

impl Replay {
    /// Decides by this configuration, with what was granted beside it at each time.
    #[must_use]
    pub fn new(past: Past) -> Self {
        Self {
            past,
            recent: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// Looks at a line of the ledger; passes over what was no decision about a message.
    pub fn look(&mut self, line: &Line) {
        for recorded in Recorded::all_of(&line.event) {
            match recorded {
                Ok(recorded) => self.again(&recorded),
                Err(why) => self.report.passed_over(why, 1),
            }
        }
        let counted = Recorded::only_counted_in(&line.event);
        if counted > 0 {
            self.report.passed_over(Unreadable::Counted, counted);
        }
    }

    fn again(&mut self, recorded: &Recorded) {
        if !self.recent.insert(recorded.id.clone()) {
            return;
        }
        if self.recent.len() > RECENT_MAX {
            // Ids rise with time.
            self.recent.pop_first();
        }
        for made in &recorded.decisions {
            let would = self.past.decide(&recorded.listener, made);
            self.report.count(recorded, made.fate, would.fate);
        }
    }

    /// What came of it.
    #[must_use]
    pub fn end(self) -> Report {
        self.report
    }
}
