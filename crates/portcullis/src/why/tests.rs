use ledger::{Refused, Tls, Words};

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
    let mut decision = told(&line, None).unwrap();
    decision.now = Some("it would be refused again".to_owned());
    let account = Account {
        about: "10.31.7.9".to_owned(),
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
"
    );
    assert_eq!(account.to_string(), expected);
    let text = serde_json::to_string(&account).unwrap();
    assert_eq!(serde_json::from_str::<Account>(&text).unwrap(), account);
}

#[test]
fn what_is_asked_about_is_taken_for_what_it_looks_like() {
    assert_eq!(keys("::ffff:10.0.0.1"), [Key::Source([10, 0, 0, 1].into())]);
    assert!(matches!(&keys("<a@b.example>")[0], Key::Address(address) if **address == *"a@b.example"));
    let id = EventId::new(3).to_string();
    assert_eq!(keys(&id)[0], Key::Event(EventId::new(3)));
    assert_eq!(
        keys("copier-3f"),
        [Key::Grant("copier-3f".into()), Key::Login("copier-3f".into())]
    );
}
