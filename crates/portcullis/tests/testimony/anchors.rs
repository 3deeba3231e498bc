//! Where the ledger stands, in a file elsewhere and in syslog.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::gate::{House, text};

const KEYS: &str = r#"anchors = "elsewhere/anchors"
syslog = true
syslog_socket = "log"
"#;

/// A house with a second place, and somebody who listens to syslog.
fn a_house() -> (House, UnixDatagram) {
    let house = House::new(&text(KEYS));
    std::fs::create_dir(house.dir.path().join("elsewhere")).unwrap();
    let syslog = UnixDatagram::bind(house.dir.path().join("log")).unwrap();
    syslog.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    (house, syslog)
}

/// The anchor in the next message.
fn heard(syslog: &UnixDatagram) -> Value {
    let mut octets = [0; 8192];
    let read = syslog.recv(&mut octets).unwrap();
    let message = std::str::from_utf8(&octets[..read]).unwrap();
    let (header, anchor) = message.split_once(" ledger-anchor - ").unwrap();
    assert!(
        header.starts_with("<85>1 ") && header.contains(" gate.example.edu portcullis "),
        "{header}"
    );
    serde_json::from_str(anchor).unwrap()
}

fn last_ledger_file(house: &House) -> PathBuf {
    let files = std::fs::read_dir(house.dir.path().join("ledger")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .max()
        .unwrap()
}

#[test]
fn start_and_stop_are_anchored_and_a_cut_end_is_named_by_its_anchor() {
    let (house, syslog) = a_house();
    let gate = house.start();
    let first = heard(&syslog);
    assert_eq!((&first["anchor"], &first["why"]), (&0.into(), &"start".into()));
    gate.stop();
    let last = heard(&syslog);
    assert_eq!((&last["anchor"], &last["why"]), (&1.into(), &"stop".into()));
    let head = &last["heads"][0];
    assert_eq!(head["writer"], "gate");

    let anchors = house.dir.path().join("elsewhere/anchors");
    let verify = ["ledger", "verify", "--anchors", anchors.to_str().unwrap()];
    let told = house.ask(&verify);
    assert_eq!(
        (&told["anchors"], &told["broken"]),
        (&2.into(), &Value::Array(vec![])),
        "{told:#}"
    );
    let written = std::fs::read_to_string(&anchors).unwrap();
    let lines: Vec<Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, [first, last.clone()], "what syslog heard is what the file has");

    let path = last_ledger_file(&house);
    let whole = std::fs::read_to_string(&path).unwrap();
    let cut = whole.trim_end().rfind('\n').unwrap();
    std::fs::write(&path, &whole[..=cut]).unwrap();
    let alone = house.command(&["ledger", "verify"]);
    assert!(alone.status.success(), "the chain alone does not show it: {alone:?}");
    let told = house.command(&verify);
    assert_eq!(told.status.code(), Some(1));
    let told = String::from_utf8(told.stdout).unwrap();
    let named = format!("gate:{}:{}", head["seq"], head["hash"].as_str().unwrap());
    let broken = told.lines().next().unwrap();
    assert!(broken.starts_with("BROKEN") && broken.contains(&named), "{told}");
    assert!(
        broken.contains("as line 2 of ") && broken.ends_with("elsewhere/anchors says"),
        "{told}"
    );
    std::fs::write(&path, &whole).unwrap();

    // The gate goes on where it was, and an anchor that was edited is named.
    let gate = house.start();
    assert_eq!(heard(&syslog)["anchor"], 2);
    gate.stop();
    let written = std::fs::read_to_string(&anchors).unwrap();
    std::fs::write(&anchors, written.replacen("\"stop\"", "\"time\"", 1)).unwrap();
    let told = house.ask(&verify);
    assert_eq!(told["broken_anchors"][0]["line"], 2, "{told:#}");
    assert_eq!(told["broken"], Value::Array(vec![]));
}

#[test]
fn a_second_place_that_is_not_there_hinders_nobody_and_is_used_when_it_comes() {
    let house = House::new(&text(KEYS));
    let check = house.command(&["check"]);
    let told = String::from_utf8(check.stdout).unwrap();
    assert!(
        check.status.success() && told.contains("the folder of this file is not there"),
        "{told}"
    );
    let gate = house.start();
    let syslog = UnixDatagram::bind(house.dir.path().join("log")).unwrap();
    syslog.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    std::fs::create_dir(house.dir.path().join("elsewhere")).unwrap();
    assert_eq!(heard(&syslog)["why"], "start");
    gate.stop();
    let anchors = house.dir.path().join("elsewhere/anchors");
    let told = house.ask(&["ledger", "verify", "--anchors", anchors.to_str().unwrap()]);
    assert_eq!(
        (&told["anchors"], &told["broken"]),
        (&2.into(), &Value::Array(vec![])),
        "{told:#}"
    );
}
