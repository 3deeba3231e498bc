//! Back to an earlier generation.

use crate::gate::{Gate, House, grant, text, with_change};

/// What the copier hears for a recipient outside.
fn copier(gate: &Gate) -> String {
    let lines = [
        "EHLO copier",
        "MAIL FROM:<scan@example.edu>",
        "RCPT TO:<bob@example.org>",
    ];
    gate.dialogue("devices", &lines).pop().unwrap()
}

#[test]
fn an_earlier_text_serves_again_as_a_new_generation_and_the_file_says_so() {
    let granted = text(&grant("copier", "127.0.0.2", ""));
    let house = House::new(&granted);
    let gate = house.start();
    assert!(copier(&gate).starts_with("250"));
    house.write(&text(""));
    gate.hangup();
    gate.events("config.load", 2);
    assert!(!copier(&gate).starts_with("250"));

    // It widens: without somebody who answers for it nothing happens.
    let refused = house.command(&["config", "rollback", "1"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8(refused.stderr).unwrap().contains("--author"));
    assert_eq!(house.read(), text(""), "the file is as it was");
    assert!(!copier(&gate).starts_with("250"));

    let words = [
        "config",
        "rollback",
        "1",
        "--author",
        "ann",
        "--reason",
        "copiers are refused",
    ];
    let done = house.command(&words);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    assert!(copier(&gate).starts_with("250"));
    let written = house.read();
    assert!(
        written.contains("reason = \"copiers are refused (rollback to generation 1)\""),
        "{written}"
    );
    let before = std::fs::read_to_string(house.file().with_extension("toml.before-rollback")).unwrap();
    assert_eq!(before, text(""));
    let history = house.history();
    assert_eq!(history[2]["generation"], 3);
    assert_eq!((&history[2]["how"], &history[2]["of"]), (&"rollback".into(), &1.into()));
    assert!(history[2]["by"].as_str().unwrap().contains("uid"), "{history:#?}");
    gate.stop();

    // What the file says and what served last are the same: it starts again at once.
    let gate = house.start();
    assert_eq!(gate.event("config.load")["generation"], 3);
    gate.stop();
}

#[test]
fn a_suspension_does_not_roll_back() {
    let house = House::new(&text(&grant("copier", "127.0.0.2", "")));
    let gate = house.start();
    house.write(&text(&grant("copier", "127.0.0.2", "suspended = \"sends spam\"")));
    gate.hangup();
    gate.events("config.load", 2);
    let done = house.command(&["config", "rollback", "1"]);
    assert_eq!(done.status.code(), Some(0), "nothing widens: {done:?}");
    assert!(
        String::from_utf8(done.stdout)
            .unwrap()
            .contains("stay suspended: copier")
    );
    assert!(!copier(&gate).starts_with("250"));
    assert!(house.read().contains("sends spam"));
    gate.stop();
}

#[test]
fn what_the_gate_refuses_leaves_the_file_as_it_was() {
    let house = House::new(&text(""));
    let gate = house.start();
    house.write(&with_change(&text(&grant("copier", "10.20.3.14", "")), "a copier"));
    gate.hangup();
    gate.events("config.load", 2);
    // What serves is not what the command is about to look at.
    let asked = house.command(&["config", "rollback", "7"]);
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    assert!(
        String::from_utf8(asked.stderr)
            .unwrap()
            .contains("there is no generation 7")
    );
    let altered = house.folder().join("000001.toml");
    let text = std::fs::read_to_string(&altered).unwrap();
    std::fs::write(&altered, text.replace("\"10.0.0.0/8\"", "\"10.0.0.0/7\"")).unwrap();
    let asked = house.command(&["config", "rollback", "1"]);
    assert_eq!(asked.status.code(), Some(1), "{asked:?}");
    assert!(String::from_utf8(asked.stderr).unwrap().contains("changed or damaged"));
    assert!(house.read().contains("a copier"));
    assert!(!crate::gate::exists(
        &house.file().with_extension("toml.before-rollback")
    ));
    gate.stop();
}
