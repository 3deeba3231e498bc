//! Who is inside, and what each household did lately.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use admission::Window;

use super::rules::ClientLimits;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// A window counts in two parts, so what lies further back than twice its length is forgotten.
const PARTS: u32 = 2;
/// Households whose habits are remembered.
pub(super) const HOUSEHOLDS_MAX: usize = 200_000;
/// How often those are looked through.
const SWEPT_EVERY: Duration = MINUTE;

/// Everybody who is inside, and the households they came from.
#[derive(Default)]
pub(super) struct Inside {
    pub(super) sessions: u32,
    /// Connections of each address that has any.
    pub(super) addresses: HashMap<IpAddr, u32>,
    pub(super) households: HashMap<IpAddr, Household>,
    swept: Duration,
}

/// What one IPv4 address did, or all of an IPv6 /64: whoever has one has all its addresses.
#[derive(Default)]
pub(super) struct Household {
    pub(super) inside: u32,
    last: Duration,
    knocks: Window,
    messages: Window,
    bad_recipients: Window,
}

impl Inside {
    /// Takes a client in that was let in.
    pub(super) fn take(&mut self, client: IpAddr) {
        self.sessions += 1;
        *self.addresses.entry(client).or_default() += 1;
        if let Some(household) = self.households.get_mut(&household(client)) {
            household.inside += 1;
        }
    }

    pub(super) fn leave(&mut self, client: IpAddr) {
        self.sessions = self.sessions.saturating_sub(1);
        if let Some(household) = self.households.get_mut(&household(client)) {
            household.inside = household.inside.saturating_sub(1);
        }
        if let Some(count) = self.addresses.get_mut(&client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.addresses.remove(&client);
            }
        }
    }

    /// The household of a client that knocks.
    pub(super) fn visited(&mut self, client: IpAddr, now: Duration) -> &mut Household {
        self.sweep(now);
        let household = self.households.entry(household(client)).or_default();
        household.last = now;
        household
    }

    /// The household of a client that is inside.
    pub(super) fn household(&mut self, client: IpAddr, now: Duration) -> Option<&mut Household> {
        let household = self.households.get_mut(&household(client))?;
        household.last = now;
        Some(household)
    }

    /// Forgets who did nothing lately that is still counted, and in a crush everybody who is not inside: it is better to
    /// forget a rate than to grow without bound. What a storm needed is given back behind it.
    fn sweep(&mut self, now: Duration) {
        let full = self.households.len() >= HOUSEHOLDS_MAX;
        if !full && now.saturating_sub(self.swept) < SWEPT_EVERY {
            return;
        }
        self.swept = now;
        self.households.retain(|_, one| one.is_remembered(now));
        if self.households.len() > HOUSEHOLDS_MAX / 2 {
            self.households.retain(|_, one| one.inside > 0);
        }
        self.households.shrink_to(self.households.len() * 2);
        self.addresses.shrink_to(self.addresses.len() * 2);
    }
}

impl Household {
    /// Counts a connection; `false` where there were too many lately.
    pub(super) fn knock(&mut self, limits: &ClientLimits, now: Duration) -> bool {
        let fits = self
            .knocks
            .fits(now, MINUTE, 1, u64::from(limits.connections_per_minute));
        if fits {
            self.knocks.add(1);
        }
        fits
    }

    /// Counts a message; `false` where there were `limit` in a minute.
    pub(super) fn message(&mut self, limit: u32, now: Duration) -> bool {
        let fits = self.messages.fits(now, MINUTE, 1, u64::from(limit));
        if fits {
            self.messages.add(1);
        }
        fits
    }

    pub(super) fn bad_recipient(&mut self, now: Duration) {
        self.bad_recipients.count(now, HOUR);
        self.bad_recipients.add(1);
    }

    pub(super) fn is_guessing(&mut self, limits: &ClientLimits, now: Duration) -> bool {
        let limit = u64::from(limits.bad_recipients_per_hour);
        !self.bad_recipients.fits(now, HOUR, 0, limit)
    }

    fn is_remembered(&mut self, now: Duration) -> bool {
        let quiet = now.saturating_sub(self.last);
        self.inside > 0 || quiet < MINUTE * PARTS || self.bad_recipients.count(now, HOUR) > 0
    }
}

/// An IPv4 address, or the first of an IPv6 /64.
fn household(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
    }
}
