//! What is kept of a secret so that SCRAM can check it (RFC 5802 §3).

use std::fmt;
use std::num::NonZeroU32;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use world::Rng;
use zeroize::Zeroizing;

use super::{Keys, sign};

/// How often the hash is made. The secrets it is made of are generated and need no stretching; RFC 7677 §4 asks for no
/// less than 4096, and for this where clients are not too small.
pub const ITERATIONS: u32 = 15_000;
/// Less than this nobody may write (RFC 7677 §4).
const ITERATIONS_MIN: u32 = 4096;
/// More than this would be paid for by every client.
const ITERATIONS_MAX: u32 = 1_000_000;
/// Octets of a salt that we make.
pub(super) const SALT_OCTETS: usize = 16;
/// Octets of a salt at most.
const SALT_OCTETS_MAX: usize = 64;
/// How the notation begins.
const SCHEME: &str = "SCRAM-SHA-256";

/// Kept in place of a secret: one can check it by this, and not log in with it. In the notation of RFC 5803, as
/// PostgreSQL writes it: `SCRAM-SHA-256$15000:salt$stored-key:server-key`.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    /// The salt.
    pub salt: Box<[u8]>,
    /// How often the hash is made.
    pub iterations: u32,
    /// Checks the client.
    pub stored_key: [u8; 32],
    /// Shows the client that we know its secret.
    pub server_key: [u8; 32],
}

impl Verifier {
    /// That of a secret made of ASCII, as generated ones are, with a fresh salt.
    #[must_use]
    pub fn of(secret: &str, rng: &dyn Rng) -> Self {
        let mut salt = [0; SALT_OCTETS];
        rng.fill(&mut salt);
        Self::salted(secret, &salt, ITERATIONS)
    }

    /// That of a secret that takes the place of another: with the same salt, both can be proved by SCRAM while both hold,
    /// for a client is told one salt before anybody knows which secret it has.
    #[must_use]
    pub fn beside(&self, secret: &str) -> Self {
        Self::salted(secret, &self.salt, self.iterations)
    }

    pub(in crate::identities) fn salted(secret: &str, salt: &[u8], iterations: u32) -> Self {
        let count = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
        let mut salted = Zeroizing::new([0; 32]);
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, count, salt, secret.as_bytes(), &mut *salted);
        let client_key = Zeroizing::new(sign(&*salted, &[b"Client Key"]));
        let mut stored_key = [0; 32];
        stored_key.copy_from_slice(digest::digest(&digest::SHA256, &*client_key).as_ref());
        Self {
            salt: salt.into(),
            iterations: count.get(),
            stored_key,
            server_key: sign(&*salted, &[b"Server Key"]),
        }
    }

    /// Whether it is that of this secret.
    pub(in crate::identities) fn is_of(&self, secret: &[u8]) -> bool {
        let Ok(secret) = std::str::from_utf8(secret) else {
            return false;
        };
        let same = self.beside(secret);
        verify_slices_are_equal(&same.stored_key, &self.stored_key).is_ok()
    }

    /// Reads the notation.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, rest) = text.strip_prefix(SCHEME)?.strip_prefix('$')?.split_once(':')?;
        let (salt, keys) = rest.split_once('$')?;
        let (stored, server) = keys.split_once(':')?;
        let iterations: u32 = count.parse().ok()?;
        let salt = STANDARD.decode(salt).ok()?;
        let key = |text: &str| <[u8; 32]>::try_from(STANDARD.decode(text).ok()?).ok();
        let fits =
            (ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) && (8..=SALT_OCTETS_MAX).contains(&salt.len());
        fits.then_some(())?;
        Some(Self {
            salt: salt.into(),
            iterations,
            stored_key: key(stored)?,
            server_key: key(server)?,
        })
    }

    /// The notation, for where it is kept.
    #[must_use]
    pub fn notation(&self) -> String {
        let [salt, stored, server] =
            [&*self.salt, &self.stored_key, &self.server_key].map(|part| STANDARD.encode(part));
        format!("{SCHEME}${}:{salt}${stored}:{server}", self.iterations)
    }

    pub(in crate::identities) fn keys(&self) -> Keys {
        Keys {
            stored: self.stored_key,
            server: self.server_key,
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}
