//! Sessions that are open while the rules change, the calendar turns or the house closes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod house;

use std::time::Duration;

use house::{
    COPIER, DEVICES, House, LETTER, MX, OUTSIDER, Plan, SECRET, SUBMISSION, UNGRANTED, certificate, of, suspend,
};
use mail::{Timestamp, Tolerances};
use policy::LimitSpec;
use world::sim::GENESIS;

const BARE_LF: Tolerances = Tolerances {
    bare_lf: true,
    ..Tolerances::NONE
};

#[tokio::test(start_paused = true)]
async fn a_suspension_refuses_the_next_message_of_an_open_session() {
    let mut house = House::usual().await;
    let mut client = house.logged_in(SUBMISSION, OUTSIDER, "app").await;
    client.deliver("scan@own.test", &["bob@foreign.test"]).await;
    house.publish(|book| suspend(book, "app"));
    let said = client.ask("MAIL FROM:<scan@own.test>", "554 5.7.1").await;
    assert!(said.contains("suspended"), "{said}");
    house.publish(|book| of(book, "app").state = policy::GrantState::Active);
    client.deliver("scan@own.test", &["bob@foreign.test"]).await;
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_suspension_refuses_the_body_that_is_coming_in() {
    let mut house = House::usual().await;
    let mut by_login = house.logged_in(SUBMISSION, OUTSIDER, "app").await;
    let mut by_address = house.hello(DEVICES, COPIER).await;
    for client in [&mut by_login, &mut by_address] {
        client.envelope("scan@own.test", &["bob@foreign.test"]).await;
        client.ask("DATA", "354").await;
        client.say("From: <scan@own.test>\r\n").await;
    }
    house.settle().await;
    house.publish(|book| {
        suspend(book, "app");
        suspend(book, "copier");
    });
    for client in [&mut by_login, &mut by_address] {
        client.say("\r\nHello.\r\n.\r\n").await;
        client.expect("554 5.7.1").await;
        // The session goes on, for a person to read on.
        client.ask("NOOP", "250").await;
    }
    assert_eq!(house.stored(), 0);
    assert_eq!(house.told.reasons(), ["grant-suspended"; 2]);
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_is_taken_out_ends_with_it() {
    let mut house = House::usual().await;
    let mut client = house.logged_in(SUBMISSION, OUTSIDER, "app").await;
    house.publish(|book| book.grants.retain(|grant| &*grant.name != "app"));
    client.ask("MAIL FROM:<scan@own.test>", "554 5.7.1").await;
    let mut client = house.secure(SUBMISSION, OUTSIDER).await;
    client.ask(&client.plain("app", SECRET), "535 5.7.8").await;
    assert_eq!(house.told.reasons(), ["login-without-grant", "auth-refused"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_taken_out_takes_nothing_more() {
    let mut house = House::usual().await;
    let mut client = house.hello(MX, OUTSIDER).await;
    house.publish(|book| book.listeners.retain(|listener| &*listener.name != "mx"));
    client.ask("MAIL FROM:<eve@foreign.test>", "554").await;
    house.connect(MX, OUTSIDER).await.expect("554").await;
}

#[tokio::test(start_paused = true)]
async fn a_grant_ends_in_an_open_session_one_millisecond_after_its_last() {
    let house = Plan::usual()
        .book(|book| of(book, "copier").until = Timestamp(GENESIS + 60_000))
        .open()
        .await;
    let mut client = house.hello(DEVICES, COPIER).await;
    client.envelope("scan@own.test", &["bob@foreign.test"]).await;
    client.ask("DATA", "354").await;
    house.hands.clock.set_wall(GENESIS + 60_000);
    client.say(format!("{LETTER}.\r\n")).await;
    client.expect("250").await;
    house.hands.clock.set_wall(GENESIS + 61_000);
    let said = client.ask("MAIL FROM:<scan@own.test>", "554 5.7.1").await;
    assert!(said.contains("ended on 2026-11-21"), "{said}");
    // A body that began before the end and ends behind it is refused as a whole.
    house.hands.clock.set_wall(GENESIS + 59_000);
    client.envelope("scan@own.test", &["bob@foreign.test"]).await;
    client.ask("DATA", "354").await;
    house.hands.clock.advance_wall(Duration::from_secs(2));
    client.say(format!("{LETTER}.\r\n")).await;
    client.expect("554 5.7.1").await;
    assert_eq!(house.told.reasons(), ["grant-expired"; 2]);
    assert_eq!(house.stored(), 1);
}

#[tokio::test(start_paused = true)]
async fn tolerances_of_an_exception_begin_at_the_door() {
    let house = Plan::usual()
        .book(|book| of(book, "copier").tolerances = BARE_LF)
        .open()
        .await;
    let mut client = house.connect(DEVICES, COPIER).await;
    client.expect("220").await;
    client.say("EHLO copier\n").await;
    client.expect("250").await;
    client
        .say("MAIL FROM:<scan@own.test>\nRCPT TO:<anna@own.test>\nDATA\n")
        .await;
    for code in ["250", "250", "354"] {
        client.expect(code).await;
    }
    client.say("From: <scan@own.test>\n\nHello.\n.\n").await;
    client.expect("250").await;
    // Another client of the same listener is not tolerated a line.
    let mut other = house.connect(DEVICES, UNGRANTED).await;
    other.expect("220").await;
    other.say("EHLO other\n").await;
    other.expect("500 5.5.2").await;
    other.expect_end().await;
    assert_eq!(house.stored(), 1);
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn tolerances_of_a_login_begin_when_it_is_proved() {
    let house = Plan::usual()
        .book(|book| of(book, "app").tolerances = BARE_LF)
        .open()
        .await;
    let mut early = house.secure(SUBMISSION, OUTSIDER).await;
    early.say("NOOP\n").await;
    early.expect("500 5.5.2").await;
    let mut client = house.logged_in(SUBMISSION, OUTSIDER, "app").await;
    client.say("NOOP\n").await;
    client.expect("250").await;
    client.envelope("scan@own.test", &["anna@own.test"]).await;
    client.say("DATA\n").await;
    client.expect("354").await;
    client.say("From: <scan@own.test>\n\nHello.\n.\n").await;
    client.expect("250").await;
}

#[tokio::test(start_paused = true)]
async fn tolerances_of_an_exception_that_is_suspended_or_over_do_not_begin() {
    let house = Plan::usual()
        .book(|book| {
            of(book, "copier").tolerances = BARE_LF;
            suspend(book, "copier");
        })
        .open()
        .await;
    let mut client = house.connect(DEVICES, COPIER).await;
    client.expect("220").await;
    client.say("EHLO copier\n").await;
    client.expect("500").await;
}

#[tokio::test(start_paused = true)]
async fn tolerances_of_a_login_that_is_suspended_or_over_do_not_begin() {
    for over in [true, false] {
        let house = Plan::usual()
            .book(|book| {
                let grant = of(book, "app");
                grant.tolerances = BARE_LF;
                if over {
                    grant.until = Timestamp(GENESIS - 1);
                } else {
                    grant.state = policy::GrantState::Suspended("abuse".into());
                }
            })
            .open()
            .await;
        let mut client = house.logged_in(SUBMISSION, OUTSIDER, "app").await;
        client.say("NOOP\n").await;
        client.expect("500").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_has_so_many_recipients_in_one_message() {
    let house = Plan::usual()
        .book(|book| {
            let grant = of(book, "copier");
            grant.limits = LimitSpec {
                recipients_per_message: 2,
                ..grant.limits
            };
        })
        .open()
        .await;
    let mut client = house.hello(DEVICES, COPIER).await;
    client
        .envelope("scan@own.test", &["a@foreign.test", "b@foreign.test"])
        .await;
    client.ask("RCPT TO:<c@foreign.test>", "452 4.5.3").await;
    // Saying one of them again is no third.
    client.ask("RCPT TO:<b@foreign.test>", "250").await;
    client.ask("DATA", "354").await;
    client.say(format!("{LETTER}.\r\n")).await;
    client.expect("250").await;
    assert_eq!(house.told.reasons(), ["too-many-recipients"]);
    assert_eq!(
        house.told.of("accepted"),
        [
            "accepted <scan@own.test> at devices from 10.0.0.14: <a@foreign.test> by grant copier, <b@foreign.test> by grant copier"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_draining_house_finishes_the_letter_in_hand_and_says_421() {
    let house = House::usual().await;
    let mut idle = house.hello(MX, OUTSIDER).await;
    let mut busy = house.hello(DEVICES, COPIER).await;
    busy.envelope("scan@own.test", &["bob@foreign.test"]).await;
    busy.ask("DATA", "354").await;
    house.trigger.drain();
    idle.expect("421 4.3.2").await;
    idle.expect_end().await;
    busy.say(format!("{LETTER}.\r\n")).await;
    busy.expect("250 2.0.0").await;
    busy.expect("421 4.3.2").await;
    busy.expect_end().await;
    assert_eq!(house.stored(), 1);
    // Nobody else comes in.
    house.settle().await;
    assert!(house.world.net.connect(house::at(MX), None).await.is_err());
    assert_eq!(house.gate.sessions(), 0);
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_new_certificate_is_shown_from_the_next_handshake_on() {
    let house = House::usual().await;
    let mut old = house.logged_in(SUBMISSION, OUTSIDER, "app").await;
    house.tls.replace(vec![certificate("gate.own.test")]);
    let new = house.secure(SUBMISSION, OUTSIDER).await;
    assert_ne!(old.shown, new.shown);
    old.deliver("scan@own.test", &["bob@foreign.test"]).await;
}
