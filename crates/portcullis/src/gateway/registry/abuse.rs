//! What was seen in the mail of a grant: enough of it suspends the grant, in sessions that are open too, and holds what
//! it has queued.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Timestamp;
use registry::{Actor, Alert, CaseId, DeskError, Event, Kept, StoreError, Verdict};
use serde_json::{Value, json};

use super::super::Live;
use super::watch;
use crate::control::{Seen, SeenAs};
use crate::registrar::Registry as Desk;

/// Hears of one message. What follows from it is live when this returns.
pub(super) async fn report(live: &Live, seen: Seen) -> Result<Value, String> {
    let registry = &live.registry;
    let id = CaseId::parse(&seen.grant)
        .filter(|_| registry.is_kept())
        .ok_or_else(|| {
            format!(
                "`{}` is no grant of a registry here; they are called as in pc-1042",
                seen.grant
            )
        })?;
    let verdict = verdict(&seen)?;
    let now = live.admission.now();
    let sample = match &seen.sample {
        Some(text) => Some(keep(live, id, text, now).await?),
        None => None,
    };
    // Without an id each report is a message of its own.
    let shown = sample.as_ref().map(|file| file.display().to_string());
    let told = || format!("a message told of at {}", now.to_rfc3339());
    let message = seen.message.or(shown).unwrap_or_else(told);
    let heard = registry.abuse.lock().heard(&id.to_string(), &message, verdict, now);
    let sample = json!(sample);
    let Some(alert) = heard else {
        return Ok(json!({ "grant": id.to_string(), "suspended": false, "sample": sample }));
    };
    let said = said(&alert);
    let (event, actor) = (abuse(&said), Actor::rule(alert.rule));
    let uses = registry.uses.clone();
    let stopped = registry.at_desk(move |office| {
        // What came before it was used, whatever it was.
        office.write(&uses)?;
        office.at(|desk| stop(desk, id, &event, &actor, now))
    });
    let kept = stopped.await?.ok_or_else(|| format!("there is no {id}"))?;
    watch::round(live).await;
    let state = kept.case.state;
    Ok(json!({
        "grant": id.to_string(),
        "suspended": !state.admits_mail(),
        "state": state.code(),
        "why": said,
        "sample": sample,
    }))
}

fn abuse(said: &str) -> Event {
    Event::Abuse { alert: said.into() }
}

/// Stops a grant; the case as it stands then, where there is one. One that was stopped before is what was wanted.
fn stop(desk: &mut Desk, id: CaseId, event: &Event, actor: &Actor, now: Timestamp) -> Result<Option<Kept>, DeskError> {
    match desk.act(id, event, actor, now) {
        Ok(kept) => Ok(Some(kept)),
        Err(DeskError::NoStep { .. } | DeskError::Store(StoreError::Missing(_))) => Ok(desk.store().get(id)?),
        Err(why) => Err(why),
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
async fn keep(live: &Live, id: CaseId, text: &str, now: Timestamp) -> Result<PathBuf, String> {
    let octets = STANDARD
        .decode(text)
        .map_err(|why| format!("the sample is no Base64: {why}"))?;
    let folder = live.samples.clone();
    let name = format!("{id}-{}-{}.eml", now.0, live.admission.ids().event());
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
