//! What a client hears of a login, and what it does not.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod house;

use house::{Client, DEVICES, HELD_BACK, House, OUTSIDER, SECRET, SUBMISSION, SUBMISSIONS, UNGRANTED};

/// The words of a refusal, without its event.
fn words(reply: &str) -> String {
    let (text, _) = reply.split_once("See ").unwrap();
    text.to_owned()
}

async fn refused(client: &mut Client, login: &str, secret: &str) -> String {
    let reply = client.ask(&client.plain(login, secret), "535 5.7.8").await;
    words(&reply)
}

#[tokio::test(start_paused = true)]
async fn a_stranger_learns_nothing_about_which_logins_there_are() {
    let house = House::usual().await;
    let mut heard = Vec::new();
    for (login, secret) in [
        ("nobody", "x"),
        ("app", "x"),
        ("idle", SECRET),
        ("idle", "x"),
        ("nobody", SECRET),
    ] {
        let mut client = house.secure(SUBMISSION, OUTSIDER).await;
        let before = house.world.clock.monotonic();
        heard.push(refused(&mut client, login, secret).await);
        let waited = house.world.clock.monotonic() - before;
        assert!(waited >= HELD_BACK, "{login} hears it as late as the others");
        // And nothing is open to it.
        client.ask("MAIL FROM:<scan@own.test>", "530").await;
    }
    assert!(heard.iter().all(|words| *words == heard[0]), "{heard:?}");
    let causes = house.told.of("login");
    assert_eq!(
        causes,
        [
            "login nobody failed: UnknownLogin",
            "login app failed: WrongSecret",
            "login idle failed: WithoutGrant",
            "login idle failed: WrongSecret",
            "login nobody failed: UnknownLogin"
        ]
    );
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn three_failed_logins_end_the_session() {
    let house = House::usual().await;
    let mut client = house.secure(SUBMISSIONS, OUTSIDER).await;
    for _ in 0..3 {
        refused(&mut client, "app", "x").await;
    }
    client.expect("421 4.7.0").await;
    client.expect_end().await;
    assert_eq!(house.told.reasons().last().unwrap(), "too-many-auth-failures");
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_login_that_cannot_be_checked_now_is_asked_to_come_again() {
    let house = House::usual().await;
    let mut client = house.secure(SUBMISSION, OUTSIDER).await;
    for _ in 0..5 {
        client.ask(&client.plain("away", SECRET), "454 4.7.0").await;
    }
    client.ask(&client.plain("app", SECRET), "235").await;
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_login_may_be_broken_off_and_begun_again() {
    let house = House::usual().await;
    let mut client = house.secure(SUBMISSION, OUTSIDER).await;
    client.ask("AUTH LOGIN", "334").await;
    client.ask("*", "501 5.7.0").await;
    client.ask("AUTH PLAIN", "334").await;
    client.ask("not base64!", "501").await;
    client.ask("AUTH PLAIN AGE=", "501 5.5.2").await;
    client.ask("AUTH CRAM-MD5", "504 5.5.4").await;
    client.ask(&client.plain("app", SECRET), "235").await;
    client.ask(&client.plain("app", SECRET), "503").await;
    client.deliver("scan@own.test", &["anna@own.test"]).await;
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_in_no_word_that_the_witness_is_told() {
    let house = House::usual().await;
    let mut client = house.secure(SUBMISSION, OUTSIDER).await;
    refused(&mut client, "app", "hunter2").await;
    client.ask("AUTH LOGIN YXBw", "334").await;
    client.ask("aHVudGVyMg==", "535").await;
    client.ask("aHVudGVyMg==", "500").await;
    let told = format!("{:?} {:?}", house.told.lines(), house.told.refusals());
    assert!(!told.contains("hunter2") && !told.contains("aHVudGVyMg"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn starttls_forgets_what_was_said_before_and_takes_nothing_along() {
    let house = House::usual().await;
    let mut client = house.hello(DEVICES, UNGRANTED).await;
    client.say("STARTTLS\r\nMAIL FROM:<scan@own.test>\r\n").await;
    client.expect("554 5.5.1").await;
    client.expect_end().await;
    let mut client = house.hello(DEVICES, UNGRANTED).await;
    client.ask("STARTTLS", "220").await;
    let mut client = client.handshake().await.unwrap();
    client.ask("MAIL FROM:<scan@own.test>", "503 5.5.1").await;
    client.ask("EHLO client.test", "250").await;
    client.ask("MAIL FROM:<scan@own.test>", "554 5.7.1").await;
    house.told.assert_all_heard();
}
