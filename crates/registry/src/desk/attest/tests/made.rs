//! When lists are made, whom they ask, and what time does to them.

use std::collections::BTreeMap;

use super::*;

#[test]
fn on_its_day_each_department_gets_one_list_of_what_there_was_and_once() {
    let mut house = House::new(&[("Chemistry", DEAN)]);
    for department in ["Chemistry", " chemistry", "Physics"] {
        house.grant(department, at("2026-02-01"));
    }
    house.desk.tick(at("2026-10-31")).unwrap();
    assert_eq!(house.lists(), []);
    // Set up on the day itself: it waits a year.
    house.grant("Chemistry", at("2026-11-01"));
    for day in ["2026-11-01", "2026-11-02"] {
        house.desk.tick(at(day)).unwrap();
        let lists = house.lists();
        let told: Vec<_> = lists
            .iter()
            .map(|list| {
                (
                    list.whose(),
                    list.entries.len(),
                    list.head.as_ref().map(Person::address),
                )
            })
            .collect();
        assert_eq!(told, [("Chemistry", 2, Some(DEAN)), ("Physics", 1, None)]);
        let letters = [letter("M50", 1, "head"), letter("M51", 2, "admin")];
        assert_eq!(house.letters(), letters);
    }
    // Another process does not ask again what this one has asked.
    house.desk.set_rules(rules(&[("Chemistry", DEAN)]));
    house.desk.tick(at("2026-11-03")).unwrap();
    assert_eq!(house.lists().len(), 2);
    let shown = &house.lists()[0].entries[0].shown;
    assert_eq!(
        (&*shown.id, &*shown.last, &*shown.until, &*shown.volume),
        ("pc-1001", "2026-02-01", "2027-01-27", "up to 40 messages a day")
    );
    assert_eq!(
        shown.may,
        "logs in as pc-1001 with a password; sends as scan@example.edu to our own domains"
    );
}

#[test]
fn a_day_that_nobody_was_there_on_is_made_up_for_a_while_and_one_that_is_off_never_comes() {
    let mut off = House::new(&[]);
    off.desk.rules.attestation = None;
    off.grant("Chemistry", at("2026-02-01"));
    off.desk.tick(at("2026-11-02")).unwrap();
    assert_eq!(off.lists(), []);
    for (back, lists) in [("2027-01-29", 1), ("2027-01-31", 0)] {
        let mut house = House::new(&[("*", DEAN)]);
        let id = house.grant("Chemistry", at("2026-10-01"));
        house.desk.tick(at(back)).unwrap();
        assert_eq!((house.lists().len(), house.state(id)), (lists, State::Active), "{back}");
    }
}

#[test]
fn who_is_not_there_is_not_asked_and_the_administrators_are() {
    let asked = |prepare: &dyn Fn(&mut House)| {
        let mut house = House::new(&[("Chemistry", DEAN)]);
        house.grant("Chemistry", at("2026-02-01"));
        prepare(&mut house);
        house.desk.tick(at("2026-11-01")).unwrap();
        house.lists()[0].head.clone()
    };
    let directory = |text: &str| Source::Known(Directory::read(text).unwrap());
    assert_eq!(asked(&|_| {}), Some(Person::new(DEAN)));
    let left = directory("email,role\nann@example.edu,\n");
    assert_eq!(asked(&|house| house.desk.rules.network.people = left.clone()), None);
    let there = directory("email,role\ndean@example.edu,secretary\n");
    assert_eq!(
        asked(&|house| house.desk.rules.network.people = there.clone()),
        Some(Person::new(DEAN)),
        "whom the configuration names is believed"
    );
    let unread = || Source::Unknown("gone".to_owned());
    assert_eq!(
        asked(&|house| house.desk.rules.network.people = unread()),
        Some(Person::new(DEAN)),
        "a directory that cannot be read takes nobody away"
    );
    assert_eq!(
        asked(&|house| house
            .desk
            .store()
            .bounced("DEAN@example.edu", at("2026-10-01"))
            .unwrap()),
        None
    );
}

#[test]
fn silence_is_reminded_of_told_to_the_house_and_changes_no_grant() {
    let mut house = House::new(&[("*", DEAN)]);
    let id = house.grant("Chemistry", at("2026-09-01"));
    let day = at("2026-11-01");
    let mut told = BTreeMap::new();
    for days in 0..60 {
        house.desk.tick(after(day, days)).unwrap();
        let steps = house.desk.store().history_of_list(ListId(1)).unwrap();
        told.entry(steps.len())
            .or_insert((days, steps.last().unwrap().event.clone()));
        if days == 21 {
            assert_eq!(house.letters(), [letter("M50", 1, "head"), letter("M51", 1, "admin")]);
        }
    }
    let told: Vec<_> = told.into_values().collect();
    let expected = [
        (0, "asked"),
        (7, "reminded"),
        (14, "reminded"),
        (21, "reminded"),
        (30, "unanswered"),
    ];
    assert_eq!(told, expected.map(|(day, event)| (day, event.to_owned())));
    assert_eq!(
        house.letters(),
        [letter("M51", 1, "admin"), letter("M51", 1, "security")]
    );
    assert_eq!(
        (house.lists()[0].standing, house.state(id)),
        (Standing::Overdue, State::Active)
    );
    // Late is better than never.
    house.answer(1, &[id], "", &dean()).unwrap();
    assert_eq!(house.state(id), State::Revoked(Revocation::Owner));
}

#[test]
fn a_list_goes_to_whoever_is_the_head_by_now() {
    let mut house = House::new(&[]);
    house.grant("Chemistry", at("2026-02-01"));
    house.desk.tick(at("2026-11-01")).unwrap();
    assert_eq!(house.letters(), [letter("M51", 1, "admin")]);
    house.desk.set_rules(rules(&[("chemistry", DEAN)]));
    house.desk.tick(at("2026-11-10")).unwrap();
    let list = house.lists().remove(0);
    assert_eq!(
        (list.head, list.asked, list.reminded.0),
        (Some(Person::new(DEAN)), at("2026-11-10"), 0)
    );
    assert_eq!(house.letters(), [letter("M50", 1, "head")]);
    // Mail to the dean comes back: the administrators look after it, until another head is named.
    house.desk.store().bounced(DEAN, at("2026-11-11")).unwrap();
    house.desk.tick(at("2026-11-11")).unwrap();
    assert_eq!(
        (house.lists()[0].head.clone(), house.letters()),
        (None, vec![letter("M51", 1, "admin")])
    );
    house.desk.set_rules(rules(&[("chemistry", "new@example.edu")]));
    house.desk.tick(at("2026-11-12")).unwrap();
    assert_eq!(house.lists()[0].head, Some(Person::new("new@example.edu")));
    assert!(matches!(house.refused(1, &[], "", &dean()), NoAnswer::NotYours { .. }));
}

#[test]
fn a_list_is_made_by_hand_for_a_department_that_has_grants_and_no_open_list() {
    let mut house = House::new(&[("*", DEAN)]);
    house.grant("Chemistry", at("2026-11-10"));
    let now = at("2026-11-12");
    let mut ask = |of: &str, now| house.desk.ask_head("university", of, &admin(), now);
    assert!(matches!(ask("Physics", now), Err(DeskError::List(NoAnswer::NoGrants(of))) if &*of == "Physics"));
    let list = ask("CHEMISTRY", now).unwrap();
    assert_eq!((list.whose(), list.entries.len()), ("Chemistry", 1));
    assert!(matches!(ask("Chemistry", now), Err(DeskError::List(NoAnswer::OpenAlready { id, .. })) if id == list.id));
    assert_eq!(
        house.desk.departments().unwrap(),
        [("university".into(), "Chemistry".to_owned())]
    );
    house.answer(1, &[], "", &dean()).unwrap();
    assert!(house.desk.ask_head("university", "Chemistry", &admin(), now).is_ok());
}

#[test]
fn what_ends_by_itself_is_nobody_s_to_answer_for() {
    let mut house = House::new(&[("*", DEAN)]);
    let ids = [1, 2].map(|_| house.grant("Chemistry", at("2026-09-01")));
    house.desk.tick(at("2026-11-01")).unwrap();
    let revoke = Event::Revoke { reason: "audit".into() };
    house.desk.act(ids[0], &revoke, &admin(), at("2026-11-02")).unwrap();
    // The reminder speaks of what is left alone.
    house.desk.tick(at("2026-11-08")).unwrap();
    assert_eq!(
        outcomes(&house.lists()[0]),
        [(1001, Some(Outcome::Ended)), (1002, None)]
    );
    house.desk.act(ids[1], &revoke, &admin(), at("2026-11-09")).unwrap();
    house.desk.tick(at("2026-11-09")).unwrap();
    let list = house.lists().remove(0);
    assert_eq!((list.standing, list.waiting().count()), (Standing::Answered, 0));
    assert_eq!(house.letters(), [], "nobody is asked about nothing");
}
