//! What served before there was a registry.

use super::*;
use crate::life::{Revocation, Suspension};

/// A grant that was imported a moment ago.
fn imported(track: Track) -> Life {
    let mut life = Life::draft(track);
    life.case.unreviewed = true;
    let until = BEGIN.plus(days(90));
    life.does(&admin(), Event::Import { until, recipe: false });
    life
}

fn review() -> Event {
    Event::Review {
        until: BEGIN.plus(days(300)),
    }
}

fn sign(life: &Life) -> Event {
    Event::Acknowledge(Signature {
        request: life.case.request,
        ..signature()
    })
}

#[test]
fn an_imported_grant_serves_at_once_and_ends_soon() {
    for track in [Track::Authenticated, Track::Exception] {
        let mut life = imported(track);
        life.stands(State::Active, &[]);
        assert!(life.case.unreviewed && life.case.admits_mail(life.now));
        assert_eq!(life.case.until, Some(BEGIN.plus(days(90))));
        let renew = Event::Renew {
            until: BEGIN.plus(days(300)),
        };
        life.wait(days(40));
        life.stands(State::ReviewDue, &[Notice::EndNears]);
        assert_eq!(
            life.attempt(&owner(), &renew),
            Err(NoStep::Unreviewed),
            "its people alone"
        );
        life.wait(days(51));
        assert_eq!(life.case.state, State::Expired);
        assert_eq!(
            life.attempt(&owner(), &renew),
            Err(NoStep::Unreviewed),
            "nor in its grace"
        );
        assert!(matches!(life.attempt(&admin(), &review()), Err(NoStep::NotHere { .. })));
    }
}

#[test]
fn the_people_of_an_import_are_told_where_its_new_secret_is_where_it_needs_one() {
    let mut life = Life::draft(Track::Authenticated);
    life.case.unreviewed = true;
    let until = BEGIN.plus(days(90));
    life.does(&admin(), Event::Import { until, recipe: true });
    life.stands(State::Active, &[Notice::Recipe]);
}

#[test]
fn an_import_is_an_administrator_s_and_a_year_s_at_most() {
    let draft = || {
        let mut life = Life::draft(Track::Authenticated);
        life.case.unreviewed = true;
        life
    };
    let import = |for_days| Event::Import {
        until: BEGIN.plus(days(for_days)),
        recipe: false,
    };
    assert!(matches!(
        draft().attempt(&officer(), &import(90)),
        Err(NoStep::NotYours { .. })
    ));
    assert!(matches!(
        draft().attempt(&admin(), &import(367)),
        Err(NoStep::TooLong { .. })
    ));
    draft().does(&admin(), import(366)).stands(State::Active, &[]);
    // What was not imported does not become so, and what is to be imported takes no other way.
    let mut ordinary = Life::draft(Track::Authenticated);
    assert!(matches!(
        ordinary.attempt(&admin(), &import(90)),
        Err(NoStep::NotHere { .. })
    ));
    assert!(matches!(
        draft().attempt(&ann(), &Event::Submit),
        Err(NoStep::NotHere { .. })
    ));
}

#[test]
fn a_review_makes_what_can_log_in_an_ordinary_grant() {
    let mut life = imported(Track::Authenticated);
    life.does(&admin(), review()).stands(State::Active, &[Notice::Renewed]);
    assert!(!life.case.unreviewed);
    assert_eq!(life.case.until, Some(BEGIN.plus(days(300))));
    assert!(
        matches!(life.attempt(&admin(), &review()), Err(NoStep::NotHere { .. })),
        "once"
    );
    let mut own = imported(Track::Authenticated);
    own.case.requestor = Person::new("postmaster@example.edu");
    assert!(matches!(
        own.attempt(&admin(), &review()),
        Err(NoStep::OwnRequest { .. })
    ));
}

#[test]
fn an_imported_exception_needs_its_head_and_security_as_every_other() {
    let mut life = imported(Track::Exception);
    assert_eq!(life.attempt(&admin(), &review()), Err(NoStep::Undecided));
    let decide = decision(Risk::Low, 300);
    assert_eq!(life.attempt(&officer(), &decide), Err(NoStep::Undecided));
    let signed = sign(&life);
    life.does(&dean(), signed)
        .stands(State::Active, &[Notice::SecurityAsked]);
    life.does(&officer(), decide).stands(State::Active, &[Notice::Renewed]);
    assert!(!life.case.unreviewed && life.case.is_decided());
    assert_eq!(life.case.until, Some(BEGIN.plus(days(300))));
}

#[test]
fn what_was_imported_is_completed_by_administrators_and_not_by_its_people() {
    let mut life = imported(Track::Exception);
    let signed = sign(&life);
    life.does(&dean(), signed);
    let amend = Event::Amend { request: [9; 32] };
    assert!(matches!(life.attempt(&ann(), &amend), Err(NoStep::NotYours { .. })));
    life.does(&admin(), amend).stands(State::Active, &[]);
    assert_eq!(life.case.acknowledged, None, "said of something else");
    assert!(life.case.unreviewed);
}

#[test]
fn what_was_imported_is_suspended_and_revoked_as_every_other() {
    let mut life = imported(Track::Exception);
    life.does(&Actor::rule("abuse-phish"), Event::Abuse { alert: said("phish") })
        .stands(State::Suspended(Suspension::Abuse), &[Notice::SuspendedAbuse]);
    life.does(
        &officer(),
        Event::Reinstate {
            conditions: said("mended"),
        },
    );
    assert!(life.case.unreviewed, "that is no review");
    life.does(&admin(), Event::Revoke { reason: said("gone") })
        .stands(State::Revoked(Revocation::Operator), &[Notice::EndedByOperator]);
}
