//! A configuration beside the live one: read, started, kept over restarts, and ended in time.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use ledger::{Event, ShadowEnded, ShadowStarted, Words};
use mail::Timestamp;
use policy::prove::prove;
use policy::{Generation, Snapshot};
use serde_json::{Value, json};
use wire::{Phase, Shutdown};

use super::Live;
use super::compose::beside;
use crate::change::{Proofs, Served, digest, told};
use crate::config::{self, Machine};
use crate::control::Shadowing;
use crate::generations::{Generations, sha256};
use crate::shadow::{Counts, Decider, Ended, Kept, Present, Terms, Wish};

/// How often what was counted is kept.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// For whoever wants something of the shadow.
pub(super) fn callback(live: &Arc<Live>) -> Shadowing {
    let live: Weak<Live> = Arc::downgrade(live);
    Arc::new(move |wish| {
        let live = live.upgrade();
        Box::pin(async move {
            match live {
                Some(live) => wished(&live, wish).await,
                None => Err("the gateway is stopping".to_owned()),
            }
        })
    })
}

async fn wished(live: &Live, wish: Wish) -> Result<Value, String> {
    match wish {
        Wish::Start {
            file,
            lasting,
            by,
            reason,
        } => start(live, file, lasting, by, reason).await,
        Wish::Status => report(live).await,
        Wish::Stop { by, reason } => {
            let _turn = live.shadowing.lock().await;
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            if !end(live, format!("stopped by {by}{reason}")).await? {
                return Err("no shadow is on; `portcullis shadow status` shows the last one".to_owned());
            }
            report(live).await
        }
        Wish::HandOver => {
            rest(live).await;
            Ok(Value::Null)
        }
    }
}

/// A configuration that was read to decide beside the live one.
struct Read {
    snapshot: Snapshot,
    keeps_registry: bool,
    text: String,
    declarations: String,
    /// The properties that keep it from serving, in words.
    broken: Option<String>,
}

async fn start(
    live: &Live,
    file: PathBuf,
    lasting: Duration,
    by: String,
    reason: Option<String>,
) -> Result<Value, String> {
    let _turn = live.shadowing.lock().await;
    let shadow = live.recorder.shadow.clone();
    if shadow.until().is_some() {
        return Err(
            "a shadow is on already; `portcullis shadow status` shows it, `portcullis shadow stop` ends it".to_owned(),
        );
    }
    let (now, generations) = (live.admission.now(), generations(live));
    let work = move || {
        let read = read(&file, now)?;
        let terms = Terms {
            sha256: sha256(&read.text),
            rulebook: read.snapshot.hash(),
            declarations: read.declarations,
            since: now,
            until: now.plus(lasting),
            file,
            by,
            reason,
        };
        let kept = Kept {
            terms,
            counts: Counts::default(),
            ended: None,
        };
        if let Some(generations) = generations {
            let written = kept.write_with(&read.text, &generations);
            written.map_err(|error| format!("nothing was started: it cannot be kept: {error}"))?;
        }
        let decider = Decider {
            declared: read.snapshot,
            keeps_registry: read.keeps_registry,
        };
        Ok::<_, String>((kept.terms, decider, read.broken))
    };
    let (terms, decider, broken) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|why| why.to_string())??;
    let begun = shadow.begin(terms.clone(), decider, Counts::default(), live.recorder.metrics.clone());
    begun.map_err(|error| format!("nothing was started: there is no thread for it: {error}"))?;
    let_registered(live).await;
    let generation = live.admission.snapshot().generation().0;
    let started = ShadowStarted {
        file: Words::new(&terms.file.to_string_lossy()),
        sha256: Words::new(&terms.sha256),
        rulebook: terms.rulebook,
        generation,
        until: terms.until,
        by: Words::new(&terms.by),
        reason: terms.reason.as_deref().map(Words::new),
    };
    live.recorder.testify(Event::ShadowStarted(Box::new(started))).await;
    Ok(json!({
        "file": terms.file,
        "generation": generation,
        "until": terms.until.to_rfc3339(),
        "broken": broken,
    }))
}

/// Reads it as a reload would; what it would not serve for is told, for it decides nothing.
fn read(file: &Path, now: Timestamp) -> Result<Read, String> {
    let reading = config::load(file, &Machine::look(now))
        .map_err(|error| format!("{} cannot be read by the gate: {error}", file.display()))?;
    let source = reading.report.source();
    let (name, text) = (source.name().to_owned(), source.text().to_owned());
    let mut config = reading
        .config
        .ok_or_else(|| format!("it has errors; nothing was started\n{}", reading.report.render()))?;
    let declarations = digest(&config.rulebook);
    config.rulebook.intent.bounds.written = Some(now);
    let snapshot = config
        .snapshot(Generation(0))
        .map_err(|_| "it contradicts itself; `portcullis check` says where".to_owned())?;
    let begun = std::time::Instant::now();
    let proof = prove(&snapshot, Some(now));
    let broken = (!proof.may_serve()).then(|| told::broken(&name, &proof, begun.elapsed()));
    Ok(Read {
        snapshot,
        keeps_registry: config.registry.is_some(),
        text,
        declarations,
        broken,
    })
}

/// Goes on with what was on when the last gate stopped, or says why it does not.
pub(super) async fn resume(live: &Live) {
    let Some(generations) = generations(live) else { return };
    let _turn = live.shadowing.lock().await;
    let now = live.admission.now();
    let found = tokio::task::spawn_blocking(move || find(&generations, now)).await;
    let (mut kept, why) = match found {
        Ok(Ok(None)) | Err(_) => return,
        Ok(Ok(Some((kept, Standing::Ended)))) => return live.recorder.shadow.remember(kept),
        Ok(Ok(Some((kept, Standing::Goes(decider))))) => {
            let Kept { terms, counts, .. } = kept.clone();
            let metrics = live.recorder.metrics.clone();
            match live.recorder.shadow.begin(terms, *decider, counts, metrics) {
                Ok(()) => {
                    let_registered(live).await;
                    return tracing::info!(event = "shadow.resumed", file = %kept.terms.file.display(), "the shadow goes on");
                }
                Err(error) => (kept, format!("there is no thread for it: {error}")),
            }
        }
        Ok(Ok(Some((kept, Standing::Cannot(why))))) => (kept, why),
        Ok(Err(why)) => {
            tracing::warn!(event = "shadow.lost", %why, "whether a shadow was on is not known; none is on now");
            return;
        }
    };
    tracing::warn!(event = "shadow.ended", %why, "the shadow does not go on");
    kept.ended = Some(Ended { at: now, why });
    live.recorder.shadow.remember(kept.clone());
    ended(live, kept).await;
}

/// What the registry grants has changed: the one that is on decides by that as well.
pub(super) async fn registered(live: &Live) {
    if live.recorder.shadow.declared().is_some() {
        let _turn = live.shadowing.lock().await;
        let_registered(live).await;
    }
}

/// Whoever calls holds the lock: what is older never comes behind what is newer.
async fn let_registered(live: &Live) {
    let shadow = live.recorder.shadow.clone();
    let Some(declared) = shadow.declared() else { return };
    let (said, now) = (live.rulebooks.said(), live.admission.now());
    let composed = tokio::task::spawn_blocking(move || beside(&declared, &said, now)).await;
    match composed {
        Ok(snapshot) => shadow.decide_by(Arc::new(snapshot)),
        Err(why) => {
            tracing::warn!(event = "shadow.not_composed", %why, "the shadow decides by what was granted before");
        }
    }
}

/// Whether a text has a registry in it.
fn keeps_registry(text: &str) -> bool {
    text.parse::<toml::Table>()
        .is_ok_and(|all| all.contains_key("registry"))
}

/// How a shadow stands at a start.
enum Standing {
    /// It had ended before.
    Ended,
    /// It goes on.
    Goes(Box<Decider>),
    /// It cannot, for this reason.
    Cannot(String),
}

fn find(generations: &Generations, now: Timestamp) -> Result<Option<(Kept, Standing)>, String> {
    let Some(kept) = Kept::read(generations).map_err(|why| why.to_string())? else {
        return Ok(None);
    };
    if kept.ended.is_some() {
        return Ok(Some((kept, Standing::Ended)));
    }
    if kept.terms.until <= now {
        return Ok(Some((kept, Standing::Cannot(OVER.to_owned()))));
    }
    let standing = match kept.text(generations) {
        Ok(text) => {
            let keeps_registry = keeps_registry(&text);
            match Served::read(text, &kept.terms.declarations, &Proofs::none()) {
                Served::Read { snapshot, .. } => Standing::Goes(Box::new(Decider {
                    declared: *snapshot,
                    keeps_registry,
                })),
                Served::Nothing => Standing::Cannot("its text is gone".to_owned()),
                Served::Unreadable { .. } => {
                    Standing::Cannot("this version reads it otherwise than the one that started it".to_owned())
                }
            }
        }
        Err(error) => Standing::Cannot(error.to_string()),
    };
    Ok(Some((kept, standing)))
}

/// Why one ends by itself.
const OVER: &str = "its time was over";

/// Keeps what is counted, and ends the shadow when its time is over, until the shutdown.
pub(super) async fn watch(live: Arc<Live>, mut shutdown: Shutdown) {
    let clock = live.world.clock.clone();
    let mut saved = None;
    loop {
        let (now, until) = (live.admission.now(), live.recorder.shadow.until());
        let pause = match until {
            Some(until) if until <= now => {
                let _turn = live.shadowing.lock().await;
                // Another one may have come in its place meanwhile.
                if live.recorder.shadow.until() == Some(until)
                    && let Err(why) = end(&live, OVER.to_owned()).await
                {
                    tracing::warn!(event = "shadow.not_ended", %why, "the shadow's end failed");
                }
                continue;
            }
            Some(until) => until.since(now).min(KEPT_EVERY),
            // None is on: woken when one begins.
            None => Duration::MAX,
        };
        let asleep = async {
            match pause {
                Duration::MAX => std::future::pending().await,
                pause => clock.sleep_until(clock.monotonic() + pause).await,
            }
        };
        tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Running) => return,
            () = live.recorder.shadow.changed() => {}
            () = asleep => {
                // What is written here must not come behind the word that it ended.
                let _turn = live.shadowing.lock().await;
                let is_on = live.recorder.shadow.until().is_some();
                let kept = live.recorder.shadow.kept().filter(|kept| is_on && saved.as_ref() != Some(kept));
                if let Some(kept) = kept {
                    keep(&live, kept.clone()).await;
                    saved = Some(kept);
                }
            }
        }
    }
}

/// Decides no more here; somebody else goes on with what was counted, or the next start does.
pub(super) async fn rest(live: &Live) {
    let _turn = live.shadowing.lock().await;
    let (shadow, metrics) = (live.recorder.shadow.clone(), live.recorder.metrics.clone());
    let rested = tokio::task::spawn_blocking(move || shadow.rest(&metrics)).await;
    if let Ok(Some(kept)) = rested {
        keep(live, kept).await;
    }
}

/// Ends the one that is on; whether one was.
async fn end(live: &Live, why: String) -> Result<bool, String> {
    let (shadow, metrics) = (live.recorder.shadow.clone(), live.recorder.metrics.clone());
    let at = live.admission.now();
    let ending = tokio::task::spawn_blocking(move || shadow.end(Ended { at, why }, &metrics));
    match ending.await.map_err(|why| why.to_string())? {
        Some(kept) => {
            ended(live, kept).await;
            Ok(true)
        }
        None => Ok(false),
    }
}

/// Keeps and testifies that it ended.
async fn ended(live: &Live, kept: Kept) {
    let event = ShadowEnded {
        file: Words::new(&kept.terms.file.to_string_lossy()),
        rulebook: kept.terms.rulebook,
        why: Words::new(kept.ended.as_ref().map_or("", |ended| &ended.why)),
        decided: kept.counts.decided(),
        differ: kept.counts.differ.all(),
        skipped: kept.counts.skipped,
    };
    keep(live, kept).await;
    live.recorder.testify(Event::ShadowEnded(Box::new(event))).await;
}

async fn keep(live: &Live, kept: Kept) {
    let Some(generations) = generations(live) else { return };
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || kept.write(&generations)).await {
        tracing::warn!(event = "shadow.not_kept", %error, "what the shadow counted is not kept over a restart");
    }
}

async fn report(live: &Live) -> Result<Value, String> {
    let Some(kept) = live.recorder.shadow.kept() else {
        return Ok(Value::Null);
    };
    let (serving, generations, live_file) = (live.rulebooks.declared(), generations(live), live.file.clone());
    let present = move || {
        let is_same = std::fs::read_to_string(&kept.terms.file).is_ok_and(|text| sha256(&text) == kept.terms.sha256);
        Present {
            generation: serving.generation().0,
            live_file,
            same_as_live: digest(serving.rulebook()) == kept.terms.declarations,
            kept_as: generations
                .filter(|_| !is_same)
                .map(|generations| Kept::text_path(&generations)),
        }
    };
    let present = tokio::task::spawn_blocking(present)
        .await
        .map_err(|why| why.to_string())?;
    let report = live.recorder.shadow.report(present);
    serde_json::to_value(report).map_err(|why| why.to_string())
}

fn generations(live: &Live) -> Option<Generations> {
    live.keeper.as_ref().map(|keeper| keeper.generations().clone())
}
