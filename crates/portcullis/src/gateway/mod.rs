//! One gateway: what it is made of, how it goes on and how it ends; how it begins stands in `start.rs`. No statics:
//! several can live in one process.

mod adopt;
mod anchoring;
mod back;
mod compose;
mod deliveries;
mod front;
mod held;
mod logins;
mod mix;
mod pages;
mod recorded;
mod registry;
mod reload;
mod retention;
mod rulebooks;
mod shadow;
mod start;
mod stores;
mod succeed;
mod syslog;
mod tested;
mod upkeep;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use admission::Admission;
use dns::Resolver;
use inbound::Gate;
use outbound::Outbound;
use parking_lot::Mutex;
use policy::Name;
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use wire::ShutdownTrigger;
use world::World;

use crate::change::{Decided, Keeper};
use crate::config::Config;
use crate::control::Desk;
use crate::generations::{Came, Wish};
use crate::identities::Logins;
use crate::journal::Journal;
use crate::succession::{Relief, Succession};
use crate::witness::Recorder;
use anchoring::Anchoring;
use deliveries::Deliveries;
use front::Certificates;
use registry::Registry;
use rulebooks::Rulebooks;

pub use back::resolver;
pub(crate) use compose::{Abused, Registered, beside};
pub use reload::ReloadError;
pub use succeed::Heritage;

/// How long sessions and deliveries may take to end when the gateway is told to.
const DRAIN: Duration = Duration::from_secs(30);
/// How long the last lines of the log may take.
const LAST_LINES: Duration = Duration::from_secs(2);

/// What a gateway is given beside its configuration.
pub struct Setting {
    /// Time, chance, network and disk.
    pub world: World,
    /// Whoever knows names.
    pub resolver: Arc<dyn Resolver>,
    /// Where events are logged.
    pub journal: Journal,
    /// Whether disks are written by threads, or by tasks of a simulated world.
    pub writers: Writers,
    /// Where the configuration is read from again on a reload; `None` where it cannot be.
    pub file: Option<PathBuf>,
    /// Who judges a changed configuration before it serves, and what passed for the start; `None` where whatever is read
    /// serves and nothing is kept of it.
    pub keeper: Option<Passed>,
}

/// What was judged and may serve, with who judges what comes after it.
pub struct Passed {
    /// Who judges.
    pub keeper: Arc<Keeper>,
    /// What passed.
    pub decided: Decided,
}

/// Who writes to disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// Threads of their own, which may block.
    Threads,
    /// Tasks, so that the order of everything follows from the seed. No control socket is opened.
    Tasks,
}

/// A running gateway.
pub struct Gateway {
    live: Arc<Live>,
    addresses: BTreeMap<Name, Vec<SocketAddr>>,
    health: Vec<SocketAddr>,
    answers: Vec<SocketAddr>,
    ends: Ends,
    /// Listeners with their sessions.
    entrances: JoinSet<()>,
    tasks: JoinSet<()>,
    /// Health and the control socket: they go on until everything else has ended, so that the end can be watched.
    watchers: Vec<JoinHandle<()>>,
    succession: Succession,
    deliveries: Arc<Deliveries>,
    spool: spool::Closer,
    ledger: ledger::Closer,
    anchoring: Option<Arc<Anchoring>>,
    /// What operators may use.
    desk: Desk,
    /// Whether another gate serves in our place.
    left: bool,
    recovery: spool::RecoveryReport,
}

/// How its parts are told to end.
struct Ends {
    /// Ends everything but what the two below end.
    everything: ShutdownTrigger,
    /// Ends accepting.
    doors: ShutdownTrigger,
    /// Ends what monitors see.
    monitors: ShutdownTrigger,
}

/// What a reload may change, and what tools look at.
pub(crate) struct Live {
    pub(crate) admission: Admission,
    /// Where what it judges by comes from.
    pub(crate) rulebooks: Rulebooks,
    pub(crate) registry: Registry,
    pub(crate) resolver: Arc<dyn Resolver>,
    /// Where samples of abuse are kept.
    pub(crate) samples: PathBuf,
    pub(crate) gate: Gate,
    pub(crate) back: Outbound,
    pub(crate) logins: Arc<Logins>,
    pub(crate) certificates: Mutex<Certificates>,
    pub(crate) listeners: Vec<(Name, Arc<arc_swap::ArcSwap<inbound::ListenerConfig>>)>,
    /// Where each of these is bound, port chosen.
    pub(crate) bound: Vec<SocketAddr>,
    pub(crate) recorder: Recorder,
    pub(crate) world: World,
    pub(crate) file: Option<PathBuf>,
    pub(crate) keeper: Option<Arc<Keeper>>,
    /// The self-test that is under way.
    pub(crate) testing: Mutex<Option<AbortHandle>>,
    /// Held while a shadow begins or ends.
    pub(crate) shadowing: tokio::sync::Mutex<()>,
    /// Held by the reload that is under way.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    pub(crate) view: spool::View,
    pub(crate) dispatch: spool::Dispatch,
    pub(crate) reader: ledger::Reader,
}

impl Gateway {
    /// Opens the gate. When this returns, every listener is bound and mail is taken.
    pub async fn start(config: Config, setting: Setting) -> anyhow::Result<Self> {
        Self::succeed(config, setting, Heritage::default()).await
    }

    /// Opens the gate in place of the one that runs, where there is one, which accepts nobody any more when this returns.
    /// After an error that one goes on as if nothing had been.
    pub async fn succeed(config: Config, setting: Setting, heritage: Heritage) -> anyhow::Result<Self> {
        start::start(config, setting, heritage).await
    }

    /// Where each listener is bound, ports chosen.
    #[must_use]
    pub fn addresses(&self) -> &BTreeMap<Name, Vec<SocketAddr>> {
        &self.addresses
    }

    /// Where people answer by the links in their letters.
    #[must_use]
    pub fn answers(&self) -> &[SocketAddr] {
        &self.answers
    }

    /// Where health and metrics are served.
    #[must_use]
    pub fn health(&self) -> &[SocketAddr] {
        &self.health
    }

    /// The queue, to look at.
    #[must_use]
    pub fn view(&self) -> &spool::View {
        &self.live.view
    }

    /// The ledger, to look at.
    #[must_use]
    pub fn reader(&self) -> &ledger::Reader {
        &self.live.reader
    }

    /// What the control socket serves: where there is none, [`control::ask_here`] asks it.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What was found in the queue at the start.
    #[must_use]
    pub fn recovery(&self) -> &spool::RecoveryReport {
        &self.recovery
    }

    /// The way in.
    #[must_use]
    pub fn admission(&self) -> &Admission {
        &self.live.admission
    }

    /// Where events go.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.live.recorder
    }

    /// Reads the configuration again: as a whole, or not at all.
    pub async fn reload(&self) -> Result<String, ReloadError> {
        reload::reload(&self.live, Wish::of(Came::Reload)).await
    }

    /// Waits until a successor serves; [`leave`](Self::leave) comes next.
    pub async fn relieved(&self) -> Relief {
        self.succession.relieved().await
    }

    /// Accepts nobody any more, lets sessions go on as if nothing had been, and waits until the last has ended, no longer
    /// than `grace`. [`stop`](Self::stop) comes next.
    pub async fn leave(&mut self, grace: Duration) {
        self.ends.doors.drain();
        // The successor listens there as well; who asks shall hear of it, not of us.
        self.ends.monitors.stop();
        self.succession.let_go();
        self.left = true;
        tested::end(&self.live);
        let clock = self.live.world.clock.clone();
        let patience = clock.sleep_until(clock.monotonic() + grace);
        let ended = async {
            while self.entrances.join_next().await.is_some() {}
            self.succession.settled().await;
        };
        tokio::select! {
            biased;
            () = ended => {}
            () = patience => {}
        }
    }

    /// Ends in good order: no new sessions, those that are open finish their message, deliveries under way end; what is
    /// queued stays on disk.
    pub async fn stop(mut self) {
        self.ends.doors.drain();
        self.ends.everything.drain();
        self.ends.monitors.drain();
        self.succession.let_go();
        tested::end(&self.live);
        let clock = self.live.world.clock.clone();
        let patience = clock.sleep_until(clock.monotonic() + DRAIN);
        let drained = async {
            while self.entrances.join_next().await.is_some() {}
            while self.tasks.join_next().await.is_some() {}
        };
        tokio::select! {
            biased;
            () = drained => {}
            () = patience => {}
        }
        self.ends.everything.stop();
        self.entrances.shutdown().await;
        self.tasks.shutdown().await;
        self.ends.monitors.stop();
        for watcher in self.watchers {
            // One that panicked has said so itself.
            let _ = watcher.await;
        }
        registry::rest(&self.live).await;
        self.deliveries.flush().await;
        shadow::rest(&self.live).await;
        if !self.left {
            recorded::stopped(&self.live).await;
        }
        self.spool.close().await;
        self.live.recorder.write_refusals();
        self.ledger.close().await;
        if let Some(anchoring) = &self.anchoring {
            anchoring.end().await;
        }
        // The last lines tell how it ended; a log nobody reads any more is not waited for.
        let journal = self.live.recorder.journal.clone();
        let _ = tokio::task::spawn_blocking(move || journal.flush(LAST_LINES)).await;
    }
}
