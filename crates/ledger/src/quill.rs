//! JSON written straight, for what is written with every message: an acceptance, and the beginning of a line.
//!
//! The octets are those that serde writes of the same facts, which reads them back; a test compares them, so that a fact
//! that is added in `facts.rs` or `judged.rs` is added here.

use std::fmt;

use policy::Fact;

use crate::facts::{Accepted, AcceptedRecipient, Ground, Origin, Tls, Vouched};
use crate::judged::{Judged, Spoken};
use crate::text::Words;

/// Appends an acceptance: `{"event":"data.accept",...}`.
pub(crate) fn put_accepted(out: &mut Vec<u8>, facts: &Accepted) {
    let mut quill = Quill(out);
    quill.put("{\"event\":\"data.accept\",\"qid\":\"");
    quill.0.extend_from_slice(&facts.message.text());
    quill.put("\",\"sess\":\"");
    quill.0.extend_from_slice(&facts.origin.session.text());
    quill.put("\"");
    quill.origin(&facts.origin);
    quill.text("from", facts.from.as_str());
    quill.number("size", facts.size);
    quill.number("generation", facts.generation);
    quill.number("rulebook", facts.rulebook);
    quill.name("recipients");
    quill.list(&facts.recipients, Quill::recipient);
    if !facts.header_from.is_empty() {
        quill.name("header_from");
        quill.list(&facts.header_from, |quill, from| quill.string(from.as_str()));
    }
    quill.words("msgid", facts.message_id.as_ref());
    quill.words("mended", facts.mended.as_ref());
    if let Some(judged) = &facts.judged {
        quill.name("judged");
        quill.judged(judged);
    }
    quill.put("}");
}

/// Writes members of objects, each behind a comma.
pub(crate) struct Quill<'a>(pub(crate) &'a mut Vec<u8>);

impl Quill<'_> {
    fn origin(&mut self, origin: &Origin) {
        self.text("listener", &origin.listener);
        self.put(",\"src_ip\":\"");
        // Here and below: writing to a Vec cannot fail.
        let _ = mail::put_ip(origin.client, self);
        self.put("\"");
        self.number("src_port", u64::from(origin.port));
        self.words("helo", origin.helo.as_ref());
        self.words("ptr", origin.ptr.as_ref());
        if let Some(tls) = &origin.tls {
            self.name("tls");
            self.tls(tls);
        }
        self.words("user", origin.login.as_ref());
        if let Some(grant) = &origin.grant {
            self.text("grant", grant);
        }
    }

    fn tls(&mut self, tls: &Tls) {
        self.put("{\"ver\":");
        self.string(tls.version.as_str());
        self.text("cipher", tls.cipher.as_str());
        if let Some(verified) = tls.verified {
            self.name("verified");
            self.put(truth(verified));
        }
        self.words("client_cert", tls.client_cert.as_ref());
        if !tls.client_names.is_empty() {
            self.name("client_names");
            self.list(&tls.client_names, Self::vouched);
        }
        self.words("client_doubt", tls.client_doubt.as_ref());
        self.put("}");
    }

    fn vouched(&mut self, vouched: &Vouched) {
        self.put("{\"name\":");
        self.string(vouched.name.as_str());
        self.text("by", &vouched.by);
        self.put("}");
    }

    fn recipient(&mut self, one: &AcceptedRecipient) {
        self.put("{\"rcpt\":");
        self.string(one.rcpt.as_str());
        self.words("asked", one.asked.as_ref());
        self.name("basis");
        self.ground(&one.basis);
        self.number("digest", one.digest);
        self.words("held", one.held.as_ref());
        if one.quarantined {
            self.put(",\"quarantined\":true");
        }
        self.put("}");
    }

    fn ground(&mut self, ground: &Ground) {
        let (kind, name) = match ground {
            Ground::Grant(name) => ("{\"grant\":", name),
            Ground::Route(name) => ("{\"route\":", name),
            Ground::Forward(name) => ("{\"forward\":", name),
            Ground::Notice { parent, kind } => {
                self.put("{\"notice\":{\"parent\":\"");
                self.0.extend_from_slice(&parent.text());
                self.put("\"");
                self.text("kind", kind.as_str());
                return self.put("}}");
            }
        };
        self.put(kind);
        self.string(name);
        self.put("}");
    }

    fn judged(&mut self, judged: &Judged) {
        self.put("{\"v\":");
        self.digits(u64::from(judged.version));
        self.name("at");
        self.signed(judged.now.0);
        self.fact("from", judged.from, Self::word);
        self.fact("hops", judged.hops, |quill, hops| quill.digits(u64::from(hops)));
        self.fact("usage", judged.usage, Self::word);
        self.fact("masked", judged.masked, |quill, masked| quill.put(truth(masked)));
        self.fact("content", judged.content, Self::word);
        self.put("}");
    }

    /// A fact, unless it was not known yet.
    fn fact<T>(&mut self, name: &str, fact: Fact<T>, write: impl FnOnce(&mut Self, T)) {
        match fact {
            Fact::NotYet => {}
            Fact::Unknown => {
                self.name(name);
                self.put("null");
            }
            Fact::Known(value) => {
                self.name(name);
                write(self, value);
            }
        }
    }

    fn word<T: Spoken>(&mut self, class: T) {
        match T::WORDS.iter().find(|(one, _)| *one == class) {
            Some((_, word)) => self.string(word),
            None => self.put("null"),
        }
    }

    fn list<T>(&mut self, all: &[T], mut write: impl FnMut(&mut Self, &T)) {
        for (place, one) in all.iter().enumerate() {
            self.put(if place == 0 { "[" } else { "," });
            write(self, one);
        }
        self.put(if all.is_empty() { "[]" } else { "]" });
    }

    fn words(&mut self, name: &str, words: Option<&Words>) {
        if let Some(words) = words {
            self.text(name, words.as_str());
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        self.string(text);
    }

    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.digits(number);
    }

    pub(crate) fn name(&mut self, name: &str) {
        self.put(",\"");
        self.put(name);
        self.put("\":");
    }

    fn string(&mut self, text: &str) {
        if needs_escapes(text) {
            let _ = serde_json::to_writer(&mut *self.0, text);
            return;
        }
        self.put("\"");
        self.put(text);
        self.put("\"");
    }

    pub(crate) fn signed(&mut self, number: i64) {
        if number < 0 {
            self.put("-");
        }
        self.digits(number.unsigned_abs());
    }

    fn digits(&mut self, number: u64) {
        let _ = serde_json::to_writer(&mut *self.0, &number);
    }

    pub(crate) fn put(&mut self, json: &str) {
        self.0.extend_from_slice(json.as_bytes());
    }
}

impl fmt::Write for Quill<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text);
        Ok(())
    }
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// Whether a text has what JSON writes differently. Looked at to the end, which is quicker than stopping early.
fn needs_escapes(text: &str) -> bool {
    let escaped = |octet: u8| octet < b' ' || octet == b'"' || octet == b'\\';
    text.bytes().fold(false, |found, octet| found | escaped(octet))
}

#[cfg(test)]
mod tests {
    use mail::{MessageId, SessionId, Timestamp};
    use policy::{ContentClass, Name, Usage};

    use super::*;
    use crate::{Event, FromForm};

    fn plain() -> Accepted {
        Accepted {
            message: MessageId::new(7),
            origin: Origin {
                session: SessionId::new(8),
                listener: Name::from("relay"),
                client: [192, 0, 2, 10].into(),
                port: 65_535,
                helo: None,
                ptr: None,
                tls: None,
                login: None,
                grant: None,
            },
            from: Words::new("<ann@example.edu>"),
            size: 0,
            generation: 10,
            rulebook: u64::MAX,
            recipients: Vec::new(),
            header_from: Vec::new(),
            message_id: None,
            mended: None,
            judged: None,
        }
    }

    fn recipient(basis: Ground) -> AcceptedRecipient {
        AcceptedRecipient {
            rcpt: Words::new("<\"a \\\"b\"@example.edu>"),
            asked: None,
            basis,
            digest: 1_234_567_890,
            held: None,
            quarantined: false,
        }
    }

    fn everything() -> Accepted {
        let mut facts = plain();
        facts.origin = Origin {
            client: "2001:db8::1".parse().unwrap(),
            helo: Some(Words::new("a\\b \u{fc}\u{7f}")),
            ptr: Some(Words::new("pc.example.edu")),
            tls: Some(Tls {
                version: Words::new("TLSv1.3"),
                cipher: Words::new("X"),
                verified: Some(false),
                client_cert: Some(Words::new("ab")),
                client_names: vec![Vouched {
                    name: Words::new("cn:a \"b\""),
                    by: Name::from("campus"),
                }],
                client_doubt: Some(Words::new("others: it has expired")),
            }),
            login: Some(Words::new("ann")),
            grant: Some(Name::from("ann's \"grant\"")),
            ..facts.origin
        };
        let notice = Ground::Notice {
            parent: MessageId::new(9),
            kind: Words::new("failure"),
        };
        let set_aside = AcceptedRecipient {
            asked: Some(Words::new("<old@example.edu>")),
            held: Some(Words::new("content")),
            quarantined: true,
            ..recipient(notice)
        };
        facts.recipients = vec![
            recipient(Ground::Grant(Name::from("ann"))),
            recipient(Ground::Route(Name::from("inside"))),
            recipient(Ground::Forward(Name::from("moved"))),
            set_aside,
        ];
        facts.header_from = vec![Words::new("ann@example.edu"), Words::new("b@example.edu")];
        facts.message_id = Some(Words::new("<1@example.edu>"));
        facts.mended = Some(Words::new("bare-lf (2 line ends mended)"));
        facts.judged = Some(Judged {
            from: Fact::Known(FromForm::Mailboxes),
            hops: Fact::Known(3),
            usage: Fact::Known(Usage::Soft),
            masked: Fact::Known(true),
            content: Fact::Known(ContentClass::Quarantine),
            ..Judged::nothing_yet(Timestamp(-1))
        });
        facts
    }

    fn is_as_serde_writes_it(facts: Accepted) {
        let mut written = Vec::new();
        put_accepted(&mut written, &facts);
        let event = Event::Accepted(Box::new(facts));
        assert_eq!(
            String::from_utf8(written).unwrap(),
            serde_json::to_string(&event).unwrap()
        );
    }

    #[test]
    fn an_acceptance_is_written_as_serde_writes_it() {
        is_as_serde_writes_it(plain());
        is_as_serde_writes_it(everything());
        let unknown = Judged {
            from: Fact::Unknown,
            hops: Fact::Unknown,
            usage: Fact::Unknown,
            masked: Fact::Unknown,
            content: Fact::Unknown,
            ..Judged::nothing_yet(Timestamp(1_795_262_400_000))
        };
        for judged in [unknown, Judged::nothing_yet(Timestamp(0))] {
            is_as_serde_writes_it(Accepted {
                judged: Some(judged),
                ..everything()
            });
        }
    }

    #[test]
    fn every_octet_is_escaped_that_serde_escapes() {
        for octet in 0..=127u8 {
            let text = char::from(octet).to_string();
            let mut written = Vec::new();
            Quill(&mut written).string(&text);
            assert_eq!(written, serde_json::to_vec(&text).unwrap(), "octet {octet}");
        }
    }
}
