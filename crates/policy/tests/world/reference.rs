//! Judgement once more, written for nothing but to be read: no indexes, no order of questions, no early end.
//!
//! A recipient is taken when every condition of its one ground holds. Which of several failing conditions is named is
//! left open; that one of them is named is not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::net::IpAddr;

use ipnet::IpNet;
use mail::{ForwardPath, Host, ReversePath};
use policy::{
    By, CertificateId, Class, ContentClass, Decision, Fact, Facts, FromHeader, Grant, GrantState, Ground, Reason,
    Recipients, Role, Rulebook, Scope, SenderPattern, Ungranted, Usage, Verdict,
};

/// How a condition stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Holds,
    Fails,
    FailsForNow,
    Unknown,
    NotYet,
}

/// What judgement must say.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    ground: Option<Ground>,
    conditions: Vec<(Stands, Reason)>,
    marks: Vec<Verdict>,
}

impl Expected {
    fn ask(&mut self, fact: Fact<bool>, reason: Reason) {
        let stands = match fact {
            Fact::Known(true) => Stands::Holds,
            Fact::Known(false) => Stands::Fails,
            Fact::Unknown => Stands::Unknown,
            Fact::NotYet => Stands::NotYet,
        };
        self.conditions.push((stands, reason));
    }

    fn fail(&mut self, reason: Reason) {
        self.conditions.push((Stands::Fails, reason));
    }

    fn undecided(&mut self, fact: Fact<()>) {
        self.ask(fact.map(|()| true), Reason::AuthorityUnknown);
    }

    /// Why `decision` is not what must be said, if it is not.
    pub(crate) fn contradicts(&self, decision: &Decision) -> Option<&'static str> {
        let any = |stands| self.conditions.iter().any(|(one, _)| *one == stands);
        let named = |stands, reason| self.conditions.contains(&(stands, reason));
        let fails = any(Stands::Fails) || any(Stands::FailsForNow);
        if !fails && !any(Stands::Unknown) {
            return self.contradicts_acceptance(decision, any(Stands::NotYet));
        }
        match decision.verdict {
            Verdict::Refuse(reason) if named(Stands::Fails, reason) => None,
            Verdict::Refuse(_) => Some("refused for something that does not fail"),
            Verdict::Defer(reason) if named(Stands::FailsForNow, reason) => None,
            Verdict::Defer(Reason::AuthorityUnknown | Reason::RecipientUnverifiable) if any(Stands::Unknown) => None,
            Verdict::Defer(_) => Some("deferred for something that is not in doubt"),
            _ => Some("accepted against a condition"),
        }
    }

    fn contradicts_acceptance(&self, decision: &Decision, later: bool) -> Option<&'static str> {
        if !decision.verdict.accepts() {
            return Some("not accepted, though no condition fails");
        }
        if decision.complete == later {
            return Some("complete is wrong");
        }
        if later {
            return None;
        }
        if decision.ground != self.ground {
            return Some("another ground");
        }
        let verdict = self.marks.first().copied().unwrap_or(Verdict::Accept);
        (decision.verdict != verdict).then_some("another kind of acceptance")
    }
}

/// Judges.
pub(crate) fn reference(book: &Rulebook, facts: &Facts<'_>) -> Expected {
    let mut must = Expected::default();
    let listener = &book.listeners[facts.listener as usize];
    if let Some(zone) = &listener.zone {
        must.ask(in_zone(book, zone, facts), Reason::OutsideZone);
    }
    if listener.role == Role::Mx {
        front_gate(book, facts, &mut must);
        return must;
    }
    match facts.login {
        Fact::Unknown => must.undecided(Fact::Unknown),
        Fact::NotYet => must.undecided(Fact::NotYet),
        Fact::Known(Some(login)) => {
            let bound = |grant: &Grant| matches!(&grant.by, By::Login(name) if name.eq_ignore_ascii_case(login));
            match book.grants.iter().position(bound) {
                Some(index) => by_grant(book, index, facts, &mut must),
                None => must.fail(Reason::LoginWithoutGrant),
            }
        }
        Fact::Known(None) if listener.role == Role::Relay => without_login(book, listener.ungranted, facts, &mut must),
        Fact::Known(None) => must.fail(Reason::LoginRequired),
    }
    must
}

fn front_gate(book: &Rulebook, facts: &Facts<'_>, must: &mut Expected) {
    let recipient = match facts.recipient {
        Fact::Known(recipient) => recipient,
        other => return must.undecided(other.map(|_| ())),
    };
    let route = route_of(book, recipient);
    let local = recipient
        .mailbox()
        .map_or("postmaster", |mailbox| mailbox.local().as_str());
    let is_role = ["postmaster", "abuse"].contains(&local.to_lowercase().as_str());
    let is_own = recipient.mailbox().is_none() || host_is_own(book, recipient.mailbox().unwrap().host());
    if is_role && is_own {
        must.ground = Some(Ground::Route(route));
        must.ask(facts.hops.map(|hops| hops <= 100).or_pass(), Reason::MailLoop);
        return;
    }
    must.ask(Fact::Known(is_plain(recipient)), Reason::AddressForm);
    let outsider_may = match facts.sender {
        Fact::Known(sender) if !sender_is_own(book, sender) => Fact::Known(true),
        Fact::NotYet => Fact::NotYet,
        Fact::Known(_) | Fact::Unknown => client_is_ours(book, facts),
    };
    must.ask(outsider_may, Reason::SenderIsOurs);
    let forward = book.forwards.iter().position(|forward| {
        recipient.mailbox().is_some_and(|mailbox| {
            mailbox.host() == forward.from.host()
                && mailbox.local().as_str().to_lowercase() == forward.from.local().as_str().to_lowercase()
        })
    });
    match forward {
        Some(index) => {
            must.ground = Some(Ground::Forward(u32::try_from(index).unwrap()));
            must.ask(
                Fact::Known(facts.now <= book.forwards[index].until),
                Reason::NoSuchRecipient,
            );
        }
        None => own_recipient(book, recipient, facts, Reason::NotOurDomain, must),
    }
    content(facts, must);
}

fn without_login(book: &Rulebook, ungranted: Ungranted, facts: &Facts<'_>, must: &mut Expected) {
    match facts.certificate {
        Fact::Unknown => return must.undecided(Fact::Unknown),
        Fact::NotYet => return must.undecided(Fact::NotYet),
        Fact::Known(shown) => {
            let (keys, names): (Vec<_>, Vec<_>) = shown.iter().partition(|id| matches!(id, CertificateId::Key(_)));
            let bound_by = |ids: &[&CertificateId]| -> Vec<usize> {
                let bound =
                    |grant: &Grant| matches!(&grant.by, By::Certificate(own) if own.iter().any(|id| ids.contains(&id)));
                (0..book.grants.len())
                    .filter(|index| bound(&book.grants[*index]))
                    .collect()
            };
            match (&bound_by(&keys)[..], &bound_by(&names)[..]) {
                ([index, ..], _) | ([], [index]) => return by_grant(book, *index, facts, must),
                _ => {}
            }
        }
    }
    let client = match facts.client {
        Fact::Known(client) => client,
        other => return must.undecided(other.map(|_| ())),
    };
    let mut narrowest: Option<(u8, usize)> = None;
    for (index, grant) in book.grants.iter().enumerate() {
        if let By::Address(networks) = &grant.by {
            for network in networks {
                let closer = narrowest.is_none_or(|(bits, _)| network.prefix_len() > bits);
                if inside(*network, client) && closer {
                    narrowest = Some((network.prefix_len(), index));
                }
            }
        }
    }
    match (narrowest, ungranted) {
        (Some((_, index)), _) => by_grant(book, index, facts, must),
        (None, Ungranted::Deny) => must.fail(Reason::NoGrant),
        (None, Ungranted::InternalOnly) => internal_only(book, facts, must),
    }
}

fn internal_only(book: &Rulebook, facts: &Facts<'_>, must: &mut Expected) {
    must.ask(client_is_ours(book, facts), Reason::NoGrant);
    must.ask(
        facts.sender.map(|sender| sender_is_own(book, sender)),
        Reason::SenderNotGranted,
    );
    must.ask(facts.recipient.map(is_plain_or_role), Reason::AddressForm);
    if let Fact::Known(recipient) = facts.recipient {
        own_recipient(book, recipient, facts, Reason::NoGrant, must);
    }
    content(facts, must);
}

fn by_grant(book: &Rulebook, index: usize, facts: &Facts<'_>, must: &mut Expected) {
    let grant = &book.grants[index];
    must.ground = Some(Ground::Grant(u32::try_from(index).unwrap()));
    if !matches!(grant.by, By::Address(_)) {
        must.ask(facts.encrypted, Reason::LoginInClear);
    }
    must.ask(Fact::Known(grant.state == GrantState::Active), Reason::GrantSuspended);
    must.ask(Fact::Known(facts.now >= grant.from_time), Reason::GrantNotYet);
    must.ask(Fact::Known(facts.now <= grant.until), Reason::GrantExpired);
    let here = &book.listeners[facts.listener as usize].name;
    let holds_here = grant.listeners.is_empty() || grant.listeners.contains(here);
    must.ask(Fact::Known(holds_here), Reason::GrantNotHere);
    if let Some(zone) = &grant.zone {
        must.ask(in_zone(book, zone, facts), Reason::OutsideZone);
    }
    if !grant.networks.is_empty() {
        must.ask(inside_any(&grant.networks, facts), Reason::NetworkNotGranted);
    }
    must.ask(
        facts.sender.map(|sender| sends_as(&grant.senders, sender)),
        Reason::SenderNotGranted,
    );
    must.ask(facts.recipient.map(is_plain_or_role), Reason::AddressForm);
    if grant.scope != Scope::Any {
        let in_scope = |recipient: &ForwardPath| match recipient.mailbox() {
            None => true,
            Some(mailbox) => {
                let named = match (&grant.scope, mailbox.host()) {
                    (Scope::Domains(domains), Host::Domain(domain)) => {
                        domains.iter().any(|one| covers(&one.to_string(), domain.as_str()))
                    }
                    _ => false,
                };
                named || host_is_own(book, mailbox.host())
            }
        };
        must.ask(facts.recipient.map(in_scope), Reason::RecipientOutsideScope);
    }
    must.ask(
        facts.octets.map(|octets| octets <= grant.limits.octets_per_message),
        Reason::TooLarge,
    );
    header_from(grant, facts, must);
    if let Fact::Known(recipient) = facts.recipient
        && let Some(route) = route_of(book, recipient)
        && !is_role(recipient)
    {
        exists(book, route, recipient, facts, must);
    }
    rate(grant, facts, must);
    if matches!(grant.by, By::Address(_)) {
        match facts.masked {
            Fact::Known(false) => {}
            Fact::NotYet => must.undecided(Fact::NotYet),
            Fact::Known(true) | Fact::Unknown => must.marks.push(Verdict::Hold(Reason::MaskedSource)),
        }
    }
    content(facts, must);
}

fn header_from(grant: &Grant, facts: &Facts<'_>, must: &mut Expected) {
    let patterns = if grant.header_from.is_empty() {
        &grant.senders
    } else {
        &grant.header_from
    };
    match facts.from {
        Fact::Known(FromHeader::Mailboxes([]) | FromHeader::Missing) => {
            must.ask(Fact::Known(grant.tolerances.missing_from), Reason::FromMissing)
        }
        Fact::Known(FromHeader::Malformed) => must.fail(Reason::FromMissing),
        Fact::Known(FromHeader::Mailboxes(all)) => {
            let granted = all
                .iter()
                .all(|one| sends_as(patterns, &ReversePath::Mailbox(one.clone())));
            must.ask(Fact::Known(granted), Reason::FromNotGranted);
        }
        Fact::Unknown => must.undecided(Fact::Unknown),
        Fact::NotYet => must.undecided(Fact::NotYet),
    }
}

fn rate(grant: &Grant, facts: &Facts<'_>, must: &mut Expected) {
    let lenient = matches!(grant.class, Class::Device | Class::Legacy | Class::Application);
    match facts.usage {
        Fact::Known(Usage::Within) => {}
        Fact::Known(Usage::Soft) if lenient => must.marks.push(Verdict::Hold(Reason::RateHeld)),
        Fact::Known(Usage::Soft | Usage::Hard) => must.conditions.push((Stands::FailsForNow, Reason::RateExceeded)),
        Fact::Unknown => must.undecided(Fact::Unknown),
        Fact::NotYet => must.undecided(Fact::NotYet),
    }
}

fn own_recipient(book: &Rulebook, to: &ForwardPath, facts: &Facts<'_>, otherwise: Reason, must: &mut Expected) {
    match route_of(book, to) {
        Some(route) => {
            must.ground = Some(Ground::Route(Some(route)));
            exists(book, route, to, facts, must);
        }
        None => {
            let own = to.mailbox().is_none_or(|mailbox| host_is_own(book, mailbox.host()));
            must.fail(if own { Reason::NoSuchRecipient } else { otherwise });
        }
    }
}

fn exists(book: &Rulebook, route: u32, to: &ForwardPath, facts: &Facts<'_>, must: &mut Expected) {
    let answer = match &book.routes[route as usize].recipients {
        Recipients::Any => return,
        Recipients::Asked => facts.exists,
        Recipients::Listed(known) => {
            let wanted = to.to_string().to_lowercase();
            Fact::Known(known.iter().any(|one| format!("<{one}>").to_lowercase() == wanted))
        }
    };
    must.ask(answer, Reason::NoSuchRecipient);
}

fn content(facts: &Facts<'_>, must: &mut Expected) {
    must.ask(facts.hops.map(|hops| hops <= 100).or_pass(), Reason::MailLoop);
    match facts.content {
        Fact::Known(ContentClass::Quarantine) => must.marks.push(Verdict::Quarantine(Reason::ContentQuarantined)),
        Fact::Known(ContentClass::Refuse) => must.fail(Reason::ContentRefused),
        Fact::NotYet => must.undecided(Fact::NotYet),
        Fact::Known(ContentClass::Below) | Fact::Unknown => {}
    }
}

/// Suspicion: what nobody can tell is no evidence.
trait OrPass {
    fn or_pass(self) -> Self;
}

impl OrPass for Fact<bool> {
    fn or_pass(self) -> Self {
        if self == Self::Unknown { Self::Known(true) } else { self }
    }
}

fn is_role(to: &ForwardPath) -> bool {
    let Some(mailbox) = to.mailbox() else { return true };
    let local = mailbox.local().as_str().to_lowercase();
    matches!(mailbox.host(), Host::Domain(_)) && (local == "postmaster" || local == "abuse")
}

fn is_plain(to: &ForwardPath) -> bool {
    to.mailbox().is_none_or(|mailbox| {
        matches!(mailbox.host(), Host::Domain(_)) && !mailbox.local().as_str().contains(['%', '!', '@', ':'])
    })
}

fn is_plain_or_role(to: &ForwardPath) -> bool {
    is_role(to) || is_plain(to)
}

/// Whether `pattern`, as an operator writes it, covers the name.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(tail) => name.ends_with(tail),
        None => name == pattern,
    }
}

fn host_is_own(book: &Rulebook, host: &Host) -> bool {
    let own = &book.organisation.domains;
    matches!(host, Host::Domain(domain) if own.iter().any(|one| covers(&one.to_string(), domain.as_str())))
}

fn sender_is_own(book: &Rulebook, sender: &ReversePath) -> bool {
    sender
        .mailbox()
        .is_some_and(|mailbox| host_is_own(book, mailbox.host()))
}

fn route_of(book: &Rulebook, to: &ForwardPath) -> Option<u32> {
    let Host::Domain(domain) = to.mailbox()?.host() else {
        return None;
    };
    let takes = |route: &policy::Route| {
        route
            .domains
            .iter()
            .any(|one| covers(&one.to_string(), domain.as_str()))
    };
    let index = book.routes.iter().position(takes)?;
    Some(u32::try_from(index).unwrap())
}

fn sends_as(patterns: &[SenderPattern], sender: &ReversePath) -> bool {
    patterns.iter().any(|pattern| match (pattern.to_string(), sender) {
        (pattern, ReversePath::Null) => pattern == "<>",
        (pattern, ReversePath::Mailbox(mailbox)) => {
            let written = mailbox.to_string().to_lowercase();
            match pattern.strip_prefix("*@") {
                Some(domain) => {
                    matches!(mailbox.host(), Host::Domain(theirs) if covers(domain, theirs.as_str()))
                }
                None => pattern.to_lowercase() == written,
            }
        }
    })
}

/// Whether the address, bit for bit, begins like the network.
fn inside(network: IpNet, client: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(ip) => (4, u128::from(u32::from(ip)) << 96),
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => (4, u128::from(ip) << 96),
        IpAddr::V6(ip) => (6, u128::from(ip)),
    };
    let ((family, net), (theirs, client)) = (bits(network.addr()), bits(client));
    let differ = (net ^ client).leading_zeros();
    family == theirs && differ >= u32::from(network.prefix_len())
}

fn inside_any(networks: &[IpNet], facts: &Facts<'_>) -> Fact<bool> {
    facts
        .client
        .map(|client| networks.iter().any(|one| inside(*one, client)))
}

fn in_zone(book: &Rulebook, name: &str, facts: &Facts<'_>) -> Fact<bool> {
    let zone = book.zones.iter().find(|zone| &*zone.name == name).unwrap();
    inside_any(&zone.networks, facts)
}

fn client_is_ours(book: &Rulebook, facts: &Facts<'_>) -> Fact<bool> {
    let organisation = &book.organisation;
    facts.client.map(|client| {
        let within = |networks: &[IpNet]| networks.iter().any(|one| inside(*one, client));
        within(&organisation.networks) && !within(&organisation.never_a_client)
    })
}
