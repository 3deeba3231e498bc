//! Answers by links.

use super::*;

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
