//! What becomes of mail that was accepted: restarts, operators, notices, large letters.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod gateway_house;

use std::sync::atomic::{AtomicBool, Ordering};

use gateway_house::{House, LETTER, Peer, eventually};
use portcullis::control::{Act, Asked, Select};

fn change(id: &str, act: Act) -> Asked {
    Asked::Change {
        select: Select::Ids(vec![id.to_owned()]),
        act,
        reason: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_queued_when_the_gateway_stopped_is_delivered_after_it_started_again() {
    let inside = Peer::usual().await;
    let down = Peer::usual().await.address;
    let mut house = House::new(down, inside.address);
    house.schedule = "[\"1s\"]";
    house.write(&house.text());
    let running = house.start().await;
    let mut client = running.copier().await;
    let id = client.deliver("bob@example.org", LETTER.as_bytes()).await;
    eventually("it is deferred", || running.gateway.view().counts().deferred == 1).await;
    running.stop().await;

    let outside = Peer::at(down, |_| None).await;
    let running = house.start().await;
    let letters = outside.has(1).await;
    assert_eq!(
        (letters[0].from.as_str(), &letters[0].to[..]),
        ("scan@example.edu", &["bob@example.org".to_owned()][..])
    );
    assert!(
        letters[0].text().ends_with("\r\n\r\nHello.\r\n"),
        "{}",
        letters[0].text()
    );
    running.is_done().await;
    let delivered = running.logs("deliver.ok", 1).await;
    assert_eq!(delivered[0]["qid"], id.as_str());
    running.stop().await;
    outside.has(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_holds_and_releases_and_then_it_is_delivered() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let select = Select::Domain("example.org".to_owned());
    running.ask(Asked::Suspend { select: select.clone() }).await.unwrap();
    let mut client = running.copier().await;
    let id = client.deliver("bob@example.org", LETTER.as_bytes()).await;
    // What is not suspended goes past it.
    client.deliver("anna@example.edu", LETTER.as_bytes()).await;
    inside.has(1).await;
    assert_eq!(
        running
            .ask(change(&id, Act::Hold { for_secs: None }))
            .await
            .unwrap()
            .done["changed"],
        1
    );
    running.ask(Asked::Resume { select }).await.unwrap();
    assert_eq!(running.gateway.view().counts().held, 1);
    // Trying now is nothing for what is held.
    assert_eq!(running.ask(change(&id, Act::Retry)).await.unwrap().done["changed"], 0);
    assert_eq!(outside.letters(), []);

    assert_eq!(running.ask(change(&id, Act::Release)).await.unwrap().done["changed"], 1);
    outside.has(1).await;
    running.is_done().await;
    assert_eq!(
        (
            running.logged("queue.hold").len(),
            running.logged("queue.release").len()
        ),
        (1, 1)
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_tries_again_at_once() {
    let inside = Peer::usual().await;
    let late = AtomicBool::new(true);
    let outside = Peer::answering(move |line| {
        let is_late = line.starts_with("RCPT") && late.swap(false, Ordering::SeqCst);
        is_late.then_some("451 4.7.1 not yet")
    })
    .await;
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let id = running
        .copier()
        .await
        .deliver("bob@example.org", LETTER.as_bytes())
        .await;
    eventually("it is deferred", || running.gateway.view().counts().deferred == 1).await;
    assert_eq!(running.ask(change(&id, Act::Retry)).await.unwrap().done["changed"], 1);
    outside.has(1).await;
    running.is_done().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_tries_again_does_not_wait_for_a_destination_that_rests() {
    let inside = Peer::usual().await;
    let down = Peer::usual().await.address;
    let house = House::new(down, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let id = running
        .copier()
        .await
        .deliver("bob@example.org", LETTER.as_bytes())
        .await;
    eventually("it is deferred", || running.gateway.view().counts().deferred == 1).await;
    let outside = Peer::at(down, |_| None).await;
    let tried = running.ask(change(&id, Act::Retry)).await.unwrap();
    assert_eq!(tried.done["changed"], 1);
    outside.has(1).await;
    running.is_done().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_gives_mail_back_to_its_sender() {
    let inside = Peer::usual().await;
    let down = Peer::usual().await.address;
    let house = House::new(down, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let id = running
        .copier()
        .await
        .deliver("bob@example.org", LETTER.as_bytes())
        .await;
    eventually("it is deferred", || running.gateway.view().counts().deferred == 1).await;
    assert_eq!(running.ask(change(&id, Act::Bounce)).await.unwrap().done["changed"], 1);
    // Nobody reads what a copier is sent: whoever answers for it hears of its mail.
    let notices = inside.has(1).await;
    assert_eq!(
        (notices[0].from.as_str(), &notices[0].to[..]),
        ("", &["it@example.edu".to_owned()][..])
    );
    running.is_done().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_refuses_is_told_to_the_sender_once() {
    let inside = Peer::usual().await;
    let outside = Peer::answering(|line| {
        line.starts_with("RCPT TO:<nobody@")
            .then_some("550 5.1.1 nobody of that name")
    })
    .await;
    let house = House::new(outside.address, inside.address);
    house.write(
        &house
            .text()
            .replace("class    = \"device\"", "class    = \"application\""),
    );
    let running = house.start().await;
    let mut client = running.copier().await;
    let id = client.deliver("nobody@example.org", LETTER.as_bytes()).await;
    client.deliver("bob@example.org", LETTER.as_bytes()).await;
    let notices = inside.has(1).await;
    let text = notices[0].text();
    assert_eq!(
        (notices[0].from.as_str(), &notices[0].to[..]),
        ("", &["scan@example.edu".to_owned()][..])
    );
    for part in [
        "multipart/report",
        "Action: failed",
        "5.1.1",
        "nobody of that name",
        "nobody@example.org",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    outside.has(1).await;
    running.is_done().await;
    let failed = running.logs("deliver.fail", 1).await;
    assert_eq!((failed.len(), &failed[0]["qid"]), (1, &serde_json::json!(id)));
    running.logs("notice", 1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_megabytes_go_through_octet_for_octet() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    // Lines of every length, some of them beginning with what could be taken for a stuffed dot.
    let mut text = LETTER.as_bytes().to_vec();
    let mut number = 0usize;
    while text.len() < 20_000_000 {
        text.extend(std::iter::repeat_n(b'a' + (number % 26) as u8, 1 + number % 900));
        text.extend_from_slice(b"\r\n");
        number += 1;
    }
    running.copier().await.deliver("bob@example.org", &text).await;
    let letters = outside.has(1).await;
    assert!(
        letters[0].octets.ends_with(&text[LETTER.len()..]),
        "the body is as it was sent"
    );
    running.is_done().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_the_letter_in_hand_finish_and_keeps_it() {
    let inside = Peer::usual().await;
    let down = Peer::usual().await.address;
    let house = House::new(down, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let mut client = running.copier().await;
    client.ask("MAIL FROM:<scan@example.edu>", "250").await;
    client.ask("RCPT TO:<bob@example.org>", "250").await;
    client.ask("DATA", "354").await;
    let stopping = tokio::spawn(running.stop());
    client.say(LETTER.as_bytes()).await;
    client.ask(".", "250").await;
    client.expect("421 4.3.2").await;
    stopping.await.unwrap();
    let running = house.start().await;
    assert_eq!(running.gateway.view().counts().messages, 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_just_before_a_stop_is_told_before_it_has_stopped() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let mut client = running.copier().await;
    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(client.deliver("bob@example.org", LETTER.as_bytes()).await);
    }
    drop(client);
    let (paper, reader) = (running.paper.clone(), running.gateway.reader().clone());
    running.stop().await;
    // What was delivered before the end is in the log and in the ledger, however little time there was.
    let count = outside.letters().len();
    let logged = paper
        .lines()
        .iter()
        .filter(|line| line["event"] == "deliver.ok")
        .count();
    assert_eq!(logged, count);
    let delivered = ids.iter().filter(|id| {
        let lines = reader.events_of(&ledger::Key::Message(id.parse().unwrap())).unwrap();
        lines
            .iter()
            .any(|line| matches!(line.event, ledger::Event::Delivered(_)))
    });
    assert_eq!(delivered.count(), count);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_holds_what_the_grant_has_queued_and_its_end_lets_it_go() {
    let inside = Peer::usual().await;
    let down = Peer::usual().await.address;
    let house = House::new(down, inside.address);
    house.write(&house.text());
    let running = house.start().await;
    let id = running
        .copier()
        .await
        .deliver("bob@example.org", LETTER.as_bytes())
        .await;
    eventually("it is deferred", || running.gateway.view().counts().deferred == 1).await;

    let suspended = house
        .text()
        .replace("class    = \"device\"", "class    = \"device\"\nsuspended = \"phish\"");
    house.write(&suspended);
    running.gateway.reload().await.unwrap();
    assert_eq!(running.gateway.view().counts().held, 1);
    assert_eq!(running.logged("queue.suspended")[0]["text"], "phish");
    let kept = running.ask(change(&id, Act::Release)).await.unwrap();
    assert_eq!(
        (&kept.done["changed"], &kept.done["kept"]),
        (&0.into(), &1.into()),
        "not while it is suspended"
    );

    house.write(&house.text());
    running.gateway.reload().await.unwrap();
    let outside = Peer::at(down, |_| None).await;
    // It is let go and tried at once, and nothing is asked of a host that did not answer a moment ago.
    eventually("it is deferred again", || running.gateway.view().counts().deferred == 1).await;
    assert_eq!(running.logs("queue.release", 1).await[0]["reason"], "decided again");
    running.ask(change(&id, Act::Retry)).await.unwrap();
    outside.has(1).await;
    running.is_done().await;
    running.stop().await;
}
