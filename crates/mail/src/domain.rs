//! Domain names as SMTP and DNS see them: lower-case A-labels.

use std::fmt;
use std::sync::Arc;

/// Octets of a domain name at most (RFC 5321 §4.5.3.1.2).
const DOMAIN_OCTETS_MAX: usize = 255;
/// Octets of one label at most (RFC 1035 §2.3.4).
const LABEL_OCTETS_MAX: usize = 63;

/// A domain name, kept as lower-case A-labels without a trailing dot.
///
/// ```text
/// Domain    = sub-domain *("." sub-domain)          RFC 5321 §4.1.2
/// sub-domain = Let-dig [Ldh-str]                    plus "_", which hosts in the field carry
/// ```
/// U-labels (RFC 6531 §3.3) are converted on the way in. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Arc<str>);

/// Why a text is no domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainError {
    /// Nothing was there, or a label was empty (two dots in a row, a dot at either end).
    EmptyLabel,
    /// The name has more than 255 octets.
    TooLong,
    /// A label has more than 63 octets.
    LabelTooLong,
    /// A label begins or ends with a hyphen.
    HyphenAtEdge,
    /// A character that no host name has.
    BadCharacter(char),
    /// A label that is not valid internationalised text (RFC 5891).
    BadUnicode,
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyLabel => f.write_str("a domain has no empty part between its dots"),
            Self::TooLong => write!(f, "a domain has at most {DOMAIN_OCTETS_MAX} octets"),
            Self::LabelTooLong => write!(f, "a part of a domain has at most {LABEL_OCTETS_MAX} octets"),
            Self::HyphenAtEdge => f.write_str("a part of a domain does not begin or end with a hyphen"),
            Self::BadCharacter(c) => write!(f, "a domain has no character {c:?}"),
            Self::BadUnicode => f.write_str("not a valid internationalised domain name"),
        }
    }
}

impl std::error::Error for DomainError {}

impl Domain {
    /// Reads a domain name; upper case is folded, U-labels become A-labels.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        if text.is_ascii() {
            check_labels(text)?;
            return Ok(Self::folded(text));
        }
        // Before the conversion, so that hostile input costs no more than a name may.
        if text.len() > DOMAIN_OCTETS_MAX * 4 {
            return Err(DomainError::TooLong);
        }
        let ascii = idna::domain_to_ascii_strict(text).map_err(|_| DomainError::BadUnicode)?;
        check_labels(&ascii)?;
        Ok(Self::folded(&ascii))
    }

    fn folded(text: &str) -> Self {
        if text.bytes().any(|octet| octet.is_ascii_uppercase()) {
            return Self(text.to_ascii_lowercase().into());
        }
        Self(text.into())
    }

    /// The name in lower-case A-labels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name lies below `parent` (a name is not below itself).
    #[must_use]
    pub fn is_below(&self, parent: &Domain) -> bool {
        self.0.strip_suffix(&*parent.0).is_some_and(|head| head.ends_with('.'))
    }

    /// This name without its first label; `None` at the last label.
    #[must_use]
    pub fn parent(&self) -> Option<Domain> {
        self.0.split_once('.').map(|(_, rest)| Self(rest.into()))
    }
}

fn check_labels(text: &str) -> Result<(), DomainError> {
    if text.len() > DOMAIN_OCTETS_MAX {
        return Err(DomainError::TooLong);
    }
    let mut begun = 0;
    for (at, octet) in text.bytes().enumerate() {
        if octet == b'.' {
            check_label(text.as_bytes().get(begun..at).unwrap_or_default())?;
            begun = at + 1;
        }
    }
    check_label(text.as_bytes().get(begun..).unwrap_or_default())
}

fn check_label(label: &[u8]) -> Result<(), DomainError> {
    let (Some(first), Some(last)) = (label.first(), label.last()) else {
        return Err(DomainError::EmptyLabel);
    };
    if label.len() > LABEL_OCTETS_MAX {
        return Err(DomainError::LabelTooLong);
    }
    if *first == b'-' || *last == b'-' {
        return Err(DomainError::HyphenAtEdge);
    }
    match label.iter().find(|octet| !is_of_a_host(**octet)) {
        Some(bad) => Err(DomainError::BadCharacter(char::from(*bad))),
        None => Ok(()),
    }
}

/// Letters, digits, hyphen and underscore; looked up, for every address of every message is read with it.
fn is_of_a_host(octet: u8) -> bool {
    #[expect(clippy::indexing_slicing, reason = "a constant; out of bounds would not compile")]
    const FITS: [bool; 256] = {
        let mut fits = [false; 256];
        let mut octet = 0_u8;
        while octet < 128 {
            fits[octet as usize] = octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
            octet += 1;
        }
        fits
    };
    FITS.get(usize::from(octet)).copied().unwrap_or_default()
}

/// Tables keyed by domain are asked with slices of longer names.
impl std::borrow::Borrow<str> for Domain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.0)
    }
}

impl std::str::FromStr for Domain {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

/// A domain as an operator declares it: the name itself, or everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DomainPattern {
    /// `example.edu`: this name and no other.
    Exactly(Domain),
    /// `*.example.edu`: every name below, but not the name itself.
    Below(Domain),
}

impl DomainPattern {
    /// Reads `example.edu` or `*.example.edu`.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        match text.strip_prefix("*.") {
            Some(rest) => Domain::parse(rest).map(Self::Below),
            None => Domain::parse(text).map(Self::Exactly),
        }
    }

    /// Whether `domain` is one of those meant.
    #[must_use]
    pub fn matches(&self, domain: &Domain) -> bool {
        match self {
            Self::Exactly(name) => name == domain,
            Self::Below(parent) => domain.is_below(parent),
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(name) => write!(f, "{name}"),
            Self::Below(parent) => write!(f, "*.{parent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_checked() {
        assert_eq!(Domain::parse("Example.EDU").unwrap().as_str(), "example.edu");
        assert_eq!(
            Domain::parse("my_copier.example").unwrap().as_str(),
            "my_copier.example"
        );
        assert_eq!(Domain::parse("a..b"), Err(DomainError::EmptyLabel));
        assert_eq!(Domain::parse(""), Err(DomainError::EmptyLabel));
        assert_eq!(Domain::parse("a.b."), Err(DomainError::EmptyLabel));
        assert_eq!(Domain::parse("-a.b"), Err(DomainError::HyphenAtEdge));
        assert_eq!(Domain::parse("a b"), Err(DomainError::BadCharacter(' ')));
        assert_eq!(Domain::parse(&"d".repeat(64)), Err(DomainError::LabelTooLong));
        assert_eq!(
            Domain::parse(&["d".repeat(60).as_str(); 5].join(".")),
            Err(DomainError::TooLong)
        );
    }

    #[test]
    fn unicode_becomes_a_labels() {
        assert_eq!(
            Domain::parse("bücher.example").unwrap().as_str(),
            "xn--bcher-kva.example"
        );
    }

    #[test]
    fn a_pattern_with_a_star_means_below_and_not_itself() {
        let below = DomainPattern::parse("*.example.edu").unwrap();
        assert!(below.matches(&Domain::parse("a.b.example.edu").unwrap()));
        assert!(!below.matches(&Domain::parse("example.edu").unwrap()));
        assert!(!below.matches(&Domain::parse("badexample.edu").unwrap()));
    }
}
