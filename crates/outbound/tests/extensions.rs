//! What was said to us with an extension of SMTP, and what becomes of it at the next hop.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use house::*;
use mail::{DsnReturn, Notify};
use policy::NoticeKind;
use spool::{Letter, Outcome, State};

/// Asks for everything that RFC 3461 lets a sender ask for.
fn asks(letter: &mut Letter) {
    letter.params.ret = Some(DsnReturn::Headers);
    letter.params.envid = Some("QQ+314".into());
    letter.recipients[0].params.notify = Some(Notify::On {
        success: true,
        failure: true,
        delay: false,
    });
    letter.recipients[0].params.orcpt = Some("rfc822;b+x@example.org".into());
}

#[tokio::test(start_paused = true)]
async fn what_dsn_says_is_passed_on_encoded_to_a_peer_that_has_it() {
    let house = House::usual().await;
    let peer = Peer::with(&["DSN"], |_, _| None);
    peer.listen(&house.world, MX1).await;
    house.send_letter(&["bob@example.org"], asks).await;
    house.pass(MINUTE).await;
    let letters = peer.letters();
    let letter = &letters[0];
    assert!(letter.from.contains(" RET=HDRS ENVID=QQ+2B314"), "{}", letter.from);
    assert!(letter.to[0].contains("NOTIFY=SUCCESS,FAILURE"), "{}", letter.to[0]);
    assert!(
        letter.to[0].contains("ORCPT=rfc822;b+2Bx@example.org"),
        "{}",
        letter.to[0]
    );
    assert!(house.desk.texts().is_empty(), "the next hop tells it");
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_dsn_hears_none_of_it_and_the_sender_is_told_by_us() {
    let house = House::usual().await;
    let peer = Peer::with(&["SIZE 1000000"], |_, _| None);
    peer.listen(&house.world, MX1).await;
    house.send_letter(&["bob@example.org"], asks).await;
    house.pass(MINUTE).await;
    let letters = peer.letters();
    for word in ["RET", "ENVID", "NOTIFY", "ORCPT"] {
        assert!(
            !letters[0].from.contains(word) && !letters[0].to[0].contains(word),
            "{word}"
        );
    }
    let texts = house.desk.texts();
    assert_eq!((texts.len(), texts[0].0), (1, NoticeKind::Success));
    for part in [
        "Original-Envelope-Id: QQ+314",
        "Original-Recipient: rfc822; b+x@example.org",
    ] {
        assert!(texts[0].2.contains(part), "{part} is missing in\n{}", texts[0].2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_larger_than_the_peer_takes_fails_at_once_and_is_not_sent() {
    let house = House::usual().await;
    let small = Peer::with(&["SIZE 20"], |_, _| None);
    small.listen(&house.world, MX1).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    let State::Done { outcome, .. } = house.state(id).await else {
        panic!("it is not done");
    };
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(small.notes().said("MAIL"), 0);
    let heard = house.events.heard();
    assert!(
        heard
            .iter()
            .any(|line| line.starts_with("failed") && line.contains("5.3.4")),
        "{heard:?}"
    );
    let texts = house.desk.texts();
    assert_eq!((texts.len(), texts[0].0), (1, NoticeKind::Failure));
}

#[tokio::test(start_paused = true)]
async fn a_size_is_declared_to_those_who_ask_for_it_only() {
    for (offer, declared) in [("SIZE", true), ("8BITMIME", false)] {
        let house = House::usual().await;
        let peer = Peer::with(&[offer], |_, _| None);
        peer.listen(&house.world, MX1).await;
        house.send(&["bob@example.org"]).await;
        house.pass(MINUTE).await;
        assert_eq!(peer.letters()[0].from.contains(" SIZE="), declared, "{offer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_enhanced_codes_is_understood_by_its_first_digit() {
    let house = House::usual().await;
    let plain = Peer::with(&["SIZE"], |_, line| {
        line.starts_with("RCPT").then(|| "553 go away".to_owned())
    });
    plain.listen(&house.world, MX1).await;
    house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    let texts = house.desk.texts();
    assert_eq!((texts.len(), texts[0].0), (1, NoticeKind::Failure));
    assert!(texts[0].2.contains("Status: 5."), "{}", texts[0].2);
    assert!(
        texts[0].2.contains("Diagnostic-Code: smtp; 553 go away"),
        "{}",
        texts[0].2
    );
}
