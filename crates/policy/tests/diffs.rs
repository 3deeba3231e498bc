//! What a change makes possible and impossible, in sentences, and against what live judgement says of every message.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "house/mod.rs"]
mod house;

use house::{DAY, WRITTEN, book, copier, domains, grant, nets, senders, snapshot};
use mail::Timestamp;
use policy::diff::{Diff, diff};
use policy::{
    By, CertificateId, Class, GrantState, Live, Recipients, Role, Rulebook, Scope, Snapshot, Ungranted, decide,
};

fn change(before: impl FnOnce(&mut Rulebook), after: impl FnOnce(&mut Rulebook)) -> Diff {
    let (mut old, mut new) = (book(), book());
    before(&mut old);
    after(&mut new);
    let (old, new) = (snapshot(old), snapshot(new));
    let there = diff(&old, &new);
    let back = diff(&new, &old);
    // What one direction gains, the other loses.
    let said = |flows: &[policy::diff::Flow]| flows.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        (said(&there.gained), said(&there.lost)),
        (said(&back.lost), said(&back.gained))
    );
    shown(&there.gained, &new, &old);
    shown(&there.lost, &old, &new);
    there
}

/// Each flow's example is accepted here and refused there.
fn shown(flows: &[policy::diff::Flow], here: &Snapshot, there: &Snapshot) {
    for flow in flows {
        let story = flow
            .example
            .as_ref()
            .unwrap_or_else(|| panic!("{flow} without an example"));
        assert!(story.decision.verdict.accepts() && story.decision.complete, "{story}");
        let mut facts = story.witness.facts();
        match there.listener_named(&story.listener) {
            None => assert_eq!(flow.refused, None),
            Some(listener) => {
                facts.listener = listener;
                assert_eq!(decide(here, &mut Live::new(&story.witness.facts())), story.decision);
                let judged = decide(there, &mut Live::new(&facts));
                assert!(!judged.verdict.accepts(), "{flow}\n{story}\n{judged:?}");
            }
        }
    }
}

fn texts(flows: &[policy::diff::Flow]) -> Vec<String> {
    flows.iter().map(ToString::to_string).collect()
}

fn nothing(_: &mut Rulebook) {}

#[test]
fn nothing_changes_where_nothing_is_said_differently() {
    let same = change(nothing, |book| {
        book.grants.reverse();
        book.grants[0].place.line = 99;
        book.routes[0].place.line = 98;
        book.grants[1].reason = "another".into();
        book.grants[1].class = Class::Legacy;
    });
    assert_eq!((texts(&same.gained), texts(&same.lost)), (vec![], vec![]));
    assert!(!same.widens());
    let rest = change(nothing, |book| {
        book.organisation.networks.push("10.1.0.0/16".parse().unwrap())
    });
    assert_eq!((texts(&rest.gained), texts(&rest.lost)), (vec![], vec![]));
}

#[test]
fn the_ungranted_may_newly_reach_us() {
    let widened = change(nothing, |book| book.listeners[3].ungranted = Ungranted::InternalOnly);
    assert!(widened.widens() && widened.lost.is_empty());
    let first = texts(&widened.gained).remove(0);
    assert!(
        first.contains("on `relay`, no login, as our own domains, to"),
        "{first}"
    );
    let narrowed = change(|book| book.listeners[3].ungranted = Ungranted::InternalOnly, nothing);
    assert!(!narrowed.widens() && !narrowed.lost.is_empty());
}

#[test]
fn a_grant_that_widens_its_scope_says_whereto() {
    let widened = change(nothing, |book| book.grants[1].scope = Scope::Any);
    assert_eq!(
        texts(&widened.gained),
        [format!(
            "from 10.20.3.14 on `devices`, `relay`, no login, as scan@chem.own.test, to anybody but our own domains, \
             until {}: grant copier",
            Timestamp(WRITTEN.0 + 300 * DAY).to_date()
        )]
    );
    assert!(widened.lost.is_empty() && widened.gained[0].width.external);
    let domains = change(nothing, |book| {
        book.grants[1].scope = Scope::Domains(domains(&["partner.test"]));
    });
    assert!(
        texts(&domains.gained)[0].contains("to *@partner.test"),
        "{:?}",
        texts(&domains.gained)
    );
}

#[test]
fn senders_networks_ends_and_sizes_are_flows() {
    let gained = |after: fn(&mut Rulebook)| {
        let change = change(nothing, after);
        assert!(change.lost.is_empty(), "{:?}", texts(&change.lost));
        texts(&change.gained).join("\n")
    };
    assert!(
        gained(|book| book.grants[1].senders = senders(&["scan@chem.own.test", "*@chem.own.test"]))
            .contains("as *@chem.own.test but scan@chem.own.test")
    );
    // Whoever was one of the ungranted is bound by the grant now.
    let moved = change(nothing, |book| {
        book.grants[1].by = By::Address(nets(&["10.20.3.14/31"]))
    });
    assert!(
        texts(&moved.gained)
            .iter()
            .all(|flow| flow.starts_with("from 10.20.3.15 on"))
    );
    assert!(
        moved
            .lost
            .iter()
            .all(|flow| flow.ground.starts_with("route") && flow.width.anonymous)
    );
    assert!(moved.widens() && !moved.lost.is_empty());
    let text = gained(|book| book.grants[0].networks.clear());
    assert!(
        text.contains("on `relay`, `submission`, login `erp`")
            || text.contains("on `submission`, `relay`, login `erp`"),
        "{text}"
    );
    let text = gained(|book| book.grants[1].until.0 += DAY);
    assert!(
        text.contains(&format!("{} to", Timestamp(WRITTEN.0 + 300 * DAY).to_date())),
        "{text}"
    );
    let text = gained(|book| book.grants[1].limits.octets_per_message += 1);
    assert!(text.contains("more than 35000000 octets"), "{text}");
    let text = gained(|book| book.routes[2].recipients = Recipients::Any);
    assert!(text.contains("phys.own.test"), "{text}");
    let text = gained(|book| book.grants[1].tolerances.missing_from = true);
    assert!(text.contains("grant copier"), "{text}");
}

#[test]
fn the_largest_widening_stands_first() {
    let many = change(nothing, |book| {
        book.grants[0].senders = senders(&["billing@own.test", "bills@own.test"]);
        book.grants[1].scope = Scope::Any;
        book.grants[1].by = By::Address(nets(&["10.0.0.0/8"]));
    });
    let all = texts(&many.gained);
    assert!(
        all[0].contains("no login") && all[0].contains("grant copier"),
        "{all:#?}"
    );
    assert!(
        all.last().unwrap().contains("login `erp`") || all.last().unwrap().contains("our own"),
        "{all:#?}"
    );
}

#[test]
fn what_is_taken_away_is_told_too() {
    let gone = change(nothing, |book| drop(book.grants.remove(1)));
    // The copier may still reach us as one of ours without a grant, on `devices`.
    assert!(
        !gone.lost.is_empty() && gone.lost.iter().all(|flow| flow.ground == "grant copier"),
        "{:?}",
        texts(&gone.lost)
    );
    let paused = change(nothing, |book| {
        book.grants[0].state = GrantState::Suspended("spam".into())
    });
    assert!(!paused.widens() && !paused.lost.is_empty());
    let closed = change(nothing, |book| drop(book.listeners.remove(3)));
    assert!(closed.lost.iter().any(|flow| flow.refused.is_none()));
    let moved = change(nothing, |book| book.listeners[0].role = Role::Relay);
    assert!(!moved.lost.is_empty());
}

#[test]
fn a_certificate_that_gets_a_grant_is_no_longer_judged_by_its_address() {
    let pinned = change(nothing, |book| {
        let mut new = grant("pinned", By::Certificate(vec![CertificateId::Key([9; 32])]), 80);
        new.senders = senders(&["lab@chem.own.test"]);
        book.grants.push(new);
    });
    let lost = texts(&pinned.lost).join("\n");
    assert!(
        lost.contains("certificate 09090909") && lost.contains("grant copier"),
        "{lost}"
    );
    assert!(
        texts(&pinned.gained)
            .iter()
            .all(|flow| flow.contains("certificate 09090909"))
    );
}

#[test]
fn one_change_among_many_is_found_alone() {
    let many = |book: &mut Rulebook| {
        book.grants.extend((0..40u8).map(|number| {
            let mut one = copier();
            one.name = format!("c{number}").as_str().into();
            one.by = By::Address(nets(&[&format!("10.20.5.{number}/32")]));
            one
        }));
    };
    let one = change(many, |book| {
        many(book);
        book.grants[20].scope = Scope::Any;
    });
    assert_eq!((one.gained.len(), one.lost.len()), (1, 0), "{:?}", texts(&one.gained));
}
