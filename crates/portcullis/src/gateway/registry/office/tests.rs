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
        Office::new(Setup::of(&config))
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
