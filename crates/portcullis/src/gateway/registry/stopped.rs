//! Which grants of the file must not serve, remembered beside the queue: a gate that starts while the registry cannot be
//! asked would let them serve otherwise.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use policy::Name;
use world::Disk;

use crate::slip::Slip;

/// The file, beside the queue.
const FILE: &str = "grants.stopped";

/// What was said last.
pub(super) struct Stopped {
    slip: Slip,
    written: Mutex<Option<BTreeMap<Name, String>>>,
}

impl Stopped {
    pub(super) fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self {
            slip: Slip::new(disk, folder, FILE),
            written: Mutex::default(),
        }
    }

    /// As it was remembered, each with its reason.
    pub(super) fn recall(&self) -> BTreeMap<Name, String> {
        self.slip.read().unwrap_or_else(|error| {
            tracing::error!(event = "registry.stopped_unread", %error, "grants of the configuration file that were suspended by command serve until the registry can be asked");
            BTreeMap::new()
        })
    }

    /// Remembers it, where it is something else than before. Blocks.
    pub(super) fn remember(&self, stopped: &BTreeMap<Name, String>) {
        let mut written = self.written.lock();
        let is_known = match &*written {
            Some(written) => written == stopped,
            // Nothing is written where nothing was ever said.
            None => self.recall() == *stopped,
        };
        if !is_known && let Err(error) = self.slip.write(stopped) {
            tracing::error!(event = "registry.stopped_unkept", %error, "which grants of the configuration file are suspended is forgotten by a start at which the registry cannot be asked");
            return;
        }
        *written = Some(stopped.clone());
    }
}
