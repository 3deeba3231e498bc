//! The assertions of the guide are proven of the example, and each is broken by a change that it is there to catch.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::path::Path;

use mail::Timestamp;
use policy::Generation;
use policy::prove::{Proof, prove};
use portcullis::config::{self, Machine};

const GUIDE: &str = include_str!("../../../docs/proof.md");
/// A morning in November 2026.
const NOW: Timestamp = Timestamp(20_779 * 86_400_000);

/// By name: what is written otherwise so that it does not hold any more.
const SPOILED: [(&str, &str, &str); 10] = [
    (
        "the guest network sends nothing outside",
        "by      = { address = [\"10.20.3.14\"] }\nfrom    = [\"scan-3f@chem.example.edu\"]\nto      = \"internal\"",
        "by = { address = [\"10.66.3.14\"] }\nfrom = [\"scan-3f@chem.example.edu\"]\nto = \"any\"",
    ),
    (
        "guests do not come in where devices do",
        "zone      = \"moderate\"\n",
        "",
    ),
    (
        "the copier writes to us alone",
        "to      = \"internal\"",
        "to = \"any\"",
    ),
    (
        "no program sends as the president",
        "from    = [\"billing@example.edu\", \"*@erp.example.edu\"]",
        "from = [\"billing@example.edu\", \"*@example.edu\"]",
    ),
    (
        "nothing comes in clear and goes outside",
        "to      = \"internal\"",
        "to = \"any\"",
    ),
    (
        "the world does not write to the instruments",
        "recipients = [\"head@chem.example.edu\", \"it@chem.example.edu\"]",
        "recipients = \"any\"",
    ),
    (
        "the hospital reaches us",
        "role   = \"mx\"\n",
        "role = \"mx\"\nzone = \"moderate\"\n",
    ),
    ("reminders go out", "to      = \"any\"", "to = \"internal\""),
    (
        "scans arrive, without TLS",
        "from    = [\"scan-3f@chem.example.edu\"]",
        "from = [\"scan-4f@chem.example.edu\"]",
    ),
    (
        "every instrument can call the operators",
        "ungranted = \"internal-only\"",
        "ungranted = \"deny\"",
    ),
];

/// The blocks of the guide that assert something, with the names they give themselves.
fn guide() -> Vec<(&'static str, &'static str)> {
    let blocks = GUIDE
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let assertions = blocks.filter(|block| block.starts_with("[["));
    assertions
        .map(|block| (block.split('"').nth(1).unwrap(), block))
        .collect()
}

/// The example without assertions of its own, and with this one. That its guest network gives out addresses, and that its
/// door for devices serves one zone, are safeguards beside it: the assertion has to hold or break by itself.
fn proven(example: &str, assertion: &str) -> Proof {
    let (head, rest) = example.split_once("# What is meant by all this").unwrap();
    let tail = &rest[rest.find("# How the service runs").unwrap()..];
    let text = format!("{head}{assertion}\n{tail}");
    let machine = Machine {
        now: NOW,
        ..Machine::default()
    };
    let reading = config::read_as_written("guide.toml", text, Path::new("/"), &machine);
    let mut config = reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()));
    config.rulebook.intent.bounds.written = Some(NOW);
    prove(&config.snapshot(Generation(0)).unwrap(), None)
}

#[test]
fn each_of_ten_assertions_holds_in_the_example_and_breaks_where_it_should() {
    let guide = guide();
    assert_eq!(guide.len(), SPOILED.len());
    let example = config::example::EXAMPLE;
    for ((name, assertion), (wanted, before, after)) in guide.into_iter().zip(SPOILED) {
        assert_eq!(name, wanted);
        let proof = proven(example, assertion);
        assert!(proof.may_serve(), "{name}: {:#?}", proof.broken().collect::<Vec<_>>());
        assert!(example.contains(before), "{name}: the example does not say {before:?}");
        let mut example = example.replacen(before, after, 1);
        if name.contains("copier") || name.contains("in clear") || name.contains("guest network") {
            // Devices are let in from everywhere then, so that the assertion alone stands in the way.
            example = example.replacen("zone      = \"moderate\"\n", "", 1);
        }
        let proof = proven(&example, assertion);
        let broken = proof.broken().find(|judged| judged.property.sentence.contains(name));
        let broken = broken.unwrap_or_else(|| panic!("{name} still holds"));
        assert!(broken.breaches[0].place.line > 0, "{name}");
        assert!(broken.breaches[0].story.is_some(), "{name}");
    }
}

#[test]
fn every_property_is_explained_and_every_number_of_the_measure_is_the_right_one() {
    let proof = proven(config::example::EXAMPLE, "");
    for judged in proof
        .properties
        .iter()
        .filter(|one| one.property.severity == policy::prove::Severity::Blocking)
    {
        let id = judged.property.id;
        assert!(GUIDE.contains(&format!("`{id}`")), "{id}");
    }
    let bounds = policy::Bounds::default();
    let days = |class| bounds.longest(class, false);
    let told = [
        format!("legacy and bulk {}", days(policy::Class::Bulk)),
        format!("device and application {}", days(policy::Class::Device)),
        format!("department and user {}", days(policy::Class::User)),
        format!("# default {} for all: sixteen", policy::WIDEST_V4),
        format!("# default {} for all: one link", policy::WIDEST_V6),
        format!("# default {}\nforward_days", policy::LONGEST_EXCEPTION),
    ];
    for words in told {
        assert!(GUIDE.contains(&words), "{words}");
    }
}
