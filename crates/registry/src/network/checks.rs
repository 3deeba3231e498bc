//! What each check looks at, and what it says.

use std::net::IpAddr;

use ipnet::{IpAddrRange, IpNet, Ipv4AddrRange, Ipv6AddrRange};
use mail::Timestamp;

use super::{Colour, Egress, Kind, Machine, Names, Network, Others, Source, Widest};

/// Days after which a machine that was not seen may be any.
const SIGHTING_DAYS: i64 = 7;

type Found = (Colour, String);

fn green(said: impl Into<String>) -> Found {
    (Colour::Green, said.into())
}

fn red(said: impl Into<String>) -> Found {
    (Colour::Red, said.into())
}

/// What is not kept is not checked; what cannot be read is not taken for granted.
fn known<'a, T>(source: &'a Source<T>, what: &str) -> Result<&'a T, Found> {
    match source {
        Source::Known(known) => Ok(known),
        Source::None => Err((Colour::Unchecked, format!("{what} is not kept here"))),
        Source::Unknown(why) => Err((Colour::Unknown, format!("{what} cannot be read: {why}; tried again"))),
    }
}

/// Every address of a network, as far as each of them can be looked at.
fn addresses(at: &IpNet) -> Result<IpAddrRange, Found> {
    if at.max_prefix_len() - at.prefix_len() > 8 {
        return Err(red(format!(
            "{at} is too wide to be looked at address by address; ask for each machine"
        )));
    }
    Ok(match at {
        IpNet::V4(net) => IpAddrRange::V4(Ipv4AddrRange::new(net.network(), net.broadcast())),
        IpNet::V6(net) => IpAddrRange::V6(Ipv6AddrRange::new(net.network(), net.broadcast())),
    })
}

fn overlaps(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// C1.
pub(super) fn ours(network: &Network, machine: &Machine) -> Found {
    let at = machine.at;
    if !network.own.iter().any(|own| own.contains(&at)) {
        return red(format!(
            "{at} is not within the organisation's networks; a grant is for machines of ours"
        ));
    }
    if let Some(shared) = network.shared.iter().find(|shared| overlaps(shared, &at)) {
        return red(format!(
            "{at} lies in {shared}, behind which several machines hide; give the machine an address of its own"
        ));
    }
    if let Some(dynamic) = network.dynamic.iter().find(|dynamic| overlaps(dynamic, &at)) {
        return red(format!(
            "{at} lies in {dynamic}, which is given out dynamically; reserve an address outside of it"
        ));
    }
    green(format!("{at} is ours, and nobody else's"))
}

/// C2.
pub(super) fn registered(network: &Network, machine: &Machine, now: Timestamp) -> Found {
    let register = match known(&network.register, "the register of addresses") {
        Ok(register) => register,
        Err(found) => return found,
    };
    let addresses = match addresses(&machine.at) {
        Ok(addresses) => addresses,
        Err(found) => return found,
    };
    for address in addresses {
        let Some(row) = register.of(address) else {
            return red(format!("{address} is not registered; register it for this machine"));
        };
        if let Some(until) = row.until.filter(|until| *until < now) {
            return red(format!(
                "the registration of {address} ended on {}; renew it",
                until.to_date()
            ));
        }
    }
    green(format!("{} is registered", machine.at))
}

/// C3.
pub(super) fn fixed(network: &Network, machine: &Machine) -> Found {
    let register = match known(&network.register, "the register of addresses") {
        Ok(register) => register,
        Err(found) => return found,
    };
    let mut colour = Colour::Green;
    let addresses = match addresses(&machine.at) {
        Ok(addresses) => addresses,
        Err(found) => return found,
    };
    for address in addresses {
        let Some(row) = register.of(address) else {
            return red(format!(
                "{address} is not registered, so nobody knows how it is given out"
            ));
        };
        match row.kind {
            Kind::Static => {}
            Kind::Dynamic => {
                return red(format!(
                    "{address} is registered as dynamic: tomorrow it is another machine's; make it static, or reserve it"
                ));
            }
            Kind::StaticDhcp => match reserved(network, address, row.mac) {
                (Colour::Green, _) => {}
                (Colour::Unchecked, _) => colour = Colour::Unchecked,
                found => return found,
            },
        }
    }
    match colour {
        Colour::Unchecked => (colour, "the reservations of DHCP are not kept here".to_owned()),
        _ => green(format!("{} stays with its machine", machine.at)),
    }
}

/// That DHCP keeps the address for exactly the machine that is registered, and gives it to nobody else.
fn reserved(network: &Network, address: IpAddr, registered: Option<super::Mac>) -> Found {
    let reservations = match known(&network.reservations, "the configuration of DHCP") {
        Ok(reservations) => reservations,
        Err(found) => return found,
    };
    let Some(mac) = registered else {
        return red(format!(
            "{address} is registered as reserved, without the machine it is reserved for"
        ));
    };
    match reservations.of(address) {
        [] => red(format!(
            "{address} is registered as reserved, and DHCP keeps no reservation for it"
        )),
        [Some(theirs)] if *theirs == mac => {
            if reservations.gives_out(address) {
                return red(format!(
                    "{address} is reserved, and lies in a range that is given to anybody"
                ));
            }
            green(format!("{address} is reserved for {mac}"))
        }
        [Some(theirs)] => red(format!(
            "{address} is registered for {mac}, and DHCP keeps it for {theirs}"
        )),
        [None] => red(format!(
            "DHCP keeps {address} for a machine it does not know by its address"
        )),
        _ => red(format!("{address} is reserved for several machines")),
    }
}

/// C4: it hinders only where the organisation says so.
pub(super) fn named(network: &Network, machine: &Machine, names: &Names) -> Found {
    let yellow = |said: String| (Colour::Yellow, said);
    let Some(name) = &machine.name else {
        return yellow("the request names no host".to_owned());
    };
    let address = machine.at.addr();
    let forward = match known(&names.forward, "name service") {
        Ok(forward) => forward,
        Err((colour, said)) => return (colour.min(Colour::Yellow), said),
    };
    if !forward.contains(&address) {
        return yellow(format!("{name} does not lead to {address}, but to {}", listed(forward)));
    }
    let reverse = match known(&names.reverse, "name service") {
        Ok(reverse) => reverse,
        Err((colour, said)) => return (colour.min(Colour::Yellow), said),
    };
    if !reverse.contains(name) {
        return yellow(format!("{address} is not called {name}, but {}", listed(reverse)));
    }
    let registered = network.register.known().and_then(|register| register.of(address));
    match registered.and_then(|row| row.name.as_ref()) {
        Some(other) if other != name => yellow(format!("{address} is registered as {other}, not as {name}")),
        _ => green(format!("{name} and {address} point at each other")),
    }
}

fn listed<T: std::fmt::Display>(all: &[T]) -> String {
    match all {
        [] => "nowhere".to_owned(),
        _ => all.iter().map(T::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// C5: by the table of zones, and by the register where that says it of an address. Where both do, both have to.
pub(super) fn zoned(network: &Network, machine: &Machine) -> Found {
    let Some(wanted) = &machine.zone else {
        return green("its kind may stand in any zone");
    };
    let addresses = match addresses(&machine.at) {
        Ok(addresses) => addresses,
        Err(found) => return found,
    };
    let elsewhere = |zone: &str| !zone.eq_ignore_ascii_case(wanted);
    for address in addresses {
        let row = network.register.known().and_then(|register| register.of(address));
        let registered = row.and_then(|row| row.zone.as_deref());
        if let Some(zone) = registered.filter(|zone| elsewhere(zone)) {
            return red(format!(
                "{address} is registered in the zone {zone}; move the machine to {wanted}"
            ));
        }
        let zones = match known(&network.zones, "the table of zones") {
            Ok(zones) => zones,
            Err((Colour::Unchecked, _)) if registered.is_some() => continue,
            Err(found) => return found,
        };
        match zones.of(address) {
            Some(zone) if elsewhere(zone) => {
                return red(format!(
                    "{address} lies in the zone {zone}; move the machine to {wanted}"
                ));
            }
            None if registered.is_none() => {
                return red(format!(
                    "{address} lies in no zone that is known; move the machine to {wanted}"
                ));
            }
            _ => {}
        }
    }
    green(format!("{} lies in {wanted}", machine.at))
}

/// C6: the machine that was seen last is the one that is registered.
pub(super) fn same(network: &Network, machine: &Machine, now: Timestamp) -> Found {
    let sightings = match known(&network.sightings, "who was seen at which address") {
        Ok(sightings) => sightings,
        Err(found) => return found,
    };
    let register = match known(&network.register, "the register of addresses") {
        Ok(register) => register,
        Err(found) => return found,
    };
    let addresses = match addresses(&machine.at) {
        Ok(addresses) => addresses,
        Err(found) => return found,
    };
    let mut unseen = None;
    for address in addresses {
        let registered = register.of(address).and_then(|row| row.mac);
        let seen = sightings.of(address).filter(|(at, _)| is_fresh(*at, now));
        match (registered, seen) {
            (Some(ours), Some((at, theirs))) if ours != theirs => {
                return red(format!(
                    "{theirs} was seen at {address} on {}, where {ours} is registered; register the new machine, or find it",
                    at.to_date()
                ));
            }
            (Some(_), Some(_)) => {}
            (None, _) => unseen = Some(format!("{address} is registered without its machine")),
            (_, None) => unseen = Some(format!("no machine was seen at {address} for {SIGHTING_DAYS} days")),
        }
    }
    match unseen {
        Some(said) => (Colour::Unchecked, said),
        None => green(format!("at {} is the machine that is registered", machine.at)),
    }
}

fn is_fresh(at: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(at.0) <= SIGHTING_DAYS * 86_400_000
}

/// C9: none of its services can be reached from the internet. A note to security; it hinders nothing.
pub(super) fn hidden(network: &Network, machine: &Machine) -> Found {
    let scan = match known(&network.scan, "a scan from outside") {
        Ok(scan) => scan,
        Err((colour, said)) => return (colour.min(Colour::Yellow), said),
    };
    let addresses = match addresses(&machine.at) {
        Ok(addresses) => addresses,
        Err(found) => return found,
    };
    let mut unscanned = None;
    for address in addresses {
        match scan.open(address) {
            None => unscanned = Some(address),
            Some(open) if !open.is_empty() => {
                let open: Vec<u16> = open.iter().copied().collect();
                return (
                    Colour::Yellow,
                    format!(
                        "{address} can be reached from the internet on port {}; close that at the border",
                        listed(&open)
                    ),
                );
            }
            Some(_) => {}
        }
    }
    match unscanned {
        Some(address) => (Colour::Unchecked, format!("{address} was not scanned")),
        None => green(format!("nothing of {} can be reached from the internet", machine.at)),
    }
}

/// C10: its zone lets it reach the relay, and nobody else on port 25. A ticket for the network team; it hinders nothing.
pub(super) fn confined(network: &Network, machine: &Machine) -> Found {
    let zones = match known(&network.zones, "the table of zones") {
        Ok(zones) => zones,
        Err((colour, said)) => return (colour.min(Colour::Yellow), said),
    };
    let addresses = match addresses(&machine.at) {
        Ok(addresses) => addresses,
        Err(found) => return found,
    };
    let mut worst = green(format!("from {} port 25 leads to the relay alone", machine.at));
    for address in addresses {
        match zones.egress(address) {
            Some(Egress::Relay) => {}
            Some(Egress::Internet) => {
                return (
                    Colour::Yellow,
                    format!("the zone of {address} lets port 25 out to everybody; let it reach the relay alone"),
                );
            }
            Some(Egress::Nothing) => {
                return (
                    Colour::Yellow,
                    format!("the zone of {address} does not let it reach the relay; open ports 25 and 587 to it"),
                );
            }
            None => {
                worst = (
                    Colour::Unchecked,
                    format!("what the zone of {address} lets out is not written down"),
                )
            }
        }
    }
    worst
}

/// C7.
pub(super) fn exclusive(machine: &Machine, others: Others<'_>, widest: Widest) -> Found {
    let at = machine.at;
    let most = match at {
        IpNet::V4(_) => widest.v4,
        IpNet::V6(_) => widest.v6,
    };
    if at.prefix_len() < most {
        return red(format!(
            "{at} is wider than a grant may be: /{most}; ask for each machine"
        ));
    }
    match others.iter().find(|(_, other)| overlaps(other, &at)) {
        Some((name, other)) => red(format!("the grant {name} has {other} already; change that one instead")),
        None => green(format!("no other grant has {at}")),
    }
}
