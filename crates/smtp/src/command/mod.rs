//! The grammar of commands: from a line to a value that is valid, or to the fault in it.
//!
//! Nothing here knows in which order commands may come; that is the dialogue's.

mod auth;
mod length;
mod line;
mod params;
mod path;
mod verb;
mod xtext;

pub(crate) use auth::{auth_arguments, decode_base64};
pub(crate) use length::{AUTH_LINE_OCTETS_MAX, longest_line, octets_max};
pub(crate) use line::{Line, LineFault, Skip, find_line, skip_line};
pub(crate) use params::{mail_arguments, rcpt_arguments};
pub(crate) use verb::{Verb, split_verb};

use crate::server::{Dialect, Offer};

/// What the reading of arguments depends on.
#[derive(Clone, Copy)]
pub(crate) struct Grammar<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) offer: &'a Offer,
    /// Whether the transaction at hand was begun with SMTPUTF8.
    pub(crate) smtputf8: bool,
}

impl Grammar<'_> {
    fn lenient(&self) -> bool {
        self.dialect == Dialect::Lenient
    }
}

/// Which path of the envelope a fault was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathKind {
    Reverse,
    Forward,
}

/// What is wrong with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A control character, or octets that are no UTF-8.
    BadCharacter,
    /// The arguments are not those of the command; the text says what they should be.
    Arguments(&'static str),
    /// What HELO or EHLO named is no name.
    HelloName,
    /// A path that cannot be read, and why.
    Path(PathKind, String),
    /// `<@a,@b:c@d>`: the old way of naming hops, which only serves to fool relays now (RFC 5321 §F.2).
    SourceRoute,
    /// A non-ASCII address without SMTPUTF8 (RFC 6531 §3.2).
    NeedsSmtputf8(PathKind),
    /// A parameter that is not offered, made fit to be shown.
    UnknownParameter(String),
    /// A parameter with a value that is none of its own, or given twice.
    BadParameter(&'static str),
    /// `SIZE=` above the limit.
    TooBig,
    /// A mechanism that is not offered.
    UnknownMechanism,
    /// Not base64.
    Base64,
}

/// A piece of what a client sent, fit to be shown in a reply: printable US-ASCII, at most 40 characters.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 40;
    let mut shown: String = text
        .chars()
        .take(SHOWN_MAX)
        .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
        .collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

/// `BDAT chunk-size [ LAST ]` (RFC 3030 §2): the octets of the chunk, and whether it is the last.
///
/// The size must be exact, for it says where the next command begins; a text that is not plainly a number is refused.
pub(crate) fn bdat_arguments(arguments: &str) -> Option<(u64, bool)> {
    let mut words = arguments.split(' ').filter(|word| !word.is_empty());
    let size = words.next().and_then(decimal)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case("LAST") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some((size, last))
}

/// `HELO` and `EHLO`: what the client calls itself.
pub(crate) fn hello_name(arguments: &str, may_be_absent: bool, grammar: Grammar<'_>) -> Result<Box<str>, Fault> {
    const NAME_OCTETS_MAX: usize = 255;
    let name = arguments.trim_matches(' ');
    let empty_fits = may_be_absent && grammar.lenient();
    let characters_fit = grammar.lenient()
        || (arguments == name
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'[' | b']' | b':')));
    if name.len() > NAME_OCTETS_MAX || (name.is_empty() && !empty_fits) || !characters_fit {
        return Err(Fault::HelloName);
    }
    Ok(name.into())
}

/// One to twenty digits that fit; no sign, no blanks. `None` where they do not fit either.
fn decimal(text: &str) -> Option<u64> {
    let plain = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_size_is_plain_digits_and_nothing_else() {
        assert_eq!(bdat_arguments("0 LAST"), Some((0, true)));
        assert_eq!(bdat_arguments("86 last"), Some((86, true)));
        assert_eq!(bdat_arguments("18446744073709551615"), Some((u64::MAX, false)));
        for bad in [
            "",
            "abc",
            "-1",
            "+0 LAST",
            "0x5 LAST",
            "1.5 LAST",
            "5 FIRST",
            "5 LAST x",
            "18446744073709551616",
            "5LAST",
        ] {
            assert_eq!(bdat_arguments(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_printable_and_short() {
        assert_eq!(shown("a\u{1b}[2Jb\u{fc}"), "a?[2Jb?");
        assert_eq!(shown(&"x".repeat(100)).len(), 43);
    }
}
