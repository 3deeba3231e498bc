//! Taking from a grant's limits what a message uses, and giving it back when the message is not stored.

use mail::Timestamp;
use policy::{Demand, Fact, Live, Snapshot, Usage, decide};

use crate::admit::{Admission, listener};
use crate::facts::gather;
use crate::transaction::{Reservation, Transaction};
use crate::witness::Visitor;

/// What was found for the first recipient before the body.
pub(crate) struct First {
    /// Where the use of its grant stands now; within the limits where there is no grant.
    pub(crate) usage: Usage,
    /// Whether it is accepted, as far as that does not hang on the use.
    pub(crate) accepted: bool,
}

impl Admission {
    /// Takes what the message uses from the limits of the grant that its first recipient stands on.
    pub(crate) fn reserve(
        &self,
        snapshot: &Snapshot,
        visitor: &Visitor,
        transaction: &mut Transaction,
        now: Timestamp,
    ) -> First {
        let mut first = First {
            usage: Usage::Within,
            accepted: false,
        };
        let Some((path, _)) = transaction.recipients.first() else {
            return first;
        };
        let listener = listener(snapshot, visitor);
        let sender = Fact::Known(&transaction.sender);
        let facts = gather(listener, visitor, now, sender, Fact::Known(path), &transaction.learned);
        let decision = decide(snapshot, &mut Live::new(&facts));
        first.accepted = decision.verdict.accepts();
        let Some(grant) = decision.grant(snapshot) else {
            return first;
        };
        let demand = Demand {
            messages: 1,
            recipients: u32::try_from(transaction.recipients.len()).unwrap_or(u32::MAX),
            octets: transaction.params.size.unwrap_or(0),
        };
        first.usage = self.0.limits.reserve(&grant.name, &grant.limits, demand);
        if first.usage != Usage::Hard {
            transaction.reserved = Some(Reservation {
                grant: grant.name.clone(),
                demand,
                limits: grant.limits,
                usage: first.usage,
            });
        }
        first
    }

    /// Takes what the client did not announce from what the grant may have held.
    pub(crate) fn count_octets(&self, transaction: &mut Transaction, octets: u64) {
        transaction.learned.octets = Fact::Known(octets);
        let Some(reserved) = transaction.reserved.as_mut() else {
            return;
        };
        let more = octets.saturating_sub(reserved.demand.octets);
        if reserved.usage != Usage::Soft || more == 0 {
            return;
        }
        let demand = Demand {
            octets: more,
            ..Demand::default()
        };
        match self.0.limits.reserve(&reserved.grant, &reserved.limits, demand) {
            Usage::Soft => reserved.demand.octets = octets,
            Usage::Hard => transaction.learned.usage = Fact::Known(Usage::Hard),
            // The window went on meanwhile, so there is room.
            Usage::Within => {}
        }
    }

    pub(crate) fn give_back(&self, transaction: &mut Transaction) {
        if let Some(reserved) = transaction.reserved.take() {
            self.0.limits.release(&reserved.grant, reserved.demand, reserved.usage);
        }
    }
}
