//! The messages of LDAP that a login takes (RFC 4511): StartTLS, a search for a name, a simple bind, and what is answered.

/// Octets of an answer at most; nobody needs more to say yes or no.
pub(super) const ANSWER_OCTETS_MAX: usize = 64 * 1024;
/// Entries a search may find: with two it has found nobody.
const ENTRIES_MAX: u8 = 2;
/// Seconds a search may take there.
const SEARCH_SECS: u8 = 5;
/// The name of StartTLS (RFC 4511 §4.14.1).
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

/// What a directory says to a bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Name and password are right.
    Right,
    /// They are not, or this name may not log in.
    Wrong,
    /// It cannot say: it is busy, refers us elsewhere, or asks for something else.
    NoAnswer(u8),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// To a bind.
    Bound(Bound),
    /// To StartTLS: the code; 0 is yes.
    Extended(u8),
    /// An entry that a search found, by its name.
    Entry(Vec<u8>),
    /// A search points elsewhere.
    Reference,
    /// A search is over: the code; 0 is that all was found.
    Done(u8),
}

/// What has come so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// More octets are needed.
    More,
    /// No answer to what was asked.
    Nonsense,
    /// An answer of so many octets.
    Whole(Answer, usize),
}

/// A bind request.
pub(super) fn bind(number: u8, name: &[u8], password: &[u8]) -> Vec<u8> {
    let version = element(0x02, &[3]);
    let name = element(0x04, name);
    // [0] simple
    let password = element(0x80, password);
    message(number, &element(0x60, &[version, name, password].concat()))
}

/// A search for names, in all of the tree below `base`.
pub(super) fn search(number: u8, base: &str, filter: &[u8]) -> Vec<u8> {
    let fields = [
        element(0x04, base.as_bytes()),
        // wholeSubtree; neverDerefAliases
        element(0x0a, &[2]),
        element(0x0a, &[0]),
        element(0x02, &[ENTRIES_MAX]),
        element(0x02, &[SEARCH_SECS]),
        // typesOnly, and of these none (RFC 4511 §4.5.1.8)
        element(0x01, &[0xff]),
        filter.to_vec(),
        element(0x30, &element(0x04, b"1.1")),
    ];
    message(number, &element(0x63, &fields.concat()))
}

/// A request to go on under TLS.
pub(super) fn start_tls(number: u8) -> Vec<u8> {
    message(number, &element(0x77, &element(0x80, START_TLS)))
}

/// An unbind request: a polite end.
pub(super) fn unbind(number: u8) -> Vec<u8> {
    message(number, &element(0x42, &[]))
}

fn message(number: u8, request: &[u8]) -> Vec<u8> {
    element(0x30, &[&element(0x02, &[number]), request].concat())
}

/// Reads an answer to the request of this number as far as it has come.
pub(super) fn read(octets: &[u8], number: u8) -> Reading {
    match Element::read(octets) {
        _ if octets.first().is_some_and(|tag| *tag != 0x30) => Reading::Nonsense,
        Ok(None) if octets.len() < ANSWER_OCTETS_MAX => Reading::More,
        Ok(Some((message, rest))) => match answer(message.content, number) {
            Some(answer) => Reading::Whole(answer, octets.len() - rest.len()),
            None => Reading::Nonsense,
        },
        _ => Reading::Nonsense,
    }
}

fn answer(message: &[u8], number: u8) -> Option<Answer> {
    let (said, rest) = Element::read(message).ok()??;
    let (response, _) = Element::read(rest).ok()??;
    if (said.tag, said.content) != (0x02, &[number][..]) {
        return None;
    }
    let (first, _) = Element::read(response.content).ok()??;
    match (response.tag, first.tag, first.content) {
        (0x61, 0x0a, [code]) => Some(Answer::Bound(bound(*code))),
        (0x78, 0x0a, [code]) => Some(Answer::Extended(*code)),
        (0x65, 0x0a, [code]) => Some(Answer::Done(*code)),
        (0x64, 0x04, name) => Some(Answer::Entry(name.to_vec())),
        (0x73, ..) => Some(Answer::Reference),
        _ => None,
    }
}

const fn bound(code: u8) -> Bound {
    match code {
        0 => Bound::Right,
        // noSuchObject, invalidDNSyntax, inappropriateAuthentication, invalidCredentials, insufficientAccessRights,
        // unwillingToPerform (RFC 4511 §A.1): some directories say these of names that are not, or are locked.
        32 | 34 | 48 | 49 | 50 | 53 => Bound::Wrong,
        code => Bound::NoAnswer(code),
    }
}

/// Tag, length and content in BER, the length in as few octets as it takes.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut octets = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => octets.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let digits = length
                .iter()
                .copied()
                .skip_while(|octet| *octet == 0)
                .collect::<Vec<_>>();
            octets.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            octets.extend(digits);
        }
    }
    octets.extend_from_slice(content);
    octets
}

struct Element<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Element<'a> {
    /// The first element and what is behind it; `None` where it is not whole.
    fn read(octets: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, ()> {
        let [tag, length, rest @ ..] = octets else {
            return Ok(None);
        };
        let (length, rest) = if *length < 0x80 {
            (usize::from(*length), rest)
        } else {
            let count = usize::from(length & 0x7f);
            if !(1..=4).contains(&count) {
                return Err(());
            }
            let Some((digits, rest)) = rest.split_at_checked(count) else {
                return Ok(None);
            };
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        };
        if length > ANSWER_OCTETS_MAX {
            return Err(());
        }
        let Some((content, rest)) = rest.split_at_checked(length) else {
            return Ok(None);
        };
        Ok(Some((Self { tag: *tag, content }, rest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A bind response with this code.
    fn answer(code: u8) -> Vec<u8> {
        vec![
            0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, code, 0x04, 0x00, 0x04, 0x00,
        ]
    }

    #[test]
    fn requests_are_written_as_the_standard_has_them() {
        let expected = b"\x30\x1a\x02\x01\x01\x60\x15\x02\x01\x03\x04\x08uid=x,o=\x80\x06secret";
        assert_eq!(bind(1, b"uid=x,o=", b"secret"), expected);
        let long = bind(1, "x".repeat(300).as_bytes(), b"secret");
        assert_eq!(long[..4], [0x30, 0x82, 0x01, 0x42]);
        assert_eq!(unbind(2), [0x30, 5, 2, 1, 2, 0x42, 0]);
        assert_eq!(
            start_tls(1),
            b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
        );
        let search = search(3, "o=x", b"\x87\x03uid");
        let expected = b"\x30\x25\x02\x01\x03\x63\x20\x04\x03o=x\x0a\x01\x02\x0a\x01\x00\x02\x01\x02\x02\x01\x05\
            \x01\x01\xff\x87\x03uid\x30\x05\x04\x031.1";
        assert_eq!(search, expected);
    }

    #[test]
    fn answers_are_told_apart_however_they_come_in() {
        for (code, bound) in [
            (0, Bound::Right),
            (49, Bound::Wrong),
            (32, Bound::Wrong),
            (53, Bound::Wrong),
            (10, Bound::NoAnswer(10)),
            (14, Bound::NoAnswer(14)),
            (52, Bound::NoAnswer(52)),
        ] {
            let mut whole = answer(code);
            assert_eq!(read(&whole, 1), Reading::Whole(Answer::Bound(bound), 14));
            for end in 0..whole.len() {
                assert_eq!(read(&whole[..end], 1), Reading::More, "{end}");
            }
            whole.extend(b"more");
            assert_eq!(read(&whole, 1), Reading::Whole(Answer::Bound(bound), 14));
        }
        let entry = message(
            7,
            &element(0x64, &[element(0x04, b"uid=x,o=y"), element(0x30, &[])].concat()),
        );
        let whole = entry.len();
        assert_eq!(
            read(&entry, 7),
            Reading::Whole(Answer::Entry(b"uid=x,o=y".to_vec()), whole)
        );
        for (tag, expected) in [(0x65, Answer::Done(4)), (0x78, Answer::Extended(4))] {
            let fields = [element(0x0a, &[4]), element(0x04, &[]), element(0x04, &[])].concat();
            let said = message(7, &element(tag, &fields));
            assert_eq!(read(&said, 7), Reading::Whole(expected, said.len()));
        }
        let elsewhere = message(7, &element(0x73, &element(0x04, b"ldap://other/")));
        assert_eq!(read(&elsewhere, 7), Reading::Whole(Answer::Reference, elsewhere.len()));
        let mut other_number = answer(0);
        other_number[4] = 2;
        let mut other_kind = answer(0);
        other_kind[5] = 0x66;
        for wrong in [
            &other_number[..],
            &other_kind,
            b"\x30\x80",
            b"\x31\x00",
            b"\x30\x84\xff\xff\xff\xff",
            b"HTTP/1.1",
        ] {
            assert_eq!(read(wrong, 1), Reading::Nonsense, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_are_too_strange(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let right = matches!(read(&octets, 1), Reading::Whole(Answer::Bound(Bound::Right), _));
            prop_assert!(!right || octets.windows(3).any(|three| three == [0x0a, 1, 0]));
        }
    }
}
