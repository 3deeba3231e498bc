//! Others operate a grant, or answer for it: who is asked, by which links, and who stands in for whom.

use super::*;
use crate::actor::Person;
use crate::link::{DeadLink, Token};

const TINA: &str = "tina@example.edu";
const TOM: &str = "tom@example.edu";
const OLGA: &str = "olga@example.edu";

/// A grant that serves, and its form with Tina in it.
fn house() -> (Office, CaseId, Form) {
    let mut office = Office::open();
    let id = office.approved();
    office.check(id, NOW);
    let mut form = office.kept(id).form;
    form.technical.email = TINA.to_owned();
    (office, id, form)
}

impl Office {
    /// The link in somebody's letter.
    fn link(&mut self, id: CaseId, to: &str) -> Token {
        let linked = self.desk.link(id, Purpose::Contacts, to, NOW, &world::SystemRng);
        linked.unwrap().0
    }

    /// Follows it, and agrees to what it was sent for.
    fn agrees(&mut self, token: &Token) -> Result<Kept, DeskError> {
        let (link, _) = self.desk.followed(token, NOW)?;
        let request = link.request;
        self.desk
            .answer(token, &Event::Confirm { request }, &Whence::default(), NOW)
    }

    fn contact(&mut self) -> String {
        self.desk.grants(NOW).unwrap()[0].contact.to_string()
    }

    fn knows(&mut self, people: &str) {
        self.desk.rules.network.people = Source::Known(Directory::read(&format!("email,role\n{people}")).unwrap());
    }

    fn waits_for(&mut self, id: CaseId) -> Vec<String> {
        let proposed = self.kept(id).case.handover;
        let all = proposed.map(|proposed| proposed.waits_for()).unwrap_or_default();
        all.iter().map(|who| who.address().to_owned()).collect()
    }
}

#[test]
fn others_answer_for_a_grant_when_both_sides_have_said_so_by_their_links_and_nothing_else_of_it_changes() {
    let (mut office, id, mut form) = house();
    let asked = office.desk.amend(id, &form, &ann(), NOW).unwrap();
    assert_eq!(
        (asked.case.state, &*asked.form.technical.email),
        (State::Provisioned, TOM)
    );
    assert_eq!(office.contact(), TOM, "until then he stays");
    let (tina, tom) = (office.link(id, TINA), office.link(id, TOM));
    office.agrees(&tina).unwrap();
    assert_eq!(office.contact(), TOM);
    assert!(matches!(
        office.agrees(&tina),
        Err(DeskError::Store(StoreError::Link(DeadLink::Used(_))))
    ));
    let changed = office.agrees(&tom).unwrap();
    assert_eq!((changed.case.handover.clone(), &changed.form), (None, &form));
    assert!(changed.case.is_decided(), "the risk that was taken is the same");
    assert_eq!(office.contact(), TINA);
    form.senders.push("dean@example.edu".to_owned());
    assert!(matches!(
        office.desk.amend(id, &form, &ann(), NOW),
        Err(DeskError::NoStep { .. })
    ));
    assert_eq!(office.desk.grants(NOW).unwrap()[0].senders.len(), 1);
}

#[test]
fn who_comes_may_do_nothing_but_agree_before_all_have() {
    let (mut office, id, form) = house();
    office.desk.amend(id, &form, &ann(), NOW).unwrap();
    let tina = office.link(id, TINA);
    let keep = Event::Keep { reason: "mine".into() };
    let refused = office.desk.answer(&tina, &keep, &Whence::default(), NOW);
    assert!(matches!(
        refused,
        Err(DeskError::Store(StoreError::Link(DeadLink::Unknown)))
    ));
    let (token, _) = office
        .desk
        .link(id, Purpose::KeepOrRemove, TINA, NOW, &world::SystemRng)
        .unwrap();
    let refused = office.desk.answer(&token, &keep, &Whence::default(), NOW);
    assert!(
        matches!(
            refused,
            Err(DeskError::NoStep {
                why: NoStep::NotYours { .. },
                ..
            })
        ),
        "{refused:?}"
    );
    let stranger = office.link(id, "eve@example.edu");
    assert!(matches!(office.agrees(&stranger), Err(DeskError::NoStep { .. })));
}

#[test]
fn a_link_of_a_former_proposal_agrees_to_nothing() {
    let (mut office, id, mut form) = house();
    office.desk.amend(id, &form, &ann(), NOW).unwrap();
    let before = office.link(id, TOM);
    form.technical.email = "eve@example.edu".to_owned();
    office.desk.amend(id, &form, &ann(), NOW).unwrap();
    let refused = office.agrees(&before);
    assert!(
        matches!(
            refused,
            Err(DeskError::NoStep {
                why: NoStep::OtherRequest,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(office.waits_for(id), [TOM, "eve@example.edu"]);
}

#[test]
fn who_has_left_the_directory_or_is_not_reached_by_mail_is_stood_in_for_by_an_administrator() {
    let (mut office, id, form) = house();
    office.knows("ann@example.edu,\nolga@example.edu,\ntina@example.edu,\n");
    office.desk.amend(id, &form, &ann(), NOW).unwrap();
    assert_eq!(office.waits_for(id), [TOM, TINA], "she does not stand in for him");
    office.desk.amend(id, &form, &admin(), NOW).unwrap();
    assert_eq!(office.waits_for(id), [TINA]);
    let history = office.desk.store().history(id).unwrap();
    let said = history.last().unwrap().said.clone().unwrap();
    assert!(
        said.contains("tom@example.edu cannot be asked: is not in the directory"),
        "{said}"
    );

    let (mut office, id, form) = house();
    office.desk.amend(id, &form, &ann(), NOW).unwrap();
    let nothing_known = office.desk.stand_in(id, None, &admin(), NOW).unwrap_err().to_string();
    assert!(nothing_known.contains("needs a reason"), "{nothing_known}");
    office.desk.store().bounced(TOM, NOW).unwrap();
    office.desk.stand_in(id, None, &admin(), NOW).unwrap();
    assert_eq!(office.waits_for(id), [TINA]);
    let again = office.desk.stand_in(id, Some("retired"), &admin(), NOW);
    assert!(matches!(
        again,
        Err(DeskError::NoStep {
            why: NoStep::NotAsked,
            ..
        })
    ));
}

#[test]
fn an_administrator_who_knows_better_says_how_and_it_is_kept() {
    let (mut office, id, mut form) = house();
    form.owner.email = "otto@example.edu".to_owned();
    let blank = office.desk.hand_over(id, &form, Some(" "), &admin(), NOW);
    assert!(matches!(
        blank,
        Err(DeskError::NoStep {
            why: NoStep::NoReason(_),
            ..
        })
    ));
    let not_hers = office.desk.hand_over(id, &form, Some("retired"), &ann(), NOW);
    assert!(matches!(
        not_hers,
        Err(DeskError::NoStep {
            why: NoStep::NotYours { .. },
            ..
        })
    ));
    office
        .desk
        .hand_over(id, &form, Some("retired in June"), &admin(), NOW)
        .unwrap();
    assert_eq!(office.waits_for(id), [TINA, "otto@example.edu"]);
    let history = office.desk.store().history(id).unwrap();
    let said = history.last().unwrap().said.clone().unwrap();
    for who in [TOM, OLGA] {
        assert!(
            said.contains(&format!("{who} cannot be asked: retired in June")),
            "{said}"
        );
    }
    // Who is told in their place that others come may still say no.
    let olga = office.link(id, OLGA);
    let request = office.kept(id).case.handover.unwrap().request;
    let no = Event::Dissent {
        request,
        reason: "I am here".into(),
    };
    let kept = office.desk.answer(&olga, &no, &Whence::default(), NOW).unwrap();
    assert_eq!((kept.case.handover, &*kept.form.owner.email), (None, OLGA));
}

#[test]
fn an_orphan_is_somebody_s_again_when_others_have_agreed_and_mail_reaches_who_did() {
    let (mut office, id, form) = house();
    office.knows("ann@example.edu,\nolga@example.edu,\ntina@example.edu,\n");
    office.desk.store().bounced(TINA, NOW).unwrap();
    office.desk.sweep(NOW).unwrap();
    assert!(office.kept(id).case.orphan.is_some());
    office.desk.amend(id, &form, &admin(), NOW).unwrap();
    assert!(office.kept(id).case.orphan.is_some(), "nobody has agreed yet");
    let tina = office.link(id, TINA);
    let kept = office.agrees(&tina).unwrap();
    assert_eq!((kept.case.orphan, &*kept.form.technical.email), (None, TINA));
    assert_eq!(office.desk.store().unreachable().unwrap(), []);
    office.desk.sweep(NOW).unwrap();
    assert!(office.kept(id).case.orphan.is_none());
}

#[test]
fn another_name_at_the_same_address_is_written_down_at_once() {
    let (mut office, id, mut form) = house();
    form.technical = Contact {
        name: "Thomas".to_owned(),
        email: TOM.to_owned(),
    };
    let kept = office.desk.amend(id, &form, &admin(), NOW).unwrap();
    assert_eq!((kept.case.handover, &*kept.form.technical.name), (None, "Thomas"));
    assert_eq!(office.kept(id).form, form);
    assert!(office.kept(id).case.is_decided());
    assert_eq!(Person::new(TOM), Person::new(&kept.form.technical.email));
}
