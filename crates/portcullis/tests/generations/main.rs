//! The built program keeps every configuration that served, goes back to one, and tests itself behind each change.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod gate;
mod namespaces;
mod returns;
mod rollback;
mod shadow;

use gate::{House, grant, text, with_change};

#[test]
fn numbers_and_times_go_on_over_restarts_and_a_kill() {
    let house = House::new(&text(""));
    let gate = house.start();
    let loaded = gate.event("config.load");
    assert_eq!((&loaded["generation"], &loaded["how"]), (&1.into(), &"start".into()));
    gate.stop();

    // The same text is the same generation.
    let gate = house.start();
    assert_eq!(gate.event("config.load")["generation"], 1);
    house.write(&with_change(&text(&grant("copier", "10.20.3.14", "")), "a copier"));
    gate.hangup();
    let loaded = &gate.events("config.load", 2)[1];
    assert_eq!((&loaded["generation"], &loaded["how"]), (&2.into(), &"reload".into()));
    gate.hangup();
    gate.events("config.reloaded", 2);
    assert_eq!(gate.count("config.load"), 2, "the same text is no change");
    gate.kill();

    let gate = house.start();
    assert_eq!(gate.event("config.load")["generation"], 2);
    let history = house.history();
    assert_eq!(history.len(), 2, "{history:#?}");
    let (first, second) = (&history[0], &history[1]);
    assert_eq!((&first["how"], &second["how"]), (&"start".into(), &"reload".into()));
    assert_eq!(second["author"], "ann@example.edu");
    assert_eq!(second["reason"], "a copier");
    assert_eq!(second["flows"]["gained"], 1, "{second:#}");
    assert!(second["proof"]["findings"].is_u64());
    assert_eq!(first["served"].as_array().unwrap().len(), 2);
    assert!(first["served"][1]["until"].is_string() && second["served"][0].get("until").is_none());
    let shown = house.command(&["config", "show", "1"]);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), text(""));
    let told = String::from_utf8(house.command(&["config", "history"]).stdout).unwrap();
    assert!(
        told.lines().nth(1).unwrap().contains("now") && told.contains("a copier"),
        "{told}"
    );
    let told = house.command(&["config", "diff", "1", "2"]);
    assert_eq!(told.status.code(), Some(3), "it widens");
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.contains("newly possible (1)") && told.contains("+ [grants.copier]"),
        "{told}"
    );
    let of_numbers = house.command(&["diff", "1", "2"]);
    assert_eq!(of_numbers.status.code(), Some(3), "{of_numbers:?}");
    let of_numbers = String::from_utf8(of_numbers.stdout).unwrap();
    assert!(of_numbers.contains("generation 2:"), "{of_numbers}");
    let with_the_file = house.command(&["diff", "2", house.file().to_str().unwrap()]);
    assert_eq!(with_the_file.status.code(), Some(0), "it serves: {with_the_file:?}");
    let missing = house.command(&["diff", "2", "7"]);
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
    assert!(String::from_utf8(missing.stderr).unwrap().contains("no generation 7"));
    gate.stop();
}

#[test]
fn what_is_kept_and_cannot_serve_is_not_said_to_have_served() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let there = format!("127.0.0.1:{}", taken.local_addr().unwrap().port());
    let house = House::new(&text(""));
    house.start().stop();
    // Everything is right with it, but for the port.
    house.write(&text("").replacen("127.0.0.1:0", &there, 1));
    let said = house.try_start().ends();
    assert!(said.contains("cannot listen"), "{said}");
    let history = house.history();
    assert_eq!(history[1]["served"], serde_json::json!([]), "{history:#?}");
    drop(taken);
    let gate = house.start();
    assert_eq!(gate.event("config.load")["generation"], 2, "its number waits for it");
    gate.stop();
}

#[test]
fn files_that_are_torn_are_told_and_keep_nobody_from_serving() {
    let house = House::new(&text(""));
    house.start().stop();
    std::fs::write(house.folder().join("000001.json"), "{\"generation\": 1,").unwrap();
    let gate = house.start();
    assert_eq!(gate.event("config.load")["generation"], 2);
    let told = house.command(&["config", "history"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(
        String::from_utf8(told.stderr)
            .unwrap()
            .contains("generation 1 cannot be read")
    );
    gate.stop();
}

#[test]
fn the_self_test_runs_at_the_start_and_on_request_and_is_green() {
    let house = House::new(&text(&grant("copier", "127.0.0.2", "")));
    let gate = house.start();
    let done = gate.event("selftest.done");
    assert_eq!(done["green"], true, "{done:#}");
    assert!(done["refused"].as_u64().unwrap() > 60, "{done:#}");
    assert_eq!((&done["tried"], &done["after"]), (&done["refused"], &"start".into()));
    let told = house.command(&["selftest"]);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    assert_eq!(house.history()[0]["test"]["green"], true);
    let counts = house.ask(&["queue", "counts"]);
    assert_eq!(counts["messages"], 0, "nothing is left behind");
    gate.stop();
}
