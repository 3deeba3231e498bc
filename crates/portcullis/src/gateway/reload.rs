//! Reading the configuration again, without dropping a session: as a whole, or not at all.

use std::sync::{Arc, Weak};

use ledger::{ConfigLoaded, Event, LoadedBy, Words};
use policy::Generation;

use super::Live;
use super::registry::Setup;
use super::{back, front, recorded, rulebooks, tested};
use crate::change::{Decided, Refused};
use crate::config::{self, Config, Machine, Reading};
use crate::control::Reload;
use crate::generations::{Came, Wish};

/// Why a reload was refused. What served before goes on serving.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// There is no file to read.
    #[error("this gateway was not started from a file")]
    NoFile,
    /// The file cannot be read.
    #[error("the configuration cannot be read: {0}")]
    File(#[from] std::io::Error),
    /// It has errors; here is what `portcullis check` says.
    #[error("the configuration has errors; the former one goes on serving\n{0}")]
    Wrong(String),
    /// It breaks a property, or lets in more without anybody who answers for that.
    #[error("the former configuration goes on serving: {0}")]
    Refused(#[from] Refused),
    /// Another change came before it.
    #[error("generation {0} serves by now, not the one this was to follow; look again, and try again")]
    Overtaken(u64),
    /// It lets in more, and cannot be put on record.
    #[error(
        "the former configuration goes on serving: what lets in more has to be on record first, and that failed: {0}"
    )]
    Unkept(std::io::Error),
    /// It is right, but something it names cannot be used.
    #[error("the configuration cannot be used; the former one goes on serving: {0:#}")]
    Unusable(anyhow::Error),
}

/// Testimony that a configuration serves from now on.
pub(super) fn loaded(config: &Config, generation: Generation, wish: &Wish) -> Event {
    let (how, of) = match wish.came {
        Came::Start => (LoadedBy::Start, None),
        Came::Upgrade => (LoadedBy::Upgrade, None),
        Came::Reload => (LoadedBy::Reload, None),
        Came::Rollback { of, .. } => (LoadedBy::Rollback, Some(of)),
        Came::Return { of, .. } => (LoadedBy::Return, Some(of)),
    };
    Event::ConfigLoaded(Box::new(ConfigLoaded {
        generation: generation.0,
        hash: config.hash,
        how: Some(how),
        of,
        by: wish.by.as_deref().map(Words::new),
        author: config.change.as_ref().map(|change| Words::new(&change.author)),
        reason: config.change.as_ref().map(|change| Words::new(&change.reason)),
    }))
}

/// A reload for whoever is asked for one while the gateway runs.
pub(super) fn callback(live: &Arc<Live>) -> Reload {
    let live: Weak<Live> = Arc::downgrade(live);
    Arc::new(move |wish| {
        let live = live.upgrade();
        Box::pin(async move {
            match live {
                Some(live) => reload(&live, wish).await.map_err(|why| why.to_string()),
                None => Err("the gateway is stopping".to_owned()),
            }
        })
    })
}

/// Reads the configuration again, one reload after the other. Where the text is another one, it is a generation of its
/// own, and is tested.
pub(super) async fn reload(live: &Arc<Live>, wish: Wish) -> Result<String, ReloadError> {
    let _turn = live.reloading.lock().await;
    let failing = tested::failing(live).await;
    let came = read_again(live, wish).await;
    match &came {
        Ok(_) => tested::begin(live, tested::After::Change(failing)),
        Err(why) => {
            let recorder = &live.recorder;
            let fields = serde_json::json!({ "text": why.to_string() });
            recorder.journal.note(recorder.now(), "config.refused", &fields);
        }
    }
    came
}

/// Reads, judges, keeps, prepares, and only then swaps.
async fn read_again(live: &Live, wish: Wish) -> Result<String, ReloadError> {
    let serving = live.admission.snapshot().generation().0;
    if let Came::Rollback { from, .. } = wish.came
        && from != serving
    {
        return Err(ReloadError::Overtaken(serving));
    }
    let (config, decided) = judged(live).await?;
    serve(live, &config, decided, wish).await
}

/// Lets a configuration serve that may.
pub(super) async fn serve(
    live: &Live,
    config: &Config,
    decided: Option<Decided>,
    wish: Wish,
) -> Result<String, ReloadError> {
    let serving = live.admission.snapshot().generation();
    let certificates =
        front::certificates(config, &live.logins.authorities(), &live.world.clock).map_err(ReloadError::Unusable)?;
    let back = back::config(config, &live.world.clock).map_err(ReloadError::Unusable)?;
    let recorded = match decided {
        Some(decided) => Some(
            recorded::next(live, decided, wish.clone())
                .await
                .map_err(ReloadError::Unkept)?,
        ),
        None => None,
    };
    let generation = recorded
        .as_ref()
        .map_or(Generation(serving.0 + 1), |recorded| recorded.number);
    let declared = config.snapshot(generation).map_err(|conflicts| {
        let first = conflicts
            .first()
            .map(|conflict| conflict.what.clone())
            .unwrap_or_default();
        ReloadError::Wrong(first)
    })?;

    let next = rulebooks::put_together(live, Arc::new(declared), live.rulebooks.said()).await;
    let next = next.map_err(ReloadError::Unusable)?;

    // From here on nothing can fail.
    rulebooks::publish(live, next).await;
    live.registry.configure(Setup::of(config)).await;
    live.logins.configure(config.logins.clone(), config.limits.clone());
    live.logins.trust(&config.vouching, &live.world, &live.resolver);
    live.gate.set_doors(front::doors(&config.limits));
    live.back.reconfigure(back);
    let stayed = swap_listeners(live, config, &certificates);
    *live.certificates.lock() = certificates;
    if generation == serving {
        return Ok(format!(
            "generation {generation} goes on serving: its text is the same{stayed}"
        ));
    }
    live.recorder.testify(loaded(config, generation, &wish)).await;
    if let Some(recorded) = recorded {
        recorded::serves(live, recorded).await;
    }
    Ok(format!("generation {generation} serves{stayed}"))
}

/// Reads and judges, beside the runtime: both touch files, and a proof of ten thousand grants takes seconds.
async fn judged(live: &Live) -> Result<(Config, Option<Decided>), ReloadError> {
    let file = live.file.clone().ok_or(ReloadError::NoFile)?;
    let (keeper, now, serving) = (live.keeper.clone(), live.admission.now(), live.rulebooks.declared());
    let work = move || {
        let Reading { report, config } = config::load(&file, &Machine::look(now))?;
        let Some(config) = config else {
            return Err(ReloadError::Wrong(report.render()));
        };
        let Some(keeper) = keeper else {
            return Ok((config, None));
        };
        let source = report.source();
        let decided = keeper.judge_reload(&serving, source.name(), &config, source.text(), now)?;
        Ok((decided.passed.config.clone(), Some(decided)))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(judged) => judged,
        Err(why) => Err(ReloadError::Unusable(why.into())),
    }
}

/// New sessions get the new settings. Addresses are bound once: a changed list needs a restart, and is said.
fn swap_listeners(live: &Live, config: &Config, certificates: &front::Certificates) -> String {
    let mut restart = Vec::new();
    let finished = front::listeners(config, certificates);
    for new in &finished {
        let mut known = false;
        for (_, settings) in live.listeners.iter().filter(|(name, _)| *name == new.name) {
            known = true;
            let old = settings.load();
            if old.addresses != new.addresses || old.transport != new.transport {
                restart.push(new.name.to_string());
            }
            // Where certificates can be replaced in place, handshakes under way see the new ones too.
            if let (Some(old_tls), Some(new_tls)) = (&old.tls, &new.tls) {
                old_tls.replace(new_tls.identities().to_vec());
            }
            // What needs a restart stays as it is until then, and is said again at each reload.
            let mut kept = new.clone();
            kept.addresses.clone_from(&old.addresses);
            kept.transport = old.transport;
            settings.store(Arc::new(kept));
        }
        if !known {
            restart.push(new.name.to_string());
        }
    }
    let gone = live
        .listeners
        .iter()
        .filter(|(name, _)| finished.iter().all(|new| new.name != *name));
    restart.extend(gone.map(|(name, _)| name.to_string()));
    restart.sort();
    restart.dedup();
    if restart.is_empty() {
        String::new()
    } else {
        format!("; restart to change where {} listen", restart.join(", "))
    }
}
