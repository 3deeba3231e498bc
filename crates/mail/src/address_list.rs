//! The mailboxes of From and Sender (RFC 5322 §3.4, RFC 6854), read strictly.
//!
//! ```text
//! address-list = address *("," address)       address   = mailbox / group
//! mailbox      = [phrase] "<" addr-spec ">" / addr-spec
//! group        = phrase ":" [mailbox-list] ";"
//! ```
//! Comments, folds and quoted strings may stand where the RFC lets them. Of its obsolete forms, only dots in a phrase
//! (`John Q. Public <a@b>`) are taken: what two readers could read differently must not pass as one thing.

use crate::Mailbox;
use crate::address::is_atext;

/// Mailboxes in one list at most.
const MAILBOXES_MAX: usize = 256;
/// Nested comments at most.
const COMMENT_DEPTH_MAX: usize = 16;

/// A text that is no list of mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// `atext` and dots.
    Atom(&'a str),
    /// A quoted string with its quotes and escapes.
    Quoted(&'a str),
    /// `[...]` with its brackets.
    Literal(&'a str),
    Special(char),
}

/// Reads an unfolded field body.
pub(crate) fn parse(text: &str) -> Result<Vec<Mailbox>, Malformed> {
    // Programs mostly write the address and nothing else, or nothing but brackets around it.
    let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    if text.is_ascii()
        && let Ok(only) = Mailbox::parse(bare.unwrap_or(text))
    {
        return Ok(vec![only]);
    }
    let tokens = tokenize(text)?;
    let mut list = Parser {
        tokens: tokens.into_iter().peekable(),
        found: Vec::new(),
    };
    loop {
        list.address()?;
        match list.tokens.next() {
            None => return Ok(list.found),
            Some(Token::Special(',')) => {}
            Some(_) => return Err(Malformed),
        }
    }
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'a>>>,
    found: Vec<Mailbox>,
}

impl<'a> Parser<'a> {
    fn address(&mut self) -> Result<(), Malformed> {
        let phrase = self.phrase();
        match self.tokens.peek() {
            Some(Token::Special(':')) if !phrase.is_empty() => {
                self.tokens.next();
                self.group()
            }
            _ => self.mailbox(&phrase),
        }
    }

    /// Behind `phrase ":"`.
    fn group(&mut self) -> Result<(), Malformed> {
        if self.tokens.next_if_eq(&Token::Special(';')).is_some() {
            return Ok(());
        }
        loop {
            let phrase = self.phrase();
            self.mailbox(&phrase)?;
            match self.tokens.next() {
                Some(Token::Special(',')) => {}
                Some(Token::Special(';')) => return Ok(()),
                _ => return Err(Malformed),
            }
        }
    }

    /// Behind a phrase, which is a display name or a local part.
    fn mailbox(&mut self, phrase: &[Token<'a>]) -> Result<(), Malformed> {
        match self.tokens.next() {
            Some(Token::Special('<')) => {
                let local = self.tokens.next().ok_or(Malformed)?;
                self.expect('@')?;
                self.host_behind(local)?;
                self.expect('>')
            }
            Some(Token::Special('@')) => match phrase {
                [local] => self.host_behind(*local),
                _ => Err(Malformed),
            },
            _ => Err(Malformed),
        }
    }

    fn host_behind(&mut self, local: Token<'a>) -> Result<(), Malformed> {
        let (Token::Atom(local) | Token::Quoted(local)) = local else {
            return Err(Malformed);
        };
        let Some(Token::Atom(host) | Token::Literal(host)) = self.tokens.next() else {
            return Err(Malformed);
        };
        if self.found.len() >= MAILBOXES_MAX || local.contains(char::REPLACEMENT_CHARACTER) {
            return Err(Malformed);
        }
        self.found
            .push(Mailbox::parse(&format!("{local}@{host}")).map_err(|_| Malformed)?);
        Ok(())
    }

    fn phrase(&mut self) -> Vec<Token<'a>> {
        let mut words = Vec::new();
        while let Some(word) = self
            .tokens
            .next_if(|token| matches!(token, Token::Atom(_) | Token::Quoted(_)))
        {
            words.push(word);
        }
        words
    }

    fn expect(&mut self, special: char) -> Result<(), Malformed> {
        self.tokens
            .next_if_eq(&Token::Special(special))
            .map(|_| ())
            .ok_or(Malformed)
    }
}

fn tokenize(text: &str) -> Result<Vec<Token<'_>>, Malformed> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (token, behind) = match c {
            '(' => {
                rest = behind_comment(rest)?;
                continue;
            }
            '"' => {
                let (quoted, behind) = enclosed('"', rest)?;
                (Token::Quoted(quoted), behind)
            }
            '[' => {
                let (literal, behind) = enclosed(']', rest)?;
                (Token::Literal(literal), behind)
            }
            '<' | '>' | '@' | ',' | ';' | ':' | ' ' | '\t' => {
                let (_, behind) = rest.split_at_checked(1).ok_or(Malformed)?;
                (Token::Special(c), behind)
            }
            _ => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let (atom, behind) = rest.split_at_checked(end).filter(|_| end > 0).ok_or(Malformed)?;
                (Token::Atom(atom), behind)
            }
        };
        if !matches!(c, ' ' | '\t') {
            tokens.push(token);
        }
        rest = behind;
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c == '.' || is_atext(c)
}

/// What stands in front up to `close`, escapes included, and what is behind it.
fn enclosed(close: char, text: &str) -> Result<(&str, &str), Malformed> {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next().ok_or(Malformed)?;
            }
            c if c == close => return text.split_at_checked(at + c.len_utf8()).ok_or(Malformed),
            c if c.is_control() && c != '\t' => return Err(Malformed),
            _ => {}
        }
    }
    Err(Malformed)
}

/// What is behind the comment in front.
fn behind_comment(text: &str) -> Result<&str, Malformed> {
    let mut depth = 0;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next().ok_or(Malformed)?;
            }
            '(' if depth < COMMENT_DEPTH_MAX => depth += 1,
            '(' => return Err(Malformed),
            ')' => {
                depth -= 1;
                if depth == 0 {
                    return text.get(at + 1..).ok_or(Malformed);
                }
            }
            _ => {}
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_address_that_stands_alone_is_read_as_among_others(text in r#"["ab.\\ (]{1,6}@[ab.\[\]1:,>-]{1,8}"#) {
            // Behind a blank it is no longer an address alone, and is taken apart.
            prop_assert_eq!(parse(&text), parse(&format!(" {text}")));
            prop_assert_eq!(parse(&format!("<{text}>")), parse(&format!(" <{text}>")));
        }
    }

    fn read(text: &str) -> Option<Vec<String>> {
        parse(text)
            .ok()
            .map(|list| list.iter().map(ToString::to_string).collect())
    }

    fn one(text: &str) -> Option<String> {
        read(text)
            .filter(|list| list.len() == 1)
            .and_then(|mut list| list.pop())
    }

    #[test]
    fn a_mailbox_may_be_named_commented_and_quoted() {
        for text in [
            "a@b.c",
            "<a@b.c>",
            "A B <a@b.c>",
            "\"B, A <x@y.z>\" <a@b.c>",
            "J. Q. Public <a@b.c>",
            "a (x@y.z (nested \\) )) @ b.c (end)",
            "\"a\"@b.c",
            "=?utf-8?q?x?= < a@B.C >",
            "Bücher <a@b.c>",
            "\u{fffd} <a@b.c>",
        ] {
            assert_eq!(one(text).as_deref(), Some("a@b.c"), "{text}");
        }
        assert_eq!(one("x@[192.0.2.1]").as_deref(), Some("x@[192.0.2.1]"));
        assert_eq!(one("\"a b\"@c.d").as_deref(), Some("\"a b\"@c.d"));
    }

    #[test]
    fn lists_and_groups_are_opened() {
        assert_eq!(read("a@b.c, D <d@e.f>").unwrap(), ["a@b.c", "d@e.f"]);
        assert_eq!(
            read("team: a@b.c, D <d@e.f>;, g@h.i").unwrap(),
            ["a@b.c", "d@e.f", "g@h.i"]
        );
        assert_eq!(read("nobody:;").unwrap(), [""; 0]);
    }

    #[test]
    fn what_two_readers_could_read_differently_is_malformed() {
        for text in [
            "",
            ",",
            "a@b.c,",
            "a@b.c d@e.f",
            "a@b.c <d@e.f>",
            "<a@b.c> <d@e.f>",
            "<a@b.c> d",
            "<>",
            "a b@c.d",
            "a.@b.c",
            "<@r.s:a@b.c>",
            "a@b.c(",
            "\"a@b.c",
            "a@b.c)",
            "team: a@b.c",
            ": a@b.c;",
            "a@b..c",
            "<a@b.c",
            "a\\@b.c",
            "\u{fffd}@b.c",
            "a@b@c.d",
            "a . b@c.d",
            "a\0@b.c",
            "t: u: a@b.c;;",
            "a@ [1.2.3.4",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        assert_eq!(read(&"(".repeat(100)), None);
        assert_eq!(read(&"a@b.c,".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_malformed(text in "[a-c@<>,;:()\\[\\]\"\\\\. \u{e9}]{0,40}") {
            for mailbox in parse(&text).unwrap_or_default() {
                prop_assert_eq!(parse(&mailbox.to_string()), Ok(vec![mailbox]));
            }
        }
    }
}
