//! Held mail, decided again: it leaves only on a new decision of the rulebook that serves now.

use mail::{ForwardPath, ReversePath};
use policy::{Basis, By, ContentClass, Demand, Fact, Live, Permit, Reason, Snapshot, Standing, Usage, decide, digest};

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
    /// Which of its recipients, in the order in which they are stored.
    pub place: usize,
    /// That recipient: where its mail goes.
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
        let Recalled {
            visitor,
            from,
            octets,
            hops,
            asked,
        } = self.witness().recall(held.testimony).ok_or(Reason::AuthorityUnknown)?;
        // What a forward takes is judged as it was asked for: where its mail goes is no address of ours.
        let asked = asked.get(held.place).ok_or(Reason::AuthorityUnknown)?;
        let asked = asked.as_ref().unwrap_or(held.recipient);
        let snapshot = self.snapshot();
        let learned = Learned {
            octets: Fact::Known(octets),
            hops,
            from,
            // Nothing was found before, or somebody has looked.
            content: Fact::Known(ContentClass::Below),
            masked: Fact::Known(false),
            usage: Fact::Known(Usage::Within),
        };
        let index = listener(&snapshot, &visitor);
        let mut facts = gather(
            index,
            &visitor,
            self.now(),
            Fact::Known(held.sender),
            Fact::Known(asked),
            &learned,
        );
        let first = decide(&snapshot, &mut Live::new(&facts));
        let grant = first.grant(&snapshot).filter(|_| reviewed == Reviewed::ByNobody);
        if let Some(grant) = grant.filter(|_| first.verdict.accepts()) {
            let one = Demand {
                messages: 1,
                recipients: 1,
                octets,
            };
            let masked = matches!(grant.by, By::Address(_))
                && (self.0.masks.was_masked(&grant.name, self.elapsed()) || !grant.expects(&visitor.hello));
            facts.masked = Fact::Known(masked);
            if !masked {
                facts.usage = Fact::Known(self.within(grant, one));
            }
        }
        let decision = decide(&snapshot, &mut Live::new(&facts));
        match decision.permit(&snapshot, digest(&facts)) {
            Some(permit) if *permit.standing() == Standing::Ready => {
                leads_there(&snapshot, &permit, asked, held.recipient).map(|()| permit)
            }
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

/// Whether what is permitted is where the mail goes: a forward may have got another target since, or have begun or ended.
fn leads_there(
    snapshot: &Snapshot,
    permit: &Permit,
    asked: &ForwardPath,
    recipient: &ForwardPath,
) -> Result<(), Reason> {
    let leads = match permit.basis() {
        Basis::Forward(name) => snapshot
            .forward_named(name)
            .is_some_and(|forward| recipient.mailbox() == Some(&forward.to)),
        _ => asked == recipient,
    };
    if leads { Ok(()) } else { Err(Reason::NoSuchRecipient) }
}
