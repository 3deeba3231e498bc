//! Until a grant is set up.

use super::*;

#[test]
fn a_device_that_can_authenticate_is_approved_by_the_administrator_and_set_up_by_the_checks() {
    let mut life = Life::draft(Track::Authenticated);
    life.does(&ann(), Event::Submit)
        .stands(State::Submitted, &[Notice::Received]);
    let until = BEGIN.plus(days(300));
    life.does(&admin(), Event::Complete { until })
        .stands(State::Approved, &[Notice::Approved]);
    assert_eq!(life.case.until, Some(until));
    assert!(!life.case.admits_mail(life.now));
    life.does(&Actor::rule("checks"), Event::Checked { red: Vec::new() })
        .stands(State::Provisioned, &[Notice::Recipe]);
    assert!(life.case.admits_mail(life.now));
}

#[test]
fn what_the_network_is_not_ready_for_waits_and_goes_on_by_itself() {
    let mut life = Life::draft(Track::Authenticated);
    let until = BEGIN.plus(days(300));
    life.does(&ann(), Event::Submit)
        .does(&admin(), Event::Complete { until });
    let red = || Event::Checked {
        red: vec![Check::Static, Check::Zoned],
    };
    let checks = Actor::rule("checks");
    life.does(&checks, red())
        .stands(State::WaitingNetwork, &[Notice::NetworkAsked]);
    // Asked once, however often it is looked at.
    life.does(&checks, red()).stands(State::WaitingNetwork, &[]);
    let mut given_up = life.clone();
    life.does(&checks, Event::Checked { red: Vec::new() })
        .stands(State::Provisioned, &[Notice::Recipe]);
    assert_eq!(given_up.wait(days(30)), [(30, Deadline::NetworkNotReady)]);
    given_up.stands(State::Withdrawn, &[Notice::NoAnswer]);
}

#[test]
fn an_exception_goes_by_the_head_and_by_security() {
    let mut life = Life::draft(Track::Exception);
    let until = BEGIN.plus(days(300));
    life.does(&ann(), Event::Submit)
        .does(&admin(), Event::Complete { until })
        .stands(State::AwaitingHeadAck, &[Notice::HeadAsked, Notice::HeadWasAsked]);
    assert_eq!(life.case.until, None, "nobody has decided yet");
    life.does(&dean(), Event::Acknowledge(signature()))
        .stands(State::SecurityReview, &[Notice::SecurityAsked]);
    life.does(&officer(), decision(Risk::Low, 360))
        .stands(State::Approved, &[Notice::Approved]);
    assert_eq!(life.case.until, Some(BEGIN.plus(days(360))));
}

#[test]
fn an_acknowledgement_is_whole_or_none() {
    let mut life = Life::draft(Track::Exception);
    let until = BEGIN.plus(days(300));
    life.does(&ann(), Event::Submit)
        .does(&admin(), Event::Complete { until });
    let refused = |life: &mut Life, change: &dyn Fn(&mut Signature)| {
        let mut signed = signature();
        change(&mut signed);
        life.attempt(&dean(), &Event::Acknowledge(signed)).unwrap_err()
    };
    assert_eq!(
        refused(&mut life, &|signed| signed.ticked[1] = false),
        NoStep::Unticked(vec![2])
    );
    assert_eq!(
        refused(&mut life, &|signed| signed.request = [8; 32]),
        NoStep::OtherRequest
    );
    assert_eq!(
        refused(&mut life, &|signed| signed.words = TextVersion([0; 32])),
        NoStep::OtherWords
    );
    assert_eq!(refused(&mut life, &|signed| signed.name = " ".into()), NoStep::NoName);
    assert_eq!(life.case.state, State::AwaitingHeadAck);
}

#[test]
fn an_edit_voids_what_was_acknowledged() {
    let mut life = Life::draft(Track::Exception);
    let until = BEGIN.plus(days(300));
    life.does(&ann(), Event::Submit)
        .does(&admin(), Event::Complete { until })
        .does(&dean(), Event::Acknowledge(signature()));
    let amend = Event::Amend { request: [9; 32] };
    for approve in [false, true] {
        let mut life = life.clone();
        if approve {
            life.does(&officer(), decision(Risk::Low, 100));
        }
        life.does(&ann(), amend.clone())
            .stands(State::AwaitingHeadAck, &[Notice::HeadAsked, Notice::HeadWasAsked]);
        assert!(!life.case.is_acknowledged());
        assert_eq!((life.case.until, life.case.decided_by.clone()), (None, None));
        assert_eq!(
            life.attempt(&dean(), &Event::Acknowledge(signature())).unwrap_err(),
            NoStep::OtherRequest
        );
    }
}

#[test]
fn a_question_goes_back_and_forth_and_a_risk_that_was_taken_of_the_same_is_not_asked_again() {
    let mut life = Life::draft(Track::Exception);
    let until = BEGIN.plus(days(300));
    let ask = || Event::Ask {
        what: said("which firmware?"),
    };
    life.does(&ann(), Event::Submit)
        .does(&admin(), ask())
        .stands(State::NeedsInformation, &[Notice::MoreNeeded])
        .does(&ann(), Event::Answer { request: REQUEST })
        .stands(State::Submitted, &[Notice::AnswerReceived])
        .does(&admin(), Event::Complete { until })
        .does(&dean(), Event::Acknowledge(signature()));
    assert!(matches!(life.attempt(&admin(), &ask()), Err(NoStep::NotYours { .. })));
    life.does(&officer(), ask())
        .stands(State::NeedsInformation, &[Notice::MoreNeeded]);
    let mut edited = life.clone();
    life.does(&ann(), Event::Answer { request: REQUEST })
        .does(&admin(), Event::Complete { until })
        .stands(State::SecurityReview, &[Notice::SecurityAsked]);
    edited
        .does(&ann(), Event::Answer { request: [9; 32] })
        .does(&admin(), Event::Complete { until })
        .stands(State::AwaitingHeadAck, &[Notice::HeadAsked, Notice::HeadWasAsked]);
}

#[test]
fn requests_are_declined_rejected_and_given_up() {
    let until = BEGIN.plus(days(300));
    let mut waiting = Life::draft(Track::Exception);
    waiting
        .does(&ann(), Event::Submit)
        .does(&admin(), Event::Complete { until });
    let mut review = waiting.clone();
    waiting
        .does(
            &dean(),
            Event::Decline {
                reason: said("buy a new one"),
            },
        )
        .stands(State::Rejected, &[Notice::Rejected]);
    review
        .does(&dean(), Event::Acknowledge(signature()))
        .does(
            &officer(),
            Event::Reject {
                reason: said("recipients everywhere"),
            },
        )
        .stands(State::Rejected, &[Notice::Rejected]);
    let mut mine = Life::draft(Track::Authenticated);
    mine.does(&ann(), Event::Submit)
        .does(&ann(), Event::Withdraw)
        .stands(State::Withdrawn, &[]);
}

#[test]
fn nobody_decides_about_their_own() {
    let until = BEGIN.plus(days(300));
    let mut life = Life::draft(Track::Exception);
    life.case.head = Some(Person::new("ANN@example.edu"));
    assert!(matches!(
        life.attempt(&ann(), &Event::Submit),
        Err(NoStep::OwnRequest { .. })
    ));
    life.case.head = None;
    assert_eq!(life.attempt(&ann(), &Event::Submit), Err(NoStep::NoHead));

    let own = |who: &str, role| Actor::human(who, role);
    let mut life = Life::draft(Track::Exception);
    life.does(&ann(), Event::Submit);
    for who in ["ann@example.edu", "dean@example.edu"] {
        let complete = life.attempt(&own(who, Role::Admin), &Event::Complete { until });
        assert!(matches!(complete, Err(NoStep::OwnRequest { .. })), "{who}");
    }
    life.does(&admin(), Event::Complete { until });
    let other = life.attempt(&own("other@example.edu", Role::Head), &Event::Acknowledge(signature()));
    assert!(
        matches!(other, Err(NoStep::NotYours { .. })),
        "a head who was not named"
    );
    life.does(&dean(), Event::Acknowledge(signature()));
    for who in ["ann@example.edu", "dean@example.edu"] {
        let decide = life.attempt(&own(who, Role::Security), &decision(Risk::Low, 100));
        assert!(matches!(decide, Err(NoStep::OwnRequest { .. })), "{who}");
    }
}

#[test]
fn roles_are_held_and_reasons_demanded() {
    let until = BEGIN.plus(days(300));
    let mut life = Life::draft(Track::Authenticated);
    life.does(&ann(), Event::Submit);
    let helpdesk = Actor::human("help@example.edu", Role::HelpDesk);
    for actor in [ann(), helpdesk, officer(), dean(), Actor::rule("any")] {
        let tried = life.attempt(&actor, &Event::Complete { until });
        assert!(matches!(tried, Err(NoStep::NotYours { .. })), "{actor}");
    }
    let empty = Event::Ask { what: said("  ") };
    assert_eq!(life.attempt(&admin(), &empty), Err(NoStep::NoReason("ask")));
    let people = life.attempt(&admin(), &mail());
    assert_eq!(
        people.unwrap_err().to_string(),
        "accepted is for the rules alone, not for postmaster@example.edu (relay administrator)"
    );
}

#[test]
fn an_end_lies_within_what_the_risk_allows() {
    let mut life = Life::draft(Track::Authenticated);
    life.does(&ann(), Event::Submit);
    let complete = |life: &mut Life, until| life.attempt(&admin(), &Event::Complete { until });
    assert_eq!(complete(&mut life, BEGIN), Err(NoStep::Past(BEGIN)));
    let far = BEGIN.plus(days(367));
    assert_eq!(complete(&mut life, far), Err(NoStep::TooLong { until: far, most: 366 }));

    let mut life = Life::draft(Track::Exception);
    life.does(&ann(), Event::Submit)
        .does(&admin(), Event::Complete { until: far })
        .does(&dean(), Event::Acknowledge(signature()));
    for (risk, most) in [(Risk::Low, 366), (Risk::Medium, 183), (Risk::High, 92)] {
        let tried = life.clone().attempt(&officer(), &decision(risk, most + 1));
        assert!(matches!(tried, Err(NoStep::TooLong { most: limit, .. }) if limit == most));
        assert_eq!(
            life.clone().attempt(&officer(), &decision(risk, most)),
            Ok(State::Approved)
        );
    }
}

#[test]
fn an_application_is_security_s_where_it_sends_in_bulk() {
    let until = BEGIN.plus(days(300));
    for (security, state) in [(false, State::Approved), (true, State::SecurityReview)] {
        let mut life = Life::draft(Track::Consultation { security });
        life.does(&ann(), Event::Submit)
            .does(&admin(), Event::Complete { until });
        assert_eq!(life.case.state, state);
        assert_eq!(life.case.is_decided(), !security);
    }
}
