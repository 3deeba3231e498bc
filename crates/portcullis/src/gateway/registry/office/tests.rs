use registry::{Contact, Form, Role, Volume};

use super::*;
use crate::config::{self, Machine};
use mail::{Domain, MessageId};

const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);
const DAY: Duration = Duration::from_secs(86_400);

const TEXT: &str = r#"version = 1
[organisation]
name     = "Example University"
hostname = "gate.example.edu"
domains  = ["example.edu"]
networks = ["10.0.0.0/8"]
[listeners.devices]
role   = "relay"
listen = ["10.0.0.1:2525"]
[routes.internet]
to = ["10.0.0.2:25"]
[spool]
dir = "spool"
[ledger]
dir = "ledger"
[registry]
file  = "registry.sqlite"
people = "people.csv"
terms = { idle = 40 }
[registry.roles]
admin = ["relay@example.edu"]
"#;

/// A gate's desk over a registry with one grant, which was imported.
struct House {
    folder: tempfile::TempDir,
    grant: CaseId,
    uses: Uses,
}

fn after(days: u32) -> Timestamp {
    NOW.plus(DAY * days)
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut house = Self {
            folder,
            grant: CaseId(0),
            uses: Uses::default(),
        };
        let contact = |email: &str| Contact {
            name: "Ann".to_owned(),
            email: email.to_owned(),
        };
        let form = Form {
            requestor: contact("ann@example.edu"),
            technical: contact("tom@example.edu"),
            owner: contact("olga@example.edu"),
            department: "Chemistry".to_owned(),
            device: "copier".to_owned(),
            address: "10.1.2.3".to_owned(),
            senders: vec!["scan@example.edu".to_owned()],
            volume: Volume {
                per_day: 40,
                per_hour: 10,
                octets: 20_000_000,
            },
            authentication: "password".to_owned(),
            tls: "1.2".to_owned(),
            purpose: "scans to mail".to_owned(),
            ..Form::default()
        };
        let admin = Actor::human("relay@example.edu", Role::Admin);
        let imported = house
            .office()
            .at(|desk| desk.import("chemistry", &form, after(360), &admin, NOW));
        house.grant = imported.unwrap().0.id;
        house
    }

    fn office(&self) -> Office {
        let machine = Machine {
            now: NOW,
            hostname: Domain::parse("gate.example.edu").ok(),
            ..Machine::default()
        };
        let reading = config::read("gate.toml", TEXT.to_owned(), self.folder.path(), &machine);
        let config = reading.config.unwrap_or_else(|| panic!("{}", reading.report.render()));
        Office::new(Setup::of(&config), std::sync::Arc::new(|| {}))
    }

    /// The messages that are this gate's to post: their ids, and the letters that each is.
    fn ready(&self, office: &mut Office, now: Timestamp) -> Vec<(String, Vec<u64>)> {
        let (world, _hands) = world::sim::world(now.0.unsigned_abs());
        let ready = office.ready(true, now, &*world.rng).unwrap();
        let ready = ready.map(|(_, ready)| ready).unwrap_or_default();
        let mut ready: Vec<_> = ready.into_iter().map(|one| (one.message_id, one.numbers)).collect();
        ready.sort();
        ready
    }

    fn act(&self, event: &Event, now: Timestamp) {
        let admin = Actor::human("relay@example.edu", Role::Admin);
        self.office()
            .at(|desk| desk.act(self.grant, event, &admin, now))
            .unwrap();
    }

    fn round(&self, office: &mut Office, testifies: bool, now: Timestamp) -> State {
        office.round(&self.uses, None, testifies, now).unwrap();
        office
            .at(|desk| Ok(desk.store().get(self.grant)?))
            .unwrap()
            .unwrap()
            .case
            .state
    }
}

#[test]
fn who_sends_no_mail_for_long_is_asked_and_who_sends_some_is_not() {
    let house = House::new();
    let mut office = house.office();
    let serves = house.round(&mut office, true, NOW);
    assert!(serves.admits_mail());
    assert_ne!(house.round(&mut office, true, after(39)), State::IdleWarned);
    // It came a moment ago and is written nowhere yet.
    house.uses.note(house.grant, MessageId::new(7), after(39), true);
    assert_eq!(house.round(&mut office, true, after(40)), State::Active);
    assert_eq!(house.round(&mut office, true, after(79)), State::IdleWarned);
    house.uses.note(house.grant, MessageId::new(8), after(80), true);
    assert_eq!(
        house.round(&mut office, true, after(80)),
        State::Active,
        "mail is an answer"
    );
}

#[test]
fn a_time_in_which_no_gate_was_there_or_none_could_testify_is_nobodys_idleness() {
    let house = House::new();
    let mut office = house.office();
    house.round(&mut office, true, NOW);
    house.uses.note(house.grant, MessageId::new(7), NOW, true);
    assert_eq!(
        house.round(&mut office, true, NOW.plus(Duration::from_secs(60))),
        State::Active
    );
    // Another gate, months later.
    let mut office = house.office();
    assert_eq!(house.round(&mut office, true, after(120)), State::Active);
    // Its ledger cannot be written.
    for day in 121..=125 {
        assert_eq!(house.round(&mut office, false, after(day)), State::Active);
    }
    assert_eq!(house.round(&mut office, true, after(160)), State::Active);
    assert_eq!(house.round(&mut office, true, after(199)), State::Active);
    assert_eq!(house.round(&mut office, true, after(201)), State::IdleWarned);
}

#[test]
fn a_test_shows_that_a_grant_works_and_is_no_use_of_it() {
    let house = House::new();
    let mut office = house.office();
    house.round(&mut office, true, NOW);
    house.uses.note(house.grant, MessageId::new(7), after(1), false);
    house.round(&mut office, true, after(1));
    let kept = office.at(|desk| Ok(desk.store().get(house.grant)?)).unwrap().unwrap();
    assert_eq!(kept.case.last_accepted, None);
}

fn minutes(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(60 * minutes))
}

#[test]
fn of_two_gates_on_one_registry_one_posts_a_letter_and_the_other_goes_on_where_that_one_died() {
    let house = House::new();
    let (mut one, mut other) = (house.office(), house.office());
    let reason = "moves".into();
    house.act(&Event::Suspend { reason }, NOW);
    let ready = house.ready(&mut one, minutes(11));
    // To the requestor, the technical contact and the owner.
    assert_eq!(ready.len(), 3);
    assert_eq!(house.ready(&mut other, minutes(11)), []);
    one.posted(&ready[0].1, &ready[0].0, minutes(11)).unwrap();
    drop(one);
    assert_eq!(house.ready(&mut other, minutes(15)), []);
    assert_eq!(
        house.ready(&mut other, minutes(17)),
        ready[1..],
        "the same messages once more"
    );
    for (message_id, numbers) in &ready[1..] {
        other.posted(numbers, message_id, minutes(17)).unwrap();
    }
    assert_eq!(house.ready(&mut other, after(2)), []);
}

#[test]
fn a_gate_that_was_restarted_knows_who_had_the_letter_of_the_day() {
    let house = House::new();
    let reason = "moves".into();
    house.act(&Event::Suspend { reason }, NOW);
    for (message_id, numbers) in house.ready(&mut house.office(), minutes(11)) {
        house.office().posted(&numbers, &message_id, minutes(11)).unwrap();
    }
    let conditions = "it has arrived".into();
    house.act(&Event::Reinstate { conditions }, minutes(20));
    let day = 24 * 60;
    assert_eq!(house.ready(&mut house.office(), minutes(day + 10)), []);
    assert_eq!(house.ready(&mut house.office(), minutes(day + 11)).len(), 3);
}

#[test]
fn who_leaves_the_directory_is_missed_as_soon_as_its_file_says_so_and_at_the_latest_a_day_later() {
    let house = House::new();
    house.act(&Event::Review { until: after(300) }, NOW);
    let mut office = house.office();
    let orphan = |office: &mut Office, now: Timestamp| {
        house.round(office, true, now);
        let kept = office.at(|desk| Ok(desk.store().get(house.grant)?)).unwrap();
        kept.unwrap().case.orphan.is_some()
    };
    let people = house.folder.path().join("people.csv");
    assert!(!orphan(&mut office, NOW), "without a file nobody knows who is there");
    std::fs::write(&people, "email,role\ntom@example.edu,\n").unwrap();
    assert!(orphan(&mut office, after(1)), "Olga is not there");
    std::fs::write(&people, "email,role\ntom@example.edu,\nolga@example.edu,\n").unwrap();
    assert!(!orphan(&mut office, after(1).plus(TICK)));
    office
        .at(|desk| Ok(desk.store().bounced("tom@example.edu", NOW)?))
        .unwrap();
    assert!(!orphan(&mut office, after(1).plus(TICK * 2)));
    assert!(orphan(&mut office, after(2).plus(TICK * 2)));
}
