//! Who may wait for a hash. Each takes a core for some 45 ms, so a storm of guesses fills any line.
//!
//! A login that proved itself from an address before waits in a line of its own, where no stranger stands, and which
//! is never served after the other. In the line for everybody else no network may have more than its share once it is half full. Neither tells whether a login
//! exists: the first depends on what only its owner did, the second on the address alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::lockout::around;

/// Logins that may wait in each line; some seconds of waiting.
const WAITING_MAX: usize = 96;
/// Of one network (IPv4 /24, IPv6 /48), when the line for everybody is half full.
const SHARE: usize = 8;
/// Logins, each with an address, that are remembered to have proved themselves.
const PROVED_MAX: usize = 10_000;

/// Where somebody waits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Proved itself from there before.
    Proved,
    /// Everybody else, by network.
    Everybody(IpNet),
}

/// Everybody who waits. Bounded.
#[derive(Debug, Default)]
pub(super) struct Queue {
    proved: BTreeSet<(String, IpNet)>,
    waiting_proved: usize,
    waiting: usize,
    /// Of those who wait in the line for everybody, how many each network has.
    networks: BTreeMap<IpNet, usize>,
}

impl Queue {
    /// A place, to be given back; `None` where there is none.
    pub(super) fn enter(&mut self, login: &str, client: IpAddr) -> Option<Line> {
        if self.has_proved(login, client) && self.waiting_proved < WAITING_MAX {
            self.waiting_proved += 1;
            return Some(Line::Proved);
        }
        let network = around(client, 24, 48);
        let of_network = self.networks.get(&network).copied().unwrap_or(0);
        let crowded = self.waiting >= WAITING_MAX / 2 && of_network >= SHARE;
        if self.waiting >= WAITING_MAX || crowded {
            return None;
        }
        self.waiting += 1;
        self.networks.insert(network, of_network + 1);
        Some(Line::Everybody(network))
    }

    pub(super) fn leave(&mut self, line: &Line) {
        match line {
            Line::Proved => self.waiting_proved = self.waiting_proved.saturating_sub(1),
            Line::Everybody(network) => {
                self.waiting = self.waiting.saturating_sub(1);
                if let Some(count) = self.networks.get_mut(network) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        self.networks.remove(network);
                    }
                }
            }
        }
    }

    /// Whether this login proved itself from there.
    pub(super) fn has_proved(&self, login: &str, client: IpAddr) -> bool {
        !self.proved.is_empty() && self.proved.contains(&key(login, client))
    }

    /// Where this login proved itself.
    pub(super) fn homes(&self, login: &str) -> Vec<IpNet> {
        let of_login = self.proved.iter().filter(|(proved, _)| proved == login);
        of_login.map(|(_, home)| *home).collect()
    }

    /// Remembers that this login proved itself from there.
    pub(super) fn proved(&mut self, login: &str, client: IpAddr) {
        let key = key(login, client);
        if self.proved.len() >= PROVED_MAX && !self.proved.contains(&key) {
            self.proved.pop_first();
        }
        self.proved.insert(key);
    }
}

fn key(login: &str, client: IpAddr) -> (String, IpNet) {
    (login.to_owned(), around(client, 32, 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    #[test]
    fn no_network_has_more_than_its_share_of_a_line_that_is_half_full() {
        let mut queue = Queue::default();
        let guesser = std::iter::repeat_with(|| queue.enter("erp", v4(1))).take_while(Option::is_some);
        assert_eq!(guesser.count(), WAITING_MAX / 2);
        // Others find room next to it, each network up to its share.
        for network in 1..=WAITING_MAX as u32 / 2 / SHARE as u32 {
            let others = std::iter::repeat_with(|| queue.enter("erp", v4(network << 8))).take_while(Option::is_some);
            assert_eq!(others.count(), SHARE);
        }
        assert_eq!(queue.enter("erp", v4(99 << 8)), None, "the line is full");
        queue.leave(&Line::Everybody(around(v4(1), 24, 48)));
        assert!(queue.enter("erp", v4(99 << 8)).is_some());
    }

    #[test]
    fn who_proved_itself_before_waits_in_a_line_without_strangers() {
        let mut queue = Queue::default();
        queue.proved("erp", v4(7));
        for network in 0..WAITING_MAX as u32 {
            queue.enter("erp", v4(network << 8 | 1));
        }
        assert_eq!(queue.enter("erp", v4(200 << 8)), None);
        assert_eq!(
            queue.enter("other", v4(7)),
            None,
            "another login from there is a stranger"
        );
        assert_eq!(queue.enter("erp", v4(7)), Some(Line::Proved));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgotten_places_are_given_back() {
        let mut queue = Queue::default();
        for number in 0..PROVED_MAX as u32 + 10 {
            queue.proved("erp", v4(number));
        }
        assert_eq!(queue.proved.len(), PROVED_MAX);
        let line = queue.enter("x", v4(1)).unwrap();
        queue.leave(&line);
        assert!(queue.networks.is_empty() && queue.waiting == 0);
    }
}
