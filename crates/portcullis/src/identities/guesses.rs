//! What becomes of a secret or password that was looked at: counted, where it was wrong, and worth nothing where its login
//! is stopped. And what an operator is told of that, and may undo.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use policy::{AuthRefusal, Name, Principal};
use serde::{Deserialize, Serialize};

use super::lockout::Locked;
use super::stops::{Stop, Stops};
use super::{Inner, Logins, Verifier, lock};

/// Who is kept out at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOut {
    /// Logins that are stopped until somebody releases them.
    pub stopped: BTreeMap<Name, Stop>,
    /// Logins, addresses and networks that are locked for some time.
    pub locked: Vec<Locked>,
}

impl Logins {
    /// Remembers in this folder which logins are stopped.
    ///
    /// # Errors
    /// What lies there cannot be read; nothing is remembered then.
    pub fn stopping_in(&self, folder: &Path, disk: std::sync::Arc<dyn world::Disk>) -> io::Result<()> {
        *lock(&self.inner.stops) = Stops::kept(disk, folder)?;
        Ok(())
    }

    /// Says from where a login is never stopped: where its grant names the client.
    pub fn pinned_by(&self, pinned: impl Fn(&str, IpAddr) -> bool + Send + Sync + 'static) {
        // Whoever puts the house together says it once.
        let _ = self.inner.pinned.set(Box::new(pinned));
    }

    /// Who is kept out at the moment.
    #[must_use]
    pub fn kept_out(&self) -> KeptOut {
        let now = self.inner.clock.monotonic();
        KeptOut {
            stopped: lock(&self.inner.stops).all(),
            locked: lock(&self.inner.lockout).all(now),
        }
    }

    /// Lets a login, or an address, in again; whether it was kept out.
    #[must_use]
    pub fn release(&self, who: &str) -> bool {
        let who = who.to_ascii_lowercase();
        let stopped = lock(&self.inner.stops).release(&who);
        let locked = lock(&self.inner.lockout).release(&who, self.inner.clock.monotonic());
        stopped || locked
    }
}

impl Inner {
    /// The end of a try by a secret or password. A login that is stopped hears what a wrong secret hears, right or wrong,
    /// and as late.
    pub(super) async fn settle_guess(
        &self,
        login: &str,
        client: IpAddr,
        known: Option<(&Name, &Verifier, bool)>,
        since: Duration,
    ) -> Result<Principal, AuthRefusal> {
        let Some((name, verifier, right)) = known else {
            return self.settle(login, client, None, since).await;
        };
        // Who is locked out is not looked at, and so does not count.
        self.check_lock(login, client)?;
        let stopped = self.is_stopped(name, verifier, client);
        let right = right && !stopped;
        self.count(name, verifier, right);
        match self.settle(login, client, Some((name, right)), since).await {
            Err(AuthRefusal::WrongSecret) if stopped => Err(AuthRefusal::Stopped),
            settled => settled,
        }
    }

    pub(super) fn is_stopped(&self, name: &Name, verifier: &Verifier, client: IpAddr) -> bool {
        let Some(of) = verifier.fingerprint() else { return false };
        let pinned = || self.pinned.get().is_some_and(|pinned| pinned(name, client));
        lock(&self.stops).is_stopped(name, &of, client) && !pinned()
    }

    fn count(&self, name: &Name, verifier: &Verifier, right: bool) {
        if right {
            return lock(&self.stops).succeeded(name);
        }
        let Some(of) = verifier.fingerprint() else { return };
        let homes = || lock(&self.queue).homes(name);
        if lock(&self.stops).failed(name, &of, homes, self.now()) {
            tracing::warn!(
                event = "logins.stop",
                login = &**name,
                "a hundred wrong secrets in a row: the login is stopped, but for where it proved itself before; \
                 `portcullis logins release`, or another secret, lets it go"
            );
        }
    }
}
