//! What was stopped for abuse, asked for again.

use super::*;
use crate::case::Track;

fn copier() -> Form {
    Form {
        authentication: "password".to_owned(),
        tls: "1.3".to_owned(),
        exception: None,
        ..form()
    }
}

impl Office {
    /// A grant that ended for abuse on the first day.
    fn abused(&mut self) -> CaseId {
        let (kept, _) = self.desk.request("chemistry", &copier(), &ann(), NOW).unwrap();
        self.desk.submit(kept.id, &ann(), NOW).unwrap();
        let until = after(300);
        assert_eq!(
            self.act(kept.id, Event::Complete { until }, &admin(), NOW),
            State::Approved
        );
        assert_eq!(self.check(kept.id, NOW), State::Provisioned);
        let abuse = Event::Abuse { alert: "phish".into() };
        self.act(kept.id, abuse, &Actor::rule("abuse-phish"), NOW);
        let reason = "its account was sold".into();
        self.act(kept.id, Event::Revoke { reason }, &officer(), NOW);
        kept.id
    }

    /// Where a request that is complete goes, made on this day.
    fn asked_again(&mut self, form: &Form, day: u32) -> State {
        let (kept, _) = self.desk.request("chemistry", form, &ann(), after(day)).unwrap();
        self.desk.submit(kept.id, &ann(), after(day)).unwrap();
        let until = after(day + 300);
        self.act(kept.id, Event::Complete { until }, &admin(), after(day))
    }
}

#[test]
fn for_ninety_days_security_decides_about_what_ended_for_abuse() {
    let mut office = Office::open();
    let former = office.abused();
    assert_eq!(office.kept(former).case.entered, NOW);
    assert_eq!(office.asked_again(&copier(), 1), State::SecurityReview);
    assert_eq!(office.asked_again(&copier(), 89), State::SecurityReview);
    assert_eq!(office.asked_again(&copier(), 90), State::Approved);
}

#[test]
fn it_is_known_by_its_machine_or_by_its_people_and_their_sender() {
    let mut office = Office::open();
    office.abused();
    let moved = Form {
        address: "10.1.2.9".to_owned(),
        host: "other.example.edu".to_owned(),
        ..copier()
    };
    assert_eq!(
        office.asked_again(&moved, 1),
        State::SecurityReview,
        "the same people, the same sender"
    );
    let as_another = Form {
        senders: vec!["printer@example.edu".to_owned()],
        ..moved.clone()
    };
    assert_eq!(office.asked_again(&as_another, 1), State::Approved);
    let of_another = |form: Form| {
        let contact = |email: &str| Contact {
            name: "Somebody Else".to_owned(),
            email: email.to_owned(),
        };
        Form {
            technical: contact("tina@example.edu"),
            owner: contact("otto@example.edu"),
            ..form
        }
    };
    let machine = of_another(Form {
        senders: vec!["printer@example.edu".to_owned()],
        host: String::new(),
        ..copier()
    });
    assert_eq!(
        office.asked_again(&machine, 1),
        State::SecurityReview,
        "the same machine"
    );
}

#[test]
fn abuse_that_comes_to_light_while_a_request_waits_counts_and_is_kept_with_it() {
    let mut office = Office::open();
    let waits = office.desk.request("chemistry", &copier(), &ann(), NOW).unwrap().0.id;
    office.desk.submit(waits, &ann(), NOW).unwrap();
    assert_eq!(office.kept(waits).case.track, Track::Authenticated);
    let former = office.abused();
    let until = after(300);
    assert_eq!(
        office.act(waits, Event::Complete { until }, &admin(), NOW),
        State::SecurityReview
    );

    let next = office.desk.request("chemistry", &copier(), &ann(), NOW).unwrap().0.id;
    office.desk.submit(next, &ann(), NOW).unwrap();
    let history = office.desk.store().history(next).unwrap();
    let evidence = history.last().unwrap().evidence.as_deref().unwrap();
    assert!(
        evidence.contains(&format!(r#""stopped_for_abuse":"{former}""#)),
        "{evidence}"
    );
}
