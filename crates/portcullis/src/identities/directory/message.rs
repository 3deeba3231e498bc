//! The two messages of LDAP that a login takes (RFC 4511 §4.2): a simple bind, and what comes of it.

/// Octets of an answer at most; nobody needs more to say yes or no.
pub(super) const ANSWER_OCTETS_MAX: usize = 64 * 1024;

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

/// What has come so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// More octets are needed.
    More,
    /// No answer to a bind.
    Nonsense,
    /// The answer.
    Whole(Bound),
}

/// A bind request, with the message's number 1.
pub(super) fn bind(name: &str, password: &[u8]) -> Vec<u8> {
    let version = element(0x02, &[3]);
    let name = element(0x04, name.as_bytes());
    // [0] simple
    let password = element(0x80, password);
    let request = element(0x60, &[version, name, password].concat());
    element(0x30, &[element(0x02, &[1]), request].concat())
}

/// An unbind request, with the message's number 2: a polite end.
pub(super) fn unbind() -> Vec<u8> {
    element(0x30, &[element(0x02, &[2]), element(0x42, &[])].concat())
}

/// Reads an answer to the bind as far as it has come.
pub(super) fn read(octets: &[u8]) -> Reading {
    match Element::read(octets) {
        _ if octets.first().is_some_and(|tag| *tag != 0x30) => Reading::Nonsense,
        Ok(None) if octets.len() < ANSWER_OCTETS_MAX => Reading::More,
        Ok(Some((message, _))) => bound(message.content).map_or(Reading::Nonsense, Reading::Whole),
        _ => Reading::Nonsense,
    }
}

fn bound(message: &[u8]) -> Option<Bound> {
    let (number, rest) = Element::read(message).ok()??;
    let (response, _) = Element::read(rest).ok()??;
    let (code, _) = Element::read(response.content).ok()??;
    let ours = (number.tag, number.content, response.tag, code.tag) == (0x02, &[1][..], 0x61, 0x0a);
    match (ours, code.content) {
        (true, [0]) => Some(Bound::Right),
        // noSuchObject, invalidDNSyntax, inappropriateAuthentication, invalidCredentials, insufficientAccessRights,
        // unwillingToPerform (RFC 4511 §A.1): some directories say these of names that are not, or are locked.
        (true, [32 | 34 | 48 | 49 | 50 | 53]) => Some(Bound::Wrong),
        (true, [code]) => Some(Bound::NoAnswer(*code)),
        _ => None,
    }
}

/// Tag, length and content in BER, the length in as few octets as it takes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
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
    fn a_bind_is_written_as_the_standard_has_it() {
        let expected = b"\x30\x1a\x02\x01\x01\x60\x15\x02\x01\x03\x04\x08uid=x,o=\x80\x06secret";
        assert_eq!(bind("uid=x,o=", b"secret"), expected);
        let long = bind(&"x".repeat(300), b"secret");
        assert_eq!(long[..4], [0x30, 0x82, 0x01, 0x42]);
        assert_eq!(unbind(), [0x30, 5, 2, 1, 2, 0x42, 0]);
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
            let whole = answer(code);
            assert_eq!(read(&whole), Reading::Whole(bound));
            for end in 0..whole.len() {
                assert_eq!(read(&whole[..end]), Reading::More, "{end}");
            }
        }
        let mut other_number = answer(0);
        other_number[4] = 2;
        let mut other_kind = answer(0);
        other_kind[5] = 0x65;
        for wrong in [
            &other_number[..],
            &other_kind,
            b"\x30\x80",
            b"\x31\x00",
            b"\x30\x84\xff\xff\xff\xff",
            b"HTTP/1.1",
        ] {
            assert_eq!(read(wrong), Reading::Nonsense, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_octets_are_too_strange(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
            let came = read(&octets);
            prop_assert!(came != Reading::Whole(Bound::Right) || octets.windows(3).any(|three| three == [0x0a, 1, 0]));
        }
    }
}
