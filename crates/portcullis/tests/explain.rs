//! Stories of `portcullis explain` over the example configuration.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use clap::Parser;
use mail::{Domain, Timestamp};
use portcullis::commands::explain::{Answer, Args, answer};
use portcullis::config::{self, Config, Machine};

/// Saturday, 21 November 2026, noon.
const NOW: i64 = 1_795_262_400_000;
/// Milliseconds of a year.
const YEAR: i64 = 365 * 86_400_000;

/// The command's arguments as a command of their own.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn example() -> Config {
    let machine = Machine {
        now: Timestamp(NOW),
        hostname: Domain::parse("mail.example.edu").ok(),
        ..Machine::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(vec!["mail.example.edu".to_owned()]).unwrap();
    std::fs::write(folder.path().join("mail.pem"), key.cert.pem()).unwrap();
    std::fs::write(folder.path().join("mail.key"), key.signing_key.serialize_pem()).unwrap();
    let reading = config::read(
        "portcullis.toml",
        config::example::EXAMPLE.to_owned(),
        folder.path(),
        &machine,
    );
    reading.config.unwrap()
}

fn ask_at(now: i64, words: &str) -> anyhow::Result<Answer> {
    let line = Line::parse_from(std::iter::once("explain").chain(words.split(' ')));
    answer(&line.args, &example(), "portcullis.toml", Timestamp(now))
}

fn ask(words: &str) -> Answer {
    ask_at(NOW, words).unwrap()
}

/// The line of the text that begins with this word.
fn line<'a>(answer: &'a Answer, word: &str) -> &'a str {
    answer
        .text
        .lines()
        .find(|line| line.trim_start().starts_with(word))
        .unwrap_or_default()
}

#[test]
fn a_copier_may_send_inside_and_is_told_by_whose_leave() {
    let answer = ask("--listener devices --client 10.20.3.14 --from scan-3f@chem.example.edu --to it@chem.example.edu");
    assert!(answer.accepted, "{}", answer.text);
    assert!(line(&answer, "YES").contains("[grant-allows]"));
    assert!(line(&answer, "listener").contains("10.20.3.14 is inside the zone"));
    assert!(line(&answer, "basis").contains("grant copier-3f, by address 10.20.3.14"));
    assert!(line(&answer, "basis").contains("Chemistry, it@chem.example.edu, until 2027-06-30"));
    assert!(line(&answer, "sender").contains("the grant has this sender"));
}

#[test]
fn a_copier_that_sends_outside_is_refused_with_the_line_of_its_grant_and_what_would_help() {
    let answer = ask("--listener devices --client 10.20.3.14 --from scan-3f@chem.example.edu --to bob@example.com");
    assert!(!answer.accepted);
    assert!(
        line(&answer, "NO").contains("550 5.7.1 <bob@example.com>"),
        "{}",
        answer.text
    );
    assert!(line(&answer, "NO").contains("[recipient-outside-scope]"));
    assert!(line(&answer, "recipient").contains("REFUSED: the grant allows internal recipients only"));
    assert!(line(&answer, "nearest").contains("with `to = \"any\"`"));
    let written = config::example::EXAMPLE
        .lines()
        .position(|line| line == "[grants.copier-3f]")
        .unwrap()
        + 1;
    assert!(line(&answer, "basis").ends_with(&format!("portcullis.toml:{written}")));
}

#[test]
fn a_neighbour_of_the_copier_has_no_grant_and_the_nearest_is_named() {
    let answer = ask("--listener devices --client 10.20.3.15 --from scan-3f@chem.example.edu --to bob@example.com");
    assert!(line(&answer, "NO").contains("[no-grant]"));
    assert!(line(&answer, "basis").contains("no grant is bound to this client"));
    assert!(
        line(&answer, "recipient").contains("REFUSED: another organisation"),
        "{}",
        answer.text
    );
    assert!(line(&answer, "nearest").contains("by address 10.20.3.14"));
}

#[test]
fn without_a_grant_a_machine_of_ours_reaches_our_own_recipients() {
    let inside = ask("--listener devices --client 10.20.9.9 --from x@chem.example.edu --to it@chem.example.edu");
    assert!(inside.accepted, "{}", inside.text);
    assert!(line(&inside, "basis").contains("route chemistry"));
    let elsewhere = ask("--listener devices --client 10.99.9.9 --from x@chem.example.edu --to it@chem.example.edu");
    assert!(line(&elsewhere, "listener").contains("REFUSED: 10.99.9.9 is outside of the zone"));
}

#[test]
fn a_login_counts_only_when_the_session_is_encrypted() {
    let words = "--listener submission --client 203.0.113.9 --auth erp --from billing@example.edu --to bob@example.com";
    let clear = ask(words);
    assert!(line(&clear, "NO").contains("538 5.7.11"), "{}", clear.text);
    assert!(line(&clear, "nearest").contains("under TLS"));
    assert!(ask(&format!("{words} --tls")).accepted);
    assert!(ask(&words.replace("submission", "submissions")).accepted);
}

#[test]
fn a_grant_that_has_ended_says_when() {
    let words =
        "--listener submissions --client 203.0.113.9 --auth erp --from billing@example.edu --to bob@example.com";
    let answer = ask_at(NOW + 2 * YEAR, words).unwrap();
    assert!(line(&answer, "NO").contains("ended on 2027-11-30"), "{}", answer.text);
    assert!(line(&answer, "condition").contains("the grant has not ended"));
    assert!(line(&answer, "nearest").contains("it ended on 2027-11-30"));
}

#[test]
fn the_front_gate_takes_our_own_recipients_and_nothing_else() {
    let known = ask("--listener mx --client 203.0.113.9 --from a@b.example --to it@chem.example.edu");
    assert!(known.accepted);
    let unknown = ask("--listener mx --client 203.0.113.9 --from a@b.example --to nobody@chem.example.edu");
    assert!(line(&unknown, "recipient").contains("REFUSED: nobody here has this address"));
    let foreign = ask("--listener mx --client 203.0.113.9 --from a@b.example --to bob@example.com");
    assert!(line(&foreign, "NO").contains("[not-our-domain]"));
    assert!(line(&foreign, "recipient").contains("REFUSED: another organisation"));
    let forged = ask("--listener mx --client 203.0.113.9 --from head@chem.example.edu --to it@chem.example.edu");
    assert!(
        line(&forged, "sender").contains("REFUSED: one of us, coming from outside"),
        "{}",
        forged.text
    );
    let forward = ask("--listener mx --client 203.0.113.9 --from a@b.example --to alumni@example.edu");
    assert!(line(&forward, "basis").contains("forward alumni"), "{}", forward.text);
    assert!(ask("--listener mx --client 203.0.113.9 --from <> --to postmaster").accepted);
}

#[test]
fn scripts_are_told_the_same() {
    let answer = ask("--listener devices --client 10.20.3.14 --from scan-3f@chem.example.edu --to bob@example.com");
    assert_eq!(answer.json["verdict"], "refuse");
    assert_eq!(answer.json["reason"], "recipient-outside-scope");
    assert_eq!(answer.json["nearest"]["grant"], "copier-3f");
    assert_eq!(
        answer.json["nearest"]["missing"],
        serde_json::json!(["recipient-in-scope"])
    );
    assert_eq!(
        answer.json["steps"].as_array().unwrap().last().unwrap()["check"],
        "recipient-in-scope"
    );
}

#[test]
fn a_question_that_makes_no_sense_is_not_answered() {
    let why = |words: &str| match ask_at(NOW, words) {
        Ok(_) => panic!("{words} was answered"),
        Err(why) => why.to_string(),
    };
    let nowhere = why("--listener nowhere --client 10.0.0.1 --from a@b.example --to c@d.example");
    assert!(nowhere.contains("there are: mx, submission, submissions, devices"));
    assert!(why("--listener mx --client 10.0.0.1 --from a --to c@d.example").contains("a is no address"));
}
