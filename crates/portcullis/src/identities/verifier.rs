//! What a login is proved by.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Timestamp;
use policy::Name;

use super::scram;
use super::token::TokenRule;
use crate::config::SecretHash;

/// Secrets of one login that are looked at: each costs a hash.
const SECRETS_MAX: usize = 4;

/// What one login is proved by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verifier {
    /// Secrets that we gave out. More than one while one takes the place of another; the newest first.
    Secrets(Vec<Secret>),
    /// A token that somebody else issues, and that says this.
    Token(TokenRule),
    /// The directory's word.
    Directory,
}

/// A secret, as far as we know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Its Argon2id hash, for mechanisms that send the secret.
    pub hash: SecretHash,
    /// What SCRAM needs, where it may be used.
    pub scram: Option<scram::Verifier>,
    /// The last instant at which it holds, where it ends by itself.
    pub until: Option<Timestamp>,
}

impl Secret {
    fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now <= until)
    }
}

impl From<Secret> for Verifier {
    fn from(secret: Secret) -> Self {
        Self::Secrets(vec![secret])
    }
}

impl From<SecretHash> for Verifier {
    fn from(hash: SecretHash) -> Self {
        let (scram, until) = (None, None);
        Self::from(Secret { hash, scram, until })
    }
}

impl Verifier {
    /// The secrets that hold now.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        let secrets = match self {
            Self::Secrets(secrets) => &secrets[..],
            Self::Token(_) | Self::Directory => &[],
        };
        secrets
            .iter()
            .filter(move |secret| secret.is_live(now))
            .take(SECRETS_MAX)
    }

    /// Tells what may be guessed at from what takes its place; a token cannot be guessed.
    pub(super) fn fingerprint(&self) -> Option<String> {
        let text = match self {
            Self::Secrets(secrets) => secrets.first()?.hash.as_str(),
            Self::Directory => "directory",
            Self::Token(_) => return None,
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        Some(STANDARD.encode(digest))
    }

    /// Whether a token is what proves it.
    pub(super) const fn is_token(&self) -> bool {
        matches!(self, Self::Token(_))
    }

    /// Who issues the token that proves it.
    pub(super) const fn issuer(&self) -> Option<&Name> {
        match self {
            Self::Token(rule) => Some(&rule.issuer),
            Self::Secrets(_) | Self::Directory => None,
        }
    }

    /// Whether SCRAM can prove every secret that holds now: a client takes the strongest mechanism that is offered, and
    /// fails where its secret has no part in it.
    pub(super) fn has_scram(&self, now: Timestamp) -> bool {
        let salted = self.salted(now).map_or(0, |salted| salted.keys.len());
        salted == self.live(now).count() && *self != Self::Directory
    }

    /// What a SCRAM client is told, and is checked by: all secrets that share the newest one's salt.
    pub(super) fn salted(&self, now: Timestamp) -> Option<scram::Salted> {
        let verifiers = || self.live(now).filter_map(|secret| secret.scram.as_ref());
        let newest = verifiers().next()?;
        let alike = |one: &&scram::Verifier| (&one.salt, one.iterations) == (&newest.salt, newest.iterations);
        Some(scram::Salted {
            salt: newest.salt.to_vec(),
            iterations: newest.iterations,
            keys: verifiers().filter(alike).map(scram::Verifier::keys).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail::Timestamp;

    fn secret(scram: Option<scram::Verifier>, until: Option<i64>) -> Secret {
        Secret {
            hash: SecretHash::new(String::new()),
            scram,
            until: until.map(Timestamp::from_secs),
        }
    }

    #[test]
    fn an_old_secret_holds_until_its_end_and_scram_knows_both_by_one_salt() {
        let old = scram::Verifier::salted("old", b"salt-of-16-octet", 4096);
        let new = old.beside("new");
        let verifier = Verifier::Secrets(vec![secret(Some(new), None), secret(Some(old.clone()), Some(100))]);
        let at = Timestamp::from_secs;
        assert_eq!(verifier.live(at(100)).count(), 2);
        assert_eq!(verifier.salted(at(100)).unwrap().keys.len(), 2);
        assert_eq!(verifier.live(at(101)).count(), 1);
        assert!(verifier.has_scram(at(100)) && verifier.has_scram(at(101)));

        let foreign = scram::Verifier::salted("new", b"another-salt-of-", 4096);
        let verifier = Verifier::Secrets(vec![secret(Some(foreign), None), secret(Some(old), Some(100))]);
        assert_eq!(verifier.salted(at(100)).unwrap().keys.len(), 1);
        assert!(!verifier.has_scram(at(100)), "the old one could not be proved");
        assert!(verifier.has_scram(at(101)));

        let without = Verifier::from(SecretHash::new(String::new()));
        assert!(!without.has_scram(at(0)) && without.salted(at(0)).is_none());
    }
}
