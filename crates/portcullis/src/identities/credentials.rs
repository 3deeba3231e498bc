//! The registry's credentials, as what logins are proved by; and what it keeps of a secret that is given out.

use std::collections::BTreeMap;

use policy::Name;
use registry::{CaseId, Claimed, Credential, Proof};
use world::Rng;

use super::TokenRule;
use super::scram;
use super::secret::{HashError, hash_secret, seal};
use super::verifier::{Secret, Verifier};
use crate::config::SecretHash;

/// The logins of the registry: each grant by its name, the newest secret first, or the newest of what a token has to say;
/// and by the login of a directory where that knows its password.
/// Certificates are no logins.
#[must_use]
pub fn verifiers(credentials: impl IntoIterator<Item = (CaseId, Credential)>) -> BTreeMap<Name, Verifier> {
    let mut grants: BTreeMap<CaseId, Vec<(u32, Secret)>> = BTreeMap::new();
    let mut others: BTreeMap<Name, Verifier> = BTreeMap::new();
    for (case, credential) in credentials {
        match credential.proof {
            Proof::Secret { argon2, scram } => {
                let secret = Secret {
                    hash: SecretHash::new(argon2.into()),
                    scram: scram.map(Into::into),
                    until: credential.ends,
                };
                grants.entry(case).or_default().push((credential.number, secret));
            }
            // They come in the order of their numbers: the last one holds.
            Proof::Token(Claimed { issuer, claims }) => {
                let issuer = Name::from(&*issuer);
                let rule = Verifier::Token(TokenRule { issuer, claims });
                others.insert(case.to_string().into(), rule);
            }
            // A name of ours is ours.
            Proof::Account(login) if CaseId::parse(&login).is_none() => {
                others.insert(login.to_ascii_lowercase().into(), Verifier::Directory);
            }
            Proof::Key(_) | Proof::Subject(_) | Proof::Account(_) => {}
        }
    }
    let newest_first = |(case, mut secrets): (CaseId, Vec<(u32, Secret)>)| {
        secrets.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        let secrets = secrets.into_iter().map(|(_, secret)| secret).collect();
        (Name::from(case.to_string()), Verifier::Secrets(secrets))
    };
    others.extend(grants.into_iter().map(newest_first));
    others
}

/// All that the registry keeps of a secret that it gives out. `beside`: the credentials that the grant has already; SCRAM
/// can prove several secrets at once where they share a salt.
pub fn proof_of(secret: &registry::Secret, beside: &[Credential], rng: &dyn Rng) -> Result<Proof, HashError> {
    let scram_of = |credential: &Credential| match &credential.proof {
        Proof::Secret { scram, .. } => scram.clone(),
        Proof::Key(_) | Proof::Subject(_) | Proof::Token(_) | Proof::Account(_) => None,
    };
    let former = beside.iter().rev().find_map(scram_of).map(scram::Verifier::from);
    let sealed = seal(secret, former.as_ref(), rng)?;
    Ok(Proof::Secret {
        argon2: sealed.hash.as_str().into(),
        scram: sealed.scram.map(Into::into),
    })
}

/// All that the registry keeps of a password that a person chose: a hash that is dear to whoever guesses. What SCRAM needs
/// is not, and is made of generated secrets alone.
pub fn proof_of_chosen(password: &registry::Secret, rng: &dyn Rng) -> Result<Proof, HashError> {
    Ok(Proof::Secret {
        argon2: hash_secret(password, rng)?.as_str().into(),
        scram: None,
    })
}

/// All that the registry keeps of a secret of which somebody else kept its Argon2id hash.
#[must_use]
pub fn proof_of_hash(hash: &str) -> Proof {
    Proof::Secret {
        argon2: hash.into(),
        scram: None,
    }
}

/// The same of one of which they kept what SCRAM checks it by.
#[must_use]
pub fn proof_of_scram(scram: &scram::Verifier) -> Proof {
    Proof::Secret {
        argon2: scram.notation().into(),
        scram: Some(scram.clone().into()),
    }
}

impl From<registry::ScramVerifier> for scram::Verifier {
    fn from(kept: registry::ScramVerifier) -> Self {
        Self {
            salt: kept.salt,
            iterations: kept.iterations,
            stored_key: kept.stored_key,
            server_key: kept.server_key,
        }
    }
}

impl From<scram::Verifier> for registry::ScramVerifier {
    fn from(made: scram::Verifier) -> Self {
        Self {
            salt: made.salt,
            iterations: made.iterations,
            stored_key: made.stored_key,
            server_key: made.server_key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Timestamp;
    use registry::CredentialKind;
    use world::SystemRng;

    fn credential(number: u32, proof: Proof, ends: Option<Timestamp>) -> Credential {
        Credential {
            number,
            kind: CredentialKind::DeviceSecret,
            label: "copier".into(),
            proof,
            made: Timestamp(0),
            ends,
            used: None,
        }
    }

    #[test]
    fn a_grant_of_the_registry_logs_in_under_its_name_with_its_old_secret_and_its_new_one() {
        let (old, new) = (registry::Secret::fresh(&SystemRng), registry::Secret::fresh(&SystemRng));
        let ends = Timestamp(100);
        let first = credential(1, proof_of(&old, &[], &SystemRng).unwrap(), Some(ends));
        let second = credential(
            2,
            proof_of(&new, std::slice::from_ref(&first), &SystemRng).unwrap(),
            None,
        );
        let pin = credential(3, Proof::Key([7; 32]), None);
        let case = CaseId(1042);
        let logins = verifiers([first, second, pin].map(|one| (case, one)));
        let verifier = &logins["pc-1042"];
        assert!(verifier.has_scram(ends), "both have one salt");
        let hashes: Vec<_> = verifier.live(ends).map(|one| one.hash.clone()).collect();
        let verify = |secret: &registry::Secret, hash: &SecretHash| {
            super::super::secret::verify(secret.as_bytes(), hash.as_str())
        };
        assert!(verify(&new, &hashes[0]) && verify(&old, &hashes[1]));
        assert_eq!(verifier.live(Timestamp(101)).count(), 1);
        assert_eq!(logins.len(), 1);
    }

    #[test]
    fn a_grant_of_the_registry_is_shown_by_what_was_said_last_of_its_tokens() {
        let token = |number, sub: &str| {
            let claims = BTreeMap::from([("sub".to_owned(), sub.to_owned())]);
            let issuer = "campus".into();
            credential(number, Proof::Token(Claimed { issuer, claims }), None)
        };
        let logins = verifiers([token(1, "old"), token(2, "new")].map(|one| (CaseId(1042), one)));
        let Verifier::Token(rule) = &logins["pc-1042"] else {
            panic!("{logins:?}");
        };
        assert_eq!((&*rule.issuer, &*rule.claims["sub"]), ("campus", "new"));
    }
}
