//! Odd clients: too early, too slow, in the wrong language, or after addresses that are none of theirs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod house;

use std::time::Duration;

use house::{COPIER, Client, DEVICES, House, LETTER, MX, OUTSIDER, PLANT, Plan, SUBMISSION, SUBMISSIONS, UNGRANTED};

/// The beginning of a TLS record with a ClientHello in it.
const CLIENT_HELLO: &[u8] = &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];

#[tokio::test(start_paused = true)]
async fn tls_on_a_port_in_the_clear_is_named_and_closed() {
    let house = House::usual().await;
    for listener in [MX, DEVICES, SUBMISSION] {
        let mut client = house.connect(listener, UNGRANTED).await;
        client.expect("220").await;
        client.say(CLIENT_HELLO).await;
        client.expect_end().await;
    }
    let noted = house.told.of("noted");
    assert_eq!(noted.len(), 3);
    assert!(noted.iter().all(|line| line.contains("port 465")), "{noted:?}");
}

#[tokio::test(start_paused = true)]
async fn who_speaks_before_the_greeting_is_noted_and_refused() {
    let house = Plan::usual()
        .listen("mx", |listen| listen.smtp.greet_delay = Duration::from_secs(3))
        .open()
        .await;
    let mut early = house.connect(MX, OUTSIDER).await;
    early.say("EHLO early\r\n").await;
    early.expect("554 5.5.1").await;
    early.expect_end().await;
    house
        .hello(MX, OUTSIDER)
        .await
        .deliver("eve@foreign.test", &["anna@own.test"])
        .await;
    assert_eq!(
        house.told.of("noted"),
        ["noted 203.0.113.5: client spoke before the banner"]
    );
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_sent_away_after_five_minutes() {
    let house = House::usual().await;
    let mut client = house.hello(MX, OUTSIDER).await;
    let begun = house.world.clock.monotonic();
    client.expect("421 4.4.2").await;
    client.expect_end().await;
    let waited = (house.world.clock.monotonic() - begun).as_secs();
    assert!((300..310).contains(&waited), "{waited}");
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_coming_stores_nothing() {
    let house = House::usual().await;
    let mut client = house.hello(DEVICES, COPIER).await;
    client.envelope("scan@own.test", &["bob@foreign.test"]).await;
    client.ask("DATA", "354").await;
    client.say("From: <scan@own.test>\r\n").await;
    client.expect("421 4.4.2").await;
    client.expect_end().await;
    assert_eq!(
        (house.stored(), house.told.reasons()),
        (0, vec!["timeout-body-block".to_owned()])
    );
    // What it had taken from its grant's limits came back: ten a minute are a copier's.
    let mut client = house.hello(DEVICES, COPIER).await;
    for _ in 0..10 {
        client.deliver("scan@own.test", &["bob@foreign.test"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_too_slow() {
    let house = House::usual().await;
    let mut client = house.hello(MX, OUTSIDER).await;
    client.envelope("eve@foreign.test", &["anna@own.test"]).await;
    client.ask("DATA", "354").await;
    for _ in 0..30 {
        client.say("x\r\n").await;
        house.settle().await;
    }
    client.expect("421 4.4.2").await;
    assert_eq!(house.told.reasons(), ["body-too-slow"]);
    assert_eq!(house.stored(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_in_the_body_stores_nothing() {
    let house = House::usual().await;
    let mut client = house.hello(MX, OUTSIDER).await;
    client.envelope("eve@foreign.test", &["anna@own.test"]).await;
    client.ask("DATA", "354").await;
    client.say(LETTER).await;
    client.close().await;
    client.expect_end().await;
    assert_eq!(house.stored(), 0);
    assert!(house.told.refusals().is_empty());
}

#[tokio::test(start_paused = true)]
async fn postmaster_and_abuse_hear_everybody() {
    let house = House::usual().await;
    for role in ["postmaster@own.test", "Abuse@own.test", "postmaster"] {
        let mut client = house.hello(MX, OUTSIDER).await;
        client.deliver("eve@foreign.test", &[role]).await;
        // Even one who claims to be one of us, and one who is nobody.
        client.ask("MAIL FROM:<anna@own.test>", "250").await;
        client.ask(&format!("RCPT TO:<{role}>"), "250").await;
        client.ask("RCPT TO:<anna@own.test>", "550 5.7.1").await;
        client.ask("RSET", "250").await;
        client.deliver("", &[role]).await;
    }
    let mut client = house.hello(MX, OUTSIDER).await;
    client.ask("MAIL FROM:<eve@foreign.test>", "250").await;
    client.ask("RCPT TO:<postmaster@foreign.test>", "554").await;
    assert_eq!(house.stored(), 6);
}

#[tokio::test(start_paused = true)]
async fn addresses_are_not_told_about() {
    let house = House::usual().await;
    let mut client = house.hello(MX, OUTSIDER).await;
    let known = client.ask("VRFY anna@own.test", "252").await;
    assert_eq!(client.ask("VRFY nobody@own.test", "252").await, known);
    client.ask("EXPN staff", "502 5.5.1").await;
    client.ask("VRFY", "501").await;
    client.ask("GET / HTTP/1.1", "554").await;
    client.expect_end().await;
    house.told.assert_all_heard();
}

/// What testers of open relays try. Nothing of it may be taken.
const TRICKS: [&str; 14] = [
    "<bob%foreign.test@own.test>",
    "<foreign.test!bob@own.test>",
    "<@own.test:bob@foreign.test>",
    "<\"bob@foreign.test\"@own.test>",
    "<bob@foreign.test@own.test>",
    "<bob@[203.0.113.80]>",
    "<bob@[IPv6:2001:db8::80]>",
    "<bob@[192.0.2.25]>",
    "< bob@foreign.test >",
    "<\"bob@foreign.test\">",
    "<bob@foreign.test>",
    "<bob@own.test.foreign.test>",
    "<foreign.test!bob>",
    "<anna@own.test@[127.0.0.1]>",
];

async fn tricks(client: &mut Client, from: &str) {
    client.say(format!("MAIL FROM:{from}\r\n")).await;
    let taken = client.reply().await.starts_with("250");
    for trick in TRICKS {
        client.say(format!("RCPT TO:{trick}\r\n")).await;
        let reply = client.reply().await;
        assert!(reply.starts_with('5'), "{from} to {trick}: {reply}");
    }
    if taken {
        client.ask("DATA", "554").await;
        client.ask("RSET", "250").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_tricks_of_relay_testers_are_refused_on_every_listener() {
    let house = Plan::usual()
        .limits(|limits| {
            (limits.errors_soft, limits.errors_hard) = (1000, 1000);
            limits.bad_recipients_per_hour = 10_000;
        })
        .open()
        .await;
    let senders = [
        "<eve@foreign.test>",
        "<>",
        "<postmaster@own.test>",
        "<anna@own.test>",
        "<anna@[192.0.2.25]>",
    ];
    for listener in [MX, SUBMISSION, DEVICES, PLANT] {
        // A stranger, a machine of ours, this host itself, and somebody in IPv6 clothes.
        for from in [OUTSIDER, UNGRANTED, "127.0.0.1", "192.0.2.25", "::ffff:203.0.113.5"] {
            let mut client = house.connect(listener, from).await;
            client.expect("220").await;
            client.ask("EHLO gate.own.test", "250").await;
            for sender in senders {
                tricks(&mut client, sender).await;
            }
        }
    }
    for listener in [SUBMISSION, SUBMISSIONS, DEVICES, PLANT] {
        let mut client = house.secure(listener, OUTSIDER).await;
        for sender in senders {
            tricks(&mut client, sender).await;
        }
    }
    assert_eq!(house.stored(), 0);
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_grant_to_our_own_people_is_no_way_around_by_a_trick() {
    let house = Plan::usual()
        .limits(|limits| (limits.errors_soft, limits.errors_hard) = (1000, 1000))
        .book(|book| house::of(book, "copier").scope = policy::Scope::Internal)
        .open()
        .await;
    let mut client = house.hello(DEVICES, COPIER).await;
    client.ask("MAIL FROM:<scan@own.test>", "250").await;
    for trick in TRICKS {
        client.ask(&format!("RCPT TO:{trick}"), "5").await;
    }
    client.say(b"RCPT TO:<anna@own.test\0@foreign.test>\r\n").await;
    client.expect("500").await;
    assert_eq!(house.stored(), 0);
}
