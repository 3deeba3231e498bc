//! How a crowded house asks those of its clients to hurry who may be asked.

use smtp::server::Pace;
use tokio::sync::watch;

/// Says how crowded the house is. Dropping it changes nothing.
#[derive(Debug)]
pub struct CrowdSign {
    pace: watch::Sender<Pace>,
}

/// What a session watches.
#[derive(Clone, Debug)]
pub struct Crowd {
    pace: watch::Receiver<Pace>,
}

impl Default for CrowdSign {
    fn default() -> Self {
        Self {
            pace: watch::Sender::new(Pace::Usual),
        }
    }
}

impl CrowdSign {
    /// Shows this from now on.
    pub fn show(&self, pace: Pace) {
        self.pace
            .send_if_modified(|shown| std::mem::replace(shown, pace) != pace);
    }

    /// Somebody who watches.
    #[must_use]
    pub fn watch(&self) -> Crowd {
        Crowd {
            pace: self.pace.subscribe(),
        }
    }
}

impl Crowd {
    /// A house that is never crowded.
    #[must_use]
    pub fn never() -> Self {
        CrowdSign::default().watch()
    }

    /// What is shown now.
    #[must_use]
    pub fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    /// Waits until something other than `known` is shown. Safe to drop and call again.
    pub(crate) async fn other_than(&mut self, known: Pace) -> Pace {
        match self.pace.wait_for(|pace| *pace != known).await.map(|pace| *pace) {
            Ok(pace) => pace,
            // The sign is gone: it says the same for ever.
            Err(_) => std::future::pending().await,
        }
    }
}
