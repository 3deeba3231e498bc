//! All queued messages in memory, and when each wants attention.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use mail::{Mailbox, MessageId, ReversePath, Timestamp};
use policy::Basis;

use crate::entry::{Entry, Place, Recipient, Slot};
use crate::image::Image;
use crate::names::Interner;
use crate::record::{Author, ChangeHead, LetterHead};
use crate::{Counts, Damage, Holder, LeasedRecipient, Selector, State, StateKind};

/// Before all time: a message was woken while it was leased.
const WOKEN: Timestamp = Timestamp(i64::MIN);
/// Messages found suspended, and taken from the schedule, beside those that one call leases.
const SUSPENDED_LOOKS: usize = 1_000;

/// The queue. Changed only by records that are on disk, and by leases, which need not survive.
#[derive(Default)]
pub(crate) struct Index {
    pub(crate) entries: BTreeMap<MessageId, Box<Entry>>,
    pub(crate) suspended: BTreeSet<Selector>,
    pub(crate) damaged: Vec<Damage>,
    pub(crate) names: Interner,
    due: BTreeSet<(Timestamp, MessageId)>,
    /// Something was put in front of `due` since somebody asked.
    news: bool,
    /// What is suspended has changed: behind this one, messages may still be in `due` that are suspended, or missing.
    unscheduled: Option<Bound<MessageId>>,
    /// A checkpoint is being written.
    pub(crate) image: Option<Image>,
    counts: Counts,
    finished: BTreeMap<MessageId, Box<Entry>>,
    finished_order: VecDeque<MessageId>,
    finished_max: usize,
}

/// What a finished message leaves to be cleared away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finished {
    pub(crate) id: MessageId,
    pub(crate) place: Place,
    pub(crate) own_file: Option<u64>,
}

impl Index {
    pub(crate) fn new(finished_max: usize) -> Self {
        Self {
            finished_max,
            ..Self::default()
        }
    }

    /// Takes in a letter that is on disk. One that is known already only gets its new place; the old one is returned.
    pub(crate) fn insert(&mut self, head: &LetterHead, place: Place) -> Option<Place> {
        self.keep_image(head.id);
        if let Some(known) = self.entries.get_mut(&head.id) {
            return Some(std::mem::replace(&mut known.place, place));
        }
        let entry = Entry::of(head, place, &mut self.names);
        self.insert_entry(head.id, entry);
        None
    }

    pub(crate) fn insert_entry(&mut self, id: MessageId, entry: Entry) {
        self.counts.messages += 1;
        // Lengths on disk are claims: their sum is for people to look at, and must not keep the spool from starting.
        self.counts.octets = self.counts.octets.saturating_add(entry.octets);
        for recipient in entry.recipients.iter() {
            *count_of(&mut self.counts, recipient.kind()) += 1;
        }
        self.entries.insert(id, Box::new(entry));
        self.reschedule(id);
    }

    /// Applies a change that is on disk; says what is to be cleared away where it finished the message. What it says
    /// about unknown messages or recipients is passed over.
    pub(crate) fn apply(&mut self, change: &ChangeHead) -> Option<Finished> {
        if !self.entries.contains_key(&change.id) {
            return None;
        }
        self.keep_image(change.id);
        let entry = self.entries.get_mut(&change.id)?;
        for proposed in &change.recipients {
            let Some(recipient) = entry.recipients.get_mut(proposed.recipient as usize) else {
                continue;
            };
            recipient.delay_told |= proposed.delay_told;
            if let Some(attempt) = &proposed.attempt {
                recipient.remember(attempt, &mut self.names);
            }
            if let Some(grounds) = &proposed.grounds {
                recipient.stand_on(grounds.clone(), &mut self.names);
            }
            if may_follow(&recipient.state(), change.author, &proposed.state) {
                decrease(count_of(&mut self.counts, recipient.kind()));
                recipient.stand(&proposed.state, &mut self.names);
                *count_of(&mut self.counts, recipient.kind()) += 1;
            }
        }
        if change.author == Author::Operator {
            entry.not_before = Timestamp(0);
        }
        let finished = entry
            .recipients
            .iter()
            .all(|recipient| recipient.kind() == StateKind::Done);
        if finished {
            return self.finish(change.id);
        }
        self.reschedule(change.id);
        None
    }

    fn keep_image(&mut self, id: MessageId) {
        if let Some(image) = &mut self.image {
            image.keep(id, self.entries.get(&id).map(Box::as_ref));
        }
    }

    /// Takes out a message all of whose recipients are done.
    fn finish(&mut self, id: MessageId) -> Option<Finished> {
        let entry = self.entries.remove(&id)?;
        if let Some(at) = entry.scheduled {
            self.due.remove(&(at.at(), id));
        }
        decrease(&mut self.counts.messages);
        self.counts.octets = self.counts.octets.saturating_sub(entry.octets);
        for recipient in entry.recipients.iter() {
            decrease(count_of(&mut self.counts, recipient.kind()));
            if recipient.leased {
                decrease(&mut self.counts.leased);
            }
        }
        let finished = Finished {
            id,
            place: entry.place,
            own_file: entry.own_file(),
        };
        if self.finished_max > 0 {
            if self.finished_order.len() >= self.finished_max
                && let Some(oldest) = self.finished_order.pop_front()
            {
                self.finished.remove(&oldest);
            }
            self.finished_order.push_back(id);
            self.finished.insert(id, entry);
        }
        Some(finished)
    }

    /// A message, queued or finished not long ago.
    pub(crate) fn find(&self, id: MessageId) -> Option<&Entry> {
        self.entries
            .get(&id)
            .or_else(|| self.finished.get(&id))
            .map(Box::as_ref)
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            oldest: self.entries.values().next().map(|entry| entry.received),
            ..self.counts
        }
    }

    /// When the next message is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether something new waits for its moment, so that who sleeps until the next one should look again.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    /// Its octets turned out to be unreadable: it is shown, and no longer handed out.
    pub(crate) fn mark_damaged(&mut self, id: MessageId, damage: Damage) {
        if let Some(entry) = self.entries.get_mut(&id)
            && !entry.damaged
        {
            entry.damaged = true;
            self.damaged.push(damage);
            self.reschedule(id);
        }
    }

    /// Leases up to `max` messages due at `now`.
    pub(crate) fn lease(&mut self, now: Timestamp, max: usize) -> Vec<(MessageId, Vec<LeasedRecipient>)> {
        let mut leases = Vec::new();
        let mut passed = 0;
        while leases.len() < max && passed < SUSPENDED_LOOKS {
            let Some(first) = self.due.first().filter(|(at, _)| *at <= now).copied() else {
                break;
            };
            let (_, id) = first;
            let recipients = self.lease_recipients(id, now);
            self.reschedule(id);
            if !recipients.is_empty() {
                leases.push((id, recipients));
            } else if self.due.first() == Some(&first) {
                break;
            } else {
                passed += 1;
            }
        }
        leases
    }

    fn lease_recipients(&mut self, id: MessageId, now: Timestamp) -> Vec<LeasedRecipient> {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Vec::new();
        };
        let mut leased = Vec::new();
        for (index, recipient) in (0u32..).zip(entry.recipients.iter_mut()) {
            let due = wants(recipient, &entry.reverse, entry.damaged, &self.suspended).is_some_and(|at| at <= now);
            if due {
                recipient.leased = true;
                self.counts.leased += 1;
                leased.push(LeasedRecipient {
                    index,
                    path: recipient.path(),
                    params: recipient.params(),
                    basis: recipient.ground.basis.clone(),
                    generation: recipient.ground.generation,
                    attempts: recipient.attempts_made,
                    delay_told: recipient.delay_told,
                    bounce: recipient.kind() == StateKind::Bouncing,
                });
            }
        }
        leased
    }

    /// Ends the lease of these recipients; with `until`, the message rests as long.
    pub(crate) fn unlease(&mut self, id: MessageId, recipients: &[u32], until: Option<Timestamp>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        for index in recipients {
            if let Some(recipient) = entry.recipients.get_mut(*index as usize)
                && recipient.leased
            {
                recipient.leased = false;
                decrease(&mut self.counts.leased);
            }
        }
        if let Some(until) = until {
            entry.not_before = match entry.not_before {
                WOKEN => Timestamp(0),
                before => before.max(until),
            };
        }
        self.reschedule(id);
    }

    /// Ends the rest of a message, whatever it rests for. One that is just being put back does not rest at all.
    pub(crate) fn wake(&mut self, id: MessageId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            let leased = entry.recipients.iter().any(|recipient| recipient.leased);
            entry.not_before = if leased { WOKEN } else { Timestamp(0) };
            self.reschedule(id);
        }
    }

    /// Sets what is suspended. From now on nothing of it is leased; who is due by the schedule follows with
    /// [`reschedule_some`](Self::reschedule_some), for the queue may be long.
    pub(crate) fn set_suspended(&mut self, suspended: BTreeSet<Selector>) {
        if self.suspended == suspended {
            return;
        }
        self.suspended = suspended;
        self.unscheduled = Some(Bound::Unbounded);
    }

    /// Brings the schedule of so many messages up to what is suspended; whether there are more.
    pub(crate) fn reschedule_some(&mut self, looks: usize) -> bool {
        let Some(from) = self.unscheduled else { return false };
        let behind = self.entries.range((from, Bound::Unbounded));
        let ids: Vec<MessageId> = behind.map(|(id, _)| *id).take(looks).collect();
        for id in &ids {
            self.reschedule(*id);
        }
        let last = ids.last().filter(|_| ids.len() == looks);
        self.unscheduled = last.map(|id| Bound::Excluded(*id));
        self.unscheduled.is_some()
    }

    fn reschedule(&mut self, id: MessageId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let next = entry
            .recipients
            .iter()
            .filter_map(|recipient| wants(recipient, &entry.reverse, entry.damaged, &self.suspended))
            .min()
            .map(|at| Slot::of(at.max(entry.not_before)));
        if next == entry.scheduled {
            return;
        }
        if let Some(old) = entry.scheduled.take() {
            self.due.remove(&(old.at(), id));
        }
        if let Some(slot) = next {
            entry.scheduled = next;
            self.due.insert((slot.at(), id));
            // Who waits for the first one need not hear of any behind it.
            self.news |= self.due.first() == Some(&(slot.at(), id));
        }
    }
}

/// When a recipient wants attention, unless it is leased, suspended, or unreadable.
fn wants(
    recipient: &Recipient,
    reverse: &ReversePath,
    damaged: bool,
    suspended: &BTreeSet<Selector>,
) -> Option<Timestamp> {
    if recipient.leased {
        return None;
    }
    // A message that is given back needs neither its octets nor its destination.
    if recipient.kind() != StateKind::Bouncing && (damaged || is_suspended(recipient, reverse, suspended)) {
        return None;
    }
    recipient.due()
}

fn is_suspended(recipient: &Recipient, reverse: &ReversePath, suspended: &BTreeSet<Selector>) -> bool {
    suspended
        .iter()
        .any(|selector| selects(selector, reverse.mailbox(), recipient))
}

/// Whether the selector names this recipient; `Ids` name whole messages and are looked up elsewhere.
pub(crate) fn selects(selector: &Selector, sender: Option<&Mailbox>, recipient: &Recipient) -> bool {
    match selector {
        Selector::Ids(_) => false,
        Selector::Sender(wanted) => sender == Some(wanted),
        Selector::Grant(wanted) => matches!(&recipient.ground.basis, Basis::Grant(name) if name == wanted),
        Selector::RecipientDomain(wanted) => recipient.domain() == Some(wanted),
        Selector::All => true,
    }
}

/// Whether `proposed` may replace `current`. The same rule holds when records are read back, so it may rest on
/// nothing but them. What is done stays done; a worker's report that comes late does not undo what an operator did.
fn may_follow(current: &State, author: Author, proposed: &State) -> bool {
    match (current, author) {
        (State::Done { .. }, _) => false,
        (_, Author::Operator) | (State::Ready | State::Deferred { .. }, Author::Worker) => true,
        // A hold that ends by itself, and a retry behind its end: both are obeyed.
        (
            State::Held {
                by: Holder::Operator(_),
                until: Some(end),
                ..
            },
            Author::Worker,
        ) => proposed.is_done() || matches!(proposed, State::Deferred { until } if until >= end),
        (State::Held { .. } | State::Quarantined { .. } | State::Bouncing, Author::Worker) => proposed.is_done(),
    }
}

fn count_of(counts: &mut Counts, kind: StateKind) -> &mut u64 {
    match kind {
        StateKind::Ready => &mut counts.ready,
        StateKind::Deferred => &mut counts.deferred,
        StateKind::Held => &mut counts.held,
        StateKind::Quarantined => &mut counts.quarantined,
        StateKind::Bouncing => &mut counts.bouncing,
        StateKind::Done => &mut counts.done,
    }
}

fn decrease(count: &mut u64) {
    *count = count.saturating_sub(1);
}
