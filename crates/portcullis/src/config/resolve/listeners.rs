//! Where clients come in.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use mail::Domain;
use policy::{Hidden, Listener, Role, Rulebook, Ungranted};

use super::certificates;
use super::desk::{Desk, in_order, value, values};
use crate::config::file::{self, At, File, Maybe, RawRole, RawUngranted, Text};
use crate::config::{CertificateFiles, ListenerSettings, Problem};

/// Octets of a message at most, unless said otherwise.
const SIZE_DEFAULT: u64 = 50_000_000;
/// RFC 5321 §4.5.3.1.7 has every server take 64K octets; above a gigabyte nobody's spool is meant.
const SIZE_RANGE: std::ops::RangeInclusive<u64> = 65_536..=1_000_000_000;
/// A client waits five minutes for a banner (RFC 5321 §4.5.3.2.1); more than this loses mail for nothing.
const GREET_DELAY_MAX: Duration = Duration::from_secs(60);
/// Proxies live in networks at most this wide.
const PROXY_PREFIX_MIN: (u8, u8) = (24, 64);

/// What comes of the listeners.
#[derive(Default)]
pub(super) struct Gates {
    /// Those that speak SMTP, as in the rulebook.
    pub(super) listeners: Vec<ListenerSettings>,
    /// Where health and metrics are served.
    pub(super) health: Vec<SocketAddr>,
    /// The certificates of `[tls]`.
    pub(super) certificates: Vec<CertificateFiles>,
}

/// Resolves the listeners; those that speak SMTP go into the rulebook too.
pub(super) fn resolve(file: &File, hostname: Option<&Domain>, rulebook: &mut Rulebook, desk: &mut Desk<'_>) -> Gates {
    if file.listeners.is_empty() && !desk.is_spoiled(&["listeners"]) {
        desk.say(
            Problem::error(None, "there is no listener")
                .why("nothing can come in")
                .advise("declare at least one, as in [listeners.mx]"),
        );
    }
    let shared = certificates::resolve(&file.tls.certificates, desk);
    let tls_is_spoiled = desk.is_spoiled(&["tls"]);
    let mut gates = Gates::default();
    let mut taken: Vec<(SocketAddr, std::ops::Range<usize>)> = Vec::new();
    for (name, written) in in_order(&file.listeners) {
        let missing = format!("listener {} has no role", name.get());
        let why = "the role limits what is possible there at all";
        let role = desk.need(&["listeners", name, "role"], &written.role, &name.span(), missing, why);
        addresses(name, written, &mut taken, desk);
        let Some(role) = role else { continue };
        public(name, written, **role, desk);
        let Some(role) = role.smtp() else {
            gates.health.extend(values(&written.listen));
            continue;
        };
        hides(name, written, rulebook, desk);
        let own = certificates::resolve(&written.certificates, desk);
        let certificates = if written.certificates.is_empty() {
            shared.clone()
        } else {
            own
        };
        let mentioned = tls_is_spoiled || !file.tls.certificates.is_empty() || !written.certificates.is_empty();
        let starttls = tls(name, written, role, mentioned, desk) && !certificates.is_empty();
        rulebook.listeners.push(Listener {
            name: desk.name(name),
            role,
            zone: zone(&written.zone, file, desk),
            ungranted: ungranted(written, role, file, desk),
            place: desk.place(&name.span()),
        });
        gates
            .listeners
            .extend(settings(name, written, role, starttls, certificates, hostname, desk));
    }
    gates.certificates = shared;
    gates
}

/// Whoever is behind a proxy, or is tunnelled to our own address, is not known by that address.
fn hides(name: &At<String>, written: &file::Listener, rulebook: &mut Rulebook, desk: &mut Desk<'_>) {
    let own = written
        .listen
        .iter()
        .map(|at| at.ip())
        .filter(|ip| !ip.is_unspecified());
    let places = [
        (values(&written.proxies), "a proxy of"),
        (own.map(|ip| IpNet::from(ip.to_canonical())).collect(), "the address of"),
    ];
    for (networks, what) in places {
        rulebook.intent.hidden.push(Hidden {
            networks,
            what: format!("{what} listener {}", name.get()),
            place: desk.place(&name.span()),
        });
    }
}

/// `None` where nobody knows a name to greet with; that has been said already.
fn settings(
    name: &At<String>,
    written: &file::Listener,
    role: Role,
    starttls: bool,
    certificates: Vec<CertificateFiles>,
    hostname: Option<&Domain>,
    desk: &mut Desk<'_>,
) -> Option<ListenerSettings> {
    proxies(&written.proxies, desk);
    let size_max = size(written, desk);
    let scram = scram(&written.scram, role, desk);
    let greet_delay = greet_delay(&written.greet_delay, desk);
    Some(ListenerSettings {
        hostname: value(&written.hostname).or_else(|| hostname.cloned())?,
        name: name.as_str().into(),
        role,
        addresses: values(&written.listen),
        proxies: values(&written.proxies),
        starttls,
        size_max,
        scram,
        greet_delay,
        certificates,
    })
}

fn addresses(
    name: &At<String>,
    written: &file::Listener,
    taken: &mut Vec<(SocketAddr, std::ops::Range<usize>)>,
    desk: &mut Desk<'_>,
) {
    if written.listen.is_empty() && !desk.is_spoiled(&["listeners", name, "listen"]) {
        desk.say(
            Problem::error(name.span(), format!("listener {} listens nowhere", name.get()))
                .advise("add `listen = [\"192.0.2.25:25\"]`"),
        );
    }
    for address in &written.listen {
        if let Some((other, at)) = taken.iter().find(|(other, _)| collide(*other, ***address)) {
            desk.say(
                Problem::error(address.span(), format!("{} is taken", ***address))
                    .also(at.clone(), format!("by {other}"))
                    .why("one address and port has one listener")
                    .advise("choose another address or port"),
            );
        }
        taken.push((***address, address.span()));
    }
}

/// Whether two listeners cannot be open at once. Port 0 is a different port each time.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let everywhere = a.ip().is_unspecified() || b.ip().is_unspecified();
    let same_family = a.is_ipv4() == b.is_ipv4();
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || (everywhere && same_family))
}

/// Relay and health listeners are for the inside. At a public address they need explicit words.
fn public(name: &At<String>, written: &file::Listener, role: RawRole, desk: &mut Desk<'_>) {
    let inside_only = matches!(role, RawRole::Relay | RawRole::Health);
    if let Some(exposed) = written.exposed.as_ref().filter(|exposed| ***exposed && !inside_only) {
        desk.say(
            Problem::warning(
                exposed.span(),
                "`exposed` has a meaning for relay and health listeners only",
            )
            .advise("take it out"),
        );
    }
    if !inside_only || written.exposed.as_ref().is_some_and(|exposed| **exposed) {
        return;
    }
    let why = match role {
        RawRole::Relay => "a relay listener is for the inside; most open relays are born this way",
        _ => "a health listener tells everybody who asks how much mail goes through here",
    };
    for address in written.listen.iter().filter(|address| is_public(address.ip())) {
        desk.say(
            Problem::error(
                address.span(),
                format!("listener {} would be open to the internet", name.get()),
            )
            .label("this is a public address")
            .why(why)
            .advise("choose an inside address, or write `exposed = true` if this is meant and guarded elsewhere"),
        );
    }
}

/// Whether the internet may reach this address. "Everywhere" may be anywhere.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let carrier = first == 100 && (64..128).contains(&second);
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || carrier)
        }
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}

/// Whether STARTTLS is to be offered. Says where a certificate is missing.
fn tls(name: &At<String>, written: &file::Listener, role: Role, has_certificates: bool, desk: &mut Desk<'_>) -> bool {
    let wanted = written.advertise_starttls.as_ref().is_none_or(|wanted| **wanted);
    let needs_login = matches!(role, Role::Submission | Role::Submissions);
    let advice = "add [tls] with `certificates = [{ chain = \"...\", key = \"...\" }]`";
    if needs_login && !has_certificates {
        desk.say(
            Problem::error(name.span(), format!("listener {} has no certificate", name.get()))
                .why("logins are taken under TLS only, so nobody could log in")
                .advise(advice),
        );
    } else if wanted && !has_certificates {
        desk.say(
            Problem::warning(name.span(), format!("listener {} has no certificate", name.get()))
                .why("without one STARTTLS is not offered, and mail comes in the clear")
                .advise(format!(
                    "{advice}, or write `advertise_starttls = false` if this is meant"
                )),
        );
    }
    if let Some(at) = written
        .advertise_starttls
        .as_ref()
        .filter(|_| !wanted && role == Role::Submission)
    {
        desk.say(
            Problem::error(at.span(), "a submission listener must offer STARTTLS")
                .why("logins are taken under TLS only, so nobody could log in")
                .advise("take this out, or use a relay listener in a zone of its own"),
        );
    }
    wanted && role != Role::Submissions
}

fn zone(written: &Maybe<String>, file: &File, desk: &mut Desk<'_>) -> Option<policy::Name> {
    super::grants::zone(written, file, desk)
}

fn ungranted(written: &file::Listener, role: Role, file: &File, desk: &mut Desk<'_>) -> Ungranted {
    let Some(stance) = &written.ungranted else {
        return Ungranted::Deny;
    };
    if role != Role::Relay {
        desk.say(
            Problem::error(stance.span(), "`ungranted` has a meaning for relay listeners only")
                .why(format!(
                    "what a {} listener does for clients without a grant is fixed",
                    role.name()
                ))
                .advise("take it out"),
        );
    }
    let nobody = file.organisation.as_ref().is_some_and(|ours| ours.networks.is_empty());
    if **stance == RawUngranted::InternalOnly && nobody && !desk.is_spoiled(&["organisation", "networks"]) {
        desk.say(
            Problem::warning(stance.span(), "no machine is inside, so nobody gains by this")
                .why("organisation.networks is empty")
                .advise("name our networks there, or write \"deny\""),
        );
    }
    match **stance {
        RawUngranted::Deny => Ungranted::Deny,
        RawUngranted::InternalOnly => Ungranted::InternalOnly,
    }
}

fn size(written: &file::Listener, desk: &mut Desk<'_>) -> u64 {
    let Some(size) = &written.size_max else {
        return SIZE_DEFAULT;
    };
    if !SIZE_RANGE.contains(&size.0) {
        desk.say(
            Problem::error(size.span(), "the largest message is between 64 KiB and 1 GB")
                .why("RFC 5321 has every server take 64 KiB; other servers hardly take more than 150 MB"),
        );
    }
    size.0
}

fn scram(written: &Maybe<bool>, role: Role, desk: &mut Desk<'_>) -> bool {
    let Some(offered) = written else { return true };
    if role == Role::Mx {
        desk.say(Problem::error(offered.span(), "nobody logs in at an mx listener").advise("take `scram` out"));
    }
    **offered
}

fn greet_delay(written: &Maybe<Text<file::Lapse>>, desk: &mut Desk<'_>) -> Duration {
    let Some(delay) = written else {
        return Duration::ZERO;
    };
    if delay.0 > GREET_DELAY_MAX {
        desk.say(
            Problem::error(delay.span(), "the banner waits for a minute at most")
                .why("clients that are in order give up, and their mail is late")
                .advise("a few seconds unmask those who talk too early"),
        );
    }
    delay.0
}

fn proxies(written: &[At<Text<IpNet>>], desk: &mut Desk<'_>) {
    for network in written {
        let (v4, v6) = PROXY_PREFIX_MIN;
        let least = if network.addr().is_ipv4() { v4 } else { v6 };
        if network.prefix_len() < least {
            desk.say(
                Problem::error(network.span(), "this is more than the network of a proxy")
                    .why("whoever is in it can claim any client address by the PROXY protocol")
                    .advise("name the proxies' own addresses"),
            );
        }
    }
}
