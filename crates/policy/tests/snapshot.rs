//! What a rulebook may not say, and how its networks are read.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

use policy::{By, Generation, Place, Role, Snapshot, contains};
use world::{NOW, grant, nets, rulebook, snapshot};

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
