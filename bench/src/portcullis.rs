//! Portcullis with the shipped defaults, one grant for the load, and raised rates.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tokio::process::Command;

use crate::server::Setup;

/// What a run's operator would have written. Log, metrics, header scan and ledger are as shipped.
const CONFIG: &str = r#"version = 1
change  = { author = "postmaster@example.edu", reason = "a bench" }
[organisation]
name     = "Bench"
hostname = "gate.example.edu"
domains  = ["example.edu"]
networks = ["127.0.0.0/8"]
[listeners.relay]
role   = "relay"
listen = ["127.0.0.1:@PORT@"]
[listeners.health]
role   = "health"
listen = ["127.0.0.1:@HEALTH@"]
[tls]
certificates = [{ chain = "@CHAIN@", key = "@KEY@" }]
[routes.inside]
domains    = ["example.edu"]
to         = ["@SINK@"]
recipients = "any"
[routes.internet]
to = ["@SINK@"]
[grants.load]
owner   = "Bench"
contact = "it@example.edu"
reason  = "the load"
until   = @UNTIL@
by      = { address = ["127.0.0.2"] }
from    = ["*@example.edu"]
to      = "any"
class   = "application"
limits  = { messages_per_minute = 100000000, messages_per_hour = 1000000000, messages_per_day = 1000000000, recipients_per_day = 1000000000 }
[[limits.for]]
networks             = ["127.0.0.0/8"]
sessions_per_address = 20000
sessions_per_minute  = 10000000
messages_per_minute  = 10000000
[spool]
dir       = "@DIR@/spool"
keep_free = "16 MiB"
[ledger]
dir = "@DIR@/ledger"
"#;

/// Writes configuration and folders into `dir`.
pub fn write(dir: &Path, port: u16, health: u16, setup: &Setup) -> anyhow::Result<PathBuf> {
    for name in ["spool", "ledger"] {
        fs::create_dir(dir.join(name))?;
    }
    let certificate = setup.certificate.as_ref().context("a gate has a certificate")?;
    // Accepted mail must have somewhere to go, also where it is kept back.
    let sink = setup
        .relay_to
        .map_or_else(|| "127.0.0.1:9".to_owned(), |sink| sink.to_string());
    let mut config = CONFIG.to_owned();
    for (name, value) in [
        ("@PORT@", port.to_string()),
        ("@HEALTH@", health.to_string()),
        ("@CHAIN@", certificate.chain.display().to_string()),
        ("@KEY@", certificate.key.display().to_string()),
        ("@SINK@", sink),
        ("@UNTIL@", in_eleven_months()),
        ("@DIR@", dir.display().to_string()),
    ] {
        config = config.replace(name, &value);
    }
    if setup.sessions >= 10_000 {
        // As many as the shipped default admits; one more looks whether it greets.
        write!(config, "[limits]\nsessions = {}\n", setup.sessions + 100)?;
    }
    let file = dir.join("portcullis.toml");
    fs::write(&file, config)?;
    Ok(file)
}

/// Exceptions for addresses end within a year.
fn in_eleven_months() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let until = now.checked_add(jiff::Span::new().months(11)).unwrap_or(now);
    until.strftime("%Y-%m-%d").to_string()
}

/// Asks a running gate something about its queue, as an operator would.
pub async fn queue(program: &Path, dir: &Path, what: &[&str]) -> anyhow::Result<String> {
    let done = Command::new(program)
        .arg("queue")
        .args(what)
        .arg("--socket")
        .arg(dir.join("spool/control.sock"))
        .kill_on_drop(true)
        .output()
        .await?;
    if !done.status.success() {
        bail!("portcullis queue {what:?}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Messages in its queue, in whatever state.
pub async fn queued(program: &Path, dir: &Path) -> anyhow::Result<usize> {
    let counts: serde_json::Value = serde_json::from_str(&queue(program, dir, &["counts", "--json"]).await?)?;
    let messages = counts.get("messages").and_then(serde_json::Value::as_u64);
    Ok(usize::try_from(messages.context("no number of messages")?)?)
}
