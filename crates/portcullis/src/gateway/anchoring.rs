//! Writes down in a second place where the ledger's chains stand: at the start, when a file begins, every minute in which
//! something was written, and at the end. No letter waits for it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ledger::{Anchor, Anchored, Cause, Event, Hash, Heads, Ledger, Place, write_anchor};
use mail::Timestamp;
use parking_lot::Mutex;
use wire::{Phase, Shutdown};
use world::{Clock, Disk, World};

use super::syslog::Syslog;
use crate::config::Config;

/// How often it is looked whether an anchor is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often one is written while something happens.
const EVERY: Duration = Duration::from_secs(60);

/// Who anchors, while a gateway runs.
pub(super) struct Anchoring {
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    clerk: Arc<Mutex<Clerk>>,
}

impl Anchoring {
    /// `None` where no second place is configured.
    pub(super) fn of(config: &Config, ledger: Ledger, world: &World) -> Option<Self> {
        let (to, socket) = (config.ledger.anchors.clone(), config.ledger.syslog.clone());
        if to.is_none() && socket.is_none() {
            return None;
        }
        let clerk = Clerk {
            disk: world.disk.clone(),
            heads: Heads::of(world.disk.clone(), &config.ledger.dir),
            to,
            syslog: socket.map(|socket| Syslog::new(socket, config.hostname.as_str())),
            written: None,
            failing: false,
        };
        Some(Self {
            ledger,
            clock: world.clock.clone(),
            clerk: Arc::new(Mutex::new(clerk)),
        })
    }

    /// Anchors until the shutdown.
    pub(super) async fn watch(self: Arc<Self>, mut shutdown: Shutdown) {
        let mut next = self.clock.monotonic();
        loop {
            let now = self.clock.monotonic();
            if self.look(now >= next).await {
                next = now + EVERY;
            }
            tokio::select! {
                biased;
                _ = shutdown.beyond(Phase::Running) => return,
                () = self.clock.sleep_until(now + LOOK_EVERY) => {}
            }
        }
    }

    /// Anchors the end, when the ledger is closed.
    pub(super) async fn end(&self) {
        let _ = self.write(|_, _| Some(Cause::Stop)).await;
    }

    /// Writes an anchor if one is due; `true` where one was written.
    async fn look(&self, time_has_come: bool) -> bool {
        let due = move |written: Option<&Written>, own: &Place| match written {
            None => Some(Cause::Start),
            Some(written) if written.own.file != own.file => Some(Cause::File),
            Some(_) => time_has_come.then_some(Cause::Time),
        };
        let Some(anchor) = self.write(due).await else {
            return false;
        };
        if let Some(anchor) = anchor {
            self.ledger.record(Event::Anchored(Anchored::of(&anchor))).await;
        }
        true
    }

    /// Has the clerk write on a thread that may block; in the inner option what the file took.
    async fn write(
        &self,
        due: impl FnOnce(Option<&Written>, &Place) -> Option<Cause> + Send + 'static,
    ) -> Option<Option<Anchor>> {
        let (clerk, own) = (self.clerk.clone(), self.ledger.place());
        let at = Timestamp(self.clock.wall());
        let writing = tokio::task::spawn_blocking(move || clerk.lock().write(own, at, due));
        writing.await.ok().flatten()
    }
}

/// Who writes anchors, and blocks.
struct Clerk {
    disk: Arc<dyn Disk>,
    heads: Heads,
    to: Option<PathBuf>,
    syslog: Option<Syslog>,
    written: Option<Written>,
    /// Whether the second place refused the last one.
    failing: bool,
}

/// The last anchor that was written.
struct Written {
    own: Place,
    heads: Vec<Place>,
    number: u64,
    seal: Hash,
}

impl Clerk {
    /// Writes an anchor if one is due and there is something new; `None` where nothing was written.
    fn write(
        &mut self,
        own: Place,
        at: Timestamp,
        due: impl FnOnce(Option<&Written>, &Place) -> Option<Cause>,
    ) -> Option<Option<Anchor>> {
        if let Some(syslog) = &mut self.syslog {
            syslog.try_again();
        }
        let why = due(self.written.as_ref(), &own)?;
        match self.anchor(own, at, why) {
            Ok(written) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!("the ledger is anchored again");
                }
                written
            }
            // The gate that we relieve, or that relieves us, is writing its own.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => None,
            Err(error) => {
                if !std::mem::replace(&mut self.failing, true) {
                    let to = self.to.as_ref().map(|to| tracing::field::display(to.display()));
                    tracing::warn!(
                        event = "ledger.not_anchored", %error, to,
                        "where the ledger stands cannot be written down elsewhere; it is tried again, and mail goes on"
                    );
                }
                None
            }
        }
    }

    fn anchor(&mut self, own: Place, at: Timestamp, why: Cause) -> io::Result<Option<Option<Anchor>>> {
        let heads = self.heads.beside(own.clone())?;
        if why == Cause::Time
            && self
                .written
                .as_ref()
                .is_some_and(|written| !written.differs(&own, &heads))
        {
            return Ok(None);
        }
        let (anchor, line) = match &self.to {
            Some(to) => write_anchor(&*self.disk, to, at, why, heads.clone())?,
            None => {
                let before = self.written.as_ref().map(|written| (written.number, written.seal));
                Anchor::after(before, at, why, heads.clone())
            }
        };
        self.written = Some(Written {
            own,
            heads,
            number: anchor.number,
            seal: anchor.hash,
        });
        if let Some(syslog) = &mut self.syslog {
            syslog.send(at, &line);
        }
        Ok(Some(self.to.is_some().then_some(anchor)))
    }
}

impl Written {
    /// Whether more was written since than the line that tells of the anchor itself.
    fn differs(&self, own: &Place, heads: &[Place]) -> bool {
        let others = |heads: &[Place]| -> Vec<Place> {
            let others = heads.iter().filter(|head| head.writer != own.writer);
            others.cloned().collect()
        };
        own.file != self.own.file || own.seq > self.own.seq + 1 || others(heads) != others(&self.heads)
    }
}
