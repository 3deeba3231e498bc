//! Long lines, huge headers, lying sizes, floods and silence, by a black-box script: each is bounded, and whoever comes
//! next is served.

use std::process::Command;
use std::time::Duration;

use crate::house::{Gate, Outside, Plan, Sink, blackbox, have, run_within, until};

/// Who may send through the relay port; the script's own address, and the senders it tries.
const CLIENT: &str = "127.0.0.4";

/// What takes minutes, because the gate answers ever more slowly: left to `PORTCULLIS_LONG`.
const ALL_BUT_THE_SLOW: &str = "^(?!200 junk commands|100,000 RCPT)";

/// A gate that ends idle sessions soon, and is less patient with the address that attacks come from.
fn gate(inside: &Sink) -> Gate {
    Gate::start(Plan {
        more: format!(
            "[grants.limits]\nowner = \"Security\"\ncontact = \"it@example.edu\"\nreason = \"attacks\"\nuntil = {}\n\
             by = {{ address = [\"{CLIENT}\", \"127.0.0.77\"] }}\nfrom = [\"*@example.com\"]\nforeign_senders = true\n\
             to = \"internal\"\nclass = \"application\"\n\
             limits = {{ messages_per_minute = 10000, messages_per_hour = 100000, recipients_per_message = 1000 }}\n\n\
             [[limits.for]]\nnetworks = [\"127.0.0.0/24\"]\nerrors_soft = 50\nerrors_hard = 100\n\
             sessions_per_address = 300\nsessions_per_minute = 100000\nmessages_per_minute = 10000\n\n\
             [timeouts]\ncommand = \"20s\"\n",
            until()
        ),
        ..Plan::to(inside, inside)
    })
}

/// Runs the script against a port; all its cases where there is time.
fn limits(port: u16, arguments: &[&str]) {
    let Some(folder) = blackbox().filter(|_| have("python3")) else {
        return;
    };
    let long = std::env::var_os("PORTCULLIS_LONG").is_some();
    let cases = if long {
        ["--slow", "60"]
    } else {
        ["--only", ALL_BUT_THE_SLOW]
    };
    let mut script = Command::new("python3");
    script
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(folder.join("limits.py"))
        .args(["--quiet", "--rcpt", "user@example.edu", "--port", &port.to_string()])
        .args(cases)
        .args(arguments);
    let said = run_within(&mut script, Duration::from_secs(1200)).expect_ok("limits.py");
    println!("limits.py {arguments:?}: {}", said.lines().last().unwrap_or_default());
}

#[test]
fn the_front_gate_bears_what_exceeds_every_limit() {
    let outside = Outside::new();
    let gate = gate(&outside.sink("inside"));
    limits(gate.ports.mx, &["--strict"]);
}

#[test]
fn the_relay_port_bears_what_exceeds_every_limit() {
    let outside = Outside::new();
    let gate = gate(&outside.sink("inside"));
    limits(
        gate.ports.relay,
        &["--source", CLIENT, "--sender", "someone@example.com", "--strict"],
    );
}
