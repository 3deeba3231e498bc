//! Letting go of what judgement holds, or set aside: never without a new decision.
//!
//! A message that an operator names by its id was looked at: the operator answers for what made it suspicious, its rate or
//! its many faces. What authority rests on is decided all the same. Where mail is named by what it has in common, nobody
//! has looked at each message, and it is decided as it is every minute without an operator.

use admission::{Held, Reviewed};
use ledger::{Change, Entry, Event, Words};
use mail::MessageId;
use policy::Reason;
use spool::{ChangeError, Holder, RecipientStory, Selector, State, Story};

use super::Desk;
use super::changes::{Kept, Operator};
use crate::story::bare;

/// A recipient that only a new decision frees.
pub(super) struct Judged {
    pub(super) message: MessageId,
    /// Its index in the letter.
    pub(super) recipient: u32,
}

/// An operator's wish to free what judgement keeps.
pub(super) struct Release<'a> {
    desk: &'a Desk,
    by: &'a Operator,
    reason: &'a str,
    reviewed: Reviewed,
}

/// Whether only a new decision frees a recipient in this state.
pub(super) fn is_judged(state: &State) -> bool {
    match state {
        State::Held { by, .. } => matches!(by, Holder::Judgement | Holder::Suspension),
        State::Quarantined { .. } => true,
        State::Ready | State::Deferred { .. } | State::Bouncing | State::Done { .. } => false,
    }
}

impl<'a> Release<'a> {
    pub(super) fn new(desk: &'a Desk, by: &'a Operator, reason: &'a str, selector: &Selector) -> Self {
        let reviewed = match selector {
            Selector::Ids(_) => Reviewed::ByOperator,
            Selector::Sender(_) | Selector::Grant(_) | Selector::RecipientDomain(_) | Selector::All => {
                Reviewed::ByNobody
            }
        };
        Self {
            desk,
            by,
            reason,
            reviewed,
        }
    }

    /// Decides about each again, frees those with a permit and tells why the others stay. Says how many are free.
    pub(super) async fn carry_out(&self, all: &[Judged], mut keep: impl FnMut(Kept)) -> u64 {
        let mut freed = 0;
        for of_message in all.chunk_by(|one, next| one.message == next.message) {
            let Some(message) = of_message.first().map(|one| one.message) else {
                continue;
            };
            let story = match self.desk.view.get(message).await {
                Ok(Some(story)) => story,
                // Finished while we looked at others.
                Ok(None) => continue,
                Err(error) => {
                    keep(Kept {
                        message,
                        rcpt: "its recipients".to_owned(),
                        why: format!("it cannot be read: {error}"),
                    });
                    continue;
                }
            };
            for place in of_message.iter().map(|one| one.recipient) {
                let Some(recipient) = story.recipients.get(place as usize) else {
                    continue;
                };
                match self.free(&story, place, recipient).await {
                    Ok(true) => freed += 1,
                    Ok(false) => {}
                    Err(why) => keep(Kept {
                        message,
                        rcpt: bare(&recipient.path.to_string()),
                        why,
                    }),
                }
            }
        }
        freed
    }

    /// Whether it was this that freed the recipient; an error says why it stays.
    async fn free(&self, story: &Story, place: u32, recipient: &RecipientStory) -> Result<bool, String> {
        if !is_judged(&recipient.state) {
            return Ok(false);
        }
        if let State::Quarantined { reason } = &recipient.state
            && self.reviewed == Reviewed::ByNobody
        {
            return Err(format!("it was set aside ({reason}); {}", by_its_id(story.id)));
        }
        let held = Held {
            testimony: &story.testimony,
            sender: &story.reverse,
            place: place as usize,
            recipient: &recipient.path,
        };
        let reviewed = match &recipient.state {
            // It was within its limits and above suspicion when it came; only its grant was not, for a while.
            State::Held {
                by: Holder::Suspension, ..
            } => Reviewed::ByOperator,
            _ => self.reviewed,
        };
        let permit = self
            .desk
            .admission
            .decide_again(&held, reviewed)
            .map_err(|why| format!("a new decision keeps it ({why}): {}", what_to_do(why, story.id)))?;
        let entry = self.entry(story.id, recipient);
        let released = self
            .desk
            .dispatch
            .release(story.id, place, permit, entry.json().clone())
            .await;
        match released {
            Ok(()) => {
                self.desk.recorder.testify_stored(entry.json().clone()).await;
                Ok(true)
            }
            // Somebody else changed it while we decided.
            Err(ChangeError::NoSuch(_)) => Ok(false),
            Err(error) => Err(format!("it could not be freed: {error}")),
        }
    }

    fn entry(&self, message: MessageId, recipient: &RecipientStory) -> Entry {
        let change = Change {
            message,
            change: Some(self.desk.admission.ids().event()),
            rcpt: Some(Words::new(&bare(&recipient.path.to_string()))),
            by: Words::of(self.by),
            reason: Words::new(self.reason),
        };
        Entry::of(&Event::Released(Box::new(change)))
    }
}

fn by_its_id(id: MessageId) -> String {
    format!(
        "look at it with `portcullis queue show {id}`, then free it by its id: `portcullis queue release --id {id}`"
    )
}

/// What an operator can do about a decision that keeps mail.
fn what_to_do(why: Reason, id: MessageId) -> String {
    match why {
        Reason::RateHeld | Reason::RateExceeded => {
            format!("if the mail is wanted, {}, or raise the grant's limits", by_its_id(id))
        }
        Reason::MaskedSource => format!(
            "several clients hide behind one address exception, or another one calls itself there: give each its own grant, or its \
             name in `hello`; meanwhile {}",
            by_its_id(id)
        ),
        Reason::GrantSuspended => "end the suspension in the configuration, reload, and release it again".to_owned(),
        Reason::GrantExpired => {
            "if it is still wanted, give its grant or forward a later `until`, reload, and release it again".to_owned()
        }
        Reason::GrantNotYet => "its grant has not begun; release it again when it has".to_owned(),
        Reason::NoGrant | Reason::LoginRequired | Reason::LoginWithoutGrant => {
            "no grant covers its sender any more; `bounce` gives it back, or declare one, reload, and release it again"
                .to_owned()
        }
        Reason::RecipientUnverifiable | Reason::AuthorityUnknown => {
            "this cannot be known now; release it again later, or `bounce` gives it back to its sender".to_owned()
        }
        Reason::NoSuchRecipient | Reason::NotOurDomain => {
            "no route takes its recipient, and no forward leads there; `bounce` gives it back to its sender".to_owned()
        }
        _ => "mend in the configuration what the reason names, reload, and release it again; or `bounce` it".to_owned(),
    }
}
