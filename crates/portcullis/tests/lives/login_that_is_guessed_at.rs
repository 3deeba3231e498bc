//! Somebody guesses at a login from everywhere: it is stopped but for its own places, through a restart too, until somebody
//! has looked, who says why, and is written down.

use serde_json::Value;

use crate::house::{Campus, DAY};
use crate::peers::eventually;

const WRONG: &str = "not-this-one-either";
const GUESSES: u8 = 100;

/// Each from a network of its own, half of them at once: none of them is locked out, and the line of those who wait is not
/// full.
fn guesses(campus: &Campus, login: &str) {
    let clients = (0..GUESSES).map(|network| campus.program(&format!("10.30.{network}.7")));
    let mut clients: Vec<_> = clients.collect();
    for half in clients.chunks_mut(usize::from(GUESSES) / 2) {
        std::thread::scope(|scope| {
            for client in half {
                scope.spawn(move || {
                    let answer = client.log_in(login, WRONG);
                    assert!(answer.starts_with("535"), "{answer}");
                });
            }
        });
    }
}

fn stopped(campus: &Campus) -> Value {
    let listed = campus.gate.command(&["logins", "list", "--json"]);
    serde_json::from_str::<Value>(&listed.out).unwrap()["stopped"].clone()
}

#[test]
fn a_login_that_is_guessed_at_from_everywhere_works_at_home_alone_until_somebody_has_looked() {
    let mut campus = Campus::new();
    let (id, secret) = campus.copier(&[]);
    // It never logged in from anywhere: what lets it in is that its grant names this address.
    eventually("its secret to be live", || {
        let known = campus.gate.log().contains("\"credential-issued\"");
        known.then_some(())
    });
    guesses(&campus, &id);
    assert!(stopped(&campus)[&id].is_object(), "{}", stopped(&campus));
    let right_from = |campus: &Campus, address: &str| campus.program(address).log_in(&id, &secret);
    assert!(right_from(&campus, "10.40.1.1").starts_with("535"), "elsewhere");
    assert!(right_from(&campus, "10.20.3.14").starts_with("235"), "at home");

    campus.gate.end();
    campus.gate.restart();
    assert!(stopped(&campus)[&id].is_object(), "what was stopped outlives the gate");
    assert!(right_from(&campus, "10.40.2.1").starts_with("535"));

    let unsaid = campus.gate.command(&["logins", "release", &id]);
    assert_eq!(unsaid.code, Some(2), "somebody has to say why");
    let words = [
        "logins",
        "release",
        &id,
        "--reason",
        "INC-77: a botnet, the secret was never near",
    ];
    campus.gate.command(&words).expect_ok("release");
    assert!(right_from(&campus, "10.40.3.1").starts_with("235"));
    let told: Value = serde_json::from_str(&campus.gate.logged(&["auth.release"])).unwrap();
    assert_eq!((&told["who"], &told["reason"]), (&id.clone().into(), &words[4].into()));
    assert!(told["by"].as_str().unwrap().contains("uid"), "{told}");
    // It stands in the ledger, for whoever asks about the login.
    let why = campus.gate.command(&["why", &id]).expect_ok("why");
    assert!(why.contains("let in again") && why.contains("INC-77"), "{why}");
    campus.calendar.pass(DAY);
}
