//! The handle that leases and settles.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail::{Domain, ForwardPath, MailParams, Mailbox, MessageId, RcptParams, ReversePath, Timestamp};
use parking_lot::Mutex;
use policy::{Basis, Generation, Name, Permit, Reason};
use tokio::sync::oneshot;

use crate::core::{Handle, Shared};
use crate::plan::Plan;
use crate::queue::Job;
use crate::record::{Grounds, entry_state};
use crate::{Body, BodyError, ChangeError, Content, Settlement, State};

/// How long a dropped lease rests.
const DROPPED_REST: Duration = Duration::from_secs(30);
/// The wall clock is looked at again at least this often, for it may jump.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Hands out what is due and records what became of it.
#[derive(Clone)]
pub struct Dispatch {
    pub(crate) handle: Arc<Handle>,
}

/// One message with the recipients that were due, for one worker alone. Dropping it gives back, half a minute later,
/// what was not settled.
pub struct Lease {
    /// The message.
    pub id: MessageId,
    /// When it was accepted.
    pub received: Timestamp,
    /// Who hears of failures.
    pub reverse: ReversePath,
    /// What was said with MAIL.
    pub params: MailParams,
    /// Who hears of delays and failures of a device's mail.
    pub grant_contact: Option<Mailbox>,
    /// What is known of the content.
    pub content: Content,
    /// Octets as delivered.
    pub octets: u64,
    /// The recipients that were due.
    pub recipients: Vec<LeasedRecipient>,
    guard: Guard,
}

/// Gives back what was not settled, however the lease ends.
struct Guard {
    shared: Arc<Shared>,
    id: MessageId,
    open: Mutex<BTreeSet<u32>>,
    rest_until: Option<Timestamp>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        let open: Vec<u32> = std::mem::take(self.open.get_mut()).into_iter().collect();
        if open.is_empty() {
            return;
        }
        let until = self.rest_until.unwrap_or_else(|| self.shared.now().plus(DROPPED_REST));
        unlease(&self.shared, self.id, &open, Some(until));
    }
}

fn unlease(shared: &Shared, id: MessageId, recipients: &[u32], until: Option<Timestamp>) {
    let mut index = shared.index.lock();
    index.unlease(id, recipients, until);
    let news = index.take_news();
    drop(index);
    if news {
        shared.work.notify_waiters();
    }
}

/// One recipient of a lease.
#[derive(Clone, Debug)]
pub struct LeasedRecipient {
    /// Its index in the letter.
    pub index: u32,
    /// To whom.
    pub path: ForwardPath,
    /// What was said with RCPT.
    pub params: RcptParams,
    /// On what ground it was accepted.
    pub basis: Basis,
    /// The generation that was asked.
    pub generation: Generation,
    /// Attempts made before.
    pub attempts: u32,
    /// Whether its sender was told of the delay.
    pub delay_told: bool,
    /// An operator wants it given back: no attempt, settle it `Failed` with a notice.
    pub bounce: bool,
}

/// Which messages (or recipients of them) a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// These messages.
    Ids(Vec<MessageId>),
    /// Messages of this sender.
    Sender(Mailbox),
    /// Recipients accepted on this grant.
    Grant(Name),
    /// Recipients in this domain.
    RecipientDomain(Domain),
    /// Everything.
    All,
}

/// What an operator does with queued recipients. Done ones are never touched; leased ones change when the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Holds what would be delivered.
    Hold {
        /// Why.
        reason: Reason,
        /// Who.
        by: crate::Holder,
        /// An operator's hold may end by itself.
        until: Option<Timestamp>,
    },
    /// Frees what operators hold. Held by judgement, suspension or quarantine stays: see [`Dispatch::release`].
    Release,
    /// Tries deferred ones now.
    RetryNow,
    /// Takes them out; nobody is told.
    Remove,
    /// Gives them back to their sender with a notice (by the worker, at once).
    Bounce,
}

/// Writes what the ledger will be told of the change of one recipient. The writer calls it, so it must not wait.
pub type Testify = Arc<dyn Fn(MessageId, &ForwardPath) -> Bytes + Send + Sync>;

impl Dispatch {
    /// Returns when something is due. It may return early; [`lease`](Self::lease) then finds nothing.
    pub async fn work(&self) {
        let shared = &self.handle.0;
        loop {
            // Registered before looking, so that what comes in between is not missed.
            let news = shared.work.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let (now, next) = (shared.now(), shared.index.lock().next_due());
            let Some(at) = next else {
                news.await;
                continue;
            };
            if at <= now {
                return;
            }
            let wait = at.since(now).min(LOOK_AGAIN);
            let alarm = shared.world.clock.sleep_until(shared.world.clock.monotonic() + wait);
            tokio::select! {
                biased;
                () = news => {}
                () = alarm => {}
            }
        }
    }

    /// Leases up to `max` messages that are due at `now`, the longest due first.
    #[must_use]
    pub fn lease(&self, now: Timestamp, max: usize) -> Vec<Lease> {
        let shared = &self.handle.0;
        let mut index = shared.index.lock();
        let leased = index.lease(now, max);
        let lease = |(id, recipients): (MessageId, Vec<LeasedRecipient>)| {
            let entry = index.entries.get(&id)?;
            let open = recipients.iter().map(|recipient| recipient.index).collect();
            Some(Lease {
                id,
                received: entry.received,
                reverse: mail::ReversePath::clone(&entry.reverse),
                params: entry.params(),
                grant_contact: entry.grant_contact(),
                content: entry.content,
                octets: entry.octets,
                recipients,
                guard: Guard {
                    shared: shared.clone(),
                    id,
                    open: Mutex::new(open),
                    rest_until: None,
                },
            })
        };
        leased.into_iter().filter_map(lease).collect()
    }

    /// Gives back what the lease has not settled, to be due again at `until`. In memory only: for busy destinations.
    pub fn put_back(&self, mut lease: Lease, until: Timestamp) {
        lease.guard.rest_until = Some(until);
    }

    /// Ends the rest of messages that were [put back](Self::put_back): they are due again as they were before.
    pub fn wake(&self, messages: &[MessageId]) {
        let shared = &self.handle.0;
        let mut index = shared.index.lock();
        for id in messages {
            index.wake(*id);
        }
        let news = index.take_news();
        drop(index);
        if news {
            shared.work.notify_waiters();
        }
    }

    /// Opens the message for reading.
    pub async fn open(&self, lease: &Lease) -> Result<Body, BodyError> {
        Body::open(&self.handle.0, lease.id).await
    }

    /// Records what became of recipients of the lease; durable when it returns, together with everything else that is
    /// being written. May be called several times for one lease, as destinations answer.
    pub async fn settle(&self, lease: &Lease, settlements: Vec<Settlement>) -> Result<(), ChangeError> {
        let recipients: Vec<u32> = settlements.iter().map(|settlement| settlement.recipient).collect();
        {
            let open = lease.guard.open.lock();
            if !recipients.iter().all(|recipient| open.contains(recipient)) {
                return Err(ChangeError::NoSuch("the lease does not hold this recipient"));
            }
        }
        let fitting = |state: &State| matches!(state, State::Ready | State::Deferred { .. } | State::Done { .. });
        if !settlements.iter().all(|settlement| fitting(&settlement.state)) {
            return Err(ChangeError::NoSuch("a worker settles as ready, deferred or done"));
        }
        self.plan(Plan::Settle {
            id: lease.id,
            settlements,
            at: self.handle.0.now(),
        })
        .await?;
        lease
            .guard
            .open
            .lock()
            .retain(|recipient| !recipients.contains(recipient));
        unlease(&self.handle.0, lease.id, &recipients, None);
        Ok(())
    }

    /// Carries out a change of which the ledger is told nothing; durable when it returns. Says how many recipients it
    /// changed.
    pub async fn change(&self, selector: Selector, change: Change) -> Result<u64, ChangeError> {
        self.plan_change(selector, change, None).await
    }

    /// Carries out an operator's change, with what the ledger will be told of each recipient that it changes.
    pub async fn change_on_record(
        &self,
        selector: Selector,
        change: Change,
        testify: Testify,
    ) -> Result<u64, ChangeError> {
        self.plan_change(selector, change, Some(testify)).await
    }

    async fn plan_change(
        &self,
        selector: Selector,
        change: Change,
        testify: Option<Testify>,
    ) -> Result<u64, ChangeError> {
        let at = self.handle.0.now();
        self.plan(Plan::Change {
            selector,
            change,
            at,
            testify,
        })
        .await
    }

    /// Frees a recipient that judgement, a suspension or quarantine holds back, on a new decision: it then stands as
    /// the new permit says. `testimony` is what the ledger will be told of it.
    pub async fn release(
        &self,
        id: MessageId,
        recipient: u32,
        permit: Permit,
        testimony: Bytes,
    ) -> Result<(), ChangeError> {
        let (grounds, state) = (Grounds::of(&permit), entry_state(&permit));
        self.plan(Plan::Release {
            id,
            recipient,
            grounds,
            state,
            at: self.handle.0.now(),
            testimony,
        })
        .await
        .map(|_| ())
    }

    /// Stops handing out what the selector names, now and in future, until [`resume`](Self::resume). `Ids` cannot be
    /// suspended; hold them instead.
    pub async fn suspend(&self, selector: Selector) -> Result<(), ChangeError> {
        if matches!(selector, Selector::Ids(_)) {
            return Err(ChangeError::NoSuch("single messages are held, not suspended"));
        }
        self.plan(Plan::Suspend(selector)).await.map(|_| ())
    }

    /// Ends a suspension.
    pub async fn resume(&self, selector: Selector) -> Result<(), ChangeError> {
        self.plan(Plan::Resume(selector)).await.map(|_| ())
    }

    /// Has testimony kept for the next start until it is known to be in the ledger, and some seconds longer: what was
    /// recorded before the moment that `told` says, by the stopwatch, is on the ledger's disk. Without this it is kept for
    /// these seconds. Asked by the writer, so it must not wait. To be said once.
    pub fn keep_testimony_until(&self, told: impl Fn() -> Duration + Send + Sync + 'static) {
        let first = self.handle.0.told.set(Box::new(told)).is_ok();
        debug_assert!(first, "said twice");
    }

    /// What is suspended.
    #[must_use]
    pub fn suspended(&self) -> Vec<Selector> {
        self.handle.0.index.lock().suspended.iter().cloned().collect()
    }

    async fn plan(&self, plan: Plan) -> Result<u64, ChangeError> {
        let (reply, answer) = oneshot::channel();
        if !self.handle.0.queue.push(Job::Plan(plan, reply)) {
            return Err(ChangeError::Closed);
        }
        answer.await.map_err(|_| ChangeError::Closed)?
    }
}
