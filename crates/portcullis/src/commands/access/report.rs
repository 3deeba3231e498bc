//! `portcullis access report`: what a scanner or a person saw in the mail of a grant.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Around, Common, Told, Trouble};
use crate::commands::queue;
use crate::control::{self, Asked, Seen, SeenAs};

/// Octets of a sample at most: a request over the control socket has 256 KiB.
const SAMPLE_OCTETS_MAX: usize = 180_000;

/// Arguments of `access report`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Tell the running gate what was seen in the mail of a grant. One phish or one malware, or three messages of \
        spam with a score of 10 and more within half an hour, suspend the grant before this command answers: sessions that \
        are open hear 554 at their next command, what it has queued is held, and its people, whoever took the risk and \
        security are written to.\n\nThe sample is kept where only the gate's user reads it.\n\nStatus 0: it was heard, \
        whatever came of it. Status 2: it could not be told.",
    after_help = "Examples:\n  portcullis access report pc-1042 --verdict phish --sample phish.eml\n  \
        portcullis access report pc-1042 --verdict spam --score 14.2 --message 06M3K8FQ2XRA"
)]
pub(super) struct Args {
    /// The case, as in pc-1042; or a grant of the configuration file, by its name there.
    #[arg(value_name = "GRANT")]
    grant: String,
    /// The gateway's control socket, in place of the one the configuration leads to.
    #[arg(long, value_name = "FILE")]
    socket: Option<PathBuf>,
    /// What it is.
    #[arg(long, value_enum)]
    verdict: Verdict,
    /// The scanner's score, of spam.
    #[arg(long, required_if_eq("verdict", "spam"))]
    score: Option<f64>,
    /// The message's id; the same one told twice counts once.
    #[arg(long, value_name = "ID")]
    message: Option<String>,
    /// The message itself.
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Verdict {
    /// It wants secrets.
    Phish,
    /// It does harm.
    Malware,
    /// It is unwanted.
    Spam,
}

pub(super) fn run(args: &Args, _: &Around) -> Result<Told, Trouble> {
    let seen = Seen {
        grant: args.grant.clone(),
        verdict: match args.verdict {
            Verdict::Phish => SeenAs::Phish,
            Verdict::Malware => SeenAs::Malware,
            Verdict::Spam => SeenAs::Spam,
        },
        score: args.score.and_then(serde_json::Number::from_f64),
        message: args.message.clone(),
        sample: args.sample.as_deref().map(sample).transpose()?,
    };
    let socket = match &args.socket {
        Some(socket) => socket.clone(),
        None => queue::socket_of(&args.common.config)?,
    };
    let answer = control::ask(&socket, Asked::Report(seen)).map_err(anyhow::Error::from)?;
    Ok(Told::new(text(&answer.done), answer.done))
}

/// What came of it.
fn text(done: &Value) -> String {
    let word = |key: &str| done.get(key).and_then(Value::as_str).unwrap_or_default();
    let came = match done.get("suspended").and_then(Value::as_bool) {
        Some(true) => format!("{}  {}: {}", word("grant"), word("state"), word("why")),
        _ => format!("{}  goes on serving: this alone does not stop it", word("grant")),
    };
    match word("sample") {
        "" => format!("{came}\n"),
        file => format!("{came}\n  the sample is kept as {file}\n"),
    }
}

fn sample(file: &Path) -> anyhow::Result<String> {
    let octets = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    if octets.len() > SAMPLE_OCTETS_MAX {
        bail!(
            "{} has {} octets; {SAMPLE_OCTETS_MAX} are the most: keep its beginning as the sample",
            file.display(),
            octets.len()
        );
    }
    Ok(STANDARD.encode(octets))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_came_of_it_is_told_in_a_line() {
        let stopped =
            json!({ "grant": "pc-1042", "suspended": true, "state": "suspended(abuse)", "why": "a phish: A" });
        assert_eq!(text(&stopped), "pc-1042  suspended(abuse): a phish: A\n");
        let noted = json!({ "grant": "pc-1042", "suspended": false, "sample": "/samples/a.eml" });
        let told = "pc-1042  goes on serving: this alone does not stop it\n  the sample is kept as /samples/a.eml\n";
        assert_eq!(text(&noted), told);
    }
}
