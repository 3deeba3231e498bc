//! What an operator does with the queue: suspend, resume, hold, release, try now, remove, give back.

use std::sync::Arc;

use bytes::Bytes;
use mail::{MessageId, Timestamp};
use policy::{Name, Permit, Reason};
use spool::{Change, ChangeError, Holder, Selector};

use crate::gate::Gate;

/// The operator's hand. Cloning shares it.
#[derive(Clone)]
pub struct Control {
    gate: Arc<Gate>,
}

impl Control {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    /// Stops delivery of what the selector names, now and in future. What is under way is finished.
    pub async fn suspend(&self, selector: Selector) -> Result<(), ChangeError> {
        self.gate.ports.dispatch.suspend(selector).await
    }

    /// Ends a suspension.
    pub async fn resume(&self, selector: Selector) -> Result<(), ChangeError> {
        self.gate.ports.dispatch.resume(selector).await
    }

    /// Stops delivery along a route until it is resumed or the gate starts again.
    pub fn suspend_route(&self, route: Name) {
        self.gate.suspended_routes.lock().insert(route);
    }

    /// Ends the suspension of a route; what waited for it goes on within a minute. Says whether there was one.
    pub fn resume_route(&self, route: &Name) -> bool {
        self.gate.suspended_routes.lock().remove(route)
    }

    /// Routes that are suspended.
    #[must_use]
    pub fn suspended_routes(&self) -> Vec<Name> {
        self.gate.suspended_routes.lock().iter().cloned().collect()
    }

    /// Holds what would be delivered, in an operator's name. Says how many recipients.
    pub async fn hold(
        &self,
        selector: Selector,
        by: Name,
        reason: Reason,
        until: Option<Timestamp>,
    ) -> Result<u64, ChangeError> {
        let change = Change::Hold {
            reason,
            by: Holder::Operator(by),
            until,
        };
        self.gate.ports.dispatch.change(selector, change).await
    }

    /// Frees what operators hold. Says how many recipients.
    pub async fn release(&self, selector: Selector) -> Result<u64, ChangeError> {
        self.gate.ports.dispatch.change(selector, Change::Release).await
    }

    /// Frees a recipient that judgement holds back, on a new decision.
    pub async fn release_on(&self, message: MessageId, recipient: u32, permit: Permit) -> Result<(), ChangeError> {
        self.gate
            .ports
            .dispatch
            .release(message, recipient, permit, Bytes::new())
            .await
    }

    /// Tries deferred recipients now, and lets no destination rest. Says how many recipients.
    pub async fn retry_now(&self, selector: Selector) -> Result<u64, ChangeError> {
        self.wake_destinations();
        self.gate.ports.dispatch.change(selector, Change::RetryNow).await
    }

    /// Lets no destination rest any longer.
    pub fn wake_destinations(&self) {
        self.gate.destinations.forget_pauses();
    }

    /// Takes recipients out of the queue; nobody is told. Says how many.
    pub async fn remove(&self, selector: Selector) -> Result<u64, ChangeError> {
        self.gate.ports.dispatch.change(selector, Change::Remove).await
    }

    /// Gives messages back to their senders with a notice. Says how many recipients.
    pub async fn bounce(&self, selector: Selector) -> Result<u64, ChangeError> {
        self.gate.ports.dispatch.change(selector, Change::Bounce).await
    }

    /// Destinations that are left alone for a while because they do not answer, and why.
    #[must_use]
    pub fn resting_destinations(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.gate.destinations.down()
    }
}
