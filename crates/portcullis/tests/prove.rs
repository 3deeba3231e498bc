//! `portcullis prove`, `diff` and `serve`, as somebody at a terminal or a script meets them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use portcullis::config::example::EXAMPLE;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// The example, whose dates are of this year, with one thing written otherwise.
    fn file(&self, name: &str, before: &str, after: &str) -> PathBuf {
        assert!(EXAMPLE.contains(before), "{before}");
        self.write(name, &EXAMPLE.replacen(before, after, 1))
    }

    /// A text whose ends are near, whenever this test runs.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
        let then = now.checked_add(jiff::Span::new().days(100)).unwrap();
        let day = then.strftime("%Y-%m-%d").to_string();
        let text = ["2027-11-30", "2027-09-30", "2027-06-30"]
            .iter()
            .fold(text.to_owned(), |text, end| text.replace(end, &day));
        let file = self.0.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    }
}

fn run(arguments: &[&str], files: &[&Path]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(arguments)
        .args(files)
        .output()
        .unwrap();
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn the_example_is_proven_and_a_broken_one_is_told_with_its_line() {
    let folder = Folder::new();
    let sound = folder.file("sound.toml", "", "");
    let (status, told, _) = run(&["prove", "--config"], &[&sound]);
    assert_eq!(status, 0, "{told}");
    assert!(
        told.contains("proven   nobody without a grant sends to other organisations"),
        "{told}"
    );
    assert!(
        told.contains("[[never]] \"the guest network sends nothing outside\""),
        "{told}"
    );
    assert!(told.contains("Assumed:"), "{told}");

    let wide = folder.file("wide.toml", "\"scan-3f@chem.example.edu\"", "\"*@example.edu\"");
    let (status, told, _) = run(&["prove", "--config"], &[&wide]);
    assert_eq!(status, 1, "{told}");
    let line = |text: &str| 1 + text.lines().position(|line| line == "[grants.copier-3f]").unwrap();
    let place = format!("{}:{}", wide.display(), line(EXAMPLE));
    assert!(told.contains("BROKEN") && told.contains(&place), "{told}");

    let (status, told, _) = run(&["prove", "--json", "--config"], &[&wide]);
    let answer: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((status, &answer["may_serve"]), (1, &false.into()));
    let properties = answer["properties"].as_array().unwrap();
    let broken: Vec<_> = properties.iter().filter(|one| one["holds"] == false).collect();
    assert_eq!(broken[0]["id"], "senders-not-wider");
    assert_eq!(broken[0]["breaches"][0]["line"], line(EXAMPLE));
}

#[test]
fn what_nobody_understands_is_neither_proven_nor_compared() {
    let folder = Folder::new();
    let broken = folder.file("broken.toml", "[grants.erp]", "[grants.erp");
    let sound = folder.file("sound.toml", "", "");
    let (status, told, why) = run(&["prove", "--config"], &[&broken]);
    assert_eq!((status, told.as_str()), (2, ""));
    assert!(why.contains("this is not TOML"), "{why}");
    assert_eq!(run(&["prove", "--config"], &[Path::new("/nowhere/at-all.toml")]).0, 2);
    assert_eq!(run(&["diff"], &[&sound, &broken]).0, 2);
}

#[test]
fn diff_says_by_its_status_whether_a_change_opens_anything() {
    let folder = Folder::new();
    let narrow = folder.file("narrow.toml", "", "");
    let wide = folder.file("wide.toml", "to      = \"internal\"", "to      = \"any\"");
    let (status, told, _) = run(&["diff"], &[&narrow, &wide]);
    assert_eq!(status, 3, "{told}");
    assert!(
        told.contains("newly possible (1)") && told.contains("grant copier-3f"),
        "{told}"
    );
    let (status, told, _) = run(&["diff"], &[&wide, &narrow]);
    assert_eq!(status, 1, "{told}");
    assert!(told.contains("no longer possible (1)"), "{told}");
    let (status, told, _) = run(&["diff"], &[&narrow, &narrow]);
    assert_eq!((status, told.contains("Nothing changes")), (0, true), "{told}");
    let (_, told, _) = run(&["diff", "--json"], &[&narrow, &wide]);
    let answer: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&answer["widens"], &answer["lost"]),
        (&true.into(), &serde_json::json!([]))
    );
    assert_eq!(answer["gained"][0]["leaves_us"], true);
}

#[test]
fn serve_refuses_what_is_broken_with_the_same_words_and_touches_nothing() {
    let folder = Folder::new();
    let text = r#"version = 1
[organisation]
hostname = "gate.example.edu"
domains  = ["example.edu"]
networks = ["127.0.0.0/8"]
[listeners.devices]
role   = "relay"
listen = ["127.0.0.1:0"]
[routes.inside]
domains    = ["example.edu"]
to         = ["10.1.1.1:25"]
recipients = "any"
[routes.internet]
to = "mx"
[spool]
dir = "spool"
[ledger]
dir = "ledger"
[grants.copier]
owner   = "Chemistry"
contact = "it@chem.example.edu"
reason  = "scan to mail"
until   = 2027-06-30
by      = { address = ["127.0.0.2"] }
from    = ["*@example.edu"]
to      = "any"
class   = "device"
"#;
    let file = folder.write("gate.toml", text);
    let (status, told, why) = run(&["serve", "--config"], &[&file]);
    assert_eq!((status, told.as_str()), (1, ""), "{why}");
    assert!(why.contains("may not serve: 1 of"), "{why}");
    assert!(
        why.contains("its owner is at it@chem.example.edu") && why.contains("gate.toml:19"),
        "{why}"
    );
    let left: Vec<_> = std::fs::read_dir(folder.0.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
