//! Who a client says it is, proved: logins of the configuration file and of the registry, with hashes of their secrets.
//!
//! Responsible for: proving a login by the mechanism the client chose, at the same cost whether the login exists or not;
//! slowing down and locking out who guesses (per login and address, so that no stranger locks a device out). Refuses to
//! know what a login may do: that is judgement's.

mod authorities;
mod credentials;
mod directory;
mod exchange;
mod guesses;
mod lockout;
mod others;
mod otherwise;
mod queue;
mod reach;
mod remembered;
mod salt;
mod scram;
mod secret;
mod stops;
mod table;
mod token;
mod verifier;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use dns::Resolver;
use mail::{Mechanism, Mechanisms, Timestamp};
use policy::{AuthContext, AuthExchange, AuthRefusal, Authenticator, Name, Principal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wire::{Authorities, Phase, Shutdown};
use world::{Clock, Rng, World};
use zeroize::Zeroizing;

use crate::config::{LimitSettings, SecretHash};
use authorities::Vouchers;
use directory::Directory;
use lockout::Lockout;
use otherwise::Otherwise;
use queue::Queue;
use remembered::Remembered;
use stops::Stops;
use table::{Sources, Table};
use token::Issuers;

pub use authorities::AuthoritySettings;
pub use credentials::{proof_of, proof_of_chosen, proof_of_hash, proof_of_scram, verifiers};
pub use directory::{Account, DirectorySettings, Filter, FoundBy, LOGIN, Search};
pub use guesses::KeptOut;
pub use lockout::Locked;
pub use reach::Place;
pub use salt::{SALT_KEY, salt_key};
pub use scram::{ITERATIONS, Verifier as ScramVerifier};
pub use secret::{HashError, check_hash, hash_secret, seal};
pub use stops::Stop;
pub use token::{Algorithm, Introspection, IssuerSettings, KeySource, Rules, TokenRule, ToldBy};
pub use verifier::{Secret, Verifier};

/// Hashes computed at once for everybody: each takes a core for some 45 ms and 19 MiB, and mail needs cores too. A
/// fraction of the cores, and never none.
const CORES_PER_HASH: usize = 2;
/// Hashes computed at once beside those, for who proved itself before.
const HASHES_FOR_PROVED: usize = 1;
/// How often it is looked whether an issuer's keys are old, or an authority's files are others.
const KEYS_LOOKED_AT_EVERY: Duration = Duration::from_secs(30);
/// How long the answer is held back to who is locked out, or finds no place in the line.
const UNSEEN_DELAY: Duration = Duration::from_secs(2);

/// Who vouches for clients beside us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vouching {
    /// Who issues tokens that clients may log in with.
    pub issuers: BTreeMap<Name, IssuerSettings>,
    /// The directory that knows people's passwords.
    pub directory: Option<DirectorySettings>,
    /// Who vouches for the names in clients' certificates.
    pub authorities: BTreeMap<Name, AuthoritySettings>,
}

/// Everybody who can prove who they are. Each source of logins is swapped whole when it changes; exchanges that begin from
/// then on are judged by what is new.
pub struct Logins {
    inner: Arc<Inner>,
}

type Pinned = dyn Fn(&str, IpAddr) -> bool + Send + Sync;

struct Inner {
    sources: Mutex<Sources>,
    table: ArcSwap<Table>,
    /// Who vouches for clients beside us.
    issuers: ArcSwap<Issuers>,
    directory: ArcSwapOption<Directory>,
    authorities: Authorities,
    vouchers: Mutex<Vouchers>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    /// Makes the salts of logins that do not exist.
    salt_key: [u8; 32],
    hashing: Arc<Semaphore>,
    /// Who never proved itself takes one of these first.
    everybody: Arc<Semaphore>,
    queue: Mutex<Queue>,
    remembered: Mutex<Remembered>,
    lockout: Mutex<Lockout>,
    stops: Mutex<Stops>,
    /// Who is not offered SCRAM, because it failed there.
    otherwise: Mutex<Otherwise>,
    /// Says whether the grant of a login names where a client is.
    pinned: OnceLock<Box<Pinned>>,
    /// Whether hashes are computed by the task that asks rather than by a thread of their own.
    here: bool,
}

impl Logins {
    /// The logins of a configuration.
    #[must_use]
    pub fn new(
        file: BTreeMap<Name, Verifier>,
        limits: LimitSettings,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Self {
        let mut key = [0; 32];
        rng.fill(&mut key);
        let sources = Sources {
            file,
            registry: BTreeMap::new(),
            limits,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = (cores / CORES_PER_HASH).max(1);
        let inner = Inner {
            table: ArcSwap::from_pointee(Table::of(&sources, Timestamp(clock.wall()))),
            sources: Mutex::new(sources),
            issuers: ArcSwap::from_pointee(Issuers::none()),
            directory: ArcSwapOption::empty(),
            authorities: Authorities::default(),
            vouchers: Mutex::default(),
            clock,
            remembered: Mutex::new(Remembered::new(key)),
            rng,
            salt_key: key,
            hashing: Arc::new(Semaphore::new(at_once + HASHES_FOR_PROVED)),
            everybody: Arc::new(Semaphore::new(at_once)),
            queue: Mutex::default(),
            lockout: Mutex::default(),
            stops: Mutex::default(),
            otherwise: Mutex::default(),
            pinned: OnceLock::new(),
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

    /// Makes the salts of logins that do not exist with this key rather than with one that ends with the process. See
    /// [`salt_key`].
    #[must_use]
    pub fn salting_by(mut self, key: [u8; 32]) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.salt_key = key;
        }
        self
    }

    /// Lets this be who vouches for the names in clients' certificates; see [`authorities`](Self::authorities).
    #[must_use]
    pub fn vouching_through(mut self, authorities: Authorities) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.authorities = authorities;
        }
        self
    }

    /// Takes the logins of another configuration; those of the registry stay.
    pub fn configure(&self, file: BTreeMap<Name, Verifier>, limits: LimitSettings) {
        self.change(|sources| {
            sources.file = file;
            sources.limits = limits;
        });
    }

    /// Takes what the registry says now; the logins of the configuration stay.
    pub fn register(&self, registry: BTreeMap<Name, Verifier>) {
        self.change(|sources| sources.registry = registry);
    }

    /// Believes these others, and nobody else.
    pub fn trust(&self, others: &Vouching, world: &World, resolver: &Arc<dyn Resolver>) {
        let before = self.inner.issuers.load();
        let issuers = Issuers::of(&others.issuers, &before, world, resolver);
        self.inner.issuers.store(Arc::new(issuers));
        let directory = others.directory.clone();
        let directory = directory.map(|settings| Arc::new(Directory::new(settings, world, resolver)));
        self.inner.directory.store(directory);
        lock(&self.inner.vouchers).configure(&others.authorities, &self.inner.authorities);
    }

    /// Who vouches for the names in clients' certificates: to be asked at handshakes, and always those of now.
    #[must_use]
    pub fn authorities(&self) -> Authorities {
        self.inner.authorities.clone()
    }

    /// Fetches the keys of issuers and reads the files of authorities now and then, until the shutdown.
    pub async fn keep_keys(self: Arc<Self>, mut shutdown: Shutdown) {
        loop {
            let issuers = self.inner.issuers.load_full();
            let now = self.inner.clock.monotonic();
            let look = async {
                issuers.refresh(now).await;
                lock(&self.inner.vouchers).refresh(&self.inner.authorities);
                self.inner.clock.sleep_until(now + KEYS_LOOKED_AT_EVERY).await;
            };
            tokio::select! {
                biased;
                _ = shutdown.beyond(Phase::Running) => return,
                () = look => {}
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Sources)) {
        let mut sources = lock(&self.inner.sources);
        change(&mut sources);
        let table = Table::of(&sources, self.inner.now());
        self.inner.table.store(Arc::new(table));
    }
}

impl Authenticator for Logins {
    fn mechanisms(&self, client: IpAddr) -> Mechanisms {
        let table = self.inner.table.load();
        let now = self.inner.clock.monotonic();
        if table.scram_is_partial && lock(&self.inner.otherwise).has(client, now) {
            let unbound = table.mechanisms.without(Mechanism::ScramSha256);
            return unbound.without(Mechanism::ScramSha256Plus);
        }
        table.mechanisms
    }

    fn begin(&self, mechanism: Mechanism, context: AuthContext) -> Box<dyn AuthExchange> {
        exchange::begin(Arc::clone(&self.inner), mechanism, context)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is guarded here is counters and expiry times: whatever a panic left is still usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.wall())
    }

    /// Whether `secret` is that of `login`, slowly where it is not: also who is not even looked at is held back, or it
    /// would ask again as fast as it can.
    async fn prove(&self, login: &str, secret: Zeroizing<Vec<u8>>, client: IpAddr) -> Result<Principal, AuthRefusal> {
        let proved = self.look_at(login, secret, client).await;
        if let Err(AuthRefusal::LockedOut | AuthRefusal::Unavailable) = proved {
            self.hold_back().await;
        }
        proved
    }

    async fn look_at(&self, login: &str, secret: Zeroizing<Vec<u8>>, client: IpAddr) -> Result<Principal, AuthRefusal> {
        let login = login.to_ascii_lowercase();
        self.check_lock(&login, client)?;
        let table = self.table.load_full();
        let known = table.find(&login);
        let hashes: Vec<SecretHash> = known
            .into_iter()
            .flat_map(|(_, verifier)| verifier.live(self.now()))
            .map(|secret| secret.hash.clone())
            .collect();
        if let Some((name, verifier)) = known
            && self.is_remembered(&login, &secret::as_hashed(secret.clone()), &hashes)
            && !self.is_stopped(name, verifier, client)
        {
            return Ok(Principal(name.clone()));
        }
        if known.is_none_or(|(_, verifier)| *verifier == Verifier::Directory)
            && let Some(directory) = self.directory.load_full()
        {
            return self.look_in_directory(&directory, &login, &secret, client).await;
        }
        let place = self.wait_in_line(&login, client).ok_or(AuthRefusal::Unavailable)?;
        let secret = secret::as_hashed(secret);
        let seen = self.verify(&place.line, secret.clone(), hashes).await?;
        drop(place);
        if let Some(hash) = &seen.proved_by {
            let now = self.clock.monotonic();
            lock(&self.remembered).add(&login, &secret, hash.as_str(), now);
        }
        let proved = known.map(|(name, verifier)| (name, verifier, seen.proved_by.is_some()));
        self.settle_guess(&login, client, proved, seen.since).await
    }

    /// The end of every try. `known`: the login as it is written, and whether it was proved; `since`: when the proof was
    /// looked at, from which on a failure is held back, so that nobody learns how long looking took.
    async fn settle(
        &self,
        login: &str,
        client: IpAddr,
        known: Option<(&Name, bool)>,
        since: Duration,
    ) -> Result<Principal, AuthRefusal> {
        // Guesses made side by side would otherwise all have passed the first look before one of them failed.
        self.check_lock(login, client)?;
        match known {
            Some((name, true)) => {
                lock(&self.lockout).succeeded(login, client);
                lock(&self.queue).proved(login, client);
                Ok(Principal(name.clone()))
            }
            _ => {
                self.fail(login, client, since).await;
                Err(known.map_or(AuthRefusal::UnknownLogin, |_| AuthRefusal::WrongSecret))
            }
        }
    }

    /// What a SCRAM client is to compute with; a login that has nothing of the kind gets what looks alike.
    async fn salted(&self, login: &str, client: IpAddr) -> Result<scram::Salted, AuthRefusal> {
        if let Err(locked) = self.check_lock(login, client) {
            self.hold_back().await;
            return Err(locked);
        }
        let table = self.table.load();
        let known = table.find(login).and_then(|(_, verifier)| verifier.salted(self.now()));
        Ok(known.unwrap_or_else(|| scram::Salted::nobody(&self.salt_key, login)))
    }

    /// What follows from a SCRAM client's proof. Where SCRAM cannot prove everybody a client that fails is asked to come
    /// again, and is then offered the others: its login may have no part in SCRAM, and clients do not change by themselves.
    /// Whether it has is shown to nobody: wrong secrets and unknown logins hear the same.
    async fn settle_scram(&self, login: &str, client: IpAddr, right: bool) -> Result<Principal, AuthRefusal> {
        let table = self.table.load_full();
        let known = table.find(login).map(|(name, verifier)| (name, verifier, right));
        let settled = self.settle_guess(login, client, known, self.clock.monotonic()).await;
        if let Err(AuthRefusal::LockedOut) = settled {
            self.hold_back().await;
        }
        match settled {
            Err(AuthRefusal::UnknownLogin | AuthRefusal::WrongSecret | AuthRefusal::Stopped)
                if table.scram_is_partial && lock(&self.otherwise).note(client, self.clock.monotonic()) =>
            {
                Err(AuthRefusal::OtherMechanism)
            }
            settled => settled,
        }
    }

    fn check_lock(&self, login: &str, client: IpAddr) -> Result<(), AuthRefusal> {
        let at_home = lock(&self.queue).has_proved(login, client);
        let locked = lock(&self.lockout).is_locked(login, client, at_home, self.clock.monotonic());
        if locked { Err(AuthRefusal::LockedOut) } else { Ok(()) }
    }

    fn is_remembered(&self, login: &str, secret: &[u8], hashes: &[SecretHash]) -> bool {
        let now = self.clock.monotonic();
        let remembered = lock(&self.remembered);
        let holds = |hash: &SecretHash| remembered.holds(login, secret, hash.as_str(), now);
        hashes.iter().any(holds)
    }

    /// Hashes away from the runtime's threads, a few at once. An unknown login costs the same as a known one.
    async fn verify(
        &self,
        line: &queue::Line,
        secret: Zeroizing<Vec<u8>>,
        hashes: Vec<SecretHash>,
    ) -> Result<Seen, AuthRefusal> {
        let turn = self.turn(line).await?;
        let since = self.clock.monotonic();
        let work = move || {
            let _turn = turn;
            if hashes.is_empty() {
                secret::verify(&secret, secret::NOBODY);
            }
            hashes.into_iter().find(|hash| secret::verify(&secret, hash.as_str()))
        };
        let proved_by = if self.here {
            work()
        } else {
            tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| AuthRefusal::Unavailable)?
        };
        Ok(Seen { proved_by, since })
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

    async fn fail(&self, login: &str, client: IpAddr, since: Duration) {
        let allowed = self.table.load().limits.of(client).auth_failures;
        let delay = lock(&self.lockout).failed(login, client, self.clock.monotonic(), allowed);
        self.clock.sleep_until(since + delay).await;
    }

    async fn hold_back(&self) {
        self.clock.sleep_until(self.clock.monotonic() + UNSEEN_DELAY).await;
    }
}

/// A secret that was looked at.
struct Seen {
    /// The hash that it has, of those of the login.
    proved_by: Option<SecretHash>,
    /// When its turn came.
    since: Duration,
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
