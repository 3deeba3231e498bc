//! Judgement against a separately written reference: small worlds exhaustively, the rest by sampling.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

#[path = "world/reference.rs"]
mod reference;

use policy::{Generation, Live, Rulebook, Snapshot, decide, digest};
use proptest::prelude::*;
use world::{BOOK, FACTS, GRANT, chosen_facts, chosen_rulebook, every};

/// Compares one judgement; `None` where both agree.
fn disagreement(book: &Rulebook, snapshot: &Snapshot, choice: [usize; 13]) -> Option<String> {
    let facts = chosen_facts(choice);
    let decision = decide(snapshot, &mut Live::new(&facts));
    let must = reference::reference(book, &facts);
    let permitted = decision.permit(snapshot, digest(&facts)).is_some();
    let why = must
        .contradicts(&decision)
        .or_else(|| (permitted != (decision.verdict.accepts() && decision.complete)).then_some("a wrong permit"))?;
    Some(format!(
        "{why}: {decision:?}\n{must:?}\n{facts:?}\n{:?}\n{:?}",
        book.listeners, book.grants
    ))
}

/// A list that stays at its plain choice.
const STILL: usize = 1;

/// Every choice from `grants` and `book`, with every choice from `facts`.
fn exhaust(book: [usize; 4], grants: &[Vec<[usize; 6]>], facts: [usize; 13]) -> usize {
    let mut cases = 0;
    for grants in grants {
        for book in every(book) {
            let rulebook = chosen_rulebook(book, grants);
            // Two grants for one client are no rulebook.
            let Ok(snapshot) = Snapshot::build(rulebook.clone(), Generation(1), 1) else {
                continue;
            };
            for choice in every(facts) {
                cases += 1;
                if let Some(disagreement) = disagreement(&rulebook, &snapshot, choice) {
                    panic!("{disagreement}");
                }
            }
        }
    }
    cases
}

#[test]
fn whose_grant_it_is_follows_identity_then_certificate_then_address() {
    let mut grants = vec![vec![]];
    for first in every([7, 2, 2]) {
        let grant = [first[0], first[1], first[2], 0, 0, 0];
        grants.push(vec![grant]);
        for by in [0, 1, 3, 4] {
            grants.push(vec![grant, [by, 0, 1, 0, 0, 0]]);
        }
    }
    let facts = [8, 2, 6, 6, STILL, 2, STILL, STILL, STILL, STILL, STILL, STILL, STILL];
    assert!(exhaust([5, STILL, STILL, STILL], &grants, facts) > 100_000);
}

#[test]
fn a_grant_binds_state_scope_place_and_sender() {
    let mut cases = 0;
    for [by, state, scope, place, senders] in every([3, 6, 4, 6, 5]) {
        // Senders touch neither state nor place, so they are crossed with plain ones only; the sampling mixes all.
        let plain = state == 0 && place == 0;
        if senders != 0 && !plain {
            continue;
        }
        let grant = [by, state, scope, place, senders, 0];
        // The client shows what the grant asks for.
        let (login, pin) = (usize::from(by == 0), usize::from(by == 1));
        let rulebook = chosen_rulebook([0, 0, 2, 0], &[grant]);
        let snapshot = Snapshot::build(rulebook.clone(), Generation(1), 1).unwrap();
        for [client, recipient, sender] in every([8, 17, if plain { 8 } else { STILL }]) {
            cases += 1;
            let facts = [client, 0, login, pin, sender, recipient, 0, 0, 0, 0, 0, 0, 0];
            if let Some(disagreement) = disagreement(&rulebook, &snapshot, facts) {
                panic!("{disagreement}");
            }
        }
    }
    assert!(cases > 100_000);
}

#[test]
fn what_becomes_known_late_holds_defers_or_refuses() {
    let mut grants = Vec::new();
    for choice in every([2, 4]) {
        grants.push(vec![[[0, 2][choice[0]], 0, 0, 0, 0, choice[1]]]);
    }
    let facts = [STILL, STILL, 2, STILL, STILL, STILL, STILL, 8, 5, 5, 5, 4, 5];
    assert!(exhaust([STILL, STILL, STILL, STILL], &grants, facts) > 100_000);
}

#[test]
fn the_front_gate_takes_our_own_and_the_ungranted_reach_our_own() {
    // Roles relay/internal-only and mx: the first list is walked whole, the others of no grant are quick.
    let facts = [8, STILL, 2, STILL, 8, 17, 4, STILL, STILL, STILL, STILL, STILL, STILL];
    assert!(exhaust([3, STILL, 5, 3], &[vec![]], facts) > 100_000);
    let facts = [2, STILL, STILL, STILL, 2, 17, STILL, STILL, STILL, 5, STILL, STILL, 5];
    assert!(exhaust([3, 3, 3, 2], &[vec![]], facts) > 10_000);
}

fn choices<const N: usize>(sizes: [usize; N]) -> impl Strategy<Value = [usize; N]> {
    prop::array::uniform::<_, N>(any::<prop::sample::Index>())
        .prop_map(move |picks| std::array::from_fn(|at| picks[at].index(sizes[at])))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_small_world_is_judged_as_the_reference_judges_it(
        book in choices(BOOK),
        grants in prop::collection::vec(choices(GRANT), 0..=2),
        facts in prop::collection::vec(choices(FACTS), 40),
    ) {
        let rulebook = chosen_rulebook(book, &grants);
        if let Ok(snapshot) = Snapshot::build(rulebook.clone(), Generation(1), 1) {
            for choice in facts {
                prop_assert_eq!(disagreement(&rulebook, &snapshot, choice), None);
            }
        }
    }
}
