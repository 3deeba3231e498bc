//! Secrets of logins from before there was a registry, as they are kept elsewhere: one in each line, `login:{SCHEME}hash`,
//! as Dovecot's passwd-file has it; what stands behind another colon is passed over.
//!
//! A hash that this gate can check is taken over, so that nobody has to type anything anew. Any other is not: weak ones
//! must not live on, and of those that are sound only the algorithm's own people know whether they are.

use std::collections::BTreeMap;

use crate::identities::{ScramVerifier, check_hash};

/// What is known of a login's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its Argon2id hash.
    Argon2(String),
    /// What SCRAM-SHA-256 checks it by.
    Scram(ScramVerifier),
    /// Something that is not taken over, and why.
    Not(String),
}

/// Reads such a file: by login, in lower case. What is no such line says nothing of any login.
#[must_use]
pub fn read(text: &str) -> BTreeMap<String, Known> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(':'));
    pairs
        .filter(|(login, _)| !login.is_empty())
        .map(|(login, rest)| (login.to_lowercase(), known(rest)))
        .collect()
}

fn known(rest: &str) -> Known {
    // PostgreSQL's notation has colons of its own.
    if let Some(scram) = ScramVerifier::parse(rest.trim()) {
        return Known::Scram(scram);
    }
    let hash = rest.split(':').next().unwrap_or_default().trim();
    let (scheme, hash) = match hash.strip_prefix('{').and_then(|hash| hash.split_once('}')) {
        Some((scheme, hash)) => (scheme.to_uppercase(), hash),
        None => (String::new(), hash),
    };
    match (scheme.as_str(), hash) {
        ("SCRAM-SHA-256", hash) => match scram_of_dovecot(hash) {
            Some(scram) => Known::Scram(scram),
            None => Known::Not("it is no SCRAM-SHA-256, or has fewer than 4096 iterations".to_owned()),
        },
        ("" | "CRYPT" | "ARGON2ID" | "ARGON2", hash) if hash.starts_with("$argon2") => match check_hash(hash) {
            Ok(hash) => Known::Argon2(hash.as_str().to_owned()),
            Err(why) => Known::Not(why.to_string()),
        },
        ("", _) => Known::Not("its hash is of a kind that is not taken over".to_owned()),
        (scheme, _) => Known::Not(format!("{{{scheme}}} is not taken over")),
    }
}

/// `4096,salt,stored key,server key`.
fn scram_of_dovecot(text: &str) -> Option<ScramVerifier> {
    let mut parts = text.split(',');
    let [count, salt, stored, server] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
    ScramVerifier::parse(&format!("SCRAM-SHA-256${count}:{salt}${stored}:{server}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identities::seal;
    use world::SystemRng;

    #[test]
    fn what_can_be_checked_is_taken_over_and_the_rest_says_why_not() {
        let sealed = seal("a secret", None, &SystemRng).unwrap();
        let (argon2, scram) = (sealed.hash.as_str().to_owned(), sealed.scram.unwrap());
        let notation = scram.notation();
        let dovecot = notation.trim_start_matches("SCRAM-SHA-256$").replace([':', '$'], ",");
        let text = format!(
            "# of the old relay\n\nERP:{{CRYPT}}{argon2}:1000:1000::/srv/erp\nfax:{argon2}\nups:{{ARGON2ID}}{argon2}\n\
             app:{{SCRAM-SHA-256}}{dovecot}:::\nsql:{notation}\nold:{{SHA512-CRYPT}}$6$salt$hash\nmd5:$1$salt$hash\n\
             clear:{{PLAIN}}hunter2\nweak:{{ARGON2ID}}$argon2i$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2g\n\
             short:{{SCRAM-SHA-256}}4,a,b,c\nno colon\n:nobody\n"
        );
        let all = read(&text);
        for login in ["erp", "fax", "ups"] {
            assert_eq!(all[login], Known::Argon2(argon2.clone()), "{login}");
        }
        for login in ["app", "sql"] {
            assert_eq!(all[login], Known::Scram(scram.clone()), "{login}");
        }
        for (login, why) in [
            ("old", "{SHA512-CRYPT} is not taken over"),
            ("md5", "its hash is of a kind that is not taken over"),
            ("clear", "{PLAIN} is not taken over"),
            ("short", "it is no SCRAM-SHA-256, or has fewer than 4096 iterations"),
        ] {
            assert_eq!(all[login], Known::Not(why.to_owned()), "{login}");
        }
        assert!(
            matches!(&all["weak"], Known::Not(why) if !why.contains("hash$")),
            "{:?}",
            all["weak"]
        );
        assert_eq!(all.len(), 10);
    }
}
