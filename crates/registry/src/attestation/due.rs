//! What time alone causes of a list: reminders, and that the house is told when nobody has answered.

use mail::Timestamp;

use super::{Attestation, Standing};
use crate::life::step_of;
use crate::terms::Terms;

/// What time alone causes of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListDeadline {
    /// Nobody has answered yet.
    Reminder,
    /// Nor by now; the administrators are told as well.
    ReminderBoth,
    /// Nobody answered in time.
    Unanswered,
}

impl ListDeadline {
    /// The rule's name, as an actor.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Reminder => "list-reminder",
            Self::ReminderBoth => "list-reminder-both",
            Self::Unanswered => "list-unanswered",
        }
    }
}

/// What comes next of a list by itself, and when. A list that nobody answered in time waits for people.
#[must_use]
pub fn next_of_list(list: &Attestation, terms: &Terms) -> Option<(ListDeadline, Timestamp)> {
    let (first, second, both, end) = terms.attestation;
    let steps = [
        (ListDeadline::Reminder, first),
        (ListDeadline::Reminder, second),
        (ListDeadline::ReminderBoth, both),
        (ListDeadline::Unanswered, end),
    ];
    match list.standing {
        Standing::Open => step_of(list.reminded, list.asked, &steps, |from, days| {
            from.plus(crate::life::DAY * days)
        }),
        Standing::Overdue | Standing::Answered | Standing::Replaced => None,
    }
}

/// What has come due of it by now.
#[must_use]
pub(crate) fn list_due(list: &Attestation, now: Timestamp, terms: &Terms) -> Option<ListDeadline> {
    next_of_list(list, terms)
        .filter(|(_, at)| *at <= now)
        .map(|(deadline, _)| deadline)
}
