//! Status codes and replies.

use std::borrow::Cow;
use std::fmt;

/// An enhanced status code, `class.subject.detail` (RFC 3463, RFC 5248).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnhancedCode {
    /// 2 success, 4 persistent transient failure, 5 permanent failure.
    pub class: u8,
    /// What it is about, 0 to 999.
    pub subject: u16,
    /// The detail, 0 to 999.
    pub detail: u16,
}

impl EnhancedCode {
    /// `class.subject.detail`
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        Self { class, subject, detail }
    }

    /// Reads a code from the front of `text`, as in `5.7.1 Denied`; returns it and what follows.
    #[must_use]
    pub fn split_from(text: &str) -> Option<(Self, &str)> {
        let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut parts = code.split('.');
        let class = number(parts.next()?, 1)? as u8;
        let subject = number(parts.next()?, 3)?;
        let detail = number(parts.next()?, 3)?;
        (parts.next().is_none() && matches!(class, 2 | 4 | 5)).then(|| (Self::new(class, subject, detail), rest))
    }
}

fn number(digits: &str, most: usize) -> Option<u16> {
    let plain = !digits.is_empty() && digits.len() <= most && digits.bytes().all(|b| b.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [class, subject, detail] = [u16::from(self.class), self.subject, self.detail];
        match [class, subject, detail].map(|number| u8::try_from(number).ok().filter(|digit| *digit < 10)) {
            // Nearly every code has three digits; they are said in every reply.
            [Some(class), Some(subject), Some(detail)] => {
                let text = [b'0' + class, b'.', b'0' + subject, b'.', b'0' + detail];
                f.write_str(std::str::from_utf8(&text).unwrap_or_default())
            }
            _ => write!(f, "{class}.{subject}.{detail}"),
        }
    }
}

/// What a reply's first digit says (RFC 5321 §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// 2yz: done.
    Success,
    /// 3yz: go on.
    Intermediate,
    /// 4yz: not now; the same may succeed later.
    Transient,
    /// 5yz: no; do not repeat.
    Permanent,
}

/// One reply: code, enhanced code, text. Lines of a multi-line reply are parted by `\n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// 200 to 599.
    pub code: u16,
    /// The enhanced code, absent on greetings, EHLO and 3yz replies (RFC 2034 §4).
    pub enhanced: Option<EnhancedCode>,
    /// The text, printable; US-ASCII unless SMTPUTF8 is in use.
    pub text: Cow<'static, str>,
}

impl Reply {
    /// A reply with an enhanced code.
    pub fn new(code: u16, enhanced: EnhancedCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            enhanced: Some(enhanced),
            text: text.into(),
        }
    }

    /// A reply without an enhanced code.
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            enhanced: None,
            text: text.into(),
        }
    }

    /// What the first digit says; anything below 400 that is not 3yz counts as success.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self.code {
            500.. => Severity::Permanent,
            400..500 => Severity::Transient,
            300..400 => Severity::Intermediate,
            _ => Severity::Success,
        }
    }

    /// 2yz.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.severity(), Severity::Success)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(enhanced) = self.enhanced {
            write!(f, " {enhanced}")?;
        }
        write!(f, " {}", self.text.replace('\n', " / "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enhanced_code_is_split_from_the_text_behind_it() {
        let (code, rest) = EnhancedCode::split_from("5.7.1 Denied by us").unwrap();
        assert_eq!((code, rest), (EnhancedCode::new(5, 7, 1), "Denied by us"));
        assert!(EnhancedCode::split_from("5.7 no").is_none());
        assert!(EnhancedCode::split_from("3.7.1 no").is_none());
        assert!(EnhancedCode::split_from("5.7.1.2 no").is_none());
        assert!(EnhancedCode::split_from("5.70000.1 no").is_none());
    }
}
