//! What the checks need to know of the machine and the moment. Tests write it down; a gateway looks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::{Domain, Timestamp};

/// The machine a configuration is checked for.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// The present moment.
    pub now: Timestamp,
    /// Addresses of its own interfaces, loopback left out.
    pub addresses: Vec<IpAddr>,
    /// Its default gateways.
    pub gateways: Vec<IpAddr>,
    /// Its name, where it is a full one.
    pub hostname: Option<Domain>,
}

impl Machine {
    /// This machine, as Linux tells it. What cannot be read is left out: the checks then know less, and the masked
    /// sources that they would have found are still caught while running.
    #[must_use]
    pub fn look(now: Timestamp) -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let mut addresses = v4_addresses(&text("/proc/net/fib_trie"));
        addresses.extend(v6_addresses(&text("/proc/net/if_inet6")));
        let mut gateways = v4_gateways(&text("/proc/net/route"));
        gateways.extend(v6_gateways(&text("/proc/net/ipv6_route")));
        Self {
            now,
            addresses,
            gateways,
            hostname: full_name(&text("/proc/sys/kernel/hostname")),
        }
    }
}

fn full_name(text: &str) -> Option<Domain> {
    Domain::parse(text.trim())
        .ok()
        .filter(|name| name.as_str().contains('.'))
}

/// `/proc/net/fib_trie` writes an own address on the line before `/32 host LOCAL`.
fn v4_addresses(text: &str) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = Vec::new();
    let mut last: Option<Ipv4Addr> = None;
    for line in text.lines() {
        if let Some(address) = line.trim_start().strip_prefix("|-- ") {
            last = address.trim().parse().ok();
        } else if line.contains("/32 host LOCAL") {
            found.extend(last.filter(|address| !address.is_loopback()).map(IpAddr::V4));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// `/proc/net/if_inet6` begins each line with 32 hexadecimal digits.
fn v6_addresses(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| v6(line.split_whitespace().next()?))
        .filter(|address| !address.is_loopback())
        .map(IpAddr::V6)
        .collect()
}

/// `/proc/net/route` writes addresses as hexadecimal numbers in the byte order of the machine.
fn v4_gateways(text: &str) -> Vec<IpAddr> {
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            let destination = words.next()?;
            let gateway = u32::from_str_radix(words.next()?, 16).ok()?;
            (destination == "00000000" && gateway != 0).then(|| Ipv4Addr::from(gateway.to_ne_bytes()).into())
        })
        .collect()
}

/// `/proc/net/ipv6_route`: destination, prefix, source, prefix, next hop.
fn v6_gateways(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, "00", _, _, hop, ..] = words.as_slice() else {
                return None;
            };
            v6(hop).filter(|hop| !hop.is_unspecified()).map(IpAddr::V6)
        })
        .collect()
}

fn v6(digits: &str) -> Option<Ipv6Addr> {
    (digits.len() == 32).then(|| u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_read_from_the_kernel_s_tables() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 10.0.0.0/24 2\n        |-- 10.0.0.7\n           /32 host LOCAL\n        |-- 10.0.0.255\n           /32 link BROADCAST\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        assert_eq!(v4_addresses(trie), ["10.0.0.7".parse::<IpAddr>().unwrap()]);
        let inet6 =
            "00000000000000000000000000000001 01 80 10 80 lo\n20010db8000100250000000000000001 02 40 00 80 eth0\n";
        assert_eq!(v6_addresses(inet6), ["2001:db8:1:25::1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn default_gateways_are_read_and_other_routes_are_not() {
        let gateway = u32::from_ne_bytes([192, 0, 2, 1]);
        let route = format!(
            "Iface\tDestination\tGateway\neth0\t00000000\t{gateway:08X}\t0003\neth0\t0002000A\t00000000\t0001\n"
        );
        assert_eq!(v4_gateways(&route), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        let zero = "0".repeat(32);
        let hop = "fe800000000000000000000000000001";
        let route = format!("{zero} 00 {zero} 00 {hop} 00000400 00000001 00000000 00000003 eth0\n");
        assert_eq!(v6_gateways(&route), ["fe80::1".parse::<IpAddr>().unwrap()]);
    }
}
