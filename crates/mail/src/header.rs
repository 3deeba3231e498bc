//! The header scan: what a gate must know of a message, gathered while it streams by.
//!
//! The scanner is strict where readers differ: a field whose name has a space in it is named as invalid and never
//! taken for the field it resembles; a From that could be read in two ways is malformed.

use std::ops::Range;

use crate::census::{Census, Known};
use crate::field::{Field, fields, is_blank};
use crate::{Mailbox, address_list};

/// Octets of a header block at most, unless told otherwise.
pub const HEADER_OCTETS_MAX: usize = 256 * 1024;
/// Octets looked at together while the header's end is looked for.
const PART_OCTETS: usize = 1024;
/// Characters of Subject and Message-ID that are kept.
const TEXT_CHARS_MAX: usize = 250;
/// Room for so many fields from the start; most headers have fewer.
const FIELDS_USUAL: usize = 16;
/// Names behind `by` in Received that are kept.
const RECEIVED_BY_MAX: usize = 128;

/// Reads a message piece by piece.
#[derive(Debug)]
pub struct HeaderScan {
    octets_max: usize,
    /// The header block as far as it has come; kept until its end is found.
    block: Vec<u8>,
    /// Where the line begins that has not been judged yet.
    line_at: usize,
    end: Option<End>,
    body_eight_bit: bool,
}

/// Where a header block ended.
#[derive(Clone, Copy, Debug)]
struct End {
    at: usize,
    body_at: usize,
    how: HeaderEnd,
}

/// What ended a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderEnd {
    /// A blank line, as it should be.
    BlankLine,
    /// A line that is no field; the body begins with it, and whoever adds fields must add a blank line too.
    OtherText,
    /// The message.
    Message,
    /// It did not end within the limit; what was found holds for what was read, and authors are malformed.
    TooLarge,
}

/// The mailboxes of From or Sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Originator {
    /// No such field.
    Missing,
    /// One mailbox.
    One(Mailbox),
    /// More than one mailbox in one field.
    Several(Vec<Mailbox>),
    /// Several fields, none that can be read, one whose name only resembles it, or a header that was not read to its end.
    Malformed,
}

impl Originator {
    /// The mailboxes, as far as they are known.
    #[must_use]
    pub fn mailboxes(&self) -> &[Mailbox] {
        match self {
            Self::One(mailbox) => std::slice::from_ref(mailbox),
            Self::Several(mailboxes) => mailboxes,
            Self::Missing | Self::Malformed => &[],
        }
    }
}

/// `Content-Transfer-Encoding` (RFC 2045 §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransferEncoding {
    /// No such field; means 7bit.
    #[default]
    Unsaid,
    /// `7bit`
    SevenBit,
    /// `8bit`
    EightBit,
    /// `binary`
    Binary,
    /// `quoted-printable`
    QuotedPrintable,
    /// `base64`
    Base64,
    /// Anything else, or several fields.
    Other,
}

impl TransferEncoding {
    pub(crate) fn read(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "7bit" => Self::SevenBit,
            "8bit" => Self::EightBit,
            "binary" => Self::Binary,
            "quoted-printable" => Self::QuotedPrintable,
            "base64" => Self::Base64,
            _ => Self::Other,
        }
    }
}

/// What a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScannedHeaders {
    /// The authors.
    pub from: Originator,
    /// The octets of a From field with nothing in it, where it is the only one; `from` is then [`Originator::Missing`].
    /// Whoever adds a From takes this one out, or there would be two.
    pub empty_from: Option<Range<u64>>,
    /// Who sent for them.
    pub sender: Originator,
    /// The first Subject, printable and cut; encoded words are left as they are.
    pub subject: Option<Box<str>>,
    /// The first Message-ID, printable and cut.
    pub message_id: Option<Box<str>>,
    /// Whether a Date is there.
    pub has_date: bool,
    /// How many Received fields: each is a hop.
    pub received: usize,
    /// The names behind `by` in Received, lower case, the newest first.
    pub received_by: Vec<Box<str>>,
    /// `Auto-Submitted` with anything but `no` (RFC 3834 §5).
    pub auto_submitted: bool,
    /// How many DKIM-Signature fields.
    pub dkim_signatures: usize,
    /// Whether MIME-Version is there.
    pub has_mime_version: bool,
    /// Of the whole message.
    pub transfer_encoding: TransferEncoding,
    /// Whether a field named `List-...` is there.
    pub is_list: bool,
    /// `Precedence: bulk`, `junk` or `list`.
    pub is_bulk: bool,
    /// Fields that stand more than once and may not.
    pub duplicates: Vec<&'static str>,
    /// How many fields have a name that is not valid.
    pub invalid_names: usize,
    /// The first of them, printable and cut.
    pub first_invalid_name: Option<Box<str>>,
    /// Whether the header block has octets above 127 (RFC 6532).
    pub header_eight_bit: bool,
    /// The octet behind the last field.
    pub end: u64,
    /// The first octet of the body.
    pub body_at: u64,
    /// What ended the header.
    pub ended_by: HeaderEnd,
    /// Whether the body has octets above 127.
    pub body_eight_bit: bool,
}

impl Default for HeaderScan {
    fn default() -> Self {
        Self::new(HEADER_OCTETS_MAX)
    }
}

impl HeaderScan {
    /// A scan of a header block of at most `octets_max`.
    #[must_use]
    pub fn new(octets_max: usize) -> Self {
        Self {
            octets_max,
            block: Vec::new(),
            line_at: 0,
            end: None,
            body_eight_bit: false,
        }
    }

    /// Reads the next octets, cut anywhere.
    pub fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        // In small parts, so that little of a large body is kept before the header's end is found.
        while self.end.is_none() && !rest.is_empty() {
            let (part, behind) = rest.split_at_checked(PART_OCTETS).unwrap_or((rest, &[]));
            self.block.extend_from_slice(part);
            self.look_for_end();
            rest = behind;
        }
        self.body_eight_bit = self.body_eight_bit || !rest.is_ascii();
    }

    /// Whether the header has been seen to its end.
    #[must_use]
    pub fn header_is_complete(&self) -> bool {
        self.end.is_some()
    }

    /// The message is whole.
    #[must_use]
    pub fn finish(mut self) -> ScannedHeaders {
        if self.end.is_none() {
            let rest = self.block.get(self.line_at..).unwrap_or_default();
            let (at, how) = match rest {
                [] => (self.block.len(), HeaderEnd::Message),
                line if is_header_line(line, self.line_at) => (self.block.len(), HeaderEnd::Message),
                _ => (self.line_at, HeaderEnd::OtherText),
            };
            self.end_at(End { at, body_at: at, how });
        }
        self.found()
    }

    /// Judges the lines that are whole.
    fn look_for_end(&mut self) {
        while let Some(length) = self
            .block
            .get(self.line_at..)
            .and_then(|rest| memchr::memchr(b'\n', rest))
        {
            let next = self.line_at + length + 1;
            // Before the line is looked at, so that the answer does not hang on how the octets came in.
            if next > self.octets_max {
                break;
            }
            let line = self.block.get(self.line_at..next).unwrap_or_default();
            if matches!(line, b"\r\n" | b"\n") {
                return self.end_at(End {
                    at: self.line_at,
                    body_at: next,
                    how: HeaderEnd::BlankLine,
                });
            }
            if !is_header_line(line, self.line_at) {
                return self.end_at(End {
                    at: self.line_at,
                    body_at: self.line_at,
                    how: HeaderEnd::OtherText,
                });
            }
            self.line_at = next;
        }
        if self.block.len() > self.octets_max {
            self.end_at(End {
                at: self.line_at,
                body_at: self.line_at,
                how: HeaderEnd::TooLarge,
            });
        }
    }

    fn end_at(&mut self, end: End) {
        let body = self.block.get(end.body_at..).unwrap_or_default();
        self.body_eight_bit = !body.is_ascii();
        self.block.truncate(end.at);
        self.end = Some(end);
    }

    fn found(self) -> ScannedHeaders {
        let end = self.end.unwrap_or(End {
            at: 0,
            body_at: 0,
            how: HeaderEnd::Message,
        });
        let mut all = Vec::with_capacity(FIELDS_USUAL);
        all.extend(fields(&self.block));
        let fields: &[Field<'_>] = &all;
        let census = Census::of(fields);
        let first = |name: Known| census.first(name).map(Field::unfolded);
        let received_by = fields
            .iter()
            .filter(|field| field.is(Known::Received.name()))
            .filter_map(|field| by_name(&field.unfolded()))
            .take(RECEIVED_BY_MAX);
        let invalid = || fields.iter().filter(|field| !field.has_valid_name());
        // What is behind the limit was not read: another reader may find an author there.
        let whole = end.how != HeaderEnd::TooLarge;
        let empty_from = empty_field(fields, Known::From.name()).filter(|_| whole);
        ScannedHeaders {
            from: match &empty_from {
                _ if !whole => Originator::Malformed,
                Some(_) => Originator::Missing,
                None => originator(fields, Known::From.name()),
            },
            empty_from,
            sender: if whole {
                originator(fields, Known::Sender.name())
            } else {
                Originator::Malformed
            },
            subject: first(Known::Subject).map(|text| printable(&text)),
            message_id: first(Known::MessageId).map(|text| printable(&text)),
            has_date: census.count(Known::Date) > 0,
            received: census.count(Known::Received),
            received_by: received_by.collect(),
            auto_submitted: first(Known::AutoSubmitted)
                .is_some_and(|text| !first_word(&text).eq_ignore_ascii_case("no")),
            dkim_signatures: census.count(Known::DkimSignature),
            has_mime_version: census.count(Known::MimeVersion) > 0,
            transfer_encoding: match (first(Known::TransferEncoding), census.count(Known::TransferEncoding)) {
                (None, _) => TransferEncoding::Unsaid,
                (Some(one), 1) => TransferEncoding::read(first_word(&one)),
                _ => TransferEncoding::Other,
            },
            is_list: fields
                .iter()
                .any(|f| f.name.get(..5).is_some_and(|head| head.eq_ignore_ascii_case(b"list-"))),
            is_bulk: first(Known::Precedence).is_some_and(|text| {
                ["bulk", "junk", "list"]
                    .iter()
                    .any(|word| first_word(&text).eq_ignore_ascii_case(word))
            }),
            duplicates: census.duplicates(),
            invalid_names: invalid().count(),
            first_invalid_name: invalid()
                .next()
                .map(|field| printable(&String::from_utf8_lossy(field.name))),
            header_eight_bit: !self.block.is_ascii(),
            end: end.at as u64,
            body_at: end.body_at as u64,
            ended_by: end.how,
            body_eight_bit: self.body_eight_bit,
        }
    }
}

/// Whether a line belongs to a header: a fold, unless it is the first line, or something with a colon.
fn is_header_line(line: &[u8], at: usize) -> bool {
    match line.first() {
        Some(first) if is_blank(*first) => at > 0,
        _ => memchr::memchr(b':', line).is_some(),
    }
}

/// Where the only field that could be taken for `name` stands, if it has nothing in it.
fn empty_field(fields: &[Field<'_>], name: &str) -> Option<Range<u64>> {
    let mut like = fields.iter().filter(|field| field.could_be(name));
    let only = like
        .next()
        .filter(|field| field.is(name) && field.unfolded().is_empty())?;
    if like.next().is_some() {
        return None;
    }
    let before = fields.iter().take_while(|field| !std::ptr::eq(*field, only));
    let start: usize = before.map(|field| field.raw.len()).sum();
    Some(start as u64..(start + only.raw.len()) as u64)
}

fn originator(fields: &[Field<'_>], name: &str) -> Originator {
    let mut like: Vec<&Field<'_>> = fields.iter().filter(|field| field.could_be(name)).collect();
    let Some(field) = like.pop() else {
        return Originator::Missing;
    };
    if !like.is_empty() || !field.is(name) {
        return Originator::Malformed;
    }
    match address_list::parse(&field.unfolded()) {
        Ok(mut mailboxes) => match (mailboxes.pop(), mailboxes.is_empty()) {
            (None, _) => Originator::Malformed,
            (Some(one), true) => Originator::One(one),
            (Some(last), false) => {
                mailboxes.push(last);
                Originator::Several(mailboxes)
            }
        },
        Err(_) => Originator::Malformed,
    }
}

/// The host that wrote a Received field; comments before it are passed over.
fn by_name(text: &str) -> Option<Box<str>> {
    let mut depth = 0_usize;
    let plain: String = text
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect();
    let mut words = plain.split_ascii_whitespace();
    words.find(|word| word.eq_ignore_ascii_case("by"))?;
    words
        .next()
        .map(|name| printable(&name.trim_end_matches(';').to_ascii_lowercase()))
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || c == ';' || c == '(')
        .next()
        .unwrap_or_default()
}

fn printable(text: &str) -> Box<str> {
    if text.len() <= TEXT_CHARS_MAX && text.bytes().all(|octet| matches!(octet, b' '..=b'~')) {
        return text.into();
    }
    let clean = |c: char| {
        if c.is_control() {
            if c == '\t' { ' ' } else { '?' }
        } else {
            c
        }
    };
    text.chars().take(TEXT_CHARS_MAX).map(clean).collect::<String>().into()
}

#[cfg(test)]
mod tests;
