//! A grant on its department's yearly list.

use super::*;

fn attest() -> Event {
    Event::Attest {
        list: said("list-7, Chemistry"),
    }
}

fn not_attested() -> Event {
    Event::NotAttested {
        reason: said("list-7, Chemistry: the copier was sold"),
    }
}

#[test]
fn what_is_attested_stays_as_it_is_and_counts_as_no_use_and_no_renewal() {
    let mut life = Life::active(Track::Authenticated);
    life.now = life.now.plus(days(200));
    let before = life.case.clone();
    life.does(&dean(), attest()).stands(State::Active, &[]);
    assert_eq!(life.case, before);
    // The year without mail goes on counting, and so does the end.
    life.wait(days(110));
    assert_eq!(life.case.state, State::ReviewDue);
}

#[test]
fn what_is_not_attested_ends_and_its_people_are_told() {
    for track in [Track::Authenticated, Track::Exception] {
        let mut life = Life::active(track);
        life.does(&dean(), not_attested())
            .stands(State::Revoked(Revocation::Owner), &[Notice::NotAttested]);
        assert!(!life.case.admits_mail(life.now));
        assert!(life.attempt(&dean(), &attest()).is_err(), "nothing revives it");
    }
}

#[test]
fn nobody_attests_what_they_asked_for_and_everybody_may_give_it_up() {
    let mut life = Life::active(Track::Authenticated);
    let ann_as = |role| Actor::human("ann@example.edu", role);
    for role in [Role::Head, Role::Admin, Role::Security] {
        assert!(matches!(
            life.attempt(&ann_as(role), &attest()),
            Err(NoStep::OwnRequest {
                as_what: Role::Requestor,
                ..
            })
        ));
    }
    for nobody in [ann(), owner(), gate()] {
        assert!(matches!(life.attempt(&nobody, &attest()), Err(NoStep::NotYours { .. })));
        assert!(matches!(
            life.attempt(&nobody, &not_attested()),
            Err(NoStep::NotYours { .. })
        ));
    }
    life.does(&ann_as(Role::Head), not_attested())
        .stands(State::Revoked(Revocation::Owner), &[Notice::NotAttested]);
}

#[test]
fn what_is_suspended_is_attested_as_suspended_and_abuse_is_left_to_security() {
    let mut life = Life::active(Track::Authenticated);
    life.does(&gate(), Event::Abuse { alert: said("phish") });
    life.does(&dean(), attest())
        .stands(State::Suspended(Suspension::Abuse), &[]);
    assert!(matches!(
        life.attempt(&dean(), &not_attested()),
        Err(NoStep::NotHere { .. })
    ));
    life.does(
        &officer(),
        Event::Reinstate {
            conditions: said("new firmware"),
        },
    )
    .does(&admin(), Event::Suspend { reason: said("audit") })
    .does(&dean(), not_attested())
    .stands(State::Revoked(Revocation::Owner), &[Notice::NotAttested]);
}
