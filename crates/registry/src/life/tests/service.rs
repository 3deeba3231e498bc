//! While a grant serves, and how it stops.

use super::*;

#[test]
fn the_first_message_says_that_it_works_and_later_ones_say_nothing() {
    let mut life = Life::provisioned(Track::Authenticated);
    life.does(&gate(), mail()).stands(State::Active, &[Notice::Works]);
    life.now = life.now.plus(days(3));
    life.does(&gate(), mail()).stands(State::Active, &[]);
    assert_eq!(life.case.last_accepted, Some(life.now));
}

#[test]
fn a_test_shows_that_it_works_and_is_no_use() {
    let mut life = Life::provisioned(Track::Authenticated);
    let test = || Event::Accepted {
        message: "test".into(),
        counts: false,
    };
    life.does(&gate(), test()).stands(State::Active, &[Notice::Works]);
    assert_eq!(life.case.last_accepted, None);
    life.case.until = Some(BEGIN.plus(days(3_000)));
    life.wait(days(366));
    assert_eq!(life.case.state, State::IdleWarned);
    life.does(&gate(), test()).stands(State::IdleWarned, &[]);
    life.does(&gate(), mail()).stands(State::Active, &[Notice::InUseAgain]);
}

#[test]
fn a_renewal_is_the_owner_s_word_or_a_new_acknowledgement_and_security() {
    let mut life = Life::active(Track::Authenticated);
    life.wait(days(310));
    life.stands(State::ReviewDue, &[Notice::EndNears]);
    assert!(life.case.admits_mail(life.now));
    let until = life.now.plus(days(365));
    life.does(&owner(), Event::Renew { until })
        .stands(State::Active, &[Notice::Renewed]);
    assert_eq!(life.case.until, Some(until));

    let mut life = Life::active(Track::Exception);
    life.wait(days(310));
    let until = life.now.plus(days(90));
    let decide = || Event::Decide {
        risk: Risk::High,
        controls: said("as before"),
        until,
    };
    assert_eq!(life.attempt(&owner(), &Event::Renew { until }), Err(NoStep::Undecided));
    assert_eq!(
        life.attempt(&officer(), &decide()),
        Err(NoStep::Undecided),
        "the old word does not count"
    );
    life.does(&dean(), Event::Acknowledge(signature()))
        .stands(State::ReviewDue, &[Notice::SecurityAsked])
        .does(&officer(), decide())
        .stands(State::Active, &[Notice::Renewed]);
    assert_eq!(life.case.until, Some(until));
}

#[test]
fn what_has_expired_is_renewed_within_its_grace_and_not_behind_it() {
    let mut life = Life::active(Track::Authenticated);
    life.wait(days(361));
    life.stands(State::Expired, &[Notice::Ended]);
    let renew = |life: &Life| Event::Renew {
        until: life.now.plus(days(100)),
    };
    let mut late = life.clone();
    late.now = late.now.plus(days(31));
    let event = renew(&late);
    assert!(matches!(late.attempt(&owner(), &event), Err(NoStep::NotHere { .. })));
    let event = renew(&life);
    life.does(&owner(), event).stands(State::Active, &[Notice::Renewed]);

    // An exception begins anew with whoever takes its risk.
    let mut life = Life::active(Track::Exception);
    life.wait(days(361));
    life.does(&dean(), Event::Acknowledge(signature()))
        .stands(State::SecurityReview, &[Notice::SecurityAsked]);
    assert!(!life.case.admits_mail(life.now));
}

#[test]
fn abuse_suspends_at_once_and_is_security_s_to_judge() {
    for track in [Track::Authenticated, Track::Exception] {
        let mut life = Life::active(track);
        let abuse = || Event::Abuse { alert: said("phish") };
        life.does(&Actor::rule("abuse-phish"), abuse())
            .stands(State::Suspended(Suspension::Abuse), &[Notice::SuspendedAbuse]);
        assert_eq!(Notice::SuspendedAbuse.audience().len(), 4);
        assert!(!life.case.admits_mail(life.now));
        let reinstate = || Event::Reinstate {
            conditions: said("new firmware"),
        };
        assert!(matches!(
            life.attempt(&admin(), &reinstate()),
            Err(NoStep::NotYours { .. })
        ));
        let remove = Event::Remove { reason: said("gone") };
        assert!(matches!(life.attempt(&owner(), &remove), Err(NoStep::NotHere { .. })));
        let mut ended = life.clone();
        life.does(&officer(), reinstate())
            .stands(State::Active, &[Notice::Reinstated]);
        ended
            .does(&officer(), Event::Revoke { reason: said("again") })
            .stands(State::Revoked(Revocation::Abuse), &[Notice::EndedAbuse]);
    }
}

#[test]
fn an_end_is_no_way_around_a_suspension() {
    let mut life = Life::active(Track::Authenticated);
    life.does(&officer(), Event::Abuse { alert: said("spam") });
    assert_eq!(life.wait(days(365)), [(360, Deadline::Ended)]);
    life.stands(State::Revoked(Revocation::Abuse), &[Notice::EndedAbuse]);

    let mut life = Life::active(Track::Authenticated);
    life.does(
        &admin(),
        Event::Suspend {
            reason: said("moving house"),
        },
    );
    life.wait(days(365));
    life.stands(State::Revoked(Revocation::Ended), &[Notice::Ended]);
    let renew = Event::Renew {
        until: life.now.plus(days(10)),
    };
    assert!(life.attempt(&owner(), &renew).is_err());

    let mut life = Life::active(Track::Authenticated);
    life.does(
        &admin(),
        Event::Suspend {
            reason: said("moving house"),
        },
    );
    life.now = life.now.plus(days(400));
    let late = life.attempt(
        &admin(),
        &Event::Reinstate {
            conditions: said("none"),
        },
    );
    assert!(matches!(late, Err(NoStep::Past(_))));
}

#[test]
fn a_network_that_is_no_longer_what_was_registered_has_a_day_or_none() {
    let drifted = |dynamic| Event::Drifted {
        observed: said("00:00:5e:00:53:01"),
        dynamic,
    };
    let feed = Actor::rule("drift");
    let mut life = Life::active(Track::Authenticated);
    life.does(&feed, drifted(true))
        .stands(State::Suspended(Suspension::Drift), &[Notice::SuspendedDrift]);

    let mut life = Life::active(Track::Authenticated);
    life.does(&feed, drifted(false))
        .stands(State::Active, &[Notice::Drifted]);
    life.now = life.now.plus(Duration::from_secs(3600));
    life.does(&feed, drifted(false)).stands(State::Active, &[]);
    let mut repaired = life.clone();
    assert_eq!(
        life.wait(days(1)),
        [(0, Deadline::DriftUnanswered)],
        "a day after it was seen first"
    );
    life.stands(State::Suspended(Suspension::Drift), &[Notice::SuspendedDrift]);
    repaired.does(&feed, Event::Matches);
    assert_eq!(repaired.wait(days(2)), []);
}

#[test]
fn what_nobody_answers_for_is_suspended() {
    let sweep = Actor::rule("orphans");
    let mut life = Life::active(Track::Authenticated);
    life.does(&sweep, Event::Abandoned)
        .stands(State::Active, &[Notice::Orphaned]);
    life.does(&sweep, Event::Abandoned).stands(State::Active, &[]);
    let mut adopted = life.clone();
    assert_eq!(life.wait(days(31)), [(30, Deadline::OrphanUnanswered)]);
    life.stands(State::Suspended(Suspension::Orphan), &[Notice::Orphaned]);
    contacts::changed(&mut adopted);
    assert_eq!(adopted.wait(days(31)), []);
}

#[test]
fn grants_are_removed_revoked_and_superseded() {
    let active = || Life::active(Track::Authenticated);
    active()
        .does(
            &owner(),
            Event::Remove {
                reason: said("scrapped"),
            },
        )
        .stands(State::Revoked(Revocation::Owner), &[Notice::Removed]);
    active()
        .does(&admin(), Event::Revoke { reason: said("closed") })
        .stands(State::Revoked(Revocation::Operator), &[Notice::EndedByOperator]);
    active()
        .does(&admin(), Event::Suspend { reason: said("audit") })
        .stands(State::Suspended(Suspension::Operator), &[Notice::SuspendedByOperator])
        .does(
            &admin(),
            Event::Reinstate {
                conditions: said("none"),
            },
        )
        .stands(State::Active, &[Notice::Reinstated]);
    active()
        .does(&Actor::rule("successor"), Event::Supersede { by: said("pc-1043") })
        .stands(State::Superseded, &[Notice::Superseded]);
}
