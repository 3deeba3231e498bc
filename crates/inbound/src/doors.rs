//! How many may stand at the doors at once, and how often they may knock.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use admission::Window;
use ipnet::IpNet;
use parking_lot::Mutex;
use policy::contains;
use smtp::server::Pace;
use wire::{Crowd, CrowdSign};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Of all places, one in so many is kept for clients we know.
const KEPT_FOR_KNOWN: u32 = 10;
/// The house is crowded from eight places in ten that are taken, until three in ten are free.
const CROWDED_TENTHS: u32 = 8;
const ROOMY_TENTHS: u32 = 7;
/// Clients that are told why they cannot come in, at once; others just find the door closed. Each holds a file open for
/// the seconds in which it may listen.
const TOLD_WHY_MAX: u32 = 512;
/// Households whose habits are remembered.
const HOUSEHOLDS_MAX: usize = 200_000;

/// What one client, or one IPv6 network of 64 bits, may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Connections at once from one address.
    pub connections: u32,
    /// Connections at once from one IPv6 /64.
    pub connections_per_64: u32,
    /// New connections in any minute.
    pub connections_per_minute: u32,
    /// Messages in any minute from one address (IPv6: one /64), where no grant says otherwise.
    pub messages_per_minute: u32,
    /// Refused recipients in any hour, after which more wait.
    pub bad_recipients_per_hour: u32,
    /// Recipients of one message (RFC 5321 §4.5.3.1.8).
    pub recipients: u32,
    /// Errors in one session after which answers are delayed.
    pub errors_soft: u32,
    /// Errors in one session after which it is closed.
    pub errors_hard: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connections: 20,
            connections_per_64: 40,
            connections_per_minute: 120,
            messages_per_minute: 60,
            bad_recipients_per_hour: 60,
            recipients: 100,
            errors_soft: 10,
            errors_hard: 20,
        }
    }
}

/// What all clients together, and each of them, may do.
#[derive(Clone, Debug)]
pub struct DoorsConfig {
    /// Sessions at once on all listeners.
    pub sessions: u32,
    /// For everybody.
    pub default: ClientLimits,
    /// For these networks instead; the first that fits counts.
    pub overrides: Vec<(Vec<IpNet>, ClientLimits)>,
}

impl Default for DoorsConfig {
    fn default() -> Self {
        Self {
            sessions: 20_000,
            default: ClientLimits::default(),
            overrides: Vec::new(),
        }
    }
}

impl DoorsConfig {
    /// Whether an operator gave this client's network limits of its own.
    #[must_use]
    pub fn names(&self, client: IpAddr) -> bool {
        self.overrides.iter().any(|(networks, _)| contains(networks, client))
    }

    /// Sessions there may be when somebody of this standing comes: the last tenth is kept for clients we know.
    fn places_for(&self, standing: Standing) -> u32 {
        match standing {
            Standing::Known => self.sessions,
            Standing::Stranger => self.sessions - self.sessions / KEPT_FOR_KNOWN,
        }
    }

    /// What this client may do.
    #[must_use]
    pub fn of(&self, client: IpAddr) -> ClientLimits {
        let special = self.overrides.iter().find(|(networks, _)| contains(networks, client));
        special.map_or(self.default, |(_, limits)| *limits)
    }
}

/// Who stands at the door, before a word was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A grant names its address, or an operator gave its network limits of its own.
    Known,
    /// Anybody else.
    Stranger,
}

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
    told_why: AtomicU32,
}

#[derive(Default)]
struct Inside {
    sessions: u32,
    /// Connections of each address that has any.
    addresses: HashMap<IpAddr, u32>,
    households: HashMap<IpAddr, Household>,
}

/// What one IPv4 address did, or all of an IPv6 /64: whoever has one has all its addresses.
#[derive(Default)]
struct Household {
    inside: u32,
    last: Duration,
    knocks: Window,
    messages: Window,
    bad_recipients: Window,
}

/// A place inside; given back when dropped.
pub struct Place {
    doors: Doors,
    client: IpAddr,
    /// With fewer sessions than this there is no crowd any more.
    roomy_below: u32,
}

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
        inside.forget_idle(now);
        let at_once = inside.addresses.get(&client).copied().unwrap_or(0);
        let household = inside.households.entry(household(client)).or_default();
        household.last = now;
        let crowded = client.is_ipv6() && household.inside >= limits.connections_per_64;
        if crowded || at_once >= limits.connections {
            return Err(TurnedAway::Client);
        }
        let limit = u64::from(limits.connections_per_minute);
        if !household.knocks.fits(now, MINUTE, 1, limit) {
            return Err(TurnedAway::Knocking);
        }
        household.knocks.add(1);
        household.inside += 1;
        *inside.addresses.entry(client).or_default() += 1;
        inside.sessions += 1;
        if tenths(config.sessions, CROWDED_TENTHS) <= inside.sessions {
            self.0.sign.show(Pace::Hurried);
        }
        Ok(Place {
            doors: self.clone(),
            client,
            roomy_below: tenths(config.sessions, ROOMY_TENTHS),
        })
    }

    /// Whether there is time to tell another client why it cannot come in; until what is returned is dropped.
    #[must_use]
    pub fn explain(&self) -> Option<Explaining> {
        let before = self.0.told_why.fetch_add(1, Ordering::Relaxed);
        let explaining = Explaining { doors: self.clone() };
        (before < TOLD_WHY_MAX).then_some(explaining)
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

/// So many tenths of all places, and never none.
fn tenths(places: u32, tenths: u32) -> u32 {
    (u64::from(places) * u64::from(tenths) / 10).max(1) as u32
}

impl Inside {
    /// Forgets who was not here for an hour, and in a crush everybody who is not inside: it is better to forget a rate
    /// than to grow without bound.
    fn forget_idle(&mut self, now: Duration) {
        if self.households.len() < HOUSEHOLDS_MAX {
            return;
        }
        self.households
            .retain(|_, one| one.inside > 0 || now.saturating_sub(one.last) < HOUR);
        if self.households.len() > HOUSEHOLDS_MAX / 2 {
            self.households.retain(|_, one| one.inside > 0);
        }
    }

    fn leave(&mut self, client: IpAddr) {
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
}

impl Place {
    /// Counts a message against the client's rate; `false` where that is used up.
    #[must_use]
    pub fn message(&self, limits: &ClientLimits, now: Duration) -> bool {
        self.household(now, |household| {
            let fits = household
                .messages
                .fits(now, MINUTE, 1, u64::from(limits.messages_per_minute));
            if fits {
                household.messages.add(1);
            }
            fits
        })
    }

    /// Notes a recipient that was refused.
    pub fn bad_recipient(&self, now: Duration) {
        self.household(now, |household| {
            household.bad_recipients.count(now, HOUR);
            household.bad_recipients.add(1);
            true
        });
    }

    /// Whether the client has named too many recipients that were refused.
    #[must_use]
    pub fn is_guessing(&self, limits: &ClientLimits, now: Duration) -> bool {
        let limit = u64::from(limits.bad_recipients_per_hour);
        self.household(now, |household| !household.bad_recipients.fits(now, HOUR, 0, limit))
    }

    /// Whoever is inside has a household; `false` would be said for one that has not.
    fn household(&self, now: Duration, f: impl FnOnce(&mut Household) -> bool) -> bool {
        let mut inside = self.doors.0.inside.lock();
        let Some(household) = inside.households.get_mut(&household(self.client)) else {
            return false;
        };
        household.last = now;
        f(household)
    }
}

/// A client that is being told why it cannot come in.
pub struct Explaining {
    doors: Doors,
}

impl Drop for Explaining {
    fn drop(&mut self) {
        self.doors.0.told_why.fetch_sub(1, Ordering::Relaxed);
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

/// An IPv4 address, or the first of an IPv6 /64.
fn household(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(limits: ClientLimits) -> DoorsConfig {
        DoorsConfig {
            default: limits,
            ..DoorsConfig::default()
        }
    }

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let config = config(ClientLimits {
            connections: 2,
            ..ClientLimits::default()
        });
        let doors = Doors::default();
        let client = [192, 0, 2, 1].into();
        let first = doors
            .enter(&config, client, Standing::Stranger, Duration::ZERO)
            .unwrap();
        let _second = doors
            .enter(&config, client, Standing::Stranger, Duration::ZERO)
            .unwrap();
        assert_eq!(
            doors.enter(&config, client, Standing::Stranger, Duration::ZERO).err(),
            Some(TurnedAway::Client)
        );
        assert!(
            doors
                .enter(&config, [192, 0, 2, 2].into(), Standing::Stranger, Duration::ZERO)
                .is_ok()
        );
        drop(first);
        assert!(doors.enter(&config, client, Standing::Stranger, Duration::ZERO).is_ok());
    }

    #[test]
    fn an_ipv6_household_is_counted_together() {
        let config = config(ClientLimits {
            connections_per_64: 2,
            ..ClientLimits::default()
        });
        let doors = Doors::default();
        let at = |host: &str| doors.enter(&config, host.parse().unwrap(), Standing::Stranger, Duration::ZERO);
        let _places = (at("2001:db8::1").unwrap(), at("2001:db8::2").unwrap());
        assert_eq!(at("2001:db8::3").err(), Some(TurnedAway::Client));
        assert!(at("2001:db8:0:1::3").is_ok());
    }

    #[test]
    fn knocking_too_often_is_turned_away_for_a_while() {
        let config = config(ClientLimits {
            connections_per_minute: 3,
            ..ClientLimits::default()
        });
        let doors = Doors::default();
        let client = [192, 0, 2, 1].into();
        for _ in 0..3 {
            assert!(doors.enter(&config, client, Standing::Stranger, Duration::ZERO).is_ok());
        }
        assert_eq!(
            doors.enter(&config, client, Standing::Stranger, Duration::ZERO).err(),
            Some(TurnedAway::Knocking)
        );
        assert!(
            doors
                .enter(&config, client, Standing::Stranger, Duration::from_secs(180))
                .is_ok()
        );
        assert_eq!(doors.sessions(), 0);
    }

    #[test]
    fn a_crush_of_households_is_forgotten_rather_than_kept() {
        let config = config(ClientLimits::default());
        let doors = Doors::default();
        let staying = doors
            .enter(&config, [192, 0, 2, 1].into(), Standing::Stranger, Duration::ZERO)
            .unwrap();
        for number in 0..=u128::try_from(HOUSEHOLDS_MAX).unwrap() {
            let client = std::net::Ipv6Addr::from((0x2001_0db8 << 96) | (number << 64));
            drop(doors.enter(&config, client.into(), Standing::Stranger, Duration::ZERO));
        }
        assert!(doors.0.inside.lock().households.len() < HOUSEHOLDS_MAX);
        assert!(doors.0.inside.lock().addresses.len() == 1 && staying.message(&config.default, Duration::ZERO));
    }

    #[test]
    fn the_house_has_a_last_place_and_exceptions_have_rules_of_their_own() {
        let mut config = config(ClientLimits {
            connections: 1,
            ..ClientLimits::default()
        });
        config.sessions = 2;
        config.overrides = vec![(
            vec!["127.0.0.0/8".parse().unwrap()],
            ClientLimits {
                connections: 100,
                ..ClientLimits::default()
            },
        )];
        let doors = Doors::default();
        let home = [127, 0, 0, 1].into();
        let _places = (
            doors.enter(&config, home, Standing::Stranger, Duration::ZERO).unwrap(),
            doors.enter(&config, home, Standing::Stranger, Duration::ZERO).unwrap(),
        );
        assert_eq!(
            doors.enter(&config, home, Standing::Stranger, Duration::ZERO).err(),
            Some(TurnedAway::House)
        );
    }

    #[test]
    fn strangers_never_take_the_last_places() {
        let mut config = config(ClientLimits {
            connections: 100,
            ..ClientLimits::default()
        });
        config.sessions = 20;
        let doors = Doors::default();
        let enter = |standing| doors.enter(&config, [192, 0, 2, 1].into(), standing, Duration::ZERO);
        let mut places: Vec<Place> = (0..18).map(|_| enter(Standing::Stranger).unwrap()).collect();
        assert_eq!(enter(Standing::Stranger).err(), Some(TurnedAway::House));
        places.extend((0..2).map(|_| enter(Standing::Known).unwrap()));
        assert_eq!(enter(Standing::Known).err(), Some(TurnedAway::House));
    }

    #[test]
    fn only_so_many_are_told_at_once_why_they_cannot_come_in() {
        let doors = Doors::default();
        let told: Vec<_> = std::iter::repeat_with(|| doors.explain())
            .map_while(|one| one)
            .collect();
        assert_eq!(told.len(), TOLD_WHY_MAX as usize);
        drop(told);
        assert!(doors.explain().is_some());
    }

    #[test]
    fn a_crowd_is_shown_until_there_is_room_again() {
        let mut config = config(ClientLimits {
            connections: 100,
            ..ClientLimits::default()
        });
        config.sessions = 20;
        let doors = Doors::default();
        let crowd = doors.crowd();
        let enter = || doors.enter(&config, [192, 0, 2, 1].into(), Standing::Stranger, Duration::ZERO);
        let mut places: Vec<Place> = (0..15).map(|_| enter().unwrap()).collect();
        assert_eq!(crowd.pace(), Pace::Usual);
        places.push(enter().unwrap());
        assert_eq!(crowd.pace(), Pace::Hurried);
        places.truncate(14);
        assert_eq!(crowd.pace(), Pace::Hurried, "it does not come and go with each client");
        places.truncate(13);
        assert_eq!(crowd.pace(), Pace::Usual);
    }

    #[test]
    fn guessing_recipients_is_noticed_and_forgotten() {
        let config = config(ClientLimits {
            bad_recipients_per_hour: 2,
            ..ClientLimits::default()
        });
        let limits = config.default;
        let place = Doors::default()
            .enter(&config, [192, 0, 2, 1].into(), Standing::Stranger, Duration::ZERO)
            .unwrap();
        for _ in 0..3 {
            place.bad_recipient(Duration::ZERO);
        }
        assert!(place.is_guessing(&limits, Duration::ZERO));
        assert!(!place.is_guessing(&limits, HOUR * 3));
    }

    #[test]
    fn the_rate_of_messages_is_per_client() {
        let config = config(ClientLimits {
            messages_per_minute: 1,
            ..ClientLimits::default()
        });
        let limits = config.default;
        let place = Doors::default()
            .enter(&config, [192, 0, 2, 1].into(), Standing::Stranger, Duration::ZERO)
            .unwrap();
        assert!(place.message(&limits, Duration::ZERO));
        assert!(!place.message(&limits, Duration::ZERO));
        assert!(place.message(&limits, MINUTE * 3));
    }

    #[test]
    fn the_rate_of_messages_is_per_ipv6_household() {
        let config = config(ClientLimits {
            messages_per_minute: 1,
            ..ClientLimits::default()
        });
        let limits = config.default;
        let doors = Doors::default();
        let at = |host: &str| {
            doors
                .enter(&config, host.parse().unwrap(), Standing::Stranger, Duration::ZERO)
                .unwrap()
        };
        assert!(at("2001:db8::1").message(&limits, Duration::ZERO));
        assert!(!at("2001:db8::2").message(&limits, Duration::ZERO));
        assert!(at("2001:db8:0:1::1").message(&limits, Duration::ZERO));
    }
}
