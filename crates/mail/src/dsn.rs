//! Notices: the letters that tell a sender what became of a message (RFC 3464 in RFC 6522, RFC 6533).
//!
//! Three parts: words for a person, fields for a program, and the message or its headers. The first line of the words
//! says what happened; then to whom and why; then what to do. A notice is 7-bit text, unless the addresses it speaks of
//! are internationalised and its reader takes them as they are ([`Charset::Utf8`]).
//!
//! To whom a notice may go, and that none answers a notice, is decided elsewhere; here it is only written.

use std::fmt::Write as _;

use crate::transfer::quoted_printable;
use crate::{Domain, DsnReturn, EnhancedCode, ForwardPath, Mailbox, MessageId, Reply, Timestamp, message_id};

/// Octets of a whole message that a notice carries at most, though its sender asked for all of it.
const FULL_OCTETS_MAX: usize = 64 * 1024;
/// Octets of headers that a notice carries at most.
const HEADER_OCTETS_MAX: usize = 32 * 1024;
/// Octets of one line of a notice at most; 998 is what SMTP carries.
const LINE_OCTETS_MAX: usize = 900;

/// A notice, before it is written.
#[derive(Clone, Debug)]
pub struct Notice<'a> {
    /// The id of the notice itself.
    pub id: MessageId,
    /// Who reports.
    pub reporter: &'a Domain,
    /// Who the notice is from, such as `postmaster` of the reporter.
    pub from: &'a Mailbox,
    /// The sender of the original.
    pub to: &'a Mailbox,
    /// When it is written.
    pub at: Timestamp,
    /// What it speaks of.
    pub original: Original<'a>,
    /// To whom something happened; at least one.
    pub recipients: &'a [Told<'a>],
    /// Whom to ask, as a sentence of its own, such as `Questions: help desk, 555-0100.`
    pub help: Option<&'a str>,
    /// What the reader can take.
    pub charset: Charset,
}

/// What the reader of a notice can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// 7-bit text; internationalised addresses are written in escapes (RFC 6533 §3).
    Ascii,
    /// Internationalised mail; the notice itself needs SMTPUTF8.
    Utf8,
}

/// The message a notice speaks of.
#[derive(Clone, Debug)]
pub struct Original<'a> {
    /// Our id of it.
    pub id: MessageId,
    /// `ENVID=`, decoded.
    pub envid: Option<&'a str>,
    /// When we took it.
    pub arrived: Timestamp,
    /// Its Subject as the header scan keeps it.
    pub subject: Option<&'a str>,
    /// `RET=`.
    pub ret: Option<DsnReturn>,
    /// Its header block, without the blank line.
    pub header: &'a [u8],
    /// All of it, where the caller has it at hand.
    pub full: Option<&'a [u8]>,
}

/// What happened to one recipient.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// The recipient as we were told to deliver.
    pub recipient: &'a ForwardPath,
    /// `ORCPT=` as `type;address`, decoded.
    pub orcpt: Option<&'a str>,
    /// What happened.
    pub action: Action,
    /// Its status; the class fits the action.
    pub status: EnhancedCode,
    /// The next hop that spoke, by name or address.
    pub remote: Option<&'a str>,
    /// What it said.
    pub said: Option<&'a Reply>,
    /// Why, in a sentence of ours, where no next hop spoke or more is to be said.
    pub why: Option<&'a str>,
}

/// `Action` (RFC 3464 §2.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Given up.
    Failed,
    /// Not yet; tried until then.
    Delayed {
        /// When we give up.
        until: Timestamp,
    },
    /// In the mailbox.
    Delivered,
    /// Handed to a next hop that sends no notices.
    Relayed,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Delayed { .. } => "delayed",
            Self::Delivered => "delivered",
            Self::Relayed => "relayed",
        }
    }
}

impl Notice<'_> {
    /// The notice as it is sent: lines that end in CRLF.
    #[must_use]
    pub fn to_message(&self) -> Vec<u8> {
        let original = self.original_part();
        let status = self.status_part();
        let words = self.words_part();
        let boundary = self.boundary(&[&words, &status, &original]);
        let mut out = self.head(&boundary).into_bytes();
        for part in [&words, &status, &original] {
            out.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
            out.extend_from_slice(part);
        }
        out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        out
    }

    fn head(&self, boundary: &str) -> String {
        let wide = self.charset == Charset::Utf8;
        let mut head = String::with_capacity(600);
        field(&mut head, "From", &format!("Mail gate <{}>", self.address(self.from)));
        field(&mut head, "To", &format!("<{}>", self.address(self.to)));
        field(&mut head, "Subject", &self.subject());
        field(&mut head, "Date", &self.at.to_rfc5322());
        field(&mut head, "Message-ID", &message_id(self.id, self.reporter));
        field(&mut head, "Auto-Submitted", "auto-replied");
        field(&mut head, "MIME-Version", "1.0");
        let kind = if wide {
            "global-delivery-status"
        } else {
            "delivery-status"
        };
        // The report type names the kind of the second part (RFC 6522 §3).
        let _ = write!(
            head,
            "Content-Type: multipart/report; report-type={kind};\r\n\tboundary=\"{boundary}\"\r\n"
        );
        field(
            &mut head,
            "Content-Transfer-Encoding",
            if wide { "8bit" } else { "7bit" },
        );
        head
    }

    /// The worst that happened, then the subject of the original where it can stand in a header as it is.
    fn subject(&self) -> String {
        let what = match self.worst() {
            Action::Failed => "Not delivered",
            Action::Delayed { .. } => "Delayed",
            Action::Delivered => "Delivered",
            Action::Relayed => "Passed on",
        };
        let fits = |subject: &&str| {
            !subject.is_empty() && (self.charset == Charset::Utf8 || subject.is_ascii()) && subject.len() < 250
        };
        match self.original.subject.filter(fits) {
            Some(subject) => format!("{what}: {}", one_line(subject)),
            None => format!("{what}: your message {}", self.original.id),
        }
    }

    fn worst(&self) -> Action {
        let rank = |action: &Action| match action {
            Action::Failed => 0,
            Action::Delayed { .. } => 1,
            Action::Relayed => 2,
            Action::Delivered => 3,
        };
        self.recipients
            .iter()
            .map(|told| told.action)
            .min_by_key(rank)
            .unwrap_or(Action::Failed)
    }

    fn words_part(&self) -> Vec<u8> {
        let words = self.words();
        let (encoding, body) = if words.is_ascii() {
            ("7bit", words.into_bytes())
        } else if self.charset == Charset::Utf8 {
            ("8bit", words.into_bytes())
        } else {
            ("quoted-printable", quoted_printable(words.as_bytes()))
        };
        let head = format!(
            "Content-Description: Notification\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n"
        );
        [head.into_bytes(), body].concat()
    }

    /// What a person reads.
    fn words(&self) -> String {
        let mut words = String::with_capacity(1000);
        let first = match self.worst() {
            Action::Failed => "Your message could not be delivered.",
            Action::Delayed { .. } => "Your message has not been delivered yet. You need not send it again.",
            Action::Delivered => "Your message has been delivered.",
            Action::Relayed => "Your message has been passed on to a server that will send no further notice.",
        };
        line(&mut words, first);
        line(&mut words, "");
        if let Some(subject) = self.original.subject {
            line(&mut words, &format!("Message:   \"{}\"", one_line(subject)));
        }
        line(
            &mut words,
            &format!("Received:  {}", self.original.arrived.to_rfc5322()),
        );
        line(&mut words, &format!("Known as:  {}", self.original.id));
        for told in self.recipients {
            line(&mut words, "");
            told.write_words(&mut words);
        }
        line(&mut words, "");
        if let Some(help) = self.help {
            line(&mut words, &one_line(help));
        }
        line(
            &mut words,
            &format!("Decided by: nobody, this is automatic. Written by {}.", self.reporter),
        );
        words
    }

    fn status_part(&self) -> Vec<u8> {
        let wide = self.charset == Charset::Utf8;
        let mut text = String::with_capacity(600);
        field(&mut text, "Content-Description", "Delivery report");
        let kind = if wide {
            "message/global-delivery-status"
        } else {
            "message/delivery-status"
        };
        field(&mut text, "Content-Type", kind);
        if wide {
            field(&mut text, "Content-Transfer-Encoding", "8bit");
        }
        text.push_str("\r\n");
        field(&mut text, "Reporting-MTA", &format!("dns; {}", self.reporter));
        if let Some(envid) = self.original.envid {
            field(&mut text, "Original-Envelope-Id", &self.narrow(envid));
        }
        field(&mut text, "Arrival-Date", &self.original.arrived.to_rfc5322());
        for told in self.recipients {
            text.push_str("\r\n");
            self.write_status(told, &mut text);
        }
        text.into_bytes()
    }

    /// The fields of one recipient (RFC 3464 §2.3).
    fn write_status(&self, told: &Told<'_>, text: &mut String) {
        let original = told.orcpt.and_then(|orcpt| orcpt.split_once(';'));
        if let Some((kind, address)) = original.filter(|(kind, _)| is_address_type(kind)) {
            field(text, "Original-Recipient", &format!("{kind}; {}", self.narrow(address)));
        }
        let recipient = plain_path(told.recipient);
        let kind = if recipient.is_ascii() { "rfc822" } else { "utf-8" };
        field(text, "Final-Recipient", &format!("{kind}; {}", self.narrow(&recipient)));
        field(text, "Action", told.action.word());
        field(text, "Status", &told.status.to_string());
        if let Some(remote) = told.remote {
            field(text, "Remote-MTA", &format!("dns; {}", ascii_line(remote)));
        }
        if let Some(said) = told.said {
            let said = said.to_string();
            let said = if self.charset == Charset::Utf8 {
                one_line(&said)
            } else {
                ascii_line(&said)
            };
            field(text, "Diagnostic-Code", &format!("smtp; {said}"));
        }
        if let Action::Delayed { until } = told.action {
            field(text, "Will-Retry-Until", &until.to_rfc5322());
        }
        field(text, "Last-Attempt-Date", &self.at.to_rfc5322());
    }

    /// The message, where its sender asked for all of it and it is small and fits; its headers otherwise.
    fn original_part(&self) -> Vec<u8> {
        let wide = self.charset == Charset::Utf8;
        let full = self.original.full.filter(|full| {
            let asked = self.original.ret == Some(DsnReturn::Full) && self.recipients_failed();
            asked && full.len() <= FULL_OCTETS_MAX && (wide || full.is_ascii()) && has_short_lines(full)
        });
        if let Some(full) = full {
            let (kind, encoding) = if wide {
                ("message/global", "8bit")
            } else {
                ("message/rfc822", "7bit")
            };
            return part("Your message", kind, encoding, full);
        }
        let header = cut_at_line(self.original.header, HEADER_OCTETS_MAX);
        if header.is_ascii() && has_short_lines(header) {
            return part("Headers of your message", "text/rfc822-headers", "7bit", header);
        }
        if wide && std::str::from_utf8(header).is_ok() && has_short_lines(header) {
            return part("Headers of your message", "message/global-headers", "8bit", header);
        }
        let header = quoted_printable(header);
        part(
            "Headers of your message",
            "text/rfc822-headers",
            "quoted-printable",
            &header,
        )
    }

    /// RET speaks of failures alone; other notices carry headers (RFC 3461 §4.3).
    fn recipients_failed(&self) -> bool {
        self.recipients.iter().any(|told| told.action == Action::Failed)
    }

    fn address(&self, mailbox: &Mailbox) -> String {
        self.narrow(&mailbox.to_string())
    }

    /// A text on one line, in escapes where the reader takes US-ASCII alone.
    fn narrow(&self, text: &str) -> String {
        let text = one_line(text);
        if self.charset == Charset::Utf8 || text.is_ascii() {
            return text;
        }
        let mut narrow = String::with_capacity(text.len() * 2);
        for c in text.chars() {
            if c.is_ascii_graphic() && !matches!(c, '\\' | '+' | '=') {
                narrow.push(c);
            } else {
                let _ = write!(narrow, "\\x{{{:X}}}", u32::from(c));
            }
        }
        narrow
    }

    /// A boundary that no line of the parts begins with.
    fn boundary(&self, parts: &[&Vec<u8>]) -> String {
        let mut boundary = format!("=_{}", self.id);
        while parts
            .iter()
            .any(|part| memchr::memmem::find(part, boundary.as_bytes()).is_some())
        {
            boundary.push('_');
        }
        boundary
    }
}

impl Told<'_> {
    /// To whom, what, why, what next.
    fn write_words(&self, words: &mut String) {
        line(words, &format!("<{}>", one_line(&plain_path(self.recipient))));
        let what = match self.action {
            Action::Failed => "Not delivered.".to_owned(),
            Action::Delayed { until } => format!("Not delivered yet; we go on trying until {}.", until.to_rfc5322()),
            Action::Delivered => "Delivered.".to_owned(),
            Action::Relayed => "Passed on.".to_owned(),
        };
        line(words, &format!("    {what}"));
        if let Some(why) = self.why {
            line(words, &format!("    Why:  {}", one_line(why)));
        }
        if let Some(said) = self.said {
            let who = self.remote.map_or("The next hop".to_owned(), one_line);
            line(words, &format!("    {who} said:"));
            line(words, &format!("      {}", one_line(&said.to_string())));
        }
        if self.action == Action::Failed {
            line(words, &format!("    Next: {}", advice(self.status)));
        }
    }
}

/// What a sender can do about a status (RFC 3463 §3).
const fn advice(status: EnhancedCode) -> &'static str {
    match (status.subject, status.detail) {
        (1, 10) => "this domain takes no mail; check the address for a typing mistake.",
        (1, 0..=6) => "check the address for a typing mistake, then send again.",
        (2, 2) => "the mailbox is full; reach the recipient another way, or send again later.",
        (2, 3) | (3, 4) => "the message is too big; send a smaller one, or a link.",
        (2, _) => "this mailbox takes no mail now; reach the recipient another way.",
        (3 | 4, _) => "the other side could not be reached or could not take the message; send again later.",
        (6, 7) => "the other side cannot take internationalised addresses; use another address.",
        (6, _) => "the other side cannot take this kind of message; send plain text.",
        (7, _) => "the other side does not want this message; ask the recipient's help desk, with what was said above.",
        _ => "ask the recipient's help desk, with what was said above.",
    }
}

/// The registered address types have letters, digits and hyphens alone.
fn is_address_type(kind: &str) -> bool {
    !kind.is_empty() && kind.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
}

fn plain_path(path: &ForwardPath) -> String {
    path.mailbox().map_or("postmaster".to_owned(), ToString::to_string)
}

fn part(description: &str, kind: &str, encoding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "Content-Description: {description}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A header line, cut where it would be too long for SMTP.
fn field(text: &mut String, name: &str, body: &str) {
    let _ = write!(text, "{name}: ");
    line(text, body);
}

fn line(text: &mut String, body: &str) {
    let mut end = body.len().min(LINE_OCTETS_MAX);
    while !body.is_char_boundary(end) {
        end -= 1;
    }
    text.push_str(body.get(..end).unwrap_or_default());
    text.push_str("\r\n");
}

/// No text from outside begins a line of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn ascii_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect()
}

fn has_short_lines(text: &[u8]) -> bool {
    text.split(|octet| *octet == b'\n')
        .all(|line| line.len() <= LINE_OCTETS_MAX)
}

/// As many whole lines as fit.
fn cut_at_line(text: &[u8], most: usize) -> &[u8] {
    let Some(head) = text.get(..most) else { return text };
    let end = memchr::memrchr(b'\n', head).map_or(0, |at| at + 1);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
