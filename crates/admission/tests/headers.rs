//! What is added to a message on its way in, and where nothing is.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod hall;

use hall::{Hall, WHOLE, book, copier, hall, nameless, outsider, rejected};
use policy::{By, Reason, Verdict};

/// The lines of ours before the first line of `text`.
fn added(delivered: &str, text: &str) -> String {
    delivered
        .strip_suffix(text)
        .expect("what came is delivered as it came")
        .to_owned()
}

fn tolerant() -> Hall {
    let mut book = book();
    book.grants[0].tolerances.missing_from = true;
    hall(book)
}

#[tokio::test(start_paused = true)]
async fn a_whole_message_gets_a_received_line_and_nothing_else() {
    let hall = hall(book());
    let id = hall
        .stored(&copier(), "scan@own.test", &["bob@foreign.test"], WHOLE)
        .await;
    let expected = format!(
        "Received: from copier ([10.0.0.1])\r\n\
         \t(using TLSv1.3 TLS13_AES_256_GCM_SHA384)\r\n\
         \tby gate.own.test with ESMTPSA id {id}\r\n\
         \tfor <bob@foreign.test>;\r\n\
         \tSat, 21 Nov 2026 12:00:00 +0000\r\n"
    );
    assert_eq!(added(&hall.delivered().await, WHOLE), expected);
    assert_eq!(
        hall.told.lines(),
        ["accepted <scan@own.test> for devices [<bob@foreign.test> by grant copier Ready] generation 1 mended \"\""]
    );
    let story = hall.view.get(id).await.unwrap().unwrap();
    assert!(story.testimony.starts_with(b"testimony <scan@own.test>"));
    assert_eq!(story.subject.as_deref(), Some("a scan"));
    assert_eq!(
        &*story.source,
        "devices, 10.0.0.1, login copier, TLSv1.3, HELO \"copier\""
    );
    assert_eq!(story.grant_contact.unwrap().to_string(), "facilities@own.test");
    assert!(story.content.originated);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_forgot_date_and_id_gets_them() {
    let hall = hall(book());
    let text = "From: scan@own.test\r\n\r\nHello.\r\n";
    let id = hall
        .stored(&copier(), "scan@own.test", &["bob@foreign.test"], text)
        .await;
    let added = added(&hall.delivered().await, text);
    assert!(
        added.contains("\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"),
        "{added}"
    );
    assert!(
        added.contains(&format!("\r\nMessage-ID: <{id}@gate.own.test>\r\n")),
        "{added}"
    );
    assert!(!added.contains("From:"), "{added}");
}

#[tokio::test(start_paused = true)]
async fn a_message_without_an_author_is_refused_unless_its_grant_tolerates_it() {
    let text = "Subject: x\r\n\r\nHello.\r\n";
    let strict = hall(book());
    let admitted = strict
        .send(&copier(), "scan@own.test", &["bob@foreign.test"], text)
        .await;
    assert_eq!(rejected(admitted), Verdict::Refuse(Reason::FromMissing));
    strict.assert_untouched();
    let hall = tolerant();
    hall.stored(&copier(), "scan@own.test", &["bob@foreign.test"], text)
        .await;
    assert!(added(&hall.delivered().await, text).contains("\r\nFrom: <scan@own.test>\r\n"));
    assert!(hall.told.lines()[0].ends_with("mended \"missing-from (added)\""));
}

#[tokio::test(start_paused = true)]
async fn text_without_a_blank_line_before_it_does_not_become_a_header() {
    let hall = tolerant();
    hall.stored(
        &copier(),
        "scan@own.test",
        &["bob@foreign.test"],
        "Hello there.\r\nBye: now\r\n",
    )
    .await;
    let delivered = hall.delivered().await;
    let (headers, text) = delivered.split_once("\r\n\r\n").unwrap();
    assert!(
        headers.contains("From: <scan@own.test>") && !headers.contains("Hello"),
        "{headers}"
    );
    assert_eq!(text, "Hello there.\r\nBye: now\r\n");
}

#[tokio::test(start_paused = true)]
async fn mail_in_transit_is_completed_by_nobody() {
    let hall = hall(book());
    let text = "Subject: x\r\n\r\nHello.\r\n";
    let id = hall
        .stored(
            &outsider(),
            "eve@foreign.test",
            &["bob@own.test", "abuse@own.test"],
            text,
        )
        .await;
    let added = added(&hall.delivered().await, text);
    assert_eq!(added.matches(": ").count(), 1, "{added}");
    assert!(
        added.contains(&format!("by gate.own.test with ESMTP id {id};")),
        "{added}"
    );
    assert!(!added.contains("bob"), "several recipients do not learn of each other");
    assert_eq!(
        hall.told.lines(),
        [
            "accepted <eve@foreign.test> for front [<bob@own.test> by route inside Ready, \
          <abuse@own.test> by route inside Ready] generation 1 mended \"\""
        ]
    );
    assert!(!hall.view.get(id).await.unwrap().unwrap().content.originated);
}

#[tokio::test(start_paused = true)]
async fn the_null_sender_is_heard_at_the_front_and_nowhere_without_a_grant_for_it() {
    let text = "From: x@foreign.test\r\n\r\nHello.\r\n";
    let front = hall(book());
    front.stored(&outsider(), "", &["bob@own.test"], text).await;
    let refused = Verdict::Refuse(Reason::SenderNotGranted);
    assert_eq!(
        rejected(front.send(&copier(), "", &["bob@own.test"], WHOLE).await),
        refused
    );
    let mut plant = nameless();
    plant.listener = "plant".into();
    assert_eq!(
        rejected(front.send(&plant, "", &["bob@own.test"], WHOLE).await),
        refused
    );
    let mut book = book();
    book.grants[0].senders.push(policy::SenderPattern::Null);
    book.grants[0].tolerances.missing_from = true;
    let granted = hall(book);
    granted.stored(&copier(), "", &["bob@own.test"], "\r\nHello.\r\n").await;
    assert!(
        granted
            .delivered()
            .await
            .contains("\r\nFrom: <postmaster@gate.own.test>\r\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_may_still_log_in_is_not_turned_away_at_the_door() {
    let mut book = book();
    let mut fax = hall::grant("fax");
    fax.by = By::Address(vec!["10.0.0.7/32".parse().unwrap()]);
    fax.until = mail::Timestamp(hall::NOW.0 - 1);
    book.grants.push(fax);
    let hall = hall(book);
    for client in [[10, 0, 0, 1], [10, 0, 0, 7], [203, 0, 113, 5]] {
        let mut visitor = nameless();
        visitor.client = client.into();
        assert!(hall.admission.connect(&visitor).is_ok(), "{client:?}");
        assert!(hall.envelope(&visitor, "scan@own.test", &[]).is_err(), "{client:?}");
        visitor.tls = copier().tls;
        visitor.login = copier().login;
        assert!(
            hall.envelope(&visitor, "scan@own.test", &["bob@foreign.test"]).is_ok(),
            "{client:?}"
        );
    }
}
