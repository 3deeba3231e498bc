//! Notices, read back.

use super::*;
use crate::{HeaderEnd, HeaderScan};
use proptest::prelude::*;

const HEADER: &[u8] = b"From: a@example.edu\r\nSubject: Scan\r\n";

/// A notice about these recipients, written and cut into head and parts.
fn write(charset: Charset, original: Original<'_>, recipients: &[Told<'_>]) -> String {
    let reporter = Domain::parse("gate.example.edu").unwrap();
    let from = Mailbox::parse("postmaster@gate.example.edu").unwrap();
    let to = Mailbox::parse("a@example.edu").unwrap();
    let notice = Notice {
        id: MessageId::new(7),
        reporter: &reporter,
        from: &from,
        to: &to,
        at: Timestamp::from_secs(1_795_262_400),
        original,
        recipients,
        help: Some("Questions: help desk, 555-0100."),
        charset,
    };
    let octets = notice.to_message();
    let text = String::from_utf8(octets).unwrap();
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
    assert!(text.split("\r\n").all(|line| line.len() < 998));
    assert!(charset == Charset::Utf8 || text.is_ascii());
    text
}

fn original<'a>() -> Original<'a> {
    Original {
        id: MessageId::new(1),
        envid: Some("QQ314159"),
        arrived: Timestamp::from_secs(1_795_262_000),
        subject: Some("Scan"),
        ret: None,
        header: HEADER,
        full: None,
    }
}

fn path(text: &str) -> ForwardPath {
    ForwardPath::Mailbox(text.parse().unwrap())
}

fn failed<'a>(recipient: &'a ForwardPath, said: &'a Reply) -> Told<'a> {
    Told {
        recipient,
        orcpt: Some("rfc822;bob@example.net"),
        action: Action::Failed,
        status: EnhancedCode::new(5, 1, 1),
        remote: Some("mx.example.net"),
        said: Some(said),
        why: None,
    }
}

#[test]
fn a_failure_is_told_to_people_and_programs() {
    let reply = Reply::new(550, EnhancedCode::new(5, 1, 1), "no such\nuser");
    let bob = path("bob@example.net");
    let text = write(Charset::Ascii, original(), &[failed(&bob, &reply)]);
    let expected = "From: Mail gate <postmaster@gate.example.edu>\r\n\
        To: <a@example.edu>\r\n\
        Subject: Not delivered: Scan\r\n\
        Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
        Message-ID: <000000000007@gate.example.edu>\r\n\
        Auto-Submitted: auto-replied\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=delivery-status;\r\n\
        \tboundary=\"=_000000000007\"\r\n\
        Content-Transfer-Encoding: 7bit\r\n\
        \r\n\
        --=_000000000007\r\n\
        Content-Description: Notification\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: 7bit\r\n\
        \r\n\
        Your message could not be delivered.\r\n\
        \r\n\
        Message:   \"Scan\"\r\n\
        Received:  Sat, 21 Nov 2026 11:53:20 +0000\r\n\
        Known as:  000000000001\r\n\
        \r\n\
        <bob@example.net>\r\n    Not delivered.\r\n    mx.example.net said:\r\n      550 5.1.1 no such / user\r\n    \
        Next: check the address for a typing mistake, then send again.\r\n\
        \r\n\
        Questions: help desk, 555-0100.\r\n\
        Decided by: nobody, this is automatic. Written by gate.example.edu.\r\n\
        \r\n--=_000000000007\r\n\
        Content-Description: Delivery report\r\n\
        Content-Type: message/delivery-status\r\n\
        \r\n\
        Reporting-MTA: dns; gate.example.edu\r\n\
        Original-Envelope-Id: QQ314159\r\n\
        Arrival-Date: Sat, 21 Nov 2026 11:53:20 +0000\r\n\
        \r\n\
        Original-Recipient: rfc822; bob@example.net\r\n\
        Final-Recipient: rfc822; bob@example.net\r\n\
        Action: failed\r\n\
        Status: 5.1.1\r\n\
        Remote-MTA: dns; mx.example.net\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 no such / user\r\n\
        Last-Attempt-Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
        \r\n--=_000000000007\r\n\
        Content-Description: Headers of your message\r\n\
        Content-Type: text/rfc822-headers\r\n\
        Content-Transfer-Encoding: 7bit\r\n\
        \r\n\
        From: a@example.edu\r\nSubject: Scan\r\n\
        \r\n--=_000000000007--\r\n";
    assert_eq!(text, expected);
}

#[test]
fn a_delay_says_until_when_and_that_nothing_is_to_be_done() {
    let bob = path("bob@example.net");
    let told = Told {
        action: Action::Delayed {
            until: Timestamp::from_secs(1_795_662_400),
        },
        status: EnhancedCode::new(4, 4, 1),
        said: None,
        remote: None,
        orcpt: None,
        why: Some("mx.example.net did not answer"),
        recipient: &bob,
    };
    let text = write(Charset::Ascii, original(), &[told]);
    assert!(text.contains("Subject: Delayed: Scan\r\n") && text.contains("You need not send it again."));
    assert!(text.contains("Action: delayed\r\n") && text.contains("Will-Retry-Until: Thu, 26 Nov 2026"));
    assert!(!text.contains("Next:") && text.contains("    Why:  mx.example.net did not answer\r\n"));
}

#[test]
fn an_internationalised_recipient_is_escaped_for_those_who_need_it() {
    let reply = Reply::plain(550, "b\u{fc}b?");
    let bob = path("b\u{fc}b@example.net");
    let told = Told {
        orcpt: Some("utf-8;b\u{fc}b@example.net"),
        ..failed(&bob, &reply)
    };
    let text = write(Charset::Ascii, original(), std::slice::from_ref(&told));
    assert!(text.contains("Final-Recipient: utf-8; b\\x{FC}b@example.net\r\n"));
    assert!(text.contains("Original-Recipient: utf-8; b\\x{FC}b@example.net\r\n"));
    assert!(text.contains("Diagnostic-Code: smtp; 550 b?b?\r\n") && text.contains("<b=C3=BCb@example.net>"));
    let text = write(Charset::Utf8, original(), &[told]);
    assert!(text.contains("Final-Recipient: utf-8; b\u{fc}b@example.net\r\n"));
    assert!(text.contains("message/global-delivery-status") && text.contains("report-type=global-delivery-status"));
}

#[test]
fn an_address_type_that_is_none_is_left_out() {
    let reply = Reply::plain(550, "no");
    let bob = path("bob@example.net");
    for orcpt in [
        "\u{fc};bob@example.net",
        "a b;bob@example.net",
        ";bob@example.net",
        "bob@example.net",
    ] {
        let told = Told {
            orcpt: Some(orcpt),
            ..failed(&bob, &reply)
        };
        assert!(
            !write(Charset::Ascii, original(), &[told]).contains("Original-Recipient"),
            "{orcpt}"
        );
    }
}

#[test]
fn the_whole_message_comes_back_only_when_asked_for_and_small() {
    let reply = Reply::plain(550, "no");
    let bob = path("bob@example.net");
    let full = [HEADER, b"\r\nbody text\r\n"].concat();
    let has_body = |ret, full: &[u8]| {
        let original = Original {
            ret,
            full: Some(full),
            ..original()
        };
        write(Charset::Ascii, original, &[failed(&bob, &reply)]).contains("body text")
    };
    assert!(has_body(Some(DsnReturn::Full), &full));
    assert!(!has_body(Some(DsnReturn::Headers), &full) && !has_body(None, &full));
    assert!(!has_body(Some(DsnReturn::Full), &full.repeat(10_000)));
    assert!(!has_body(Some(DsnReturn::Full), &[&full[..], b"\xfc"].concat()));
}

#[test]
fn long_and_odd_headers_are_cut_and_encoded() {
    let reply = Reply::plain(550, "no");
    let bob = path("bob@example.net");
    let long = b"X-Long: yes\r\n".repeat(10_000);
    let text = write(
        Charset::Ascii,
        Original {
            header: &long,
            ..original()
        },
        &[failed(&bob, &reply)],
    );
    assert!(text.len() < 40_000);
    let wide = "X: \u{fc}\r\n".as_bytes();
    let text = write(
        Charset::Ascii,
        Original {
            header: wide,
            ..original()
        },
        &[failed(&bob, &reply)],
    );
    assert!(text.contains("X: =C3=BC\r\n"));
    let text = write(
        Charset::Utf8,
        Original {
            header: wide,
            ..original()
        },
        &[failed(&bob, &reply)],
    );
    assert!(text.contains("message/global-headers") && text.contains("X: \u{fc}\r\n"));
}

#[test]
fn an_endless_answer_is_cut_and_cannot_begin_a_line() {
    let reply = Reply::plain(550, format!("x\r\nFinal-Recipient: evil\r\n{}", "\u{fc}".repeat(5000)));
    let bob = path("bob@example.net");
    for charset in [Charset::Ascii, Charset::Utf8] {
        assert_eq!(
            write(charset, original(), &[failed(&bob, &reply)])
                .matches("\r\nFinal-Recipient:")
                .count(),
            1
        );
    }
}

proptest! {
    /// Nothing that comes from outside adds a line, a part or a field.
    #[test]
    fn no_text_from_outside_breaks_a_notice(
        subject in ".{0,40}", said in "(.|\r|\n|=|-){0,60}", remote in ".{0,20}", orcpt in "(.|\r\n){0,30}",
        header in "([A-Z]: x\r\n|--=_0000\u{e9}\r\n|=_000000000007){0,5}", wide in any::<bool>(),
    ) {
        let charset = if wide { Charset::Utf8 } else { Charset::Ascii };
        let reply = Reply::plain(550, said);
        let bob = path("bob@example.net");
        let told = Told { orcpt: Some(&orcpt), remote: Some(&remote), ..failed(&bob, &reply) };
        let original = Original { subject: Some(&subject), envid: Some(&remote), header: header.as_bytes(), ..original() };
        let text = write(charset, original, &[told]);
        let mut scan = HeaderScan::default();
        scan.feed(text.as_bytes());
        let found = scan.finish();
        prop_assert_eq!((found.ended_by, found.invalid_names), (HeaderEnd::BlankLine, 0));
        prop_assert!(found.auto_submitted && found.from.mailboxes().len() == 1 && found.duplicates.is_empty());
        let boundary = text.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
        prop_assert_eq!(text.matches(&format!("\r\n--{boundary}")).count(), 4);
        prop_assert_eq!(text.matches("\r\nFinal-Recipient: ").count(), 1);
    }
}
