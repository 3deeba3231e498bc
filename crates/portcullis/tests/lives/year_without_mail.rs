//! A year without mail: somebody is asked whether a grant is still needed; mail answers the question, and silence ends it.

use jiff::Timestamp;

use crate::house::{Campus, Client, DAY, HOUR, MINUTE, came_due};

const PEOPLE: [&str; 3] = ["ann@example.edu", "tom@example.edu", "olga@example.edu"];
const OLGA: &str = "olga@example.edu";
const AS: &str = "scan@example.edu";
const QUESTION: &str = "still needed?";

/// A grant with a session that stays open.
struct Grant {
    id: String,
    session: Client,
}

/// Set up, and used once.
fn used(campus: &Campus, address: &str, flags: &[&str]) -> Grant {
    let (id, secret) = campus.copier(flags);
    let mut session = campus.logged_in(address, &id, &secret);
    session.delivers(AS, OLGA, "the only one");
    campus.stands(&id, "active");
    Grant { id, session }
}

/// Its owner renews it before its first end: that it was renewed is no use of it.
fn renewed(campus: &Campus, grants: &[&Grant]) {
    campus.calendar.pass(310 * DAY);
    for grant in grants {
        campus.stands(&grant.id, "review_due");
        assert_eq!(campus.told(&["renew", &grant.id, "--as", OLGA])["state"], "active");
    }
    campus.day_ends(&PEOPLE, "is renewed until");
}

/// By now.
fn nobody_is_asked(campus: &Campus, id: &str) {
    campus.gate_looks();
    assert_eq!(campus.state(id), "active");
    assert_eq!(campus.steps(id, "idle"), []);
    for who in PEOPLE {
        assert!(
            campus.letters(who).iter().all(|letter| !letter.text.contains(QUESTION)),
            "{who}"
        );
    }
}

#[test]
fn a_year_without_mail_is_asked_about_and_mail_answers_or_silence_ends_it() {
    let campus = Campus::new();
    let mut copier = used(&campus, "10.20.3.14", &[]);
    let other = [
        "--address",
        "10.20.3.15",
        "--host",
        "plotter.example.edu",
        "--device",
        "scanner",
    ];
    let mut scanner = used(&campus, "10.20.3.15", &other);
    renewed(&campus, &[&copier, &scanner]);
    let last = campus.time(&scanner.id, "last_accepted");

    campus.calendar.reach(last + 364 * DAY + 23 * HOUR);
    for grant in [&copier, &scanner] {
        nobody_is_asked(&campus, &grant.id);
    }
    campus.calendar.reach(last + 365 * DAY);
    let asked = campus.step(&scanner.id, "idle", 1);
    came_due(asked, last + 365 * DAY);
    for grant in [&copier, &scanner] {
        campus.stands(&grant.id, "idle_warned");
    }
    campus.calendar.pass(11 * MINUTE);
    for who in PEOPLE {
        let letter = campus.news(who, QUESTION);
        assert!(letter.text.contains("https://relay.example.edu/"), "{}", letter.text);
    }

    // A message is an answer, and says so to its people.
    campus.calendar.reach(last + 366 * DAY);
    copier.session.delivers(AS, OLGA, "still here");
    campus.stands(&copier.id, "active");
    assert_eq!(campus.state(&scanner.id), "idle_warned");
    campus.day_ends(&PEOPLE[..2], "is in use again");

    silence_ends(&campus, &mut scanner, asked);
    copier.session.delivers(AS, OLGA, "and still");
    assert_eq!(campus.state(&copier.id), "active");
}

/// Reminders, thirty days to the suspension, thirty more to the end: in a session that is open all the time.
fn silence_ends(campus: &Campus, grant: &mut Grant, asked: Timestamp) {
    let Grant { id, session } = grant;
    let mut last = asked;
    for (days, event, count) in [
        (7, "idle-reminder", 1),
        (14, "idle-reminder", 2),
        (21, "idle-head-told", 1),
    ] {
        // Each is so long behind the one before.
        campus.calendar.reach(last + 7 * DAY);
        last = campus.step(id, event, count);
        came_due(last, asked + days * DAY);
        assert_eq!(campus.state(id), "idle_warned");
    }
    campus.calendar.reach(last + 9 * DAY - HOUR);
    campus.gate_looks();
    session.is_answered(AS, "250");
    assert_eq!(campus.state(id), "idle_warned");
    campus.calendar.reach(last + 9 * DAY);
    let suspended = campus.step(id, "idle-unanswered", 1);
    came_due(suspended, asked + 30 * DAY);
    assert_eq!(campus.state(id), "suspended(idle)");
    session.is_answered(AS, "554 5.7.1");

    campus.day_ends(&PEOPLE, "was suspended, as nobody answered");
    campus.calendar.reach(suspended + 30 * DAY - HOUR);
    campus.gate_looks();
    assert_eq!(campus.state(id), "suspended(idle)");
    campus.calendar.reach(suspended + 30 * DAY);
    let ended = campus.step(id, "idle-over", 1);
    came_due(ended, suspended + 30 * DAY);
    assert_eq!(campus.state(id), "revoked(idle)");
    session.is_answered(AS, "554 5.7.1");
    campus.day_ends(&PEOPLE, "was removed");
}

#[test]
fn forty_days_of_which_nobody_knows_anything_move_the_question_by_forty_days() {
    let mut campus = Campus::new();
    let mut copier = used(&campus, "10.20.3.14", &[]);
    renewed(&campus, &[&copier]);
    let last = campus.time(&copier.id, "last_accepted");
    copier.session.ask("QUIT", "221");
    // It has noted that it was there until now: what it has not noted would be days of which nobody knows anything as well.
    campus.gate_looks();
    assert!(campus.gate.end().is_some_and(|status| status.success()));
    campus.calendar.pass(40 * DAY);
    campus.gate.restart();

    // It is back when it has looked at what there is to do.
    campus.gate_looks();
    campus.calendar.reach(last + 404 * DAY + 23 * HOUR);
    nobody_is_asked(&campus, &copier.id);
    // When a gate was there is known to the minute.
    campus.calendar.reach(last + 405 * DAY + 5 * MINUTE);
    came_due(campus.step(&copier.id, "idle", 1), last + 405 * DAY);
    campus.stands(&copier.id, "idle_warned");
}
