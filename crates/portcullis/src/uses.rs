//! What mail tells of the registry: which of its grants are used, and whom its letters do not reach. It is kept in memory
//! until it is written down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use admission::Accepted;
use arc_swap::ArcSwap;
use mail::{ForwardPath, MessageId, Timestamp};
use parking_lot::Mutex;
use policy::{Basis, Name};
use registry::CaseId;

/// Stands in the Message-ID of what `portcullis send` writes: a test of the way is no use of a grant.
pub(crate) const TEST_MARK: &str = ".portcullis-test@";

/// What mail came on a grant since that was last written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// The first message.
    pub first: MessageId,
    /// When the last one came.
    pub last: Timestamp,
    /// Whether one of them was more than a test.
    pub counts: bool,
}

/// Hears of each message that is accepted. Nothing is written while mail waits.
#[derive(Default)]
pub struct Uses {
    /// The grants of the registry that serve.
    known: ArcSwap<BTreeMap<Name, CaseId>>,
    since: Mutex<BTreeMap<CaseId, Use>>,
    /// Addresses that took no letter.
    returned: Mutex<BTreeSet<String>>,
}

impl Uses {
    /// Looks for the use of these grants from now on.
    pub fn know(&self, known: BTreeMap<Name, CaseId>) {
        self.known.store(Arc::new(known));
    }

    /// A message was accepted.
    pub fn saw(&self, accepted: &Accepted<'_>) {
        let known = self.known.load();
        if known.is_empty() {
            return;
        }
        let grant = accepted.recipients.iter().find_map(|one| match one.permit.basis() {
            Basis::Grant(name) => known.get(name),
            _ => None,
        });
        if let Some(id) = grant {
            let counts = !accepted.message_id.is_some_and(|id| id.contains(TEST_MARK));
            self.note(*id, accepted.id, accepted.at, counts);
        }
    }

    pub(crate) fn note(&self, id: CaseId, first: MessageId, at: Timestamp, counts: bool) {
        let this = Use {
            first,
            last: at,
            counts,
        };
        let mut since = self.since.lock();
        since.entry(id).and_modify(|all| all.join(this)).or_insert(this);
    }

    /// A letter of the registry could not be delivered to this address, for good.
    pub fn returned(&self, address: &ForwardPath) {
        if let Some(mailbox) = address.mailbox() {
            self.returned.lock().insert(mailbox.to_string().to_ascii_lowercase());
        }
    }

    /// Whom letters did not reach since this was last asked.
    pub fn take_returned(&self) -> BTreeSet<String> {
        std::mem::take(&mut *self.returned.lock())
    }

    /// It could not be written down; later, then.
    pub fn put_back_returned(&self, addresses: BTreeSet<String>) {
        self.returned.lock().extend(addresses);
    }

    /// What came since this was last asked.
    pub fn take(&self) -> BTreeMap<CaseId, Use> {
        std::mem::take(&mut *self.since.lock())
    }

    /// It could not be written down; later, then.
    pub fn put_back(&self, uses: BTreeMap<CaseId, Use>) {
        let mut since = self.since.lock();
        for (id, mut former) in uses {
            if let Some(later) = since.get(&id) {
                former.join(*later);
            }
            since.insert(id, former);
        }
    }
}

impl Use {
    /// With what came later. A test tells nothing where there was more than that.
    fn join(&mut self, later: Self) {
        match (self.counts, later.counts) {
            (false, true) => *self = later,
            (true, false) => {}
            _ => self.last = self.last.max(later.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: CaseId = CaseId(1001);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn what_came_is_told_once_and_what_could_not_be_written_is_told_again() {
        let uses = Uses::default();
        uses.note(ONE, MessageId::new(1), at(10), true);
        uses.note(ONE, MessageId::new(2), at(12), true);
        let taken = uses.take();
        let both = Use {
            first: MessageId::new(1),
            last: at(12),
            counts: true,
        };
        assert_eq!(taken, BTreeMap::from([(ONE, both)]));
        assert!(uses.take().is_empty());
        uses.note(ONE, MessageId::new(3), at(15), true);
        uses.put_back(taken);
        let all = Use { last: at(15), ..both };
        assert_eq!(uses.take(), BTreeMap::from([(ONE, all)]));
    }

    #[test]
    fn a_test_counts_only_beside_real_mail() {
        let uses = Uses::default();
        uses.note(ONE, MessageId::new(1), at(10), false);
        assert!(!uses.since.lock()[&ONE].counts);
        uses.note(ONE, MessageId::new(2), at(11), true);
        uses.note(ONE, MessageId::new(3), at(12), false);
        let told = Use {
            first: MessageId::new(2),
            last: at(11),
            counts: true,
        };
        assert_eq!(uses.take()[&ONE], told);
    }
}
