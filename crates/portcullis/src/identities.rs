//! Identities that stand in the configuration file: logins with the Argon2id hashes of their secrets.
//!
//! Responsible for: proving a login by PLAIN or LOGIN, at the same cost whether the login exists or not; slowing down
//! and locking out who guesses (per login and address, so that no stranger locks a device out). Refuses to know what a
//! login may do: that is judgement's.

mod exchange;
mod lockout;
mod queue;
mod secret;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use mail::Mechanism;
use policy::{AuthContext, AuthExchange, AuthRefusal, Authenticator, Name, Principal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use world::{Clock, Rng};
use zeroize::Zeroizing;

use crate::config::{LimitSettings, SecretHash};
use lockout::Lockout;
use queue::Queue;

pub use secret::{HashError, check_hash, hash_secret};

/// Hashes computed at once for everybody: each takes a core for some 45 ms and 19 MiB, and mail needs cores too. A
/// fraction of the cores, and never none.
const CORES_PER_HASH: usize = 2;
/// Hashes computed at once beside those, for who proved itself before.
const HASHES_FOR_PROVED: usize = 1;
/// How long the answer is held back to who is locked out, or finds no place in the line.
const UNSEEN_DELAY: Duration = Duration::from_secs(2);
/// How long a proved secret is remembered, so that a program that logs in for each message costs one hash a minute.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Proved secrets remembered at once.
const REMEMBERED_MAX: usize = 4096;

/// Logins and secrets' hashes from the configuration, swapped whole when it is read again.
pub struct StaticLogins {
    inner: Arc<Inner>,
}

/// One configuration's logins; the number makes what was remembered under another worthless.
struct Logins {
    number: u64,
    hashes: BTreeMap<Name, SecretHash>,
    limits: LimitSettings,
}

type Digest = [u8; 32];

struct Inner {
    logins: ArcSwap<Logins>,
    clock: Arc<dyn Clock>,
    key: [u8; 32],
    hashing: Arc<Semaphore>,
    /// Who never proved itself takes one of these first.
    everybody: Arc<Semaphore>,
    queue: Mutex<Queue>,
    remembered: Mutex<BTreeMap<Digest, Duration>>,
    lockout: Mutex<Lockout>,
    /// Whether hashes are computed by the task that asks rather than by a thread of their own.
    here: bool,
}

impl StaticLogins {
    /// The logins of a configuration. `rng` keys what is remembered.
    #[must_use]
    pub fn new(
        logins: BTreeMap<Name, SecretHash>,
        limits: LimitSettings,
        clock: Arc<dyn Clock>,
        rng: &dyn Rng,
    ) -> Self {
        let mut key = [0; 32];
        rng.fill(&mut key);
        let logins = Logins {
            number: 0,
            hashes: logins,
            limits,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = (cores / CORES_PER_HASH).max(1);
        let inner = Inner {
            logins: ArcSwap::from_pointee(logins),
            clock,
            key,
            hashing: Arc::new(Semaphore::new(at_once + HASHES_FOR_PROVED)),
            everybody: Arc::new(Semaphore::new(at_once)),
            queue: Mutex::default(),
            remembered: Mutex::default(),
            lockout: Mutex::default(),
            here: false,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Hashes within the task that asks, so that in a simulated world the order of everything follows from the seed.
    #[must_use]
    pub fn hashing_here(mut self) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.here = true;
        }
        self
    }

    /// Takes the logins of another configuration; exchanges that begin from now on are judged by them.
    pub fn replace(&self, hashes: BTreeMap<Name, SecretHash>, limits: LimitSettings) {
        self.inner.logins.rcu(|old| Logins {
            number: old.number.wrapping_add(1),
            hashes: hashes.clone(),
            limits: limits.clone(),
        });
        lock(&self.inner.remembered).clear();
    }
}

impl Authenticator for StaticLogins {
    fn begin(&self, mechanism: Mechanism, context: AuthContext) -> Box<dyn AuthExchange> {
        exchange::begin(Arc::clone(&self.inner), mechanism, context.client)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is guarded here is counters and expiry times: whatever a panic left is still usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// Whether `secret` is that of `login`, slowly where it is not: also who is not even looked at is held back, or it
    /// would ask again as fast as it can.
    async fn prove(&self, login: &str, secret: Zeroizing<Vec<u8>>, client: IpAddr) -> Result<Principal, AuthRefusal> {
        let proved = self.look_at(login, secret, client).await;
        if let Err(AuthRefusal::LockedOut | AuthRefusal::Unavailable) = proved {
            self.clock.sleep_until(self.clock.monotonic() + UNSEEN_DELAY).await;
        }
        proved
    }

    async fn look_at(&self, login: &str, secret: Zeroizing<Vec<u8>>, client: IpAddr) -> Result<Principal, AuthRefusal> {
        let login = login.to_ascii_lowercase();
        if lock(&self.lockout).is_locked(&login, client, self.clock.monotonic()) {
            return Err(AuthRefusal::LockedOut);
        }
        let logins = self.logins.load_full();
        let known = logins.hashes.get_key_value(login.as_str());
        let digest = self.digest(logins.number, &login, &secret);
        if let Some((name, _)) = known.filter(|_| self.is_remembered(&digest)) {
            return Ok(Principal(name.clone()));
        }
        let place = self.wait_in_line(&login, client).ok_or(AuthRefusal::Unavailable)?;
        let right = self
            .verify(&place.line, secret, known.map(|(_, hash)| hash.clone()))
            .await?;
        drop(place);
        // Guesses made side by side would otherwise all have passed the first look before one of them failed.
        if lock(&self.lockout).is_locked(&login, client, self.clock.monotonic()) {
            return Err(AuthRefusal::LockedOut);
        }
        match known {
            Some((name, _)) if right => {
                self.remember(digest);
                lock(&self.lockout).succeeded(&login, client);
                lock(&self.queue).proved(&login, client);
                Ok(Principal(name.clone()))
            }
            _ => {
                let allowed = logins.limits.of(client).auth_failures;
                self.fail(&login, client, allowed).await;
                Err(known.map_or(AuthRefusal::UnknownLogin, |_| AuthRefusal::WrongSecret))
            }
        }
    }

    /// Hashes away from the runtime's threads, a few at once. An unknown login costs the same as a known one.
    async fn verify(
        &self,
        line: &queue::Line,
        secret: Zeroizing<Vec<u8>>,
        hash: Option<SecretHash>,
    ) -> Result<bool, AuthRefusal> {
        let turn = self.turn(line).await?;
        let work = move || {
            let _turn = turn;
            let right = secret::verify(&secret, hash.as_ref().map_or(secret::NOBODY, SecretHash::as_str));
            right && hash.is_some()
        };
        if self.here {
            return Ok(work());
        }
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| AuthRefusal::Unavailable)
    }

    /// A turn to hash. However many strangers wait, who proved itself before waits for its likes alone.
    async fn turn(
        &self,
        line: &queue::Line,
    ) -> Result<(Option<OwnedSemaphorePermit>, OwnedSemaphorePermit), AuthRefusal> {
        let unavailable = |_| AuthRefusal::Unavailable;
        let among_everybody = match line {
            queue::Line::Proved => None,
            queue::Line::Everybody(_) => {
                let everybody = Arc::clone(&self.everybody).acquire_owned().await;
                Some(everybody.map_err(unavailable)?)
            }
        };
        let turn = Arc::clone(&self.hashing).acquire_owned().await;
        Ok((among_everybody, turn.map_err(unavailable)?))
    }

    async fn fail(&self, login: &str, client: IpAddr, allowed: u32) {
        let now = self.clock.monotonic();
        let delay = lock(&self.lockout).failed(login, client, now, allowed);
        self.clock.sleep_until(now + delay).await;
    }

    fn digest(&self, number: u64, login: &str, secret: &[u8]) -> Digest {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.key);
        context.update(&number.to_le_bytes());
        context.update(&(login.len() as u64).to_le_bytes());
        context.update(login.as_bytes());
        context.update(secret);
        context.finish().as_ref().try_into().unwrap_or_default()
    }

    fn is_remembered(&self, digest: &Digest) -> bool {
        let now = self.clock.monotonic();
        lock(&self.remembered).get(digest).is_some_and(|until| now < *until)
    }

    fn remember(&self, digest: Digest) {
        let now = self.clock.monotonic();
        let mut remembered = lock(&self.remembered);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, until| now < *until);
        }
        if remembered.len() < REMEMBERED_MAX {
            remembered.insert(digest, now + REMEMBERED);
        }
    }
}

/// A place among those who wait for a hash; given back when dropped.
struct Waiting<'a> {
    inner: &'a Inner,
    line: queue::Line,
}

impl Inner {
    fn wait_in_line(&self, login: &str, client: IpAddr) -> Option<Waiting<'_>> {
        let line = lock(&self.queue).enter(login, client)?;
        Some(Waiting { inner: self, line })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(&self.inner.queue).leave(&self.line);
    }
}

#[cfg(test)]
mod tests;
