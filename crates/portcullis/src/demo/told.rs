//! What the demo says, for people.

use std::path::Path;

use policy::{Fact, Facts, explain};

use super::house::{APPLICATION, COPIER, House};
use super::ways::{Refusal, Way};
use crate::commands::say;
use crate::gateway::Gateway;

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

pub(super) fn refusal(house: &House, gateway: &Gateway, refusal: &Refusal) {
    let verdict = if refusal.is_right() {
        "refused, as it should be"
    } else {
        "NOT REFUSED"
    };
    say(&format!(
        "Somebody without a grant, {}, tries to relay to {}: {verdict}\n  {}\n",
        refusal.client, refusal.recipient, refusal.reply
    ));
    let snapshot = gateway.admission().snapshot();
    let (Some(listener), Ok(sender), Ok(recipient)) = (
        snapshot.listener_named("relay"),
        refusal.sender.parse().map(mail::ReversePath::Mailbox),
        refusal.recipient.parse().map(mail::ForwardPath::Mailbox),
    ) else {
        return;
    };
    let facts = Facts {
        listener,
        client: Fact::Known(refusal.client.into()),
        encrypted: Fact::Known(false),
        login: Fact::Known(None),
        pin: Fact::Known(None),
        now: gateway.admission().now(),
        sender: Fact::Known(&sender),
        recipient: Fact::Known(&recipient),
        exists: Fact::NotYet,
        from: Fact::NotYet,
        octets: Fact::NotYet,
        hops: Fact::NotYet,
        usage: Fact::NotYet,
        masked: Fact::NotYet,
        content: Fact::NotYet,
    };
    let explanation = explain(&snapshot, &facts);
    for step in &explanation.steps {
        say(&format!("    {:?}: {:?}\n", step.check, step.finding));
    }
    say(&format!(
        "  the same question again: portcullis explain --config {} --listener relay --client {} --from {} --to {}\n\n",
        house.config.display(),
        refusal.client,
        refusal.sender,
        refusal.recipient,
    ));
}

pub(super) fn hints(house: &House, dir: &Path) {
    let ports = house.ports;
    let secret = &house.secret;
    let ca = house.ca.display();
    say(&format!(
        "Try it yourself:\n\n  \
         swaks --server 127.0.0.1:{} --tls --tls-verify --tls-ca-path {ca} --tls-verify-target gate.example.edu \\\n    \
           --auth PLAIN --auth-user {APPLICATION} --auth-password {secret} \\\n    \
           --from billing@example.edu --to customer@example.com --h-From billing@example.edu\n  \
         swaks --server 127.0.0.1:{} --local-interface {COPIER} --from scan@devices.example.edu --to it@example.com\n  \
         swaks --server 127.0.0.1:{} --from alice@example.com --to bob@example.edu\n  \
         curl --url smtp://127.0.0.1:{}/client.example.com --mail-from alice@example.com --mail-rcpt bob@example.edu \\\n    \
           --upload-file {dir}/portcullis.toml\n  \
         curl http://127.0.0.1:{}/metrics\n  \
         portcullis queue list --config {config}\n\n  \
         what arrived: {outside} and {inside}; every event: {log}; for scripts: {dir}/demo.json\n\n",
        ports.submission,
        ports.relay,
        ports.mx,
        ports.mx,
        ports.health,
        dir = dir.display(),
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
