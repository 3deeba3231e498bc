//! What we add to a message: the trace line, and what a device or program left out.

use std::fmt::Write as _;

use bytes::Bytes;
use mail::{
    Domain, ForwardPath, Greeting, HeaderEnd, MailParams, Mailbox, MessageId, Originator, RcptParams, Received,
    ReceivedWith, ReversePath, ScannedHeaders, Timestamp, missing_fields,
};
use policy::{Class, Grant, Role};
use spool::{Content, Edit, Letter};

use crate::facts::FromScan;
use crate::witness::Visitor;

/// What the dialogue set right in the body, under a grant's tolerances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mending {
    /// Line ends that were LF alone.
    pub bare_lf: u64,
    /// Lines that were too long and were broken.
    pub long_lines: u64,
}

/// Room for the words on where almost every message came from.
const SOURCE_OCTETS_USUAL: usize = 96;

/// Everything a letter is composed from.
pub(crate) struct Composition<'a> {
    pub hostname: &'a Domain,
    pub id: MessageId,
    pub now: Timestamp,
    pub visitor: &'a Visitor,
    pub scanned: &'a ScannedHeaders,
    pub mended: Mending,
}

/// The From header as judgement knows it.
pub(crate) fn from_of(scanned: &ScannedHeaders) -> FromScan {
    match &scanned.from {
        Originator::Missing => FromScan::Missing,
        Originator::Malformed => FromScan::Malformed,
        Originator::One(mailbox) => FromScan::Mailboxes(vec![mailbox.clone()]),
        Originator::Several(mailboxes) => FromScan::Mailboxes(mailboxes.clone()),
    }
}

impl Composition<'_> {
    /// The letter without its recipients and its testimony.
    pub(crate) fn letter(
        &self,
        sender: &ReversePath,
        params: &MailParams,
        grant: Option<&Grant>,
        recipients: &[(ForwardPath, RcptParams)],
    ) -> Letter {
        let only = match recipients {
            [(path, _)] => Some(path),
            _ => None,
        };
        let mut prepend = self.received(params, only);
        if self.may_complete() {
            prepend.push_str(&missing_fields(self.scanned, self.now, self.id, self.hostname));
            if self.scanned.from == Originator::Missing {
                prepend.push_str(&self.author_field(sender));
            }
        }
        Letter {
            id: self.id,
            session: self.visitor.session,
            received: self.now,
            reverse: sender.clone(),
            params: params.clone(),
            prepend: Bytes::from(prepend),
            edits: self.edits(),
            subject: self.scanned.subject.clone(),
            source: self.source().into(),
            grant_contact: grant
                .filter(|grant| is_device(grant))
                .map(|grant| grant.contact.clone()),
            content: Content {
                has_8bit: self.scanned.body_eight_bit || self.scanned.header_eight_bit,
                signed: self.scanned.dkim_signatures > 0,
                originated: grant.is_some(),
            },
            testimony: Bytes::new(),
            recipients: Vec::new(),
        }
    }

    /// Only for those who submit, not for mail in transit (RFC 6409 §8).
    fn may_complete(&self) -> bool {
        self.visitor.role != Role::Mx
    }

    fn received(&self, params: &MailParams, recipient: Option<&ForwardPath>) -> String {
        let visitor = self.visitor;
        let tls = visitor
            .tls
            .as_ref()
            .map(|tls| format!("{} {}", tls.version, tls.cipher));
        Received {
            hello: &visitor.hello,
            client_name: visitor.ptr.as_ref(),
            client: visitor.client,
            by: self.hostname,
            with: ReceivedWith {
                greeting: if visitor.extended {
                    Greeting::Ehlo
                } else {
                    Greeting::Helo
                },
                tls: visitor.tls.is_some(),
                auth: visitor.login.is_some(),
                smtputf8: params.smtputf8,
            },
            tls: tls.as_deref(),
            id: self.id,
            recipient,
            at: self.now,
        }
        .to_field()
    }

    /// A message without an author is said to come from its envelope sender, which the grant was checked for.
    fn author_field(&self, sender: &ReversePath) -> String {
        match sender.mailbox().map(Mailbox::to_string) {
            Some(mailbox) => format!("From: <{mailbox}>\r\n"),
            None => format!("From: <postmaster@{}>\r\n", self.hostname),
        }
    }

    /// What is changed in the octets that came, in their order.
    fn edits(&self) -> Vec<Edit> {
        let mut edits = Vec::new();
        // A From with nothing in it makes room for the one we add.
        if let Some(empty) = self.scanned.empty_from.as_ref().filter(|_| self.may_complete()) {
            let drop = empty.end.saturating_sub(empty.start);
            edits.push(Edit {
                at: empty.start,
                drop,
                insert: Bytes::new(),
            });
        }
        // Text that begins without a blank line behind the fields would be read as one of them.
        if self.scanned.ended_by == HeaderEnd::OtherText {
            edits.push(Edit {
                at: self.scanned.end,
                drop: 0,
                insert: Bytes::from_static(b"\r\n"),
            });
        }
        edits
    }

    fn source(&self) -> String {
        let visitor = self.visitor;
        let mut source = String::with_capacity(SOURCE_OCTETS_USUAL);
        source.push_str(&visitor.listener);
        source.push_str(", ");
        // Here and below: writing to a String cannot fail.
        let _ = mail::put_ip(visitor.client, &mut source);
        if let Some(login) = &visitor.login {
            source.push_str(", login ");
            source.push_str(login);
        }
        source.push_str(", ");
        source.push_str(visitor.tls.as_ref().map_or("no TLS", |tls| &tls.version));
        let _ = write!(source, ", HELO {:?}", visitor.hello);
        source
    }

    /// What was set right, in words; empty where nothing was.
    pub(crate) fn mended_words(&self) -> String {
        let mut words = Vec::new();
        if self.mended.bare_lf > 0 {
            words.push(format!("bare-lf ({} line ends mended)", self.mended.bare_lf));
        }
        if self.mended.long_lines > 0 {
            words.push(format!("long-lines ({} broken)", self.mended.long_lines));
        }
        if self.may_complete() && self.scanned.from == Originator::Missing {
            words.push("missing-from (added)".to_owned());
        }
        words.join(", ")
    }
}

/// Whose delays and failures go to a contact, for nobody reads a copier's mailbox.
fn is_device(grant: &Grant) -> bool {
    matches!(grant.class, Class::Device | Class::Legacy)
}
