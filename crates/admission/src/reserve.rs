//! Taking from a grant's limits what a message uses, and giving it back when the message is not stored.

use policy::{Demand, Fact, Live, Snapshot, Usage, decide};

use crate::admit::{Admission, listener};
use crate::facts::gather;
use crate::transaction::{Reservation, Transaction};
use crate::witness::Visitor;

impl Admission {
    pub(crate) fn reserve(&self, snapshot: &Snapshot, visitor: &Visitor, transaction: &mut Transaction) -> Usage {
        let Some((path, _)) = transaction.recipients.first() else {
            return Usage::Within;
        };
        let listener = listener(snapshot, visitor);
        let sender = Fact::Known(&transaction.sender);
        let facts = gather(
            listener,
            visitor,
            self.now(),
            sender,
            Fact::Known(path),
            &transaction.learned,
        );
        let decision = decide(snapshot, &mut Live::new(&facts));
        let Some(grant) = decision.grant(snapshot) else {
            return Usage::Within;
        };
        let demand = Demand {
            messages: 1,
            recipients: u32::try_from(transaction.recipients.len()).unwrap_or(u32::MAX),
            octets: transaction.params.size.unwrap_or(0),
        };
        let usage = self.0.limits.reserve(&grant.name, &grant.limits, demand);
        if usage != Usage::Hard {
            transaction.reserved = Some(Reservation {
                grant: grant.name.clone(),
                demand,
                limits: grant.limits,
                usage,
            });
        }
        usage
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
