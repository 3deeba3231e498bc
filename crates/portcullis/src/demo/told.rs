//! What the demo says, for people.

use mail::Timestamp;

use super::house::{APPLICATION, COPIER, House};
use super::request::Tale;
use super::ways::{Refusal, Way};
use crate::commands::{ConfigFile, explain, say};
use crate::config::Config;

pub(super) fn introduce(house: &House) {
    let ports = house.ports;
    say(&format!(
        "Example University has opened its gate on 127.0.0.1.\n\n  \
           mx {}   submission {}   submissions {}   relay {}   health {}\n  \
           outside world {} (everything that is not example.edu)   inside server {}\n  \
           configuration {}\n\n",
        ports.mx,
        ports.submission,
        ports.submissions,
        ports.relay,
        ports.health,
        ports.sink,
        ports.inside,
        house.config.display(),
    ));
}

pub(super) fn way(way: &Way) {
    let fate = match &way.arrived {
        Some(arrival) if way.intact() => format!(
            "arrived intact after {} ms{}",
            arrival.after.as_millis(),
            arrival
                .envelope
                .tls
                .as_ref()
                .map(|tls| format!(", over {tls}"))
                .unwrap_or_default()
        ),
        Some(_) => "ARRIVED CHANGED".to_owned(),
        None => "DID NOT ARRIVE".to_owned(),
    };
    let id = way.id.map(|id| id.to_string()).unwrap_or_default();
    say(&format!(
        "{}: {fate}\n{}\n",
        way.title,
        way.story.trim_end_matches('\n')
    ));
    if !id.is_empty() {
        say("\n");
    }
}

pub(super) fn refusal(house: &House, config: &Config, now: Timestamp, refusal: &Refusal) {
    let verdict = if refusal.is_right() {
        "refused, as it should be"
    } else {
        "NOT REFUSED"
    };
    say(&format!(
        "Somebody without a grant, {}, tries to relay to {}: {verdict}\n  {}\n\n",
        refusal.client, refusal.recipient, refusal.reply
    ));
    let question = explain::Args {
        config: ConfigFile {
            path: house.config.clone(),
        },
        listener: "relay".to_owned(),
        client: refusal.client.into(),
        auth: None,
        certificate: explain::Shown::default(),
        tls: false,
        from: refusal.sender.to_owned(),
        to: refusal.recipient.to_owned(),
        header_from: None,
        json: false,
    };
    match explain::answer(&question, config, "portcullis.toml", now) {
        Ok(answer) => say(&indented(&answer.text)),
        Err(why) => say(&format!("  it cannot be explained: {why}\n")),
    };
    say(&format!(
        "  asked with: {} explain --config {} --listener relay --client {} --from {} --to {}\n\n",
        program(),
        house.config.display(),
        refusal.client,
        refusal.sender,
        refusal.recipient,
    ));
}

pub(super) fn request(tale: &Tale) {
    say("A request becomes a credential that works, by the commands of its people:\n\n");
    let (before, after) = tale.commands.split_at(tale.commands.len().saturating_sub(1));
    before.iter().for_each(command);
    way(&tale.way);
    after.iter().for_each(command);
}

fn command((line, said): &(String, String)) {
    say(&format!("  $ {line}\n{}\n", indented(said)));
}

/// This program as it was called, so that what is printed can be copied.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "portcullis".to_owned())
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("  {line}\n")
            }
        })
        .collect()
}

pub(super) fn hints(house: &House, tale: &Tale) {
    let ports = house.ports;
    let secret = &house.secret;
    let ca = house.ca.display();
    say(&format!(
        "Try it yourself:\n\n  \
         swaks --server 127.0.0.1:{} --tls --tls-verify --tls-ca-path {ca} \\\n    \
           --auth PLAIN --auth-user {APPLICATION} --auth-password {secret} \\\n    \
           --from billing@example.edu --to customer@example.com --h-From billing@example.edu\n  \
         swaks --server 127.0.0.1:{} --local-interface {COPIER} --from scan@devices.example.edu --to it@example.com\n  \
         swaks --server 127.0.0.1:{} --from alice@example.com --to bob@example.edu\n  \
         curl --url smtp://127.0.0.1:{}/client.example.com --mail-from alice@example.com --mail-rcpt bob@example.edu \\\n    \
           --upload-file {inside}/000001.eml\n  \
         curl http://127.0.0.1:{}/metrics\n  \
         {portcullis} queue list --config {config}\n  \
         {portcullis} access show {case} --config {config}\n\n  \
         what arrived: {outside} and {inside}; every event: {log}; for scripts: {card}\n\n",
        ports.submission,
        ports.relay,
        ports.mx,
        ports.mx,
        ports.health,
        portcullis = program(),
        case = tale.case,
        card = house.card_file().display(),
        config = house.config.display(),
        outside = house.outside_dir.display(),
        inside = house.inside_dir.display(),
        log = house.log.display(),
    ));
}

pub(super) fn running() {
    say("The gate stays open. Ctrl-C closes it.\n");
}

pub(super) fn verdict(intact: bool, ways: usize) {
    if intact {
        say(&format!(
            "All {ways} messages arrived intact, and the one without a grant was refused.\n"
        ));
    } else {
        say("Something went wrong; see above.\n");
    }
}
