//! Secrets: hashed, checked.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use world::Rng;
use zeroize::Zeroizing;

use super::scram;
use super::verifier::Secret;
use crate::config::SecretHash;

/// Memory of one hash in KiB, passes and lanes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// The most memory, in KiB, and passes that a hash in the configuration may ask for.
const COST_MAX: (u32, u32) = (256 * 1024, 16);

/// What an unknown login's secret is compared with, so that it takes as long as a known one's. Matches nothing.
pub(super) const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a secret could not be hashed, or a hash not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// Not the notation.
    #[error("this is not a hash in the notation $argon2id$v=19$m=...,t=...,p=...$salt$hash")]
    Notation,
    /// Another algorithm.
    #[error("only Argon2id hashes are taken")]
    Algorithm,
    /// Parameters that would stop the gate.
    #[error("this hash asks for more than 256 MiB or 16 passes, for each login")]
    TooExpensive,
    /// The library refused; a fault of ours.
    #[error("the secret could not be hashed")]
    Hashing,
}

/// The Argon2id hash of a secret, with a fresh salt.
pub fn hash_secret(secret: &str, rng: &dyn Rng) -> Result<SecretHash, HashError> {
    let mut salt = [0; 16];
    rng.fill(&mut salt);
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|_| HashError::Hashing)?;
    let hash: PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(secret.as_bytes(), &salt)
        .map_err(|_| HashError::Hashing)?;
    Ok(SecretHash::new(hash.to_string()))
}

/// A secret as it was hashed: what a person chose may be typed in more than one way.
pub(super) fn as_hashed(secret: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    match std::str::from_utf8(&secret) {
        Ok(text) if !text.is_ascii() => Zeroizing::new(registry::chosen::prepared(text).as_bytes().to_vec()),
        _ => secret,
    }
}

/// All that is kept of a generated secret. `beside`: what SCRAM checks the secret by whose place it takes.
pub fn seal(secret: &str, beside: Option<&scram::Verifier>, rng: &dyn Rng) -> Result<Secret, HashError> {
    Ok(Secret {
        hash: hash_secret(secret, rng)?,
        scram: Some(match beside {
            Some(former) => former.beside(secret),
            None => scram::Verifier::of(secret, rng),
        }),
        until: None,
    })
}

/// Takes a hash from the configuration.
pub fn check_hash(text: &str) -> Result<SecretHash, HashError> {
    let hash = PasswordHash::new(text).map_err(|_| HashError::Notation)?;
    if hash.algorithm != argon2::ARGON2ID_IDENT {
        return Err(HashError::Algorithm);
    }
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(HashError::Notation);
    }
    let params = Params::try_from(&hash).map_err(|_| HashError::Notation)?;
    let (memory, passes) = COST_MAX;
    if params.m_cost() > memory || params.t_cost() > passes {
        return Err(HashError::TooExpensive);
    }
    Ok(SecretHash::new(text.to_owned()))
}

/// Whether the secret has this hash, or is the one that SCRAM checks by this: of an imported one nothing else is known.
/// Takes some 45 ms; never to be called on the runtime's threads.
pub(super) fn verify(secret: &[u8], hash: &str) -> bool {
    if let Some(scram) = scram::Verifier::parse(hash) {
        return scram.is_of(secret);
    }
    match PasswordHash::new(hash) {
        Ok(hash) => Argon2::default().verify_password(secret, &hash).is_ok(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use world::SystemRng;

    #[test]
    fn a_fresh_secret_can_be_proved_by_its_hash() {
        let secret = registry::Secret::fresh(&SystemRng);
        let hash = hash_secret(&secret, &SystemRng).unwrap();
        assert_eq!(check_hash(hash.as_str()), Ok(hash.clone()));
        assert!(verify(secret.as_bytes(), hash.as_str()));
        assert!(!verify(b"another", hash.as_str()));
        assert_eq!(format!("{hash:?}"), "SecretHash(..)");
    }

    #[test]
    fn a_password_is_the_same_from_every_keyboard() {
        let typed = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let hash = hash_secret(&registry::Secret::chosen("Gru\u{308}ne Lampe am Fjord"), &SystemRng).unwrap();
        assert!(verify(
            &as_hashed(typed("Gr\u{fc}ne Lampe am\u{a0}Fjord")),
            hash.as_str()
        ));
        assert!(!verify(&as_hashed(typed("Grune Lampe am Fjord")), hash.as_str()));
        // What is no text is compared as it is.
        assert_eq!(*as_hashed(Zeroizing::new(vec![0xff, b'a'])), [0xff, b'a']);
    }

    #[test]
    fn what_scram_checks_a_secret_by_checks_one_that_is_sent_as_well() {
        let notation = scram::Verifier::of("a secret", &SystemRng).notation();
        assert!(verify(b"a secret", &notation));
        assert!(!verify(b"another", &notation) && !verify(b"\xff", &notation));
    }

    #[test]
    fn the_hash_of_nobody_is_one_and_costs_the_same() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), COST);
        assert!(nobody.hash.is_some());
        assert!(!verify(b"", NOBODY));
    }

    #[test]
    fn hashes_that_are_none_or_cost_too_much_are_refused() {
        for wrong in [
            "",
            "secret",
            "$argon2id$",
            "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(check_hash(wrong), Err(HashError::Notation), "{wrong}");
        }
        let weaker = NOBODY.replace("argon2id", "argon2i");
        assert_eq!(check_hash(&weaker), Err(HashError::Algorithm));
        let dear = NOBODY.replace("m=19456", "m=2000000");
        assert_eq!(check_hash(&dear), Err(HashError::TooExpensive));
    }
}
