//! What a successor says over the control socket, and the operator who asks for one.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::changes::Operator;
use super::desk::to_value;
use super::serve::{PATIENCE, Unanswered, within};
use super::{Asked, Desk, Select};
use crate::shadow;
use crate::succession::{self, Handing, Successor};

/// Whether only a successor says this: what it says depends on what it said before.
pub(super) fn is_of_successor(asked: &Asked) -> bool {
    matches!(
        asked,
        Asked::HandOver { .. } | Asked::Relieve { .. } | Asked::GiveUp { .. }
    )
}

/// Answers a successor; `handing` is what it was given so far.
pub(super) async fn answer(
    asked: Asked,
    handing: &mut Option<Handing>,
    desk: &Desk,
    stream: &mut UnixStream,
) -> Result<Value, Unanswered> {
    match (asked, handing.take()) {
        (Asked::HandOver { pid, version }, None) => {
            let (begun, sockets) = desk.succession.hand_over(Successor { pid, version })?;
            *handing = Some(begun);
            for one in sockets {
                let line = format!("{}\n", json!({ "item": { "asked": one.asked } }));
                let sending = succession::send_with(stream, line.as_bytes(), one.socket);
                within(desk, PATIENCE, sending).await?;
            }
            Ok(json!({
                "pid": std::process::id(),
                "version": crate::version::version(),
                "suspended": desk.view.suspended().iter().map(|one| to_value(Select::of(one))).collect::<Vec<_>>(),
            }))
        }
        (Asked::Relieve { grace_secs }, Some(mut begun)) if begun.is_undecided() => {
            // The successor goes on with what is counted here; that it cannot be kept is told, and hinders nobody.
            let _ = (desk.shadow)(shadow::Wish::HandOver).await;
            let Successor { pid, version } = begun.relieve(Duration::from_secs(grace_secs));
            *handing = Some(begun);
            let fields = json!({ "pid": pid, "version": version, "grace_secs": grace_secs });
            desk.recorder.journal.note(desk.now(), "upgrade.relieved", &fields);
            Ok(json!({}))
        }
        (Asked::GiveUp { why }, Some(begun)) if begun.is_undecided() => {
            let fields = json!({ "pid": begun.successor().pid, "text": why });
            desk.recorder.journal.note(desk.now(), "upgrade.failed", &fields);
            begun.give_up(why);
            Ok(json!({}))
        }
        (_, begun) => {
            *handing = begun;
            Err("only a successor says this, and in order".to_owned().into())
        }
    }
}

/// The connection of a successor has ended. Where it had not served yet, this gate goes on.
pub(super) fn abandoned(handing: &Handing, desk: &Desk) {
    if !handing.is_undecided() {
        return;
    }
    let fields = json!({
        "pid": handing.successor().pid,
        "text": "the successor went away before it served; this gate goes on",
    });
    desk.recorder.journal.note(desk.now(), "upgrade.failed", &fields);
}

/// Starts a successor for an operator.
pub(super) async fn upgrade(
    desk: &Desk,
    by: &Operator,
    binary: Option<PathBuf>,
    grace: Duration,
) -> Result<Value, Unanswered> {
    let fields = json!({ "by": by.to_string(), "binary": binary });
    desk.recorder.journal.note(desk.now(), "upgrade.begun", &fields);
    match desk.succession.launch(binary, grace).await {
        Ok(Successor { pid, version }) => Ok(json!({ "pid": pid, "version": version })),
        Err(why) => {
            desk.recorder
                .journal
                .note(desk.now(), "upgrade.refused", &json!({ "text": why }));
            Err(why.into())
        }
    }
}
