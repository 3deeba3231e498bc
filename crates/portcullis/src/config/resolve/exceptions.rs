//! Address exceptions: what a client that cannot authenticate is recognised by.
//!
//! Most open relays are born here: an address behind which many machines hide, or an address of the gate itself.

use std::net::IpAddr;

use ipnet::IpNet;
use policy::prove::Ranges;

use super::desk::{Desk, values};
use crate::config::Problem;
use crate::config::file::{At, File, Maybe, Organisation, Text};

const ADVICE: &str = "name the device's own address, or give it a password";

/// Looks at the addresses of one exception; every fault is an error unless it says otherwise. `widest` are the shortest
/// prefixes for v4 and v6: the bounds that the proof measures by.
pub(super) fn check(networks: &[At<Text<IpNet>>], widest: (u8, u8), file: &File, desk: &mut Desk<'_>) {
    for network in networks {
        if loopback(network, desk) || too_wide(network, widest, desk) {
            continue;
        }
        if hides_clients(network, &file.organisation, desk)
            || is_proxy(network, file, desk)
            || is_gate(network, file, desk)
        {
            continue;
        }
        outside(network, &file.organisation, desk);
    }
}

/// Loopback is this machine, whoever runs on it; single addresses kept apart for one program may be meant.
fn loopback(network: &At<Text<IpNet>>, desk: &mut Desk<'_>) -> bool {
    let net = ***network;
    if !net.addr().is_loopback() {
        return false;
    }
    let first = net.addr() == IpAddr::from([127, 0, 0, 1]) || net.addr().is_ipv6();
    let single = net.prefix_len() == net.max_prefix_len();
    if single && !first {
        desk.say(
            Problem::warning(network.span(), "this address exception is for a loopback address")
                .why("every program on this machine can take that address")
                .advise("use it for trials only"),
        );
    } else {
        desk.say(
            Problem::error(network.span(), "this address exception is for this machine itself")
                .why("everything that is tunnelled or proxied to this machine comes from there")
                .advise("give the program a password"),
        );
    }
    true
}

fn too_wide(network: &At<Text<IpNet>>, (v4, v6): (u8, u8), desk: &mut Desk<'_>) -> bool {
    let least = if network.addr().is_ipv4() { v4 } else { v6 };
    let wide = network.prefix_len() < least;
    if wide {
        desk.say(
            Problem::error(network.span(), "this address exception is too wide")
                .label(format!("a /{least} is the widest for its class"))
                .why("nobody can answer for what every machine in it sends")
                .advise("name the devices' own addresses, or declare a zone with `ungranted = \"internal-only\"`"),
        );
    }
    wide
}

fn hides_clients(network: &At<Text<IpNet>>, organisation: &Maybe<Organisation>, desk: &mut Desk<'_>) -> bool {
    let hiding = organisation
        .iter()
        .flat_map(|organisation| &organisation.never_a_client);
    let Some(hiding) = hiding.into_iter().find(|hiding| overlap(****hiding, ***network)) else {
        return false;
    };
    desk.say(
        Problem::error(
            network.span(),
            "this address exception is inside a network that hides its clients",
        )
        .also(hiding.span(), "declared here to hide who is behind it")
        .why("every device behind it could use this grant")
        .advise(ADVICE),
    );
    true
}

fn is_proxy(network: &At<Text<IpNet>>, file: &File, desk: &mut Desk<'_>) -> bool {
    let mut proxies = file.listeners.values().flat_map(|listener| &listener.proxies);
    let Some(proxy) = proxies.find(|proxy| overlap(****proxy, ***network)) else {
        return false;
    };
    desk.say(
        Problem::error(network.span(), "this address exception is for a proxy")
            .also(proxy.span(), "declared here")
            .why("whoever connects through the proxy without being named could use this grant")
            .advise(ADVICE),
    );
    true
}

/// Own addresses and gateways: what comes from there was forwarded or translated by somebody.
fn is_gate(network: &At<Text<IpNet>>, file: &File, desk: &mut Desk<'_>) -> bool {
    let listening = file.listeners.values().flat_map(|listener| &listener.listen);
    let listening = listening
        .map(|address| address.ip())
        .filter(|address| !address.is_unspecified());
    let own = desk.machine.addresses.iter().copied().chain(listening);
    let gateways = desk.machine.gateways.iter().copied();
    let inside = |address: &IpAddr| network.contains(&address.to_canonical());
    let own = own
        .clone()
        .find(inside)
        .map(|address| (address, "an address of this machine"));
    let Some((address, what)) = own.or_else(|| {
        gateways
            .clone()
            .find(inside)
            .map(|gateway| (gateway, "the default gateway"))
    }) else {
        return false;
    };
    desk.say(
        Problem::error(network.span(), format!("this address exception is for {what}"))
            .label(format!("{address} is {what}"))
            .why("mail that is tunnelled, proxied or translated comes from there, whoever sent it")
            .advise(ADVICE),
    );
    true
}

fn outside(network: &At<Text<IpNet>>, organisation: &Maybe<Organisation>, desk: &mut Desk<'_>) {
    let Some(organisation) = organisation else { return };
    let own = Ranges::of(&values(&organisation.networks));
    if Ranges::of(&[***network]).without(&own).is_empty() {
        return;
    }
    desk.say(
        Problem::error(network.span(), "this address exception lies outside of our networks")
            .why("addresses elsewhere change hands without our knowing")
            .advise("give the client a password, or add its network to organisation.networks if it is ours"),
    );
}

fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}
