//! What is asked before the body: connection, sender, recipients. What is not known yet stands in nobody's way here; it is
//! asked again with everything known.

use mail::{ForwardPath, MailParams, RcptParams, ReversePath};
use policy::{Fact, Live, decide};

use crate::admit::{Admission, listener};
use crate::facts::{Learned, gather};
use crate::transaction::{Rejection, Transaction, Weighed};
use crate::witness::Visitor;

/// Whether a recipient found room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It is one of the message's recipients now.
    Taken,
    /// The message has as many recipients as the grant allows; the rest go into another (RFC 5321 §4.5.3.1.10).
    Full,
}

impl Admission {
    /// Whether a client may speak at all, before it has said who it is.
    pub fn connect(&self, visitor: &Visitor) -> Result<(), Rejection> {
        self.ask(visitor, |mut facts| {
            facts.login = Fact::NotYet;
            facts.certificate = Fact::NotYet;
            facts
        })
        .map(|_| ())
    }

    /// Begins a message, as far as its sender is concerned.
    pub fn mail(
        &self,
        visitor: &Visitor,
        sender: ReversePath,
        params: MailParams,
    ) -> Result<Box<Transaction>, Rejection> {
        let transaction = Box::new(Transaction::new(sender, params));
        let octets = transaction.learned.octets;
        self.ask(visitor, |mut facts| {
            facts.sender = Fact::Known(&transaction.sender);
            facts.octets = octets;
            facts
        })?;
        Ok(transaction)
    }

    /// Adds a recipient. `Ok` says whether there is room for it under its grant's limit.
    pub fn recipient(
        &self,
        visitor: &Visitor,
        transaction: &mut Transaction,
        path: ForwardPath,
        params: RcptParams,
    ) -> Result<Room, Rejection> {
        let most = self.ask(visitor, |mut facts| {
            facts.sender = Fact::Known(&transaction.sender);
            facts.recipient = Fact::Known(&path);
            facts.octets = transaction.learned.octets;
            facts
        })?;
        // The same address twice is one recipient (RFC 5321 leaves it to us); its last parameters count.
        if let Some((_, known)) = transaction.recipients.iter_mut().find(|(known, _)| *known == path) {
            *known = params;
            return Ok(Room::Taken);
        }
        if most.is_some_and(|most| transaction.recipients.len() >= most as usize) {
            return Ok(Room::Full);
        }
        transaction.recipients.push((path, params));
        Ok(Room::Taken)
    }

    /// Judges with what is known so far; a grant's bound on recipients where one was selected.
    fn ask<'a>(
        &self,
        visitor: &'a Visitor,
        fill: impl FnOnce(policy::Facts<'a>) -> policy::Facts<'a>,
    ) -> Result<Option<u32>, Rejection> {
        let snapshot = self.snapshot();
        let listener = listener(&snapshot, visitor);
        let now = self.now();
        let facts = fill(gather(
            listener,
            visitor,
            now,
            Fact::NotYet,
            Fact::NotYet,
            &Learned::NOTHING,
        ));
        let decision = decide(&snapshot, &mut Live::new(&facts));
        let grant = decision.grant(&snapshot);
        if decision.verdict.accepts() {
            return Ok(grant.map(|grant| grant.limits.recipients_per_message));
        }
        let grant = grant.map(|grant| grant.name.clone());
        let learned = Learned {
            octets: facts.octets,
            ..Learned::NOTHING
        };
        Err(Rejection {
            verdict: decision.verdict,
            reason: decision.reason,
            grant,
            snapshot,
            weighed: Box::new(Weighed {
                now,
                learned,
                recipients: Vec::new(),
            }),
        })
    }
}
