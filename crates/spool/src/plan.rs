//! What is asked for, turned into the changes that are written.

use std::collections::BTreeSet;
use std::ops::Bound;

use mail::{MessageId, Timestamp};
use tokio::sync::oneshot;

use crate::entry::{Entry, Recipient};
use crate::index::{Index, selects};
use crate::record::{Author, ChangeHead, Grounds, RecipientChange};
use crate::{Change, ChangeError, Holder, Outcome, Selector, Settlement, State};

/// A change as it is asked for.
pub(crate) enum Plan {
    Settle {
        id: MessageId,
        settlements: Vec<Settlement>,
    },
    Change {
        selector: Selector,
        change: Change,
        at: Timestamp,
    },
    Release {
        id: MessageId,
        recipient: u32,
        grounds: Grounds,
        state: State,
    },
    Suspend(Selector),
    Resume(Selector),
}

/// Who waits to hear how many recipients were changed.
pub(crate) type Reply = oneshot::Sender<Result<u64, ChangeError>>;

/// A change of what is suspended. It is applied to what earlier plans of the same batch leave.
pub(crate) enum Suspension {
    Begin(Selector),
    End(Selector),
}

impl Suspension {
    /// Whether it changed anything.
    pub(crate) fn apply(self, all: &mut BTreeSet<Selector>) -> bool {
        match self {
            Self::Begin(selector) => all.insert(selector),
            Self::End(selector) => all.remove(&selector),
        }
    }
}

/// What is to be written for it.
pub(crate) enum Planned {
    Changes(Vec<ChangeHead>),
    Suspension(Suspension),
    NoSuch(&'static str),
}

impl Plan {
    /// Looks at the queue and says what has to be written.
    pub(crate) fn resolve(self, index: &Index) -> Planned {
        match self {
            Self::Settle { id, settlements } => settle(index, id, settlements),
            Self::Change { selector, change, at } => Planned::Changes(select(index, &selector, &change, at)),
            Self::Release {
                id,
                recipient,
                grounds,
                state,
            } => release(index, id, recipient, grounds, state),
            Self::Suspend(selector) => Planned::Suspension(Suspension::Begin(selector)),
            Self::Resume(selector) => Planned::Suspension(Suspension::End(selector)),
        }
    }
}

fn settle(index: &Index, id: MessageId, settlements: Vec<Settlement>) -> Planned {
    if !index.entries.contains_key(&id) {
        return Planned::NoSuch("the message is finished");
    }
    let recipients = settlements
        .into_iter()
        .map(|settlement| RecipientChange {
            recipient: settlement.recipient,
            state: settlement.state,
            attempt: settlement.attempt,
            delay_told: settlement.delay_told,
            grounds: None,
        })
        .collect();
    Planned::Changes(vec![ChangeHead {
        id,
        author: Author::Worker,
        recipients,
    }])
}

fn release(index: &Index, id: MessageId, recipient: u32, grounds: Grounds, state: State) -> Planned {
    let now = index
        .entries
        .get(&id)
        .and_then(|entry| entry.recipients.get(recipient as usize));
    match now.map(Recipient::state) {
        Some(State::Held { .. } | State::Quarantined { .. }) => {
            let change = RecipientChange {
                recipient,
                state,
                attempt: None,
                delay_told: false,
                grounds: Some(grounds),
            };
            Planned::Changes(vec![ChangeHead {
                id,
                author: Author::Operator,
                recipients: vec![change],
            }])
        }
        Some(_) => Planned::NoSuch("the recipient is not held"),
        None => Planned::NoSuch("no such recipient in the queue"),
    }
}

fn select(index: &Index, selector: &Selector, change: &Change, at: Timestamp) -> Vec<ChangeHead> {
    match selector {
        Selector::Ids(ids) => {
            let entries = ids
                .iter()
                .filter_map(|id| index.entries.get(id).map(|entry| (*id, entry)));
            entries
                .filter_map(|(id, entry)| head(id, entry, &Selector::All, change, at))
                .collect()
        }
        // Too much for one batch: the writer makes a campaign of it.
        _ => Vec::new(),
    }
}

/// Messages looked at, and changed, in one slice of a campaign.
const LOOKS: usize = 20_000;
const CHANGES: usize = 2_000;

/// A change of all that a selector names, carried out in slices: between them others are served.
pub(crate) struct Campaign {
    selector: Selector,
    change: Change,
    at: Timestamp,
    after: Option<MessageId>,
    pub(crate) recipients: u64,
    pub(crate) reply: Reply,
}

impl Campaign {
    /// The plan as a campaign, where it is one.
    pub(crate) fn of(plan: Plan, reply: Reply) -> Result<Self, (Plan, Reply)> {
        match plan {
            Plan::Change { selector, change, at } if !matches!(selector, Selector::Ids(_)) => Ok(Self {
                selector,
                change,
                at,
                after: None,
                recipients: 0,
                reply,
            }),
            plan => Err((plan, reply)),
        }
    }

    /// The next changes; `None` when it has been through the whole queue. Letters that come meanwhile may be among them.
    pub(crate) fn slice(&mut self, index: &Index) -> Option<Vec<ChangeHead>> {
        let from = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut changes = Vec::new();
        let mut looks = 0;
        for (id, entry) in index.entries.range((from, Bound::Unbounded)) {
            self.after = Some(*id);
            looks += 1;
            if let Some(head) = head(*id, entry, &self.selector, &self.change, self.at) {
                self.recipients += head.recipients.len() as u64;
                changes.push(head);
            }
            if looks >= LOOKS || changes.len() >= CHANGES {
                break;
            }
        }
        (looks > 0).then_some(changes)
    }
}

fn head(id: MessageId, entry: &Entry, selector: &Selector, change: &Change, at: Timestamp) -> Option<ChangeHead> {
    let chosen = |recipient: &Recipient| selects(selector, entry.reverse.mailbox(), recipient);
    let recipients: Vec<RecipientChange> = (0u32..)
        .zip(entry.recipients.iter())
        .filter(|(_, recipient)| chosen(recipient))
        .filter_map(|(index, recipient)| {
            let state = changed(&recipient.state(), change, at)?;
            Some(RecipientChange {
                recipient: index,
                state,
                attempt: None,
                delay_told: false,
                grounds: None,
            })
        })
        .collect();
    (!recipients.is_empty()).then_some(ChangeHead {
        id,
        author: Author::Operator,
        recipients,
    })
}

/// What a change makes of a state; `None` where it is not meant for it.
fn changed(state: &State, change: &Change, at: Timestamp) -> Option<State> {
    match (state, change) {
        (State::Done { .. }, _) | (State::Bouncing, Change::Bounce) => None,
        (State::Ready | State::Deferred { .. }, Change::Hold { reason, by, until }) => Some(State::Held {
            reason: *reason,
            by: by.clone(),
            until: *until,
        }),
        // A suspension must not be undone by the release of an operator's hold.
        (
            State::Held {
                by: Holder::Operator(_),
                ..
            },
            Change::Hold {
                reason,
                by: by @ (Holder::Suspension | Holder::Judgement),
                until,
            },
        ) => Some(State::Held {
            reason: *reason,
            by: by.clone(),
            until: *until,
        }),
        (
            State::Held {
                by: Holder::Operator(_),
                ..
            },
            Change::Release,
        )
        | (State::Deferred { .. }, Change::RetryNow) => Some(State::Ready),
        (_, Change::Remove) => Some(State::Done {
            outcome: Outcome::Removed,
            at,
        }),
        (_, Change::Bounce) => Some(State::Bouncing),
        (_, Change::Hold { .. } | Change::Release | Change::RetryNow) => None,
    }
}
