//! Which addresses DHCP keeps for which machine, and which it gives to anybody: from the configuration of ISC dhcpd or
//! of Kea.

mod isc;
mod kea;

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Mac;

/// Reservations and dynamic ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reservations {
    fixed: BTreeMap<IpAddr, Vec<Option<Mac>>>,
    ranges: Vec<(IpAddr, IpAddr)>,
}

/// Why a configuration of DHCP cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}{why}", .line.map_or_else(String::new, |line| format!("line {line}: ")))]
pub struct DhcpError {
    /// Where, as far as that is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub why: String,
}

impl Reservations {
    /// Reads a `dhcpd.conf` of ISC: `host` with `hardware ethernet` and `fixed-address`, and each `range`.
    pub fn read_isc(text: &str) -> Result<Self, DhcpError> {
        isc::read(text)
    }

    /// Reads a configuration of Kea (JSON with comments): each `reservations` and `pools`, wherever they stand.
    pub fn read_kea(text: &str) -> Result<Self, DhcpError> {
        kea::read(text)
    }

    /// Adds what another server knows.
    pub fn add(&mut self, other: Self) {
        for (address, machines) in other.fixed {
            self.fixed.entry(address).or_default().extend(machines);
        }
        self.ranges.extend(other.ranges);
    }

    /// The machines an address is reserved for; `None` where one is known by something else than its address.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> &[Option<Mac>] {
        self.fixed.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Whether an address may be given to anybody.
    #[must_use]
    pub fn gives_out(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|(from, to)| (from..=to).contains(&&address))
    }

    fn reserve(&mut self, address: IpAddr, machine: Option<Mac>) {
        self.fixed.entry(address).or_default().push(machine);
    }

    fn range(&mut self, from: IpAddr, to: IpAddr) {
        self.ranges.push((from, to));
    }
}
