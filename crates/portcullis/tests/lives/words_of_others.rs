//! Logins that somebody else vouches for, on one gate that runs: a copier with a token of an identity provider, whose keys
//! come over HTTPS and change; a person with a password that a directory knows. Each sends until its grant is suspended.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::house::{Campus, Client, Wishes};
use crate::peers::{Authority, ISSUER, Issuer, Outside, Slapd, eventually_within, have, until};

const AT: &str = "10.20.3.14";
const AS: &str = "scan@example.edu";
const ALICE: &str = "alice@example.edu";
/// Keys are asked for anew every half a minute at most.
const FETCHED_WITHIN: Duration = Duration::from_secs(90);

/// A campus with an identity provider and a directory; what stands in its file is good for Alice.
fn campus(outside: Outside, ca: &Path, keys: &str, slapd: &Slapd) -> Campus {
    let more = format!(
        "[identities.issuers.campus]\nissuer = \"{ISSUER}\"\naudience = \"smtp\"\nkeys = \"{keys}\"\nca = \"{}\"\n{}\
         [grants.alice]\nowner = \"IT\"\ncontact = \"it@example.edu\"\nreason = \"a person\"\nuntil = {}\n\
         by = {{ directory = \"alice\" }}\nfrom = [\"{ALICE}\"]\nto = \"any\"\nclass = \"user\"\n",
        ca.join("ca.pem").display(),
        slapd.settings(),
        until()
    );
    let wishes = Wishes {
        more,
        ..Wishes::default()
    };
    Campus::beside(outside, wishes).unwrap()
}

fn token(issuer: &Issuer, subject: &str) -> String {
    issuer.token(json!({ "aud": "smtp", "sub": subject }), 600)
}

/// Somebody who logs in by this token, as soon as it is believed. Each try comes from somewhere else, as nobody may fail
/// again and again.
fn believed(campus: &Campus, login: &str, token: &str) -> Client {
    let mut tries = 0;
    eventually_within(FETCHED_WITHIN, "the token to be believed", || {
        tries += 1;
        let mut client = campus.program(&format!("10.21.{tries}.1"));
        client
            .log_in_by_token(login, token)
            .starts_with("235 2.7.0")
            .then_some(client)
    });
    let mut client = campus.program(AT);
    let reply = client.log_in_by_token(login, token);
    assert!(reply.starts_with("235 2.7.0"), "{reply}");
    client
}

/// The copier, asked for, approved, set up, and known by its tokens.
fn copier(campus: &Campus) -> String {
    let id = campus.request("copier.toml", &["--authentication", "oauth2"]);
    campus.told(&["approve", &id]);
    campus.stands(&id, "provisioned");
    let recipe = campus.letter("tom@example.edu", "how to set up the copier");
    assert!(
        recipe.text.contains("a token of your identity provider"),
        "{}",
        recipe.text
    );
    assert!(
        !recipe.text.contains("/a/"),
        "there is no secret to be fetched:\n{}",
        recipe.text
    );
    let refused = campus.refused(&["rotate", &id]);
    assert!(
        refused["error"].as_str().unwrap().contains("no secret of ours"),
        "{refused}"
    );
    campus.refused(&["rotate", &id, "--token", "elsewhere", "--claim", "sub=copier-3f"]);
    campus.told(&["rotate", &id, "--token", "campus", "--claim", "sub=copier-3f"]);
    campus.is_known(&id);
    // What two could show nobody could tell apart.
    let plotter = [
        "--address",
        "10.20.3.15",
        "--host",
        "plotter.example.edu",
        "--authentication",
        "oauth2",
    ];
    let other = campus.request("copier.toml", &plotter);
    campus.told(&["approve", &other]);
    let refused = campus.refused(&["rotate", &other, "--token", "campus", "--claim", "sub=copier-3f"]);
    assert_eq!(refused["error"], format!("such a token shows {id} already"));
    id
}

#[test]
fn a_copier_with_a_token_and_a_person_of_the_directory_send_until_they_are_suspended() {
    if !have("slapd") {
        return;
    }
    let (outside, authority, issuer) = (Outside::new(), Authority::new(), Arc::new(Issuer::new()));
    let keys = outside.keys(&authority, &issuer);
    let slapd = Slapd::start();
    let folder = tempfile::tempdir().unwrap();
    authority.write(folder.path(), "keys", &["127.0.0.1"]);
    let campus = campus(outside, folder.path(), &keys, &slapd);

    let id = copier(&campus);
    let former = token(&issuer, "copier-3f");
    let mut session = believed(&campus, &id, &former);
    session.delivers(AS, "olga@example.edu", "by token");
    campus.stands(&id, "active");
    campus.inside.receive("by token");
    for (login, wrong) in [
        (&*id, token(&issuer, "copier-4f")),
        ("", token(&Issuer::new(), "copier-3f")),
    ] {
        let reply = campus.program("10.20.3.80").log_in_by_token(login, &wrong);
        assert!(reply.starts_with("535 5.7.8"), "{reply}");
    }

    let mut alice = campus.program("10.20.3.90");
    assert!(alice.log_in("alice", "a long password of bob").starts_with("535 5.7.8"));
    assert!(
        alice
            .log_in("alice", "a long password of alice")
            .starts_with("235 2.7.0")
    );
    alice.delivers(ALICE, "bob@elsewhere.example", "by directory");
    campus.internet.receive("by directory");

    // The provider changes its key: what was signed by the former one is worth nothing then, a session that is open stays.
    issuer.rotate();
    drop(believed(&campus, &id, &token(&issuer, "copier-3f")));
    let reply = campus.program("10.20.3.81").log_in_by_token(&id, &former);
    assert!(reply.starts_with("535 5.7.8"), "{reply}");
    session.delivers(AS, "olga@example.edu", "by the former token");

    for (name, session, sender) in [(&*id, &mut session, AS), ("alice", &mut alice, ALICE)] {
        campus.told(&["suspend", name, "--reason", "moves to another building"]);
        let reply = session.is_answered(sender, "554 5.7.1");
        assert!(reply.contains("This relay grant is suspended"), "{reply}");
    }
}
