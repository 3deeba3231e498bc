//! What a client calls itself.

use std::fmt;

/// Octets of a name in HELO that are ever compared (RFC 5321 §4.5.3.1.2).
const OCTETS_MAX: usize = 255;

/// Names that a client may give in HELO or EHLO: `RNP002673A1B2C3`, or `RNP*` where `*` stands for any letters.
///
/// A name proves nothing. One that was not granted says that another machine than the granted one speaks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HelloPattern(Box<str>);

/// Why a pattern is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloPatternError {
    /// Nothing is written, or too much.
    Length,
    /// No client can say so.
    Letter,
}

impl fmt::Display for HelloPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => write!(f, "a name in HELO has 1 to {OCTETS_MAX} octets"),
            Self::Letter => f.write_str("a name in HELO is of printable ASCII, without blanks"),
        }
    }
}

impl std::error::Error for HelloPatternError {}

impl HelloPattern {
    /// Reads `RNP*`.
    pub fn parse(text: &str) -> Result<Self, HelloPatternError> {
        if text.is_empty() || text.len() > OCTETS_MAX {
            return Err(HelloPatternError::Length);
        }
        if !text.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(HelloPatternError::Letter);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// Whether a client that calls itself so is one of those meant. Case does not count.
    #[must_use]
    pub fn matches(&self, hello: &str) -> bool {
        if hello.len() > OCTETS_MAX {
            return false;
        }
        let hello = hello.to_ascii_lowercase();
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| hello.strip_prefix(first)) else {
            return false;
        };
        let Some(last) = parts.next_back() else {
            return rest.is_empty();
        };
        // The first place where a part stands leaves the most for those behind it.
        for part in parts {
            match rest.split_once(part) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for HelloPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> HelloPattern {
        HelloPattern::parse(text).unwrap()
    }

    #[test]
    fn a_name_is_exact_but_for_case_and_stars() {
        for (meant, hello) in [
            ("copier", "COPIER"),
            ("RNP*", "RNP002673A1B2C3"),
            ("rnp*", "RNP"),
            ("*.example.edu", "copier.example.edu"),
            ("a*b*c", "a-b-b-c"),
            ("*", ""),
            ("[10.20.3.14]", "[10.20.3.14]"),
        ] {
            assert!(pattern(meant).matches(hello), "{meant} {hello}");
        }
        for (meant, hello) in [
            ("copier", "copier2"),
            ("rnp*", "xrnp1"),
            ("*.example.edu", "example.edu"),
            ("a*b*c", "a-c-b"),
            ("ab*ba", "aba"),
            ("copier", ""),
        ] {
            assert!(!pattern(meant).matches(hello), "{meant} {hello}");
        }
        for wrong in ["", "a b", "kopierer-ä", &"x".repeat(256)] {
            assert!(HelloPattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    /// The same said letter by letter.
    fn slowly(pattern: &[u8], hello: &[u8]) -> bool {
        match (pattern.split_first(), hello.split_first()) {
            (None, None) => true,
            (Some((b'*', behind)), _) => {
                slowly(behind, hello) || hello.split_first().is_some_and(|(_, rest)| slowly(pattern, rest))
            }
            (Some((one, behind)), Some((other, rest))) => one == other && slowly(behind, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn it_means_what_it_means_letter_by_letter(meant in "[ab*]{1,7}", hello in "[ab]{0,9}") {
            prop_assert_eq!(pattern(&meant).matches(&hello), slowly(meant.as_bytes(), hello.as_bytes()));
        }
    }
}
