use ledger::{
    Accepted, AcceptedRecipient, Attempt, Change, Deferred, Event, Ground, Hash, Line, NoticeSent, Origin, Refused,
    Tls, Words,
};
use mail::{AttemptId, EnhancedCode, EventId, MessageId, SessionId, Timestamp};
use policy::NoticeKind;

use super::*;

const NOON: i64 = 1_795_262_400_000;

fn message() -> MessageId {
    MessageId::new(1 << 59)
}

fn line(after_ms: i64, event: Event) -> Line {
    Line {
        seq: 0,
        at: Timestamp(NOON + after_ms),
        prev: Hash::NONE,
        hash: Hash::NONE,
        event,
    }
}

fn origin() -> Origin {
    Origin {
        session: SessionId::new(77),
        listener: "devices".into(),
        client: [10, 20, 3, 14].into(),
        port: 40_000,
        helo: Some("RNP002673A1B2C3".into()),
        ptr: None,
        tls: None,
        login: None,
        grant: Some("copier-3f".into()),
    }
}

fn accepted(to: &[&str]) -> Line {
    let recipient = |to: &&str| AcceptedRecipient {
        rcpt: Words::new(to),
        asked: None,
        basis: Ground::Grant("copier-3f".into()),
        digest: 1,
        held: None,
        quarantined: false,
    };
    line(
        0,
        Event::Accepted(Box::new(Accepted {
            message: message(),
            origin: origin(),
            from: "<scan@own.test>".into(),
            size: 2_100_000,
            generation: 41,
            rulebook: 1,
            recipients: to.iter().map(recipient).collect(),
            header_from: Vec::new(),
            message_id: None,
            mended: None,
            judged: None,
        })),
    )
}

fn attempt(to: &str, text: &str) -> Attempt {
    Attempt {
        message: message(),
        attempt: Some(AttemptId::new(9)),
        rcpt: Words::new(to),
        host: "mail.chem.example.edu".into(),
        ip: Some([192, 0, 2, 25].into()),
        tls: Some(Tls {
            version: "TLSv1.3".into(),
            cipher: "X".into(),
            verified: Some(true),
            client_cert: None,
            client_names: Vec::new(),
            client_doubt: None,
        }),
        enhanced: Some(EnhancedCode::new(2, 0, 0)),
        text: Words::new(text),
        took_ms: 7,
    }
}

#[test]
fn a_message_is_told_from_its_arrival_to_its_delivery() {
    let lines = [
        accepted(&["<it@chem.example.edu>"]),
        line(
            52,
            Event::Delivered(Box::new(attempt(
                "<it@chem.example.edu>",
                "250 2.0.0 Ok: queued as 4F1A2",
            ))),
        ),
    ];
    let tale = tell(None, &lines).unwrap();
    let expected = format!(
        "{}  2.1 MB  from <scan@own.test>  session {}
  2026-11-21, times in UTC
  12:00:00.000  received   devices, 10.20.3.14 port 40000, no TLS, HELO \"RNP002673A1B2C3\"
  12:00:00.000  judged     grant copier-3f, rulebook 41; to it@chem.example.edu
  12:00:00.000  stored     durable on disk before the client was told 250
  12:00:00.052  delivered  it@chem.example.edu via mail.chem.example.edu [192.0.2.25], TLSv1.3 verified, \"250 2.0.0 Ok: \
         queued as 4F1A2\" (7 ms)
",
        message(),
        SessionId::new(77)
    );
    assert_eq!(tale.to_string(), expected);
    assert_eq!(tale.delivered_after_ms(), Some(52));
    let json = serde_json::to_string(&tale).unwrap();
    assert_eq!(serde_json::from_str::<Tale>(&json).unwrap(), tale);
}

#[test]
fn recipients_of_one_transaction_share_a_line() {
    let to = ["<a@x.example>", "<b@x.example>", "<c@x.example>", "<d@x.example>"];
    let mut lines = vec![accepted(&to)];
    lines.extend(
        to.iter()
            .map(|to| line(9, Event::Delivered(Box::new(attempt(to, "250 ok"))))),
    );
    let tale = tell(None, &lines).unwrap();
    assert_eq!(tale.moments.len(), 4, "{tale}");
    assert!(
        tale.to_string()
            .contains("a@x.example, b@x.example, c@x.example and 1 more via"),
        "{tale}"
    );
}

#[test]
fn deferrals_changes_and_notices_follow_each_other() {
    let until = Timestamp(NOON + 300_000);
    let change = |reason: &str| {
        Box::new(Change {
            message: message(),
            change: None,
            rcpt: None,
            by: "anna (uid 0)".into(),
            reason: reason.into(),
        })
    };
    let failed = Attempt {
        attempt: None,
        ..attempt("<b@x.example>", "given up after 5 days")
    };
    let notice = NoticeSent::new(
        message(),
        MessageId::new(4),
        NoticeKind::Failure,
        "<scan@own.test>".into(),
    );
    let lines = [
        accepted(&["<b@x.example>"]),
        line(
            10,
            Event::Deferred(Box::new(Deferred {
                attempt: attempt("<b@x.example>", "450 later"),
                until,
            })),
        ),
        line(20, Event::Held(change("their server moves"))),
        line(30, Event::Released(change("it has moved"))),
        line(86_400_000, Event::Failed(Box::new(failed))),
        line(86_400_001, Event::NoticeSent(Box::new(notice))),
    ];
    let text = tell(None, &lines).unwrap().to_string();
    assert!(text.contains("deferred  b@x.example via"), "{text}");
    assert!(
        text.contains("\"450 later\"; next try at 2026-11-21T12:05:00.000Z (7 ms)"),
        "{text}"
    );
    assert!(text.contains("held      by anna (uid 0): their server moves"), "{text}");
    assert!(text.contains("  2026-11-22, times in UTC\n"), "{text}");
    assert!(
        !text.contains("given up after 5 days\" (7 ms)"),
        "nothing was tried: {text}"
    );
    assert!(
        text.contains("scan@own.test told of the failure as message 000000000004"),
        "{text}"
    );
}

#[test]
fn a_refusal_is_told_with_its_client() {
    let refused = Refused {
        event: EventId::new(3),
        origin: origin(),
        from: Some("<scan@own.test>".into()),
        rcpt: Some("<bob@gmail.com>".into()),
        recipients: Vec::new(),
        size: None,
        header_from: Vec::new(),
        code: 550,
        enhanced: Some(EnhancedCode::new(5, 7, 1)),
        reason: "recipient-outside-scope".into(),
        text: "May not send to other organisations [recipient-outside-scope 000000000003]".into(),
        generation: None,
        rulebook: None,
        judged: None,
    };
    let lines = [line(0, Event::Refused(Box::new(refused)))];
    assert_eq!(tell(None, &lines), None);
    let tale = tell_session("000000000003", &lines).unwrap();
    assert_eq!(tale.session, Some(SessionId::new(77).to_string()));
    let text = tale.to_string();
    assert!(text.contains("client   devices, 10.20.3.14 port 40000"), "{text}");
    assert!(text.contains("refused  bob@gmail.com 550 5.7.1 May not send"), "{text}");
}

#[test]
fn text_of_strangers_cannot_paint_on_the_terminal() {
    let lines = [accepted(&["<b@x.example>"])];
    let mut tale = tell(None, &lines).unwrap();
    tale.subject = Some("\u{1b}[2Jgone\u{202e}\n".to_owned());
    let text = tale.to_string();
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    assert_eq!(text.lines().count(), 5);
}

#[test]
fn sizes_are_in_units_people_read() {
    assert_eq!(
        ["840 B", "2.1 kB", "150.0 MB"],
        [size(840), size(2_100), size(150_000_000)]
            .each_ref()
            .map(String::as_str)
    );
}

#[test]
fn a_host_that_is_named_by_its_address_is_named_once() {
    let delivered = Attempt {
        host: "[192.0.2.25]".into(),
        ..attempt("<b@x.example>", "250 ok")
    };
    let lines = [
        accepted(&["<b@x.example>"]),
        line(9, Event::Delivered(Box::new(delivered))),
    ];
    let text = tell(None, &lines).unwrap().to_string();
    assert!(text.contains("via [192.0.2.25], TLSv1.3"), "{text}");
}
