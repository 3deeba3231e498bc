//! Where mail goes: who receives inside, and how everything else leaves.

use std::net::SocketAddr;
use std::ops::Range;

use mail::{Domain, DomainPattern, Host, Mailbox};
use outbound::route::TlsPolicy;
use policy::{Name, Recipients, Route, Rulebook};

use super::certificates;
use super::desk::{Desk, in_order, values};
use super::listeners::Gates;
use super::organisation::{is_ours, touches_ours};
use crate::config::file::{self, At, File, Maybe, RawTls, Spelled, Words};
use crate::config::{HostPort, ListenerSettings, Machine, NextHop, OutboundRoute, Problem, RouteLogin};

/// Resolves the routes. Those of our own domains go into the rulebook too: they are where mail may come in.
pub(super) fn resolve(
    file: &File,
    gates: &Gates,
    hostname: Option<&Domain>,
    rulebook: &mut Rulebook,
    desk: &mut Desk<'_>,
) -> Vec<OutboundRoute> {
    let mut routes = Vec::new();
    let mut everything: Option<Range<usize>> = None;
    let mut taken: Vec<(DomainPattern, Range<usize>)> = Vec::new();
    for (name, written) in in_order(&file.routes) {
        let spoiled = desk.is_spoiled(&["routes", name, "domains"]);
        repeated(written, &mut taken, desk);
        if written.domains.is_empty() && !spoiled {
            only_one(name, &mut everything, desk);
        }
        let mut form = Form {
            name,
            written,
            gates,
            hostname,
            desk,
        };
        rulebook.routes.extend(form.inbound(&rulebook.organisation.domains));
        routes.extend(form.outbound());
    }
    nobody_receives(&file.organisation, rulebook, desk);
    if everything.is_none() && !desk.is_spoiled(&["routes"]) {
        desk.say(
            Problem::warning(None, "no route says where mail to other organisations goes")
                .why("it is sent to the MX hosts of its domains, under TLS where they offer it")
                .advise("say so: `[routes.internet]` with `to = \"mx\"`"),
        );
        routes.push(internet());
    }
    routes.sort_by_key(|route| route.domains.is_empty());
    rulebook.intent.destinations = destinations(&routes, rulebook);
    routes
}

/// Where the routes of our own domains lead.
fn destinations(routes: &[OutboundRoute], rulebook: &Rulebook) -> Vec<(Name, Host)> {
    let inside = routes
        .iter()
        .filter(|route| rulebook.routes.iter().any(|own| own.name == route.name));
    let hosts = inside.flat_map(|route| match &route.to {
        NextHop::Mx => Vec::new(),
        NextHop::Hosts(hosts) => hosts.iter().map(|one| (route.name.clone(), one.host.clone())).collect(),
    });
    hosts.collect()
}

/// Where everything goes that no route takes.
fn internet() -> OutboundRoute {
    OutboundRoute {
        name: "internet".into(),
        domains: Vec::new(),
        to: NextHop::Mx,
        tls: TlsPolicy::Opportunistic,
        implicit_tls: false,
        client_certificate: None,
        login: None,
        ca: None,
        connections: None,
    }
}

fn repeated(written: &file::Route, taken: &mut Vec<(DomainPattern, Range<usize>)>, desk: &mut Desk<'_>) {
    for domain in &written.domains {
        if let Some((_, at)) = taken.iter().find(|(former, _)| *former == ***domain) {
            desk.say(
                Problem::error(domain.span(), format!("{} has another route already", ***domain))
                    .also(at.clone(), "here")
                    .advise("a domain has one route; name several hosts in its `to`"),
            );
        }
        taken.push(((***domain).clone(), domain.span()));
    }
}

fn only_one(name: &At<String>, everything: &mut Option<Range<usize>>, desk: &mut Desk<'_>) {
    if let Some(former) = everything.replace(name.span()) {
        desk.say(
            Problem::error(name.span(), "two routes take everything that no other takes")
                .also(former, "the other one")
                .advise("give one of them `domains`"),
        );
    }
}

fn nobody_receives(organisation: &Maybe<file::Organisation>, rulebook: &Rulebook, desk: &mut Desk<'_>) {
    for domain in organisation.iter().flat_map(|organisation| &organisation.domains) {
        let DomainPattern::Exactly(name) = &***domain else {
            continue;
        };
        let mut routed = rulebook.routes.iter().flat_map(|route| &route.domains);
        if !routed.any(|pattern| pattern.matches(name)) && !desk.is_spoiled(&["routes"]) {
            desk.say(
                Problem::warning(domain.span(), format!("nobody receives the mail of {name}"))
                    .why("it is one of our domains and no route takes it: its mail is refused as unknown")
                    .advise(format!("add a route with `domains = [\"{name}\"]`")),
            );
        }
    }
}

/// One route being read.
struct Form<'f, 'd, 'a> {
    name: &'f At<String>,
    written: &'f file::Route,
    gates: &'f Gates,
    hostname: Option<&'f Domain>,
    desk: &'d mut Desk<'a>,
}

impl Form<'_, '_, '_> {
    /// The route as judgement sees it, where its domains are ours.
    fn inbound(&mut self, own: &[DomainPattern]) -> Option<Route> {
        let written = self.written;
        let (ours, foreign): (Vec<_>, Vec<_>) = written.domains.iter().partition(|domain| is_ours(own, domain));
        let touching = foreign.iter().find(|domain| touches_ours(own, domain));
        if let Some(mixed) = touching.or(foreign.first().filter(|_| !ours.is_empty())) {
            self.desk.say(
                Problem::error(
                    mixed.span(),
                    format!("{} is not wholly ours, and this route takes mail of ours", ****mixed),
                )
                .why("what is ours may come in by this route; what is not ours may only leave")
                .advise("declare two routes, or add the domain to organisation.domains"),
            );
            return None;
        }
        if ours.is_empty() {
            if let Some(recipients) = &written.recipients {
                self.desk.say(
                    Problem::error(recipients.span(), "who exists elsewhere is not for us to say")
                        .why("`recipients` is for routes of our own domains")
                        .advise("take it out, or add the domains to organisation.domains"),
                );
            }
            return None;
        }
        let recipients = self.recipients();
        Some(Route {
            name: self.desk.name(self.name),
            domains: values(&written.domains),
            recipients: recipients?,
            place: self.desk.place(&self.name.span()),
        })
    }

    fn recipients(&mut self) -> Option<Recipients> {
        let written = self.desk.need(
            &["routes", self.name, "recipients"],
            &self.written.recipients,
            &self.name.span(),
            format!("route {} does not say which recipients exist", self.name.get()),
            "whom we accept mail for and cannot deliver to, we would have to bounce",
        )?;
        match written.get() {
            Words::One(word) if word == "any" => Some(Recipients::Any),
            Words::One(word) if word == "callout" => {
                self.desk.say(
                    Problem::error(
                        written.span(),
                        "asking the next server about recipients is not available yet",
                    )
                    .advise("list the addresses, or write \"any\""),
                );
                None
            }
            Words::List(list) if !list.is_empty() => {
                let known: Vec<_> = list.iter().filter_map(|address| self.recipient(address)).collect();
                (known.len() == list.len()).then_some(Recipients::Listed(known))
            }
            Words::One(_) | Words::List(_) => {
                self.desk.say(
                    Problem::error(written.span(), "this does not say which recipients exist")
                        .advise("write \"any\", or a list of addresses"),
                );
                None
            }
        }
    }

    fn recipient(&mut self, written: &At<String>) -> Option<Mailbox> {
        let mailbox = Mailbox::spell(written)
            .map_err(|why| self.desk.say(Problem::error(written.span(), why)))
            .ok()?;
        let taken = mailbox
            .domain()
            .is_some_and(|domain| self.written.domains.iter().any(|pattern| pattern.matches(domain)));
        if !taken {
            self.desk.say(
                Problem::error(written.span(), "this address is in none of the route's domains")
                    .advise("correct it, or add its domain"),
            );
        }
        Some(mailbox)
    }

    /// The route as the back gate sees it.
    fn outbound(&mut self) -> Option<OutboundRoute> {
        let written = self.written;
        let to = self.to();
        let implicit_tls = written.implicit_tls.as_ref().is_some_and(|meant| **meant);
        let tls = self.tls(implicit_tls, to.as_ref());
        let login = self.login(tls, to.as_ref());
        if let Some(at) = written
            .implicit_tls
            .as_ref()
            .filter(|_| implicit_tls && to == Some(NextHop::Mx))
        {
            self.desk.say(
                Problem::error(at.span(), "MX hosts speak STARTTLS, never TLS from the first octet")
                    .advise("take this out, or name hosts in `to`"),
            );
        }
        if let Some(ca) = &written.ca {
            certificates::certificates(ca, self.desk);
        }
        if let Some(count) = written.connections.as_ref().filter(|count| ***count == 0) {
            self.desk
                .say(Problem::error(count.span(), "with no connection nothing is delivered"));
        }
        let client_certificate = written
            .client_certificate
            .as_ref()
            .and_then(|one| certificates::pair(one, self.desk));
        Some(OutboundRoute {
            name: self.name.as_str().into(),
            domains: values(&written.domains),
            to: to?,
            tls,
            implicit_tls,
            client_certificate,
            login,
            ca: written.ca.as_ref().map(|ca| self.desk.path(ca)),
            connections: written.connections.as_ref().map(|count| **count),
        })
    }

    fn to(&mut self) -> Option<NextHop> {
        let missing = format!("route {} leads nowhere", self.name.get());
        let why = "mail for its domains must go somewhere";
        let path = ["routes", self.name.as_str(), "to"];
        let to = self
            .desk
            .need(&path, &self.written.to, &self.name.span(), missing, why)?;
        match to.get() {
            Words::One(word) if word == "mx" => Some(NextHop::Mx),
            Words::List(hosts) if !hosts.is_empty() => {
                let read: Vec<_> = hosts.iter().filter_map(|host| self.host(host)).collect();
                (read.len() == hosts.len()).then_some(NextHop::Hosts(read))
            }
            Words::One(_) | Words::List(_) => {
                self.desk.say(
                    Problem::error(to.span(), "this does not say where the mail goes")
                        .advise("write \"mx\", or a list such as [\"mail.chem.example.edu:25\"]"),
                );
                None
            }
        }
    }

    fn host(&mut self, written: &At<String>) -> Option<HostPort> {
        let host = HostPort::spell(written)
            .map_err(|why| self.desk.say(Problem::error(written.span(), why)))
            .ok()?;
        self.leads_back(&host, written);
        Some(host)
    }

    /// A route to a listener of ours is a loop.
    fn leads_back(&mut self, hop: &HostPort, written: &At<String>) {
        let named = |listener: &ListenerSettings| {
            let name = hop.host.domain();
            name.is_some() && (name == Some(&listener.hostname) || name == self.hostname)
        };
        let machine = self.desk.machine;
        let ours = self.gates.listeners.iter().find(|listener| {
            let mut addresses = listener.addresses.iter();
            addresses.any(|address| is_there(hop, *address, named(listener), machine))
        });
        if let Some(listener) = ours {
            self.desk.say(
                Problem::error(written.span(), "this route leads back to ourselves")
                    .label(format!("this is listener {}", listener.name))
                    .why("mail would go round until its hops are counted out")
                    .advise("name the server that keeps the mailboxes"),
            );
        }
    }

    fn tls(&mut self, implicit: bool, to: Option<&NextHop>) -> TlsPolicy {
        let Some(written) = &self.written.tls else {
            return if implicit {
                TlsPolicy::Require
            } else {
                TlsPolicy::Opportunistic
            };
        };
        match **written {
            RawTls::Opportunistic if implicit => {
                self.desk.say(
                    Problem::error(written.span(), "TLS from the first octet leaves nothing to chance")
                        .advise("write \"require\" or \"verify\""),
                );
                TlsPolicy::Require
            }
            RawTls::Opportunistic => TlsPolicy::Opportunistic,
            RawTls::Require => TlsPolicy::Require,
            RawTls::Verify => {
                self.hopeless(written, to);
                TlsPolicy::Verify
            }
            RawTls::Dane | RawTls::Sts | RawTls::DaneOrStsOrOpportunistic => {
                self.desk.say(
                    Problem::error(written.span(), "DANE and MTA-STS are not available yet")
                        .why("a policy that is named and not kept would be worse than none")
                        .advise("write \"opportunistic\", \"require\" or \"verify\""),
                );
                TlsPolicy::Require
            }
        }
    }

    /// Where no certificate can be expected to be valid.
    fn hopeless(&mut self, written: &At<RawTls>, to: Option<&NextHop>) {
        let everywhere = to == Some(&NextHop::Mx) && self.written.domains.is_empty();
        let by_address = match to {
            // An authority of our own may well vouch for an address.
            Some(NextHop::Hosts(hosts)) => {
                self.written.ca.is_none() && hosts.iter().any(|hop| hop.host.domain().is_none())
            }
            _ => false,
        };
        let (what, advice) = if everywhere {
            (
                "many MX hosts have no certificate that can be verified",
                "write \"opportunistic\" here, and \"verify\" on routes to hosts you know",
            )
        } else if by_address {
            (
                "a certificate is hardly ever made out to an address",
                "name the host in `to`, as in \"mail.chem.example.edu:25\"",
            )
        } else {
            return;
        };
        self.desk.say(
            Problem::warning(written.span(), what)
                .why("mail to them waits until its life time ends, and fails")
                .advise(advice),
        );
    }

    fn login(&mut self, tls: TlsPolicy, to: Option<&NextHop>) -> Option<RouteLogin> {
        let written = self.written.login.as_ref()?;
        let at = written.span();
        let why = "a login has a user and a secret";
        let path = |key| ["routes", self.name.as_str(), "login", key];
        let user = self
            .desk
            .words(&path("user"), &written.user, &at, "this login has no user", why);
        let missing = "this login has no secret";
        let secret = self
            .desk
            .need(&path("secret_file"), &written.secret_file, &at, missing, why);
        if to == Some(&NextHop::Mx) {
            self.desk.say(
                Problem::error(at.clone(), "a login is for a host, not for whoever is the MX")
                    .why("the secret would be shown to every server mail goes to")
                    .advise("name the smart host in `to`"),
            );
        } else if tls == TlsPolicy::Opportunistic {
            self.desk.say(
                Problem::error(at, "this login could be said in the clear")
                    .why("who listens on the way would have the secret")
                    .advise("add `tls = \"verify\"`"),
            );
        }
        let secret = secret?;
        if certificates::contents(secret, self.desk)?.trim_ascii().is_empty() {
            self.desk
                .say(Problem::error(secret.span(), "there is no secret in this file"));
        }
        Some(RouteLogin {
            user: user?.to_owned(),
            secret_file: self.desk.path(secret),
        })
    }
}

/// Whether a next hop is the listener at `address`. `named`: its name is one of ours.
fn is_there(hop: &HostPort, address: SocketAddr, named: bool, machine: &Machine) -> bool {
    if hop.port != address.port() {
        return false;
    }
    match hop.host {
        Host::Domain(_) => named,
        Host::Literal(ip) if address.ip().is_unspecified() => {
            ip.is_loopback() || ip.is_unspecified() || machine.addresses.contains(&ip)
        }
        Host::Literal(ip) => ip == address.ip(),
    }
}
