//! Secrets that were proved a moment ago, so that a program that logs in for each message costs one hash a minute.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::digest;

/// How long a proved secret is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Proved secrets remembered at once.
const REMEMBERED_MAX: usize = 4096;

/// What was proved: login and secret by one hash, under a key of this process.
type Digest = [u8; 32];

/// Bounded; holds no secret.
pub(super) struct Remembered {
    key: [u8; 32],
    proved: BTreeMap<Digest, Duration>,
}

impl Remembered {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self {
            key,
            proved: BTreeMap::new(),
        }
    }

    /// Whether this secret was proved by this very hash a moment ago. A hash that is gone proves nothing any more.
    pub(super) fn holds(&self, login: &str, secret: &[u8], hash: &str, now: Duration) -> bool {
        let digest = self.digest(login, secret, hash);
        self.proved.get(&digest).is_some_and(|until| now < *until)
    }

    pub(super) fn add(&mut self, login: &str, secret: &[u8], hash: &str, now: Duration) {
        if self.proved.len() >= REMEMBERED_MAX {
            self.proved.retain(|_, until| now < *until);
        }
        if self.proved.len() < REMEMBERED_MAX {
            let digest = self.digest(login, secret, hash);
            self.proved.insert(digest, now + REMEMBERED);
        }
    }

    #[cfg(test)]
    pub(super) fn clear(&mut self) {
        self.proved.clear();
    }

    fn digest(&self, login: &str, secret: &[u8], hash: &str) -> Digest {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.key);
        for part in [login.as_bytes(), hash.as_bytes()] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        context.update(secret);
        context.finish().as_ref().try_into().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_of_the_same_login_by_the_same_hash_is_remembered_and_only_for_a_minute() {
        let mut remembered = Remembered::new([7; 32]);
        let at = Duration::from_secs;
        remembered.add("erp", b"right", "hash", at(0));
        assert!(remembered.holds("erp", b"right", "hash", at(59)));
        assert!(!remembered.holds("erp", b"right", "hash", at(60)));
        assert!(!remembered.holds("erp", b"wrong", "hash", at(1)));
        assert!(!remembered.holds("er", b"pright", "hash", at(1)));
        assert!(!remembered.holds("erp", b"right", "another", at(1)));
    }
}
