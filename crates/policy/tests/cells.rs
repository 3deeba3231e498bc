//! The prover's cells against live judgement: every message lies in one cell, every cell holds a message, and both are
//! answered alike. The reduction to flows allows what the full product allows.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

use policy::prove::{Cell, Detail, Seen, explore, explore_from};
use policy::{ContentClass, Decision, Facts, Generation, Live, Rulebook, Snapshot, Usage, decide};
use proptest::prelude::*;
use world::{BOOK, FACTS, GRANT, chosen_facts, chosen_rulebook};

fn live(snapshot: &Snapshot, facts: &Facts<'_>) -> Decision {
    decide(snapshot, &mut Live::new(facts))
}

fn cells(snapshot: &Snapshot, detail: Detail, start: &Cell) -> Vec<(Cell, Decision)> {
    let mut cells = Vec::new();
    explore_from(start, snapshot, detail, |cell, decision| {
        cells.push((cell.clone(), *decision))
    });
    cells
}

/// Every message whose late facts are at their best.
fn at_its_best() -> Cell {
    Cell {
        usage: Seen::Known(Usage::Within),
        masked: Seen::Known(false),
        content: Seen::Known(ContentClass::Below),
        hops: Seen::Known((0, 100)),
        ..Cell::everything()
    }
}

/// A message whose header has several mailboxes is none of those a cell speaks of.
fn messages(mut choice: [usize; 13]) -> [usize; 13] {
    if choice[7] == 2 {
        choice[7] = 1;
    }
    choice
}

/// Every cell holds a message, and live judgement says of it what the cell says.
fn witnessed(snapshot: &Snapshot, cells: &[(Cell, Decision)]) {
    for (cell, decision) in cells {
        let Some(witness) = cell.witness(snapshot) else {
            panic!("an empty cell: {cell:?}, {decision:?}");
        };
        let judged = live(snapshot, &witness.facts());
        assert!(cell.holds(snapshot, &witness.facts()), "{cell:?}\n{witness:?}");
        if decision.complete {
            assert_eq!(judged, *decision, "{cell:?}\n{witness:?}");
        } else {
            assert!(!judged.complete, "{cell:?}\n{witness:?}");
        }
    }
}

fn choices<const N: usize>(sizes: [usize; N]) -> impl Strategy<Value = [usize; N]> {
    prop::array::uniform::<_, N>(any::<prop::sample::Index>())
        .prop_map(move |picks| std::array::from_fn(|at| picks[at].index(sizes[at])))
}

/// Near the plain choices, so that many messages are accepted.
fn near<const N: usize>(sizes: [usize; N]) -> impl Strategy<Value = [usize; N]> {
    let list = prop_oneof![2 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    prop::array::uniform::<_, N>(list)
        .prop_map(move |picks| std::array::from_fn(|at| picks[at].map_or(0, |pick| pick.index(sizes[at]))))
}

fn build(book: [usize; 4], grants: &[[usize; 6]]) -> Option<(Rulebook, Snapshot)> {
    let rulebook = chosen_rulebook(book, grants);
    let snapshot = Snapshot::build(rulebook.clone(), Generation(1), 1).ok()?;
    Some((rulebook, snapshot))
}

/// Sampling only; `PROPTEST_CASES` asks for more.
fn config(cases: u32) -> ProptestConfig {
    let more = ProptestConfig::default().cases / 256;
    ProptestConfig {
        cases: cases * more.max(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(10))]

    #[test]
    fn every_message_lies_in_one_cell_of_the_full_product(
        book in choices(BOOK),
        grants in prop::collection::vec(near(GRANT), 0..=2),
        facts in prop::collection::vec(near(FACTS), 60),
    ) {
        let Some((_, snapshot)) = build(book, &grants) else { return Ok(()) };
        let cells = cells(&snapshot, Detail::Full, &at_its_best());
        for choice in facts {
            let mut choice = messages(choice);
            (choice[9], choice[10], choice[11], choice[12]) = (0, 0, 0, 0);
            let facts = chosen_facts(choice);
            let around: Vec<_> = cells.iter().filter(|(cell, _)| cell.holds(&snapshot, &facts)).collect();
            prop_assert_eq!(around.len(), 1, "{:?}\n{:#?}", facts, around);
            prop_assert_eq!(around[0].1, live(&snapshot, &facts), "{:?}\n{:?}", facts, around[0].0);
        }
        witnessed(&snapshot, &cells);
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn the_flows_are_those_of_live_judgement(
        book in choices(BOOK),
        grants in prop::collection::vec(near(GRANT), 0..=3),
        facts in prop::collection::vec(near(FACTS), 100),
    ) {
        let Some((_, snapshot)) = build(book, &grants) else { return Ok(()) };
        let cells = cells(&snapshot, Detail::Flows, &Cell::everything());
        witnessed(&snapshot, &cells);
        let possible = self::cells(&snapshot, Detail::Possible, &Cell::everything());
        witnessed(&snapshot, &possible);
        for choice in facts {
            let choice = messages(choice);
            let facts = chosen_facts(choice);
            let judged = live(&snapshot, &facts);
            // What nobody knows is no part of what can be done at best.
            let known = choice.iter().zip(FACTS).all(|(choice, of)| *choice < of - 2);
            let permitted = judged.verdict.accepts() && judged.complete;
            let is_flow = |(cell, decision): &&(Cell, Decision)| {
                decision.verdict.accepts() && decision.complete && cell.holds(&snapshot, &facts)
            };
            let flows = cells.iter().filter(is_flow).count();
            if permitted {
                prop_assert!(flows >= 1, "accepted, and no flow: {:?}", facts);
                let best = possible.iter().filter(is_flow).count();
                prop_assert!(best == 1 || best == 0 && !known, "accepted, and {} flows at their best: {:?}", best, facts);
            }
            // Late facts at their best: the flow says exactly what live judgement says.
            let late = choice[9..].iter().all(|choice| *choice == 0);
            if late {
                prop_assert!(!permitted || flows == 1);
                let best = possible.iter().any(|one| is_flow(&one));
                prop_assert!(permitted == best || !known, "{:?}\n{:?}", facts, judged);
                prop_assert_eq!(permitted, flows == 1, "{:?}\n{:?}", facts, judged);
            }
        }
    }
}

#[test]
fn the_worlds_of_these_tests_have_flows() {
    let (_, snapshot) = build([0, 0, 1, 1], &[[0; 6], [2, 0, 1, 0, 0, 0]]).unwrap();
    let (mut flows, mut all) = (0, 0);
    explore(&snapshot, Detail::Flows, |_, decision| {
        all += 1;
        flows += usize::from(decision.verdict.accepts() && decision.complete);
    });
    assert!(flows > 4 && all > 50, "{flows} of {all}");
}
