//! A grant that stands in the configuration file: what is wrong with its mail is told to its people, and abuse of it stops
//! it as it stops any other.

use serde_json::Value;

use crate::house::{Campus, Client, DAY, HOUR, MINUTE, SECURITY, Wishes, note};

const CONTACT: &str = "archive-admins@example.edu";
const OLGA: &str = "olga@example.edu";
const AS: &str = "archive@example.edu";
const AT: &str = "10.20.3.40";
const PHISH: &str =
    "From: <archive@example.edu>\r\nSubject: your mailbox is full\r\n\r\nhttps://login.example.net/verify\r\n";

fn campus() -> Campus {
    let until = jiff::Timestamp::now() + 200 * DAY;
    let archive = format!(
        "[grants.archive]\nowner = \"University Archive\"\ncontact = \"{CONTACT}\"\nreason = \"reports of the archive\"\n\
         until = {}\nby = {{ address = [\"{AT}\"] }}\nfrom = [\"{AS}\"]\nto = \"any\"\nclass = \"device\"\n",
        until.strftime("%Y-%m-%d")
    );
    let more = archive;
    let campus = Campus::with(Wishes {
        more,
        ..Wishes::default()
    });
    campus.unwrap()
}

fn report(campus: &Campus, words: &[&str]) -> Value {
    campus.told(&[&["report", "archive"][..], words].concat())
}

fn refused(session: &mut Client) {
    let answer = session.say(&format!("MAIL FROM:<{AS}>"));
    assert!(answer.starts_with("554 5.7.1"), "{answer}");
}

#[test]
fn a_phish_stops_a_grant_of_the_file_at_once_and_security_lets_it_go_on() {
    let campus = campus();
    let mut session = campus.device(AT);
    campus.gate.command(&["queue", "suspend", "--all"]).expect_ok("suspend");
    session.delivers(AS, OLGA, "the report of May");
    let sample = campus.path("phish.eml");
    std::fs::write(&sample, PHISH).unwrap();
    let answer = report(&campus, &["--verdict", "phish", "--sample", sample.to_str().unwrap()]);
    assert_eq!(
        (&answer["suspended"], &answer["state"]),
        (&true.into(), &"suspended(abuse)".into())
    );
    assert_eq!(
        std::fs::read_to_string(answer["sample"].as_str().unwrap()).unwrap(),
        PHISH
    );
    // It is live when it is told.
    refused(&mut session);
    assert_eq!(
        (campus.held(), campus.state("archive")),
        (1, "suspended(abuse)".to_owned())
    );
    campus.gate.command(&["queue", "resume", "--all"]).expect_ok("resume");
    let step = campus.gate.logged(&["grant.step", "\"archive\"", "abuse-phish"]);
    assert!(step.contains("suspended(abuse)"), "{step}");
    for who in [CONTACT, SECURITY] {
        let letter = campus.letter(who, "is suspended");
        assert!(
            letter
                .subject
                .contains("archive: the grant archive (University Archive)"),
            "{}",
            letter.subject
        );
        assert!(letter.subject.contains("samples/archive-"), "{}", letter.subject);
    }

    let again = ["reinstate", "archive", "--reason", "its password was changed"];
    campus.refused(&again);
    assert_eq!(
        campus.told(&[&again[..], &["--as", SECURITY]].concat())["state"],
        "active"
    );
    campus.inside.receive("the report of May");
    session.is_answered(AS, "250");
    campus.day_ends(&[CONTACT], "its password was changed");
}

#[test]
fn spam_and_a_word_of_security_stop_it_as_well() {
    let campus = campus();
    let mut session = campus.device(AT);
    let spam = |message: &str| {
        let answer = report(&campus, &["--verdict", "spam", "--score", "12", "--message", message]);
        answer["suspended"].as_bool().unwrap()
    };
    assert!(!spam("A") && !spam("B") && spam("C"));
    refused(&mut session);
    campus.told(&["reinstate", "archive", "--reason", "a mistake", "--as", SECURITY]);
    session.is_answered(AS, "250");
    let words = [
        "suspend",
        "archive",
        "--abuse",
        "--reason",
        "seen elsewhere",
        "--as",
        SECURITY,
    ];
    assert_eq!(campus.told(&words)["state"], "suspended(abuse)");
    session.is_answered(AS, "554 5.7.1");
    crate::peers::eventually("the second alarm", || {
        let letters = campus.letters(CONTACT);
        letters
            .iter()
            .any(|letter| letter.subject.contains("seen elsewhere"))
            .then_some(())
    });
}

#[test]
fn its_people_hear_once_a_month_of_mail_that_is_not_as_it_was_granted() {
    let campus = campus();
    let mut session = campus.device(AT);
    for _ in 0..2 {
        let answer = session.send("somebody@example.edu", OLGA, &note("somebody@example.edu", "hello"));
        assert!(answer.starts_with('5'), "{answer}");
    }
    campus.gate_looks();
    campus.calendar.pass(11 * MINUTE);
    let letter = campus.news(CONTACT, "was not approved");
    assert!(letter.text.contains("sends as  archive@example.edu"), "{}", letter.text);
    let answer = session.send("somebody@example.edu", OLGA, &note("somebody@example.edu", "hello"));
    assert!(answer.starts_with('5'), "{answer}");
    campus.calendar.pass(2 * DAY);
    campus.gate_looks();
    campus.calendar.pass(11 * MINUTE + HOUR);
    campus.gate_looks();
    let told = campus
        .letters(CONTACT)
        .iter()
        .filter(|one| one.text.contains("was not approved"))
        .count();
    assert_eq!(told, 1);
}
