//! People whose passwords a directory knows: OpenLDAP behind the gate, swaks in front of it.

use std::process::Command;

use crate::house::{Done, Gate, Outside, Plan, Slapd, have, run, until};

fn swaks(gate: &Gate, login: &str, password: &str) -> Done {
    let mut swaks = Command::new("swaks");
    swaks
        .args([
            "--server",
            "127.0.0.1",
            "--port",
            &gate.ports.submission.to_string(),
            "--tls",
        ])
        .args(["--auth", "PLAIN", "--auth-user", login, "--auth-password", password])
        .args([
            "--from",
            "alice@example.edu",
            "--to",
            "bob@elsewhere.example",
            "--h-Subject",
            "by-directory",
        ]);
    run(&mut swaks)
}

fn grant(name: &str, login: &str) -> String {
    format!(
        "[grants.{name}]\nowner = \"IT\"\ncontact = \"it@example.edu\"\nreason = \"a person\"\nuntil = {}\n\
         by = {{ directory = \"{login}\" }}\nfrom = [\"alice@example.edu\"]\nto = \"any\"\nclass = \"user\"\n",
        until()
    )
}

/// The words of a refusal, without its event.
fn words(done: Done) -> String {
    let said = done.expect_refused("535 5.7.8");
    let line = said.lines().find(|line| line.contains("535 5.7.8")).unwrap().to_owned();
    line.split_once(" See ").unwrap().0.to_owned()
}

#[test]
fn people_are_found_by_a_filter_under_starttls_and_then_prove_themselves() {
    if !(have("swaks") && have("slapd")) {
        return;
    }
    let slapd = Slapd::start();
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let mut plan = Plan::to(&inside, &internet);
    plan.more = slapd.searched();
    for (name, login) in [
        ("dora", "dora"),
        ("address", "dora.d@example.edu"),
        ("both", "office@example.edu"),
        ("star", "d*"),
        ("nobody", "frieda"),
    ] {
        plan.more.push_str(&grant(name, login));
    }
    let gate = Gate::start(plan);
    for login in ["dora", "dora.d@example.edu"] {
        swaks(&gate, login, "a long password of dora").expect_ok("swaks");
        internet.receive("by-directory");
    }
    let wrong = words(swaks(&gate, "dora", "a long password of emil"));
    for (login, why) in [
        ("emil", "he has no grant"),
        ("office@example.edu", "it is two people's"),
        ("d*", "a star is a character of a login"),
        ("frieda", "the directory does not know her"),
    ] {
        assert_eq!(words(swaks(&gate, login, "a long password of dora")), wrong, "{why}");
    }
    gate.logged(&["identities.directory", "more than one entry"]);
    assert!(!gate.log().contains("the secret of the gate"), "{}", gate.log());
}

#[test]
fn who_the_directory_knows_and_a_grant_names_may_send_and_who_no_grant_names_hears_what_a_wrong_password_hears() {
    if !(have("swaks") && have("slapd")) {
        return;
    }
    let slapd = Slapd::start();
    let outside = Outside::new();
    let (inside, internet) = (outside.sink("inside"), outside.sink("internet"));
    let mut plan = Plan::to(&inside, &internet);
    plan.more = format!("{}{}", slapd.settings(), grant("alice", "alice"));
    let gate = Gate::start(plan);
    swaks(&gate, "alice", "a long password of alice").expect_ok("swaks");
    internet.receive("by-directory");
    let wrong = words(swaks(&gate, "alice", "a long password of bob"));
    assert_eq!(words(swaks(&gate, "bob", "a long password of bob")), wrong);
    assert_eq!(words(swaks(&gate, "bob", "another password")), wrong);
    assert_eq!(words(swaks(&gate, "carol", "a long password of carol")), wrong);
}
