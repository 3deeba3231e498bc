//! Making a 7-bit message of an 8-bit one, for a next hop without 8BITMIME (RFC 6152 §3).
//!
//! Only for mail that we originate, or that is granted and unsigned: it changes octets. Leaves that have 8-bit octets or
//! lines beyond what SMTP carries are encoded; containers are opened; whatever is signed, odd or doubtful is left alone,
//! and the answer is `None`.

use std::borrow::Cow;

use crate::TransferEncoding;
use crate::field::{Field, fields};
use crate::transfer;

/// Octets of a line at most, without its end (RFC 5321 §4.5.3.1.6).
const LINE_OCTETS_MAX: usize = 998;
/// Containers inside containers at most.
const DEPTH_MAX: usize = 10;
/// Parts of one container at most.
const PARTS_MAX: usize = 1000;

/// The message in 7 bits; `None` where that cannot be done without harm.
#[must_use]
pub fn to_seven_bit(message: &[u8]) -> Option<Cow<'_, [u8]>> {
    convert(message, Level::Message, 0)
}

/// What an entity is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Message,
    Part,
}

/// A MIME entity, cut at its blank line.
struct Entity<'a> {
    fields: Vec<Field<'a>>,
    body: &'a [u8],
    kind: ContentType,
    encoding: TransferEncoding,
}

/// `Content-Type`, in lower case but for the boundary (RFC 2045 §5.1).
#[derive(Debug, PartialEq, Eq)]
struct ContentType {
    main: String,
    sub: String,
    boundary: Option<String>,
    /// Whether the field was there at all.
    said: bool,
}

fn convert(entity: &[u8], level: Level, depth: usize) -> Option<Cow<'_, [u8]>> {
    if fits(entity) {
        return Some(Cow::Borrowed(entity));
    }
    if depth > DEPTH_MAX {
        return None;
    }
    let entity = Entity::read(entity)?;
    let (encoding, body) = match entity.kind.main.as_str() {
        "multipart" => ("7bit", entity.convert_parts(depth)?),
        // Neither a message nor its fragments may be encoded (RFC 2046 §5.2), and opening them would change them.
        "message" => return None,
        _ => entity.encode()?,
    };
    let mut out = entity.head(encoding, level);
    out.extend_from_slice(&body);
    Some(Cow::Owned(out))
}

/// Whether a text can go as it is.
fn fits(text: &[u8]) -> bool {
    let mut lines = text.split(|octet| *octet == b'\n');
    text.is_ascii() && lines.all(|line| line.strip_suffix(b"\r").unwrap_or(line).len() <= LINE_OCTETS_MAX)
}

impl<'a> Entity<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let (block, body) = if let Some(body) = text.strip_prefix(b"\r\n") {
            (text.get(..0)?, body)
        } else {
            let end = memchr::memmem::find(text, b"\r\n\r\n")?;
            (text.get(..end + 2)?, text.get(end + 4..)?)
        };
        let fields: Vec<Field<'a>> = fields(block).collect();
        let readable = fits(block) && fields.iter().all(Field::has_valid_name);
        let signed = ["DKIM-Signature", "ARC-Message-Signature"];
        if !readable || fields.iter().any(|field| signed.iter().any(|name| field.is(name))) {
            return None;
        }
        let kind = match single(&fields, "Content-Type")? {
            Some(text) => ContentType::read(&text)?,
            None => ContentType {
                main: "text".into(),
                sub: "plain".into(),
                boundary: None,
                said: false,
            },
        };
        let encoding = match single(&fields, "Content-Transfer-Encoding")? {
            Some(text) => TransferEncoding::read(&text),
            None => TransferEncoding::Unsaid,
        };
        Some(Self {
            fields,
            body,
            kind,
            encoding,
        })
    }

    /// The head with another transfer encoding, and what MIME asks for where it was missing.
    fn head(&self, encoding: &str, level: Level) -> Vec<u8> {
        let kept = self
            .fields
            .iter()
            .filter(|field| !field.is("Content-Transfer-Encoding"));
        let mut head: Vec<u8> = kept.flat_map(|field| field.raw).copied().collect();
        if level == Level::Message && !self.fields.iter().any(|field| field.is("MIME-Version")) {
            head.extend_from_slice(b"MIME-Version: 1.0\r\n");
        }
        if !self.kind.said {
            // RFC 1428 §3: what nobody named is named as unknown.
            let charset = if std::str::from_utf8(self.body).is_ok() {
                "utf-8"
            } else {
                "unknown-8bit"
            };
            head.extend_from_slice(format!("Content-Type: text/plain; charset={charset}\r\n").as_bytes());
        }
        head.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
        head
    }

    /// A leaf in the encoding that suits it.
    fn encode(&self) -> Option<(&'static str, Vec<u8>)> {
        use TransferEncoding as Said;
        match self.encoding {
            Said::Unsaid | Said::SevenBit | Said::EightBit if self.kind.main == "text" => {
                let wide = self.body.iter().filter(|octet| !octet.is_ascii()).count();
                if wide > self.body.len() / 3 {
                    Some(("base64", transfer::base64(self.body)))
                } else {
                    Some(("quoted-printable", transfer::quoted_printable(self.body)))
                }
            }
            Said::Unsaid | Said::SevenBit | Said::EightBit | Said::Binary => {
                Some(("base64", transfer::base64(self.body)))
            }
            // Encoded already, and yet not 7-bit: broken, and not ours to mend.
            Said::QuotedPrintable | Said::Base64 | Said::Other => None,
        }
    }

    /// The body of a container, its parts converted.
    fn convert_parts(&self, depth: usize) -> Option<Vec<u8>> {
        let plain = matches!(
            self.encoding,
            TransferEncoding::Unsaid
                | TransferEncoding::SevenBit
                | TransferEncoding::EightBit
                | TransferEncoding::Binary
        );
        // Parts of a digest are messages unless they say otherwise (RFC 2046 §5.1.5).
        if !plain || matches!(self.kind.sub.as_str(), "signed" | "encrypted" | "digest") {
            return None;
        }
        let delimiter = format!("--{}", self.kind.boundary.as_deref()?);
        let mut out = Vec::with_capacity(self.body.len() + self.body.len() / 2);
        let mut rest = self.body;
        for _ in 0..PARTS_MAX {
            let found = Delimiter::find(rest, delimiter.as_bytes())?;
            // Before the first delimiter is the preamble; `out` is empty then.
            let part = rest.get(..found.at)?;
            let part = if out.is_empty() {
                Cow::Borrowed(part)
            } else {
                convert(part, Level::Part, depth + 1)?
            };
            if !fits(&part) {
                return None;
            }
            out.extend_from_slice(&part);
            out.extend_from_slice(rest.get(found.at..found.end)?);
            rest = rest.get(found.end..)?;
            if found.closes {
                out.extend_from_slice(rest);
                return fits(rest).then_some(out);
            }
        }
        None
    }
}

/// A line that parts parts. The line end before it belongs to it (RFC 2046 §5.1.1).
struct Delimiter {
    at: usize,
    end: usize,
    closes: bool,
}

impl Delimiter {
    fn find(text: &[u8], delimiter: &[u8]) -> Option<Self> {
        memchr::memmem::find_iter(text, delimiter).find_map(|dashes| {
            let at = match dashes {
                0 => 0,
                _ => text.get(..dashes)?.strip_suffix(b"\r\n")?.len(),
            };
            let behind = text.get(dashes + delimiter.len()..)?;
            let line_end = memchr::memmem::find(behind, b"\r\n");
            let tail = behind.get(..line_end.unwrap_or(behind.len()))?;
            let closes = tail.starts_with(b"--");
            let padding = if closes { tail.get(2..)? } else { tail };
            let whole = padding.iter().all(|octet| matches!(octet, b' ' | b'\t'));
            let end = dashes + delimiter.len() + line_end.map_or(tail.len(), |end| end + 2);
            (whole && (closes || line_end.is_some())).then_some(Self { at, end, closes })
        })
    }
}

/// A field's body; `None` where it stands twice.
#[expect(clippy::option_option, reason = "twice and absent are different answers")]
fn single<'a>(fields: &[Field<'a>], name: &str) -> Option<Option<Cow<'a, str>>> {
    let mut found = fields.iter().filter(|field| field.could_be(name));
    let first = found.next().map(Field::unfolded);
    found.next().is_none().then_some(first)
}

impl ContentType {
    /// Reads a field body; `None` for comments and whatever else is seldom and read differently.
    fn read(text: &str) -> Option<Self> {
        let (kind, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let (main, sub) = kind.trim().split_once('/')?;
        let is_token = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
        };
        if !is_token(main) || !is_token(sub) {
            return None;
        }
        let mut boundary = None;
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            let (name, value) = rest.split_once('=')?;
            let (value, behind) = match value.strip_prefix('"') {
                Some(quoted) => {
                    let (value, behind) = quoted.split_once('"')?;
                    (value, behind.trim_start())
                }
                None => {
                    let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
                    let (value, behind) = value.split_at_checked(end)?;
                    (value, behind.trim_start())
                }
            };
            if !is_token(name.trim_end()) || value.contains(['\\', '(']) {
                return None;
            }
            rest = if behind.is_empty() {
                behind
            } else {
                behind.strip_prefix(';')?
            };
            if name.trim_end().eq_ignore_ascii_case("boundary") {
                let fits = (1..=70).contains(&value.len()) && !value.ends_with(' ');
                if boundary.is_some() || !fits {
                    return None;
                }
                boundary = Some(value.to_owned());
            }
        }
        Some(Self {
            main: main.to_ascii_lowercase(),
            sub: sub.to_ascii_lowercase(),
            boundary,
            said: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::read_quoted_printable;
    use proptest::prelude::*;

    fn text(message: &str) -> Option<String> {
        to_seven_bit(message.as_bytes()).map(|octets| String::from_utf8(octets.into_owned()).unwrap())
    }

    const MULTIPART: &str = "Content-Type: multipart/mixed; boundary=\"b\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
        preamble\r\n--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html;\r\n charset=utf-8\r\n\r\n\u{fc}\r\n--bb\r\n--b\r\n\
        Content-Type: multipart/alternative; boundary=bb\r\n\r\n--bb\r\nContent-Type: a/b\r\n\
        Content-Transfer-Encoding: binary\r\n\r\n\u{fc}\r\n--bb--\r\n--b-- \r\n";

    #[test]
    fn what_is_7_bit_stays_as_it_is() {
        let message = b"Subject: x\r\nDKIM-Signature: y\r\n\r\nx\r\n";
        assert!(matches!(to_seven_bit(message), Some(Cow::Borrowed(same)) if same == message));
    }

    #[test]
    fn a_single_text_is_quoted_and_named() {
        assert_eq!(
            text("Subject: x\r\n\r\nd\u{fc}rr = \r\n").unwrap(),
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\nd=C3=BCrr =3D=20\r\n"
        );
    }

    #[test]
    fn parts_are_converted_one_by_one() {
        assert_eq!(
            text(MULTIPART).unwrap(),
            "Content-Type: multipart/mixed; boundary=\"b\"\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             preamble\r\n--b\r\n\r\nplain\r\n--b\r\nContent-Type: text/html;\r\n charset=utf-8\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n--bb\r\n--b\r\n\
             Content-Type: multipart/alternative; boundary=bb\r\nContent-Transfer-Encoding: 7bit\r\n\r\n--bb\r\n\
             Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nw7w=\r\n\r\n--bb--\r\n--b-- \r\n"
        );
    }

    #[test]
    fn what_is_signed_odd_or_broken_is_left_alone() {
        let signed = MULTIPART.replace("multipart/mixed;", "multipart/signed; protocol=x; micalg=y;");
        for message in [
            "no header \u{fc}",
            "Subject: \u{fc}\r\n\r\nx",
            "DKIM-Signature: x\r\n\r\n\u{fc}",
            "Content-Transfer-Encoding: base64\r\n\r\n\u{fc}",
            "Content-Type: text/plain\r\nContent-type: a/b\r\n\r\n\u{fc}",
            "Content-Type: message/rfc822\r\n\r\n\r\n\u{fc}",
            "Content-Type: multipart/mixed\r\n\r\n\u{fc}",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\u{fc}\r\n",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n\u{fc}\r\n--b\r\n\r\n--b--",
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n\u{fc}",
            "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n\u{fc}\r\n--b--\r\n",
            "Content Type: text/plain\r\n\r\n\u{fc}",
            &signed,
        ] {
            assert_eq!(text(message), None, "{message:?}");
        }
    }

    #[test]
    fn containers_inside_containers_end_somewhere() {
        let mut message = "\r\n\u{fc}".to_owned();
        for at in 0..50 {
            message =
                format!("Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n{message}\r\n--b{at}--\r\n");
        }
        assert_eq!(text(&message), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_out_is_narrow_and_a_text_reads_back(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut message = b"A: b\r\nContent-Type: text/plain\r\n\r\n".to_vec();
            message.extend_from_slice(&body);
            let out = to_seven_bit(&message).unwrap();
            prop_assert!(fits(&out));
            if memchr::memmem::find(&out, b"quoted-printable").is_some() {
                let at = memchr::memmem::find(&out, b"\r\n\r\n").unwrap() + 4;
                prop_assert_eq!(read_quoted_printable(&out[at..]), body);
            }
        }

        #[test]
        fn any_mutilated_container_is_converted_or_left_alone(cut in 0usize..400, with in "[b\r\n \u{fc}-]{0,5}") {
            let cut = (0..=cut.min(MULTIPART.len())).rev().find(|at| MULTIPART.is_char_boundary(*at)).unwrap();
            let message = format!("{}{with}{}", &MULTIPART[..cut], &MULTIPART[cut..]);
            if let Some(out) = to_seven_bit(message.as_bytes()) {
                prop_assert!(fits(&out));
            }
        }
    }
}
