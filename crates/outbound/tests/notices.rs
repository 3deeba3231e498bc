//! Stories of letters that do not get through, and of who is told.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::sync::atomic::Ordering;

use house::*;
use mail::{Notify, ReversePath};
use outbound::Config;
use outbound::route::{Endpoint, Ourselves, Route, Routes, Target};
use policy::NoticeKind;
use spool::{Outcome, Selector, State};

fn outcome(state: &State) -> Option<Outcome> {
    match state {
        State::Done { outcome, .. } => Some(*outcome),
        _ => None,
    }
}

/// A host of example.org that refuses every recipient for good, and the sender's own host, which takes everything.
async fn refusing_house() -> (House, Peer, Peer) {
    let house = House::usual().await;
    let mx1 = Peer::answering(|_, line| line.starts_with("RCPT").then(|| "550 5.1.1 No such user here".into()));
    let inside = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    inside.listen(&house.world, INSIDE).await;
    (house, mx1, inside)
}

#[tokio::test(start_paused = true)]
async fn a_5yz_is_told_to_the_sender_with_what_was_said() {
    let (house, _mx1, inside) = refusing_house().await;
    let id = house.send(&["gone@example.org"]).await;
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Failed));
    let letters = inside.letters();
    assert_eq!(letters.len(), 1, "the notice is delivered as any letter");
    let notice = &letters[0];
    assert!(notice.from.starts_with("<>"));
    assert_eq!(notice.to, ["<erp@example.edu>"]);
    for part in [
        "Auto-Submitted: auto-replied",
        "multipart/report; report-type=delivery-status",
        "Final-Recipient: rfc822; gone@example.org",
        "Action: failed",
        "Status: 5.1.1",
        "Remote-MTA: dns; mx1.example.org",
        "Diagnostic-Code: smtp; 550 5.1.1 No such user here",
        "Reporting-MTA: dns; gate.example.edu",
        "Subject: Invoice 7",
    ] {
        assert!(notice.body.contains(part), "{part} is missing in\n{}", notice.body);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_the_failure_of_a_notice() {
    let house = House::usual().await;
    let refuses = || Peer::answering(|_, line| line.starts_with("RCPT").then(|| "550 5.1.1 No".into()));
    refuses().listen(&house.world, MX1).await;
    refuses().listen(&house.world, INSIDE).await;
    house.send(&["gone@example.org"]).await;
    house.pass(DAY).await;
    assert_eq!(house.desk.texts().len(), 1);
    assert_eq!(
        house.events.count("failed"),
        2,
        "the letter, then its notice, then silence"
    );
}

#[tokio::test(start_paused = true)]
async fn a_letter_without_a_sender_fails_in_silence() {
    let (house, ..) = refusing_house().await;
    house
        .send_letter(&["gone@example.org"], |letter| letter.reverse = ReversePath::Null)
        .await;
    house.pass(DAY).await;
    assert!(house.desk.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_wants_to_hear_nothing_hears_nothing() {
    let (house, ..) = refusing_house().await;
    let unheard = [
        Notify::Never,
        Notify::On {
            success: true,
            failure: false,
            delay: true,
        },
    ];
    for notify in unheard {
        house
            .send_letter(&["gone@example.org"], |it| {
                it.recipients[0].params.notify = Some(notify)
            })
            .await;
    }
    house.pass(MINUTE).await;
    assert_eq!(house.events.count("failed"), 2);
    assert!(house.desk.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_devices_troubles_are_told_to_the_contact_of_its_grant() {
    let (house, ..) = refusing_house().await;
    house
        .send_letter(&["gone@example.org"], |letter| {
            letter.grant_contact = Some(mailbox("it@chem.example.edu"))
        })
        .await;
    house.pass(MINUTE).await;
    let texts = house.desk.texts();
    assert_eq!((texts.len(), texts[0].1.as_str()), (1, "it@chem.example.edu"));
}

#[tokio::test(start_paused = true)]
async fn a_success_is_told_where_the_next_hop_will_not() {
    let house = House::usual().await;
    let old = Peer::with(&["PIPELINING"], |_, _| None);
    old.listen(&house.world, MX1).await;
    house
        .send_letter(&["bob@example.org", "eve@example.org"], |letter| {
            letter.recipients[0].params.notify = Some(Notify::On {
                success: true,
                failure: true,
                delay: true,
            });
        })
        .await;
    house.pass(MINUTE).await;
    let texts = house.desk.texts();
    assert_eq!((texts.len(), texts[0].0), (1, NoticeKind::Success));
    assert!(
        texts[0].2.contains("Action: relayed") && !texts[0].2.contains("eve@"),
        "{}",
        texts[0].2
    );
}

#[tokio::test(start_paused = true)]
async fn domains_that_take_no_mail_fail_at_once_and_say_why() {
    let dns = usual_dns()
        .with_null_mx(name("silent.example"))
        .with_mx(name("round.example"), 10, name("gate.example.edu"))
        .with_mx(name("mirror.example"), 10, name("mirror-host.example"))
        .with_address(name("mirror-host.example"), "192.0.2.250".parse().unwrap())
        .with_mx(name("hollow.example"), 10, name("missing.example"));
    let ourselves = Ourselves {
        names: [name("gate.example.edu")].into(),
        listeners: vec![at("0.0.0.0:25")],
        interfaces: ["192.0.2.250".parse().unwrap()].into(),
    };
    let own = Endpoint {
        host: mail::Host::parse("[192.0.2.250]").unwrap(),
        port: 25,
    };
    let pattern = mail::DomainPattern::parse("routed.example").unwrap();
    let routes = Routes::new(
        vec![Route::new("circle", vec![pattern], Target::Hosts(vec![own]))],
        None,
    );
    let house = House::open(
        Config {
            ourselves,
            routes,
            ..usual_config()
        },
        dns,
    )
    .await;
    for (domain, code) in [
        ("silent.example", "5.1.10"),
        ("nowhere.example", "5.1.2"),
        ("round.example", "5.4.6"),
        ("mirror.example", "5.4.6"),
        ("routed.example", "5.4.6"),
        ("hollow.example", "5.4.4"),
    ] {
        // Twice: the second finds a destination that is known, and must hear the same.
        for _ in 0..2 {
            house.send(&[&format!("bob@{domain}")]).await;
            house.pass(MINUTE).await;
        }
        let heard = house.events.heard();
        let told = heard
            .iter()
            .filter(|line| line.starts_with(&format!("failed <bob@{domain}> {code} ")))
            .count();
        assert_eq!(told, 2, "{domain} {code}: {heard:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn dns_that_does_not_answer_is_waited_for() {
    let dns = usual_dns().with_trouble(name("broken.example"), dns::Trouble::ServerFailure);
    let house = House::open(usual_config(), dns).await;
    let id = house.send(&["bob@broken.example"]).await;
    house.pass(MINUTE).await;
    assert!(matches!(house.state(id).await, State::Deferred { .. }));
    assert!(house.events.heard()[0].contains("4.4.3"));
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_told_after_four_hours_and_after_a_day_and_the_end_after_five() {
    let house = House::usual().await;
    let mx1 = Peer::answering(|_, line| line.starts_with("RCPT").then(|| "450 4.2.1 Mailbox is busy".into()));
    let inside = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    inside.listen(&house.world, INSIDE).await;
    let id = house.send(&["bob@example.org"]).await;
    let kinds = || house.desk.texts().iter().map(|text| text.0).collect::<Vec<_>>();
    house.pass(4 * HOUR - MINUTE).await;
    assert_eq!(kinds(), []);
    house.pass(2 * MINUTE).await;
    assert_eq!(kinds(), [NoticeKind::Delay]);
    assert!(house.story(id).await.recipients[0].delay_told);
    house.pass(20 * HOUR).await;
    assert_eq!(kinds(), [NoticeKind::Delay; 2]);
    assert!(house.desk.texts()[1].2.contains("Action: delayed"));
    house.pass(4 * DAY - HOUR).await;
    assert_eq!(kinds(), [NoticeKind::Delay; 2]);
    assert!(matches!(house.state(id).await, State::Deferred { .. }));
    house.pass(HOUR).await;
    assert_eq!(kinds(), [NoticeKind::Delay, NoticeKind::Delay, NoticeKind::Failure]);
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Expired));
    let last = house.desk.texts()[2].2.clone();
    assert!(
        last.contains("Action: failed") && last.contains("450 4.2.1 Mailbox is busy"),
        "{last}"
    );
    assert_eq!(inside.letters().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn no_failure_is_settled_before_its_notice_is_kept() {
    let (house, mx1, _inside) = refusing_house().await;
    house.desk.closed.store(true, Ordering::SeqCst);
    let id = house.send(&["gone@example.org"]).await;
    house.pass(MINUTE).await;
    assert!(outcome(&house.state(id).await).is_none());
    assert_eq!(house.events.count("failed"), 0);
    house.desk.closed.store(false, Ordering::SeqCst);
    house.pass(10 * MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Failed));
    assert_eq!(house.desk.texts().len(), 1);
    assert_eq!(mx1.notes().said("RCPT"), 2);
}

#[tokio::test(start_paused = true)]
async fn an_operator_gives_a_letter_back() {
    let house = House::usual().await;
    let inside = Peer::usual();
    inside.listen(&house.world, INSIDE).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert!(
        matches!(house.state(id).await, State::Deferred { .. }),
        "nobody answers at example.org"
    );
    assert_eq!(
        house.outbound.control().bounce(Selector::Ids(vec![id])).await.unwrap(),
        1
    );
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Failed));
    assert!(inside.letters()[0].body.contains("gave the message back"));
    assert_eq!(
        house.story(id).await.recipients[0].attempts_made,
        1,
        "giving back is no attempt"
    );
}
