//! What was to be testified to of late: each checkpoint tells it, for the ledger of the next start to complete itself.

use std::collections::VecDeque;
use std::time::Duration;

use crate::Testimony;

/// How long testimony is kept beyond what the ledger has: as long as it may take from here to the ledger's ears.
const KEPT: Duration = Duration::from_secs(3);
/// Testimonies kept at most: far more than any disk takes in that time, and a bound where the ledger's disk refuses.
const MOST: usize = 100_000;
/// Room for as many is kept when a rush is over.
const ROOM: usize = 1024;

/// Testimonies with the moment each was noted, by the stopwatch: the wall clock may stand or jump, and what a testimony
/// says of its time is the caller's word.
#[derive(Default)]
pub(crate) struct Recent(VecDeque<(Duration, Testimony)>);

impl Recent {
    /// Notes what is on disk since now.
    pub(crate) fn note(&mut self, now: Duration, testimony: impl IntoIterator<Item = Testimony>) {
        self.0.extend(testimony.into_iter().map(|testimony| (now, testimony)));
        let surplus = self.0.len().saturating_sub(MOST);
        self.0.drain(..surplus);
    }

    /// Lets go of what the ledger has long: it has all that it was told before `told`.
    pub(crate) fn forget(&mut self, told: Duration) {
        while let Some((noted, _)) = self.0.front()
            && told.saturating_sub(*noted) > KEPT
        {
            self.0.pop_front();
        }
        if self.0.is_empty() {
            self.0.shrink_to(ROOM);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The longest noted first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Testimony> {
        self.0.iter().map(|(_, testimony)| testimony)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use mail::{MessageId, Timestamp};

    fn testimony(id: usize) -> Testimony {
        Testimony {
            id: MessageId::new(id as u64),
            at: Timestamp(0),
            octets: Bytes::new(),
        }
    }

    #[test]
    fn testimony_is_kept_until_the_ledger_has_it_for_some_seconds() {
        let mut recent = Recent::default();
        recent.note(Duration::from_secs(10), [testimony(1)]);
        recent.note(Duration::from_secs(11), [testimony(2)]);
        recent.forget(Duration::from_secs(10) + KEPT);
        assert_eq!(recent.len(), 2);
        recent.forget(Duration::from_secs(11) + KEPT);
        assert_eq!(recent.iter().map(|one| one.id.number()).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_ledger_that_never_writes_does_not_fill_the_memory() {
        let mut recent = Recent::default();
        recent.note(Duration::ZERO, (0..MOST + 5).map(testimony));
        assert_eq!(recent.len(), MOST);
        assert_eq!(recent.iter().next().map(|one| one.id.number()), Some(5));
    }
}
