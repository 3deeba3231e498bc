//! A registry with many grants: what it tells the gates is proven whole.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod university;

use policy::prove::prove;
use registry::{Actor, Desk, Event, Names, Role, SqliteStore, Store as _};
use university::{NOW, after, fill, rules, snapshot};

/// Ten thousand where there is time for it.
fn how_many() -> u32 {
    match std::env::var_os("PORTCULLIS_LONG") {
        Some(_) => 10_000,
        None => 300,
    }
}

#[test]
fn whatever_grants_a_registry_makes_nothing_is_proven_against_them() {
    let cases = how_many();
    let mut desk = Desk::new(SqliteStore::in_memory().unwrap(), rules(cases));
    let grants = fill(&mut desk, cases);
    // All but drafts and what was revoked.
    assert!(grants as u32 > cases * 9 / 10, "{grants} of {cases}");
    let snapshot = snapshot(&mut desk);
    assert_eq!(snapshot.rulebook().grants.len(), grants);
    let proof = prove(&snapshot, Some(NOW));
    let broken: Vec<_> = proof.broken().take(3).collect();
    assert!(proof.may_serve(), "{broken:#?}");
    assert!(proof.cells > u64::from(cases));
}

#[test]
fn a_desk_that_remembers_says_the_same_as_one_that_reads_everything() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("registry.db");
    let open = || Desk::new(SqliteStore::open(&file).unwrap(), rules(60));
    let mut desk = open();
    fill(&mut desk, 30);
    let all = desk.store().list(None).unwrap();
    let serving: Vec<_> = all
        .iter()
        .filter(|kept| kept.case.state.admits_mail())
        .map(|kept| kept.id)
        .collect();
    let security = Actor::human("iso@example.edu", Role::Security);
    // Another process takes some away, and time takes others.
    let mut other = open();
    for id in serving.iter().step_by(3) {
        let reason = "closed".into();
        other.act(*id, &Event::Revoke { reason }, &security, NOW).unwrap();
    }
    assert_eq!(desk.grants(NOW).unwrap(), open().grants(NOW).unwrap());
    for day in [1, 120, 230, 310, 420] {
        let ticked = desk.tick(after(day)).unwrap();
        assert_eq!(other.tick(after(day)).unwrap(), [], "nothing is done twice");
        assert!(day != 230 || !ticked.is_empty());
        assert_eq!(desk.grants(after(day)).unwrap(), open().grants(after(day)).unwrap());
    }
    let last = *serving.last().unwrap();
    desk.check(last, &Names::default(), after(421)).unwrap();
    assert_eq!(desk.grants(after(421)).unwrap(), []);
}
