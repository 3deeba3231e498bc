//! From where a stranger comes, on a machine that is not one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use policy::{By, Rulebook};

use super::Door;

/// From where connections come, one after the other.
pub(super) enum Sources {
    /// Addresses of loopback that no exception names and no proxy has: each has a count of its own at the doors.
    Loopback(Outside),
    /// Wherever this machine, or this network namespace, is in the network.
    Here,
}

/// Where to look for the next address.
pub(super) struct Outside {
    known: Vec<IpNet>,
    next: u32,
    v6: bool,
}

/// The first that is tried; the ones below are often given to something.
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);
/// Whether the self-test comes from there, and nobody else does.
#[must_use]
pub fn is_own_source(client: IpAddr) -> bool {
    matches!(client, IpAddr::V4(client) if client.octets().first_chunk::<2>() == Some(&[127, 77]))
}

/// How many are tried before there are none.
const SEARCHED: u32 = 4096;

impl Sources {
    /// Those for one door; `None` where there are none.
    pub(super) fn outside(book: &Rulebook, door: &Door) -> Option<Self> {
        let granted = book.grants.iter().filter_map(|grant| match &grant.by {
            By::Address(networks) => Some(networks),
            _ => None,
        });
        let known: Vec<IpNet> = granted.flatten().chain(&door.proxies).copied().collect();
        let mut outside = Outside {
            known,
            next: FIRST.to_bits(),
            v6: door.address.is_ipv6(),
        };
        outside.find().map(|_| Self::Loopback(outside))
    }

    /// The next one; `None` where the system chooses.
    pub(super) fn next(&mut self) -> Option<IpAddr> {
        match self {
            Self::Loopback(outside) => outside.find().or(Some(IpAddr::V6(Ipv6Addr::LOCALHOST))),
            Self::Here => None,
        }
    }
}

impl Outside {
    fn find(&mut self) -> Option<IpAddr> {
        let is_known = |address: IpAddr| policy::contains(&self.known, address);
        if self.v6 {
            let only = IpAddr::V6(Ipv6Addr::LOCALHOST);
            return (!is_known(only)).then_some(only);
        }
        for ahead in 0..SEARCHED {
            let bits = self.next.wrapping_add(ahead);
            let address = IpAddr::V4(Ipv4Addr::from_bits(bits));
            if address.is_loopback() && !is_known(address) {
                self.next = bits.wrapping_add(1);
                return Some(address);
            }
        }
        None
    }
}
