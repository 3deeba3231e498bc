//! A configuration beside the one that serves.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::gate::{Gate, House, grant, text};

/// The copier's grant, with these senders.
fn copier(senders: &str) -> String {
    text(&grant("copier", "127.0.0.2", ""))
        .replace("from    = [\"scan@example.edu\"]", &format!("from    = [{senders}]"))
}

const LIVE: &str = "\"scan@example.edu\", \"both@example.edu\"";
const NEXT: &str = "\"boss@example.edu\", \"both@example.edu\"";
/// A login in the file that decides beside, with the hash of its secret.
const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

fn next() -> String {
    let with_login = grant("erp", "127.0.0.9", "")
        .replace(
            "address = [\"127.0.0.9\"]",
            &format!("password = \"erp\", hash = \"{HASH}\""),
        )
        .replace("scan@", "erp@");
    copier(NEXT) + &with_login
}

/// What the copier hears at last for a letter.
fn sends(gate: &Gate, from: &str, author: &str) -> String {
    let mail_from = format!("MAIL FROM:<{from}@example.edu>");
    let letter = format!("From: <{author}@example.edu>\r\nSubject: a scan\r\n\r\nHello.\r\n.");
    let mut lines = vec!["EHLO copier", &mail_from];
    let heard = gate.dialogue("devices", &lines);
    if !heard[2].starts_with('2') {
        return heard[2].clone();
    }
    lines.extend(["RCPT TO:<bob@example.org>", "DATA", &letter]);
    gate.dialogue("devices", &lines).pop().unwrap()
}

/// The status, once so many decisions were made again.
fn status(house: &House, decided: u64) -> Value {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let status = house.ask(&["shadow", "status"]);
        let counts = &status["counts"];
        let differ: u64 = counts["differ"]
            .as_object()
            .unwrap()
            .values()
            .map(|one| one.as_u64().unwrap())
            .sum();
        if counts["agree"].as_u64().unwrap() + differ >= decided {
            return status;
        }
        assert!(Instant::now() < until, "{decided} were not decided: {status:#}");
    }
}

fn told(house: &House, words: &[&str]) -> (Option<i32>, String) {
    let output = house.command(words);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn it_counts_where_it_would_have_decided_otherwise_and_changes_nothing() {
    let house = House::new(&copier(LIVE));
    let file = house.dir.path().join("next.toml");
    std::fs::write(&file, next()).unwrap();
    let file = file.to_str().unwrap();
    let gate = house.start();
    gate.event("selftest.done");
    assert_eq!(told(&house, &["shadow", "status"]).0, Some(2), "there never was one");
    assert_eq!(told(&house, &["shadow", "stop"]).0, Some(1));

    let (code, said) = told(&house, &["shadow", "start", file, "--for", "2d", "--reason", "CHG-7"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("decides beside generation 1 until"), "{said}");
    let started = gate.event("shadow.start");
    assert_eq!(started["reason"], "CHG-7");
    assert!(started["by"].as_str().unwrap().contains("uid"), "{started:#}");
    let (code, said) = told(&house, &["shadow", "start", file]);
    assert!(code == Some(1) && said.contains("is on already"), "{said}");

    assert!(sends(&gate, "both", "both").starts_with("250"));
    assert!(
        sends(&gate, "scan", "scan").starts_with("250"),
        "the shadow would refuse"
    );
    assert!(sends(&gate, "boss", "boss").starts_with('5'), "the shadow would ask on");
    assert!(
        sends(&gate, "both", "boss").starts_with('5'),
        "the shadow would take it"
    );
    let now = status(&house, 4);
    let counts = &now["counts"];
    assert_eq!(
        (&counts["agree"], &counts["differ"]),
        (
            &1.into(),
            &serde_json::json!({ "would-take": 1, "would-let-on": 1, "would-refuse": 1 })
        ),
        "{now:#}"
    );
    assert_eq!(counts["by_grant"]["names"]["copier"]["would-take"], 1, "{now:#}");
    let example = &counts["examples"]["would-take"][0];
    assert_eq!(example["live"], "refused (from-not-granted)");
    assert_eq!(example["shadow"], "accepted on grant copier");
    let why = told(&house, &["why", example["id"].as_str().unwrap()]);
    assert!(why.0 == Some(0) && why.1.contains("from-not-granted"), "{why:?}");
    let (code, said) = told(&house, &["shadow", "status"]);
    assert_eq!(code, Some(1), "something differs");
    assert!(said.contains("were refused, and would have been taken"), "{said}");
    assert!(
        said.contains(&format!("copy {file} over")) && said.contains("portcullis diff"),
        "{said}"
    );

    // A reload of what serves, a restart of the gate, and a file that is another one by now.
    house.write(&copier("\"scan@example.edu\""));
    gate.hangup();
    gate.events("config.load", 2);
    assert!(sends(&gate, "both", "both").starts_with('5'));
    status(&house, 5);
    gate.stop();
    std::fs::write(file, "").unwrap();
    let gate = house.start();
    assert!(sends(&gate, "scan", "scan").starts_with("250"));
    let now = status(&house, 6);
    assert_eq!(now["on"], true);
    assert_eq!(now["counts"]["differ"]["would-refuse"], 2, "{now:#}");
    let said = told(&house, &["shadow", "status"]).1;
    assert!(
        said.contains("next.toml was changed since") && said.contains("shadow.toml"),
        "{said}"
    );

    let (code, said) = told(&house, &["shadow", "stop", "--reason", "seen enough"]);
    assert!(code == Some(0) && said.contains("seen enough"), "{said}");
    let over = gate.event("shadow.end");
    assert_eq!(
        (&over["decided"], &over["differ"], &over["skipped"]),
        (&6.into(), &5.into(), &0.into())
    );
    assert_eq!(house.ask(&["shadow", "status"])["on"], false);
    let verified = house.command(&["ledger", "verify"]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    gate.stop();
    let secret = HASH.rsplit('$').next().unwrap();
    for (what, text) in [("status", &said), ("status", &now.to_string())] {
        assert!(!text.contains(secret), "{what} tells the hash");
    }
    for entry in std::fs::read_dir(house.dir.path().join("ledger")).unwrap() {
        let octets = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&octets).contains(secret));
    }
}

#[test]
fn what_has_errors_is_refused_and_what_may_not_serve_is_told() {
    let house = House::new(&text(""));
    let file = house.dir.path().join("next.toml");
    let gate = house.start();
    std::fs::write(&file, text("").replace("role   = \"mx\"", "role   = \"mxx\"")).unwrap();
    let start = ["shadow", "start", file.to_str().unwrap()];
    let (code, said) = told(&house, &start);
    assert!(
        code == Some(1) && said.contains("mxx") && said.contains("next.toml:"),
        "{said}"
    );
    // It says of itself that it may not serve.
    let never = "[[never]]\nname = \"nobody without a login\"\nnetworks = [\"10.0.0.0/8\"]\nidentity = \"none\"\nto = [\"*@example.org\"]\n";
    std::fs::write(&file, text(&(grant("copier", "10.20.3.14", "") + never))).unwrap();
    let (code, said) = told(&house, &start);
    assert!(
        code == Some(0) && said.contains("BROKEN") && said.contains("no obstacle"),
        "{said}"
    );
    assert_eq!(told(&house, &["shadow", "status"]).0, Some(0), "nothing differs yet");
    gate.kill();

    // After a kill it goes on; the text it decides by is kept and looked at.
    let gate = house.start();
    assert_eq!(house.ask(&["shadow", "status"])["on"], true);
    gate.stop();
    std::fs::write(house.folder().join("shadow.toml"), "").unwrap();
    let gate = house.start();
    let over = gate.event("shadow.end");
    assert!(
        over["why"]
            .as_str()
            .unwrap()
            .contains("is not the text that was started"),
        "{over:#}"
    );
    assert_eq!(house.ask(&["shadow", "status"])["on"], false);
    gate.stop();
}

#[test]
fn it_ends_by_itself_when_its_time_is_over() {
    let house = House::new(&text(""));
    let gate = house.start();
    let file = house.file();
    let (code, said) = told(&house, &["shadow", "start", file.to_str().unwrap(), "--for", "1s"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(gate.event("shadow.end")["why"], "its time was over");
    let said = told(&house, &["shadow", "status"]).1;
    assert!(
        said.contains("its time was over") && said.contains("by the same rules"),
        "{said}"
    );
    gate.stop();
}

/// The gate that took over; ended by its number, for nobody is its parent any more.
struct Successor(u64);

impl Drop for Successor {
    fn drop(&mut self) {
        let pid = self.0.to_string();
        let _ = std::process::Command::new("kill").args(["-s", "KILL", &pid]).status();
    }
}

#[test]
fn a_gate_that_takes_over_goes_on_with_what_was_counted() {
    let house = House::new(&copier(LIVE));
    let file = house.dir.path().join("next.toml");
    std::fs::write(&file, next()).unwrap();
    let gate = house.start();
    let (code, said) = told(&house, &["shadow", "start", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(sends(&gate, "scan", "scan").starts_with("250"));
    assert!(sends(&gate, "both", "both").starts_with("250"));
    let successor = Successor(house.ask(&["upgrade"])["pid"].as_u64().unwrap());
    gate.event("upgrade.done");
    let now = status(&house, 2);
    assert_eq!(now["on"], true, "{now:#}");
    // The sockets are the same.
    assert!(sends(&gate, "scan", "scan").starts_with("250"));
    let now = status(&house, 3);
    assert_eq!(
        (&now["counts"]["agree"], &now["counts"]["differ"]["would-refuse"]),
        (&1.into(), &2.into()),
        "{now:#}"
    );
    assert_eq!(gate.count("shadow.start") + gate.count("shadow.end"), 1);
    drop(successor);
}
