mod made;

use std::time::Duration;

use mail::DomainPattern;
use proptest::prelude::*;

use super::*;
use crate::attestation::{Heads, YearlyDay};
use crate::desk::Rules;
use crate::form::{Contact, Form, Volume};
use crate::life::{Revocation, State};
use crate::network::{Directory, Names, Network, Register, Source};
use crate::store::{Letter, SqliteStore};

const DEAN: &str = "dean@example.edu";
const ADMIN: &str = "relay@example.edu";

fn at(day: &str) -> Timestamp {
    let time: jiff::Timestamp = format!("{day}T12:00:00Z").parse().unwrap();
    Timestamp(time.as_millisecond())
}

fn after(from: Timestamp, days: u64) -> Timestamp {
    from.plus(Duration::from_secs(days * 86_400))
}

fn admin() -> Actor {
    Actor::human(ADMIN, Role::Admin)
}

fn dean() -> Actor {
    Actor::human(DEAN, Role::Head)
}

fn rules(heads: &[(&str, &str)]) -> Rules {
    let register: String = (1..60)
        .map(|last| format!("10.1.2.{last},00:00:5e:00:53:{last:02x},h{last}.example.edu,static\n"))
        .collect();
    let named = heads.iter().map(|(of, head)| ((*of).to_owned(), Person::new(head)));
    Rules {
        domains: vec![DomainPattern::parse("example.edu").unwrap()],
        network: Network {
            own: vec!["10.0.0.0/8".parse().unwrap()],
            register: Source::Known(Register::read(&format!("ip,mac,fqdn,type\n{register}")).unwrap()),
            ..Network::default()
        },
        heads: Heads::new("university", named),
        attestation: Some(YearlyDay::USUAL),
        ..Rules::default()
    }
}

struct House {
    desk: Desk<SqliteStore>,
    made: u8,
}

impl House {
    fn new(heads: &[(&str, &str)]) -> Self {
        Self {
            desk: Desk::new(SqliteStore::in_memory().unwrap(), rules(heads)),
            made: 0,
        }
    }

    /// A grant in use, which this person asked for.
    fn grant_of(&mut self, department: &str, requestor: &str, now: Timestamp) -> CaseId {
        self.made += 1;
        let contact = |email: &str| Contact {
            name: "Somebody".to_owned(),
            email: email.to_owned(),
        };
        let form = Form {
            requestor: contact(requestor),
            technical: contact("tom@example.edu"),
            owner: contact("olga@example.edu"),
            department: department.to_owned(),
            device: "copier".to_owned(),
            address: format!("10.1.2.{}", self.made),
            host: format!("h{}.example.edu", self.made),
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
        let ann = Actor::human(requestor, Role::Requestor);
        let desk = &mut self.desk;
        let id = desk.request("university", &form, &ann, now).unwrap().0.id;
        desk.submit(id, &ann, now).unwrap();
        let until = after(now, 360);
        desk.act(id, &Event::Complete { until }, &admin(), now).unwrap();
        desk.check(id, &Names::default(), now).unwrap();
        let mail = Event::Accepted {
            message: "m1".into(),
            counts: true,
        };
        desk.act(id, &mail, &Actor::rule("gate"), now).unwrap();
        id
    }

    fn grant(&mut self, department: &str, now: Timestamp) -> CaseId {
        self.grant_of(department, "ann@example.edu", now)
    }

    fn state(&mut self, id: CaseId) -> State {
        self.desk.store().get(id).unwrap().unwrap().case.state
    }

    fn lists(&mut self) -> Vec<Attestation> {
        self.desk.store().lists(Lists::All).unwrap()
    }

    /// What waits to be written about lists: which letter, about which list, to whom.
    fn letters(&mut self) -> Vec<(String, u32, String)> {
        let waiting = self.desk.store().waiting(at("2100-01-01")).unwrap();
        let of = |letter: Letter| Some((letter.notice, letter.list?.id.0, letter.audience));
        waiting.into_iter().filter_map(of).collect()
    }

    fn answer(&mut self, list: u32, remove: &[CaseId], why: &str, actor: &Actor) -> Result<Attestation, DeskError> {
        let remove: BTreeSet<CaseId> = remove.iter().copied().collect();
        let answer = AnswerTo {
            list: ListId(list),
            remove: &remove,
            reason: why,
        };
        self.desk.attest(answer, actor, at("2026-11-05"))
    }

    #[track_caller]
    fn refused(&mut self, list: u32, remove: &[CaseId], why: &str, actor: &Actor) -> NoAnswer {
        match self.answer(list, remove, why, actor) {
            Err(DeskError::List(why)) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn outcomes(list: &Attestation) -> Vec<(u32, Option<Outcome>)> {
    let entries = list.entries.iter();
    entries.map(|entry| (entry.case.0, entry.outcome)).collect()
}

fn letter(notice: &str, list: u32, audience: &str) -> (String, u32, String) {
    (notice.to_owned(), list, audience.to_owned())
}

#[test]
fn what_is_kept_goes_on_and_what_is_not_ends_with_its_people_told() {
    let mut house = House::new(&[("*", DEAN)]);
    let ids = [1, 2, 3].map(|_| house.grant("Chemistry", at("2026-02-01")));
    house.desk.tick(at("2026-11-01")).unwrap();
    let before = house.desk.store().get(ids[0]).unwrap().unwrap().case;
    let list = house.answer(1, &ids[1..2], "sold", &dean()).unwrap();
    assert_eq!(list.standing, Standing::Answered);
    let (kept, removed) = (Some(Outcome::Kept), Some(Outcome::Removed));
    assert_eq!(outcomes(&list), [(1001, kept), (1002, removed), (1003, kept)]);
    assert_eq!(house.state(ids[1]), State::Revoked(Revocation::Owner));
    assert_eq!(house.desk.store().get(ids[0]).unwrap().unwrap().case, before);
    let step = house.desk.store().history(ids[1]).unwrap().pop().unwrap();
    assert_eq!(
        (&*step.event, step.said.as_deref()),
        ("not-attested", Some("list-1, Chemistry: sold"))
    );
    assert_eq!(step.actor, "dean@example.edu (head)");
    let evidence: serde_json::Value = serde_json::from_str(&step.evidence.unwrap()).unwrap();
    assert_eq!(
        (evidence["list"].as_str(), evidence["sha256"].as_str()),
        (Some("list-1"), Some(&*hex(&list.hash)))
    );
    let waiting = house.desk.store().waiting(at("2026-11-05")).unwrap();
    let told = waiting
        .iter()
        .filter(|letter| letter.notice == "M52" && letter.case == ids[1]);
    assert_eq!(told.count(), 3);
    assert_eq!(house.letters(), [], "nobody is asked any more");
    let said = house
        .desk
        .store()
        .history_of_list(list.id)
        .unwrap()
        .pop()
        .unwrap()
        .said
        .unwrap();
    assert!(
        said.starts_with("2 kept, 1 removed (pc-1002); ") && said.ends_with("; sold"),
        "{said}"
    );
    assert!(matches!(house.refused(1, &[], "", &dean()), NoAnswer::Over { .. }));
}

#[test]
fn only_whom_it_asks_answers_or_the_house_with_a_reason_and_only_what_is_on_it() {
    let mut house = House::new(&[("*", DEAN)]);
    let id = house.grant("Chemistry", at("2026-02-01"));
    house.desk.tick(at("2026-11-01")).unwrap();
    let newer = house.grant("Chemistry", at("2026-11-02"));
    let other = Actor::human("other@example.edu", Role::Head);
    assert!(matches!(house.refused(1, &[id], "", &other), NoAnswer::NotYours { .. }));
    assert!(matches!(
        house.refused(1, &[newer], "", &dean()),
        NoAnswer::NotOnIt { .. }
    ));
    assert!(matches!(house.refused(1, &[id], " ", &admin()), NoAnswer::NoReason));
    assert!(matches!(
        house.refused(9, &[], "", &dean()),
        NoAnswer::Missing(ListId(9))
    ));
    let rule = Actor::rule("anything");
    let refused = house.answer(1, &[id], "why", &rule);
    assert!(matches!(
        refused,
        Err(DeskError::NoStep {
            why: NoStep::NotYours { .. },
            ..
        })
    ));
    let helper = Actor::human("help@example.edu", Role::HelpDesk);
    let refused = house.answer(1, &[id], "why", &helper);
    assert!(matches!(
        refused,
        Err(DeskError::NoStep {
            why: NoStep::NotYours { .. },
            ..
        })
    ));
    assert_eq!(
        (house.state(id), house.lists()[0].standing),
        (State::Active, Standing::Open)
    );
    house.answer(1, &[id], "the dean said so", &admin()).unwrap();
    assert_eq!(house.state(id), State::Revoked(Revocation::Owner));
}

#[test]
fn what_has_ended_is_passed_over_and_abuse_is_left_to_security() {
    let mut house = House::new(&[("*", DEAN)]);
    let ids = [1, 2, 3].map(|_| house.grant("Chemistry", at("2026-02-01")));
    house.desk.tick(at("2026-11-01")).unwrap();
    let now = at("2026-11-02");
    let revoke = Event::Revoke { reason: "audit".into() };
    house.desk.act(ids[0], &revoke, &admin(), now).unwrap();
    let abuse = Event::Abuse { alert: "phish".into() };
    house.desk.act(ids[1], &abuse, &Actor::rule("gate"), now).unwrap();
    let list = house.answer(1, &ids, "", &dean()).unwrap();
    let expected = [Outcome::Ended, Outcome::LeftToSecurity, Outcome::Removed];
    let told: Vec<_> = list.entries.iter().filter_map(|entry| entry.outcome).collect();
    assert_eq!(told, expected);
    assert_eq!(house.state(ids[0]), State::Revoked(Revocation::Operator));
    assert_eq!(house.state(ids[1]), State::Suspended(Suspension::Abuse));
}

#[test]
fn what_a_head_asked_for_is_left_to_somebody_else_and_the_head_is_not_asked_for_it_again() {
    let mut house = House::new(&[("*", DEAN)]);
    let own = house.grant_of("Chemistry", "Dean@example.edu", at("2026-02-01"));
    house.grant("Chemistry", at("2026-02-01"));
    house.desk.tick(at("2026-11-01")).unwrap();
    let list = house.answer(1, &[], "", &dean()).unwrap();
    assert_eq!(outcomes(&list), [(own.0, None), (1002, Some(Outcome::Kept))]);
    assert_eq!((list.standing, list.head.clone()), (Standing::Open, None));
    assert_eq!(house.letters(), [letter("M51", 1, "admin")]);
    for day in 6..9 {
        house.desk.tick(at(&format!("2026-11-0{day}"))).unwrap();
    }
    assert_eq!(house.lists()[0].head, None);
    // Nor does the dean answer for it as anything else.
    let as_admin = Actor::human(DEAN, Role::Admin);
    assert!(matches!(
        house.refused(1, &[], "mine", &as_admin),
        NoAnswer::AllTheirOwn { .. }
    ));
    let list = house.answer(1, &[], "seen in use", &admin()).unwrap();
    assert_eq!((list.standing, house.state(own)), (Standing::Answered, State::Active));
}

#[test]
fn a_link_answers_once_and_for_the_whole_list() {
    let mut house = House::new(&[("*", DEAN)]);
    let ids = [1, 2].map(|_| house.grant("Chemistry", at("2026-02-01")));
    house.desk.tick(at("2026-11-01")).unwrap();
    let (rng, now) = (world::SystemRng, at("2026-11-02"));
    let mut link = || house.desk.link_to_list(ListId(1), DEAN, now, &rng).unwrap().0;
    let (token, spare) = (link(), link());
    let stranger = house
        .desk
        .link_to_list(ListId(1), "eve@example.edu", now, &rng)
        .unwrap()
        .0;
    let renew = house
        .desk
        .link(ids[0], Purpose::Renew, "olga@example.edu", now, &rng)
        .unwrap()
        .0;
    for _ in 0..2 {
        let (link, list) = house.desk.followed_to_list(&token, now).unwrap().unwrap();
        assert_eq!((&*link.address, list.id, link.request), (DEAN, ListId(1), list.hash));
    }
    assert!(house.desk.followed_to_list(&renew, now).unwrap().is_none());
    let (remove, whence) = (BTreeSet::from([ids[0]]), Whence::default());
    let mut press = |token: &Token| house.desk.attest_by_link(token, &remove, "", &whence, now);
    for wrong in [&stranger, &renew] {
        assert!(matches!(press(wrong), Err(DeskError::Store(StoreError::Link(_)))));
    }
    assert_eq!(press(&token).unwrap().standing, Standing::Answered);
    assert!(matches!(
        press(&token),
        Err(DeskError::Store(StoreError::Link(DeadLink::Used(_))))
    ));
    assert!(matches!(
        press(&spare),
        Err(DeskError::Store(StoreError::Link(DeadLink::Settled)))
    ));
    let kept = Event::Keep { reason: "x".into() };
    let as_a_case = house.desk.answer(&spare, &kept, &whence, now);
    assert!(as_a_case.is_err());
    let step = house.desk.store().history(ids[0]).unwrap().pop().unwrap();
    assert!(step.evidence.unwrap().contains("\"by_link_to\":\"dean@example.edu\""));
    assert_eq!(house.state(ids[0]), State::Revoked(Revocation::Owner));
}

/// What somebody may do to a grant before the answer.
fn fate() -> impl Strategy<Value = Option<Event>> {
    prop::sample::select(vec![
        None,
        None,
        Some(Event::Suspend { reason: "audit".into() }),
        Some(Event::Abuse { alert: "phish".into() }),
        Some(Event::Revoke { reason: "audit".into() }),
        Some(Event::Abandoned),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_answer_widens_anything_or_revives_it(
        fates in prop::collection::vec((fate(), any::<bool>(), any::<bool>()), 1..6),
        by_head in any::<bool>(),
    ) {
        let mut house = House::new(&[("*", DEAN)]);
        let mut remove = Vec::new();
        let mut ids = Vec::new();
        for (_, is_own, is_removed) in &fates {
            let id = house.grant_of("Chemistry", if *is_own { DEAN } else { "ann@example.edu" }, at("2026-02-01"));
            ids.push(id);
            remove.extend(is_removed.then_some(id));
        }
        house.desk.tick(at("2026-11-01")).unwrap();
        for (id, (fate, ..)) in ids.iter().zip(&fates) {
            if let Some(event) = fate {
                let actor = if event.by_rule() { Actor::rule("a-rule") } else { admin() };
                house.desk.act(*id, event, &actor, at("2026-11-02")).unwrap();
            }
        }
        let before = house.desk.store().list(None).unwrap();
        let actor = if by_head { dean() } else { admin() };
        let answered = house.answer(1, &remove, "why", &actor);
        let after = house.desk.store().list(None).unwrap();
        for (before, after) in before.iter().zip(&after) {
            let is_removed = remove.contains(&before.id);
            prop_assert!(!after.case.state.is_live() || before.case == after.case, "{:?}", after.case);
            prop_assert!(before.case.state.is_live() || before.case == after.case);
            if before.case != after.case {
                prop_assert!(is_removed && after.case.state == State::Revoked(Revocation::Owner));
            }
            if answered.is_ok() && is_removed && before.case.state != State::Suspended(Suspension::Abuse) {
                prop_assert!(!after.case.state.is_live());
            }
        }
        if answered.is_err() {
            prop_assert_eq!(before, after);
        }
    }
}
