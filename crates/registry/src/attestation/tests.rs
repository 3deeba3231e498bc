use proptest::prelude::*;

use super::*;
use crate::calendar::Calendar;
use crate::terms::Terms;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn list(asked: Timestamp) -> Attestation {
    Attestation {
        id: ListId(7),
        version: 1,
        scope: "university".into(),
        department: "Chemistry".into(),
        head: Some(Person::new("dean@example.edu")),
        made: asked,
        asked,
        reminded: (0, asked),
        standing: Standing::Open,
        hash: [7; 32],
        entries: Vec::new(),
    }
}

#[test]
fn codes_are_read_back_and_numbers_as_people_say_them() {
    for standing in Standing::ALL {
        assert_eq!(Standing::of_code(standing.code()), Some(standing));
    }
    for outcome in Outcome::ALL {
        assert_eq!(Outcome::of_code(outcome.code()), Some(outcome));
    }
    assert_eq!(ListId(7).to_string(), "list-7");
    for text in ["list-7", "LIST-7", "7"] {
        assert_eq!(ListId::parse(text), Some(ListId(7)), "{text}");
    }
    for text in ["", "list-", "pc-7", "list-+7", "-7", "list\u{e9}7"] {
        assert_eq!(ListId::parse(text), None, "{text}");
    }
}

#[test]
fn a_day_of_every_year_is_one_in_every_year() {
    for (text, shown) in [
        ("11-01", "11-01"),
        (" 2-3 ", "02-03"),
        ("12-31", "12-31"),
        ("02-28", "02-28"),
    ] {
        assert_eq!(text.parse::<YearlyDay>().unwrap().to_string(), shown);
    }
    for wrong in [
        "",
        "never",
        "02-29",
        "13-01",
        "00-01",
        "11-31",
        "1101",
        "11-1-1",
        "+1-01",
        "11-+1",
        "2026-11-01",
    ] {
        assert_eq!(wrong.parse::<YearlyDay>(), Err(day::NoSuchDay), "{wrong}");
    }
}

#[test]
fn the_day_begins_where_the_organisation_is() {
    let zone = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let calendar = Calendar::new(zone, []);
    let day = YearlyDay::USUAL;
    let begin = at("2026-10-31T23:00:00Z");
    assert_eq!(calendar.began_last(day, begin), Some(begin));
    assert_eq!(calendar.begins_next(day, begin), Some(at("2027-10-31T23:00:00Z")));
    let before = Timestamp(begin.0 - 1);
    assert_eq!(calendar.began_last(day, before), Some(at("2025-10-31T23:00:00Z")));
    assert_eq!(calendar.begins_next(day, before), Some(begin));
    assert_eq!(calendar.began_last(day, Timestamp(i64::MAX)), None);
}

#[test]
fn a_list_is_reminded_of_three_times_and_then_somebody_else_is_told() {
    let (terms, begin) = (Terms::default(), at("2026-11-01T00:00:00Z"));
    let mut list = list(begin);
    let mut told = Vec::new();
    for day in 0..100 {
        let now = begin.plus(crate::life::DAY * day);
        if let Some(deadline) = list_due(&list, now, &terms) {
            told.push((day, deadline.rule()));
            list.reminded = (list.reminded.0 + 1, now);
            if deadline == ListDeadline::Unanswered {
                list.standing = Standing::Overdue;
            }
        }
    }
    let expected = [
        (7, "list-reminder"),
        (14, "list-reminder"),
        (21, "list-reminder-both"),
        (30, "list-unanswered"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_head_is_named_for_a_department_however_it_is_spelt_and_for_nobody_else_s() {
    let person = |name: &str| Person::new(&format!("{name}@example.edu"));
    let named = [
        ("Chemistry", "chem"),
        ("customer/Chemistry", "other"),
        ("customer/*", "rest"),
        ("IT/Network", "net"),
    ];
    let heads = Heads::new("university", named.map(|(name, head)| (name.to_owned(), person(head))));
    let of = |scope, department| heads.of(scope, department).map(|head| head.address().to_owned());
    let is = |name: &str| Some(format!("{name}@example.edu"));
    for spelling in ["Chemistry", "  chemistry ", "CHEMISTRY"] {
        assert_eq!(of("university", spelling), is("chem"));
        assert_eq!(
            of("customer", spelling),
            is("other"),
            "another customer's department is another one"
        );
    }
    assert_eq!(of("university", "it/ network"), None);
    assert_eq!(of("university", "IT/network"), is("net"));
    assert_eq!(of("customer", "Sales"), is("rest"));
    assert_eq!(of("customer", ""), is("rest"));
    assert_eq!(of("university", "Physics"), None);
    assert_eq!(of("university", ""), None, "a department without a name is nobody's");
    assert_eq!(of("elsewhere", "Chemistry"), None);
    let all = Heads::new("university", [("*".to_owned(), person("all"))]);
    assert_eq!(all.of("university", "Physics"), Some(&person("all")));
    assert_eq!(all.of("customer", "Physics"), None);
    assert!(Heads::is_same("Earth  Sciences", "earth sciences"));
}

#[test]
fn the_hash_is_of_what_was_shown() {
    let new = |department: &str, what: &str| NewList {
        scope: "university".into(),
        department: department.into(),
        head: None,
        now: at("2026-11-01T00:00:00Z"),
        unless_since: None,
        said: String::new(),
        entries: vec![(
            CaseId(1001),
            Shown {
                what: what.to_owned(),
                ..Shown::default()
            },
        )],
    };
    let one = new("Chemistry", "copier");
    assert_eq!(one.hash(), one.clone().hash());
    for other in [new("Physics", "copier"), new("Chemistry", "plotter")] {
        assert_ne!(one.hash(), other.hash());
    }
    // Whom it asks, and when, is no part of it.
    let later = NewList {
        head: Some(Person::new("dean@example.edu")),
        now: at("2026-12-01T00:00:00Z"),
        ..one.clone()
    };
    assert_eq!(one.hash(), later.hash());
}

proptest! {
    #[test]
    fn whatever_people_write_is_read_or_not_and_the_same_again(text in ".{0,40}") {
        if let Some(id) = ListId::parse(&text) {
            prop_assert_eq!(ListId::parse(&id.to_string()), Some(id));
        }
        let _ = text.parse::<YearlyDay>();
        let heads = Heads::new(&text, [(text.clone(), Person::new("dean@example.edu"))]);
        let _ = heads.of(&text, &text);
    }
}
