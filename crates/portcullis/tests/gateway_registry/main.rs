//! What the registry grants, in a gate that runs: live seconds later, in sessions that are open too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod abuse;
mod certificates;
#[path = "../gateway_house/mod.rs"]
mod gateway_house;
mod office;
mod past;
mod pinned;
mod post;

use std::time::Duration;

use gateway_house::{LETTER, Peer};
use office::{Office, greeted, is_answered, officer};
use registry::{Actor, Colour, Event, State, Suspension};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_is_approved_used_suspended_reinstated_and_ends_in_one_session() {
    let office = Office::new().await;
    let running = office.house.start_judged().await;
    let mut copier = greeted(&running, "10.1.2.3").await;
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;

    let id = office.approved("10.1.2.3");
    is_answered(&mut copier, "250").await;
    assert_eq!(office.state(id), State::Provisioned, "the checks are made by the gate");
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    office.stands(id, State::Active).await;
    office.outside.has(1).await;
    assert!(office.get(id).case.last_accepted.is_some());

    let abuse = Event::Abuse { alert: "phish".into() };
    office.act(id, abuse, &Actor::rule("abuse-phish"));
    is_answered(&mut copier, "554 5.7.1").await;
    assert_eq!(office.state(id), State::Suspended(Suspension::Abuse));
    let conditions = "the account was taken back".into();
    office.act(id, Event::Reinstate { conditions }, &officer());
    is_answered(&mut copier, "250").await;

    // It ends at its instant, without anybody who tells.
    let until = office.get(id).case.until.unwrap();
    office.clock.set_wall(until.0 - 600);
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    office.clock.set_wall(until.0 + 1);
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    office.stands(id, State::Expired).await;
    running.stop().await;
}

/// Whom a peer got letters for, with their subjects.
fn letters(peer: &Peer) -> Vec<(String, String)> {
    let told = peer.letters().into_iter().flat_map(|letter| {
        let text = letter.text();
        let subject = text
            .lines()
            .find_map(|line| line.strip_prefix("Subject: "))
            .unwrap_or_default()
            .to_owned();
        letter.to.into_iter().map(move |to| (to, subject.clone()))
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_cannot_be_read_changes_nothing_and_is_said() {
    let office = Office::new().await;
    let running = office.house.start_judged().await;
    let mut copier = greeted(&running, "10.1.2.3").await;
    let id = office.approved("10.1.2.3");
    is_answered(&mut copier, "250").await;
    let until = office.get(id).case.until.unwrap();

    let text = std::fs::read_to_string(office.house.file()).unwrap();
    office
        .house
        .write(&text.replace("registry.sqlite", "gate.toml/registry.sqlite"));
    running.gateway.reload().await.unwrap();
    let away = async {
        while !running
            .gateway
            .desk()
            .troubles()
            .await
            .iter()
            .any(|what| what.contains("registry:"))
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), away).await.unwrap();
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    // An end needs no store.
    office.clock.set_wall(until.0 + 1);
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_through_a_grant_is_seen_and_another_machine_behind_its_address_shows_in_its_checks() {
    let office = Office::new().await;
    let running = office.house.start_judged().await;
    let id = office.approved("10.1.2.3");
    office.stands(id, State::Provisioned).await;
    let check = || {
        let (mut desk, kept) = (office.desk(), office.get(id));
        let findings = desk.findings(&kept, &registry::Names::default(), office.now()).unwrap();
        findings
            .into_iter()
            .find(|one| one.check == registry::Check::OneMachine)
    };
    assert_eq!(check().unwrap().colour, Colour::Unchecked);
    for (name, colour) in [("copier", Colour::Green), ("laptop", Colour::Yellow)] {
        let mut client = greeted(&running, "10.1.2.3").await;
        client.ask(&format!("EHLO {name}"), "250").await;
        is_answered(&mut client, "250").await;
        client.deliver("bob@example.org", LETTER.as_bytes()).await;
        // Use is written down every few seconds of the calendar.
        gateway_house::eventually(name, || {
            office.clock.advance_wall(Duration::from_secs(1));
            check().is_some_and(|one| one.colour == colour)
        })
        .await;
    }
    assert!(
        check()
            .unwrap()
            .said
            .contains("10.1.2.3 calls itself copier and laptop")
    );
    running.stop().await;
}
