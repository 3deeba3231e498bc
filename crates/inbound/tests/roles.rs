//! What each kind of listener offers, asks and refuses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod house;

use house::{COPIER, DEVICES, House, MX, OUTSIDER, PLANT, Plan, SECRET, SUBMISSION, SUBMISSIONS, UNGRANTED, grant, of};
use mail::Tolerances;
use policy::By;

#[tokio::test(start_paused = true)]
async fn the_front_gate_takes_mail_for_us_alone() {
    let house = House::usual().await;
    let mut client = house.hello(MX, OUTSIDER).await;
    client
        .deliver("eve@foreign.test", &["anna@own.test", "bert@own.test"])
        .await;
    client.ask("MAIL FROM:<eve@foreign.test>", "250").await;
    client.ask("RCPT TO:<bob@foreign.test>", "554 5.7.1").await;
    client.ask("RCPT TO:<nobody@own.test>", "550 5.1.1").await;
    client.ask("DATA", "554 5.5.1").await;
    client.ask("QUIT", "221").await;
    assert_eq!(
        house.told.reasons(),
        ["not-our-domain", "no-such-recipient", "no-valid-recipients"]
    );
    assert_eq!(house.stored(), 1);
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn the_front_gate_never_offers_a_login_and_refuses_one() {
    let house = House::usual().await;
    for mut client in [house.hello(MX, OUTSIDER).await, house.secure(MX, OUTSIDER).await] {
        let offers = client.ask("EHLO again.test", "250").await;
        assert!(!offers.contains("AUTH"), "{offers}");
        client.ask(&client.plain("app", SECRET), "502 5.5.1").await;
        client.ask("AUTH LOGIN", "502 5.5.1").await;
        client.ask("MAIL FROM:<eve@foreign.test>", "250").await;
        client.ask("RCPT TO:<bob@foreign.test>", "554").await;
    }
    assert!(house.told.of("login").is_empty(), "nobody was asked");
}

#[tokio::test(start_paused = true)]
async fn submission_wants_starttls_and_a_login_first() {
    let house = House::usual().await;
    let mut client = house.hello(SUBMISSION, UNGRANTED).await;
    let offers = client.ask("EHLO again.test", "250").await;
    assert!(offers.contains("STARTTLS") && !offers.contains("AUTH"), "{offers}");
    client.ask("MAIL FROM:<scan@own.test>", "530 5.7.0").await;
    client.ask(&client.plain("app", SECRET), "538 5.7.11").await;
    client.ask("STARTTLS", "220").await;
    let mut client = client.handshake().await.unwrap();
    client.ask("MAIL FROM:<scan@own.test>", "503").await;
    let offers = client.ask("EHLO again.test", "250").await;
    assert!(
        offers.contains("AUTH PLAIN LOGIN") && !offers.contains("STARTTLS"),
        "{offers}"
    );
    client.ask("MAIL FROM:<scan@own.test>", "530 5.7.0").await;
    client.ask("STARTTLS", "503").await;
    client.ask(&client.plain("app", SECRET), "235 2.7.0").await;
    client
        .deliver("scan@own.test", &["anna@own.test", "bob@foreign.test"])
        .await;
    assert_eq!(house.told.of("login"), ["login app by PLAIN"]);
    assert_eq!(
        house.told.of("accepted"),
        [
            "accepted <scan@own.test> at submission from 10.0.0.99: <anna@own.test> by grant app, <bob@foreign.test> by grant app"
        ]
    );
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn submissions_begins_with_tls() {
    let house = House::usual().await;
    let mut client = house.secure(SUBMISSIONS, OUTSIDER).await;
    client.ask("MAIL FROM:<scan@own.test>", "530").await;
    client.ask("AUTH LOGIN", "334 VXNlcm5hbWU6").await;
    client.ask("YXBw", "334 UGFzc3dvcmQ6").await;
    client.ask("b3BlbiBzZXNhbWU=", "235").await;
    client.deliver("scan@own.test", &["bob@foreign.test"]).await;
    client.ask("QUIT", "221").await;
    // In the clear nothing is understood, and nothing is said in the clear.
    let mut clear = house.connect(SUBMISSIONS, OUTSIDER).await;
    clear.say("EHLO client.test\r\n").await;
    house.settle().await;
    assert!(
        house.told.of("closed").iter().any(|line| line.contains("TLS")),
        "{:?}",
        house.told.lines()
    );
    assert_eq!(house.stored(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_in_the_clear_is_refused_before_it_is_read() {
    let house = House::usual().await;
    for listener in [SUBMISSION, DEVICES, PLANT] {
        let mut client = house.hello(listener, UNGRANTED).await;
        client.ask(&client.plain("app", SECRET), "538 5.7.11").await;
    }
    assert!(house.told.of("login").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_device_relays_by_the_exception_of_its_address() {
    let house = House::usual().await;
    let mut client = house.hello(DEVICES, COPIER).await;
    client.deliver("scan@own.test", &["bob@foreign.test"]).await;
    client.ask("MAIL FROM:<boss@own.test>", "553 5.7.1").await;
    client.ask("MAIL FROM:<>", "553 5.7.1").await;
    assert_eq!(house.told.reasons(), ["sender-not-granted"; 2]);
    assert_eq!(
        house.told.of("accepted"),
        ["accepted <scan@own.test> at devices from 10.0.0.14: <bob@foreign.test> by grant copier"]
    );
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_device_relays_by_login_and_then_by_nothing_else() {
    let house = Plan::usual()
        .book(|book| {
            book.grants.push(grant("narrow", By::Login("old".into())));
            of(book, "narrow").senders.clear();
        })
        .open()
        .await;
    let mut client = house.logged_in(DEVICES, UNGRANTED, "app").await;
    client.deliver("scan@own.test", &["bob@foreign.test"]).await;
    // From the address of the exception, but with a login that may send as nobody: the login alone counts.
    let mut client = house.logged_in(DEVICES, COPIER, "old").await;
    client.ask("MAIL FROM:<scan@own.test>", "553 5.7.1").await;
    assert_eq!(house.told.refusals()[0].grant.as_deref(), Some("narrow"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_of_ours_without_a_grant_is_told_so_for_good() {
    let house = House::usual().await;
    let mut client = house.hello(DEVICES, UNGRANTED).await;
    let said = client.ask("MAIL FROM:<scan@own.test>", "554 5.7.1").await;
    assert!(
        said.contains("10.0.0.99 may not send through here; it has no relay grant"),
        "{said}"
    );
    // The connection stays, so that a person at the other end can read on.
    client.ask("NOOP", "250").await;
    client.ask("MAIL FROM:<>", "554 5.7.1").await;
    assert!(house.told.refusals().iter().all(|word| word.code / 100 == 5));
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn internal_only_lets_our_own_machines_reach_our_own_people() {
    let house = House::usual().await;
    let mut client = house.hello(PLANT, UNGRANTED).await;
    client.deliver("ups@own.test", &["anna@own.test"]).await;
    client.ask("MAIL FROM:<ups@own.test>", "250").await;
    client.ask("RCPT TO:<bob@foreign.test>", "554 5.7.1").await;
    client.ask("RSET", "250").await;
    client.ask("MAIL FROM:<eve@foreign.test>", "553 5.7.1").await;
    // Not for those who are not ours, and not for loopback either.
    for stranger in [OUTSIDER, "127.0.0.1"] {
        let mut client = house.hello(PLANT, stranger).await;
        client.ask("MAIL FROM:<ups@own.test>", "554 5.7.1").await;
    }
    assert_eq!(
        house.told.reasons(),
        ["no-grant", "sender-not-granted", "no-grant", "no-grant"]
    );
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_listener_of_a_zone_turns_others_away_when_they_connect() {
    let house = Plan::usual()
        .book(|book| {
            book.zones.push(policy::Zone {
                name: "moderate".into(),
                networks: vec!["10.0.0.0/24".parse().unwrap()],
                place: policy::Place { line: 9 },
            });
            book.listeners[3].zone = Some("moderate".into());
        })
        .open()
        .await;
    let mut client = house.connect(DEVICES, "10.9.0.1").await;
    client.expect("554 5.7.1").await;
    client.expect_end().await;
    house
        .hello(DEVICES, COPIER)
        .await
        .deliver("scan@own.test", &["anna@own.test"])
        .await;
    assert_eq!(house.told.reasons(), ["outside-zone"]);
}

#[tokio::test(start_paused = true)]
async fn an_exception_may_hide_starttls_from_its_device_alone() {
    let house = Plan::usual()
        .book(|book| {
            of(book, "copier").tolerances = Tolerances {
                no_starttls_advertised: true,
                ..Tolerances::NONE
            };
        })
        .open()
        .await;
    let mut client = house.connect(DEVICES, COPIER).await;
    client.expect("220").await;
    assert!(!client.ask("EHLO copier", "250").await.contains("STARTTLS"));
    client.ask("STARTTLS", "502").await;
    let mut client = house.connect(DEVICES, UNGRANTED).await;
    client.expect("220").await;
    assert!(client.ask("EHLO other", "250").await.contains("STARTTLS"));
}
