//! Our client and our server, over a simulated network and a virtual clock.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use smtp::client::{ClientTimer, Failure, RecipientOutcome, Stage};
use smtp::server::{CloseReason, Event, Transport};
use support::{Authority, House, mx_addr, name, transaction};
use tokio::io::AsyncWriteExt;
use wire::{BodyError, BodySource, Connection, ConnectionError, Ended, TlsVersion, Trust, Verified, WholeBody};
use world::BoxFuture;
use world::sim::Fault;

const LETTER: &[u8] = b"From: a@example.edu\r\n\r\nHello\r\n.\r\n..dots\r\n";

/// A body in pieces; after them, perhaps, a failure.
struct Pieces(VecDeque<Result<Bytes, BodyError>>);

impl BodySource for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, BodyError>> {
        Box::pin(std::future::ready(self.0.pop_front().transpose()))
    }
}

fn delivered(outcome: &smtp::client::Outcome) -> bool {
    outcome
        .recipients
        .iter()
        .all(|recipient| matches!(recipient, RecipientOutcome::Delivered(_)))
}

async fn open(house: &House, dial: &wire::Dial) -> Result<Connection, ConnectionError> {
    Connection::open(&*house.world.net, house.world.clock.clone(), dial).await
}

#[tokio::test(start_paused = true)]
async fn a_letter_goes_over_as_it_is_and_the_connection_serves_again() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let mut connection = open(&house, &house.dial(Transport::Clear)).await.unwrap();
    for _ in 0..2 {
        assert!(connection.is_usable());
        let outcome = connection
            .deliver(transaction(), &mut WholeBody::new(LETTER))
            .await
            .unwrap();
        assert!(delivered(&outcome), "{outcome:?}");
    }
    assert!(connection.tls().is_none());
    connection.quit().await;
    house.settle().await;
    assert_eq!(house.ended(), [Ended::Dialogue(CloseReason::Quit)]);
    assert_eq!(house.notes.lock().unwrap().bodies, [LETTER, LETTER]);
}

#[tokio::test(start_paused = true)]
async fn starttls_is_taken_where_it_is_offered() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::Clear).await;
    let dial = house.dial_tls(Transport::Clear, &authority.roots(), Trust::Opportunistic);
    let mut connection = open(&house, &dial).await.unwrap();
    let tls = connection.tls().unwrap().clone();
    assert_eq!(
        (tls.version, tls.cipher),
        (TlsVersion::Tls13, "TLS13_AES_256_GCM_SHA384")
    );
    assert_eq!(tls.group, Some("X25519MLKEM768"));
    assert_eq!(tls.verified, Verified::Verified("mx.example.org".into()));
    assert!(delivered(
        &connection
            .deliver(transaction(), &mut WholeBody::new(LETTER))
            .await
            .unwrap()
    ));
    connection.quit().await;
    house.settle().await;
    let notes = house.notes.lock().unwrap();
    assert_eq!(notes.bodies, [LETTER]);
    assert_eq!(notes.hellos, 2, "EHLO is said again under TLS");
    assert_eq!(notes.tls[0].sni.as_deref(), Some("mx.example.org"));
    assert!(notes.tls[0].channel_binding.is_some() && notes.tls[0].peer.is_none());
}

#[tokio::test(start_paused = true)]
async fn implicit_tls_carries_the_whole_dialogue() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::ImplicitTls).await;
    let trust = Trust::Verify {
        names: vec![name("mx.example.org")],
    };
    let dial = house.dial_tls(Transport::ImplicitTls, &authority.roots(), trust);
    let mut connection = open(&house, &dial).await.unwrap();
    assert!(delivered(
        &connection
            .deliver(transaction(), &mut WholeBody::new(LETTER))
            .await
            .unwrap()
    ));
    connection.quit().await;
    house.settle().await;
    assert_eq!(house.notes.lock().unwrap().bodies, [LETTER]);
    assert_eq!(house.ended(), [Ended::Dialogue(CloseReason::Quit)]);
}

#[tokio::test(start_paused = true)]
async fn a_long_letter_streams_through_a_narrow_wire() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.hands.net.set_window(10_000);
    house.hands.net.set_latency(Duration::from_millis(5));
    house.open(Transport::Clear).await;
    let line = "All work and no play makes the queue a dull place.\r\n";
    let pieces: VecDeque<_> = (0..64).map(|_| Ok(Bytes::from(line.repeat(640)))).collect();
    for chunking in [true, false] {
        let mut dial = house.dial_tls(Transport::Clear, &authority.roots(), Trust::Opportunistic);
        dial.client.chunking = chunking;
        let mut connection = open(&house, &dial).await.unwrap();
        let outcome = connection
            .deliver(transaction(), &mut Pieces(pieces.clone()))
            .await
            .unwrap();
        assert!(delivered(&outcome), "{outcome:?}");
        connection.quit().await;
    }
    let notes = house.notes.lock().unwrap();
    let expected = line.repeat(640 * 64).into_bytes();
    assert!(notes.bodies.iter().all(|body| *body == expected));
    assert!(notes.largest_chunk <= 128 * 1024, "{}", notes.largest_chunk);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_letter_that_cannot_be_read_to_its_end_is_kept() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let mut connection = open(&house, &house.dial(Transport::Clear)).await.unwrap();
    let damaged = BodyError { why: "damaged".into() };
    let mut body = Pieces([Ok(Bytes::from_static(b"Half\r\n")), Err(damaged.clone())].into());
    let error = connection.deliver(transaction(), &mut body).await.unwrap_err();
    assert_eq!(error, ConnectionError::Body(damaged));
    assert!(!connection.is_usable());
    drop(connection);
    house.settle().await;
    let notes = house.notes.lock().unwrap();
    assert!(notes.bodies.is_empty());
    assert_eq!(notes.events, [Event::TransactionReset]);
    assert_eq!(notes.ended, [Ended::Dialogue(CloseReason::PeerClosed)]);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_there_is_told_from_who_does_not_answer() {
    let house = House::new();
    let dial = house.dial(Transport::Clear);
    let refused = open(&house, &dial).await.err().unwrap();
    assert_eq!(refused, ConnectionError::Connect(io::ErrorKind::ConnectionRefused));
    house.hands.net.set_fault(mx_addr(), Some(Fault::Hang));
    assert_eq!(
        open(&house, &dial).await.err().unwrap(),
        ConnectionError::ConnectTimeout
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_word_is_given_five_minutes() {
    let house = House::new();
    let listener = house.world.net.listen(mx_addr()).await.unwrap();
    let error = open(&house, &house.dial(Transport::Clear)).await.err().unwrap();
    assert_eq!(error, ConnectionError::Smtp(Failure::Timeout(ClientTimer::Greeting)));
    // Five minutes for the greeting, and a moment to part.
    assert!(house.world.clock.monotonic() <= Duration::from_secs(305));
    drop(listener);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_in_a_body_leaves_the_recipients_unanswered() {
    let house = House::new();
    house.hands.net.set_fault(mx_addr(), Some(Fault::ResetAfter(200_000)));
    house.open(Transport::Clear).await;
    let mut connection = open(&house, &house.dial(Transport::Clear)).await.unwrap();
    let body = "0123456789\r\n".repeat(50_000);
    let outcome = connection
        .deliver(transaction(), &mut WholeBody::new(body))
        .await
        .unwrap();
    assert!(
        matches!(
            outcome.recipients[..],
            [RecipientOutcome::Unanswered(Stage::Body | Stage::End)]
        ),
        "{outcome:?}"
    );
    assert!(!connection.is_usable());
    house.settle().await;
    assert!(house.notes.lock().unwrap().bodies.is_empty());
}

#[tokio::test(start_paused = true)]
async fn silence_in_a_body_ends_by_the_clock() {
    let house = House::new();
    house.hands.net.set_fault(mx_addr(), Some(Fault::StallAfter(200_000)));
    house.open(Transport::Clear).await;
    let mut connection = open(&house, &house.dial(Transport::Clear)).await.unwrap();
    let body = "0123456789\r\n".repeat(50_000);
    let outcome = connection
        .deliver(transaction(), &mut WholeBody::new(body))
        .await
        .unwrap();
    assert!(
        matches!(outcome.recipients[..], [RecipientOutcome::Unanswered(_)]),
        "{outcome:?}"
    );
    assert!(house.world.clock.monotonic() <= Duration::from_secs(200));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_went_away_meanwhile_is_noticed_before_anything_begins() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let mut connection = open(&house, &house.dial(Transport::Clear)).await.unwrap();
    house.trigger.drain();
    house.settle().await;
    let error = connection
        .deliver(transaction(), &mut WholeBody::new(LETTER))
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectionError::Smtp(_)), "{error:?}");
    assert!(!connection.is_usable());
}

#[tokio::test(start_paused = true)]
async fn a_letter_too_large_is_refused_while_it_is_still_being_written() {
    let mut house = House::new();
    house.dialogue.offer.size_max = 100_000;
    house.dialogue.limits.swallow_octets = 10_000;
    house.open(Transport::Clear).await;
    let mut dial = house.dial(Transport::Clear);
    dial.client.chunking = false;
    let mut connection = open(&house, &dial).await.unwrap();
    let body = "0123456789\r\n".repeat(50_000);
    let outcome = connection
        .deliver(transaction(), &mut WholeBody::new(body))
        .await
        .unwrap();
    let [RecipientOutcome::Refused(_, reply)] = &outcome.recipients[..] else {
        panic!("{outcome:?}")
    };
    assert_eq!(reply.code, 552);
}

#[tokio::test(start_paused = true)]
async fn what_a_server_says_too_early_behind_starttls_is_an_attack() {
    let house = House::new();
    let listener = house.world.net.listen(mx_addr()).await.unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut raw = support::Raw { stream };
        raw.say("220 mx\r\n").await;
        raw.reply_line().await;
        raw.say("250-mx\r\n250 STARTTLS\r\n").await;
        raw.reply_line().await;
        raw.say("220 go\r\n250 injected\r\n").await;
        raw.stream.flush().await.unwrap();
        raw.rest().await;
    });
    let dial = house.dial_tls(Transport::Clear, &wire::Roots::none(), Trust::Opportunistic);
    let error = open(&house, &dial).await.err().unwrap();
    assert!(
        matches!(error, ConnectionError::Smtp(Failure::Protocol(_))),
        "{error:?}"
    );
}
