//! The names of a certificate's holder, as it tells them.

use mail::{SubjectKind, SubjectName};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::Distrust;

/// Names of a certificate at most: one that has more is nobody's in particular.
const NAMES_MAX: usize = 32;

/// Kinds of what a subject consists of, by their object identifiers, with the short names that RFC 4514 and everybody's
/// tools give them.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.42", "GN"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The names in a certificate that was issued for clients, in DER. A name that could stand for several holders, or that
/// not everybody reads alike, is none.
///
/// # Errors
/// Why it names nobody.
pub fn names_for_clients(certificate: &[u8]) -> Result<Vec<SubjectName>, Distrust> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).map_err(|_| Distrust::Malformed)?;
    let usage = certificate.extended_key_usage().map_err(|_| Distrust::Malformed)?;
    if !usage.is_some_and(|usage| usage.value.client_auth) {
        return Err(Distrust::WrongPurpose);
    }
    let mut names = alternatives(&certificate)?;
    let subject = certificate.subject();
    let whole = common_name(subject).map(|name| (SubjectKind::CommonName, name.to_owned()));
    let whole = whole
        .into_iter()
        .chain(distinguished(subject).map(|name| (SubjectKind::Distinguished, name)));
    names.extend(whole.filter_map(|(kind, name)| SubjectName::of(kind, &name).ok()));
    if names.len() > NAMES_MAX {
        return Err(Distrust::Other("it has too many names".into()));
    }
    Ok(names)
}

fn alternatives(certificate: &X509Certificate<'_>) -> Result<Vec<SubjectName>, Distrust> {
    let extension = certificate
        .subject_alternative_name()
        .map_err(|_| Distrust::Malformed)?;
    let all = extension.map_or(&[][..], |extension| &extension.value.general_names);
    let names = all.iter().filter_map(|name| {
        let (kind, value) = match name {
            GeneralName::DNSName(value) => (SubjectKind::Dns, value),
            GeneralName::RFC822Name(value) => (SubjectKind::Email, value),
            GeneralName::URI(value) => (SubjectKind::Uri, value),
            _ => return None,
        };
        SubjectName::of(kind, value).ok()
    });
    Ok(names.take(NAMES_MAX + 1).collect())
}

/// The common name, where there is one alone.
fn common_name<'a>(subject: &'a X509Name<'_>) -> Option<&'a str> {
    let mut all = subject.iter_common_name();
    let first = all.next()?;
    first.as_str().ok().filter(|_| all.next().is_none())
}

/// The whole subject as RFC 4514 writes it; none where it has what that cannot say in letters.
fn distinguished(subject: &X509Name<'_>) -> Option<String> {
    let mut parts = Vec::new();
    for part in subject.iter_rdn() {
        let attributes: Option<Vec<String>> = part.iter().map(attribute).collect();
        parts.push(attributes?.join("+"));
    }
    // The last comes first (RFC 4514, 2.1).
    parts.reverse();
    Some(parts.join(","))
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let oid = attribute.attr_type().to_id_string();
    let (_, name) = ATTRIBUTES.iter().find(|(known, _)| *known == oid)?;
    Some(format!("{name}={}", escaped(attribute.as_str().ok()?)))
}

/// A value, so that nothing of it is taken for what stands between values (RFC 4514, 2.4).
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (at, c) in value.chars().enumerate() {
        let at_an_end = (c == ' ' && (at == 0 || at == last)) || (c == '#' && at == 0);
        if at_an_end || matches!(c, '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '=') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn names(certificate: &[u8]) -> Vec<String> {
        let names = names_for_clients(certificate).unwrap();
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_certificate_tells_the_names_of_its_holder_and_none_that_stands_for_several() {
        let shown = certificate(|params| {
            let text = |text: &str| text.try_into().unwrap();
            params.subject_alt_names = vec![
                SanType::DnsName(text("UPS-7.example.edu")),
                SanType::DnsName(text("*.example.edu")),
                SanType::Rfc822Name(text("Ann@Example.edu")),
                SanType::URI(text("spiffe://example.edu/mail")),
                SanType::IpAddress("10.0.0.7".parse().unwrap()),
            ];
            params.distinguished_name = DistinguishedName::new();
            params
                .distinguished_name
                .push(DnType::OrganizationName, "Example, Inc.");
            params.distinguished_name.push(DnType::CommonName, "ups-7");
        });
        let wanted = [
            "dns:ups-7.example.edu",
            "email:Ann@example.edu",
            "uri:spiffe://example.edu/mail",
            "cn:ups-7",
            "dn:CN=ups-7,O=Example\\, Inc.",
        ];
        assert_eq!(names(&shown), wanted);
    }

    #[test]
    fn a_value_cannot_be_taken_for_two() {
        assert_eq!(escaped("a,CN=b"), "a\\,CN\\=b");
        assert_eq!(escaped(" #a# "), "\\ #a#\\ ");
        assert_eq!(escaped("#"), "\\#");
    }

    #[test]
    fn what_was_not_issued_for_clients_names_nobody() {
        for usages in [
            vec![],
            vec![ExtendedKeyUsagePurpose::ServerAuth],
            vec![ExtendedKeyUsagePurpose::Any],
        ] {
            let shown = certificate(|params| params.extended_key_usages = usages);
            assert_eq!(names_for_clients(&shown), Err(Distrust::WrongPurpose));
        }
        assert_eq!(names_for_clients(b"\x30\x03abc"), Err(Distrust::Malformed));
    }

    #[test]
    fn a_certificate_with_very_many_names_is_nobodys() {
        let shown = certificate(|params| {
            let name = |number| SanType::DnsName(format!("h{number}.example.edu").as_str().try_into().unwrap());
            params.subject_alt_names = (0..40).map(name).collect();
        });
        assert!(matches!(names_for_clients(&shown), Err(Distrust::Other(_))));
    }
}
