//! Whether a grant is used.

use mail::Timestamp;

use super::Deadline;
use super::due::DAY;
use crate::case::Case;
use crate::terms::Terms;

/// Whole days in a row without a message that counts. What lies in a gap, a time of which nothing is known, is not
/// counted. Never-used grants count from when they were set up; whoever said that a grant is needed starts anew.
#[must_use]
pub fn idle_days(case: &Case, now: Timestamp, gaps: &[(Timestamp, Timestamp)]) -> u64 {
    let Some(since) = since(case) else { return 0 };
    let known = now.since(since).saturating_sub(within_gaps(since, now, gaps));
    known.as_secs() / DAY.as_secs()
}

/// Since when it may be idle.
fn since(case: &Case) -> Option<Timestamp> {
    [case.last_accepted, case.provisioned, case.kept]
        .into_iter()
        .flatten()
        .max()
}

/// When it will have been idle for too long, if no mail comes.
pub(super) fn reached_at(case: &Case, terms: &Terms, gaps: &[(Timestamp, Timestamp)]) -> Option<(Deadline, Timestamp)> {
    let mut seen = since(case)?;
    let mut left = DAY * limit(case, terms);
    // Only what lies between the gaps counts.
    for (begin, end) in gaps.iter().filter(|(begin, end)| begin < end) {
        let counted = begin.since(seen);
        if counted >= left {
            break;
        }
        left -= counted;
        seen = seen.max(*end);
    }
    Some((Deadline::Idle, seen.plus(left)))
}

/// Days it may be idle.
pub(super) fn limit(case: &Case, terms: &Terms) -> u32 {
    case.seasonal.unwrap_or(terms.idle).max(terms.idle)
}

/// How much of a time lies in gaps. They may touch and overlap; they are in order of their beginnings.
fn within_gaps(from: Timestamp, to: Timestamp, gaps: &[(Timestamp, Timestamp)]) -> std::time::Duration {
    let mut seen = from;
    let mut sum = std::time::Duration::ZERO;
    for (begin, end) in gaps {
        let (begin, end) = ((*begin).max(seen), (*end).min(to));
        if end > begin {
            sum += end.since(begin);
            seen = end;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Person;
    use crate::case::Track;

    const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

    fn day(day: u32) -> Timestamp {
        NOW.plus(DAY * day)
    }

    #[test]
    fn a_gap_moves_the_day_on_by_all_of_it_however_long_it_is() {
        let mut case = Case::draft(Track::Authenticated, Person::new("ann@example.edu"), [0; 32], NOW);
        case.provisioned = Some(NOW);
        let terms = Terms {
            idle: 40,
            ..Terms::default()
        };
        let reached = |gaps: &[(Timestamp, Timestamp)]| reached_at(&case, &terms, gaps).map(|(_, at)| at);
        assert_eq!(reached(&[]), Some(day(40)));
        assert_eq!(reached(&[(day(1), day(121))]), Some(day(160)));
        assert_eq!(
            reached(&[(day(1), day(121)), (day(100), day(130)), (day(140), day(150))]),
            Some(day(179))
        );
        assert_eq!(reached(&[(NOW.minus(DAY), day(2)), (day(42), day(50))]), Some(day(42)));
        // It is the day on which so many were counted.
        let gaps = [(day(1), day(121)), (day(100), day(130)), (day(140), day(150))];
        assert_eq!(idle_days(&case, day(179), &gaps), 40);
        assert_eq!(idle_days(&case, day(179).minus(DAY), &gaps), 39);
    }
}
