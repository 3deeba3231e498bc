//! Names of whoever holds a certificate.

use std::fmt;
use std::sync::Arc;

/// What kind of name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectKind {
    /// The name of a host, a dNSName of its alternative names.
    Dns,
    /// A mail address, an rfc822Name there.
    Email,
    /// A uniformResourceIdentifier there, as workloads have.
    Uri,
    /// The common name of its subject.
    CommonName,
    /// Its whole subject, as RFC 4514 writes it.
    Distinguished,
}

impl SubjectKind {
    const ALL: [Self; 5] = [Self::Dns, Self::Email, Self::Uri, Self::CommonName, Self::Distinguished];

    /// What stands before the name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::CommonName => "cn",
            Self::Distinguished => "dn",
        }
    }
}

/// A name of whoever holds a certificate, with its kind: `dns:ups-7.example.edu`. Two are the same where every octet is;
/// the name of a host, whose case says nothing, is in lower case. None stands for several: there are no wildcards.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectName(Arc<str>);

/// Why a text is no name of a certificate's holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectNameError {
    /// It does not say what kind of name it is.
    Kind,
    /// It is empty, too long, or has what no name has.
    Form,
    /// It stands for several.
    Wildcard,
    /// It is no name of its kind.
    NotOfKind(&'static str),
}

impl fmt::Display for SubjectNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => f.write_str("it begins with its kind: dns:, email:, uri:, cn: or dn:"),
            Self::Form => f.write_str("a name has 1 to 500 octets, no control characters, and no blanks around it"),
            Self::Wildcard => f.write_str("it names one holder; wildcards stand for anybody"),
            Self::NotOfKind(kind) => write!(f, "it is no {kind}"),
        }
    }
}

impl std::error::Error for SubjectNameError {}

impl SubjectName {
    /// Octets of a name at most.
    pub const OCTETS_MAX: usize = 500;

    /// Reads one as people write it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, SubjectNameError> {
        let (code, value) = text.split_once(':').ok_or(SubjectNameError::Kind)?;
        let kind = SubjectKind::ALL
            .into_iter()
            .find(|kind| kind.code().eq_ignore_ascii_case(code));
        Self::of(kind.ok_or(SubjectNameError::Kind)?, value)
    }

    /// The name of this kind.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(kind: SubjectKind, value: &str) -> Result<Self, SubjectNameError> {
        let fits = (1..=Self::OCTETS_MAX).contains(&value.len());
        if !fits || value.trim() != value || value.contains(char::is_control) {
            return Err(SubjectNameError::Form);
        }
        let value = match kind {
            SubjectKind::Dns => host(value)?,
            SubjectKind::Email => address(value)?,
            SubjectKind::Uri if value.contains(':') && value.bytes().all(|octet| octet.is_ascii_graphic()) => {
                value.to_owned()
            }
            SubjectKind::Uri => return Err(SubjectNameError::NotOfKind("URI")),
            SubjectKind::Distinguished if !value.contains('=') => {
                return Err(SubjectNameError::NotOfKind(
                    "distinguished name, as in CN=ups-7,O=Example",
                ));
            }
            SubjectKind::CommonName | SubjectKind::Distinguished => value.to_owned(),
        };
        Ok(Self(format!("{}:{value}", kind.code()).into()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn host(value: &str) -> Result<String, SubjectNameError> {
    if value.contains('*') {
        return Err(SubjectNameError::Wildcard);
    }
    let of_host = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    let is_label = |label: &str| !label.is_empty() && label.bytes().all(of_host);
    if value.split('.').all(is_label) {
        Ok(value.to_ascii_lowercase())
    } else {
        Err(SubjectNameError::NotOfKind("name of a host"))
    }
}

/// The domain's case says nothing; that of what stands before it may.
fn address(value: &str) -> Result<String, SubjectNameError> {
    let wrong = SubjectNameError::NotOfKind("mail address");
    let (local, domain) = value.rsplit_once('@').ok_or(wrong)?;
    match local {
        "" => Err(wrong),
        "*" => Err(SubjectNameError::Wildcard),
        _ => Ok(format!("{local}@{}", host(domain)?)),
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_of_what_kind_it_is_and_hosts_compare_without_case() {
        let read = |text: &str| SubjectName::parse(text).map(|name| name.to_string());
        for (written, name) in [
            ("dns:UPS-7.Example.edu", "dns:ups-7.example.edu"),
            ("DNS:ups-7", "dns:ups-7"),
            ("email:Ann@Example.EDU", "email:Ann@example.edu"),
            ("uri:spiffe://example.edu/ns/Mail", "uri:spiffe://example.edu/ns/Mail"),
            ("cn:UPS *7", "cn:UPS *7"),
            ("dn:CN=ups-7,O=Example", "dn:CN=ups-7,O=Example"),
        ] {
            assert_eq!(read(written).as_deref(), Ok(name));
            assert_eq!(read(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn nothing_that_stands_for_several_is_a_name() {
        use SubjectNameError::{Form, Kind, NotOfKind, Wildcard};
        let wrong = |text: &str| SubjectName::parse(text).unwrap_err();
        for text in ["dns:*.example.edu", "dns:*", "email:*@example.edu", "email:a@*.edu"] {
            assert_eq!(wrong(text), Wildcard, "{text}");
        }
        for text in ["", "ups-7.example.edu", "ip:10.0.0.1", "CN=ups-7"] {
            assert_eq!(wrong(text), Kind, "{text}");
        }
        for text in [
            "cn:",
            "cn: ups",
            "cn:ups ",
            "cn:a\0b",
            &format!("cn:{}", "x".repeat(501)),
        ] {
            assert_eq!(wrong(text), Form, "{text}");
        }
        for text in [
            "dns:a..b",
            "dns:a.",
            "dns:zoë.edu",
            "email:example.edu",
            "email:@a.edu",
            "uri:a",
            "dn:ups",
        ] {
            assert!(matches!(wrong(text), NotOfKind(_)), "{text}");
        }
    }
}
