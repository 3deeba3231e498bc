//! The registry within a gate that runs: what it grants is live seconds later, time does its work on it, and what mail
//! says of its grants is written down.
//!
//! Gates never see it: what is granted reaches them through the one snapshot, and no message waits for a store. Where
//! the store cannot be read, what served last goes on serving until each grant's own end; that is said, and it is tried
//! again.

mod abuse;
mod checks;
mod heard;
mod letter;
mod office;
mod post;
mod setup;
mod stopped;
mod told;
mod watch;
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use mail::Timestamp;
use parking_lot::Mutex;
use policy::Name;
use serde_json::{Value, json};
use tokio::sync::Notify;
use world::Disk;

use super::Live;
use super::compose::Registered;
use crate::control::{Registering, RegistryWish};
use crate::identities::Verifier;
use crate::uses::Uses;
use office::Office;
use stopped::Stopped;

pub(super) use setup::Setup;
pub(super) use watch::{rest, watch};

/// For whoever wants something of the registry.
pub(super) fn callback(live: &Arc<Live>) -> Registering {
    let live: Weak<Live> = Arc::downgrade(live);
    Arc::new(move |wish| {
        let live = live.upgrade();
        Box::pin(async move {
            let live = live.ok_or("the gateway is stopping")?;
            match wish {
                RegistryWish::Troubles => Ok(troubles(&live)),
                RegistryWish::Report(seen) => abuse::report(&live, seen).await,
            }
        })
    })
}

fn troubles(live: &Live) -> Value {
    let left_out = live.rulebooks.left_out();
    let left_out = left_out
        .iter()
        .map(|(grant, why)| format!("registry: {grant} does not serve: {why}"));
    json!(live.registry.troubles().into_iter().chain(left_out).collect::<Vec<_>>())
}

/// What a registry gives to a gate that starts.
#[derive(Default)]
pub(super) struct First {
    pub(super) said: Registered,
    pub(super) logins: BTreeMap<Name, Verifier>,
}

/// What a gate holds of its registry.
pub(crate) struct Registry {
    /// Where cases are looked at, by one at a time and beside the runtime.
    office: Arc<Mutex<Office>>,
    /// Whether there is one at all.
    kept: AtomicBool,
    uses: Arc<Uses>,
    /// The state of it that serves; `None` where it has to be read whatever it is.
    published: Mutex<Option<u64>>,
    /// What of the network's files cannot be read.
    unread: Mutex<Vec<String>>,
    /// What is wrong with the words of letters.
    words_wrong: Mutex<Vec<String>>,
    /// What was seen in the mail of its grants.
    abuse: Mutex<registry::Abuse>,
    /// Grants of the file that it stopped, for a start without it.
    stopped: Arc<Stopped>,
    /// Why it cannot be asked, while it cannot.
    trouble: Mutex<Option<String>>,
    /// Rings when somebody wants it looked at now, or a database says that something in it has changed.
    bell: Arc<Notify>,
}

impl Registry {
    /// What it has to know without being able to ask lies in `folder`.
    pub(super) fn new(setup: Option<Setup>, uses: Arc<Uses>, disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        let bell = Arc::new(Notify::new());
        uses.listen_at(setup.as_ref().and_then(Setup::post));
        let rung = bell.clone();
        Self {
            kept: AtomicBool::new(setup.is_some()),
            office: Arc::new(Mutex::new(Office::new(setup, Arc::new(move || rung.notify_one())))),
            uses,
            published: Mutex::default(),
            unread: Mutex::default(),
            words_wrong: Mutex::default(),
            abuse: Mutex::default(),
            stopped: Arc::new(Stopped::new(disk, folder)),
            trouble: Mutex::default(),
            bell,
        }
    }

    /// Whether the configuration keeps one.
    pub(super) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }

    /// Does something at the desk, beside the runtime. `Err` in words, where the registry cannot be asked.
    async fn at_desk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Office) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let office = self.office.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut office.lock())).await;
        let done = done.unwrap_or_else(|why| Err(why.to_string()));
        if let Err(why) = &done {
            let former = self.trouble.lock().replace(why.clone());
            if former.as_ref() != Some(why) {
                tracing::error!(event = "registry.away", %why, "what was granted last goes on serving to its end; it is asked again every second");
            }
        }
        done
    }

    /// A whole round went well.
    fn is_back(&self) {
        if self.trouble.lock().take().is_some() {
            tracing::info!(event = "registry.back", "the registry can be asked again");
        }
    }

    /// What keeps it from its work, for monitors.
    fn troubles(&self) -> Vec<String> {
        let away = self.trouble.lock().clone();
        let away =
            away.map(|why| format!("registry: {why}; what was granted last goes on serving, nothing new is granted"));
        let unread = self.unread.lock().clone();
        let unread = unread
            .into_iter()
            .map(|why| format!("registry: {why}; it opens nothing and closes nothing"));
        let words = self.words_wrong.lock().clone();
        let words = words
            .into_iter()
            .map(|why| format!("registry: {why}; letters are written with the former words"));
        away.into_iter().chain(unread).chain(words).collect()
    }

    /// Has it looked at now rather than in a second.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// What is granted now, at a start. Where it cannot be asked nothing is, what it stopped stays so, and it is asked
    /// again.
    pub(super) async fn first(&self, now: Timestamp) -> First {
        if !self.is_kept() {
            return First::default();
        }
        let uses = self.uses.clone();
        let first = self.at_desk(move |office| office.granted(&uses, now)).await;
        let Ok(first) = first else {
            let suspended = self.stopped.recall();
            return First {
                said: Registered {
                    suspended,
                    ..Registered::default()
                },
                logins: BTreeMap::new(),
            };
        };
        *self.published.lock() = Some(first.revision);
        self.remember(&first.said).await;
        First {
            said: first.said,
            logins: first.logins,
        }
    }

    /// Remembers what has to be known at a start without it.
    async fn remember(&self, said: &Registered) {
        let (stopped, suspended) = (self.stopped.clone(), said.suspended.clone());
        // What goes wrong says so itself.
        let _ = tokio::task::spawn_blocking(move || stopped.remember(&suspended)).await;
    }

    /// Another configuration serves.
    pub(super) async fn configure(&self, setup: Option<Setup>) {
        let was_kept = self.kept.swap(setup.is_some(), Ordering::Relaxed);
        if !was_kept && setup.is_none() {
            return;
        }
        self.uses.listen_at(setup.as_ref().and_then(Setup::post));
        let office = self.office.clone();
        // The desk may be busy with a store that does not answer.
        let configured = tokio::task::spawn_blocking(move || office.lock().configure(setup)).await;
        if let Err(why) = configured {
            tracing::error!(event = "registry.not_configured", %why, "the registry goes by the former configuration");
        }
        *self.published.lock() = None;
        self.ring();
    }
}
