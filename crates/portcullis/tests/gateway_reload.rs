//! The configuration is read again while sessions are open: as a whole, or not at all.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod gateway_house;

use gateway_house::{House, LETTER, Peer, grant};
use portcullis::control::{AskError, Asked};
use portcullis::gateway::ReloadError;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_is_taken_out_ends_in_a_session_that_is_open() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let mut client = running.copier().await;
    client.deliver("bob@example.org", LETTER.as_bytes()).await;

    house.write(&house.text_without_grants());
    let said = running.gateway.reload().await.unwrap();
    assert_eq!(said, "generation 2 serves");
    client.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;

    house.write(&house.text());
    running.gateway.reload().await.unwrap();
    client.deliver("bob@example.org", LETTER.as_bytes()).await;
    outside.has(2).await;
    let loaded: Vec<_> = running
        .logged("config.load")
        .iter()
        .map(|line| line["generation"].clone())
        .collect();
    assert_eq!(loaded, [1, 2, 3]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_wrong_is_refused_whole_and_the_former_serves() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let mut client = running.copier().await;

    // One grant is gone and another is nonsense: neither counts.
    house.write(&(house.text_without_grants() + "[grants.wrong]\nowner = 7\n"));
    let why = running.gateway.reload().await.unwrap_err();
    assert!(
        matches!(&why, ReloadError::Wrong(report) if report.contains("wrong")),
        "{why}"
    );
    let asked = running.ask(Asked::Reload).await.unwrap_err();
    assert!(
        matches!(&asked, AskError::Refused(text) if text.contains("the former one goes on serving")),
        "{asked}"
    );
    client.deliver("bob@example.org", LETTER.as_bytes()).await;
    assert_eq!(running.gateway.admission().snapshot().generation().0, 1);
    assert_eq!(running.logged("config.load").len(), 1);
    let refused = running.logged("config.refused");
    assert_eq!(refused.len(), 2, "the log says so each time");
    assert!(
        refused[0]["text"].as_str().unwrap().contains("grants.wrong"),
        "{refused:?}"
    );

    std::fs::remove_file(house.file()).unwrap();
    assert!(matches!(running.gateway.reload().await, Err(ReloadError::File(_))));
    client.deliver("bob@example.org", LETTER.as_bytes()).await;
    outside.has(2).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_is_judged_and_what_it_refuses_changes_nothing() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start_judged().await;
    let mut client = running.copier().await;
    let answered = |reason: &str| {
        let change = format!("version = 1\nchange = {{ author = \"ann@example.edu\", reason = \"{reason}\" }}");
        house.text().replacen("version = 1", &change, 1)
    };
    let refused = |why: ReloadError, wanted: &str| {
        let told = why.to_string();
        assert!(
            matches!(why, ReloadError::Refused(_)) && told.contains(wanted),
            "{told}"
        );
    };

    // Another one may send: somebody has to answer for that.
    house.write(&(house.text() + &grant("scanner", "127.0.0.5")));
    refused(running.gateway.reload().await.unwrap_err(), "newly possible");
    // Nobody can answer for an exception that lasts for three years.
    let year = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).year() + 3;
    let long = format!("until    = {year}-06-30");
    let text = answered("CHG-1");
    let lines = text
        .lines()
        .map(|line| if line.starts_with("until") { &long } else { line });
    house.write(&lines.collect::<Vec<_>>().join("\n"));
    refused(
        running.gateway.reload().await.unwrap_err(),
        &format!("until {year}-06-30"),
    );
    assert_eq!(running.gateway.admission().snapshot().generation().0, 1);
    client.deliver("bob@example.org", LETTER.as_bytes()).await;

    house.write(&(answered("CHG-1") + &grant("scanner", "127.0.0.5")));
    assert_eq!(running.gateway.reload().await.unwrap(), "generation 2 serves");
    house.write(&house.text());
    assert_eq!(
        running.gateway.reload().await.unwrap(),
        "generation 3 serves",
        "less needs nobody"
    );
    client.deliver("bob@example.org", LETTER.as_bytes()).await;
    outside.has(2).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_that_changes_leads_elsewhere_from_then_on() {
    let (before, after, inside) = (Peer::usual().await, Peer::usual().await, Peer::usual().await);
    let mut house = House::new(before.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let mut client = running.copier().await;
    client.deliver("bob@example.org", LETTER.as_bytes()).await;
    before.has(1).await;
    house.outside = after.address;
    house.write(&house.text());
    running.ask(Asked::Reload).await.unwrap();
    client.deliver("bob@example.org", LETTER.as_bytes()).await;
    after.has(1).await;
    before.has(1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_restart_is_said() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let text = house.text().replace("[listeners.mx]", "[listeners.front]") + &grant("other", "127.0.0.9");
    house.write(&text);
    let said = running.gateway.reload().await.unwrap();
    assert_eq!(said, "generation 2 serves; restart to change where front, mx listen");
    // The old one is still open, and takes nothing more.
    let mut client = gateway_house::Client::connect(running.address("mx"), "127.0.0.5").await;
    client.expect("554").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_that_come_at_once_make_generations_of_their_own() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let reloads = futures_util::future::join_all((0..8).map(|_| running.ask(Asked::Reload))).await;
    assert!(reloads.iter().all(Result::is_ok));
    let mut loaded: Vec<_> = running
        .logged("config.load")
        .iter()
        .map(|line| line["generation"].as_u64())
        .collect();
    loaded.sort_unstable();
    assert_eq!(loaded, (1..=9).map(Some).collect::<Vec<_>>());
    running.stop().await;
}
