//! The message that `send` sends.

use bytes::Bytes;
use mail::{BodyType, ForwardPath, MailParams, ReversePath, Timestamp};

use crate::header_words::encoded;
use crate::uses::TEST_MARK;

/// An envelope and its octets.
pub(super) struct Letter {
    pub(super) reverse: ReversePath,
    pub(super) recipients: Vec<ForwardPath>,
    pub(super) octets: Bytes,
}

impl Letter {
    /// What MAIL has to say about it.
    pub(super) fn params(&self) -> MailParams {
        let header = match memmem(&self.octets, b"\r\n\r\n") {
            Some(end) => self.octets.get(..end).unwrap_or_default(),
            None => &self.octets,
        };
        MailParams {
            size: Some(self.octets.len() as u64),
            body: if self.octets.is_ascii() {
                BodyType::SevenBit
            } else {
                BodyType::EightBitMime
            },
            // RFC 6532: a header beyond US-ASCII is for servers with SMTPUTF8 alone.
            smtputf8: !header.is_ascii(),
            ..MailParams::default()
        }
    }
}

fn memmem(octets: &[u8], what: &[u8]) -> Option<usize> {
    octets.windows(what.len()).position(|window| window == what)
}

/// A message of a few words.
pub(super) struct Written<'a> {
    pub(super) from: &'a ReversePath,
    pub(super) to: &'a [ForwardPath],
    pub(super) subject: &'a str,
    pub(super) text: &'a [u8],
    pub(super) at: Timestamp,
    /// Tells its Message-ID from all others.
    pub(super) number: u64,
}

impl Written<'_> {
    pub(super) fn octets(&self) -> Vec<u8> {
        let from = self.from.mailbox();
        let us = from.map_or_else(|| "portcullis.invalid".to_owned(), |from| from.host().to_string());
        let us = us.trim_matches(['[', ']']).replace(':', ".");
        let to = self
            .to
            .iter()
            .filter_map(ForwardPath::mailbox)
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let mut lines = vec![
            format!(
                "From: {}",
                from.map_or_else(|| format!("postmaster@{us}"), ToString::to_string)
            ),
            format!("To: {}", to.join(",\r\n ")),
            format!("Subject: {}", encoded(self.subject)),
            format!("Date: {}", self.at.to_rfc5322()),
            format!("Message-ID: <{:016x}.{:x}{TEST_MARK}{us}>", self.number, self.at.0),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=utf-8".to_owned(),
        ];
        if !self.text.is_ascii() {
            lines.push("Content-Transfer-Encoding: 8bit".to_owned());
        }
        lines.push("\r\n".to_owned());
        let mut octets = lines.join("\r\n").into_bytes();
        octets.extend(with_line_ends(self.text));
        octets
    }
}

/// Lines that end in CRLF, the last one too.
pub(super) fn with_line_ends(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32 + 2);
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        out.extend_from_slice(bare.strip_suffix(b"\r").unwrap_or(bare));
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod letter_tests {
    use super::*;
    use mail::Mailbox;

    #[test]
    fn every_line_ends_in_crlf_whatever_the_file_had() {
        assert_eq!(with_line_ends(b"a\nb\r\n\nc"), b"a\r\nb\r\n\r\nc\r\n");
        assert_eq!(with_line_ends(b""), b"");
    }

    #[test]
    fn a_subject_beyond_ascii_is_encoded_and_cannot_add_a_header() {
        let from = ReversePath::Mailbox(Mailbox::parse("a@example.edu").unwrap());
        let to = [ForwardPath::Mailbox(Mailbox::parse("b@example.org").unwrap())];
        let subject = "Grüße\r\nBcc: eve@example.org";
        let at = Timestamp::from_secs(1_795_262_400);
        let octets = Written {
            from: &from,
            to: &to,
            subject,
            text: "Grüße\n".as_bytes(),
            at,
            number: 1,
        }
        .octets();
        let text = String::from_utf8(octets.clone()).unwrap();
        assert!(
            text.starts_with("From: a@example.edu\r\nTo: b@example.org\r\nSubject: =?utf-8?B?"),
            "{text}"
        );
        assert!(!text.contains("\r\nBcc"), "{text}");
        assert!(
            text.ends_with("\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"),
            "{text}"
        );
        let letter = Letter {
            reverse: from,
            recipients: to.to_vec(),
            octets: octets.into(),
        };
        let params = letter.params();
        assert_eq!((params.body, params.smtputf8), (BodyType::EightBitMime, false));
    }
}
