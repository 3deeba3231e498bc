//! Every rulebook of a small world, every way judgement goes in it, against the separate reference.
//!
//! The worlds have up to two grants, two networks (10.0.0.0/8 and 192.0.2.0/24 with what lies outside of both) and two
//! domains (ours and another). The facts are not multiplied out: the prover gives the cells of judgement, live judgement
//! and the reference are asked about a message of each, and about the same message with one fact changed that judgement
//! did not read. What is left out, and why:
//!
//! - Role `submissions` is judged by the same line as `submission`; `PORTCULLIS_LONG` has both.
//! - Two grants meet only where one of them is selected, so pairs differ in how clients show them, in state and in
//!   senders; what a selected grant binds is walked for each grant alone.
//! - A listener's zone is asked before any grant is, so it is walked without grants; `PORTCULLIS_LONG` crosses both
//!   for a part of the grants, and walks more grants.
//! - The front gate reads no grant, so it is walked once for each rest of a rulebook.
//! - Where a fact is not known yet, the rest of the path is one cell: nothing is permitted in it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

#[path = "world/reference.rs"]
mod reference;

use policy::prove::{Cell, Detail, Seen, explore};
use policy::{CertificateId, ContentClass, Fact, Facts, Generation, Live, Rulebook, Snapshot, Usage, decide};
use world::{chosen_rulebook, every};

fn long() -> bool {
    std::env::var_os("PORTCULLIS_LONG").is_some()
}

fn compare(book: &Rulebook, snapshot: &Snapshot, facts: &Facts<'_>) {
    let decision = decide(snapshot, &mut Live::new(facts));
    let must = reference::reference(book, facts);
    if let Some(why) = must.contradicts(&decision) {
        panic!(
            "{why}: {decision:?}\n{must:?}\n{facts:?}\n{:?}\n{:?}",
            book.listeners, book.grants
        );
    }
}

/// Changes one fact that the cell says nothing of; `which` says to what.
fn vary(cell: &Cell, facts: &mut Facts<'_>, which: usize) {
    let doubt = if which.is_multiple_of(2) { 0 } else { 1 };
    macro_rules! vary {
        ($field:ident, $values:expr) => {
            if cell.$field.is_unread() {
                facts.$field = $values[doubt];
            }
        };
    }
    match which / 2 % 9 {
        0 => vary!(encrypted, [Fact::Known(false), Fact::Unknown]),
        1 => vary!(exists, [Fact::Known(false), Fact::Unknown]),
        2 => vary!(octets, [Fact::Known(u64::MAX), Fact::Unknown]),
        3 if cell.hops.is_unread() => facts.hops = [Fact::Known(101), Fact::NotYet][doubt],
        4 => vary!(usage, [Fact::Known(Usage::Soft), Fact::Known(Usage::Hard)]),
        5 => vary!(masked, [Fact::Known(true), Fact::Unknown]),
        6 => vary!(content, [Fact::Known(ContentClass::Refuse), Fact::Unknown]),
        7 => vary!(
            certificate,
            [
                Fact::Known(&[CertificateId::Key([9; 32])] as &[CertificateId]),
                Fact::NotYet
            ]
        ),
        _ => vary!(client, [Fact::Known("203.0.113.1".parse().unwrap()), Fact::Unknown]),
    }
}

/// Compares every cell of one rulebook; two grants for one client are no rulebook.
fn world(book: [usize; 4], grants: &[[usize; 6]], asked: &mut usize) {
    let rulebook = chosen_rulebook(book, grants);
    let Ok(snapshot) = Snapshot::build(rulebook.clone(), Generation(1), 1) else {
        return;
    };
    explore(&snapshot, Detail::Flows, |cell, decision| {
        let witness = cell.witness(&snapshot).unwrap();
        compare(&rulebook, &snapshot, &witness.facts());
        let accepted = decision.verdict.accepts() && decision.complete;
        let variations = if accepted { 0..18 } else { *asked % 18..*asked % 18 + 1 };
        for which in variations {
            let mut facts = witness.facts();
            vary(cell, &mut facts, which);
            compare(&rulebook, &snapshot, &facts);
        }
        *asked += 1;
    });
}

/// From which choices a grant is put together.
type Grants = [&'static [usize]; 6];

const USUAL: Grants = [&[0, 1, 2, 4], &[0, 1, 2, 3], &[0, 1, 2], &[0, 1], &[0, 3, 4], &[0, 2]];
const ALL: Grants = [
    &[0, 1, 2, 4, 3, 6],
    &[0, 1, 2, 3],
    &[0, 1, 2, 3],
    &[0, 1, 2, 3, 4],
    &[0, 3, 4, 1, 2],
    &[0, 2, 1, 3],
];
const FEW: Grants = [&[0, 1, 2, 4], &[0, 1], &[0, 1, 2], &[0, 1], &[0, 3, 4], &[0, 2]];

/// Compares every world of one of these grants.
fn worlds_of(grants: &Grants, roles: &[usize], zones: &[usize], routes: &[usize], asked: &mut usize) {
    for choice in every(grants.map(<[usize]>::len)) {
        let grant: [usize; 6] = std::array::from_fn(|at| grants[at][choice[at]]);
        for [role, zone, route] in every([roles.len(), zones.len(), routes.len()]) {
            world([roles[role], zones[zone], routes[route], 0], &[grant], asked);
        }
    }
}

#[test]
fn one_grant_binds_in_every_small_world_as_the_reference_says() {
    let mut asked = 0;
    worlds_of(&USUAL, &[0, 1, 3], &[0], &[2], &mut asked);
    if long() {
        worlds_of(&ALL, &[0, 1], &[0], &[2], &mut asked);
        worlds_of(&FEW, &[0, 1, 3, 4], &[0, 1, 2], &[0, 2, 3, 4], &mut asked);
    }
    assert!(asked > 50_000, "{asked}");
}

#[test]
fn one_of_two_grants_is_selected_in_every_small_world_as_the_reference_says() {
    let states: &[usize] = if long() { &[0, 1, 3] } else { &[0, 1] };
    let mut asked = 0;
    for [one, two] in every([7, 7]) {
        for [first, second, sender, role] in every([states.len(), states.len(), 2, 3]) {
            let grants = [[one, states[first], 1, 0, 0, 0], [two, states[second], 0, 0, sender, 0]];
            world([[0, 1, 3][role], 0, 1, 0], &grants, &mut asked);
        }
    }
    assert!(asked > 10_000, "{asked}");
}

#[test]
fn without_grants_and_at_the_front_gate_every_small_world_is_as_the_reference_says() {
    let mut asked = 0;
    for book in every(world::BOOK) {
        world(book, &[], &mut asked);
        if book[0] == 2 {
            world(book, &[[0; 6], [2, 0, 0, 0, 0, 0]], &mut asked);
        }
    }
    assert!(asked > 3_000, "{asked}");
}

#[test]
fn the_reference_is_asked_about_messages_that_are_accepted() {
    let rulebook = chosen_rulebook([0, 0, 1, 0], &[[0; 6]]);
    let snapshot = Snapshot::build(rulebook, Generation(1), 1).unwrap();
    let mut accepted = 0;
    explore(&snapshot, Detail::Flows, |cell, decision| {
        let best = matches!(cell.usage, Seen::Unread | Seen::Known(Usage::Within));
        accepted += usize::from(best && decision.verdict.accepts() && decision.complete);
    });
    assert!(accepted > 2, "{accepted}");
}
