//! One look-out for what a session watches beside its client: the end of the house, and how crowded it is.

use smtp::server::Pace;

use crate::crowd::Crowd;
use crate::posted::Posted;
use crate::shutdown::{Phase, Shutdown};

/// What the signs of the house show.
pub(crate) type Shown = (Phase, Pace);

/// Waits for the signs to show something else.
///
/// A look-out once posted stays, however often the session turns to its client in between: one that answers a thousand
/// commands posts one, not a thousand.
#[derive(Default)]
pub(crate) struct Lookout {
    posted: Option<(Shown, Posted)>,
}

impl Lookout {
    /// Returns once the signs show something other than `known`. Safe to drop and call again.
    pub(crate) async fn other_than(&mut self, known: Shown, shutdown: &Shutdown, crowd: &Crowd) {
        let (_, change) = match self.posted.take() {
            Some(posted) if posted.0 == known => self.posted.insert(posted),
            _ => {
                let change = change(known, shutdown.clone(), crowd.clone());
                self.posted.insert((known, Posted::new(Box::pin(change))))
            }
        };
        change.await;
        self.posted = None;
    }
}

async fn change((phase, pace): Shown, mut shutdown: Shutdown, mut crowd: Crowd) {
    tokio::select! {
        biased;
        _ = shutdown.beyond(phase) => {}
        _ = crowd.other_than(pace) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{CrowdSign, ShutdownTrigger};

    const USUAL: Shown = (Phase::Running, Pace::Usual);

    #[tokio::test(start_paused = true)]
    async fn a_lookout_that_stays_sees_what_differs_from_what_is_known_now() {
        let (trigger, shutdown) = ShutdownTrigger::new();
        let sign = CrowdSign::default();
        let crowd = sign.watch();
        let mut lookout = Lookout::default();
        let short = Duration::from_secs(1);
        let nothing = tokio::time::timeout(short, lookout.other_than(USUAL, &shutdown, &crowd)).await;
        assert!(nothing.is_err());
        sign.show(Pace::Hurried);
        lookout.other_than(USUAL, &shutdown, &crowd).await;
        let hurried = (Phase::Running, Pace::Hurried);
        let nothing = tokio::time::timeout(short, lookout.other_than(hurried, &shutdown, &crowd)).await;
        assert!(nothing.is_err());
        // Posted for another state of things than is known now: it is posted anew.
        lookout.other_than(USUAL, &shutdown, &crowd).await;
        trigger.drain();
        lookout.other_than(hurried, &shutdown, &crowd).await;
    }
}
