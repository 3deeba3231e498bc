//! Reading replies (RFC 5321 §4.2).
//!
//! ```text
//! Reply-line = *( Reply-code "-" [ textstring ] CRLF )
//!                 Reply-code [ SP textstring ] CRLF
//! ```
//! A line may also end in LF alone, as some peers write it: nothing of ours depends on where a peer's line ends.

use bytes::BytesMut;
use mail::{EnhancedCode, Reply};
use memchr::memchr;

/// Octets of a line at most, its end included. RFC 5321 §4.5.3.1.5 says 512; peers in the field write more.
const LINE_OCTETS_MAX: usize = 2048;
/// Lines of a reply at most.
const LINES_MAX: usize = 128;
/// Octets of all texts of a reply at most.
const TEXT_OCTETS_MAX: usize = 32 * 1024;

/// Which texts may hold characters outside US-ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    Ascii,
    Utf8,
}

/// Gathers lines until a reply is whole.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    lines: Vec<Vec<u8>>,
    code: u16,
    octets: usize,
}

/// A whole reply, before it is made printable.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) code: u16,
    lines: Vec<Vec<u8>>,
}

impl ReplyReader {
    /// Takes whole lines from `input`; a reply once its last line is there. An error is a stable word for a broken rule.
    pub(super) fn read(&mut self, input: &mut BytesMut) -> Result<Option<Lines>, &'static str> {
        while let Some(end) = memchr(b'\n', input) {
            if end >= LINE_OCTETS_MAX {
                return Err("reply-line-too-long");
            }
            let line = input.split_to(end + 1);
            if self.take(&line)? {
                let whole = std::mem::take(self);
                return Ok(Some(Lines {
                    code: whole.code,
                    lines: whole.lines,
                }));
            }
        }
        if input.len() >= LINE_OCTETS_MAX {
            Err("reply-line-too-long")
        } else {
            Ok(None)
        }
    }

    /// Whether nothing of a reply has been read yet.
    pub(super) fn is_idle(&self) -> bool {
        self.lines.is_empty()
    }

    /// Adds one line; true where it is the last.
    fn take(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (code, rest) = line.split_at_checked(3).ok_or("reply-without-code")?;
        let code = read_code(code).ok_or("reply-without-code")?;
        if !self.lines.is_empty() && code != self.code {
            return Err("reply-code-changed");
        }
        let (last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err("reply-without-code"),
        };
        self.octets += text.len();
        if self.lines.len() >= LINES_MAX || self.octets > TEXT_OCTETS_MAX {
            return Err("reply-too-long");
        }
        self.code = code;
        self.lines.push(text.to_vec());
        Ok(last)
    }
}

/// Three digits of which the first is 2 to 5; SMTP has no 1yz (RFC 5321 §4.2.1).
fn read_code(digits: &[u8]) -> Option<u16> {
    let [first @ b'2'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9'] = digits else {
        return None;
    };
    Some(u16::from(first - b'0') * 100 + u16::from(second - b'0') * 10 + u16::from(third - b'0'))
}

impl Lines {
    /// The texts, as far as they are UTF-8.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .map(|line| std::str::from_utf8(line).unwrap_or_default())
    }

    /// The printable reply. An enhanced code counts only where its class is the reply's (RFC 2034 §4).
    pub(super) fn into_reply(self, charset: Charset) -> Reply {
        let mut enhanced = None;
        let mut texts = Vec::with_capacity(self.lines.len());
        for (at, line) in self.lines.iter().enumerate() {
            let text = printable(line, charset);
            let split = EnhancedCode::split_from(&text)
                .filter(|(code, _)| u16::from(code.class) == self.code / 100)
                .map(|(code, rest)| (code, rest.trim_start().to_owned()));
            match split {
                Some((code, rest)) if at == 0 || enhanced == Some(code) => {
                    enhanced = Some(code);
                    texts.push(rest);
                }
                _ => texts.push(text),
            }
        }
        Reply {
            code: self.code,
            enhanced,
            text: texts.join("\n").into(),
        }
    }

    #[cfg(test)]
    pub(super) fn of(code: u16, lines: &[&str]) -> Self {
        Self {
            code,
            lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
        }
    }
}

/// A peer's text as logs and notices may show it: what could move a cursor or turn writing around becomes `?`.
fn printable(line: &[u8], charset: Charset) -> String {
    String::from_utf8_lossy(line)
        .trim_end()
        .chars()
        .map(|c| match c {
            '\t' => ' ',
            ' '..='~' => c,
            c if charset == Charset::Utf8 && !c.is_ascii() && !is_deceptive(c) => c,
            _ => '?',
        })
        .collect()
}

/// Controls, separators of lines, invisible and direction-turning characters.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Reply>, &'static str> {
        let mut input = BytesMut::from(text.as_bytes());
        let lines = ReplyReader::default().read(&mut input)?;
        Ok(lines.map(|lines| lines.into_reply(Charset::Ascii)))
    }

    #[test]
    fn the_enhanced_code_is_split_from_each_line() {
        let reply = read("550-5.7.1 not\r\n550 5.7.1 here\r\n").unwrap().unwrap();
        assert_eq!((reply.code, reply.enhanced), (550, Some(EnhancedCode::new(5, 7, 1))));
        assert_eq!(reply.text, "not\nhere");
    }

    #[test]
    fn an_enhanced_code_of_another_class_is_text() {
        let reply = read("450 5.7.1 what now\r\n").unwrap().unwrap();
        assert_eq!((reply.enhanced, &*reply.text), (None, "5.7.1 what now"));
    }

    #[test]
    fn a_code_alone_and_a_line_feed_alone_are_understood() {
        assert_eq!(read("250\r\n").unwrap().unwrap().code, 250);
        assert_eq!(read("250 ok\n").unwrap().unwrap().text, "ok");
        assert_eq!(read("250 ok"), Ok(None));
        assert_eq!(read("250-ok\r\n"), Ok(None));
    }

    #[test]
    fn what_is_no_reply_is_named() {
        assert_eq!(read("hello\r\n"), Err("reply-without-code"));
        assert_eq!(read("25\r\n"), Err("reply-without-code"));
        assert_eq!(read("2500\r\n"), Err("reply-without-code"));
        assert_eq!(read("120 soon\r\n"), Err("reply-without-code"));
        assert_eq!(read("250-a\r\n251 b\r\n"), Err("reply-code-changed"));
        assert_eq!(
            read(&format!("250 {}\r\n", "x".repeat(3000))),
            Err("reply-line-too-long")
        );
        assert_eq!(read(&"x".repeat(3000)), Err("reply-line-too-long"));
        assert_eq!(read(&"250-x\r\n".repeat(200)), Err("reply-too-long"));
        assert_eq!(
            read(&format!("250-{}\r\n", "x".repeat(1500)).repeat(30)),
            Err("reply-too-long")
        );
    }

    #[test]
    fn texts_are_made_printable() {
        assert_eq!(
            read("550 a\x1b[2Jb\u{202e}c\td\r\n").unwrap().unwrap().text,
            "a?[2Jb?c d"
        );
        let lines = Lines::of(550, &["b\u{fc}cher \u{202e}x"]);
        assert_eq!(lines.into_reply(Charset::Utf8).text, "b\u{fc}cher ?x");
        let lines = Lines {
            code: 550,
            lines: vec![vec![0xff, b'a']],
        };
        assert_eq!(lines.into_reply(Charset::Utf8).text, "?a");
    }
}
