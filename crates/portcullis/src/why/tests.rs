use ledger::{Origin, Refused, Tls, Words};

use super::*;

fn refused() -> Event {
    Event::Refused(Box::new(Refused {
        event: EventId::new(3),
        origin: Origin {
            session: SessionId::new(77),
            listener: "devices".into(),
            client: [10, 31, 7, 9].into(),
            port: 40_000,
            helo: None,
            ptr: None,
            tls: None::<Tls>,
            login: None,
            grant: Some("copier-3f".into()),
        },
        from: Some("<scan@own.test>".into()),
        rcpt: Some("<bob@gmail.example>".into()),
        recipients: Vec::new(),
        size: None,
        header_from: Vec::new(),
        code: 550,
        enhanced: Some(mail::EnhancedCode::new(5, 7, 1)),
        reason: "recipient-outside-scope".into(),
        text: Words::new("This client may not send to other organisations\u{202e}"),
        generation: None,
        rulebook: None,
        judged: None,
    }))
}

#[test]
fn a_refusal_is_told_with_its_reason_its_reply_and_the_next_step() {
    let line = Line {
        seq: 1,
        at: Timestamp::from_secs(0),
        prev: ledger::Hash::NONE,
        hash: ledger::Hash::NONE,
        event: refused(),
    };
    let mut decision = told(&line, &Key::Grant("copier-3f".into()), None).unwrap();
    decision.now = Some("it would be refused again".to_owned());
    let account = Account {
        kept: None,
        about: "10.31.7.9".to_owned(),
        grants: vec!["case pc-1042 of Chemistry serves; its end is 2027-01-01".to_owned()],
        decisions: vec![decision],
    };
    let id = EventId::new(3);
    let expected = format!(
        "10.31.7.9: one decision; times in UTC

  1970-01-01 00:00:00.000  refused  from scan@own.test  to bob@gmail.example
    source   10.31.7.9 on devices, grant copier-3f
    because  its grant reaches internal recipients only  [recipient-outside-scope {id}]
    reply    550 5.7.1 This client may not send to other organisations\u{20}
    next     Send to an address of ours, or have the owner ask for a wider grant, which is reviewed
    now      it would be refused again

Now: case pc-1042 of Chemistry serves; its end is 2027-01-01.
"
    );
    assert_eq!(account.to_string(), expected);
    let text = serde_json::to_string(&account).unwrap();
    assert_eq!(serde_json::from_str::<Account>(&text).unwrap(), account);
}

fn many(source: Option<IpAddr>, sessions: u64) -> Line {
    let sample = |number, client: IpAddr, rcpt: &str| {
        let Event::Refused(mut one) = refused() else {
            unreachable!()
        };
        (one.event, one.origin.client, one.rcpt) = (EventId::new(number), client, Some(rcpt.into()));
        *one
    };
    let (first, second) = ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
    Line {
        seq: 1,
        at: Timestamp::from_secs(36_120),
        prev: ledger::Hash::NONE,
        hash: ledger::Hash::NONE,
        event: Event::RefusedMany(Box::new(RefusedMany {
            source,
            reason: "recipient-outside-scope".into(),
            times: 4313,
            sessions,
            first: Timestamp::from_secs(36_060),
            last: Timestamp::from_secs(36_120),
            ids: vec![EventId::new(3), EventId::new(4)],
            samples: vec![
                sample(3, first, "<bob@gmail.example>"),
                sample(4, second, "<eve@gmail.example>"),
            ],
        })),
    }
}

#[test]
fn refusals_that_are_told_of_together_say_how_many_there_were() {
    let network: IpAddr = "2001:db8::".parse().unwrap();
    let line = many(Some(network), 12);
    let decision = told(&line, &Key::Source(network), None).unwrap();
    let said = decision.to_string();
    let often = "often    and 4,312 more like this between 10:01:00 and 10:02:00, in 12 sessions, of its /64\n";
    assert!(said.contains("bob@gmail.example") && said.contains(often), "{said}");
    let other = told(&line, &Key::Event(EventId::new(4)), None).unwrap();
    assert_eq!(other.to, ["eve@gmail.example"], "the one that was asked for");
    let session = told(&many(Some([10, 0, 0, 1].into()), 1), &Key::Source(network), None).unwrap();
    assert!(session.more.unwrap().ends_with("in the same session"));
    let others = told(&many(None, RefusedMany::SESSIONS_COUNTED), &Key::Source(network), None).unwrap();
    assert!(
        others
            .more
            .unwrap()
            .ends_with("in 250 sessions or more, of many sources")
    );
}

#[test]
fn a_trace_tells_the_refusal_that_was_asked_for_and_how_many_were_like_it() {
    let id = EventId::new(4).to_string();
    let tale = crate::story::tell_session(&id, &[many(Some([10, 0, 0, 1].into()), 1)]).unwrap();
    assert_eq!(tale.session, Some(SessionId::new(77).to_string()));
    let told: Vec<_> = tale
        .moments
        .iter()
        .map(|one| (one.what.as_str(), one.to.concat()))
        .collect();
    let expected = [("client", ""), ("refused", "eve@gmail.example"), ("refused", "")];
    assert_eq!(told, expected.map(|(what, to)| (what, to.to_owned())));
    assert!(tale.moments[2].text.starts_with("and 4,312 more like this"));
}

#[test]
fn what_is_asked_about_is_taken_for_what_it_looks_like() {
    assert_eq!(keys("::ffff:10.0.0.1"), [Key::Source([10, 0, 0, 1].into())]);
    assert!(matches!(&keys("<a@b.example>")[0], Key::Address(address) if **address == *"a@b.example"));
    let id = EventId::new(3).to_string();
    assert_eq!(keys(&id)[0], Key::Event(EventId::new(3)));
    assert_eq!(keys("copier-3f"), [Key::Grant("copier-3f".into())]);
}
