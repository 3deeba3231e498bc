//! Others operate a grant, or answer for it.

use super::*;
use crate::form::{Contact, Form};
use crate::handover::Handover;

pub(super) const TOM: &str = "tom@example.edu";
pub(super) const TINA: &str = "tina@example.edu";

pub(super) fn tom() -> Actor {
    Actor::human(TOM, Role::Technical)
}
pub(super) fn tina() -> Actor {
    Actor::human(TINA, Role::Technical)
}

fn form(technical: &str) -> Form {
    Form {
        technical: Contact {
            name: String::new(),
            email: technical.to_owned(),
        },
        ..Form::default()
    }
}

/// Tina in place of Tom.
fn handover() -> Handover {
    Handover::between(&form(TOM), &form(TINA)).unwrap()
}

pub(super) fn agreed_to() -> [u8; 32] {
    handover().request
}

pub(super) fn proposed() -> Event {
    proposed_by(false)
}

/// With Tom, or with an administrator in his place.
pub(super) fn proposed_by(stands_in: bool) -> Event {
    let mut to = handover();
    if stands_in {
        to.lets_go(&Person::new(TOM));
    }
    Event::Contacts {
        to: Box::new(to),
        stands_in,
        said: said("tina in place of tom"),
    }
}

fn agrees() -> Event {
    Event::Confirm { request: agreed_to() }
}

fn stands_in() -> Event {
    Event::StandIn {
        gone: vec![Person::new(TOM)],
        why: said("retired"),
    }
}

/// Tom proposes it, and Tina agrees.
pub(super) fn changed(life: &mut Life) {
    life.does(&tom(), proposed()).does(&tina(), agrees());
}

fn active() -> Life {
    Life::active(Track::Exception)
}

#[test]
fn nothing_is_another_before_who_goes_and_who_comes_agree() {
    let mut life = active();
    life.does(&ann(), proposed())
        .stands(State::Active, &[Notice::ContactsAsked]);
    assert_eq!(life.told[0].1, [Audience::Technical, Audience::NextTechnical]);
    life.does(&tina(), agrees()).stands(State::Active, &[]);
    assert_eq!(life.case.request, REQUEST);
    assert_eq!(
        life.attempt(&tina(), &agrees()),
        Err(NoStep::NotAsked),
        "she has agreed"
    );
    assert_eq!(
        life.attempt(&ann(), &agrees()).unwrap_err().to_string(),
        not_theirs(&ann())
    );
    assert_eq!(life.attempt(&owner(), &agrees()), Err(NoStep::NotAsked));
    life.does(&tom(), agrees())
        .stands(State::Active, &[Notice::ContactsChanged]);
    assert_eq!((life.case.request, &life.case.handover), (agreed_to(), &None));
    assert!(life.case.is_acknowledged(), "the risk that was taken is the same");
    assert_eq!(life.attempt(&tom(), &agrees()), Err(NoStep::NotAsked));
}

fn not_theirs(actor: &Actor) -> String {
    format!("contacts-confirmed is for technical contact or owner, not for {actor}")
}

#[test]
fn who_goes_and_proposes_it_has_agreed_and_who_comes_has_not() {
    let mut life = active();
    life.does(&tom(), proposed());
    assert_eq!(life.case.handover.as_ref().unwrap().waits_for(), [Person::new(TINA)]);
    let mut life = active();
    life.does(&tina(), proposed());
    assert_eq!(
        life.case.handover.as_ref().unwrap().waits_for().len(),
        2,
        "nobody has read her mail yet"
    );
}

#[test]
fn for_who_has_left_an_administrator_stands_in_and_nobody_else() {
    for who in [ann(), owner(), tom(), tina()] {
        let refused = active().attempt(&who, &proposed_by(true));
        assert!(matches!(refused, Err(NoStep::NotYours { .. })), "{refused:?}");
        let mut life = active();
        life.does(&ann(), proposed());
        assert!(matches!(life.attempt(&who, &stands_in()), Err(NoStep::NotYours { .. })));
    }
    let mut life = active();
    life.does(&admin(), proposed_by(true))
        .stands(State::Active, &[Notice::ContactsAsked]);
    assert_eq!(
        life.told[0].1,
        [Audience::Technical, Audience::NextTechnical],
        "he hears of it all the same"
    );
    life.does(&tina(), agrees())
        .stands(State::Active, &[Notice::ContactsChanged]);
    let mut life = active();
    life.does(&ann(), proposed()).does(&tina(), agrees());
    life.does(&admin(), stands_in())
        .stands(State::Active, &[Notice::ContactsChanged]);
    assert_eq!(life.attempt(&admin(), &stands_in()), Err(NoStep::NotAsked));
}

#[test]
fn who_was_asked_about_something_else_agrees_to_nothing() {
    let mut life = active();
    life.does(&ann(), proposed());
    let other = Event::Confirm { request: [9; 32] };
    assert_eq!(life.attempt(&tina(), &other), Err(NoStep::OtherRequest));
    let other = Event::Dissent {
        request: [9; 32],
        reason: said("no"),
    };
    assert_eq!(life.attempt(&tina(), &other), Err(NoStep::OtherRequest));
}

#[test]
fn a_no_ends_it_and_so_does_the_fifteenth_day_without_an_answer() {
    let mut life = active();
    let no = Event::Dissent {
        request: agreed_to(),
        reason: said("I stay"),
    };
    life.does(&ann(), proposed()).does(&tom(), no);
    life.stands(State::Active, &[Notice::ContactsStay]);
    assert_eq!((life.case.request, &life.case.handover), (REQUEST, &None));
    let mut life = active();
    life.does(&ann(), proposed()).does(&tina(), agrees());
    assert_eq!(life.wait(days(13)), []);
    assert_eq!(life.wait(days(2)), [(1, Deadline::ContactsUnconfirmed)]);
    life.stands(State::Active, &[Notice::ContactsStay]);
    assert_eq!(life.case.request, REQUEST);
}

#[test]
fn what_ends_asks_nobody_any_more_and_what_is_suspended_still_does() {
    let mut life = active();
    life.does(&ann(), proposed());
    life.does(&admin(), Event::Suspend { reason: said("audit") });
    assert!(life.case.handover.is_some());
    life.does(&admin(), Event::Revoke { reason: said("closed") });
    assert_eq!(life.case.handover, None);
    assert!(life.attempt(&tina(), &agrees()).is_err());
    assert!(life.attempt(&ann(), &proposed()).is_err());
}
