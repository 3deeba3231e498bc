//! A letter of the registry as a message: plain text and HTML beside each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::{Mailbox, Timestamp};
use registry::Written;

use crate::header_words::encoded;

/// Octets of Base64 in a line (RFC 2045 §6.8).
const LINE: usize = 76;

/// Who writes, to whom, and when.
pub(super) struct Envelope<'a> {
    /// What the `Message-ID` says, without its brackets.
    pub(super) message_id: &'a str,
    pub(super) at: Timestamp,
    pub(super) from: &'a Mailbox,
    pub(super) to: &'a [Mailbox],
    /// Whose relay it is.
    pub(super) organisation: &'a str,
}

/// The message, lines that end in CRLF. Its text is in Base64, so that nothing in it can be a boundary.
pub(super) fn message(written: &Written, envelope: &Envelope<'_>) -> Vec<u8> {
    let Envelope {
        message_id,
        at,
        from,
        to,
        organisation,
    } = envelope;
    let boundary = format!("=_{}", message_id.split('@').next().unwrap_or_default());
    let to: Vec<String> = to.iter().map(|to| format!("<{to}>")).collect();
    let name = format!("{organisation} mail relay");
    let mut lines = vec![
        format!("From: {} <{from}>", phrase(name.trim())),
        format!("To: {}", to.join(",\r\n ")),
        format!("Subject: {}", encoded(&written.subject)),
        format!("Date: {}", at.to_rfc5322()),
        format!("Message-ID: <{message_id}>"),
        // No reply that a program writes is to come back (RFC 3834 §5).
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        format!("Content-Type: multipart/alternative; boundary=\"{boundary}\""),
        String::new(),
    ];
    for (kind, text) in [("plain", &written.text), ("html", &written.html)] {
        lines.push(format!("--{boundary}"));
        lines.push(format!("Content-Type: text/{kind}; charset=utf-8"));
        lines.push("Content-Transfer-Encoding: base64".to_owned());
        lines.push(String::new());
        lines.extend(folded(text));
    }
    lines.push(format!("--{boundary}--"));
    lines.push(String::new());
    lines.join("\r\n").into_bytes()
}

fn folded(text: &str) -> Vec<String> {
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let octets = STANDARD.encode(text).into_bytes();
    octets
        .chunks(LINE)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}

/// A name in front of an address: quoted where it is plain.
fn phrase(name: &str) -> String {
    if name.is_ascii() {
        let plain: String = name
            .chars()
            .filter(|c| !c.is_control() && !matches!(c, '"' | '\\'))
            .collect();
        format!("\"{plain}\"")
    } else {
        encoded(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_as_it_was_written_and_answers_itself_to_nobody() {
        let written = Written {
            subject: "pc-1042: it works für Ann".to_owned(),
            text: "Hello.\n--=_ is no boundary here.\n".to_owned(),
            html: "<p>Hello.</p>".to_owned(),
            ..Written::default()
        };
        let address = |text: &str| Mailbox::parse(text).unwrap();
        let to = [address("ann@example.edu"), address("tom@example.edu")];
        let octets = message(
            &written,
            &Envelope {
                message_id: "letter-7@gate.example.edu",
                at: Timestamp::from_secs(1_795_262_400),
                from: &address("postmaster@example.edu"),
                to: &to,
                organisation: "Example University",
            },
        );
        let text = String::from_utf8(octets).unwrap();
        assert!(
            text.starts_with("From: \"Example University mail relay\" <postmaster@example.edu>\r\n"),
            "{text}"
        );
        assert!(
            text.contains("To: <ann@example.edu>,\r\n <tom@example.edu>\r\n"),
            "{text}"
        );
        assert!(text.contains("\r\nSubject: =?utf-8?B?"), "{text}");
        assert!(
            text.contains("\r\nMessage-ID: <letter-7@gate.example.edu>\r\n"),
            "{text}"
        );
        assert!(text.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{text}");
        assert!(
            text.contains(&STANDARD.encode("Hello.\r\n--=_ is no boundary here.\r\n")),
            "{text}"
        );
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text}");
    }
}
