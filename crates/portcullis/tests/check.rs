//! What `portcullis check` says: each `tests/check/NAME.toml` with the exact words in `NAME.txt` beside it.
//!
//! Every file is checked for the same machine on the same day, in a folder with a certificate `mail.pem`, its key
//! `mail.key`, a key of another `other.key`, a certificate that has ended `old.pem` with `old.key`, and a text
//! `secret`, and words of letters in `letters`. To see the words again after a change, run the test with
//! `PORTCULLIS_REWRITE=1` and read the difference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use mail::{Domain, Timestamp};
use portcullis::commands::check::summary;
use portcullis::config::{self, Machine, Reading};

/// Saturday, 21 November 2026, noon.
const NOW: i64 = 1_795_262_400_000;

fn machine() -> Machine {
    Machine {
        now: Timestamp(NOW),
        addresses: vec!["10.20.0.25".parse().unwrap(), "2001:db8:1:25::1".parse().unwrap()],
        gateways: vec!["10.20.0.1".parse().unwrap()],
        hostname: Some(Domain::parse("mail.example.edu").unwrap()),
    }
}

fn write_certificate(folder: &Path, name: &str, years: (i32, i32)) {
    let mut params = rcgen::CertificateParams::new(vec!["mail.example.edu".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
    params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("check").tempdir().unwrap();
    write_certificate(folder.path(), "mail", (2020, 2100));
    write_certificate(folder.path(), "other", (2020, 2100));
    write_certificate(folder.path(), "old", (2020, 2021));
    std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    let letters = folder.path().join("letters");
    std::fs::create_dir(&letters).unwrap();
    for (file, words) in [
        (
            "M13.txt",
            "Subject: {{ id }}: {{ what }} druckt\nEs druckt seit {{ sinces }}.\n",
        ),
        ("M14.txt", "Es druckt noch nicht.\n"),
        ("M200.txt", "Subject: nothing\n"),
        ("layout.html", "<html></html>\n"),
        ("notes.md", "{{ nobody }}\n"),
    ] {
        std::fs::write(letters.join(file), words).unwrap();
    }
    folder
}

fn read(name: &str, text: &str, folder: &Path) -> Reading {
    config::read(name, text.to_owned(), folder, &machine())
}

fn said(reading: &Reading, folder: &Path) -> String {
    let text = format!("{}{}\n", reading.report.render(), summary(&reading.report));
    let text = text.replace(folder.to_str().unwrap(), "FOLDER");
    text.replace(folder.file_name().unwrap().to_str().unwrap(), "FOLDER")
}

fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check");
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_problem_is_said_in_the_words_written_beside_it() {
    let folder = folder();
    let rewrite = std::env::var_os("PORTCULLIS_REWRITE").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let reading = read(&name, &std::fs::read_to_string(&case).unwrap(), folder.path());
        let said = said(&reading, folder.path());
        assert_eq!(reading.config.is_none(), reading.report.errors() > 0, "{name}");
        let expected = case.with_extension("txt");
        if rewrite {
            std::fs::write(&expected, &said).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("---- {name}\n{said}"));
        }
    }
    assert!(cases().len() > 20, "the cases are there");
    assert!(wrong.is_empty(), "these say something else:\n{}", wrong.join("\n"));
}

#[test]
fn the_example_can_serve_and_has_nothing_to_warn_of() {
    let folder = folder();
    let reading = read("example.toml", config::example::EXAMPLE, folder.path());
    assert_eq!(
        said(&reading, folder.path()),
        "No problems. `portcullis prove` says whether this configuration may serve.\n"
    );
    let config = reading.config.unwrap();
    assert_eq!(config.listeners.len(), 4);
    assert_eq!(config.health.len(), 1);
    assert_eq!(config.rulebook.grants.len(), 3);
    // Judgement knows the routes of our own domains only; the back gate knows all.
    assert_eq!(config.rulebook.routes.len(), 2);
    assert_eq!(config.routes.len(), 3);
    let to = |domain: &str| {
        config
            .route_to(&Domain::parse(domain).unwrap())
            .unwrap()
            .name
            .to_string()
    };
    assert_eq!(to("chem.example.edu"), "chemistry");
    assert_eq!(to("elsewhere.example"), "internet");
    let until = config.rulebook.grants.first().unwrap().until;
    assert_eq!(until.to_rfc3339(), "2027-11-30T23:59:59.999Z");
    assert_eq!(config.limits.of("10.30.0.5".parse().unwrap()).sessions_per_address, 50);
    assert_eq!(config.limits.of("10.30.0.6".parse().unwrap()).sessions_per_address, 10);
    assert!(config.logins.contains_key("erp"));
}

#[test]
fn the_same_problems_are_told_to_scripts() {
    let folder = folder();
    let json = read("x.toml", "version = 1\ncolour = \"red\"\n", folder.path())
        .report
        .to_json();
    let problems = json["problems"].as_array().unwrap();
    let unknown = problems.iter().find(|problem| problem["line"] == 2).unwrap();
    assert_eq!(unknown["severity"], "error");
    assert_eq!(unknown["column"], 1);
    assert_eq!(unknown["message"], "there is no key `colour` here");
    assert_eq!(
        json["errors"].as_u64().unwrap() as usize,
        problems.iter().filter(|p| p["severity"] == "error").count()
    );
}

#[test]
fn the_hash_of_a_configuration_changes_with_its_text() {
    let folder = folder();
    let text = config::example::EXAMPLE;
    let hash = |text: &str| read("x.toml", text, folder.path()).config.unwrap().hash;
    assert_eq!(hash(text), hash(text));
    assert_ne!(hash(text), hash(&format!("{text}\n")));
}

#[test]
fn the_schema_knows_every_section() {
    let schema = serde_json::to_value(schemars::schema_for!(config::file::File)).unwrap();
    let sections = schema["properties"].as_object().unwrap();
    for section in [
        "organisation",
        "listeners",
        "routes",
        "grants",
        "limits",
        "timeouts",
        "delivery",
        "spool",
        "log",
    ] {
        assert!(sections.contains_key(section), "{section}");
    }
    let example: toml::Table = config::example::EXAMPLE.parse().unwrap();
    for section in sections.keys() {
        assert!(example.contains_key(section), "the example does not show {section}");
    }
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn a_text_broken_anywhere_is_answered_and_never_more_than_checked() {
    let folder = folder();
    let text = config::example::EXAMPLE;
    let cuts = text.char_indices().map(|(at, _)| at).filter(|at| at % 23 == 0);
    for cut in cuts {
        let _ = read("x.toml", &text[..cut], folder.path()).report.render();
    }
    let lines: Vec<&str> = text.lines().collect();
    for without in 0..lines.len() {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != without);
        let kept: Vec<&str> = kept.map(|(_, line)| *line).collect();
        let reading = read("x.toml", &kept.join("\n"), folder.path());
        // Whatever is left out, nobody gets a grant that was not written.
        let grants = reading.config.map_or(0, |config| config.rulebook.grants.len());
        assert!(grants <= 3, "without line {}", without + 1);
    }
}

#[test]
fn ten_thousand_grants_are_read_with_their_places() {
    let folder = folder();
    let mut text = config::example::EXAMPLE
        .split("[grants.erp]")
        .next()
        .unwrap()
        .to_owned();
    for number in 0..10_000u32 {
        let [_, b, c, d] = number.to_be_bytes();
        text += &format!(
            "[grants.copier-{number}]\nowner = \"Chemistry\"\ncontact = \"it@example.edu\"\nreason = \"scan\"\n\
             until = 2027-06-30\nclass = \"device\"\nto = \"internal\"\nfrom = [\"scan-{number}@example.edu\"]\n\
             by = {{ address = [\"10.{}.{c}.{d}\"] }}\n",
            b + 100
        );
    }
    let reading = read("x.toml", &text, folder.path());
    assert_eq!(reading.report.problems(), []);
    let grants = reading.config.unwrap().rulebook.grants;
    assert_eq!(grants.len(), 10_000);
    let last = grants.last().unwrap();
    assert_eq!(&*last.name, "copier-9999");
    let line = text.lines().nth(last.place.line as usize - 1).unwrap();
    assert_eq!(line, "[grants.copier-9999]");
}
