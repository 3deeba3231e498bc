//! What was decided, decided again.

use mail::Timestamp;
use portcullis::commands::replay;
use portcullis::control::Asked;
use portcullis::replay::Report;
use registry::{Event, State};

use crate::gateway_house::{LETTER, grant};
use crate::office::{Office, REGISTRY, admin, greeted, is_answered, officer};

/// Decides everything again by the file as it is now.
fn decided_again(office: &Office) -> Report {
    let ledger = office.house.dir.path().join("ledger");
    replay::report(&office.house.config(), &ledger, Timestamp(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_is_decided_again_and_beside_by_what_the_registry_granted_then() {
    let office = Office::new().await;
    office.write(&grant("scanner", "10.1.2.4"));
    let running = office.house.start_judged().await;
    let (file, for_secs) = (office.house.file(), 86_400);
    let start = Asked::ShadowStart {
        file,
        for_secs,
        reason: None,
    };
    running.ask(start).await.unwrap();

    let mut copier = greeted(&running, "10.1.2.3").await;
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    let id = office.approved("10.1.2.3");
    is_answered(&mut copier, "250").await;
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    office.stands(id, State::Active).await;
    let reason = "audit".into();
    office.act(id, Event::Suspend { reason }, &admin());
    is_answered(&mut copier, "554 5.7.1").await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.deliver("bob@example.org", LETTER.as_bytes()).await;
    office
        .desk()
        .suspend_pinned("scanner", "audit", &admin(), office.now())
        .unwrap();
    is_answered(&mut scanner, "554 5.7.1").await;
    let conditions = "audited".into();
    office.act(id, Event::Reinstate { conditions }, &officer());
    is_answered(&mut copier, "250").await;
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;
    running.is_done().await;

    let beside = running.ask(Asked::ShadowStop { reason: None }).await.unwrap().done;
    assert!(beside["counts"]["agree"].as_u64().unwrap() >= 6, "{beside:#}");
    let differ = beside["counts"]["differ"].as_object().unwrap();
    assert!(differ.values().all(|count| count == 0), "{beside:#}");
    running.stop().await;

    let again = decided_again(&office);
    assert!(again.decided >= 6 && again.same == again.decided, "{again}");
    // Without the registry, that mail would have been refused.
    let text = std::fs::read_to_string(office.house.file()).unwrap();
    office.house.write(&text.replace(REGISTRY, ""));
    let without = decided_again(&office);
    let group = |group: &portcullis::replay::Group| (group.grant.clone(), group.was.to_string(), group.times);
    let groups: Vec<_> = without.groups().iter().map(group).collect();
    assert!(
        groups.contains(&(Some("pc-1001".to_owned()), "accepted".to_owned(), 2)),
        "{without}"
    );
}
