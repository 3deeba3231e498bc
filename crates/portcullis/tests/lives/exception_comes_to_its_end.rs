//! An exception comes to its end: letters before it, a fresh acknowledgement and a new decision, or a refusal in the very
//! second in which it is over, in a session that is open all the time.

use std::time::Duration;

use jiff::Span;

use crate::house::{Campus, DAY, DEAN, HOUR, MINUTE, came_due};

const PEOPLE: [&str; 2] = ["ann@example.edu", "tom@example.edu"];
const OLGA: &str = "olga@example.edu";
const AS: &str = "plotter@example.edu";
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_exception_is_announced_five_times_and_refused_from_its_last_second_on() {
    let campus = Campus::new();
    let id = campus.exception(campus.calendar.now() + 300 * DAY, &[]);
    let mut session = campus.first_mail(&id, "10.20.3.15", AS);
    let until = campus.time(&id, "until");
    campus.day_ends(&PEOPLE, "The first message has arrived");

    campus.calendar.reach(until - 60 * DAY - HOUR);
    campus.gate_looks();
    assert_eq!(campus.state(&id), "active");
    session.is_answered(AS, "250");
    for (nth, days) in (1..).zip([60, 30, 14, 7, 1]) {
        let due = until - days * DAY;
        campus.calendar.reach(due);
        came_due(campus.step(&id, "end-nears", nth), due);
        assert_eq!(campus.state(&id), "review_due");
        session.is_answered(AS, "250");
        campus.calendar.pass(11 * MINUTE);
        for who in PEOPLE {
            let what = format!("letter {nth} to {who} about the end");
            let subject = format!("ends on {}", until.strftime("%Y-%m-%d"));
            crate::peers::eventually(&what, || (campus.count_letters(who, &subject) >= nth).then_some(()));
            assert_eq!(campus.count_letters(who, &subject), nth, "{who}");
        }
    }
    // What its people alone may say is not enough for an exception.
    campus.refused(&["renew", &id, "--as", "ann@example.edu"]);

    campus.calendar.reach(until - 30 * SECOND);
    session.delivers(AS, OLGA, "in its last minute");
    campus.calendar.reach(until + SECOND);
    let refused = session.ask(&format!("MAIL FROM:<{AS}>"), "554 5.7.1");
    assert!(refused.contains("expired") || refused.contains("ended"), "{refused}");
    campus.calendar.pass(MINUTE);
    campus.stands(&id, "expired");
    came_due(campus.step(&id, "ended", 1), until);
    campus.day_ends(&[PEOPLE[0], PEOPLE[1], DEAN], "has ended");
}

#[test]
fn an_exception_goes_on_where_its_head_takes_the_risk_anew_and_security_decides_again() {
    let campus = Campus::new();
    let id = campus.exception(campus.calendar.now() + 300 * DAY, &[]);
    let mut session = campus.first_mail(&id, "10.20.3.15", AS);
    let until = campus.time(&id, "until");

    campus.calendar.reach(until - 30 * DAY);
    campus.stands(&id, "review_due");
    // The risk that was taken a year ago is not taken for another one.
    let later = until + 300 * DAY;
    let day = later.strftime("%Y-%m-%d").to_string();
    let decision = [
        "approve",
        &id,
        "--risk",
        "low",
        "--control",
        "pinned",
        "--until",
        &day,
        "--as",
        "iso@example.edu",
    ];
    campus.refused(&decision);
    campus.acknowledged(&id);
    assert_eq!(campus.state(&id), "review_due");
    session.delivers(AS, OLGA, "while it is decided");
    campus.decided(&id, later);
    assert_eq!(campus.state(&id), "active");
    assert!(campus.time(&id, "until") >= later.checked_sub(Span::new().hours(24)).unwrap());
    campus.day_ends(&PEOPLE, "is renewed until");

    campus.calendar.reach(until + SECOND);
    session.delivers(AS, OLGA, "behind its first end");
    assert_eq!(campus.state(&id), "active");
}
