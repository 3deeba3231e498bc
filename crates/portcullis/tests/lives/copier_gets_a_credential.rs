//! A copier that can log in: a form, the checks, an approval, a secret that is shown once, its first mail.

use std::process::Command;

use crate::house::{Campus, DAY, HOUR, Letter, MINUTE, Wishes};
use crate::peers::{Done, have, run};

const TOM: &str = "tom@example.edu";
const ANN: &str = "ann@example.edu";
const AT: &str = "10.20.3.14";
const AS: &str = "scan@example.edu";

/// The copier's own mail, by a program of somebody else's.
fn scan(campus: &Campus, secret: &str, subject: &str) -> Done {
    let port = campus.gate.ports.submission.to_string();
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", "127.0.0.1", "--port", &port, "--tls", "--tls-ca-path"]);
    swaks
        .arg(campus.gate.ca())
        .args(["--proxy", &format!("TCP4 {AT} 10.0.0.1 40000 587")]);
    swaks.args(["--auth", "PLAIN", "--auth-user", "pc-1001", "--auth-password", secret]);
    swaks.args(["--from", AS, "--to", "olga@example.edu", "--h-Subject", subject]);
    run(&mut swaks)
}

/// The colours of the checks.
fn colours(campus: &Campus, id: &str) -> Vec<(String, String)> {
    let told = campus.told(&["checks", id]);
    let word = |finding: &serde_json::Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let all = told["checks"].as_array().unwrap().iter();
    all.map(|finding| (word(finding, "check"), word(finding, "colour")))
        .collect()
}

fn asks_and_is_approved(campus: &Campus) -> String {
    let id = campus.request("copier.toml", &[]);
    assert_eq!((&*id, &*campus.state(&id)), ("pc-1001", "submitted"));
    let colours = colours(campus, &id);
    assert!(
        colours.len() >= 6 && colours.iter().all(|(_, colour)| colour == "green"),
        "{colours:?}"
    );
    // Nobody decides about what they asked for themselves, and a stranger about nothing.
    for who in [ANN, "eve@example.edu"] {
        campus.refused(&["approve", &id, "--as", who]);
    }
    assert_eq!(campus.told(&["approve", &id])["state"], "approved");
    // The checks are made, and it is set up, by the gate itself.
    campus.stands(&id, "provisioned");
    id
}

/// The technical contact follows the link of the letter; the secret.
fn fetches_the_secret(campus: &Campus, recipe: &Letter) -> String {
    let link = recipe.link();
    // To look changes nothing: programs that read mail follow links too.
    for _ in 0..2 {
        let page = campus.look(&link);
        assert_eq!(page.status, 200, "{}", page.html);
        assert!(page.html.contains("Make the secret and show it"), "{}", page.html);
    }
    assert_eq!(campus.press(&link, &[("do", "something else")]).status, 422);
    let page = campus.press(&link, &[("do", "show")]);
    assert_eq!(page.status, 200, "{}", page.html);
    let secret = page.secret().to_owned();
    assert_eq!(secret.len(), 20);
    for gone in [campus.press(&link, &[("do", "show")]), campus.look(&link)] {
        assert_eq!(gone.status, 410, "{}", gone.html);
        assert!(!gone.html.contains(&secret));
    }
    secret
}

fn lives(campus: &Campus) {
    let id = asks_and_is_approved(campus);
    let recipe = campus.letter(TOM, "how to set up the copier");
    assert_eq!(recipe.from, "", "nothing comes back to a letter");
    assert!(
        recipe.whole.contains("\r\nAuto-Submitted: auto-generated\r\n"),
        "{}",
        recipe.whole
    );
    for line in [
        "mail.example.edu",
        "User name      pc-1001",
        "Sender         scan@example.edu",
    ] {
        assert!(recipe.text.contains(line), "{line}:\n{}", recipe.text);
    }
    assert!(campus.letters(ANN).is_empty(), "what is not urgent waits for its like");
    let secret = fetches_the_secret(campus, &recipe);

    scan(campus, "22222222222222222222", "guessed").expect_refused("535 5.7.8");
    assert_eq!(campus.state(&id), "provisioned");
    scan(campus, &secret, "first").expect_ok("swaks");
    campus.stands(&id, "active");
    campus.inside.receive("first");

    // One letter for the day to each of them, with all that has happened to the request.
    campus.calendar.pass(11 * MINUTE);
    let day = campus.news(ANN, "The first message has arrived");
    for words in [
        "your request for the copier 10.20.3.14 (Chemistry) has arrived",
        "is approved until",
    ] {
        assert!(day.text.contains(words), "{words}:\n{}", day.text);
    }
    campus.calendar.pass(DAY + HOUR);
    scan(campus, &secret, "second").expect_ok("swaks");
    campus.inside.receive("second");
    assert_eq!(campus.letters(ANN).len(), 1);
    assert!(campus.letters(TOM).len() <= 2, "{:?}", campus.letters(TOM));

    let listed = campus.listed(&id);
    assert_eq!(
        (listed["owner"].as_str(), listed["state"].as_str()),
        (Some("olga@example.edu"), Some("active"))
    );
    assert!(listed["until"].as_str().unwrap().ends_with('Z'), "{listed}");
    let steps = campus.history(&id);
    let who: Vec<_> = steps
        .iter()
        .map(|step| (step["to"].as_str().unwrap(), step["actor"].as_str().unwrap()))
        .collect();
    let expected = [
        ("draft", "ann@example.edu (requestor)"),
        ("submitted", "ann@example.edu (requestor)"),
        ("approved", "relay@example.edu (relay administrator)"),
        ("provisioned", "rule checks"),
        ("provisioned", "tom@example.edu (technical contact)"),
        ("active", "rule gate"),
    ];
    assert_eq!(who, expected, "the last one but one fetched the secret");
    stands_nowhere(campus, &secret);
}

/// What was shown once is in no letter, no answer of a command and no line of the log.
fn stands_nowhere(campus: &Campus, secret: &str) {
    let letters = [campus.letters(TOM), campus.letters(ANN)].concat();
    assert!(
        letters
            .iter()
            .all(|letter| !letter.whole.contains(secret) && !letter.text.contains(secret))
    );
    let exported = campus.access(&["export", "--json", "--history"]).expect_ok("export");
    for told in [exported, campus.gate.log()] {
        assert!(!told.contains(secret));
    }
}

fn can_run() -> bool {
    have("swaks") && have("curl")
}

#[test]
fn a_copier_gets_its_secret_once_and_its_first_mail_makes_it_active() {
    if can_run() {
        lives(&Campus::new());
    }
}

#[test]
fn the_same_with_the_registry_in_postgresql() {
    let wishes = Wishes {
        postgresql: true,
        ..Wishes::default()
    };
    if can_run()
        && let Some(campus) = Campus::with(wishes)
    {
        lives(&campus);
    }
}
