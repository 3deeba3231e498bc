//! By what of a certificate a client is known: its key before its names, and no name that leads to two.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod world;

use std::slice::from_ref;

use mail::SubjectName;
use policy::prove::{Detail, explore};
use policy::{By, CertificateId, Fact, Facts, Ground, Live, Reason, Role, Rulebook, decide};
use world::{facts, from, grant, rulebook, snapshot, to};

fn key(number: u8) -> CertificateId {
    CertificateId::Key([number; 32])
}

fn name(authority: &str, name: &str) -> CertificateId {
    CertificateId::Subject {
        authority: authority.into(),
        name: SubjectName::parse(name).unwrap(),
    }
}

/// A rulebook of a relay with a grant for each of these.
fn book(shown: &[&[CertificateId]]) -> Rulebook {
    let mut book = rulebook(Role::Relay);
    book.grants = (0..)
        .zip(shown)
        .map(|(number, ids)| {
            let mut grant = grant(&format!("grant{number}"));
            grant.by = By::Certificate(ids.to_vec());
            grant
        })
        .collect();
    book
}

/// Which grant a client that shows this stands on.
fn ground(book: &Rulebook, shown: &[CertificateId]) -> Option<u32> {
    let (snapshot, sender, recipient) = (snapshot(book.clone()), from("scan@own.test"), to("bob@foreign.test"));
    let facts = Facts {
        certificate: Fact::Known(shown),
        ..facts(&sender, &recipient)
    };
    let decision = decide(&snapshot, &mut Live::new(&facts));
    match decision.ground {
        Some(Ground::Grant(index)) => Some(index),
        _ => {
            assert_eq!(decision.reason, Reason::NoGrant);
            None
        }
    }
}

#[test]
fn a_name_opens_its_grant_with_the_word_of_its_authority_and_with_nobody_elses() {
    let book = book(&[&[name("campus", "dns:ups-7.example.edu")]]);
    assert_eq!(
        ground(&book, &[key(1), name("campus", "dns:ups-7.example.edu")]),
        Some(0)
    );
    for other in [
        name("partner", "dns:ups-7.example.edu"),
        name("campus", "cn:ups-7.example.edu"),
        name("campus", "dns:ups-70.example.edu"),
        name("campus", "dns:a.ups-7.example.edu"),
    ] {
        assert_eq!(ground(&book, &[key(1), other]), None);
    }
}

#[test]
fn a_key_says_more_than_a_name_and_names_that_lead_to_two_grants_lead_nowhere() {
    let (one, two) = (name("campus", "cn:one"), name("campus", "cn:two"));
    let book = book(&[from_ref(&one), from_ref(&two), &[key(3)]]);
    assert_eq!(ground(&book, &[key(9), one.clone()]), Some(0));
    assert_eq!(ground(&book, &[key(9), one.clone(), two.clone()]), None);
    assert_eq!(ground(&book, &[key(3), one.clone(), two.clone()]), Some(2));
    assert_eq!(ground(&book, &[one, two, key(3)]), Some(2), "wherever it stands");
}

#[test]
fn a_grant_may_be_shown_by_several_and_each_of_them_opens_it() {
    let (old, new) = (key(1), name("campus", "dns:ups-7.example.edu"));
    let book = book(&[&[old.clone(), new.clone()]]);
    assert_eq!(ground(&book, from_ref(&old)), Some(0));
    assert_eq!(ground(&book, &[key(2), new.clone()]), Some(0));
    assert_eq!(ground(&book, &[old, new]), Some(0));
    assert_eq!(ground(&book, &[key(2)]), None);
}

#[test]
fn every_way_to_show_a_grant_is_walked_by_proofs_and_told_as_live_judgement_would() {
    let shown: &[&[CertificateId]] = &[&[key(1), name("campus", "cn:one")], &[name("partner", "cn:one")]];
    let snapshot = snapshot(book(shown));
    let mut by = Vec::new();
    explore(&snapshot, Detail::Full, |cell, decision| {
        let Some(witness) = cell.witness(&snapshot) else { return };
        let facts = witness.facts();
        assert_eq!(decide(&snapshot, &mut Live::new(&facts)).verdict, decision.verdict);
        if decision.verdict.accepts()
            && let (Some(Ground::Grant(index)), Fact::Known([id])) = (decision.ground, facts.certificate)
        {
            assert!(cell.holds(&snapshot, &facts));
            by.push((index, id.to_string()));
        }
    });
    by.sort();
    by.dedup();
    let told = |index: u32, text: &str| (index, text.to_owned());
    let wanted = [
        told(0, "01010101"),
        told(0, "cn:one of campus"),
        told(1, "cn:one of partner"),
    ];
    assert_eq!(by, wanted);
}
