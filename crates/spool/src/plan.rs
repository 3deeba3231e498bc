//! What is asked for, turned into the changes that are written.

use std::collections::BTreeSet;
use std::ops::Bound;

use bytes::Bytes;
use mail::{MessageId, Timestamp};
use tokio::sync::oneshot;

use crate::entry::{Entry, Recipient};
use crate::index::{Index, selects};
use crate::record::{Author, ChangeHead, Grounds, RecipientChange};
use crate::{Change, ChangeError, Holder, Letter, Outcome, Selector, Settlement, State, Testify};

/// A change as it is asked for.
pub(crate) enum Plan {
    Settle {
        id: MessageId,
        settlements: Vec<Settlement>,
        at: Timestamp,
    },
    Change {
        selector: Selector,
        change: Change,
        at: Timestamp,
        testify: Option<Testify>,
    },
    Release {
        id: MessageId,
        recipient: u32,
        grounds: Grounds,
        state: State,
        at: Timestamp,
        testimony: Bytes,
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
            Self::Settle { id, settlements, at } => settle(index, id, settlements, at),
            Self::Change {
                selector,
                change,
                at,
                testify,
            } => Planned::Changes(select(index, &selector, &Wanted { change, at, testify })),
            Self::Release {
                id,
                recipient,
                grounds,
                state,
                at,
                testimony,
            } => {
                let change = RecipientChange {
                    recipient,
                    state,
                    attempt: None,
                    delay_told: false,
                    grounds: Some(grounds),
                    testimony: bounded(testimony),
                };
                release(index, id, change, at)
            }
            Self::Suspend(selector) => Planned::Suspension(Suspension::Begin(selector)),
            Self::Resume(selector) => Planned::Suspension(Suspension::End(selector)),
        }
    }
}

fn settle(index: &Index, id: MessageId, settlements: Vec<Settlement>, at: Timestamp) -> Planned {
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
            testimony: bounded(settlement.testimony),
        })
        .collect();
    Planned::Changes(vec![ChangeHead {
        id,
        at,
        author: Author::Worker,
        recipients,
    }])
}

fn release(index: &Index, id: MessageId, change: RecipientChange, at: Timestamp) -> Planned {
    let now = index
        .entries
        .get(&id)
        .and_then(|entry| entry.recipients.get(change.recipient as usize));
    match now.map(Recipient::state) {
        Some(State::Held { .. } | State::Quarantined { .. }) => Planned::Changes(vec![ChangeHead {
            id,
            at,
            author: Author::Operator,
            recipients: vec![change],
        }]),
        Some(_) => Planned::NoSuch("the recipient is not held"),
        None => Planned::NoSuch("no such recipient in the queue"),
    }
}

/// A change of whatever is selected.
struct Wanted {
    change: Change,
    at: Timestamp,
    testify: Option<Testify>,
}

fn select(index: &Index, selector: &Selector, wanted: &Wanted) -> Vec<ChangeHead> {
    match selector {
        Selector::Ids(ids) => {
            let entries = ids
                .iter()
                .filter_map(|id| index.entries.get(id).map(|entry| (*id, entry)));
            entries
                .filter_map(|(id, entry)| wanted.head(id, entry, &Selector::All))
                .collect()
        }
        // Too much for one batch: the writer makes a campaign of it.
        _ => Vec::new(),
    }
}

/// Messages looked at, and changed, in one slice of a campaign.
const LOOKS: usize = 5_000;
const CHANGES: usize = 2_000;

/// A change of all that a selector names, carried out in slices: between them others are served.
pub(crate) struct Campaign {
    selector: Selector,
    wanted: Wanted,
    after: Option<MessageId>,
    pub(crate) recipients: u64,
    pub(crate) reply: Reply,
}

impl Campaign {
    /// The plan as a campaign, where it is one.
    #[expect(
        clippy::result_large_err,
        reason = "the plan is given back as it came, and carried out at once"
    )]
    pub(crate) fn of(plan: Plan, reply: Reply) -> Result<Self, (Plan, Reply)> {
        match plan {
            Plan::Change {
                selector,
                change,
                at,
                testify,
            } if !matches!(selector, Selector::Ids(_)) => Ok(Self {
                selector,
                wanted: Wanted { change, at, testify },
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
            if let Some(head) = self.wanted.head(*id, entry, &self.selector) {
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

impl Wanted {
    /// The change of one message, where there is something to change.
    fn head(&self, id: MessageId, entry: &Entry, selector: &Selector) -> Option<ChangeHead> {
        let chosen = |recipient: &Recipient| selects(selector, entry.reverse.mailbox(), recipient);
        let testimony = |recipient: &Recipient| {
            let told = self.testify.as_ref().map(|testify| testify(id, &recipient.path()));
            bounded(told.unwrap_or_default())
        };
        let recipients: Vec<RecipientChange> = (0u32..)
            .zip(entry.recipients.iter())
            .filter(|(_, recipient)| chosen(recipient))
            .filter_map(|(index, recipient)| {
                let state = changed(&recipient.state(), &self.change, self.at)?;
                Some(RecipientChange {
                    recipient: index,
                    state,
                    attempt: None,
                    delay_told: false,
                    grounds: None,
                    testimony: testimony(recipient),
                })
            })
            .collect();
        (!recipients.is_empty()).then_some(ChangeHead {
            id,
            at: self.at,
            author: Author::Operator,
            recipients,
        })
    }
}

/// Testimony that is too long is left out: what it is about must not be kept from being done by it.
fn bounded(testimony: Bytes) -> Bytes {
    if testimony.len() > Letter::TESTIMONY_OCTETS_MAX {
        return Bytes::new();
    }
    testimony
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
