//! What a rulebook may not say, and how its networks are read.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

use mail::Timestamp;
use policy::{
    By, Generation, GrantState, HelloPattern, Place, Reason, Recipients, Role, SenderPattern, Snapshot, Verdict,
    contains,
};
use policy::{Live, decide};
use world::{NOW, facts, forward, from, grant, nets, route, rulebook, snapshot, to};

#[test]
fn a_network_claimed_twice_is_named_even_behind_one_the_grant_repeats_itself() {
    let mut book = rulebook(Role::Relay);
    for (name, line, networks) in [
        ("copier", 10, nets(&["10.0.0.0/8"])),
        ("scanner", 20, nets(&["10.0.0.0/8", "192.0.2.1/32", "192.0.2.1/32"])),
    ] {
        let mut grant = grant(name);
        grant.by = By::Address(networks);
        grant.place = Place { line };
        book.grants.push(grant);
    }
    let conflicts = Snapshot::build(book, Generation(1), 1).unwrap_err();
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].place.line, conflicts[0].other.unwrap().line), (20, 10));
}

#[test]
fn two_grants_for_one_login_and_a_zone_that_is_not_there_are_reported_together() {
    let mut book = rulebook(Role::Relay);
    for login in ["Copier", "copier"] {
        let mut grant = grant("copier");
        grant.by = By::Login(login.into());
        grant.zone = Some("nowhere".into());
        book.grants.push(grant);
    }
    assert_eq!(Snapshot::build(book, Generation(1), 1).unwrap_err().len(), 3);
}

#[test]
fn what_comes_by_its_address_is_expected_under_its_names_and_what_logs_in_under_any() {
    let mut copier = grant("copier");
    copier.by = By::Address(nets(&["10.0.0.1/32"]));
    assert!(copier.expects("anything") && copier.expects(""));
    copier.hellos = ["RNP*", "copier"].map(|name| HelloPattern::parse(name).unwrap()).into();
    assert!(copier.expects("rnp1") && copier.expects("COPIER"));
    assert!(!copier.expects("laptop") && !copier.expects(""));
    copier.by = By::Login("copier".into());
    assert!(copier.expects("laptop"));
}

#[test]
fn a_mapped_network_is_the_v4_network_it_is() {
    let mapped = nets(&["::ffff:10.0.0.0/104"]);
    assert!(contains(&mapped, "10.1.2.3".parse().unwrap()));
    assert!(contains(&mapped, "::ffff:10.1.2.3".parse().unwrap()));
    assert!(!contains(&mapped, "11.1.2.3".parse().unwrap()));
    assert!(
        !contains(&nets(&["::/0"]), "10.1.2.3".parse().unwrap()),
        "all of v6 is not v4"
    );
    let mut copier = grant("copier");
    copier.by = By::Address(mapped);
    let mut book = rulebook(Role::Relay);
    book.grants.push(copier);
    assert!(snapshot(book).address_grant("10.1.2.3".parse().unwrap(), NOW).is_some());
}

#[test]
fn a_zone_of_a_listener_that_is_not_there_and_a_domain_with_two_routes_are_reported() {
    let mut book = rulebook(Role::Relay);
    book.listeners[0].zone = Some("nowhere".into());
    book.routes = vec![route("own.test", Recipients::Any), route("own.test", Recipients::Any)];
    let conflicts = Snapshot::build(book, Generation(1), 1).unwrap_err();
    let lines: Vec<_> = conflicts.iter().map(|conflict| conflict.place.line).collect();
    assert_eq!(lines, [3, 4]);
}

#[test]
fn everything_is_found_by_its_name_and_nothing_by_another() {
    let mut book = rulebook(Role::Relay);
    book.grants = vec![grant("copier"), grant("scanner")];
    book.forwards = vec![forward(NOW)];
    let found = snapshot(book);
    assert_eq!(found.grant_named("scanner").map(|grant| &*grant.name), Some("scanner"));
    assert_eq!(found.login_grant("SCANNER").map(|grant| &*grant.name), Some("scanner"));
    assert_eq!(found.forward_named("away").map(|forward| &*forward.name), Some("away"));
    assert_eq!(found.zone("outside").map(|zone| &*zone.name), Some("outside"));
    assert_eq!(
        (found.listener_named("here"), found.listener_named("there")),
        (Some(0), None)
    );
    assert!(found.grant_named("fax").is_none() && found.login_grant("fax").is_none());
    assert!(found.forward_named("back").is_none() && found.zone("nowhere").is_none());
    assert!(found.is_own(&"own.test".parse().unwrap()));
    assert!(!found.is_own(&"foreign.test".parse().unwrap()));
}

#[test]
fn a_grant_is_in_force_from_its_first_moment_to_its_last_unless_it_is_suspended() {
    let mut one = grant("copier");
    (one.from_time, one.until) = (Timestamp(10), Timestamp(20));
    let live: Vec<i64> = (8..23).filter(|at| one.is_live(Timestamp(*at))).collect();
    assert_eq!(live, (10..=20).collect::<Vec<_>>());
    one.state = GrantState::Suspended("stolen".into());
    assert!(!one.is_live(Timestamp(15)));
}

#[test]
fn a_grant_that_was_only_moved_says_the_same_and_one_that_was_changed_does_not() {
    let one = grant("copier");
    let mut moved = one.clone();
    moved.place = Place { line: 99 };
    let mut changed = moved.clone();
    changed.reason = "something else".into();
    assert!(one.says_the_same(&one) && one.says_the_same(&moved) && moved.says_the_same(&one));
    assert!(!one.says_the_same(&changed));
    changed.place = one.place;
    assert!(!one.says_the_same(&changed));
}

#[test]
fn a_sender_that_is_none_is_named_where_it_goes_wrong() {
    let at = |text: &str| SenderPattern::parse(text).unwrap_err().at;
    assert_eq!((at("*@-bad-"), at("*@*.-bad-")), (2, 4));
}

#[test]
fn a_listener_that_does_not_exist_takes_nothing() {
    let (sender, recipient) = (from("scan@own.test"), to("anna@own.test"));
    let mut asked = facts(&sender, &recipient);
    asked.listener = 7;
    let decision = decide(&snapshot(rulebook(Role::Mx)), &mut Live::new(&asked));
    assert_eq!(
        (decision.verdict, decision.reason),
        (Verdict::Refuse(Reason::NoGrant), Reason::NoGrant)
    );
}

#[test]
fn a_grant_for_another_listener_is_worth_nothing_here() {
    let mut book = rulebook(Role::Submission);
    let mut one = grant("copier");
    one.listeners = vec!["there".into()];
    book.grants = vec![one];
    let (sender, recipient) = (from("scan@own.test"), to("anna@foreign.test"));
    let mut asked = facts(&sender, &recipient);
    asked.login = policy::Fact::Known(Some("copier"));
    let decision = decide(&snapshot(book), &mut Live::new(&asked));
    assert_eq!(decision.verdict, Verdict::Refuse(Reason::GrantNotHere));
}
