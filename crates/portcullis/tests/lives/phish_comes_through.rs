//! A phish comes through a copier: it is stopped at once, in a session that is open too; its queue is held, four people
//! are told, what was seen is kept; and security lets it send again.

use std::os::unix::fs::PermissionsExt as _;

use jiff::Timestamp;
use serde_json::Value;

use crate::house::{Campus, DAY, DEAN, HOUR, MINUTE, SECURITY, Wishes};
use crate::peers::{eventually, free_port};

const OLGA: &str = "olga@example.edu";
const AS: &str = "plotter@example.edu";
const TOLD: [&str; 4] = ["ann@example.edu", "tom@example.edu", DEAN, SECURITY];
const PHISH: &str =
    "From: <plotter@example.edu>\r\nSubject: your mailbox is full\r\n\r\nhttps://login.example.net/verify\r\n";

/// A plotter that may send everywhere, and is in use.
fn plotter(campus: &Campus) -> (String, crate::house::Client) {
    let id = campus.exception(campus.calendar.now() + 200 * DAY, &["--to", "any"]);
    let session = campus.first_mail(&id, "10.20.3.15", AS);
    (id, session)
}

/// Tells of a message.
fn report(campus: &Campus, id: &str, words: &[&str]) -> Value {
    campus.told(&[&["report", id][..], words].concat())
}

#[test]
fn a_phish_stops_its_grant_at_once_and_four_people_know() {
    // Nobody is there: what is sent to them stays in the queue.
    let away = format!(
        "[routes.away]\ndomains = [\"away.example.net\"]\nto = [\"127.0.0.1:{}\"]\n",
        free_port()
    );
    let campus = Campus::with(Wishes {
        more: away,
        ..Wishes::default()
    })
    .unwrap();
    let (id, mut session) = plotter(&campus);
    session.delivers(AS, "eve@away.example.net", "your mailbox is full");
    assert_eq!(campus.held(), 0);
    let sample = campus.path("phish.eml");
    std::fs::write(&sample, PHISH).unwrap();

    let answer = report(
        &campus,
        &id,
        &["--verdict", "phish", "--sample", sample.to_str().unwrap()],
    );
    assert_eq!(
        (&answer["suspended"], &answer["state"]),
        (&true.into(), &"suspended(abuse)".into())
    );
    // It is live when it is told.
    let refused = session.say(&format!("MAIL FROM:<{AS}>"));
    assert!(refused.starts_with("554 5.7.1"), "{refused}");
    let mut another = campus.device("10.20.3.15");
    let refused = another.say(&format!("MAIL FROM:<{AS}>"));
    assert!(refused.starts_with("554 5.7.1"), "{refused}");
    assert_eq!(campus.held(), 1);
    stands_in_the_ledger(&campus, &id);
    is_kept(&answer);
    four_people_know(&campus, &id);

    let again = [
        "reinstate",
        &id,
        "--reason",
        "new firmware, and a password on its panel",
    ];
    campus.refused(&again);
    assert_eq!(
        campus.told(&[&again[..], &["--as", SECURITY]].concat())["state"],
        "active"
    );
    session.is_answered(AS, "250");
    session.delivers(AS, OLGA, "mended");
    campus.inside.receive("mended");
    campus.day_ends(
        &["ann@example.edu", "tom@example.edu"],
        "new firmware, and a password on its panel",
    );
}

/// By the gate's own clock it was stopped within five seconds; nothing was taken since, and it is told why.
fn stands_in_the_ledger(campus: &Campus, id: &str) {
    let log = campus.gate.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours: Vec<Value> = lines.filter(|line| line["grant"] == id).collect();
    let find = |event: &str, what: Value| ours.iter().find(|line| line["event"] == event && line["what"] == what);
    let step = find("grant.step", "abuse".into()).expect("the step is told");
    assert_eq!(
        (&step["by"], &step["to"]),
        (&"rule abuse-phish".into(), &"suspended(abuse)".into())
    );
    assert!(step["reason"].as_str().unwrap().contains("samples/"), "{step}");
    let taken = Timestamp::from_millisecond(step["taken"].as_i64().unwrap()).unwrap();
    let told_at = |line: &Value| line["ts"].as_str().unwrap().parse::<Timestamp>().unwrap();
    let stopped = told_at(find("queue.suspended", Value::Null).expect("its queue is held"));
    assert!(stopped.duration_since(taken).as_secs() < 5, "{taken} {stopped}");
    // Refused as soon as it was suspended, be its queue held by then or not; the log tells it a moment later.
    let rules = eventually("both refusals to be told", || {
        let log = campus.gate.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of_mail = |line: &Value| line["from"].as_str().is_some_and(|from| from.starts_with('<'));
        let since = lines.filter(|line| line["grant"] == id && of_mail(line) && told_at(line) >= taken);
        let rules: Vec<String> = since
            .map(|line| line["rule"].as_str().unwrap_or_default().to_owned())
            .collect();
        (rules.len() >= 2).then_some(rules)
    });
    assert_eq!(rules, ["grant-suspended"; 2]);
}

/// What was seen lies where only the gate's user reads it.
fn is_kept(answer: &Value) {
    let kept = std::path::Path::new(answer["sample"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(kept).unwrap(), PHISH);
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

/// Each of the four once, and nobody else.
fn four_people_know(campus: &Campus, id: &str) {
    let subject = format!("{id}: the other 10.20.3.15");
    for who in TOLD {
        let letter = campus.letter(who, "is suspended");
        assert!(letter.subject.contains(id), "{} is not {subject}", letter.subject);
        assert_eq!(letter.from, "");
    }
    campus.calendar.pass(DAY + HOUR);
    campus.calendar.pass(11 * MINUTE);
    let all = campus.inside.messages();
    let mut told: Vec<String> = all
        .iter()
        .filter(|(_, octets)| String::from_utf8_lossy(octets).contains("is suspended"))
        .flat_map(|(envelope, _)| envelope.to.clone())
        .collect();
    told.sort();
    let mut four = TOLD.map(str::to_owned);
    four.sort();
    assert_eq!(told, four);
}

#[test]
fn spam_counts_within_half_an_hour_and_from_three_messages_on() {
    let campus = Campus::new();
    let (id, mut session) = plotter(&campus);
    let spam = |message: &str, score: &str| {
        let answer = report(
            &campus,
            &id,
            &["--verdict", "spam", "--score", score, "--message", message],
        );
        answer["suspended"].as_bool().unwrap()
    };
    assert!(!spam("A", "12") && !spam("B", "12"));
    campus.calendar.pass(31 * MINUTE);
    assert!(!spam("C", "12"), "the first two are too long ago");
    assert!(!spam("D", "9.9"), "too little");
    assert!(!spam("C", "14"), "the same one again");
    session.is_answered(AS, "250");
    assert!(!spam("E", "10"));
    assert!(spam("F", "10"), "the third within half an hour");
    let refused = session.say(&format!("MAIL FROM:<{AS}>"));
    assert!(refused.starts_with("554 5.7.1"), "{refused}");
    eventually("the state", || (campus.state(&id) == "suspended(abuse)").then_some(()));
}
