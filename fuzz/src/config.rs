//! The configuration file: read and resolved.

use std::path::Path;

use mail::Timestamp;
use portcullis::config::{Machine, Problem, Reading, Severity, read};

/// What such files are made of.
pub(crate) const WORDS: &[&[u8]] = &[
    b"version = 1\n",
    b"[organisation]\n",
    b"[[listener]]\n",
    b"[[grant]]\n",
    b"[[route]]\n",
    b"[[forward]]\n",
    b"[limits]\n",
    b"[delivery]\n",
    b"[spool]\n",
    b"[timeouts]\n",
    b"name = ",
    b"\"\"",
    b"[]",
    b"{}",
    b"-1",
    b"9999999999999999999",
    b"0",
    b"\"*\"",
    b"\"::/0\"",
    b"\"0.0.0.0/0\"",
    b"\"10.0.0.0/33\"",
    b"\"9999-12-31\"",
    b"1979-05-27T07:32:00Z",
    b"\"1e400d\"",
    b"true",
    b"\"\\u0000\"",
    b"\xc3\xbc",
    b"'''",
    b"\n",
    b"#",
    b".",
    b"=",
];

/// Errors that are about what is nowhere, and so have no place.
const PLACELESS: [&str; 5] = [
    "there is no listener",
    "the file does not say in which version it is written",
    "there is no [organisation]",
    "a [[limits.for]] names no networks",
    "delivery.schedule is empty",
];

/// Nothing panics, nothing starts with an error, each problem has a place inside the text, and a second reading says the
/// same.
pub(crate) fn run(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    // Certificates are read from files; those of this machine are none of ours.
    if ["/dev", "/proc", "/sys", "/etc", ".."]
        .iter()
        .any(|foreign| text.contains(foreign))
    {
        return;
    }
    let reading = once(text);
    let report = &reading.report;
    assert_eq!(reading.config.is_some(), report.errors() == 0, "{}", report.render());
    for problem in report.problems() {
        check(problem, text);
    }
    // Drawing the places is a reader of its own.
    let rendered = report.render();
    assert_eq!(rendered.is_empty(), report.problems().is_empty());
    let again = once(text);
    assert_eq!(report.to_json(), again.report.to_json());
    assert_eq!(format!("{:?}", reading.config), format!("{:?}", again.config));
}

fn once(text: &str) -> Reading {
    let machine = Machine {
        now: Timestamp::from_secs(1_795_262_400),
        addresses: vec!["198.51.100.25".parse().unwrap()],
        gateways: vec!["198.51.100.1".parse().unwrap()],
        hostname: mail::Domain::parse("gate.example.edu").ok(),
    };
    read("fuzz.toml", text.to_owned(), Path::new("/nowhere"), &machine)
}

fn check(problem: &Problem, text: &str) {
    let places = problem.at.iter().chain(problem.also.iter().map(|(place, _)| place));
    for place in places {
        let inside = place.start <= place.end && place.end <= text.len();
        assert!(
            inside && text.is_char_boundary(place.start) && text.is_char_boundary(place.end),
            "{problem:?}"
        );
    }
    let placed = problem.at.is_some() || PLACELESS.iter().any(|known| problem.message.starts_with(known));
    assert!(
        placed || problem.severity != Severity::Error,
        "nobody knows where: {problem:?}"
    );
    assert!(!problem.message.is_empty());
}
