//! How sessions are driven: slow clients, clocks, the end of the house, proxies.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use std::time::Duration;

use smtp::server::{CloseReason, Pace, Timer, Transport};
use support::{House, PATIENT, Raw, client_ip, mx_addr};
use tokio::io::AsyncWriteExt;
use wire::{Ended, ProxyError, ProxyHeader, accept_proxied};

async fn greeted(house: &House) -> Raw {
    let mut raw = house.connect().await;
    assert!(raw.reply().await.starts_with("220"));
    assert!(raw.ask("EHLO a.example").await.starts_with("250"));
    raw
}

async fn in_a_body(house: &House) -> Raw {
    let mut raw = greeted(house).await;
    raw.say("MAIL FROM:<a@example.edu>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
        .await;
    for code in ["250", "250", "354"] {
        assert!(raw.reply().await.starts_with(code));
    }
    raw.say("Hello\r\n").await;
    raw
}

/// Sends on and on. Whenever the gate looks, there are octets already: it takes longer to take them than they take to
/// come. Says whether it was cut off.
async fn pour(raw: &mut Raw) -> bool {
    let lines = [b"x".repeat(70), b"\r\n".to_vec()].concat().repeat(1000);
    for _ in 0..60 {
        if raw.stream.write_all(&lines).await.is_err() {
            return true;
        }
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_given_up() {
    let house = House::new();
    house.hands.net.set_window(200);
    house.open(Transport::Clear).await;
    let mut raw = house.connect().await;
    let writing = async {
        raw.say("EHLO a.example\r\n").await;
        let mut said = 0;
        while raw.stream.write_all(b"NOOP\r\n").await.is_ok() {
            said += 1;
        }
        said
    };
    // The client's own writing comes to a halt soon: nothing is read from it while it does not read.
    assert!(writing.await < 100);
    assert_eq!(house.ended(), [Ended::NotReading]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_pauses_does_not_stop_the_clock() {
    let mut house = House::new();
    house.dialogue.timeouts.body_total = Duration::from_secs(60);
    house.reads = Duration::from_secs(5);
    house.dialogue.offer.size_max = u64::MAX;
    house.open(Transport::Clear).await;
    let mut raw = in_a_body(&house).await;
    assert!(pour(&mut raw).await);
    assert_eq!(house.ended(), [Ended::Dialogue(CloseReason::Timeout(Timer::BodyTotal))]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_pauses_does_not_outlast_the_house() {
    let mut house = House::new();
    house.dialogue.timeouts.body_total = Duration::from_secs(1000);
    house.reads = Duration::from_secs(5);
    house.dialogue.offer.size_max = u64::MAX;
    house.open(Transport::Clear).await;
    let mut raw = in_a_body(&house).await;
    let closing = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        house.trigger.stop();
    };
    assert!(tokio::join!(pour(&mut raw), closing).0);
    assert_eq!(house.ended(), [Ended::Stopped]);
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_a_silent_client_has_less_time() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let mut before = greeted(&house).await;
    let mut in_the_middle = in_a_body(&house).await;
    // All that was said so far has been read when time stands still.
    tokio::time::sleep(Duration::from_secs(20)).await;
    house.crowd.show(Pace::Hurried);
    let begun = house.world.clock.monotonic();
    for raw in [&mut before, &mut in_the_middle] {
        assert!(raw.reply().await.starts_with("421"));
    }
    let waited = house.world.clock.monotonic() - begun;
    assert_eq!(
        waited,
        Duration::from_secs(10),
        "thirty seconds, of which twenty were over"
    );
    // Who comes now has as little time, and all of it again when the crowd is gone.
    let mut behind = greeted(&house).await;
    tokio::time::advance(Duration::from_secs(29)).await;
    house.crowd.show(Pace::Usual);
    tokio::time::advance(Duration::from_secs(200)).await;
    assert!(behind.ask("NOOP").await.starts_with("250"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_told_goodbye_by_the_clock() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let mut raw = greeted(&house).await;
    let begun = house.world.clock.monotonic();
    assert!(raw.rest().await.starts_with("421"));
    let waited = house.world.clock.monotonic() - begun;
    assert!(
        waited >= Duration::from_secs(300) && waited < Duration::from_secs(310),
        "{waited:?}"
    );
    house.settle().await;
    assert_eq!(house.ended(), [Ended::Dialogue(CloseReason::Timeout(Timer::Command))]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closed_its_side_still_gets_its_answer() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let mut raw = in_a_body(&house).await;
    raw.say(".\r\nQUIT\r\n").await;
    raw.stream.shutdown().await.unwrap();
    let rest = raw.rest().await;
    assert!(rest.starts_with("250") && rest.contains("\r\n221"), "{rest}");
    assert_eq!(house.notes.lock().unwrap().bodies, [b"Hello\r\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_last_word_is_heard_by_a_client_in_the_middle_of_a_sentence() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let mut raw = greeted(&house).await;
    // The bare LF ends the connection; what follows must not turn the refusal into a reset.
    raw.say("NOOP\nNOOP\r\n").await;
    raw.say("NOOP\r\n".repeat(5000)).await;
    assert!(raw.rest().await.starts_with('5'));
}

#[tokio::test(start_paused = true)]
async fn a_draining_house_finishes_the_letter_in_hand() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let (mut idle, mut busy) = (greeted(&house).await, in_a_body(&house).await);
    house.trigger.drain();
    assert!(idle.rest().await.starts_with("421 4.3.2"));
    busy.say("World\r\n.\r\n").await;
    let rest = busy.rest().await;
    assert!(rest.starts_with("250") && rest.contains("421 4.3.2"), "{rest}");
    house.settle().await;
    assert_eq!(house.ended(), vec![Ended::Dialogue(CloseReason::ShutDown); 2]);
    assert_eq!(house.notes.lock().unwrap().bodies, [b"Hello\r\nWorld\r\n"]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_house_ends_every_session_at_once() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let _busy = in_a_body(&house).await;
    house.trigger.drain();
    house.trigger.stop();
    tokio::task::yield_now().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(house.ended(), [Ended::Stopped]);
}

#[tokio::test(start_paused = true)]
async fn two_runs_take_the_same_time_to_the_microsecond() {
    let mut ends = Vec::new();
    for _ in 0..2 {
        let house = House::new();
        house.hands.net.set_latency(Duration::from_micros(1700));
        house.open(Transport::Clear).await;
        let begun = house.world.clock.monotonic();
        let mut raw = in_a_body(&house).await;
        raw.say(".\r\n").await;
        raw.reply().await;
        ends.push(house.world.clock.monotonic() - begun);
    }
    assert_eq!(ends[0], ends[1]);
}

#[tokio::test(start_paused = true)]
async fn a_proxy_says_who_the_client_is() {
    let house = House::new();
    let listener = house.world.net.listen(mx_addr()).await.unwrap();
    let mut raw = house.connect().await;
    raw.say("PROXY TCP4 198.51.100.9 192.0.2.99 40001 25\r\nEHLO early\r\n")
        .await;
    let (stream, _) = listener.accept().await.unwrap();
    let proxied = accept_proxied(stream, house.world.clock.clone(), PATIENT)
        .await
        .unwrap();
    assert_eq!(
        proxied.stream.peer_addr().unwrap(),
        "198.51.100.9:40001".parse().unwrap()
    );
    assert_eq!(proxied.stream.local_addr().unwrap(), "192.0.2.99:25".parse().unwrap());
    let mut behind = Raw { stream: proxied.stream };
    assert_eq!(behind.reply_line().await, "EHLO early\r\n");
    raw.say("NOOP\r\n").await;
    assert_eq!(behind.reply_line().await, "NOOP\r\n");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_speaks_for_itself_is_the_client() {
    let house = House::new();
    let listener = house.world.net.listen(mx_addr()).await.unwrap();
    let mut raw = house.connect().await;
    raw.say(b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00").await;
    let (stream, _) = listener.accept().await.unwrap();
    let proxied = accept_proxied(stream, house.world.clock.clone(), PATIENT)
        .await
        .unwrap();
    assert_eq!(proxied.header, ProxyHeader::Local);
    assert_eq!(proxied.stream.peer_addr().unwrap().ip(), client_ip());
}

#[tokio::test(start_paused = true)]
async fn a_proxy_without_its_header_gets_nowhere() {
    let house = House::new();
    let listener = house.world.net.listen(mx_addr()).await.unwrap();
    for (said, error) in [
        (Some("EHLO a\r\n"), ProxyError::Missing),
        (
            Some("PROXY TCP4 1.2.3.4 5.6.7.8 1 x\r\n"),
            ProxyError::Malformed("bad port"),
        ),
        (Some("PROXY TCP4"), ProxyError::Timeout),
        (None, ProxyError::Closed),
    ] {
        let mut raw = house.connect().await;
        match said {
            Some(said) => raw.say(said).await,
            None => raw.stream.shutdown().await.unwrap(),
        }
        let (stream, _) = listener.accept().await.unwrap();
        let refused = accept_proxied(stream, house.world.clock.clone(), PATIENT).await.err();
        assert_eq!(refused, Some(error));
    }
}
