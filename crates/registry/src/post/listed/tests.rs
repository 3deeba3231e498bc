use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::actor::Person;
use crate::attestation::{Entry, Heads, ListId, Outcome, Shown, Standing};
use crate::case::{Case, Track};
use crate::form::Form;
use crate::letters::Letters;
use crate::notice::{Audience, Notice};
use crate::post::{Addresses, postings};
use crate::store::{CaseId, Kept, Letter, OfList};

const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

fn list(count: u32) -> Attestation {
    let entry = |number| Entry {
        case: CaseId(1000 + number),
        shown: Shown {
            id: CaseId(1000 + number).to_string(),
            what: "copier 10.1.2.3".to_owned(),
            owner: "Olga <olga@example.edu>".to_owned(),
            requestor: "Olga <olga@example.edu>".to_owned(),
            until: "2027-06-30".to_owned(),
            stands: "it is in use".to_owned(),
            ..Shown::default()
        },
        outcome: None,
    };
    Attestation {
        id: ListId(7),
        version: 1,
        scope: "university".into(),
        department: "Chemistry".into(),
        head: Some(Person::new("dean@example.edu")),
        made: NOW,
        asked: NOW,
        reminded: (0, NOW),
        standing: Standing::Open,
        hash: [7; 32],
        entries: (1..=count).map(entry).collect(),
    }
}

fn about(list: &Attestation, days: u32) -> About {
    about_list(&Relay::default(), list, NOW.plus(crate::life::DAY * days), None, None)
}

#[test]
fn a_letter_has_what_waits_for_an_answer_as_much_as_a_letter_holds() {
    let mut three = list(3);
    three.entries[1].outcome = Some(Outcome::Ended);
    let about_three = about(&three, 0);
    assert_eq!(
        (&*about_three.id, &*about_three.what),
        ("list-7", "the 2 grants of Chemistry")
    );
    assert!(
        about_three.list.starts_with(
            "pc-1001: copier 10.1.2.3\n\nit is in use; until 2027-06-30, last message never\nanswers for it: Olga"
        ),
        "{}",
        about_three.list
    );
    assert!(about_three.list.contains("pc-1003") && !about_three.list.contains("pc-1002"));
    let many = about(&list(2_000), 0);
    let (shown, rest) = many.list.rsplit_once("\n\n").unwrap();
    let count = shown.matches("pc-").count();
    assert_eq!(
        rest,
        format!("and {} more, which stand on the page of the list", 2_000 - count)
    );
    let written = Letters::ours().unwrap().write(Notice::ListAsked, &many).unwrap();
    assert!(count > 100 && written.html.contains("copier"));
}

#[test]
fn whoever_looks_after_it_late_has_as_long_as_the_head_had() {
    let list = list(1);
    assert_eq!(
        (about(&list, 0).by, about(&list, 21).by),
        ("2026-12-22".to_owned(), "2026-12-22".to_owned())
    );
    assert_eq!(about(&list, 30).by, "2027-01-21");
}

#[test]
fn a_department_is_its_head_where_one_is_named() {
    let form = Form {
        department: "Chemistry".to_owned(),
        ..Form::default()
    };
    let kept = Kept {
        id: CaseId(1001),
        version: 1,
        scope: "university".into(),
        case: Case::draft(Track::Authenticated, Person::new("ann@example.edu"), form.hash(), NOW),
        form,
    };
    let letter = |audience: Audience, list| Letter {
        number: 1,
        case: kept.id,
        notice: Notice::Orphaned.code().to_owned(),
        audience: audience.code().to_owned(),
        urgent: true,
        at: NOW,
        step: None,
        message: None,
        list,
    };
    let to = |letter: Letter, heads: Heads, bad: &str| {
        let admins = vec!["relay@example.edu".to_owned()];
        let addresses = Addresses {
            admins,
            heads,
            ..Addresses::default()
        };
        let bad = BTreeSet::from([bad.to_owned()]);
        let waiting = [(letter, kept.clone())];
        postings(&waiting, &addresses, &BTreeMap::new(), &bad, NOW).remove(0).to
    };
    let dean = || {
        Heads::new(
            "university",
            [("chemistry".to_owned(), Person::new("Dean@example.edu"))],
        )
    };
    let department = || letter(Audience::Department, None);
    assert_eq!(to(department(), dean(), ""), ["dean@example.edu"]);
    assert_eq!(to(department(), Heads::default(), ""), ["relay@example.edu"]);
    assert_eq!(to(department(), dean(), "dean@example.edu"), ["relay@example.edu"]);
    // A list asks whom it asks, and is somebody's to look after where mail does not reach them.
    let asked = |head: &str| {
        Some(OfList {
            id: ListId(7),
            head: Some(Person::new(head)),
        })
    };
    let of_list = || letter(Audience::Head, asked("head@example.edu"));
    assert_eq!(to(of_list(), dean(), ""), ["head@example.edu"]);
    assert_eq!(to(of_list(), dean(), "head@example.edu"), ["relay@example.edu"]);
}
