//! Addresses that are not offered SCRAM, where it cannot prove every login.
//!
//! Clients take the strongest mechanism they are offered and do not try another when it fails, so a login that has no part
//! in SCRAM could never log in while others are offered it. Where SCRAM failed it is not offered for a day.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::lockout::around;

/// How long SCRAM is not offered where it failed.
const FOR: Duration = Duration::from_secs(24 * 3600);
/// Addresses remembered; the one whose day ends first makes room.
const ADDRESSES_MAX: usize = 10_000;

/// Bounded.
#[derive(Debug, Default)]
pub(super) struct Otherwise {
    until: BTreeMap<IpNet, Duration>,
}

impl Otherwise {
    /// Whether another mechanism has to do for a client there.
    pub(super) fn has(&self, client: IpAddr, now: Duration) -> bool {
        let until = self.until.get(&around(client, 32, 64));
        until.is_some_and(|until| now < *until)
    }

    /// Notes that SCRAM failed there; whether that was not known.
    pub(super) fn note(&mut self, client: IpAddr, now: Duration) -> bool {
        if self.has(client, now) {
            return false;
        }
        if self.until.len() >= ADDRESSES_MAX {
            self.until.retain(|_, until| now < *until);
        }
        if self.until.len() >= ADDRESSES_MAX {
            let first = self.until.iter().min_by_key(|(_, until)| **until);
            if let Some(address) = first.map(|(address, _)| *address) {
                self.until.remove(&address);
            }
        }
        self.until.insert(around(client, 32, 64), now + FOR);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_known_for_a_day_and_only_so_many_are() {
        let v4 = |number: u32| IpAddr::from(number.to_be_bytes());
        let mut otherwise = Otherwise::default();
        let at = Duration::from_secs;
        assert!(!otherwise.has(v4(1), at(0)) && otherwise.note(v4(1), at(0)));
        assert!(otherwise.has(v4(1), at(86_399)) && !otherwise.note(v4(1), at(86_399)));
        assert!(!otherwise.has(v4(1), at(86_400)) && !otherwise.has(v4(2), at(0)));
        for number in 0..ADDRESSES_MAX as u32 + 5 {
            otherwise.note(v4(number + 10), at(u64::from(number)));
        }
        assert_eq!(otherwise.until.len(), ADDRESSES_MAX);
        assert!(!otherwise.has(v4(10), at(0)) && otherwise.has(v4(20), at(0)));
    }
}
