//! Somebody who asks for a grant and logs in with the password that the directory knows: nobody gives them a secret. The
//! login leads to that one grant, and to none when the grant is another's, suspended or gone.

use crate::house::{Campus, Client, Wishes};
use crate::peers::{Slapd, eventually, have, until};

const AT: &str = "10.20.3.14";
const AS: &str = "scan@example.edu";
const BOB: &str = "a long password of bob";

/// A client at that address that logs in as Bob, once that is live.
fn bob(campus: &Campus) -> Client {
    eventually("Bob to log in", || {
        let mut client = campus.program(AT);
        client.log_in("Bob", BOB).starts_with("235 2.7.0").then_some(client)
    })
}

#[test]
fn who_the_directory_knows_sends_by_the_grant_that_is_bound_to_their_login() {
    if !have("slapd") {
        return;
    }
    let slapd = Slapd::start();
    let more = format!(
        "{}[grants.alice]\nowner = \"IT\"\ncontact = \"it@example.edu\"\nreason = \"a person\"\nuntil = {}\n\
         by = {{ directory = \"alice\" }}\nfrom = [\"alice@example.edu\"]\nto = \"any\"\nclass = \"user\"\n",
        slapd.settings(),
        until()
    );
    let wishes = Wishes {
        more,
        ..Wishes::default()
    };
    let campus = Campus::with(wishes).unwrap();

    let id = campus.request("copier.toml", &["--authentication", "directory"]);
    campus.told(&["approve", &id]);
    campus.stands(&id, "provisioned");
    let recipe = campus.letter("tom@example.edu", "how to set up the copier").text;
    assert!(
        recipe.contains("that of the directory") && !recipe.contains("/a/"),
        "{recipe}"
    );
    // His password is right, and no grant is his.
    let reply = campus.program(AT).log_in("bob", BOB);
    assert!(reply.starts_with("535 5.7.8"), "{reply}");
    campus.gate.logged(&["auth_ok_no_grant", "bob"]);

    let refused = campus.refused(&["rotate", &id, "--directory", "Alice"]);
    assert_eq!(refused["error"], "Alice is the login of alice already");
    campus.told(&["rotate", &id, "--directory", "bob"]);
    assert_eq!(campus.listed(&id)["credentials"][0]["login"], "bob");
    let mut session = bob(&campus);
    session.delivers(AS, "olga@example.edu", "by the directory");
    campus.stands(&id, "active");
    campus.inside.receive("by the directory");
    let reply = campus.program("10.20.3.80").log_in("bob", "a long password of alice");
    assert!(reply.starts_with("535 5.7.8"), "{reply}");
    let reply = campus.program("10.20.3.80").log_in(&id, BOB);
    assert!(reply.starts_with("535 5.7.8"), "the case is no login: {reply}");

    let plotter = [
        "--address",
        "10.20.3.15",
        "--host",
        "plotter.example.edu",
        "--authentication",
        "directory",
    ];
    let other = campus.request("copier.toml", &plotter);
    campus.told(&["approve", &other]);
    campus.stands(&other, "provisioned");
    let refused = campus.refused(&["rotate", &other, "--directory", "BOB"]);
    assert_eq!(refused["error"], format!("BOB is the login of {id} already"));

    campus.told(&["suspend", &id, "--reason", "moves to another building"]);
    let reply = session.is_answered(AS, "554 5.7.1");
    assert!(reply.contains("This relay grant is suspended"), "{reply}");
    campus.told(&["reinstate", &id, "--reason", "it has arrived"]);
    session.is_answered(AS, "250");
    campus.told(&["revoke", &id, "--reason", "it is gone"]);
    eventually("the login to lead nowhere", || {
        let reply = session.is_answered(AS, "554 5.7.1");
        reply.contains("[login-without-grant").then_some(())
    });
    // Now it may be another's.
    campus.told(&["rotate", &other, "--directory", "BOB"]);
    let mut session = eventually("Bob to log in at the plotter", || {
        let mut client = campus.program("10.20.3.15");
        client.log_in("bob", BOB).starts_with("235 2.7.0").then_some(client)
    });
    session.delivers(AS, "olga@example.edu", "from the plotter");
    campus.stands(&other, "active");
}
