//! Passwords that a person chooses: the rules of NIST SP 800-63B-4, section 3.1.1, for one that stands alone.
//!
//! At least 15 characters, as long as anybody likes up to what fits the mechanisms, no rules of composition, and none that
//! is expected: what many people choose, what stands on a keyboard in a row, and what is known of the organisation and the
//! login. The password is compared as a whole; a phrase may well have a common word in it.

mod expected;

use std::collections::BTreeSet;
use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Characters at least.
pub const CHARACTERS_MIN: usize = 15;
/// Octets at most; more than 64 characters of any script.
pub const OCTETS_MAX: usize = 512;

/// A password as it is hashed, both when it is chosen and when it is shown: NFC, every blank an ordinary one (RFC 8265,
/// 4.2). What is plain ASCII stays as it is.
#[must_use]
pub fn prepared(password: &str) -> Zeroizing<String> {
    let mut prepared = Zeroizing::new(String::with_capacity(password.len() * 3));
    prepared.extend(password.nfc().map(|c| match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        c => c,
    }));
    prepared
}

/// What a password must not be made of, beside what is common everywhere.
#[derive(Clone, Debug, Default)]
pub struct Context(BTreeSet<String>);

impl Context {
    /// Words of the organisation and the login: its name, its domains, who logs in. Each part of them counts.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(texts.into_iter().flat_map(expected::words).collect())
    }
}

/// Why a password is not taken, and what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// It has so many characters.
    Short(usize),
    /// It has too many octets.
    Long,
    /// It has characters that no keyboard sends.
    Control,
    /// It is what many people choose.
    Common,
    /// It is made of what everybody here knows.
    OfContext,
    /// It is a row on a keyboard, of numbers or of letters, or little over and over again.
    Row,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(count) => write!(
                f,
                "the password has {count} characters; at least {CHARACTERS_MIN} are needed"
            ),
            Self::Long => write!(
                f,
                "the password has more than {OCTETS_MAX} octets, which some programs cut off"
            ),
            Self::Control => f.write_str("the password has a tab or another control character in it"),
            Self::Common => f.write_str("the password is made of what very many people choose"),
            Self::OfContext => f.write_str("the password is made of the names of this organisation or of who logs in"),
            Self::Row => f.write_str("the password is a row of keys, letters or numbers, or repeats itself"),
        }
    }
}

impl Weakness {
    /// What to do.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        "take four or five words that have nothing to do with each other, with blanks in between if you like, or let a \
         secret be made for you"
    }
}

/// Whether a password may be chosen.
pub fn check(password: &str, context: &Context) -> Result<(), Weakness> {
    let password = prepared(password);
    // Each code point is one character.
    let count = password.chars().count();
    if password.contains(char::is_control) {
        Err(Weakness::Control)
    } else if count < CHARACTERS_MIN {
        Err(Weakness::Short(count))
    } else if password.len() > OCTETS_MAX {
        Err(Weakness::Long)
    } else {
        expected::check(&password, &context.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_here(password: &str) -> Result<(), Weakness> {
        let context = Context::of([
            "Example University",
            "mail.example.edu",
            "pc-1042",
            "billing@example.edu",
        ]);
        check(password, &context)
    }

    #[test]
    fn fifteen_characters_of_any_kind_are_enough_and_no_character_is_asked_for() {
        for good in [
            "correct horse battery",
            "fjord lamp onion",
            "quietly purple rhubarb",
            "a password nobody would expect",
            "ÄnderungÜberÖle",
            "пароль для принтера",
            "绿色的河流在夜里唱着古老的歌谣了",
            "GGx7CkPmRaXhMqMT",
            "tiger 8374 9283 7492",
        ] {
            assert_eq!(check_here(good), Ok(()), "{good}");
        }
        assert_eq!(check_here("fjord lamp oni"), Err(Weakness::Short(14)));
        assert_eq!(check_here("ab"), Err(Weakness::Short(2)));
        // Sixty-four of three octets each.
        let long: String = ('\u{4e00}'..).take(64).collect();
        assert_eq!(check_here(&long), Ok(()));
        assert_eq!(check_here(&"fjord lamp onion ".repeat(40)), Err(Weakness::Long));
        assert_eq!(check_here("fjord lamp\tonion"), Err(Weakness::Control));
    }

    #[test]
    fn what_is_expected_is_not_taken() {
        for (expected, why) in [
            ("Password1234567", Weakness::Common),
            ("passwordpassword", Weakness::Common),
            ("P@ssw0rd!!!!!!!!", Weakness::Common),
            ("Sunshine 2026 !!", Weakness::Common),
            ("welcome-football", Weakness::Common),
            ("1qaz2wsx3edc4rfv", Weakness::Common),
            ("ExampleUniversity", Weakness::OfContext),
            ("example.university.2026", Weakness::OfContext),
            ("billing@example.edu", Weakness::OfContext),
            ("pc-1042-password", Weakness::OfContext),
            ("aaaaaaaaaaaaaaaa", Weakness::Row),
            ("abcabcabcabcabcabc", Weakness::Row),
            ("123456789012345", Weakness::Row),
            ("qwertyuiopasdfgh", Weakness::Row),
            ("987654321qwertyuiop", Weakness::Row),
            ("abcdefghijklmnopq", Weakness::Row),
        ] {
            assert_eq!(check_here(expected), Err(why), "{expected}");
        }
    }

    #[test]
    fn one_password_typed_on_two_keyboards_is_one() {
        assert_eq!(*prepared("Mu\u{308}sli"), *prepared("M\u{fc}sli"));
        assert_eq!(*prepared("a\u{a0}b\u{3000}c"), "a b c");
        assert_eq!(*prepared("GGx7 CkPm"), "GGx7 CkPm");
        assert_ne!(*prepared("\u{2460}"), "1", "what looks alike stays apart");
    }
}
