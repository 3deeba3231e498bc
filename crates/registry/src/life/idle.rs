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
    let since = since(case)?;
    let enough = DAY * limit(case, terms);
    let mut at = since.plus(enough);
    // Each gap that is reached moves the day on, perhaps into another gap.
    for _ in 0..=gaps.len() {
        let moved = since.plus(enough + within_gaps(since, at, gaps));
        if moved == at {
            break;
        }
        at = moved;
    }
    Some((Deadline::Idle, at))
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
