//! How what shows a grant is told: by what it is checked, never what it is.

use mail::Timestamp;
use registry::{Credential, Proof};
use serde_json::{Value, json};

use super::told;

/// A credential, for programs.
pub(super) fn credential(one: &Credential) -> Value {
    let mut json = json!({
        "number": one.number,
        "label": one.label,
        "kind": one.kind.code(),
        "made": told::time(Some(one.made)),
        "ends": told::time(one.ends),
    });
    let more = match &one.proof {
        Proof::Secret { .. } => json!({}),
        Proof::Key(key) => json!({ "key_sha256": hex(key) }),
        Proof::Subject(subject) => json!({ "subject": subject.name, "authority": subject.authority }),
        Proof::Token(token) => json!({ "issuer": token.issuer, "claims": token.claims }),
        Proof::Account(login) => json!({ "login": login }),
    };
    if let (Some(fields), Value::Object(more)) = (json.as_object_mut(), more) {
        fields.extend(more);
    }
    json
}

/// The same in words.
pub(super) fn words(one: &Credential, now: Timestamp) -> String {
    let what = match &one.proof {
        Proof::Secret { .. } => format!("secret {:?}", &*one.label),
        Proof::Key(key) => format!("certificate of key {}", hex(key)),
        Proof::Subject(subject) => format!(
            "certificate of {}, for whom {} vouches",
            subject.name, subject.authority
        ),
        Proof::Account(login) => format!("directory, as {login}"),
        Proof::Token(token) => {
            let claims: Vec<String> = token
                .claims
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("token of {}, {}", token.issuer, claims.join(", "))
        }
    };
    match one.ends {
        Some(_) => format!("{what}, {}", ends(one, now)),
        None => what,
    }
}

/// Until when it holds.
pub(super) fn ends(one: &Credential, now: Timestamp) -> String {
    match one.ends {
        Some(ends) if ends > now => format!("holds until {}", told::minute(ends)),
        Some(_) => "holds no longer".to_owned(),
        None => "holds".to_owned(),
    }
}

/// Octets, as everybody writes digests.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
