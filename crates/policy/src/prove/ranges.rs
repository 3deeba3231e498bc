//! Sets of client addresses, as disjoint intervals on one line.
//!
//! A v4 address lies on the line where its v4-mapped v6 form lies (RFC 4291 §2.5.5.2): clients are judged by their v4
//! addresses, so the two are one point. A v6 network that merely surrounds the mapped block does not hold it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use crate::snapshot::unmapped;

/// Where the v4 addresses lie.
const V4: (u128, u128) = (0xffff << 32, (0xffff << 32) | 0xffff_ffff);

/// A set of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranges(Vec<(u128, u128)>);

fn point(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip),
    }
}

fn address(point: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(point)).to_canonical()
}

/// First and last point of a network; a v6 network that surrounds the v4 block is cut by the caller.
pub(crate) fn ends(network: IpNet) -> (u128, u128) {
    let network = unmapped(network);
    (point(network.network()), point(network.broadcast()))
}

impl Ranges {
    /// Every address there is.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![(0, u128::MAX)])
    }

    /// No address.
    #[must_use]
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// The addresses of these networks.
    #[must_use]
    pub fn of(networks: &[IpNet]) -> Self {
        let mut parts = Vec::with_capacity(networks.len());
        for network in networks {
            let (first, last) = ends(*network);
            let around = matches!(unmapped(*network), IpNet::V6(_)) && first <= V4.0 && V4.1 <= last;
            if around {
                parts.extend((first < V4.0).then(|| (first, V4.0 - 1)));
                parts.extend((V4.1 < last).then(|| (V4.1 + 1, last)));
            } else {
                parts.push((first, last));
            }
        }
        Self::joined(parts)
    }

    /// These intervals, in any order and overlapping as they may.
    pub(crate) fn joined(mut parts: Vec<(u128, u128)>) -> Self {
        parts.sort_unstable();
        let mut joined: Vec<(u128, u128)> = Vec::with_capacity(parts.len());
        for (first, last) in parts {
            match joined.last_mut() {
                Some(former) if first <= former.1.saturating_add(1) => former.1 = former.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }

    /// The intervals, in order.
    pub(crate) fn parts(&self) -> &[(u128, u128)] {
        &self.0
    }

    /// What lies in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (few, many) = if self.0.len() < other.0.len() {
            (self, other)
        } else {
            (other, self)
        };
        let mut both = Vec::new();
        if few.0.len() * 16 < many.0.len() {
            for (from, to) in &few.0 {
                let near = many.0.partition_point(|(_, last)| last < from);
                let near = many.0.iter().skip(near).take_while(|(first, _)| first <= to);
                both.extend(near.map(|(first, last)| (*first.max(from), *last.min(to))));
            }
            return Self(both);
        }
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
            let (first, last) = (a.0.max(b.0), a.1.min(b.1));
            if first <= last {
                both.push((first, last));
            }
            if a.1 < b.1 {
                ours.next();
            } else {
                theirs.next();
            }
        }
        Self(both)
    }

    /// What lies in this one alone.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.and(&other.inverse())
    }

    fn inverse(&self) -> Self {
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        let mut next = Some(0);
        for (first, last) in &self.0 {
            if let Some(from) = next.filter(|from| from < first) {
                gaps.push((from, first - 1));
            }
            next = last.checked_add(1);
        }
        gaps.extend(next.map(|from| (from, u128::MAX)));
        Self(gaps)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is among them.
    #[must_use]
    pub fn contains(&self, client: IpAddr) -> bool {
        let at = point(client);
        let after = self.0.partition_point(|(first, _)| *first <= at);
        let before = after.checked_sub(1).and_then(|index| self.0.get(index));
        before.is_some_and(|(_, last)| at <= *last)
    }

    /// One of them: the second of the first interval where it has several, as the first is often a network's name.
    #[must_use]
    pub fn sample(&self) -> Option<IpAddr> {
        // v4 first: people read it more easily.
        let v4 = self.0.iter().find(|(first, last)| *first <= V4.1 && V4.0 <= *last);
        let (first, last) = match v4 {
            Some((first, last)) => (*(first.max(&V4.0)), *(last.min(&V4.1))),
            None => *self.0.first()?,
        };
        Some(address(if first < last { first + 1 } else { first }))
    }

    /// How many bits it takes to count them: 0 for one address, 32 for all of v4.
    #[must_use]
    pub fn breadth(&self) -> u32 {
        let count = self
            .0
            .iter()
            .fold(0u128, |sum, (first, last)| sum.saturating_add(last - first));
        128 - count.leading_zeros()
    }
}

/// A few intervals as people write them, then how many more there are.
impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 4;
        if self.0 == [(0, u128::MAX)] {
            return f.write_str("anywhere");
        }
        for (index, (first, last)) in self.0.iter().take(SHOWN).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match network_of(*first, *last) {
                Some(network) => write!(f, "{network}")?,
                None if first == last => write!(f, "{}", address(*first))?,
                None => write!(f, "{} to {}", address(*first), address(*last))?,
            }
        }
        match self.0.len().checked_sub(SHOWN) {
            Some(more) if more > 0 => write!(f, " and {more} more ranges"),
            _ => Ok(()),
        }
    }
}

/// The network that is exactly this interval, if it is one of several addresses.
fn network_of(first: u128, last: u128) -> Option<IpNet> {
    let bits = 128 - (first ^ last).leading_zeros();
    let size = 1u128.checked_shl(bits)?;
    if bits == 0 || last - first != size - 1 || !first.is_multiple_of(size) {
        return None;
    }
    let start = address(first);
    let length = if start.is_ipv4() { 32u32 } else { 128 }.checked_sub(bits)?;
    IpNet::new(start, u8::try_from(length).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Ranges {
        Ranges::of(&texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn a_mapped_network_is_the_v4_network_it_maps_and_all_of_v6_holds_no_v4() {
        assert_eq!(of(&["::ffff:10.0.0.0/104"]), of(&["10.0.0.0/8"]));
        let v6 = of(&["::/0"]);
        assert!(!v6.contains("10.0.0.1".parse().unwrap()));
        assert!(v6.contains("2001:db8::1".parse().unwrap()));
        assert_eq!(of(&["::/0", "0.0.0.0/0"]), Ranges::all());
        assert_eq!(v6.without(&v6), Ranges::none());
    }

    #[test]
    fn what_is_in_both_and_what_is_in_one_make_up_the_whole() {
        let (a, b) = (
            of(&["10.0.0.0/8", "2001:db8::/32"]),
            of(&["10.1.0.0/16", "192.0.2.0/24"]),
        );
        assert_eq!(a.and(&b), of(&["10.1.0.0/16"]));
        let rest = a.without(&b);
        assert!(!rest.contains("10.1.2.3".parse().unwrap()) && rest.contains("10.2.0.0".parse().unwrap()));
        assert_eq!(
            rest.to_string(),
            "10.0.0.0/16, 10.2.0.0 to 10.255.255.255, 2001:db8::/32"
        );
        assert_eq!(of(&["192.0.2.1/32"]).breadth(), 0);
        assert_eq!(of(&["0.0.0.0/0"]).breadth(), 32);
    }
}
