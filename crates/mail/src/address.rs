//! Mailboxes and the two paths of an envelope.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::{Domain, DomainError};

/// Octets of a local part at most. RFC 5321 §4.5.3.1.1 names 64; senders with variable envelope return paths use more.
const LOCAL_OCTETS_MAX: usize = 128;

/// What stands before the `@`, without quotes.
///
/// `"bob"@a` and `bob@a` mean the same mailbox (RFC 5321 §4.1.2), so the text is kept unquoted and quotes are written
/// only where the grammar needs them. Case is kept.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalPart(Arc<str>);

/// What stands behind the `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A domain name.
    Domain(Domain),
    /// An address literal, `[192.0.2.1]` or `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3).
    Literal(IpAddr),
}

/// `Mailbox = Local-part "@" ( Domain / address-literal )` (RFC 5321 §4.1.2).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    local: LocalPart,
    host: Host,
}

/// The path of `MAIL FROM`: where a failure is told, `<>` where it is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReversePath {
    /// `<>`, the path of notices.
    Null,
    /// The mailbox that hears of failures.
    Mailbox(Mailbox),
}

/// The path of `RCPT TO`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ForwardPath {
    /// `<postmaster>` without a domain, which every server takes (RFC 5321 §4.1.1.3).
    Postmaster,
    /// Any other recipient.
    Mailbox(Mailbox),
}

/// Why a text is no mailbox, and at which octet of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailboxError {
    /// Octet in the text where reading stopped.
    pub at: usize,
    /// What was wrong there.
    pub fault: MailboxFault,
}

/// What is wrong with a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailboxFault {
    /// No `@` behind the local part.
    MissingAt,
    /// Nothing before the `@`.
    EmptyLocalPart,
    /// The local part has more octets than we take.
    LocalPartTooLong,
    /// A character that needs quotes, or none at all may have.
    BadCharacter,
    /// Dots at an edge of the local part or two in a row.
    MisplacedDot,
    /// A quoted string that does not end.
    OpenQuote,
    /// The domain is wrong.
    Domain(DomainError),
    /// The address literal is wrong.
    Literal,
}

impl fmt::Display for MailboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            MailboxFault::MissingAt => f.write_str("an address needs an @ and a domain"),
            MailboxFault::EmptyLocalPart => f.write_str("nothing stands before the @"),
            MailboxFault::LocalPartTooLong => write!(f, "more than {LOCAL_OCTETS_MAX} octets before the @"),
            MailboxFault::BadCharacter => write!(f, "a character that needs quotes at octet {}", self.at + 1),
            MailboxFault::MisplacedDot => write!(f, "a misplaced dot at octet {}", self.at + 1),
            MailboxFault::OpenQuote => f.write_str("a quoted string does not end"),
            MailboxFault::Domain(why) => write!(f, "{why}"),
            MailboxFault::Literal => f.write_str("not an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]"),
        }
    }
}

impl std::error::Error for MailboxError {}

impl LocalPart {
    /// The text without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `name`, whatever the case of its ASCII letters.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }

    fn is_dot_string(&self) -> bool {
        if self.0.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
            return !self.0.is_empty();
        }
        let mut before = '.';
        for c in self.0.chars() {
            if (c == '.' && before == '.') || (c != '.' && !is_atext(c)) {
                return false;
            }
            before = c;
        }
        before != '.'
    }

    fn put(&self, out: &mut impl fmt::Write) -> fmt::Result {
        if self.is_dot_string() {
            return out.write_str(&self.0);
        }
        out.write_char('"')?;
        for c in self.0.chars() {
            if c == '"' || c == '\\' {
                out.write_char('\\')?;
            }
            out.write_char(c)?;
        }
        out.write_char('"')
    }
}

impl fmt::Display for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.put(f)
    }
}

impl fmt::Debug for LocalPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalPart({})", self.0)
    }
}

impl Host {
    /// The domain name, where it is one.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Domain(domain) => Some(domain),
            Self::Literal(_) => None,
        }
    }

    /// Reads a domain or a bracketed address literal.
    pub fn parse(text: &str) -> Result<Self, MailboxFault> {
        let Some(inner) = text.strip_prefix('[') else {
            return Domain::parse(text).map(Self::Domain).map_err(MailboxFault::Domain);
        };
        let inner = inner.strip_suffix(']').ok_or(MailboxFault::Literal)?;
        let v6 = inner
            .get(..5)
            .filter(|tag| tag.eq_ignore_ascii_case("ipv6:"))
            .and_then(|_| inner.get(5..));
        match v6 {
            Some(v6) => v6.parse::<Ipv6Addr>().map(|ip| Self::Literal(ip.into())),
            None => inner.parse::<Ipv4Addr>().map(|ip| Self::Literal(ip.into())),
        }
        .map_err(|_| MailboxFault::Literal)
    }

    /// As [`Mailbox::put`].
    pub(crate) fn put(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Domain(domain) => return out.write_str(domain.as_str()),
            Self::Literal(IpAddr::V4(_)) => out.write_char('[')?,
            Self::Literal(IpAddr::V6(_)) => out.write_str("[IPv6:")?,
        }
        if let Self::Literal(ip) = self {
            put_ip(*ip, out)?;
        }
        out.write_char(']')
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.put(f)
    }
}

impl Mailbox {
    /// Reads `local@host`, quoted local parts included; no angle brackets, no source route.
    pub fn parse(text: &str) -> Result<Self, MailboxError> {
        let (local, used) = parse_local(text)?;
        let rest = text.get(used..).unwrap_or_default();
        let Some(host) = rest.strip_prefix('@') else {
            let fault = if rest.is_empty() {
                MailboxFault::MissingAt
            } else {
                MailboxFault::BadCharacter
            };
            return Err(MailboxError { at: used, fault });
        };
        let host = Host::parse(host).map_err(|fault| MailboxError { at: used + 1, fault })?;
        Ok(Self { local, host })
    }

    /// Puts together what [`local`](Self::local) and [`host`](Self::host) gave.
    #[must_use]
    pub fn new(local: LocalPart, host: Host) -> Self {
        Self { local, host }
    }

    /// A mailbox of a domain, such as `postmaster` of our own.
    pub fn of(local: &str, domain: &Domain) -> Result<Self, MailboxError> {
        let (local, used) = parse_local(local).and_then(|(part, used)| {
            if used == local.len() {
                Ok((part, used))
            } else {
                Err(MailboxError {
                    at: used,
                    fault: MailboxFault::BadCharacter,
                })
            }
        })?;
        debug_assert!(used > 0, "a local part that was read has octets");
        Ok(Self {
            local,
            host: Host::Domain(domain.clone()),
        })
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local(&self) -> &LocalPart {
        &self.local
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The domain, unless the host is an address literal.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        self.host.domain()
    }

    /// Whether only a server with SMTPUTF8 can be told this address (RFC 6531).
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.0.is_ascii()
    }

    /// Writes it straight to `out`: addresses are written several times for every message, and the machinery of
    /// formatting costs more than they do.
    pub fn put(&self, out: &mut impl fmt::Write) -> fmt::Result {
        self.local.put(out)?;
        out.write_char('@')?;
        self.host.put(out)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.put(f)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({self})")
    }
}

impl std::str::FromStr for Mailbox {
    type Err = MailboxError;
    fn from_str(text: &str) -> Result<Self, MailboxError> {
        Self::parse(text)
    }
}

impl ReversePath {
    /// The mailbox, unless the path is null.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// As [`Mailbox::put`].
    pub fn put(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Null => out.write_str("<>"),
            Self::Mailbox(mailbox) => put_path(mailbox, out),
        }
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.put(f)
    }
}

impl ForwardPath {
    /// The mailbox, unless it is `<postmaster>` alone.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// As [`Mailbox::put`].
    pub fn put(&self, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Postmaster => out.write_str("<postmaster>"),
            Self::Mailbox(mailbox) => put_path(mailbox, out),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.put(f)
    }
}

fn put_path(mailbox: &Mailbox, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_char('<')?;
    mailbox.put(out)?;
    out.write_char('>')
}

/// Writes an IP address straight to `out`.
pub fn put_ip(ip: IpAddr, out: &mut impl fmt::Write) -> fmt::Result {
    let IpAddr::V4(ip) = ip else {
        return write!(out, "{ip}");
    };
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            out.write_char('.')?;
        }
        let digit = |value: u8| char::from(b'0' + value % 10);
        if octet >= 100 {
            out.write_char(digit(octet / 100))?;
        }
        if octet >= 10 {
            out.write_char(digit(octet / 10))?;
        }
        out.write_char(digit(octet))?;
    }
    Ok(())
}

/// `atext` of RFC 5321 §4.1.2, and the non-ASCII characters of RFC 6531 §3.3.
pub(crate) fn is_atext(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => true,
        '!' | '#'..='\'' | '*' | '+' | '-' | '/' | '=' | '?' | '^'..='`' | '{'..='~' => true,
        c => !c.is_ascii() && !c.is_control(),
    }
}

/// Reads a local part from the front of `text`; returns it and the octets used.
fn parse_local(text: &str) -> Result<(LocalPart, usize), MailboxError> {
    let (local, used) = if text.starts_with('"') {
        let (local, used) = parse_quoted(text)?;
        (Cow::Owned(local), used)
    } else {
        let (local, used) = parse_dotted(text)?;
        (Cow::Borrowed(local), used)
    };
    if local.is_empty() {
        return Err(MailboxError {
            at: 0,
            fault: MailboxFault::EmptyLocalPart,
        });
    }
    if local.len() > LOCAL_OCTETS_MAX {
        return Err(MailboxError {
            at: LOCAL_OCTETS_MAX,
            fault: MailboxFault::LocalPartTooLong,
        });
    }
    Ok((LocalPart(Arc::from(&*local)), used))
}

fn parse_dotted(text: &str) -> Result<(&str, usize), MailboxError> {
    let end = text.find(|c| c != '.' && !is_atext(c)).unwrap_or(text.len());
    let local = text.get(..end).unwrap_or_default();
    if local.starts_with('.') {
        return Err(MailboxError {
            at: 0,
            fault: MailboxFault::MisplacedDot,
        });
    }
    if let Some(at) = local.as_bytes().windows(2).position(|two| two == b"..") {
        return Err(MailboxError {
            at: at + 1,
            fault: MailboxFault::MisplacedDot,
        });
    }
    if local.ends_with('.') {
        return Err(MailboxError {
            at: end - 1,
            fault: MailboxFault::MisplacedDot,
        });
    }
    Ok((local, end))
}

/// `Quoted-string = DQUOTE *QcontentSMTP DQUOTE` (RFC 5321 §4.1.2).
fn parse_quoted(text: &str) -> Result<(String, usize), MailboxError> {
    let mut local = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((local, at + 1)),
            '\\' => match chars.next() {
                Some((_, escaped)) if (' '..='~').contains(&escaped) => local.push(escaped),
                Some((at, _)) => {
                    return Err(MailboxError {
                        at,
                        fault: MailboxFault::BadCharacter,
                    });
                }
                None => break,
            },
            c if c.is_control() => {
                return Err(MailboxError {
                    at,
                    fault: MailboxFault::BadCharacter,
                });
            }
            c => local.push(c),
        }
    }
    Err(MailboxError {
        at: text.len(),
        fault: MailboxFault::OpenQuote,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fault(text: &str) -> MailboxFault {
        Mailbox::parse(text).unwrap_err().fault
    }

    proptest! {
        #[test]
        fn an_ip_address_is_written_as_everybody_writes_it(ip: IpAddr) {
            let mut text = String::new();
            put_ip(ip, &mut text).unwrap();
            prop_assert_eq!(text, ip.to_string());
        }
    }

    #[test]
    fn plain_and_quoted_local_parts_meet() {
        assert_eq!(
            Mailbox::parse("\"bob\"@Example.edu").unwrap().to_string(),
            "bob@example.edu"
        );
        assert_eq!(Mailbox::parse("\"a b\"@c.d").unwrap().to_string(), "\"a b\"@c.d");
        assert_eq!(Mailbox::parse("\"a\\\"b\"@c.d").unwrap().to_string(), "\"a\\\"b\"@c.d");
        assert_eq!(Mailbox::parse("scan+a/b=c@d.e").unwrap().local().as_str(), "scan+a/b=c");
    }

    #[test]
    fn literals_are_addresses() {
        assert_eq!(Mailbox::parse("a@[192.0.2.1]").unwrap().to_string(), "a@[192.0.2.1]");
        assert_eq!(Mailbox::parse("a@[ipv6:::1]").unwrap().to_string(), "a@[IPv6:::1]");
        assert_eq!(fault("a@[::1]"), MailboxFault::Literal);
        assert_eq!(fault("a@[IPv6:é]"), MailboxFault::Literal);
    }

    #[test]
    fn tricks_of_relay_testers_are_no_plain_addresses() {
        assert_eq!(fault("a@b@c.d"), MailboxFault::Domain(DomainError::BadCharacter('@')));
        assert_eq!(fault("@relay.example:a@b.c"), MailboxFault::EmptyLocalPart);
        assert_eq!(fault("postmaster"), MailboxFault::MissingAt);
        assert_eq!(fault("a b@c.d"), MailboxFault::BadCharacter);
        assert_eq!(fault("a..b@c.d"), MailboxFault::MisplacedDot);
        assert_eq!(fault(".a@c.d"), MailboxFault::MisplacedDot);
        assert_eq!(fault("a.@c.d"), MailboxFault::MisplacedDot);
        assert_eq!(fault("\"a@c.d"), MailboxFault::OpenQuote);
        assert_eq!(fault("a\u{7}b@c.d"), MailboxFault::BadCharacter);
        assert_eq!(
            fault(&format!("{}@c.d", "a".repeat(1000))),
            MailboxFault::LocalPartTooLong
        );
    }
}
