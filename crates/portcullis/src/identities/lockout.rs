//! Who guesses waits; who goes on guessing is locked out.
//!
//! A login is locked for the address that failed, never for everybody: a stranger cannot lock a device out. An address
//! is locked for all logins, and so is a network whose addresses take turns.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

/// Failures are counted over this time.
const WINDOW: Duration = Duration::from_secs(600);
/// Failures of one login from one address until it is locked.
const LOGIN_FAILURES: u32 = 10;
/// How long a login is locked for an address at first; doubles each time.
const LOGIN_LOCKED: Duration = Duration::from_secs(15 * 60);
/// How long it is locked at most.
const LOGIN_LOCKED_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long an address or a network is locked.
const SOURCE_LOCKED: Duration = Duration::from_secs(3600);
/// How many times the failures of one address a network around it may have.
const NETWORK_FACTOR: u32 = 5;
/// The answer to the first failure is held back for this long, to each further one for as much more.
const DELAY: Duration = Duration::from_secs(2);
/// The longest an answer is held back.
const DELAY_MAX: Duration = Duration::from_secs(15);
/// Sources remembered; the one quiet for longest makes room.
const KEYS_MAX: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Login(String, IpNet),
    Source(IpNet),
    Network(IpNet),
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    failures: u32,
    since: Duration,
    last: Duration,
    locked_until: Duration,
    times_locked: u32,
}

/// A login for an address, or an address or network for every login, that is locked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    /// The login; every login where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// For whom.
    pub source: IpNet,
    /// How long still, in seconds.
    pub left_secs: u64,
}

/// Failures by login and source. Bounded.
#[derive(Debug, Default)]
pub(super) struct Lockout {
    records: BTreeMap<Key, Record>,
}

impl Lockout {
    /// `at_home`: this login proved itself from there before, so that what its neighbours did is no matter.
    pub(super) fn is_locked(&self, login: &str, client: IpAddr, at_home: bool, now: Duration) -> bool {
        keys(login, client)
            .iter()
            .filter(|key| !(at_home && matches!(key, Key::Network(_))))
            .any(|key| self.records.get(key).is_some_and(|record| now < record.locked_until))
    }

    /// Everything that is locked.
    pub(super) fn all(&self, now: Duration) -> Vec<Locked> {
        let locked = self.records.iter().filter(|(_, record)| now < record.locked_until);
        let told = |(key, record): (&Key, &Record)| {
            let (login, source) = match key {
                Key::Login(login, source) => (Some(login.clone()), *source),
                Key::Source(source) | Key::Network(source) => (None, *source),
            };
            let left_secs = record.locked_until.saturating_sub(now).as_secs();
            Locked {
                login,
                source,
                left_secs,
            }
        };
        locked.map(told).collect()
    }

    /// Unlocks a login wherever it is locked, or an address or network; whether it was locked.
    pub(super) fn release(&mut self, who: &str, now: Duration) -> bool {
        let address = who
            .parse::<IpAddr>()
            .map(|address| IpNet::from(address.to_canonical()))
            .ok();
        let source = address.or_else(|| who.parse().ok());
        let is_meant = |key: &Key| match key {
            Key::Login(login, _) => login == who,
            Key::Source(locked) | Key::Network(locked) => {
                source.is_some_and(|source| locked.contains(&source) || *locked == source)
            }
        };
        let mut was_locked = false;
        self.records.retain(|key, record| {
            let meant = is_meant(key);
            was_locked |= meant && now < record.locked_until;
            !meant
        });
        was_locked
    }

    /// Notes a failure; says how long the answer is to be held back. `allowed` is what one address may have.
    pub(super) fn failed(&mut self, login: &str, client: IpAddr, now: Duration, allowed: u32) -> Duration {
        let mut of_source = 0;
        for key in keys(login, client) {
            let (bound, first, most) = match &key {
                Key::Login(..) => (LOGIN_FAILURES.max(allowed / 2), LOGIN_LOCKED, LOGIN_LOCKED_MAX),
                Key::Source(_) => (allowed, SOURCE_LOCKED, SOURCE_LOCKED),
                Key::Network(_) => (allowed.saturating_mul(NETWORK_FACTOR), SOURCE_LOCKED, SOURCE_LOCKED),
            };
            let is_source = matches!(key, Key::Source(_));
            let record = self.record(key, now);
            record.fail(now, bound, first, most);
            if is_source {
                of_source = record.failures;
            }
        }
        DELAY.saturating_mul(of_source.max(1)).min(DELAY_MAX)
    }

    /// A right secret ends the count of this login at this address; the address itself stays under watch.
    pub(super) fn succeeded(&mut self, login: &str, client: IpAddr) {
        self.records
            .remove(&Key::Login(login.to_owned(), around(client, 32, 64)));
    }

    fn record(&mut self, key: Key, now: Duration) -> &mut Record {
        if self.records.len() >= KEYS_MAX && !self.records.contains_key(&key) {
            self.make_room(now);
        }
        self.records.entry(key).or_default()
    }

    fn make_room(&mut self, now: Duration) {
        self.records
            .retain(|_, record| now < record.locked_until || now < record.last + WINDOW);
        if self.records.len() >= KEYS_MAX {
            let quietest = self
                .records
                .iter()
                .min_by_key(|(_, record)| (record.locked_until, record.last));
            if let Some(key) = quietest.map(|(key, _)| key.clone()) {
                self.records.remove(&key);
            }
        }
    }
}

impl Record {
    fn fail(&mut self, now: Duration, bound: u32, first: Duration, most: Duration) {
        if now >= self.since + WINDOW {
            self.failures = 0;
            self.since = now;
        }
        self.failures = self.failures.saturating_add(1);
        self.last = now;
        if self.failures >= bound {
            let times = 1u32.checked_shl(self.times_locked.min(16)).unwrap_or(u32::MAX);
            self.locked_until = now + first.saturating_mul(times).min(most);
            self.times_locked = self.times_locked.saturating_add(1);
            self.failures = 0;
            self.since = now;
        }
    }
}

fn keys(login: &str, client: IpAddr) -> [Key; 3] {
    [
        Key::Login(login.to_owned(), around(client, 32, 64)),
        Key::Source(around(client, 32, 64)),
        Key::Network(around(client, 24, 48)),
    ]
}

pub(super) fn around(client: IpAddr, v4: u8, v6: u8) -> IpNet {
    match client.to_canonical() {
        IpAddr::V4(ip) => Ipv4Net::new(ip, v4).map_or(IpNet::from(IpAddr::V4(ip)), |net| IpNet::V4(net.trunc())),
        IpAddr::V6(ip) => Ipv6Net::new(ip, v6).map_or(IpNet::from(IpAddr::V6(ip)), |net| IpNet::V6(net.trunc())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 20, 3, 14));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 20, 4, 15));

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn ten_failures_lock_the_login_for_that_address_and_nobody_else() {
        let mut lockout = Lockout::default();
        for second in 0..10 {
            assert!(!lockout.is_locked("erp", HERE, false, at(second)));
            lockout.failed("erp", HERE, at(second), 20);
        }
        assert!(lockout.is_locked("erp", HERE, false, at(10)));
        assert!(!lockout.is_locked("erp", THERE, false, at(10)));
        assert!(!lockout.is_locked("copier", HERE, false, at(10)));
        assert!(!lockout.is_locked("erp", HERE, false, at(10) + LOGIN_LOCKED));
    }

    #[test]
    fn the_second_lock_is_twice_as_long() {
        let mut lockout = Lockout::default();
        for _ in 0..20 {
            lockout.failed("erp", HERE, at(0), 1000);
        }
        let mut records = lockout.records.values();
        assert!(
            records.all(|record| record.times_locked == 0),
            "a raised bound raises that of logins too"
        );
        let mut lockout = Lockout::default();
        for _ in 0..20 {
            lockout.failed("erp", HERE, at(0), 20);
        }
        assert!(lockout.is_locked("erp", HERE, false, at(29 * 60)));
    }

    #[test]
    fn twenty_failures_over_many_logins_lock_the_address() {
        let mut lockout = Lockout::default();
        for number in 0..20 {
            lockout.failed(&format!("login{number}"), HERE, at(0), 20);
        }
        assert!(lockout.is_locked("copier", HERE, false, at(1)));
        assert!(!lockout.is_locked("copier", THERE, false, at(1)));
    }

    #[test]
    fn neighbours_that_guess_lock_their_network_but_not_who_proved_itself_there() {
        let mut lockout = Lockout::default();
        let neighbour = |number: u8| IpAddr::from([10, 20, 3, 100 + number]);
        for number in 0..100 {
            lockout.failed(&format!("login{number}"), neighbour(number % 10), at(0), 20);
        }
        assert!(lockout.is_locked("copier", HERE, false, at(1)));
        assert!(!lockout.is_locked("copier", HERE, true, at(1)));
        assert!(!lockout.is_locked("copier", THERE, false, at(1)));
    }

    #[test]
    fn an_operator_sees_what_is_locked_and_unlocks_a_login_or_an_address() {
        let mut lockout = Lockout::default();
        for _ in 0..20 {
            lockout.failed("erp", HERE, at(0), 20);
        }
        let all = lockout.all(at(60));
        let told: Vec<_> = all
            .iter()
            .map(|one| (one.login.as_deref(), one.source.to_string()))
            .collect();
        let here = "10.20.3.14/32".to_owned();
        assert_eq!(told, [(Some("erp"), here.clone()), (None, here)]);
        assert_eq!(all[1].left_secs, 3540);
        assert!(!lockout.release("copier", at(60)) && !lockout.release("10.20.3.15", at(60)));
        assert!(lockout.release("erp", at(60)) && lockout.is_locked("erp", HERE, false, at(60)));
        assert!(lockout.release("10.20.3.14", at(60)));
        assert!(!lockout.is_locked("erp", HERE, false, at(60)) && lockout.all(at(60)).is_empty());
    }

    #[test]
    fn failures_far_apart_never_add_up() {
        let mut lockout = Lockout::default();
        for number in 0..100 {
            lockout.failed("erp", HERE, at(number * 601), 20);
            assert!(!lockout.is_locked("erp", HERE, false, at(number * 601 + 1)));
        }
    }

    #[test]
    fn answers_are_held_back_longer_each_time() {
        let mut lockout = Lockout::default();
        let delays: Vec<u64> = (0..9)
            .map(|_| lockout.failed("erp", HERE, at(0), 20).as_secs())
            .collect();
        assert_eq!(delays, [2, 4, 6, 8, 10, 12, 14, 15, 15]);
    }
}
