//! Held mail, decided again: it leaves only on a new decision of the rulebook that serves now.

use mail::{ForwardPath, ReversePath};
use policy::{By, ContentClass, Demand, Fact, FromHeader, Live, Permit, Reason, Standing, Usage, decide, digest};

use crate::admit::{Admission, listener};
use crate::facts::{Learned, gather};
use crate::witness::Recalled;

/// A recipient that waits for a new decision.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// The testimony that was stored with its message.
    pub testimony: &'a [u8],
    /// The envelope sender.
    pub sender: &'a ReversePath,
    /// The recipient.
    pub recipient: &'a ForwardPath,
}

/// What a new decision may take as settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reviewed {
    /// Nothing: limits and suspicion are looked at as they stand now.
    ByNobody,
    /// An operator has looked at the message and answers for it. What authority rests on is decided all the same.
    ByOperator,
}

impl Admission {
    /// Decides about a held recipient again: a permit to deliver it, or why it stays.
    pub fn decide_again(&self, held: &Held<'_>, reviewed: Reviewed) -> Result<Permit, Reason> {
        let Some(Recalled {
            visitor,
            authors,
            octets,
        }) = self.witness().recall(held.testimony)
        else {
            return Err(Reason::AuthorityUnknown);
        };
        let snapshot = self.snapshot();
        let learned = Learned {
            octets: Fact::Known(octets),
            ..Learned::NOTHING
        };
        let index = listener(&snapshot, &visitor);
        let mut facts = gather(
            index,
            &visitor,
            self.now(),
            Fact::Known(held.sender),
            Fact::Known(held.recipient),
            &learned,
        );
        facts.from = Fact::Known(match authors.as_slice() {
            [] => FromHeader::Missing,
            authors => FromHeader::Mailboxes(authors),
        });
        facts.hops = Fact::Known(0);
        facts.content = Fact::Known(ContentClass::Below);
        facts.masked = Fact::Known(false);
        facts.usage = Fact::Known(Usage::Within);
        let first = decide(&snapshot, &mut Live::new(&facts));
        let grant = first.grant(&snapshot).filter(|_| reviewed == Reviewed::ByNobody);
        if let Some(grant) = grant.filter(|_| first.verdict.accepts()) {
            let one = Demand {
                messages: 1,
                recipients: 1,
                octets,
            };
            let masked = matches!(grant.by, By::Address(_)) && self.0.masks.was_masked(&grant.name, self.elapsed());
            facts.masked = Fact::Known(masked);
            if !masked {
                facts.usage = Fact::Known(self.within(grant, one));
            }
        }
        let decision = decide(&snapshot, &mut Live::new(&facts));
        match decision.permit(&snapshot, digest(&facts)) {
            Some(permit) if *permit.standing() == Standing::Ready => Ok(permit),
            Some(_) | None => Err(match decision.verdict {
                policy::Verdict::Hold(why) | policy::Verdict::Quarantine(why) => why,
                _ => decision.reason,
            }),
        }
    }

    /// Whether the grant has room for it by now; what would again be above its limits takes nothing.
    fn within(&self, grant: &policy::Grant, demand: Demand) -> Usage {
        let limits = policy::LimitSpec {
            held_messages: 0,
            held_octets: 0,
            ..grant.limits
        };
        match self.0.limits.reserve(&grant.name, &limits, demand) {
            Usage::Within => Usage::Within,
            Usage::Soft | Usage::Hard => Usage::Soft,
        }
    }
}
