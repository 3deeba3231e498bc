//! The page of a department's list.

use registry::{Heads, ListId, Person, YearlyDay};

use super::*;

const DEAN: &str = "dean@example.edu";

/// Grants in use, and a link for the dean who is asked about all of them.
fn asked(office: &mut Office, machines: &[&str]) -> (Vec<CaseId>, String) {
    let admin = Actor::human("relay@example.edu", Role::Admin);
    let rules = Rules {
        heads: Heads::new("chemistry", [("*".to_owned(), Person::new(DEAN))]),
        attestation: Some(YearlyDay::USUAL),
        ..office.desk.rules().clone()
    };
    office.desk.set_rules(rules);
    let mut ids = Vec::new();
    for machine in machines {
        let mut form = form("password");
        (*machine).clone_into(&mut form.address);
        let id = office.case(&form);
        let now = office.now();
        office.desk.check(id, &names(), now).unwrap();
        ids.push(id);
    }
    let now = office.now();
    let list = office.desk.ask_head("chemistry", "Chemistry", &admin, now).unwrap();
    assert_eq!(list.entries.len(), ids.len());
    let token = office
        .desk
        .link_to_list(list.id, DEAN, now, &*office.world.rng)
        .unwrap()
        .0;
    (ids, token.as_str().to_owned())
}

#[test]
fn a_head_sees_the_whole_list_and_removes_what_is_marked_by_one_button_once() {
    let mut office = Office::open();
    let (ids, token) = asked(&mut office, &["10.1.2.3", "10.1.2.4"]);
    for _ in 0..2 {
        let (status, page) = office.look(&token);
        assert_eq!(status, StatusCode::OK);
        for part in [
            "pc-1001",
            "pc-1002",
            "logs in as pc-1001",
            "tom@example.edu",
            "scan@example.edu",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(
            page.contains("Ann &amp; &lt;b&gt;Co&lt;/b&gt;") && !page.contains("<script"),
            "{page}"
        );
    }
    // What cannot be meant is said, and nothing happens.
    for (body, said) in [
        ("do=keep-all&pc-1002=remove", "You have marked some"),
        ("do=remove", "Nothing is marked"),
        ("do=remove&pc-1077=remove", "Nothing is marked"),
        ("pc-1002=remove", "use one of the buttons"),
    ] {
        let (status, page) = office.take(&token, body);
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(page.contains(said), "{page}");
        assert_eq!(
            page.contains(" checked"),
            body.contains("pc-1002"),
            "a mark stays: {page}"
        );
    }
    assert_eq!(office.state(ids[1]), State::Provisioned);
    let (status, thanks) = office.take(&token, "do=remove&pc-1002=remove&reason=it+was+sold");
    assert_eq!(status, StatusCode::OK, "{thanks}");
    assert!(
        thanks.contains("<dd>pc-1001</dd>") && thanks.contains("<dd>pc-1002</dd>"),
        "{thanks}"
    );
    assert_eq!(office.state(ids[0]), State::Provisioned);
    assert!(matches!(office.state(ids[1]), State::Revoked(_)));
    let last = office.desk.store().history(ids[1]).unwrap().pop().unwrap();
    assert_eq!(last.said.as_deref(), Some("list-1, Chemistry: it was sold"));
    assert!(last.evidence.unwrap().contains("192.0.2.7"));
    let (status, used) = office.look(&token);
    assert_eq!(status, StatusCode::GONE);
    assert!(used.contains("was used on"), "{used}");
    assert_eq!(office.take(&token, "do=keep-all").0, StatusCode::GONE);
}

#[test]
fn a_list_that_somebody_else_has_answered_is_no_longer_asked_about() {
    let mut office = Office::open();
    let (ids, token) = asked(&mut office, &["10.1.2.3"]);
    let admin = Actor::human("relay@example.edu", Role::Admin);
    let answer = registry::AnswerTo {
        list: ListId(1),
        remove: &std::collections::BTreeSet::new(),
        reason: "on the telephone",
    };
    let now = office.now();
    office.desk.attest(answer, &admin, now).unwrap();
    let (status, said) = office.look(&token);
    assert_eq!(status, StatusCode::GONE);
    assert!(said.contains("answered already"), "{said}");
    assert_eq!(office.take(&token, "do=remove&pc-1001=remove").0, StatusCode::GONE);
    assert_eq!(office.state(ids[0]), State::Provisioned);
}
