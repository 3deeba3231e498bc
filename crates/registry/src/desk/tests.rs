//! Stories of requests and grants at the desk.

mod again;
mod answered;
mod checked;
mod contacts;
mod imported;
mod issued;
mod people;

use std::time::Duration;

use super::*;
use crate::acknowledgement::{Signature, TextVersion};
use crate::actor::Role;
use crate::credential::{CredentialKind, NewCredential, OVERLAP, Proof};
use crate::form::{Addendum, Contact, Volume};
use crate::life::{NoStep, Risk, Suspension, Trouble};
use crate::link::Purpose;
use crate::link::Whence;
use crate::network::{Directory, Register, Reservations, Source, Zones};
use crate::store::SqliteStore;

const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);
const REGISTER: &str = "ip,mac,fqdn,type\n10.1.2.3,00:00:5e:00:53:01,copier.example.edu,static\n";

fn after(days: u32) -> Timestamp {
    NOW.plus(Duration::from_secs(86_400) * days)
}

struct Office {
    desk: Desk<SqliteStore>,
    _folder: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("registry.db")).unwrap();
        let rules = Rules {
            domains: vec![DomainPattern::parse("example.edu").unwrap()],
            network: Network {
                own: vec!["10.0.0.0/8".parse().unwrap()],
                register: Source::Known(Register::read(REGISTER).unwrap()),
                zones: Source::Known(Zones::read("10.1.2.0/24,MOD\n10.1.3.0/24,LAN").unwrap()),
                ..Network::default()
            },
            device_zone: Some("MOD".into()),
            ..Rules::default()
        };
        Self {
            desk: Desk::new(store, rules),
            _folder: folder,
        }
    }

    fn register(&mut self, text: &str) {
        self.desk.rules.network.register = Source::Known(Register::read(text).unwrap());
    }

    #[track_caller]
    fn act(&mut self, id: CaseId, event: Event, actor: &Actor, now: Timestamp) -> State {
        match self.desk.act(id, &event, actor, now) {
            Ok(kept) => kept.case.state,
            Err(why) => panic!("{why}"),
        }
    }

    fn check(&mut self, id: CaseId, now: Timestamp) -> State {
        self.desk.check(id, &Names::default(), now).unwrap().0.case.state
    }

    fn kept(&mut self, id: CaseId) -> Kept {
        self.desk.store().get(id).unwrap().unwrap()
    }

    /// An approved exception.
    fn approved(&mut self) -> CaseId {
        let (kept, remarks) = self.desk.request("chemistry", &form(), &ann(), NOW).unwrap();
        assert_eq!(remarks, []);
        self.approve(kept.id)
    }

    /// From a draft as far as people decide.
    fn approve(&mut self, id: CaseId) -> CaseId {
        let form = self.kept(id).form;
        assert_eq!(self.desk.submit(id, &ann(), NOW).unwrap().case.state, State::Submitted);
        let until = after(300);
        assert_eq!(
            self.act(id, Event::Complete { until }, &admin(), NOW),
            State::AwaitingHeadAck
        );
        assert_eq!(self.act(id, acknowledge(&form), &dean(), NOW), State::SecurityReview);
        let decide = Event::Decide {
            risk: Risk::Low,
            controls: "pins".into(),
            until,
        };
        assert_eq!(self.act(id, decide, &officer(), NOW), State::Approved);
        id
    }
}

fn ann() -> Actor {
    Actor::human("ann@example.edu", Role::Requestor)
}
fn admin() -> Actor {
    Actor::human("postmaster@example.edu", Role::Admin)
}
fn dean() -> Actor {
    Actor::human("dean@example.edu", Role::Head)
}
fn officer() -> Actor {
    Actor::human("iso@example.edu", Role::Security)
}

fn acknowledge(form: &Form) -> Event {
    Event::Acknowledge(Signature {
        ticked: [true; 3],
        name: "Dean D. Dean".into(),
        words: TextVersion::current(),
        request: form.hash(),
    })
}

fn form() -> Form {
    let contact = |name: &str, email: &str| Contact {
        name: name.to_owned(),
        email: email.to_owned(),
    };
    Form {
        requestor: contact("Ann", "ann@example.edu"),
        technical: contact("Tom", "tom@example.edu"),
        owner: contact("Olga", "olga@example.edu"),
        department: "Chemistry".to_owned(),
        device: "copier".to_owned(),
        address: "10.1.2.3".to_owned(),
        host: "copier.example.edu".to_owned(),
        senders: vec!["scan@example.edu".to_owned()],
        volume: Volume {
            per_day: 40,
            per_hour: 10,
            octets: 20_000_000,
        },
        authentication: "none".to_owned(),
        tls: "none".to_owned(),
        purpose: "scans to mail".to_owned(),
        exception: Some(Addendum {
            head: contact("Dean", "dean@example.edu"),
            justification: "The only large-format scanner of the building; its successor is ordered.".to_owned(),
            hindrance: "no SMTP AUTH in any firmware".to_owned(),
            firmware_checked: true,
            replacement: "2027".to_owned(),
        }),
        ..Form::default()
    }
}

#[test]
fn a_legacy_copier_becomes_a_grant_that_the_gates_understand() {
    let mut office = Office::open();
    let id = office.approved();
    assert_eq!(office.desk.grants(NOW).unwrap(), []);
    assert_eq!(office.check(id, NOW), State::Provisioned);
    let grants = office.desk.grants(NOW).unwrap();
    let [grant] = grants.as_slice() else {
        panic!("{grants:?}")
    };
    assert_eq!(&*grant.name, "pc-1001");
    assert_eq!(grant.by, policy::By::Address(vec!["10.1.2.3/32".parse().unwrap()]));
    assert_eq!((grant.until, grant.class), (after(300), policy::Class::Legacy));
    assert_eq!(grant.limits.messages_per_day, 120, "three times of what was asked for");
    assert!(grant.is_live(NOW));
    // It stays a grant when the day that was asked for has passed, and ends when it was decided to.
    assert!(office.desk.grants(after(299)).unwrap()[0].is_live(after(299)));
    assert!(!office.desk.grants(after(301)).unwrap()[0].is_live(after(301)));
}

#[test]
fn a_grant_that_may_more_is_asked_for_anew_and_takes_the_place_of_the_former() {
    let mut office = Office::open();
    let former = office.approved();
    office.check(former, NOW);
    let mut form = office.kept(former).form;
    form.replaces = former.to_string();
    form.senders.push("scan2@example.edu".to_owned());
    let mut theirs = form.clone();
    theirs.requestor.email = "eve@example.edu".to_owned();
    let eve = Actor::human("eve@example.edu", Role::Requestor);
    let (draft, _) = office.desk.request("chemistry", &theirs, &eve, NOW).unwrap();
    let refused = office.desk.submit(draft.id, &eve, NOW).unwrap_err().to_string();
    assert!(refused.contains("is nothing of yours"), "{refused}");
    let (draft, _) = office.desk.request("chemistry", &form, &ann(), NOW).unwrap();
    let next = office.approve(draft.id);
    assert_eq!(office.kept(former).case.state, State::Provisioned);
    assert_eq!(office.check(next, NOW), State::Provisioned);
    assert_eq!(
        office.kept(former).case.state,
        State::Superseded,
        "no address can be two grants"
    );
    let grants = office.desk.grants(NOW).unwrap();
    assert_eq!((grants.len(), &*grants[0].name), (1, &*next.to_string()));
}

#[test]
fn a_suspension_reaches_the_gates_as_one() {
    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    let abuse = Event::Abuse { alert: "phish".into() };
    let state = office.act(id, abuse, &Actor::rule("abuse-phish"), NOW);
    assert_eq!(state, State::Suspended(Suspension::Abuse));
    let grants = office.desk.grants(NOW).unwrap();
    assert_eq!(
        grants[0].state,
        policy::GrantState::Suspended("suspended(abuse)".to_owned())
    );
    let urgent: Vec<_> = office.desk.store().waiting(NOW).unwrap();
    let told: Vec<&str> = urgent
        .iter()
        .filter(|letter| letter.notice == "M40")
        .map(|letter| letter.audience.as_str())
        .collect();
    assert_eq!(told, ["technical", "requestor", "head", "security"]);
}

#[test]
fn an_edit_after_the_acknowledgement_asks_the_head_again() {
    let mut office = Office::open();
    let id = office.approved();
    let edited = Form {
        senders: vec!["other@example.edu".to_owned()],
        ..form()
    };
    let kept = office.desk.amend(id, &edited, &ann(), NOW).unwrap();
    assert_eq!((kept.case.state, &kept.form), (State::AwaitingHeadAck, &edited));
    let stale = office.desk.act(id, &acknowledge(&form()), &dean(), NOW);
    assert!(matches!(
        stale,
        Err(DeskError::NoStep {
            why: NoStep::OtherRequest,
            ..
        })
    ));
    assert_eq!(
        office.act(id, acknowledge(&edited), &dean(), NOW),
        State::SecurityReview
    );
}

#[test]
fn a_form_that_cannot_be_is_kept_as_a_draft_and_not_submitted() {
    let mut office = Office::open();
    let wrong = Form {
        address: "192.0.2.1".to_owned(),
        purpose: String::new(),
        ..form()
    };
    let (kept, remarks) = office.desk.request("chemistry", &wrong, &ann(), NOW).unwrap();
    assert_eq!(remarks.len(), 1);
    let why = office.desk.submit(kept.id, &ann(), NOW).unwrap_err().to_string();
    assert!(why.contains("put right purpose: is needed"), "{why}");
    let better = Form {
        purpose: "scans".to_owned(),
        ..wrong
    };
    office.desk.amend(kept.id, &better, &ann(), NOW).unwrap();
    let why = office.desk.submit(kept.id, &ann(), NOW).unwrap_err().to_string();
    assert!(why.contains("put right address: 192.0.2.1/32 is not within"), "{why}");
    office.desk.amend(kept.id, &form(), &ann(), NOW).unwrap();
    let kept = office.desk.submit(kept.id, &ann(), NOW).unwrap();
    assert_eq!((kept.case.state, kept.case.track), (State::Submitted, Track::Exception));
}

#[test]
fn what_another_process_did_meanwhile_is_seen_before_a_step_is_taken() {
    let mut office = Office::open();
    let id = office.approved();
    let file = office._folder.path().join("registry.db");
    let mut other = Desk::new(SqliteStore::open(&file).unwrap(), office.desk.rules.clone());
    let revoke = Event::Revoke {
        reason: "closed".into(),
    };
    other.act(id, &revoke, &admin(), NOW).unwrap();
    let why = office.desk.act(id, &revoke, &admin(), NOW).unwrap_err().to_string();
    assert_eq!(
        why,
        "pc-1001: revoke is not possible while the grant is revoked(operator)"
    );
    assert_eq!(
        other.store().history(id).unwrap().len(),
        6,
        "create to decide, and one end"
    );
}

#[test]
fn a_year_passes_in_ticks() {
    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    let mail = Event::Accepted {
        message: "m".into(),
        counts: true,
    };
    office.act(id, mail, &Actor::rule("gate"), NOW);
    let mut happened = Vec::new();
    for day in 1..=340 {
        let ticked = office.desk.tick(after(day)).unwrap();
        happened.extend(ticked.into_iter().map(|(_, deadline)| (day, deadline)));
    }
    let nears = |day| (day, Deadline::EndNears);
    assert_eq!(
        happened,
        [
            nears(240),
            nears(270),
            nears(286),
            nears(293),
            nears(299),
            (301, Deadline::Ended)
        ]
    );
    assert_eq!(office.desk.grants(after(340)).unwrap(), []);
    // Where it stood at any time is read from its steps.
    let history = office.desk.store().history(id).unwrap();
    let stood = |day| {
        history
            .iter()
            .take_while(|taken| taken.at <= after(day))
            .last()
            .unwrap()
            .to
    };
    assert_eq!(
        [stood(0), stood(250), stood(320)],
        [State::Active, State::ReviewDue, State::Expired]
    );
}
