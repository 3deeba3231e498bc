//! The header lines we add: Received, and Date and Message-ID where they are missing.
//!
//! Return-Path belongs to final delivery (RFC 5321 §4.4), which is not ours.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::{Domain, ForwardPath, Host, MessageId, ScannedHeaders, Timestamp};

/// Octets of a sanitized HELO name at most.
const HELLO_OCTETS_MAX: usize = 255;

/// How the client greeted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Greeting {
    /// HELO.
    Helo,
    /// EHLO.
    Ehlo,
}

/// What the `with` of a Received line tells (RFC 3848, RFC 6531 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReceivedWith {
    /// HELO or EHLO.
    pub greeting: Greeting,
    /// The message came under TLS.
    pub tls: bool,
    /// The client had logged in.
    pub auth: bool,
    /// MAIL said SMTPUTF8.
    pub smtputf8: bool,
}

impl ReceivedWith {
    /// The registered keyword.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match (self.greeting, self.smtputf8, self.tls, self.auth) {
            (Greeting::Helo, ..) => "SMTP",
            (_, false, false, false) => "ESMTP",
            (_, false, true, false) => "ESMTPS",
            (_, false, false, true) => "ESMTPA",
            (_, false, true, true) => "ESMTPSA",
            (_, true, false, false) => "UTF8SMTP",
            (_, true, true, false) => "UTF8SMTPS",
            (_, true, false, true) => "UTF8SMTPA",
            (_, true, true, true) => "UTF8SMTPSA",
        }
    }
}

/// One Received line (RFC 5321 §4.4).
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// What the client called itself.
    pub hello: &'a str,
    /// The name of its address, where DNS has one that leads back.
    pub client_name: Option<&'a Domain>,
    /// Its address.
    pub client: IpAddr,
    /// Us.
    pub by: &'a Domain,
    /// How the message came.
    pub with: ReceivedWith,
    /// Version and cipher, as `TLSv1.3 TLS_AES_256_GCM_SHA384`, where there was TLS.
    pub tls: Option<&'a str>,
    /// The message.
    pub id: MessageId,
    /// Its recipient, where it has only one: of several none learns of another.
    pub recipient: Option<&'a ForwardPath>,
    /// When.
    pub at: Timestamp,
}

impl Received<'_> {
    /// The field with its folds and its line end.
    #[must_use]
    pub fn to_field(&self) -> String {
        let literal = Host::Literal(self.client);
        let mut field = String::with_capacity(320);
        // Here and below: writing to a String cannot fail.
        field.push_str("Received: from ");
        match Host::parse(self.hello) {
            Ok(host) => {
                let _ = host.put(&mut field);
                field.push_str(" (");
            }
            // What is no name has no place outside a comment.
            Err(_) => {
                let _ = literal.put(&mut field);
                field.push_str(" (HELO ");
                field.push_str(&comment(self.hello, HELLO_OCTETS_MAX));
                field.push_str("; ");
            }
        }
        if let Some(name) = self.client_name {
            field.push_str(name.as_str());
            field.push(' ');
        }
        let _ = literal.put(&mut field);
        field.push(')');
        if let Some(tls) = self.tls {
            field.push_str("\r\n\t(using ");
            field.push_str(&comment(tls, 100));
            field.push(')');
        }
        field.push_str("\r\n\tby ");
        field.push_str(self.by.as_str());
        field.push_str(" with ");
        field.push_str(self.with.keyword());
        let _ = write!(field, " id {}", self.id);
        if let Some(ForwardPath::Mailbox(mailbox)) = self.recipient
            && (self.with.smtputf8 || !mailbox.needs_smtputf8())
        {
            field.push_str("\r\n\tfor <");
            let _ = mailbox.put(&mut field);
            field.push('>');
        }
        field.push_str(";\r\n\t");
        field.push_str(&self.at.to_rfc5322());
        field.push_str("\r\n");
        field
    }
}

/// Text that can stand in a comment: no parentheses, no escapes, one line of US-ASCII.
fn comment(text: &str, octets_max: usize) -> String {
    text.chars()
        .take(octets_max)
        .map(|c| {
            if c.is_ascii_graphic() && !"()\\\"<>".contains(c) || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// Date and Message-ID lines for a message that lacks them (RFC 6409 §8); empty where it lacks none.
#[must_use]
pub fn missing_fields(found: &ScannedHeaders, at: Timestamp, id: MessageId, us: &Domain) -> String {
    let mut fields = String::new();
    if !found.has_date {
        let _ = write!(fields, "Date: {}\r\n", at.to_rfc5322());
    }
    if found.message_id.is_none() {
        let _ = write!(fields, "Message-ID: {}\r\n", message_id(id, us));
    }
    fields
}

/// The Message-ID that we give to a message.
#[must_use]
pub fn message_id(id: MessageId, us: &Domain) -> String {
    format!("<{id}@{us}>")
}

/// How often a message has been here: Received lines that name us behind `by`. More than a few is a loop.
#[must_use]
pub fn passages(found: &ScannedHeaders, us: &Domain) -> usize {
    found.received_by.iter().filter(|name| &***name == us.as_str()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HeaderEnd, HeaderScan};
    use proptest::prelude::*;

    fn field(hello: &str, tls: Option<&str>, recipient: Option<&str>) -> String {
        let by = Domain::parse("gate.example.edu").unwrap();
        let name = Domain::parse("host.example.net").unwrap();
        let recipient = recipient.map(|text| ForwardPath::Mailbox(text.parse().unwrap()));
        let with = ReceivedWith {
            greeting: Greeting::Ehlo,
            tls: tls.is_some(),
            auth: false,
            smtputf8: false,
        };
        Received {
            hello,
            client_name: Some(&name),
            client: "192.0.2.1".parse().unwrap(),
            by: &by,
            with,
            tls,
            id: MessageId::new(1),
            recipient: recipient.as_ref(),
            at: Timestamp::from_secs(1_795_262_400),
        }
        .to_field()
    }

    #[test]
    fn a_received_line_tells_from_by_with_id_and_when() {
        assert_eq!(
            field(
                "mx.example.net",
                Some("TLSv1.3 TLS_AES_256_GCM_SHA384"),
                Some("bob@example.edu")
            ),
            "Received: from mx.example.net (host.example.net [192.0.2.1])\r\n\
             \t(using TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\
             \tby gate.example.edu with ESMTPS id 000000000001\r\n\
             \tfor <bob@example.edu>;\r\n\
             \tSat, 21 Nov 2026 12:00:00 +0000\r\n"
        );
    }

    #[test]
    fn without_an_only_recipient_none_is_named() {
        assert!(!field("a.b", None, None).contains("for"));
    }

    #[test]
    fn a_recipient_in_unicode_is_not_named_to_those_who_cannot_read_it() {
        assert!(!field("a.b", None, Some("b\u{fc}b@example.edu")).contains("for"));
    }

    #[test]
    fn keywords_are_the_registered_ones() {
        let with = |greeting, tls, auth, smtputf8| {
            ReceivedWith {
                greeting,
                tls,
                auth,
                smtputf8,
            }
            .keyword()
        };
        assert_eq!(with(Greeting::Helo, true, false, false), "SMTP");
        assert_eq!(with(Greeting::Ehlo, true, true, false), "ESMTPSA");
        assert_eq!(with(Greeting::Ehlo, false, true, true), "UTF8SMTPA");
    }

    #[test]
    fn what_is_missing_is_added_and_nothing_else() {
        let us = Domain::parse("gate.example.edu").unwrap();
        let mut scan = HeaderScan::default();
        scan.feed(b"Date: x\r\n\r\n");
        let lines = missing_fields(&scan.finish(), Timestamp::from_secs(0), MessageId::new(1), &us);
        assert_eq!(lines, "Message-ID: <000000000001@gate.example.edu>\r\n");
    }

    #[test]
    fn a_loop_is_seen_in_our_own_lines() {
        let us = Domain::parse("gate.example.edu").unwrap();
        let mut scan = HeaderScan::default();
        for _ in 0..3 {
            scan.feed(field("other.example.net", Some("x"), Some("by@gate.example.edu")).as_bytes());
        }
        scan.feed(b"Received: from gate.example.edu by other.example.net;\r\n\r\n");
        assert_eq!(passages(&scan.finish(), &us), 3);
    }

    proptest! {
        #[test]
        fn no_name_of_a_client_breaks_the_line(hello in ".{0,300}") {
            let field = field(&hello, None, None);
            prop_assert!(field.is_ascii() && field.split("\r\n").all(|line| line.len() < 998));
            let mut scan = HeaderScan::default();
            scan.feed(field.as_bytes());
            let found = scan.finish();
            prop_assert_eq!((found.received, found.ended_by, found.invalid_names), (1, HeaderEnd::Message, 0));
            prop_assert_eq!(&*found.received_by, &["gate.example.edu".into()][..]);
        }
    }
}
