//! How the network cuts the octets makes no difference, and no octets make the framing lie.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod rig;

use proptest::prelude::*;
use rig::{Rig, Setting};
use smtp::server::{CloseReason, Dialect};

const FRAGMENTS: [&[u8]; 32] = [
    b"EHLO c\r\n",
    b"MAIL FROM:<a@b.c>\r\n",
    b"MAIL FROM:<a@b.c> SMTPUTF8\r\n",
    b"RCPT TO:<d@e.f>\r\n",
    b"RCPT TO:<nobody@e.f>\r\n",
    b"DATA\r\n",
    b"x",
    b"\r\n",
    b".",
    b"..",
    b"\r",
    b"\n",
    b"\0",
    b".\r\n",
    b".\n",
    b"\r\n.\r\n",
    b"Subject: y\r\n",
    b"Subject: y\n",
    b"BDAT 0\r\n",
    b"BDAT 5\r\nabc\r\n",
    b"BDAT 4\r\nabc\r",
    b"BDAT 3\r\n\nde",
    b"BDAT 7 LAST\r\n.\r\nabcd",
    b"BDAT 0 LAST\r\n",
    b"BDAT 30000\r\n",
    b"NOOP\r\n",
    b"RSET\r\n",
    b"QUIT\r\n",
    b"VRFY \xfc\r\n",
    b"JUNK\n",
    b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n",
    b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nBDAT 3\r\n\r\nx",
];

fn setting(tolerant: bool) -> Setting {
    let mut setting = Setting::new(if tolerant { Dialect::Lenient } else { Dialect::Strict });
    setting.tolerances.bare_lf = tolerant;
    setting.tolerances.long_lines = tolerant;
    setting.config.offer.size_max = 3000;
    setting.config.limits.swallow_octets = 4000;
    setting.config.limits.output_octets = usize::MAX;
    setting
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        20 => prop::sample::select(&FRAGMENTS[..]).prop_map(<[u8]>::to_vec),
        1 => (400usize..1200).prop_map(|length| vec![b'y'; length]),
    ];
    prop::collection::vec(fragment, 1..40).prop_map(|fragments| {
        let mut octets = b"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n".to_vec();
        octets.extend(fragments.concat());
        octets
    })
}

/// Everything that can be told of a dialogue.
fn told(rig: Rig) -> (Vec<String>, String, Vec<Vec<u8>>, Option<CloseReason>) {
    (rig.log, String::from_utf8(rig.output).unwrap(), rig.letters, rig.closed)
}

/// Octets behind a DATA that is refused close the connection, if they are there already: the one choice that does depend on
/// how the input was cut (as does STARTTLS, which is not among the fragments).
fn depends_on_cuts(closed: Option<CloseReason>) -> bool {
    const REASONS: [&str; 4] = ["pipelined-body", "no-valid-recipients", "bad-sequence", "bad-arguments"];
    matches!(closed, Some(CloseReason::Violation(reason)) if REASONS.contains(&reason))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(400)))]

    #[test]
    fn the_same_octets_cut_anywhere_tell_the_same(
        octets in octets(),
        cuts in prop::collection::vec(1usize..60, 1..80),
        tolerant in any::<bool>(),
    ) {
        let mut whole = Rig::new(setting(tolerant));
        whole.send(&octets);
        prop_assume!(!depends_on_cuts(whole.closed));

        let mut pieces = Rig::new(setting(tolerant));
        pieces.pump();
        let mut rest = &octets[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, behind) = rest.split_at((*cut).min(rest.len()));
            pieces.send(piece);
            rest = behind;
        }
        let mut single = Rig::new(setting(tolerant));
        single.trickle(&octets);

        let whole = told(whole);
        prop_assert_eq!(&whole, &told(pieces));
        prop_assert_eq!(&whole, &told(single));
    }

    #[test]
    fn what_is_accepted_was_exactly_what_was_sent(octets in prop::collection::vec(
        prop::sample::select(&[b'a', b'.', b'.', b'\r', b'\n', b'\n', 0][..]), 0..30
    ), crlf in prop::collection::vec(any::<bool>(), 30)) {
        // Half of the line feeds get their carriage return.
        let mut text = Vec::new();
        for (octet, crlf) in octets.iter().zip(&crlf) {
            if *octet == b'\n' && *crlf {
                text.push(b'\r');
            }
            text.push(*octet);
        }
        let mut rig = Rig::greeted(setting(false));
        rig.send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n");
        rig.send(&text);
        if let Some(letter) = rig.letters.first() {
            let mut stuffed = Vec::new();
            for line in letter.split_inclusive(|octet| *octet == b'\n') {
                if line.starts_with(b".") {
                    stuffed.push(b'.');
                }
                stuffed.extend_from_slice(line);
            }
            prop_assert!(is_clean(letter));
            // A dot that was taken away need not have been stuffed by a good client; only its place is certain.
            let unstuffed = unstuff(&text);
            prop_assert_eq!(letter, &unstuffed);
            prop_assert!(stuffed.len() >= letter.len());
        }
    }

    #[test]
    fn a_letter_comes_through_as_it_was(lines in prop::collection::vec("[ -~.]{0,20}|\\.{1,4}", 0..20), chunked in any::<bool>()) {
        let letter: Vec<u8> = lines.iter().flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
        let mut rig = Rig::greeted(setting(false));
        rig.send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\n");
        if chunked {
            let (front, back) = letter.split_at(letter.len() / 2);
            rig.send(&[format!("BDAT {}\r\n", front.len()).as_bytes(), front].concat());
            rig.send(&[format!("BDAT {} LAST\r\n", back.len()).as_bytes(), back].concat());
        } else {
            rig.send(b"DATA\r\n");
            for line in &lines {
                let dot = if line.starts_with('.') { "." } else { "" };
                rig.send(format!("{dot}{line}\r\n").as_bytes());
            }
            rig.send(b".\r\n");
        }
        prop_assert_eq!(&rig.letters, &vec![letter]);
        prop_assert!(rig.closed.is_none());
    }

    #[test]
    fn what_is_mended_is_clean(octets in octets()) {
        let mut rig = Rig::new(setting(true));
        rig.send(&octets);
        for letter in &rig.letters {
            prop_assert!(is_clean(letter));
            prop_assert!(letter.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
        }
    }

    #[test]
    fn no_octets_are_too_strange(octets in prop::collection::vec(any::<u8>(), 0..300), tolerant in any::<bool>()) {
        let mut rig = Rig::new(setting(tolerant));
        rig.send(&octets);
        rig.send(b"\r\n");
        rig.eof();
        prop_assert!(rig.closed.is_some());
    }
}

/// CRLF line ends only, no NUL, and the last line is ended.
fn is_clean(letter: &[u8]) -> bool {
    let ended = letter.is_empty() || letter.ends_with(b"\r\n");
    let plain = String::from_utf8_lossy(letter).replace("\r\n", "");
    ended && !plain.contains(['\r', '\n', '\0'])
}

/// A second reading of RFC 5321 §4.5.2, line by line.
fn unstuff(text: &[u8]) -> Vec<u8> {
    let mut letter = Vec::new();
    for line in String::from_utf8_lossy(text).split("\r\n") {
        if line == "." {
            break;
        }
        letter.extend_from_slice(line.strip_prefix('.').unwrap_or(line).as_bytes());
        letter.extend_from_slice(b"\r\n");
    }
    letter
}
