//! How soon the house answers, in business days: who asked has to know, and who is late is told.

use mail::Timestamp;

use crate::actor::Role;
use crate::calendar::Calendar;
use crate::case::Case;
use crate::life::State;

/// Business days for a look at whether a request is complete.
pub(crate) const COMPLETENESS: u32 = 2;
/// For security's decision.
pub(crate) const DECISION: u32 = 5;
/// For setting up what was approved.
const SETTING_UP: u32 = 1;

/// Whose turn it is in the house, and until when they are to have answered. While a request waits for its own people, or
/// for their network, no clock runs.
#[must_use]
pub fn promised(case: &Case, calendar: &Calendar) -> Option<(Role, Timestamp)> {
    let (role, days) = match case.state {
        State::Submitted => (Role::Admin, COMPLETENESS),
        State::SecurityReview => (Role::Security, DECISION),
        State::Approved => (Role::Admin, SETTING_UP),
        _ => return None,
    };
    Some((role, calendar.business_days_after(case.entered, days)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Person;
    use crate::case::Track;

    #[test]
    fn the_house_answers_within_days_and_waits_for_others_without_a_clock() {
        // A Friday.
        let now = Timestamp::from_secs(1_795_186_800);
        let mut case = Case::draft(Track::Exception, Person::new("ann@example.edu"), [0; 32], now);
        let calendar = Calendar::default();
        assert_eq!(promised(&case, &calendar), None);
        let days_after = |case: &Case| {
            let (role, at) = promised(case, &calendar)?;
            Some((role, at.since(now).as_secs() / 86_400))
        };
        case.state = State::Submitted;
        assert_eq!(days_after(&case), Some((Role::Admin, 4)), "over the weekend");
        case.state = State::SecurityReview;
        assert_eq!(days_after(&case), Some((Role::Security, 7)));
        case.state = State::AwaitingHeadAck;
        assert_eq!(days_after(&case), None);
    }
}
