//! Who we are.

use ipnet::IpNet;
use mail::{Domain, DomainPattern};
use policy::{Organisation, Zone};

use super::desk::{Desk, in_order, values};
use crate::config::Problem;
use crate::config::file::{self, At, Maybe, Named, Text};

/// Networks wider than this are not one organisation's.
const OWN_PREFIX_MIN: (u8, u8) = (8, 16);

/// The organisation and the name of this host; `None` where it has none.
pub(super) fn resolve(written: &Maybe<file::Organisation>, desk: &mut Desk<'_>) -> (Organisation, Option<Domain>) {
    let Some(written) = written else {
        if !desk.is_spoiled(&["organisation"]) {
            desk.say(
                Problem::error(None, "there is no [organisation]")
                    .why("everything else is judged against who we are")
                    .advise("declare [organisation] with at least `domains = [...]`"),
            );
        }
        return (Organisation::default(), desk.machine.hostname.clone());
    };
    let at = written.span();
    if written.domains.is_empty() && !desk.is_spoiled(&["organisation", "domains"]) {
        desk.say(
            Problem::error(at.clone(), "the organisation has no domains")
                .why("without them nobody is inside and everybody outside")
                .advise("add `domains = [\"example.edu\"]`"),
        );
    }
    for network in &written.networks {
        own_network(network, desk);
    }
    repeated(&written.domains, desk);
    let organisation = Organisation {
        name: written
            .name
            .as_ref()
            .map_or_else(String::new, |name| name.get().clone()),
        domains: values(&written.domains),
        networks: values(&written.networks),
        never_a_client: values(&written.never_a_client),
        dynamic: values(&written.dynamic),
        help: help(&written.help, desk),
        place: desk.place(&at),
    };
    (organisation, hostname(written, desk))
}

fn hostname(written: &At<file::Organisation>, desk: &mut Desk<'_>) -> Option<Domain> {
    if let Some(name) = &written.hostname {
        return Some(Domain::clone(name));
    }
    if desk.machine.hostname.is_none() && !desk.is_spoiled(&["organisation", "hostname"]) {
        desk.say(
            Problem::error(written.span(), "this machine has no full name to greet with")
                .why("other servers refuse mail from a name without a domain")
                .advise("add `hostname = \"mail.example.edu\"`, the name in its DNS record"),
        );
    }
    desk.machine.hostname.clone()
}

fn own_network(network: &At<Text<IpNet>>, desk: &mut Desk<'_>) {
    let (v4, v6) = OWN_PREFIX_MIN;
    let least = match ***network {
        IpNet::V4(_) => v4,
        IpNet::V6(_) => v6,
    };
    if network.prefix_len() < least {
        desk.say(
            Problem::error(
                network.span(),
                format!("{} is more than one organisation's network", ***network),
            )
            .why("machines in our networks may send as us where a listener says `internal-only`")
            .advise("name the networks that are ours"),
        );
    }
}

fn repeated(domains: &[At<Text<DomainPattern>>], desk: &mut Desk<'_>) {
    for (index, domain) in domains.iter().enumerate() {
        let former = domains.iter().take(index).find(|former| ***former == **domain);
        if let Some(former) = former {
            desk.say(
                Problem::warning(domain.span(), format!("{} is named twice", ***domain))
                    .also(former.span(), "here first")
                    .advise("take one of them out"),
            );
        }
    }
}

fn help(written: &Maybe<String>, desk: &mut Desk<'_>) -> Option<String> {
    let written = written.as_ref()?;
    let plain = written.bytes().all(|octet| octet.is_ascii_graphic());
    if plain && (written.starts_with("https://") || written.starts_with("http://")) {
        return Some(written.trim_end_matches('/').to_owned());
    }
    desk.say(
        Problem::error(written.span(), "this is no address of a web page")
            .why("it is put into refusals, with the id of the event behind it")
            .advise("write it in full, as in https://mail.example.edu/why"),
    );
    None
}

/// The zones, in the order in which they were written.
pub(super) fn zones(written: &Named<file::Zone>, desk: &mut Desk<'_>) -> Vec<Zone> {
    let mut zones = Vec::new();
    for (name, zone) in in_order(written) {
        if zone.networks.is_empty() && !desk.is_spoiled(&["zones", name, "networks"]) {
            desk.say(
                Problem::error(name.span(), format!("zone {} has no networks", name.get()))
                    .why("nobody is inside of it")
                    .advise("add `networks = [...]`, or remove the zone"),
            );
        }
        zones.push(Zone {
            name: desk.name(name),
            networks: values(&zone.networks),
            place: desk.place(&name.span()),
        });
    }
    zones
}

/// Whether every domain meant by `pattern` is one of ours.
pub(super) fn is_ours(own: &[DomainPattern], pattern: &DomainPattern) -> bool {
    own.iter().any(|own| match (own, pattern) {
        (own, DomainPattern::Exactly(domain)) => own.matches(domain),
        (DomainPattern::Below(ours), DomainPattern::Below(theirs)) => ours == theirs || theirs.is_below(ours),
        (DomainPattern::Exactly(_), DomainPattern::Below(_)) => false,
    })
}

/// Whether some domain meant by `pattern` is one of ours.
pub(super) fn touches_ours(own: &[DomainPattern], pattern: &DomainPattern) -> bool {
    let parent = match pattern {
        DomainPattern::Exactly(_) => return is_ours(own, pattern),
        DomainPattern::Below(parent) => parent,
    };
    is_ours(own, pattern)
        || own.iter().any(|own| match own {
            DomainPattern::Exactly(domain) => domain.is_below(parent),
            DomainPattern::Below(ours) => ours.is_below(parent),
        })
}
