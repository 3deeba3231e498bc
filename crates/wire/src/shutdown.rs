//! How a gateway tells its sessions to end.

use tokio::sync::watch;

/// How far the end has come. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Business as usual.
    Running,
    /// Sessions finish what they are in the middle of and say goodbye.
    Draining,
    /// Sessions end without another word.
    Stopped,
}

/// The hand on the switch. Dropping it changes nothing.
#[derive(Debug)]
pub struct ShutdownTrigger {
    phase: watch::Sender<Phase>,
}

/// What a session watches.
#[derive(Clone, Debug)]
pub struct Shutdown {
    phase: watch::Receiver<Phase>,
}

impl ShutdownTrigger {
    /// A switch, and the first watcher of it.
    #[must_use]
    pub fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(Phase::Running);
        (Self { phase: sender }, Shutdown { phase: receiver })
    }

    /// Asks sessions to finish.
    pub fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Ends sessions at once.
    pub fn stop(&self) {
        self.advance(Phase::Stopped);
    }

    /// Another watcher.
    #[must_use]
    pub fn watch(&self) -> Shutdown {
        Shutdown {
            phase: self.phase.subscribe(),
        }
    }

    fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let further = *phase < to;
            *phase = to.max(*phase);
            further
        });
    }
}

impl Shutdown {
    /// A watcher of a switch that nobody will ever touch.
    #[must_use]
    pub fn never() -> Self {
        ShutdownTrigger::new().1
    }

    /// How far the end has come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the end has come further than `known`. Safe to drop and call again.
    pub async fn beyond(&mut self, known: Phase) -> Phase {
        match self.phase.wait_for(|phase| *phase > known).await.map(|phase| *phase) {
            Ok(phase) => phase,
            // The trigger is gone: nobody can end this any more.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_only_goes_forward() {
        let (trigger, mut shutdown) = ShutdownTrigger::new();
        trigger.drain();
        assert_eq!(shutdown.beyond(Phase::Running).await, Phase::Draining);
        trigger.stop();
        trigger.drain();
        assert_eq!(shutdown.beyond(Phase::Draining).await, Phase::Stopped);
        assert_eq!(trigger.watch().phase(), Phase::Stopped);
    }
}
