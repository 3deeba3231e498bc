//! A scale with a spool of its own, for tests of whoever stands before it and may not see a spool.

use std::sync::Arc;

use spool::{Dispatch, View, Writer};
use world::World;

use crate::{Admission, Config, LocalLimits, Witness};

/// What was stored.
pub struct Store {
    view: View,
    dispatch: Dispatch,
}

/// A scale in front of an empty spool on the world's disk.
///
/// # Errors
/// The disk cannot hold a spool.
pub fn scale(config: Config, witness: Arc<dyn Witness>, world: &World) -> Result<(Admission, Store), String> {
    let opened = spool::open(spool::Config::new("/spool"), world, Writer::Task).map_err(|why| why.to_string())?;
    let limits = Arc::new(LocalLimits::new(world.clock.clone()));
    let admission = Admission::new(config, opened.intake, limits, witness, world);
    let store = Store {
        view: opened.view,
        dispatch: opened.dispatch,
    };
    Ok((admission, store))
}

impl Store {
    /// Messages that were stored.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.view.counts().messages
    }

    /// The messages that may be delivered at `now`, as they would be, oldest first. They are given back afterwards.
    pub async fn letters(&self, now: mail::Timestamp) -> Vec<String> {
        let mut letters = Vec::new();
        for lease in self.dispatch.lease(now, usize::MAX) {
            let mut octets = Vec::new();
            if let Ok(mut body) = self.dispatch.open(&lease).await {
                while let Ok(Some(chunk)) = body.chunk().await {
                    octets.extend_from_slice(&chunk);
                }
            }
            letters.push(String::from_utf8_lossy(&octets).into_owned());
            self.dispatch.put_back(lease, now);
        }
        letters
    }
}
