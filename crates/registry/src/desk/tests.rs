use std::time::Duration;

use super::*;
use crate::acknowledgement::{Signature, TextVersion};
use crate::actor::Role;
use crate::credential::{CredentialKind, NewCredential, OVERLAP, Proof};
use crate::form::{Addendum, Contact, Volume};
use crate::life::{Risk, Suspension, Trouble};
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
fn others_may_answer_for_a_grant_that_serves_and_nothing_else_of_it_changes() {
    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    let mut form = office.kept(id).form;
    form.technical.email = "tina@example.edu".to_owned();
    let changed = office.desk.amend(id, &form, &ann(), NOW).unwrap();
    assert_eq!(
        (changed.case.state, changed.form.clone()),
        (State::Provisioned, form.clone())
    );
    assert!(changed.case.is_decided(), "the risk that was taken is the same");
    assert_eq!(
        office.desk.grants(NOW).unwrap()[0].contact.to_string(),
        "tina@example.edu"
    );
    form.senders.push("dean@example.edu".to_owned());
    assert!(matches!(
        office.desk.amend(id, &form, &ann(), NOW),
        Err(DeskError::NoStep { .. })
    ));
    assert_eq!(office.desk.grants(NOW).unwrap()[0].senders.len(), 1);
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
fn who_has_left_the_directory_answers_for_nothing_and_is_found_again_with_others() {
    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    let people = |text: &str| Source::Known(Directory::read(&format!("email,role\n{text}")).unwrap());
    let orphan = |office: &mut Office| {
        office.desk.sweep(NOW).unwrap();
        office.kept(id).case.orphan.is_some()
    };
    assert!(!orphan(&mut office), "nobody knows who is there");
    office.desk.rules.network.people = people("tom@example.edu,staff\n");
    assert!(orphan(&mut office), "Olga has left");
    office.desk.rules.network.people = Source::Unknown("half a file".to_owned());
    assert!(orphan(&mut office), "and nobody says otherwise");
    office.desk.rules.network.people = people("tom@example.edu,staff\nolga@example.edu,\n");
    assert!(!orphan(&mut office));
    office.desk.store().bounced("tom@example.edu", NOW).unwrap();
    assert!(orphan(&mut office), "mail to him comes back");
    office.desk.tick(after(31)).unwrap();
    assert_eq!(office.kept(id).case.state, State::Suspended(Suspension::Orphan));
}

#[test]
fn a_risk_is_taken_by_a_head_whom_the_directory_knows_as_one() {
    let mut office = Office::open();
    let everybody = "ann@example.edu,student\ntom@example.edu,\nolga@example.edu,\n";
    let mut submitted = |role: &str| {
        let text = format!("email,role\n{everybody}dean@example.edu,{role}\n");
        office.desk.rules.network.people = Source::Known(Directory::read(&text).unwrap());
        let (kept, _) = office.desk.request("chemistry", &form(), &ann(), NOW).unwrap();
        office.desk.submit(kept.id, &ann(), NOW).map_err(|why| why.to_string())
    };
    let refused = submitted("professor; headhunter").unwrap_err();
    assert!(refused.contains("exception.head.email"), "{refused}");
    assert!(submitted("Head of Department").is_ok());
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
fn approved_by_people_waits_for_the_network_and_goes_on_by_itself() {
    let mut office = Office::open();
    let id = office.approved();
    office.register("ip,mac,fqdn,type\n10.1.2.3,,copier.example.edu,dynamic\n");
    assert_eq!(office.check(id, NOW), State::WaitingNetwork);
    assert_eq!(office.check(id, NOW), State::WaitingNetwork);
    office.register("ip,mac,fqdn,type\n10.1.2.3,00:00:5e:00:53:01,copier.example.edu,static-dhcp\n");
    let dhcp = "host copier { hardware ethernet 00:00:5e:00:53:01; fixed-address 10.1.2.3; }";
    office.desk.rules.network.reservations = Source::Known(Reservations::read_isc(dhcp).unwrap());
    assert_eq!(office.check(id, NOW), State::Provisioned);
    let history = office.desk.store().history(id).unwrap();
    let last = history.last().unwrap();
    assert_eq!((last.event.as_str(), last.actor.as_str()), ("checked", "rule checks"));
    assert!(last.evidence.as_ref().unwrap().contains("\"C3\""));
}

#[test]
fn a_source_that_cannot_be_read_opens_nothing() {
    let mut office = Office::open();
    let id = office.approved();
    office.desk.rules.network.register = Source::Unknown("no such file".to_owned());
    assert_eq!(office.check(id, NOW), State::WaitingNetwork);
    // Nor does it close what serves.
    office.register(REGISTER);
    assert_eq!(office.check(id, NOW), State::Provisioned);
    office.desk.rules.network.register = Source::Unknown("no such file".to_owned());
    assert_eq!(office.check(id, NOW), State::Provisioned);
    assert_eq!(office.desk.store().get(id).unwrap().unwrap().case.drift, None);
    assert_eq!(office.desk.tick(after(2)).unwrap(), []);
}

#[test]
fn two_grants_never_have_one_address() {
    let mut office = Office::open();
    let (one, other) = (office.approved(), office.approved());
    assert_eq!(office.check(one, NOW), State::Provisioned);
    let (kept, findings) = office.desk.check(other, &Names::default(), NOW).unwrap();
    assert_eq!(kept.case.state, State::WaitingNetwork);
    assert!(said(&findings).contains("C7: the grant pc-1001 has 10.1.2.3/32 already"));
}

#[test]
fn an_address_that_is_given_to_anybody_stops_at_once_and_another_has_a_day() {
    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    office.register("ip,type\n10.1.2.4,static\n");
    assert_eq!(office.check(id, NOW), State::Provisioned, "warned");
    assert_eq!(office.desk.tick(after(0)).unwrap(), []);
    let mut mended = office.desk.store().get(id).unwrap().unwrap();
    assert_eq!(mended.case.drift, Some(NOW));
    office.register(REGISTER);
    office.check(id, NOW);
    mended = office.desk.store().get(id).unwrap().unwrap();
    assert_eq!(mended.case.drift, None);
    office.register("ip,type\n10.1.2.4,static\n");
    office.check(id, NOW);
    assert_eq!(office.desk.tick(after(1)).unwrap(), [(id, Deadline::DriftUnanswered)]);

    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    office.desk.rules.network.dynamic = vec!["10.1.2.0/28".parse().unwrap()];
    assert_eq!(office.check(id, NOW), State::Suspended(Suspension::Drift));
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

fn secret() -> NewCredential {
    NewCredential {
        kind: CredentialKind::DeviceSecret,
        label: "device".into(),
        proof: Proof::Secret {
            argon2: "$argon2id$".into(),
            scram: None,
        },
    }
}

#[test]
fn a_secret_is_issued_for_what_serves_and_rotated_with_an_overlap() {
    let mut office = Office::open();
    let id = office.approved();
    let early = office.desk.issue(id, &secret(), &admin(), NOW);
    assert!(matches!(
        early,
        Err(DeskError::NoStep {
            why: NoStep::NotHere { .. },
            ..
        })
    ));
    office.check(id, NOW);
    let stranger = office.desk.issue(id, &secret(), &dean(), NOW);
    assert!(matches!(
        stranger,
        Err(DeskError::NoStep {
            why: NoStep::NotYours { .. },
            ..
        })
    ));
    office.desk.issue(id, &secret(), &admin(), NOW).unwrap();
    office.desk.rotate(id, &secret(), OVERLAP, &admin(), after(1)).unwrap();
    let holding = |office: &mut Office, day| -> Vec<u32> {
        let all = office.desk.store().live_credentials(after(day)).unwrap();
        all.iter().map(|(_, credential)| credential.number).collect()
    };
    assert_eq!(holding(&mut office, 15), [1, 2]);
    assert_eq!(holding(&mut office, 16), [2]);
    office.desk.end_credential(id, 2, after(2), &admin(), after(2)).unwrap();
    assert_eq!(holding(&mut office, 3), [1]);
    let history = office.desk.store().history(id).unwrap();
    let told: Vec<&str> = history.iter().map(|taken| taken.event.as_str()).collect();
    assert_eq!(
        told[6..],
        ["credential-issued", "credential-rotated", "credential-ended"]
    );
}

#[test]
fn the_technical_contact_fetches_the_secret_by_a_link_that_works_once() {
    let mut office = Office::open();
    let id = office.approved();
    let rng = world::SystemRng;
    let (token, link) = office
        .desk
        .link(id, Purpose::Secret, "tom@example.edu", NOW, &rng)
        .unwrap();
    assert_eq!(link.ends, after(3));
    // Before there is a grant nothing is made, and the link goes on working.
    assert!(office.desk.fetch_secret(&token, &secret(), NOW).is_err());
    office.check(id, NOW);
    let (of, credential) = office.desk.fetch_secret(&token, &secret(), after(2)).unwrap();
    assert_eq!((of, credential.number), (id, 1));
    let again = office
        .desk
        .fetch_secret(&token, &secret(), after(2))
        .unwrap_err()
        .to_string();
    assert!(again.starts_with("this link was used on "), "{again}");
    let last = office.desk.store().history(id).unwrap().pop().unwrap();
    assert_eq!(last.actor, "tom@example.edu (technical contact)");
}

#[test]
fn the_head_answers_by_a_link_and_a_refused_answer_does_not_use_it_up() {
    let mut office = Office::open();
    let (kept, _) = office.desk.request("chemistry", &form(), &ann(), NOW).unwrap();
    let id = kept.id;
    office.desk.submit(id, &ann(), NOW).unwrap();
    office.act(id, Event::Complete { until: after(300) }, &admin(), NOW);
    let rng = world::SystemRng;
    let (token, _) = office
        .desk
        .link(id, Purpose::Acknowledge, "dean@example.edu", NOW, &rng)
        .unwrap();
    assert_eq!(office.desk.followed(&token, NOW).unwrap().1.id, id);
    let mut half = acknowledge(&form());
    if let Event::Acknowledge(signature) = &mut half {
        signature.ticked[1] = false;
    }
    assert!(office.desk.answer(&token, &half, &Whence::default(), NOW).is_err());
    let other = Event::Keep {
        reason: "needed".into(),
    };
    assert!(
        office.desk.answer(&token, &other, &Whence::default(), NOW).is_err(),
        "for another purpose"
    );
    let whence = Whence {
        address: "192.0.2.7".to_owned(),
        agent: "browser".to_owned(),
    };
    let answered = office.desk.answer(&token, &acknowledge(&form()), &whence, NOW).unwrap();
    assert_eq!(answered.case.state, State::SecurityReview);
    let last = office.desk.store().history(id).unwrap().pop().unwrap();
    assert_eq!(last.actor, "dean@example.edu (head)");
    let evidence = last.evidence.unwrap();
    for kept in [
        "\"by_link_to\":\"dean@example.edu\"",
        "\"from\":\"192.0.2.7\"",
        "\"agent\":\"browser\"",
    ] {
        assert!(evidence.contains(kept), "{evidence}");
    }
    assert!(
        office
            .desk
            .answer(&token, &acknowledge(&form()), &Whence::default(), NOW)
            .is_err()
    );
    // Whoever has a link that went to the requestor cannot take the risk by it.
    let (mine, _) = office
        .desk
        .link(id, Purpose::Acknowledge, "ann@example.edu", NOW, &rng)
        .unwrap();
    let why = office
        .desk
        .answer(&mine, &acknowledge(&form()), &Whence::default(), NOW)
        .unwrap_err();
    assert!(
        matches!(
            why,
            DeskError::NoStep {
                why: NoStep::NotYours { .. },
                ..
            }
        ),
        "{why}"
    );
}

#[test]
fn a_link_is_void_when_the_request_was_edited_and_an_address_is_shown_to_be_read() {
    let mut office = Office::open();
    let id = office.approved();
    let rng = world::SystemRng;
    let (token, _) = office
        .desk
        .link(id, Purpose::Acknowledge, "dean@example.edu", NOW, &rng)
        .unwrap();
    let edited = Form {
        senders: vec!["other@example.edu".to_owned()],
        ..form()
    };
    office.desk.amend(id, &edited, &ann(), NOW).unwrap();
    let why = office
        .desk
        .answer(&token, &acknowledge(&edited), &Whence::default(), NOW)
        .unwrap_err()
        .to_string();
    assert!(
        why.starts_with("the request was edited since this link was sent"),
        "{why}"
    );
    office.desk.store().bounced("ann@example.edu", NOW).unwrap();
    let (token, _) = office
        .desk
        .link(id, Purpose::VerifyMail, "ann@example.edu", NOW, &rng)
        .unwrap();
    office.desk.verify_mail(&token, NOW).unwrap();
    assert_eq!(office.desk.store().unreachable().unwrap(), []);
    assert!(office.desk.verify_mail(&token, NOW).is_err());
}

#[test]
fn what_served_before_there_was_a_registry_is_imported_and_serves() {
    let mut office = Office::open();
    let form = Form {
        exception: None,
        recipients: vec!["any".to_owned()],
        ..form()
    };
    let (kept, remarks) = office
        .desk
        .import("chemistry", &form, after(90), &admin(), NOW)
        .unwrap();
    assert_eq!(kept.case.state, State::Active);
    assert!(kept.case.unreviewed);
    assert!(
        remarks.iter().all(|remark| remark.weight == Weight::Doubt),
        "{remarks:?}"
    );
    let grants = office.desk.grants(NOW).unwrap();
    assert!(grants[0].is_live(after(90)) && !grants[0].is_live(after(91)));
    let history = office.desk.store().history(kept.id).unwrap();
    assert_eq!(
        history.iter().map(|step| step.event.as_str()).collect::<Vec<_>>(),
        ["create", "import"]
    );
    // A network that is otherwise than registered is what a review is for; it takes away nothing before.
    office.register("ip,type\n10.9.9.9,static\n");
    assert_eq!(office.check(kept.id, NOW), State::Active);
    assert_eq!(office.desk.store().get(kept.id).unwrap().unwrap().case.drift, None);
}

#[test]
fn a_login_that_was_imported_comes_from_anywhere_and_claims_no_address() {
    let mut office = Office::open();
    let login = Form {
        exception: None,
        address: String::new(),
        host: String::new(),
        authentication: "password".to_owned(),
        tls: "1.2".to_owned(),
        ..form()
    };
    let (kept, _) = office
        .desk
        .import("chemistry", &login, after(90), &admin(), NOW)
        .unwrap();
    let grants = office.desk.grants(NOW).unwrap();
    assert_eq!(grants[0].by, policy::By::Login("pc-1001".into()));
    assert_eq!(grants[0].networks, []);
    let (other, _) = office.desk.request("chemistry", &self::form(), &ann(), NOW).unwrap();
    let findings = office.desk.findings(&other, &Names::default(), NOW).unwrap();
    let exclusive = findings
        .iter()
        .find(|finding| finding.check == Check::Exclusive)
        .unwrap();
    assert_eq!(exclusive.colour, Colour::Green, "{}", exclusive.said);
    assert!(
        matches!(office.desk.read_form(&login, NOW), (None, _)),
        "nobody may ask for that"
    );
    assert!(kept.case.unreviewed);
    // A review is for what could have been asked for: the address is named first.
    let review = Event::Review { until: after(300) };
    let early = office.desk.act(kept.id, &review, &admin(), NOW);
    assert!(matches!(early, Err(DeskError::Form(_))));
    let whole = Form {
        address: "10.1.2.4".to_owned(),
        ..login
    };
    office.desk.amend(kept.id, &whole, &admin(), NOW).unwrap();
    office.act(kept.id, review, &admin(), NOW);
    assert_eq!(office.desk.grants(NOW).unwrap()[0].networks.len(), 1);
}

#[test]
fn what_cannot_be_imported_leaves_nothing_behind() {
    let mut office = Office::open();
    let late = office.desk.import("chemistry", &form(), after(400), &admin(), NOW);
    assert!(matches!(late, Err(DeskError::NoImport { .. })));
    let nowhere = Form {
        address: "everywhere".to_owned(),
        ..form()
    };
    assert!(matches!(
        office.desk.import("chemistry", &nowhere, after(90), &admin(), NOW),
        Err(DeskError::Form(_))
    ));
    assert_eq!(office.desk.store().list(None).unwrap(), []);
}

#[test]
fn the_people_of_a_grant_hear_of_the_same_trouble_once_a_month_and_of_another_at_once() {
    let mut office = Office::open();
    let id = office.approved();
    assert_eq!(office.check(id, NOW), State::Provisioned);
    let mut told = |id, days, trouble| office.desk.trouble(id, trouble, "553 5.7.1", after(days)).unwrap();
    assert!(told(id, 0, Trouble::Sender));
    assert!(!told(id, 0, Trouble::Sender));
    assert!(told(id, 1, Trouble::Volume));
    assert!(!told(id, 29, Trouble::Sender));
    assert!(told(id, 30, Trouble::Sender));
    assert!(!told(CaseId(7), 0, Trouble::Sender));
    let letters = office.desk.store().waiting(after(31)).unwrap();
    let refused = letters.iter().filter(|letter| letter.notice == "M16");
    let to: Vec<_> = refused.map(|letter| &*letter.audience).collect();
    assert_eq!(to, ["technical", "owner", "technical", "owner"]);
}
