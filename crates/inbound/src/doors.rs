//! How many may stand at the doors at once, and how often they may knock.

mod inside;
mod rules;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use smtp::server::Pace;
use wire::{Crowd, CrowdSign};

use inside::{Household, Inside};

pub use rules::{ClientLimits, DoorsConfig, Standing};

/// Why a client is turned away at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// The house is full.
    House,
    /// Too many connections from this address or its network.
    Client,
    /// Too many new connections in a minute.
    Knocking,
}

/// Counts who is inside.
#[derive(Clone, Default)]
pub struct Doors(Arc<House>);

#[derive(Default)]
struct House {
    inside: Mutex<Inside>,
    sign: CrowdSign,
    told_why: Arc<AtomicU32>,
    looked_up: Arc<AtomicU32>,
}

/// A place inside; given back when dropped.
pub struct Place {
    doors: Doors,
    client: IpAddr,
    /// With fewer sessions than this there is no crowd any more.
    roomy_below: u32,
}

/// A place aside, for as long as it is held: of a client that is told why it cannot come in, or of a look-up.
pub struct Aside(Arc<AtomicU32>);

impl Doors {
    /// Lets a client in, or says why not.
    pub fn enter(
        &self,
        config: &DoorsConfig,
        client: IpAddr,
        standing: Standing,
        now: Duration,
    ) -> Result<Place, TurnedAway> {
        let limits = config.of(client);
        let mut inside = self.0.inside.lock();
        if inside.sessions >= config.places_for(standing) {
            return Err(TurnedAway::House);
        }
        let at_once = inside.addresses.get(&client).copied().unwrap_or(0);
        let household = inside.visited(client, now);
        let crowded = client.is_ipv6() && household.inside >= limits.connections_per_64;
        if crowded || at_once >= limits.connections {
            return Err(TurnedAway::Client);
        }
        if !household.knock(&limits, now) {
            return Err(TurnedAway::Knocking);
        }
        inside.take(client);
        if inside.sessions >= config.crowded_from() {
            self.0.sign.show(Pace::Hurried);
        }
        Ok(Place {
            doors: self.clone(),
            client,
            roomy_below: config.roomy_below(),
        })
    }

    /// Whether there is time to tell another client why it cannot come in.
    #[must_use]
    pub fn explain(&self, config: &DoorsConfig) -> Option<Aside> {
        Aside::among(&self.0.told_why, config)
    }

    /// Whether the name of another client may be looked up now.
    pub(crate) fn look_up(&self, config: &DoorsConfig) -> Option<Aside> {
        Aside::among(&self.0.looked_up, config)
    }

    /// Shows sessions whether they may take their time.
    #[must_use]
    pub fn crowd(&self) -> Crowd {
        self.0.sign.watch()
    }

    /// Sessions now.
    #[must_use]
    pub fn sessions(&self) -> u32 {
        self.0.inside.lock().sessions
    }
}

impl Aside {
    fn among(taken: &Arc<AtomicU32>, config: &DoorsConfig) -> Option<Self> {
        let before = taken.fetch_add(1, Ordering::Relaxed);
        let aside = Self(taken.clone());
        (before < config.asides()).then_some(aside)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Place {
    /// Counts a message against the client's rate of so many in a minute; `false` where that is used up.
    #[must_use]
    pub fn message(&self, per_minute: u32, now: Duration) -> bool {
        self.household(now, |household| household.message(per_minute, now))
    }

    /// Notes a recipient that was refused.
    pub fn bad_recipient(&self, now: Duration) {
        self.household(now, |household| {
            household.bad_recipient(now);
            true
        });
    }

    /// Whether the client has named too many recipients that were refused.
    #[must_use]
    pub fn is_guessing(&self, limits: &ClientLimits, now: Duration) -> bool {
        self.household(now, |household| household.is_guessing(limits, now))
    }

    /// Whoever is inside has a household; `false` would be said for one that has not.
    fn household(&self, now: Duration, f: impl FnOnce(&mut Household) -> bool) -> bool {
        let mut inside = self.doors.0.inside.lock();
        inside.household(self.client, now).is_some_and(f)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let house = &self.doors.0;
        let mut inside = house.inside.lock();
        inside.leave(self.client);
        if inside.sessions < self.roomy_below {
            house.sign.show(Pace::Usual);
        }
    }
}

#[cfg(test)]
mod tests;
