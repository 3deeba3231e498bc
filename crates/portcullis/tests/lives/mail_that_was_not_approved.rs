//! Mail that was not approved: as somebody else, from elsewhere, to others, too much. Each is answered so that a help desk
//! can read it out, what a device sends beyond its measure is accepted and held, and its people hear of each once.

use crate::house::{Campus, DAY, HOUR, MINUTE, note};
use crate::peers::eventually;

const AT: &str = "10.20.3.14";
const AS: &str = "scan@example.edu";
const ANN: &str = "ann@example.edu";
const TOM: &str = "tom@example.edu";
const OLGA: &str = "olga@example.edu";

/// That a reply says exactly this, then where help is, the reason, and the id under which it is found.
#[track_caller]
fn says(reply: &str, words: &str, reason: &str) {
    let (said, rest) = reply
        .split_once(". See https://mail.example.edu/why/")
        .unwrap_or((reply, ""));
    assert_eq!(said, words);
    let (event, end) = rest.split_once(' ').unwrap_or_default();
    assert!(!event.is_empty());
    assert_eq!(end, format!("[{reason} {event}]"));
}

fn is_refused_in_every_way(campus: &Campus, id: &str, secret: &str) {
    let mut copier = campus.logged_in(AT, id, secret);
    says(
        &copier.send("dean@example.edu", ANN, ""),
        "553 5.7.1 This login may not send as <dean@example.edu>; it may send as scan@example.edu",
        "sender-not-granted",
    );
    says(
        &copier.send(AS, ANN, &note("dean@example.edu", "wrong-header")),
        "550 5.7.1 This login may not send with this From header; use one of its own addresses",
        "from-not-granted",
    );
    says(
        &copier.send(AS, "bob@elsewhere.example", ""),
        "550 5.7.1 <bob@elsewhere.example>: This login may not send to other organisations",
        "recipient-outside-scope",
    );
    let mut elsewhere = campus.logged_in("10.20.3.99", id, secret);
    says(
        &elsewhere.send(AS, ANN, ""),
        "554 5.7.1 This login may not send from 10.20.3.99",
        "network-not-granted",
    );
    // Its address alone is no login.
    says(
        &campus.device(AT).send(AS, ANN, ""),
        "554 5.7.1 10.20.3.14 may not send through here; it has no relay grant",
        "no-grant",
    );
}

/// How many messages are held.
fn held(campus: &Campus) -> u64 {
    let told = campus.gate.command(&["queue", "counts", "--json"]).expect_ok("counts");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    told["recipients"]["held"].as_u64().unwrap_or_default()
}

/// How often somebody was told something, by letters of these subjects or among others.
fn told(campus: &Campus, to: &str, subject: &str) -> usize {
    let letters = campus.letters(to);
    // In a letter of several matters each subject stands above its text, and before that in a list.
    let lines = letters
        .iter()
        .flat_map(|letter| letter.text.lines().chain([&*letter.subject]));
    lines
        .filter(|line| line.ends_with(subject) && !line.starts_with("* "))
        .count()
}

#[test]
fn what_was_not_approved_is_refused_with_a_reason_and_its_people_hear_of_each_once() {
    let campus = Campus::new();
    let (id, secret) = campus.copier(&[]);
    is_refused_in_every_way(&campus, &id, &secret);
    is_refused_in_every_way(&campus, &id, &secret);

    // A copier loses what is put off: beyond its measure it is accepted, and held.
    let mut copier = campus.logged_in(AT, &id, &secret);
    for number in 1..=10 {
        copier.delivers(AS, ANN, &format!("page {number}"));
    }
    campus.inside.receive("page 10");
    assert_eq!(held(&campus), 0);
    for number in 11..=13 {
        copier.delivers(AS, ANN, &format!("page {number}"));
    }
    assert_eq!(held(&campus), 3);
    campus.stands(&id, "active");

    let steps = || -> Vec<String> {
        let steps = campus.history(&id);
        let mut sent: Vec<String> = steps
            .iter()
            .map(|step| step["event"].as_str().unwrap().to_owned())
            .collect();
        sent.retain(|event| event.starts_with("sent-"));
        sent.sort();
        sent
    };
    let kinds = ["sent-as-another", "sent-from-elsewhere", "sent-much", "sent-too-far"];
    eventually("four kinds of trouble to be noted", || (steps() == kinds).then_some(()));
    campus.calendar.pass(11 * MINUTE);
    for to in [TOM, OLGA] {
        let day = campus.news(to, "is refused");
        for words in [
            "553 5.7.1 This login may not send as <dean@example.edu>",
            "550 5.7.1 <bob@elsewhere.example>: This login may not send to other organisations",
            "554 5.7.1 This login may not send from 10.20.3.99",
            "sends more than was approved",
            // What was approved stands beside what was tried.
            "  Sender         scan@example.edu",
        ] {
            assert!(day.text.contains(words), "{words}:\n{}", day.text);
        }
        assert_eq!(told(&campus, to, "is refused"), 3, "{}", day.text);
    }

    // It goes on and on, and nobody is told anew; a letter about something else shows that letters still come.
    campus.calendar.pass(DAY + HOUR);
    is_refused_in_every_way(&campus, &id, &secret);
    copier.delivers(AS, ANN, "page 14");
    campus.told(&["suspend", &id, "--reason", "moves to another building"]);
    copier.is_answered(AS, "554 5.7.1 This relay grant is suspended");
    campus.calendar.pass(11 * MINUTE);
    campus.news(TOM, "is suspended");
    assert_eq!((steps().len(), told(&campus, TOM, "is refused")), (4, 3));
    assert!(campus.internet.messages().is_empty(), "nothing left the house");
    assert!(
        campus
            .inside
            .messages()
            .iter()
            .all(|(_, octets)| !String::from_utf8_lossy(octets).contains("wrong-header"))
    );
}

#[test]
fn beyond_a_thousand_that_are_held_it_is_put_off() {
    let campus = Campus::new();
    let (id, secret) = campus.copier(&[]);
    let mut copier = campus.logged_in(AT, &id, &secret);
    for number in 1..=1010 {
        copier.delivers(AS, ANN, &format!("page {number}"));
    }
    assert_eq!(held(&campus), 1000);
    let reply = copier.send(AS, ANN, &note(AS, "one more"));
    says(
        &reply,
        "452 4.7.1 This login has sent more than it may for now; try again later",
        "rate-exceeded",
    );
    campus.calendar.pass(11 * MINUTE);
    campus.news(OLGA, "452 4.7.1 This login has sent more than it may for now");
}
