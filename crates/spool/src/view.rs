//! The handle that reads.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use mail::{Domain, ForwardPath, MailParams, Mailbox, MessageId, RcptParams, ReversePath, SessionId, Timestamp};
use parking_lot::MutexGuard;
use policy::{Basis, FactDigest, Generation, Name};

use crate::body::head_of;
use crate::core::Handle;
use crate::entry::Entry;
use crate::index::selects;
use crate::record::LetterHead;
use crate::{AttemptRecord, BodyError, Content, Damage, Holder, Selector, State};

/// Messages looked at while others wait.
const LOOKS: usize = 1_000;

/// Shows the queue; changes nothing.
#[derive(Clone)]
pub struct View {
    pub(crate) handle: Arc<Handle>,
}

/// How much is in the queue. The states count recipients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages not finished.
    pub messages: u64,
    /// Octets of these messages, as delivered.
    pub octets: u64,
    /// To be delivered now.
    pub ready: u64,
    /// To be tried again.
    pub deferred: u64,
    /// Held.
    pub held: u64,
    /// Set aside.
    pub quarantined: u64,
    /// To be given back to their senders.
    pub bouncing: u64,
    /// Finished, of messages that have unfinished ones beside them.
    pub done: u64,
    /// Recipients workers are busy with; they count in their state as well.
    pub leased: u64,
    /// When the oldest unfinished message was accepted.
    pub oldest: Option<Timestamp>,
}

/// A state without its particulars, to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StateKind {
    /// [`State::Ready`]
    Ready,
    /// [`State::Deferred`]
    Deferred,
    /// [`State::Held`]
    Held,
    /// [`State::Quarantined`]
    Quarantined,
    /// [`State::Bouncing`]
    Bouncing,
    /// [`State::Done`]
    Done,
}

/// Which messages to list: those that fulfil everything that is set.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Some recipient is in this state.
    pub state: Option<StateKind>,
    /// Of this sender.
    pub sender: Option<Mailbox>,
    /// Some recipient was accepted on this grant.
    pub grant: Option<Name>,
    /// Some recipient is in this domain.
    pub recipient_domain: Option<Domain>,
    /// Later than this id: where the last page ended.
    pub after: Option<MessageId>,
}

/// One line of a list.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The message.
    pub id: MessageId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who hears of failures.
    pub reverse: ReversePath,
    /// Octets as delivered.
    pub octets: u64,
    /// Its recipients and where they stand.
    pub recipients: Vec<(ForwardPath, State)>,
}

/// All that is known of one message.
#[derive(Clone, Debug)]
pub struct Story {
    /// The message.
    pub id: MessageId,
    /// The session it came in.
    pub session: SessionId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who hears of failures.
    pub reverse: ReversePath,
    /// What was said with MAIL.
    pub params: MailParams,
    /// The subject.
    pub subject: Option<Box<str>>,
    /// Where it came from.
    pub source: Box<str>,
    /// Who hears of delays and failures of a device's mail.
    pub grant_contact: Option<Mailbox>,
    /// What is known of the content.
    pub content: Content,
    /// Octets as delivered.
    pub octets: u64,
    /// What the ledger was told.
    pub testimony: Bytes,
    /// The recipients, in the order of the letter.
    pub recipients: Vec<RecipientStory>,
}

/// All that is known of one recipient.
#[derive(Clone, Debug)]
pub struct RecipientStory {
    /// To whom.
    pub path: ForwardPath,
    /// What was said with RCPT.
    pub params: RcptParams,
    /// On what ground it was accepted.
    pub basis: Basis,
    /// The generation that was asked last.
    pub generation: Generation,
    /// The rulebook that was asked last.
    pub rulebook: u64,
    /// The facts it was asked about last.
    pub digest: FactDigest,
    /// Where it stands.
    pub state: State,
    /// Whether a worker is busy with it.
    pub leased: bool,
    /// Attempts made, all counted.
    pub attempts_made: u32,
    /// The last of them, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// Whether its sender was told of the delay.
    pub delay_told: bool,
}

impl View {
    /// How much is in the queue. Cheap.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.handle.0.index.lock().counts()
    }

    /// Unfinished messages, oldest first, at most `limit`. A long queue is gone through in slices, between which it
    /// goes on changing.
    #[must_use]
    pub fn list(&self, filter: &Filter, limit: usize) -> Vec<Summary> {
        let mut search = Search::new(filter, limit);
        while self.look(&mut search) {}
        search.listed
    }

    /// The same for those who share their thread with others, who have their turn between the slices.
    pub async fn page(&self, filter: &Filter, limit: usize) -> Vec<Summary> {
        let mut search = Search::new(filter, limit);
        while self.look(&mut search) {
            tokio::task::yield_now().await;
        }
        search.listed
    }

    /// Looks through one slice; whether there may be more behind it.
    fn look(&self, search: &mut Search<'_>) -> bool {
        let index = self.handle.0.index.lock();
        let mut looks = 0;
        for (id, entry) in index.entries.range((search.from, Bound::Unbounded)).take(LOOKS) {
            if search.listed.len() >= search.limit {
                break;
            }
            looks += 1;
            search.from = Bound::Excluded(*id);
            if search.filter.takes(entry) {
                search.listed.push(summary(*id, entry));
            }
        }
        MutexGuard::unlock_fair(index);
        looks == LOOKS && search.listed.len() < search.limit
    }

    /// Which of these grants have something in the queue that could leave, or that its operator could let go: looked for in
    /// one pass, however many they are.
    pub async fn grants_waiting(&self, among: &BTreeSet<&Name>) -> BTreeSet<Name> {
        let mut found = BTreeSet::new();
        let mut from = Bound::Unbounded;
        while self.look_for_grants(among, &mut from, &mut found) {
            tokio::task::yield_now().await;
        }
        found
    }

    /// Looks through one slice; whether there may be more behind it.
    fn look_for_grants(
        &self,
        among: &BTreeSet<&Name>,
        from: &mut Bound<MessageId>,
        found: &mut BTreeSet<Name>,
    ) -> bool {
        let index = self.handle.0.index.lock();
        let mut looks = 0;
        for (id, entry) in index.entries.range((*from, Bound::Unbounded)).take(LOOKS) {
            looks += 1;
            *from = Bound::Excluded(*id);
            let waiting = entry
                .recipients
                .iter()
                .filter(|recipient| may_leave(&recipient.state()));
            for recipient in waiting {
                if let Basis::Grant(name) = &recipient.ground.basis
                    && among.contains(name)
                    && !found.contains(name)
                {
                    found.insert(name.clone());
                }
            }
        }
        MutexGuard::unlock_fair(index);
        looks == LOOKS
    }

    /// One message: queued, or finished not long ago. `None` where it is neither.
    pub async fn get(&self, id: MessageId) -> Result<Option<Story>, BodyError> {
        let shared = &self.handle.0;
        let found = shared.index.lock().find(id).cloned();
        let Some(entry) = found else { return Ok(None) };
        match head_of(shared, id).await {
            Ok((head, _, _)) => Ok(Some(story(head, &entry))),
            // Its record was cleared away, or cannot be read; what memory has is better than nothing.
            Err(BodyError::Gone | BodyError::Damaged) => Ok(Some(story(bare_head(id, &entry), &entry))),
            Err(error) => Err(error),
        }
    }

    /// What could not be read, at the start and since.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damage> {
        self.handle.0.index.lock().damaged.clone()
    }

    /// What cannot be written at present, in words for an operator; nothing where all is well.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        self.handle.0.troubles.told()
    }

    /// What is suspended.
    #[must_use]
    pub fn suspended(&self) -> Vec<Selector> {
        self.handle.0.index.lock().suspended.iter().cloned().collect()
    }
}

fn may_leave(state: &State) -> bool {
    let by_an_operator = matches!(
        state,
        State::Held {
            by: Holder::Operator(_),
            ..
        }
    );
    by_an_operator || matches!(state, State::Ready | State::Deferred { .. })
}

/// How far a list has come.
struct Search<'a> {
    filter: &'a Filter,
    limit: usize,
    from: Bound<MessageId>,
    listed: Vec<Summary>,
}

impl<'a> Search<'a> {
    fn new(filter: &'a Filter, limit: usize) -> Self {
        Self {
            filter,
            limit,
            from: filter.after.map_or(Bound::Unbounded, Bound::Excluded),
            listed: Vec::new(),
        }
    }
}

impl StateKind {
    /// The kind of a state.
    #[must_use]
    pub const fn of(state: &State) -> Self {
        match state {
            State::Ready => Self::Ready,
            State::Deferred { .. } => Self::Deferred,
            State::Held { .. } => Self::Held,
            State::Quarantined { .. } => Self::Quarantined,
            State::Bouncing => Self::Bouncing,
            State::Done { .. } => Self::Done,
        }
    }
}

impl Filter {
    fn takes(&self, entry: &Entry) -> bool {
        let some = |test: &dyn Fn(&crate::entry::Recipient) -> bool| entry.recipients.iter().any(test);
        let chosen = |selector: &Selector| some(&|recipient| selects(selector, entry.reverse.mailbox(), recipient));
        self.state
            .is_none_or(|kind| some(&|recipient| recipient.kind() == kind))
            && self
                .sender
                .as_ref()
                .is_none_or(|sender| entry.reverse.mailbox() == Some(sender))
            && self
                .grant
                .as_ref()
                .is_none_or(|name| chosen(&Selector::Grant(name.clone())))
            && self
                .recipient_domain
                .as_ref()
                .is_none_or(|domain| chosen(&Selector::RecipientDomain(domain.clone())))
    }
}

fn summary(id: MessageId, entry: &Entry) -> Summary {
    let recipients = entry
        .recipients
        .iter()
        .map(|recipient| (recipient.path(), recipient.state()));
    Summary {
        id,
        received: entry.received,
        reverse: ReversePath::clone(&entry.reverse),
        octets: entry.octets,
        recipients: recipients.collect(),
    }
}

/// What memory knows of a letter whose record is gone.
fn bare_head(id: MessageId, entry: &Entry) -> LetterHead {
    LetterHead {
        id,
        session: SessionId::new(0),
        received: entry.received,
        reverse: ReversePath::clone(&entry.reverse),
        params: entry.params(),
        subject: None,
        source: "".into(),
        grant_contact: entry.grant_contact(),
        content: entry.content,
        testimony: Bytes::new(),
        prepend: Bytes::new(),
        edits: Vec::new(),
        raw_octets: entry.octets,
        raw_crc: 0,
        own_file: entry.own_file(),
        recipients: Vec::new(),
    }
}

fn story(head: LetterHead, entry: &Entry) -> Story {
    let first = |index: usize| head.recipients.get(index).map(|recipient| recipient.grounds.clone());
    let recipients = entry.recipients.iter().enumerate().map(|(index, recipient)| {
        let grounds = match recipient.later_grounds() {
            Some(later) => later.clone(),
            None => first(index).unwrap_or_else(|| recipient.grounds()),
        };
        RecipientStory {
            path: recipient.path(),
            params: recipient.params(),
            basis: grounds.basis,
            generation: grounds.generation,
            rulebook: grounds.rulebook,
            digest: grounds.digest,
            state: recipient.state(),
            leased: recipient.leased,
            attempts_made: recipient.attempts_made,
            attempts: recipient.attempts(),
            delay_told: recipient.delay_told,
        }
    });
    Story {
        recipients: recipients.collect(),
        octets: entry.octets,
        id: head.id,
        session: head.session,
        received: head.received,
        reverse: head.reverse,
        params: head.params,
        subject: head.subject,
        source: head.source,
        grant_contact: head.grant_contact,
        content: head.content,
        testimony: head.testimony,
    }
}
