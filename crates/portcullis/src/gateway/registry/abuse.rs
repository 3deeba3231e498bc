//! What was seen in the mail of a grant: enough of it suspends the grant, in sessions that are open too, and holds what
//! it has queued.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Timestamp;
use policy::Name;
use registry::{Actor, Alert, CaseId, DeskError, Event, State, StoreError, Suspension, Verdict};
use serde_json::{Value, json};

use super::super::Live;
use super::watch;
use crate::control::{Seen, SeenAs};
use crate::registrar::Registry as Desk;

/// Hears of one message. What follows from it is live when this returns.
pub(super) async fn report(live: &Live, seen: Seen) -> Result<Value, String> {
    let registry = &live.registry;
    let grant = Reported::of(live, &seen.grant)?;
    let name = grant.name();
    let verdict = verdict(&seen)?;
    let now = live.admission.now();
    let sample = match &seen.sample {
        Some(text) => Some(keep(live, &name, text, now).await?),
        None => None,
    };
    // Without an id each report is a message of its own.
    let shown = sample.as_ref().map(|file| file.display().to_string());
    let told = || format!("a message told of at {}", now.to_rfc3339());
    let message = seen.message.or(shown).unwrap_or_else(told);
    let heard = registry.abuse.lock().heard(&name, &message, verdict, now);
    let sample = json!(sample);
    let Some(alert) = heard else {
        return Ok(json!({ "grant": &*name, "suspended": false, "sample": sample }));
    };
    let said = said(&alert);
    let (why, actor) = (said.clone(), Actor::rule(alert.rule));
    let uses = registry.uses.clone();
    let stopped = registry.at_desk(move |office| {
        // What came before it was used, whatever it was.
        office.write(&uses)?;
        office.at(|desk| grant.stop(desk, &why, &actor, now))
    });
    let state = stopped.await?.ok_or_else(|| format!("there is no {name}"))?;
    watch::round(live).await;
    Ok(json!({
        "grant": &*name,
        "suspended": !state.admits_mail(),
        "state": state.code(),
        "why": said,
        "sample": sample,
    }))
}

/// Whose mail it was.
enum Reported {
    /// A grant of the registry.
    Case(CaseId),
    /// One of the configuration file.
    Pinned(Name),
}

impl Reported {
    /// By its name; one of the file serves, whatever else is called so.
    fn of(live: &Live, name: &str) -> Result<Self, String> {
        if !live.registry.is_kept() {
            return Err("the configuration keeps no registry, which would remember what is suspended".to_owned());
        }
        let declared = live.rulebooks.declared();
        if let Some(grant) = declared.rulebook().grants.iter().find(|grant| *grant.name == *name) {
            return Ok(Self::Pinned(grant.name.clone()));
        }
        CaseId::parse(name).map(Self::Case).ok_or_else(|| {
            format!("`{name}` is no grant here: a case, as in pc-1042, or as the configuration file calls it")
        })
    }

    fn name(&self) -> Name {
        match self {
            Self::Case(id) => id.to_string().into(),
            Self::Pinned(name) => name.clone(),
        }
    }

    /// Stops it; where it stands then, if there is one. One that was stopped before is what was wanted.
    fn stop(&self, desk: &mut Desk, why: &str, actor: &Actor, now: Timestamp) -> Result<Option<State>, DeskError> {
        match self {
            Self::Case(id) => match desk.act(*id, &Event::Abuse { alert: why.into() }, actor, now) {
                Ok(kept) => Ok(Some(kept.case.state)),
                Err(DeskError::NoStep { .. } | DeskError::Store(StoreError::Missing(_))) => {
                    Ok(desk.store().get(*id)?.map(|kept| kept.case.state))
                }
                Err(why) => Err(why),
            },
            Self::Pinned(name) => match desk.abuse_of_pinned(name, why, actor, now) {
                Ok(said) => Ok(Some(said.state())),
                Err(DeskError::Pinned { .. }) => Ok(Some(State::Suspended(Suspension::Abuse))),
                Err(why) => Err(why),
            },
        }
    }
}

fn verdict(seen: &Seen) -> Result<Verdict, String> {
    Ok(match seen.verdict {
        SeenAs::Phish => Verdict::Phish,
        SeenAs::Malware => Verdict::Malware,
        SeenAs::Spam => {
            let score = seen.score.as_ref().and_then(serde_json::Number::as_f64);
            Verdict::Spam {
                score: score.ok_or("spam is told of with its score")?,
            }
        }
    })
}

fn said(alert: &Alert) -> String {
    let samples: Vec<&str> = alert.samples.iter().map(|sample| &**sample).collect();
    format!("{}: {}", alert.said, samples.join(", "))
}

/// Keeps a sample, where only who runs the gate reads it.
async fn keep(live: &Live, grant: &Name, text: &str, now: Timestamp) -> Result<PathBuf, String> {
    let octets = STANDARD
        .decode(text)
        .map_err(|why| format!("the sample is no Base64: {why}"))?;
    let folder = live.samples.clone();
    let plain: String = grant
        .chars()
        .map(|char| if char.is_ascii_alphanumeric() { char } else { '-' })
        .collect();
    let name = format!("{plain}-{}-{}.eml", now.0, live.admission.ids().event());
    let kept = tokio::task::spawn_blocking(move || write(&folder, &name, &octets)).await;
    let kept = kept.map_err(|why| why.to_string())?;
    kept.map_err(|why| format!("the sample cannot be kept: {why}; nothing was told"))
}

fn write(folder: &Path, name: &str, octets: &[u8]) -> std::io::Result<PathBuf> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let file = folder.join(name);
    let mut open = std::fs::OpenOptions::new();
    let mut out = open.write(true).create_new(true).mode(0o600).open(&file)?;
    out.write_all(octets)?;
    out.sync_all()?;
    Ok(file)
}
