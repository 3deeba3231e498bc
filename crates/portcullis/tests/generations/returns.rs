//! A change under which a listener lets nobody in.

use std::path::Path;

use crate::gate::{House, grant, text, with_change};

/// A certificate for the gate, valid until the beginning of a year.
fn certificate(folder: &Path, name: &str, until: i32) {
    let mut params = rcgen::CertificateParams::new(vec!["gate.example.edu".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let made = params.self_signed(&key).unwrap();
    std::fs::write(folder.join(format!("{name}.pem")), made.pem()).unwrap();
    std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn under_tls(certificate: &str, more: &str) -> String {
    text(&format!(
        "[listeners.people]\nrole = \"submission\"\nlisten = [\"127.0.0.1:0\"]\n\
         [tls]\ncertificates = [{{ chain = \"{certificate}.pem\", key = \"{certificate}.key\" }}]\n{more}"
    ))
}

fn house() -> House {
    let house = House::new("");
    certificate(house.dir.path(), "good", 2999);
    certificate(house.dir.path(), "ended", 2025);
    house
}

#[test]
fn a_certificate_that_has_ended_brings_the_former_generation_back() {
    let house = house();
    house.write(&under_tls("good", ""));
    let gate = house.start();
    assert_eq!(gate.event("selftest.done")["green"], true);
    house.write(&under_tls("ended", ""));
    gate.hangup();
    let returned = gate.event("config.returned");
    assert_eq!(returned["failed"], 2, "{returned:#}");
    assert!(
        returned["why"].as_str().unwrap().contains("certificate has ended"),
        "{returned:#}"
    );
    let tested = gate.events("selftest.done", 3);
    let greens: Vec<_> = tested.iter().map(|one| one["green"].as_bool().unwrap()).collect();
    assert_eq!(greens, [true, false, true]);
    assert_eq!(tested[1]["after"], "change");
    assert!(
        tested[1]["red"][0].as_str().unwrap().contains("certificate has ended"),
        "{tested:#?}"
    );
    assert!(tested[1]["done"].as_str().unwrap().contains("serves"), "{tested:#?}");
    let loaded = &gate.events("config.load", 3)[2];
    assert_eq!((&loaded["how"], &loaded["of"]), (&"return".into(), &1.into()));
    let history = house.history();
    assert_eq!((&history[2]["how"], &history[2]["of"]), (&"return".into(), &1.into()));
    assert_eq!(history[1]["test"]["green"], false);
    assert!(house.read().contains("ended.pem"), "the file is its owner's");
    gate.stop();
}

#[test]
fn what_would_let_in_more_does_not_come_back_by_itself() {
    let house = house();
    house.write(&under_tls("good", &grant("copier", "10.20.3.14", "")));
    let gate = house.start();
    gate.event("selftest.done");
    // The copier goes, and the certificate has ended: the former generation would let the copier in again.
    house.write(&under_tls("ended", ""));
    gate.hangup();
    let stays = gate.event("config.not_returned");
    assert!(
        stays["why"]
            .as_str()
            .unwrap()
            .contains("lets in what generation 2 refuses"),
        "{stays:#}"
    );
    let tested = &gate.events("selftest.done", 2)[1];
    assert!(tested["done"].as_str().unwrap().starts_with("nothing: "), "{tested:#}");
    assert_eq!(house.history().len(), 2);
    assert_eq!(gate.count("config.returned"), 0);
    gate.stop();
}

#[test]
fn a_change_is_not_to_blame_for_what_failed_before_it() {
    let house = house();
    house.write(&under_tls("ended", ""));
    let gate = house.start();
    assert_eq!(gate.event("selftest.done")["green"], false, "told at the start");
    house.write(&with_change(
        &under_tls("ended", &grant("copier", "10.20.3.14", "")),
        "a copier",
    ));
    gate.hangup();
    let tested = gate.events("selftest.done", 2);
    assert_eq!(
        (&tested[1]["green"], &tested[1]["generation"]),
        (&false.into(), &2.into())
    );
    let again = house.command(&["selftest"]);
    assert_eq!(again.status.code(), Some(1), "{again:?}");
    assert_eq!(gate.count("config.returned") + gate.count("config.not_returned"), 0);
    gate.stop();
}
