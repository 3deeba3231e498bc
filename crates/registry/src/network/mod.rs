//! What is known of the organisation's network, from the files its people keep, and what that says about a grant.

mod checks;
mod dhcp;
mod mac;
mod path;
mod people;
mod register;
mod scan;
mod sightings;
mod table;
#[cfg(test)]
mod tests;
mod zones;

use std::net::IpAddr;

use ipnet::IpNet;
use mail::{Domain, Timestamp};

use crate::check::Check;

pub use dhcp::{DhcpError, Reservations};
pub use mac::Mac;
pub use path::{Observation, one_machine};
pub use people::Directory;
pub use register::{Kind, Register, RegisterError, Row};
pub use scan::Scan;
pub use sightings::Sightings;
pub use table::TableError;
pub use zones::{Egress, Zones, ZonesError};

/// Something that is kept in a file, or asked of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source<T> {
    /// The organisation keeps none: what it would say is not checked.
    #[default]
    None,
    /// It could not be read: nothing is taken for granted.
    Unknown(String),
    /// What it says.
    Known(T),
}

impl<T> Source<T> {
    /// What it says, where it is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::None | Self::Unknown(_) => None,
        }
    }
}

/// What is known of the network.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The organisation's own networks.
    pub own: Vec<IpNet>,
    /// Addresses behind which several machines hide: NAT, VPN, proxies.
    pub shared: Vec<IpNet>,
    /// Ranges that are given out dynamically.
    pub dynamic: Vec<IpNet>,
    /// Which addresses are registered, and for whom.
    pub register: Source<Register>,
    /// Which addresses are reserved for which machine.
    pub reservations: Source<Reservations>,
    /// Which network lies in which zone.
    pub zones: Source<Zones>,
    /// Which machine was seen where.
    pub sightings: Source<Sightings>,
    /// What can be reached from the internet.
    pub scan: Source<Scan>,
    /// Who is there to answer for a machine.
    pub people: Source<Directory>,
}

/// What name service says about an address and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The addresses of the name.
    pub forward: Source<Vec<IpAddr>>,
    /// The names of the address.
    pub reverse: Source<Vec<Domain>>,
}

/// The machine a grant is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Where it is.
    pub at: IpNet,
    /// What it is called.
    pub name: Option<Domain>,
    /// The zone its kind has to stand in.
    pub zone: Option<Box<str>>,
}

/// What other live grants have, by their names.
pub type Others<'a> = &'a [(Box<str>, IpNet)];

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Colour {
    /// As it should be.
    Green,
    /// Not checked, as the organisation keeps no such source.
    Unchecked,
    /// Not as it should be; it hinders nothing.
    Yellow,
    /// Not known, as its source cannot be read: nothing begins on it, and nothing that serves ends for it.
    Unknown,
    /// Not as it should be.
    Red,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// How it came out.
    pub colour: Colour,
    /// What was found, and where it is red, what to do.
    pub said: String,
}

/// The widest network a grant may have: one address, or a farm of sixteen where security says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widest {
    /// Prefix length in IPv4.
    pub v4: u8,
    /// Prefix length in IPv6.
    pub v6: u8,
}

impl Default for Widest {
    fn default() -> Self {
        Self { v4: 32, v6: 128 }
    }
}

impl Network {
    /// Makes one check. C8 is not made here: it needs what the gates see ([`one_machine`]).
    #[must_use]
    pub fn check(
        &self,
        check: Check,
        machine: &Machine,
        names: &Names,
        others: Others<'_>,
        widest: Widest,
        now: Timestamp,
    ) -> Finding {
        let (colour, said) = match check {
            Check::Ours => checks::ours(self, machine),
            Check::Registered => checks::registered(self, machine, now),
            Check::Static => checks::fixed(self, machine),
            Check::Named => checks::named(self, machine, names),
            Check::Zoned => checks::zoned(self, machine),
            Check::Exclusive => checks::exclusive(machine, others, widest),
            Check::SameMachine => checks::same(self, machine, now),
            Check::NotExposed => checks::hidden(self, machine),
            Check::ZoneEgress => checks::confined(self, machine),
            Check::OneMachine => (Colour::Unchecked, "what the gates see of it says so".to_owned()),
        };
        Finding { check, colour, said }
    }
}

impl Network {
    /// Whether a part of this is given to anybody who asks.
    #[must_use]
    pub fn gives_out(&self, at: &IpNet) -> bool {
        let overlaps = |range: &IpNet| range.contains(at) || at.contains(range);
        let first = at.network();
        let registered = self.register.known().and_then(|register| register.of(first));
        self.dynamic.iter().any(overlaps)
            || registered.is_some_and(|row| row.kind == Kind::Dynamic)
            || self.reservations.known().is_some_and(|known| known.gives_out(first))
    }
}

/// The checks that keep a grant from being set up: what is wrong, and what is not known.
#[must_use]
pub fn hindering(findings: &[Finding]) -> Vec<Check> {
    let hindering = findings.iter().filter(|finding| finding.colour >= Colour::Unknown);
    hindering.map(|finding| finding.check).collect()
}
