//! What is held stays, however old, until it is released.

use serde_json::Value;

use crate::gate::{House, text};
use crate::pruning::write_ledger;

#[test]
fn a_hold_is_set_listed_heeded_by_the_gate_and_released() {
    let house = House::new(&text(""));
    let dir = house.dir.path().join("ledger");
    std::fs::create_dir(&dir).unwrap();
    write_ledger(&dir, &[400, 390, 380, 1]);
    let said = |words: &[&str]| String::from_utf8(house.command(words).stdout).unwrap();
    assert_eq!(said(&["ledger", "hold", "list"]), "Nothing is held.\n");
    let add = [
        "ledger",
        "hold",
        "add",
        "--address",
        "user1@example.edu",
        "--reason",
        "case 114",
    ];
    assert_eq!(said(&add), "Hold 1 is in force: address user1@example.edu.\n");
    let second = house.ask(&[
        "ledger",
        "hold",
        "add",
        "--grant",
        "press",
        "--reason",
        "audit",
        "--until",
        "2020-12-31",
    ]);
    assert_eq!(
        (&second["number"], &second["in_force"]),
        (&2.into(), &false.into()),
        "{second:#}"
    );
    assert_eq!(second["until"], "2020-12-31T23:59:59.999Z");
    let nothing = house.command(&["ledger", "hold", "add", "--reason", "of nothing"]);
    assert_eq!(nothing.status.code(), Some(2));
    let listed = said(&["ledger", "hold", "list"]);
    assert!(
        listed.contains("case 114") && listed.contains("grant press, until 2020-12-31, which has passed"),
        "{listed}"
    );

    let gate = house.start();
    gate.event("ledger.pruned");
    let told = house.ask(&["ledger", "verify"]);
    assert_eq!(
        (&told["broken"], told["pruned"].as_array().unwrap().len()),
        (&Value::Array(vec![]), 2),
        "{told:#}"
    );
    let held = gate.event("ledger.held");
    assert_eq!((&held["hold"], &held["files"]), (&1.into(), &1.into()));
    assert!(said(&["why", "user1@example.edu"]).contains("delivered"));
    // While the gate runs.
    let released = house.ask(&["ledger", "hold", "release", "1", "--reason", "case closed"]);
    assert_eq!(released["released"]["name"], "user1@example.edu");
    gate.stop();
    let again = house.command(&["ledger", "hold", "release", "1", "--reason", "case closed"]);
    assert_eq!(again.status.code(), Some(1));
    assert_eq!(
        house.ask(&["ledger", "hold", "list"])["holds"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let told = house.ask(&["ledger", "verify"]);
    assert_eq!(told["broken"], Value::Array(vec![]), "{told:#}");

    let gate = house.start();
    gate.event("ledger.pruned");
    let told = house.ask(&["ledger", "verify"]);
    assert_eq!(
        (&told["broken"], told["pruned"].as_array().unwrap().len()),
        (&Value::Array(vec![]), 1),
        "{told:#}"
    );
    gate.stop();
}
