//! `portcullis explain`: what would become of a message, and why.
//!
//! It asks the same judgement as live traffic. What only a real message would show (its size, its content, how much its
//! sender has used) is taken to be harmless, so the answer is about who may send what to whom.

mod conditions;
mod shown;
mod story;

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, bail};
use mail::{ForwardPath, Mailbox, ReversePath};
use policy::{CertificateId, ContentClass, Fact, Facts, FromHeader, Generation, Role, Snapshot, Usage, explain};

use super::{ConfigFile, check, say, say_aside};
use crate::config::Config;
pub use shown::Shown;

/// Octets of the message that is asked about: an ordinary one.
const OCTETS: u64 = 10_000;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Ask what would become of a message, and why.\n\nThe same judgement as for live mail answers: verdict, \
        reply, the ground it stands on, each condition that was looked at, and on a refusal the grant that came nearest \
        and what it lacked. The message itself is taken to be small and harmless, and its sender to be within all \
        limits.\n\nStatus 0: it would be accepted. Status 1: it would not. Status 2: the question makes no sense.",
    after_help = "Example:\n  portcullis explain --listener devices --client 10.20.3.14 \\\n    \
        --from scan-3f@chem.example.edu --to bob@example.com"
)]
pub struct Args {
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigFile,
    /// The listener the client comes to, by its name.
    #[arg(long, value_name = "NAME")]
    pub listener: String,
    /// The client's address.
    #[arg(long, value_name = "ADDRESS")]
    pub client: IpAddr,
    /// The login the client has proved.
    #[arg(long, value_name = "LOGIN")]
    pub auth: Option<String>,
    /// The certificate it has proved.
    #[command(flatten)]
    pub certificate: Shown,
    /// The session is encrypted; always so on a listener with implicit TLS.
    #[arg(long)]
    pub tls: bool,
    /// The envelope sender; `<>` for none.
    #[arg(long, value_name = "SENDER")]
    pub from: String,
    /// The recipient.
    #[arg(long, value_name = "RECIPIENT")]
    pub to: String,
    /// The address in the From header, where it is not the envelope sender.
    #[arg(long, value_name = "ADDRESS")]
    pub header_from: Option<String>,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// A question that was understood.
pub struct Case {
    /// The listener's index.
    pub listener: u32,
    /// The client.
    pub client: IpAddr,
    /// The login it has proved.
    pub login: Option<String>,
    /// What is known of the certificate it has proved.
    pub certificate: Vec<CertificateId>,
    /// Whether the session is encrypted.
    pub encrypted: bool,
    /// The envelope sender.
    pub sender: ReversePath,
    /// The recipient.
    pub recipient: ForwardPath,
    /// The mailbox in the From header.
    pub header_from: Option<Mailbox>,
}

/// Asks and tells.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let reading = check::read(&args.config.path)?;
    let Some(config) = reading.config else {
        say_aside(&format!(
            "{}{}\n",
            reading.report.render(),
            check::summary(&reading.report)
        ));
        bail!(
            "{} has errors; who may send is known only when they are mended",
            args.config.path.display()
        );
    };
    let file = args
        .config
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let now = crate::drill::now()?;
    let answer = answer(&args, &config, &file, now)?;
    if args.json {
        say(&format!("{:#}\n", answer.json));
    } else {
        say(&answer.text);
    }
    Ok(ExitCode::from(u8::from(!answer.accepted)))
}

/// What is told.
pub struct Answer {
    /// Whether the message would be accepted.
    pub accepted: bool,
    /// For people.
    pub text: String,
    /// For scripts.
    pub json: serde_json::Value,
}

/// Judges the case the arguments describe. `file` names the configuration in places.
pub fn answer(args: &Args, config: &Config, file: &str, now: mail::Timestamp) -> anyhow::Result<Answer> {
    let Ok(snapshot) = config.snapshot(Generation(0)) else {
        bail!("the configuration cannot be indexed");
    };
    let case = understand(args, &snapshot)?;
    let mailboxes: Vec<Mailbox> = case.header_from.iter().cloned().collect();
    let facts = Facts {
        listener: case.listener,
        client: Fact::Known(case.client),
        encrypted: Fact::Known(case.encrypted),
        login: Fact::Known(case.login.as_deref()),
        certificate: Fact::Known(&case.certificate),
        now,
        sender: Fact::Known(&case.sender),
        recipient: Fact::Known(&case.recipient),
        exists: Fact::NotYet,
        from: Fact::Known(FromHeader::Mailboxes(&mailboxes)),
        octets: Fact::Known(OCTETS),
        hops: Fact::Known(1),
        usage: Fact::Known(Usage::Within),
        masked: Fact::Known(false),
        content: Fact::Known(ContentClass::Below),
    };
    let explanation = explain(&snapshot, &facts);
    let story = story::Story {
        snapshot: &snapshot,
        case: &case,
        file,
        explanation: &explanation,
    };
    Ok(Answer {
        accepted: explanation.decision.verdict.accepts(),
        text: story.text(),
        json: story.json(),
    })
}

fn understand(args: &Args, snapshot: &Snapshot) -> anyhow::Result<Case> {
    let Some(listener) = snapshot.listener_named(&args.listener) else {
        let names: Vec<&str> = snapshot
            .rulebook()
            .listeners
            .iter()
            .map(|listener| &*listener.name)
            .collect();
        bail!(
            "there is no listener {}; there are: {}",
            args.listener,
            names.join(", ")
        );
    };
    let sender = match args.from.as_str() {
        "<>" | "" => ReversePath::Null,
        text => ReversePath::Mailbox(mailbox(text)?),
    };
    let recipient = match bare(&args.to) {
        text if text.eq_ignore_ascii_case("postmaster") => ForwardPath::Postmaster,
        text => ForwardPath::Mailbox(mailbox(text)?),
    };
    let header_from = match &args.header_from {
        Some(text) => Some(mailbox(text)?),
        None => sender.mailbox().cloned(),
    };
    let implicit = snapshot
        .listener(listener)
        .is_some_and(|listener| listener.role == Role::Submissions);
    Ok(Case {
        listener,
        client: policy::canonical(args.client),
        login: args.auth.clone(),
        certificate: args.certificate.ids(),
        encrypted: args.tls || implicit,
        sender,
        recipient,
        header_from,
    })
}

fn bare(text: &str) -> &str {
    text.strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .unwrap_or(text)
}

fn mailbox(text: &str) -> anyhow::Result<Mailbox> {
    Mailbox::parse(bare(text)).with_context(|| format!("{text} is no address"))
}
