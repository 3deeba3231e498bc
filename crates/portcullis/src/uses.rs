//! What mail tells of the registry: which of its grants are used, what of their mail is not as it was approved, and whom
//! its letters do not reach. It is kept in memory until it is written down.

mod troubles;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use admission::{Accepted, Refused};
use arc_swap::ArcSwap;
use mail::{ForwardPath, Mailbox, MessageId, ReversePath, Timestamp};
use parking_lot::Mutex;
use policy::{Basis, Name};
use registry::{CaseId, Heard, Observation};

pub use troubles::Troubles;

/// What was seen before is told again after this time.
const TOLD_AGAIN: Duration = Duration::from_secs(3_600);
/// Answers and reports that wait to be written down at most.
const HEARD_MOST: usize = 10_000;
/// Different clients that are told of for each grant.
const TOLD_MOST: usize = 16;

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
    /// Who spoke through them.
    seen: Mutex<Seen>,
    troubles: Mutex<Troubles<CaseId>>,
    /// The grants of the configuration file.
    pinned: ArcSwap<BTreeSet<Name>>,
    troubles_of_pinned: Mutex<Troubles<Name>>,
    /// Addresses that took no letter.
    returned: Mutex<BTreeSet<String>>,
    /// Where answers to letters, and reports of those that came back, arrive.
    post: ArcSwap<Option<Mailbox>>,
    /// What arrived there.
    heard: Mutex<Vec<Heard>>,
}

impl Uses {
    /// Looks for the use of these grants from now on.
    pub fn know(&self, known: BTreeMap<Name, CaseId>) {
        let serving: BTreeSet<CaseId> = known.values().copied().collect();
        self.seen.lock().told.retain(|id, _| serving.contains(id));
        self.known.store(Arc::new(known));
    }

    /// Looks for what is not as it was granted in the mail of these, too: they stand in the configuration file.
    pub fn know_pinned(&self, names: BTreeSet<Name>) {
        self.pinned.store(Arc::new(names));
    }

    /// A message was accepted.
    pub fn saw(&self, accepted: &Accepted<'_>) {
        let (known, pinned) = (self.known.load(), self.pinned.load());
        if known.is_empty() && pinned.is_empty() {
            return;
        }
        let mut grants = accepted.recipients.iter().filter_map(|one| match one.permit.basis() {
            Basis::Grant(name) => Some(name),
            _ => None,
        });
        let Some(name) = grants.find(|name| known.contains_key(*name) || pinned.contains(*name)) else {
            return;
        };
        if pinned.contains(name) && troubles::is_over_volume(accepted) {
            self.troubles_of_pinned.lock().held(name, accepted.id, accepted.at);
        }
        if let Some(id) = known.get(name) {
            let counts = !accepted.message_id.is_some_and(|id| id.contains(TEST_MARK));
            self.note(*id, accepted.id, accepted.at, counts);
            if let Some(visitor) = accepted.visitor {
                let observation = Observation {
                    from: visitor.client,
                    hello: visitor.hello.clone(),
                    senders: accepted
                        .authors
                        .iter()
                        .map(|author| author.to_string().into())
                        .collect(),
                };
                self.seen.lock().note(*id, observation, accepted.at);
            }
            if troubles::is_over_volume(accepted) {
                self.troubles.lock().held(id, accepted.id, accepted.at);
            }
        }
    }

    /// A message was refused.
    pub fn refused(&self, refused: &Refused<'_>) {
        let Some(grant) = refused.rejection.and_then(|rejection| rejection.grant.as_ref()) else {
            return;
        };
        if let Some(id) = self.known.load().get(grant) {
            self.troubles.lock().refused(id, refused);
        } else if self.pinned.load().contains(grant) {
            self.troubles_of_pinned.lock().refused(grant, refused);
        }
    }

    /// What of their mail was not as it was approved, since this was last asked.
    pub fn take_troubles(&self) -> Troubles<CaseId> {
        std::mem::take(&mut *self.troubles.lock())
    }

    /// It could not be written down; later, then.
    pub fn put_back_troubles(&self, troubles: Troubles<CaseId>) {
        self.troubles.lock().join(troubles);
    }

    /// The same of grants of the configuration file.
    pub fn take_troubles_of_pinned(&self) -> Troubles<Name> {
        std::mem::take(&mut *self.troubles_of_pinned.lock())
    }

    /// It could not be written down; later, then.
    pub fn put_back_troubles_of_pinned(&self, troubles: Troubles<Name>) {
        self.troubles_of_pinned.lock().join(troubles);
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

    /// Who spoke through grants, as far as that was not told before, or long ago.
    pub fn take_seen(&self) -> Vec<(CaseId, Observation, Timestamp)> {
        let fresh = std::mem::take(&mut self.seen.lock().fresh);
        fresh.into_iter().map(|((id, one), at)| (id, one, at)).collect()
    }

    /// It could not be written down; later, then.
    pub fn put_back_seen(&self, seen: Vec<(CaseId, Observation, Timestamp)>) {
        let mut kept = self.seen.lock();
        for (id, one, at) in seen {
            kept.fresh.entry((id, one)).or_insert(at);
        }
    }

    /// A letter of the registry could not be delivered to this address, for good.
    pub fn returned(&self, address: &ForwardPath) {
        if let Some(mailbox) = address.mailbox() {
            self.returned.lock().insert(mailbox.to_string().to_ascii_lowercase());
        }
    }

    /// Mail for this address is about letters of the registry from now on.
    pub fn listen_at(&self, post: Option<Mailbox>) {
        self.post.store(Arc::new(post));
    }

    /// Whether mail for this recipient is about letters of the registry.
    pub fn listens_at(&self, recipient: &ForwardPath) -> bool {
        let post = self.post.load();
        let is_it = |post: &Mailbox| recipient.mailbox().is_some_and(|to| is_same(to, post));
        post.as_ref().as_ref().is_some_and(is_it)
    }

    /// Looks at what arrived there. What is more than anybody could look after is let go by.
    pub fn heard(&self, from: &ReversePath, beginning: &[u8]) {
        let mut all = self.heard.lock();
        if all.len() < HEARD_MOST {
            all.extend(registry::heard(beginning, *from == ReversePath::Null));
        }
    }

    /// What arrived since this was last asked.
    pub fn take_heard(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.heard.lock())
    }

    /// It could not be written down; later, then.
    pub fn put_back_heard(&self, mut heard: Vec<Heard>) {
        let mut all = self.heard.lock();
        heard.append(&mut all);
        *all = heard;
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

fn is_same(one: &Mailbox, other: &Mailbox) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

/// Who spoke through grants. What each grant's machine does over and over is told once an hour.
#[derive(Default)]
struct Seen {
    told: BTreeMap<CaseId, BTreeMap<Observation, Timestamp>>,
    fresh: BTreeMap<(CaseId, Observation), Timestamp>,
}

impl Seen {
    fn note(&mut self, id: CaseId, one: Observation, at: Timestamp) {
        let told = self.told.entry(id).or_default();
        let is_told = told
            .get(&one)
            .is_some_and(|last| *last <= at && at < last.plus(TOLD_AGAIN));
        // Several are enough to see that it is not one machine; a client that calls itself something else each time fills
        // nothing.
        if is_told || (told.len() >= TOLD_MOST && !told.contains_key(&one)) {
            return;
        }
        told.insert(one.clone(), at);
        self.fresh.insert((id, one), at);
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

    #[test]
    fn who_speaks_is_told_once_an_hour_and_a_client_of_many_names_fills_nothing() {
        let uses = Uses::default();
        let called = |hello: &str| Observation {
            from: "10.1.2.3".parse().unwrap(),
            hello: hello.into(),
            senders: BTreeSet::new(),
        };
        let see = |hello: &str, secs| uses.seen.lock().note(ONE, called(hello), at(secs));
        see("copier", 0);
        see("copier", 5);
        let first = uses.take_seen();
        assert_eq!(first, [(ONE, called("copier"), at(0))]);
        see("copier", 3_599);
        assert_eq!(uses.take_seen(), []);
        uses.put_back_seen(first.clone());
        assert_eq!(uses.take_seen(), first);
        see("copier", 3_600);
        assert_eq!(uses.take_seen().len(), 1);
        for number in 0..100 {
            see(&format!("client-{number}"), 4_000);
        }
        assert_eq!(uses.take_seen().len(), TOLD_MOST - 1);
    }
}
