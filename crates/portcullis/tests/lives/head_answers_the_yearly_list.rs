//! Once a year the head of a department gets one letter with all of its grants, and says by its link which of them go on:
//! what does not is refused in the session that was open all the time.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::house::{Campus, Client, DAY, HOUR, MINUTE, Wishes};

const HEAD: &str = "head@example.edu";
const OLGA: &str = "olga@example.edu";
const AS: &str = "scan@example.edu";
const QUESTION: &str = "once a year, please look at";
const REGISTER: &str = "ip,mac,fqdn,type\n\
    10.20.3.14,00:00:5e:00:53:01,copier.example.edu,static\n\
    10.20.3.15,00:00:5e:00:53:02,plotter.example.edu,static\n\
    10.20.3.16,00:00:5e:00:53:03,copier.example.edu,static\n";

/// The first of November that comes next, where the gate's calendar is.
fn the_day(now: Timestamp) -> Timestamp {
    let begin = |year| -> Timestamp {
        let day: Zoned = Date::new(year, 11, 1).unwrap().to_zoned(TimeZone::UTC).unwrap();
        day.timestamp()
    };
    let year = now.to_zoned(TimeZone::UTC).year();
    if begin(year) > now {
        begin(year)
    } else {
        begin(year + 1)
    }
}

/// A grant of the department, in a session that stays open.
fn used(campus: &Campus, address: &str, flags: &[&str]) -> (String, Client) {
    let (id, secret) = campus.copier(&[&["--address", address][..], flags].concat());
    let mut session = campus.logged_in(address, &id, &secret);
    session.delivers(AS, OLGA, "the first");
    campus.stands(&id, "active");
    (id, session)
}

#[test]
fn a_head_keeps_two_grants_of_three_and_the_third_is_refused_in_its_open_session() {
    let campus = Campus::with(Wishes {
        more: format!("[registry.heads]\n\"*\" = \"{HEAD}\"\n"),
        ..Wishes::default()
    })
    .unwrap();
    campus.keepers_write("register.csv", REGISTER);
    let (copier, mut first) = used(&campus, "10.20.3.14", &[]);
    let (plotter, mut second) = used(&campus, "10.20.3.15", &["--host", "plotter.example.edu"]);
    let (scanner, mut third) = used(&campus, "10.20.3.16", &["--device", "scanner"]);

    let day = the_day(campus.calendar.now());
    assert_eq!(campus.told(&["attest"])["lists"], serde_json::json!([]));
    campus.calendar.reach(day + HOUR);
    campus.gate_looks();
    campus.calendar.pass(11 * MINUTE);
    let letter = campus.letter(HEAD, QUESTION);
    for id in [&copier, &plotter, &scanner] {
        assert!(letter.text.contains(&format!("{id}: ")), "{}", letter.text);
    }
    assert!(letter.text.contains("the 3 grants of Chemistry"), "{}", letter.text);

    // To look changes nothing: programs that read mail follow links too.
    let link = letter.link();
    for _ in 0..2 {
        let page = campus.look(&link);
        assert_eq!(page.status, 200, "{}", page.html);
        assert!(page.html.contains("Remove what is marked"), "{}", page.html);
    }
    let marked = [
        ("do", "remove"),
        (&*scanner, "remove"),
        ("reason", "the building is empty"),
    ];
    let thanks = campus.press(&link, &marked);
    assert_eq!(thanks.status, 200, "{}", thanks.html);
    third.is_answered(AS, "554 5.7.1");
    assert_eq!(campus.state(&scanner), "revoked(owner)");
    for session in [&mut first, &mut second] {
        session.delivers(AS, OLGA, "goes on");
    }
    assert_eq!(campus.press(&link, &[("do", "keep-all")]).status, 410);

    result_is_kept(&campus, &scanner);
    campus.day_ends(&[OLGA], "its department no longer needs it");
    assert_eq!(campus.count_letters(HEAD, QUESTION), 1);
    // A month later nobody is reminded, and nothing else of the department was touched.
    campus.calendar.pass(31 * DAY);
    campus.gate_looks();
    assert_eq!(campus.told(&["attest"])["lists"].as_array().unwrap().len(), 1);
    assert_eq!(campus.count_letters(HEAD, QUESTION), 1);
}

/// In the registry, and in the ledger.
fn result_is_kept(campus: &Campus, removed: &str) {
    let told = campus.told(&["attest", "list-1"]);
    assert_eq!(
        (told["standing"].as_str(), told["head"].as_str()),
        (Some("answered"), Some(HEAD))
    );
    let outcomes: Vec<_> = told["grants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|grant| grant["outcome"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(outcomes, ["kept", "kept", "removed"]);
    let last = campus.history(removed).pop().unwrap();
    assert_eq!(
        (last["event"].as_str(), last["evidence"]["sha256"].as_str()),
        (Some("not-attested"), told["sha256"].as_str())
    );
    assert_eq!(last["evidence"]["by_link_to"], HEAD);
    campus.gate.logged(&["grant.step", "list-1", "answered"]);
}
