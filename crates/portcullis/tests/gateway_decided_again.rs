//! What a gate decided is decided again from its ledger alone: by the configuration it had, and by others.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod gateway_house;

use gateway_house::{Client, House, LETTER, Peer, grant};
use mail::Timestamp;
use portcullis::commands::{check, replay};
use portcullis::replay::Report;

/// Decides everything again by this text.
fn again(house: &House, text: &str) -> Report {
    house.write(text);
    let reading = check::read(&house.file()).unwrap();
    let config = reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()));
    replay::report(&config, &house.dir.path().join("ledger"), Timestamp(0)).unwrap()
}

/// What differs, as `grant sender: was -> would be, so often`.
fn told(report: &Report) -> Vec<String> {
    let groups = report.groups();
    let line = |group: &portcullis::replay::Group| {
        let grant = group.grant.as_deref().unwrap_or("-");
        format!(
            "{grant} {}: {} -> {}, {}",
            group.from, group.was, group.would_be, group.times
        )
    };
    groups.iter().map(line).collect()
}

/// One message is taken, one is refused for its sender, and a stranger is refused for its recipient. Gives the house,
/// whose gate has ended.
async fn a_day() -> House {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let mut copier = running.copier().await;
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    copier.ask("MAIL FROM:<boss@example.edu>", "553").await;
    let mut stranger = Client::connect(running.address("mx"), "127.0.0.1").await;
    stranger.expect("220").await;
    stranger.ask("EHLO stranger.example", "250").await;
    stranger.ask("MAIL FROM:<alice@example.com>", "250").await;
    stranger.ask("RCPT TO:<bob@example.org>", "5").await;
    // The door's own refusals are not judgement's.
    stranger.ask("NONSENSE", "5").await;
    running.is_done().await;
    running.stop().await;
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_same_configuration_everything_comes_out_the_same() {
    let house = a_day().await;
    let report = again(&house, &house.text());
    assert_eq!((report.decided, report.same), (3, 3), "{report}");
    assert!(!report.differs() && told(&report).is_empty(), "{report}");
    assert!(
        report
            .to_string()
            .starts_with("3 decisions made again, 3 come out the same."),
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_have_met_another_fate_is_told_by_grant_and_sender() {
    let house = a_day().await;
    let renamed = house
        .text()
        .replace("from     = [\"scan@example.edu\"]", "from     = [\"boss@example.edu\"]");
    let report = again(&house, &renamed);
    assert!(report.differs());
    assert_eq!(
        told(&report),
        [
            "copier <scan@example.edu>: accepted -> refused (sender-not-granted), 1",
            // It was refused before it named anybody.
            "copier <boss@example.edu>: refused (sender-not-granted) -> unknown from here, 1",
        ]
    );
    let said = report.to_string();
    assert!(said.contains("Was taken, and would not have been:"), "{said}");
    assert_eq!(report.json()["differ"][0]["would_be"], "refused (sender-not-granted)");

    let elsewhere = house.text_without_grants() + &grant("copier", "127.0.0.9");
    assert_eq!(
        told(&again(&house, &elsewhere)),
        ["copier <scan@example.edu>: accepted -> refused (no-grant), 1"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_not_there_leaves_the_fate_unknown_and_says_so() {
    let house = a_day().await;
    let report = again(
        &house,
        &house.text().replace("[listeners.devices]", "[listeners.copiers]"),
    );
    assert!(!report.differs(), "nothing known differs: {report}");
    assert_eq!(
        told(&report),
        [
            "copier <boss@example.edu>: refused (sender-not-granted) -> unknown: no such listener, 1",
            "copier <scan@example.edu>: accepted -> unknown: no such listener, 1",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wider_configuration_shows_first_whom_it_would_have_let_through() {
    let house = a_day().await;
    let wider = house.text_without_grants()
        + &grant("copier", "127.0.0.2").replace("from     = [\"scan@example.edu\"]", "from     = [\"*@example.edu\"]");
    let report = again(&house, &wider);
    // What a message would have been, had it been let in, nobody can say; that it is asked on is all there is.
    assert_eq!(
        told(&report),
        ["copier <boss@example.edu>: refused (sender-not-granted) -> unknown from here, 1"]
    );
    assert_eq!((report.decided, report.same), (3, 2));
    assert!(report.differs(), "it would not have been refused there");
}
