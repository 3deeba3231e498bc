//! What a grant had queued when it was stopped: it goes out when the grant is reinstated, and never where it ended for
//! abuse. Nothing of it vanishes without a record.

use serde_json::Value;

use crate::house::{Campus, Client, DAY, HOUR, SECURITY};
use crate::peers::eventually;

const OLGA: &str = "olga@example.edu";
const AS: &str = "plotter@example.edu";
const AT: &str = "10.20.3.15";

/// A plotter in use, and one message of it that waits: nothing is delivered for now.
fn with_one_queued(campus: &Campus, subject: &str) -> (String, Client) {
    let id = campus.exception(campus.calendar.now() + 200 * DAY, &[]);
    let mut session = campus.first_mail(&id, AT, AS);
    campus.gate.empties();
    campus.gate.command(&["queue", "suspend", "--all"]).expect_ok("suspend");
    session.delivers(AS, OLGA, subject);
    (id, session)
}

/// What still waits goes out.
fn is_delivered_again(campus: &Campus) {
    campus.gate.command(&["queue", "resume", "--all"]).expect_ok("resume");
}

fn is_held(campus: &Campus) {
    eventually("one message to be held", || (campus.held() == 1).then_some(()));
}

#[test]
fn what_was_queued_goes_out_when_its_grant_is_reinstated() {
    let campus = Campus::new();
    let (id, _session) = with_one_queued(&campus, "waits for its grant");
    campus.told(&["suspend", &id, "--reason", "moves to another building"]);
    is_held(&campus);
    is_delivered_again(&campus);
    campus.gate_looks();
    assert_eq!(campus.held(), 1);
    campus.told(&["reinstate", &id, "--reason", "it has arrived"]);
    campus.inside.receive("waits for its grant");
    campus.gate.logged(&["queue.release", "decided again"]);
}

#[test]
fn what_a_grant_had_queued_that_ended_for_abuse_is_kept_for_a_month_and_taken_out_on_record() {
    let campus = Campus::new();
    let (id, _session) = with_one_queued(&campus, "your mailbox is full");
    campus.told(&["suspend", &id, "--abuse", "--reason", "a phish", "--as", SECURITY]);
    // At once, so that the gate may see but the end of it.
    campus.told(&["revoke", &id, "--reason", "nobody looks after it", "--as", SECURITY]);
    is_held(&campus);
    is_delivered_again(&campus);
    let letter = campus.letter("tom@example.edu", "was removed for abuse");
    assert!(letter.text.contains("held for 30 days"), "{}", letter.text);

    // Another grant of the same machine is no way out for it.
    let next = campus.exception(campus.calendar.now() + 200 * DAY, &[]);
    let mut session = campus.first_mail(&next, AT, AS);
    session.delivers(AS, OLGA, "a plan of the new building");
    campus.inside.receive("a plan of the new building");
    looked_at(&campus, &next);
    assert_eq!(campus.held(), 1);
    campus.calendar.pass(29 * DAY);
    looked_at(&campus, &next);
    assert_eq!(campus.held(), 1);
    campus.calendar.pass(DAY + HOUR);
    looked_at(&campus, &next);
    let removed = campus.gate.logged(&["queue.remove", "its grant ended for abuse"]);
    let removed: Value = serde_json::from_str(&removed).unwrap();
    assert_eq!(
        (&removed["by"], &removed["rcpt"]),
        (&"rule abuse".into(), &format!("<{OLGA}>").into())
    );
    assert_eq!(campus.held(), 0);
    let story = campus
        .gate
        .command(&["trace", removed["qid"].as_str().unwrap()])
        .expect_ok("trace");
    assert!(story.contains("its grant ended for abuse"), "{story}");
    // Nobody who was forged hears of it, and nobody has it.
    let all = campus.inside.messages();
    let of_it = |octets: &[u8]| String::from_utf8_lossy(octets).contains("your mailbox is full");
    assert!(all.iter().all(|(_, octets)| !of_it(octets)));
}

/// What is held was looked at again: another grant is stopped, and goes on.
fn looked_at(campus: &Campus, other: &str) {
    let before = campus.steps(other, "suspend").len();
    campus.told(&["suspend", other, "--reason", "a look"]);
    campus.step(other, "suspend", before + 1);
    campus.is_known(other);
    campus.told(&["reinstate", other, "--reason", "as before"]);
    campus.is_known(other);
}
