//! A search filter (RFC 4515) with a place for the login, and its form on the wire (RFC 4511 §4.5.1).
//!
//! It is read before anybody logs in. A login only ever becomes the value of a comparison: whatever characters it has, it
//! can neither end one nor begin another.

use super::LOGIN;
use super::message::element;

/// How deep comparisons may lie in each other.
const DEPTH_MAX: usize = 16;

/// A filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of these.
    And(Vec<Self>),
    /// One of these.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A comparison by this tag of the wire: equal, at least, at most, about.
    Compare(u8, String, Value),
    /// The attribute is there.
    Present(String),
    /// Begins with the first, ends with the last, has the others in between; any may be empty.
    Substrings(String, Vec<Value>),
    /// By a rule of matching.
    Extensible {
        /// The attribute; empty for all.
        attribute: String,
        /// The rule; empty for that of the attribute.
        rule: String,
        /// Whether the parts of its name count as well.
        with_name: bool,
        /// The value.
        value: Value,
    },
}

/// A value, with places for the login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Octets(Vec<u8>),
    Login,
}

impl Filter {
    /// Reads a filter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (filter, rest) = read(text, 0)?;
        rest.is_empty().then_some(filter)
    }

    /// Whether the login has a place in it.
    #[must_use]
    pub fn has_login(&self) -> bool {
        match self {
            Self::And(all) | Self::Or(all) => all.iter().any(Self::has_login),
            Self::Not(filter) => filter.has_login(),
            Self::Compare(_, _, value) | Self::Extensible { value, .. } => value.has_login(),
            Self::Substrings(_, parts) => parts.iter().any(Value::has_login),
            Self::Present(_) => false,
        }
    }

    /// For the wire, about this login.
    pub(super) fn about(&self, login: &str) -> Vec<u8> {
        let several = |all: &[Self]| all.iter().flat_map(|one| one.about(login)).collect::<Vec<_>>();
        let octets = |text: &str| element(0x04, text.as_bytes());
        match self {
            Self::And(all) => element(0xa0, &several(all)),
            Self::Or(all) => element(0xa1, &several(all)),
            Self::Not(filter) => element(0xa2, &filter.about(login)),
            Self::Compare(tag, attribute, value) => {
                let value = element(0x04, &value.about(login));
                element(*tag, &[octets(attribute), value].concat())
            }
            Self::Present(attribute) => element(0x87, attribute.as_bytes()),
            Self::Substrings(attribute, parts) => {
                let last = parts.len().saturating_sub(1);
                let tag = |at: usize| match at {
                    0 => 0x80,
                    at if at == last => 0x82,
                    _ => 0x81,
                };
                let parts = parts.iter().enumerate().map(|(at, part)| (tag(at), part.about(login)));
                let parts = parts.filter(|(_, part)| !part.is_empty());
                let parts: Vec<u8> = parts.flat_map(|(tag, part)| element(tag, &part)).collect();
                element(0xa4, &[octets(attribute), element(0x30, &parts)].concat())
            }
            Self::Extensible {
                attribute,
                rule,
                with_name,
                value,
            } => {
                let named = |tag, text: &str| match text {
                    "" => Vec::new(),
                    _ => element(tag, text.as_bytes()),
                };
                let value = element(0x83, &value.about(login));
                let with_name = if *with_name { element(0x84, &[0xff]) } else { Vec::new() };
                element(
                    0xa9,
                    &[named(0x81, rule), named(0x82, attribute), value, with_name].concat(),
                )
            }
        }
    }
}

impl Value {
    fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        for (number, part) in text.split(LOGIN).enumerate() {
            if number > 0 {
                pieces.push(Piece::Login);
            }
            let octets = unescaped(part)?;
            if !octets.is_empty() {
                pieces.push(Piece::Octets(octets));
            }
        }
        Some(Self(pieces))
    }

    fn has_login(&self) -> bool {
        self.0.contains(&Piece::Login)
    }

    fn about(&self, login: &str) -> Vec<u8> {
        let octets = |piece: &Piece| match piece {
            Piece::Octets(octets) => octets.clone(),
            Piece::Login => login.as_bytes().to_vec(),
        };
        self.0.iter().flat_map(octets).collect()
    }
}

/// Octets of a value; `\2a` is one that would mean something else.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'\\' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            0 | b'(' | b')' | b'*' => return None,
            octet => octet,
        });
    }
    Some(octets)
}

/// A filter at the front, and what is behind it.
fn read(text: &str, depth: usize) -> Option<(Filter, &str)> {
    let text = text.strip_prefix('(').filter(|_| depth < DEPTH_MAX)?;
    let several = |text| {
        let (all, rest) = read_all(text, depth)?;
        Some((all, rest.strip_prefix(')')?))
    };
    match text.as_bytes().first()? {
        b'&' => several(text.get(1..)?).map(|(all, rest)| (Filter::And(all), rest)),
        b'|' => several(text.get(1..)?).map(|(all, rest)| (Filter::Or(all), rest)),
        b'!' => {
            let (filter, rest) = read(text.get(1..)?, depth + 1)?;
            Some((Filter::Not(Box::new(filter)), rest.strip_prefix(')')?))
        }
        _ => {
            let (item, rest) = text.split_once(')')?;
            Some((read_item(item)?, rest))
        }
    }
}

fn read_all(mut text: &str, depth: usize) -> Option<(Vec<Filter>, &str)> {
    let mut all = Vec::new();
    while text.starts_with('(') {
        let (filter, rest) = read(text, depth + 1)?;
        all.push(filter);
        text = rest;
    }
    (!all.is_empty()).then_some((all, text))
}

fn read_item(item: &str) -> Option<Filter> {
    let (name, value) = item.split_once('=')?;
    if let Some(name) = name.strip_suffix(':') {
        return read_extensible(name, value);
    }
    for (sign, tag) in [('>', 0xa5), ('<', 0xa6), ('~', 0xa8)] {
        if let Some(name) = name.strip_suffix(sign) {
            return Some(Filter::Compare(tag, attribute(name)?, Value::parse(value)?));
        }
    }
    let name = attribute(name)?;
    if value == "*" {
        return Some(Filter::Present(name));
    }
    if value.contains('*') {
        let parts = value.split('*').map(Value::parse).collect::<Option<Vec<_>>>()?;
        return Some(Filter::Substrings(name, parts));
    }
    Some(Filter::Compare(0xa3, name, Value::parse(value)?))
}

/// `attribute:dn:rule`, of which the attribute or the rule may be missing.
fn read_extensible(name: &str, value: &str) -> Option<Filter> {
    let mut parts = name.split(':');
    let attribute = match parts.next()? {
        "" => String::new(),
        name => attribute(name)?,
    };
    let (mut with_name, mut rule) = (false, String::new());
    for part in parts {
        match part {
            "dn" if !with_name && rule.is_empty() => with_name = true,
            part if rule.is_empty() => rule = self::attribute(part)?,
            _ => return None,
        }
    }
    let says_something = !attribute.is_empty() || !rule.is_empty();
    let value = Value::parse(value)?;
    says_something.then_some(Filter::Extensible {
        attribute,
        rule,
        with_name,
        value,
    })
}

/// The name of an attribute, or its number, with options.
fn attribute(name: &str) -> Option<String> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-.;".contains(&octet);
    (!name.is_empty() && name.bytes().all(plain)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(filter: &str, login: &str) -> Vec<u8> {
        Filter::parse(filter).unwrap().about(login)
    }

    #[test]
    fn filters_become_what_the_standard_says() {
        assert_eq!(about("(uid={login})", "al"), b"\xa3\x09\x04\x03uid\x04\x02al");
        assert_eq!(about("(uid=*)", "al"), b"\x87\x03uid");
        assert_eq!(
            about("(&(a=b)(!(c>={login})))", "z"),
            b"\xa0\x12\xa3\x06\x04\x01a\x04\x01b\xa2\x08\xa5\x06\x04\x01c\x04\x01z"
        );
        assert_eq!(
            about("(|(a<=b)(a~=b))", ""),
            b"\xa1\x10\xa6\x06\x04\x01a\x04\x01b\xa8\x06\x04\x01a\x04\x01b"
        );
        assert_eq!(
            about("(cn=a*{login}*c*)", "x"),
            b"\xa4\x0f\x04\x02cn\x30\x09\x80\x01a\x81\x01x\x81\x01c"
        );
        let value = element(0x04, b"Parens R Us (for)\0");
        assert!(about(r"(o=Parens R Us \28for\29\00)", "").ends_with(&value));
        let rule = element(0x81, b"1.2.840.113556.1.4.1941");
        let compared = [rule, element(0x82, b"memberOf"), element(0x83, b"cn=mail")].concat();
        let nested = about("(memberOf:1.2.840.113556.1.4.1941:=cn=mail)", "");
        assert_eq!(nested, element(0xa9, &compared));
        assert_eq!(about("(ou:dn:=x)", ""), b"\xa9\x0a\x82\x02ou\x83\x01x\x84\x01\xff");
    }

    #[test]
    fn a_login_is_one_value_whatever_it_is_made_of() {
        for login in ["*", "a)(uid=*", "x\\2a", "\0", "(|(a=b)", "{login}"] {
            let filter = about("(&(objectClass=person)(uid={login}))", login);
            let value = element(0x04, login.as_bytes());
            assert!(filter.ends_with(&value), "{login:?}");
            let plain = about("(&(objectClass=person)(uid={login}))", &"x".repeat(login.len()));
            assert_eq!(filter.len(), plain.len(), "{login:?}");
        }
    }

    #[test]
    fn what_is_no_filter_is_none() {
        for wrong in [
            "",
            "uid={login}",
            "(uid={login}",
            "(uid={login}))",
            "(&)",
            "()",
            "(=x)",
            "(a b=x)",
            r"(a=\2)",
            r"(a=\zz)",
            "(a=(b))",
            "(!(a=b)(c=d))",
            "(::=x)",
            "(a:b:c:=x)",
            &format!("{}(a=b){}", "(!".repeat(20), ")".repeat(20)),
        ] {
            assert_eq!(Filter::parse(wrong), None, "{wrong}");
        }
        assert!(Filter::parse("(|(uid={login})(mail=*))").unwrap().has_login());
        assert!(!Filter::parse("(uid=login)").unwrap().has_login());
    }
}
