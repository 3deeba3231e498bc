//! Who may log in at this gate: the logins of the file, what stops who guesses, and what hides who exists.

use std::net::IpAddr;

use admission::Admission;
use world::World;

use super::Writers;
use crate::config::Config;
use crate::identities::{Logins, salt_key};

/// The logins of the file; whoever was stopped before stays so.
pub(super) fn open(config: &Config, world: &World, writers: Writers) -> Logins {
    let logins = Logins::new(
        config.logins.clone(),
        config.limits.clone(),
        world.clock.clone(),
        world.rng.clone(),
    );
    match writers {
        Writers::Tasks => logins.hashing_here(),
        Writers::Threads => {
            if let Err(error) = logins.stopping_in(&config.spool.dir, world.disk.clone()) {
                tracing::warn!(event = "logins.stopped", %error, "which logins were stopped cannot be read: none is");
            }
            salting(logins, config, world)
        }
    }
}

/// Tells whether the grant of a login names the networks of its clients, and this one is there.
pub(super) fn pins(judge: &Admission) -> impl Fn(&str, IpAddr) -> bool + Send + Sync + 'static {
    let judge = judge.clone();
    move |login, client| {
        let snapshot = judge.snapshot();
        let grant = snapshot.login_grant(login);
        grant.is_some_and(|grant| policy::contains(&grant.networks, client))
    }
}

/// Hides which logins exist from SCRAM, with the key that is kept.
fn salting(logins: Logins, config: &Config, world: &World) -> Logins {
    match salt_key(&*world.disk, &config.spool.dir, &*world.rng) {
        Ok(key) => logins.salting_by(key),
        Err(error) => {
            tracing::warn!(
                event = "logins.key", %error,
                "the key that hides which logins exist from SCRAM could not be kept; it is another after each start"
            );
            logins
        }
    }
}
