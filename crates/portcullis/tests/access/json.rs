//! What programs are told.

use serde_json::Value;

use crate::house::House;

fn json(house: &House, words: &[&str]) -> (Value, u8) {
    let mut all = words.to_vec();
    all.push("--json");
    let answer = house.run(&all);
    let value = serde_json::from_str(&answer.text).unwrap_or_else(|why| panic!("{words:?}: {why}\n{}", answer.text));
    (value, answer.status)
}

/// The copier, set up.
fn provisioned() -> House {
    let house = House::new();
    for words in [
        &["request", "--form", "copier.toml", "--submit"][..],
        &["approve", "pc-1001"],
    ] {
        assert_eq!(json(&house, words).1, 0, "{words:?}");
    }
    house
}

#[test]
fn each_grant_has_an_id_an_owner_a_state_and_an_end() {
    let house = provisioned();
    let (list, status) = json(&house, &["list"]);
    assert_eq!(status, 0);
    let grants = list["grants"].as_array().unwrap();
    assert_eq!(grants.len(), 2);
    for (grant, id, owner, state, pinned) in [
        (&grants[0], "pc-1001", "olga@example.edu", "approved", false),
        (&grants[1], "erp", "Finance IT", "active", true),
    ] {
        assert_eq!(grant["id"], id);
        assert_eq!(grant["owner"], owner);
        assert_eq!(grant["state"], state);
        assert_eq!(grant["pinned"], pinned);
        assert!(grant["until"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn a_secret_is_told_once_and_stands_nowhere_behind() {
    let house = provisioned();
    let (made, status) = json(&house, &["provision", "pc-1001"]);
    assert_eq!((status, made["state"].as_str()), (0, Some("provisioned")));
    let secret = made["credential"]["secret"].as_str().unwrap().to_owned();
    assert_eq!(
        (secret.len(), made["credential"]["login"].as_str()),
        (20, Some("pc-1001"))
    );
    for words in [&["show", "pc-1001"][..], &["export", "--history"], &["list"], &["due"]] {
        let told = json(&house, words).0.to_string();
        assert!(!told.contains(&secret) && !told.contains("argon2"), "{words:?}");
    }
    let (again, status) = json(&house, &["provision", "pc-1001"]);
    assert_eq!(status, 1);
    assert!(again["error"].as_str().unwrap().contains("is provisioned"));
    let (rotated, _) = json(&house, &["rotate", "pc-1001"]);
    assert_ne!(rotated["credential"]["secret"], secret.as_str());
    assert_eq!(rotated["credential"]["ending"][0]["number"], 1);
}

#[test]
fn a_refusal_says_why_and_what_to_do_and_has_a_status() {
    let house = provisioned();
    let (refused, status) = json(&house, &["suspend", "pc-1001", "--reason", "audit"]);
    assert_eq!(status, 1);
    assert_eq!(refused["id"], "pc-1001");
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .contains("not possible while the grant is approved")
    );
    assert!(
        refused["do"]
            .as_str()
            .unwrap()
            .contains("portcullis access provision pc-1001")
    );
    let (missing, status) = json(&house, &["show", "pc-7"]);
    assert_eq!((status, missing["error"].as_str()), (1, Some("there is no pc-7")));
    let (form, status) = json(
        &house,
        &["request", "--device", "copier", "--submit", "--as", "ann@example.edu"],
    );
    assert_eq!(status, 1);
    let remarks = form["remarks"].as_array().unwrap();
    assert!(
        remarks
            .iter()
            .any(|remark| remark["field"] == "address" && remark["blocks"] == true)
    );
}

#[test]
fn the_whole_registry_is_exported_with_its_history() {
    let house = provisioned();
    let (all, _) = json(&house, &["export", "--history"]);
    let case = &all["cases"][0];
    assert_eq!(case["form"]["address"], "10.20.3.14");
    let events: Vec<_> = case["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| &step["event"])
        .collect();
    assert_eq!(events, ["create", "submit", "complete"]);
    let csv = house.run(&["export"]).text;
    let mut lines = csv.lines();
    let columns = lines.next().unwrap().split(',').count();
    assert!(csv.starts_with("id,state,owner,until,") && columns == 24);
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("pc-1001,approved,olga@example.edu,2027-")
    );
    let steps = house.run(&["export", "--format", "csv", "--history"]).text;
    assert_eq!(steps.lines().count(), 4);
}

#[test]
fn what_was_exported_can_be_imported_elsewhere() {
    let house = provisioned();
    let csv = house.run(&["export"]).text;
    let other = House::new();
    other.write("export.csv", &csv);
    let (told, status) = json(&other, &["import", "export.csv"]);
    assert_eq!(status, 0, "{told:#}");
    let case = &told["lines"][0]["becomes"];
    assert_eq!(case["address"], "10.20.3.14");
    assert_eq!(case["unreviewed"], true);
    assert_eq!(case["owner"], "olga@example.edu");
}

#[test]
fn a_dry_run_and_every_other_question_keep_nothing() {
    let house = House::new();
    house.write("nets", "10.20.3.14\n10.20.0.0/16\n");
    let import = ["import", "nets", "--requestor", "Ann <ann@example.edu>", "--dry-run"];
    let (told, status) = json(&house, &import);
    assert_eq!(
        (told["imported"].as_u64(), told["left"].as_u64(), status),
        (Some(1), Some(1), 1)
    );
    let (looked, _) = json(&house, &["request", "--form", "copier.toml", "--dry-run"]);
    assert_eq!(looked["form"]["address"], "10.20.3.14");
    let (list, _) = json(&house, &["list"]);
    assert_eq!(list["grants"].as_array().unwrap().len(), 1, "the pinned one");
}

#[test]
fn thousands_are_imported_once() {
    let house = House::new();
    let text: String = (0..300)
        .map(|n: u32| format!("10.20.{}.{}\n", 100 + n / 200, 1 + n % 200))
        .collect();
    house.write("nets", &text);
    let import = ["import", "nets", "--requestor", "Ann <ann@example.edu>"];
    let (told, _) = json(&house, &import);
    assert_eq!(told["imported"], 300);
    let (again, status) = json(&house, &import);
    assert_eq!(
        (again["imported"].as_u64(), again["there"].as_u64(), status),
        (Some(0), Some(300), 0)
    );
}
