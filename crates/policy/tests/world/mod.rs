//! Small worlds: every rulebook and every set of facts is a handful of choices from short lists.
//!
//! The first choice of each list is the plain one, so that a test may vary some lists and leave the rest alone.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;
use mail::{ForwardPath, Mailbox, ReversePath, Timestamp, Tolerances};
use policy::{
    By, CertificateId, Class, ContentClass, Fact, Facts, Forward, FromHeader, Generation, Grant, GrantState, LimitSpec,
    Listener, Organisation, Place, Recipients, Role, Route, Rulebook, Scope, SenderPattern, Snapshot, Ungranted, Usage,
    Zone,
};

/// The present moment of every small world.
pub(crate) const NOW: Timestamp = Timestamp(1_000_000);
/// Octets a grant allows in a small world.
pub(crate) const OCTETS_MAX: u64 = 1000;

/// What clients show: nothing, the certificates of grants, and one of nobody's.
static CERTIFICATES: [&[CertificateId]; 4] = [
    &[],
    &[CertificateId::Key([1; 32])],
    &[CertificateId::Key([2; 32])],
    &[CertificateId::Key([9; 32])],
];

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(crate) fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| net(text)).collect()
}

pub(crate) fn to(text: &str) -> ForwardPath {
    ForwardPath::Mailbox(text.parse().unwrap())
}

pub(crate) fn from(text: &str) -> ReversePath {
    ReversePath::Mailbox(text.parse().unwrap())
}

/// A plain, live grant for the login `name`: it may send as `scan@own.test` to everybody.
pub(crate) fn grant(name: &str) -> Grant {
    Grant {
        name: name.into(),
        owner: "Facilities".into(),
        contact: "owner@own.test".parse().unwrap(),
        reason: "scans".into(),
        from_time: Timestamp(0),
        until: Timestamp(NOW.0 * 2),
        by: By::Login(name.into()),
        networks: Vec::new(),
        zone: None,
        hellos: Vec::new(),
        listeners: Vec::new(),
        senders: vec![SenderPattern::parse("scan@own.test").unwrap()],
        header_from: Vec::new(),
        scope: Scope::Any,
        class: Class::Device,
        limits: LimitSpec {
            octets_per_message: OCTETS_MAX,
            ..Class::Device.limits()
        },
        tolerances: Tolerances::NONE,
        state: GrantState::Active,
        place: Place { line: 1 },
    }
}

/// An organisation with one domain, a private network and a NAT address in it, and no route, forward or grant.
pub(crate) fn rulebook(role: Role) -> Rulebook {
    let zone = |name: &str, network: &str| Zone {
        name: name.into(),
        networks: nets(&[network]),
        place: Place { line: 2 },
    };
    Rulebook {
        organisation: Organisation {
            name: "Own".into(),
            domains: vec![mail::DomainPattern::parse("own.test").unwrap()],
            networks: nets(&["10.0.0.0/8"]),
            never_a_client: nets(&["10.0.0.9/32"]),
            ..Organisation::default()
        },
        zones: vec![zone("inside", "10.0.0.0/8"), zone("outside", "192.0.2.0/24")],
        listeners: vec![Listener {
            name: "here".into(),
            role,
            zone: None,
            ungranted: Ungranted::Deny,
            place: Place { line: 3 },
        }],
        ..Rulebook::default()
    }
}

pub(crate) fn route(domain: &str, recipients: Recipients) -> Route {
    Route {
        name: "inside".into(),
        domains: vec![mail::DomainPattern::parse(domain).unwrap()],
        recipients,
        place: Place { line: 4 },
    }
}

pub(crate) fn forward(until: Timestamp) -> Forward {
    Forward {
        name: "away".into(),
        from: "fwd@own.test".parse().unwrap(),
        to: "bob@foreign.test".parse().unwrap(),
        owner: "Bob".into(),
        reason: "sabbatical".into(),
        until,
        place: Place { line: 5 },
    }
}

pub(crate) fn snapshot(rulebook: Rulebook) -> Snapshot {
    Snapshot::build(rulebook, Generation(1), 1).unwrap()
}

/// Facts of a message that everything is known of and nothing is wrong with, from an unauthenticated inside client.
pub(crate) fn facts<'a>(sender: &'a ReversePath, recipient: &'a ForwardPath) -> Facts<'a> {
    Facts {
        listener: 0,
        client: Fact::Known("10.0.0.1".parse().unwrap()),
        encrypted: Fact::Known(true),
        login: Fact::Known(None),
        certificate: Fact::Known(&[]),
        now: NOW,
        sender: Fact::Known(sender),
        recipient: Fact::Known(recipient),
        exists: Fact::Known(true),
        from: Fact::Known(FromHeader::Mailboxes(&VALUES.scan)),
        octets: Fact::Known(1),
        hops: Fact::Known(0),
        usage: Fact::Known(Usage::Within),
        masked: Fact::Known(false),
        content: Fact::Known(ContentClass::Below),
    }
}

/// Sizes of the lists a grant is chosen from: by, state, scope, where, senders, class.
pub(crate) const GRANT: [usize; 6] = [7, 6, 4, 6, 5, 4];
/// Sizes of the lists everything else of a rulebook is chosen from: role, zone, routes, forwards.
pub(crate) const BOOK: [usize; 4] = [5, 3, 5, 3];
/// Sizes of the lists facts are chosen from, in the order of [`chosen_facts`].
pub(crate) const FACTS: [usize; 13] = [8, 4, 6, 6, 8, 17, 4, 8, 5, 5, 5, 4, 5];

/// A grant by its choices; `number` makes the names of two grants differ.
pub(crate) fn chosen_grant(number: usize, choice: [usize; 6]) -> Grant {
    let pattern = |text| vec![SenderPattern::parse(text).unwrap()];
    let domains = |text| Scope::Domains(vec![mail::DomainPattern::parse(text).unwrap()]);
    let mut grant = grant(["one", "two", "three", "four"][number]);
    grant.by = match choice[0] {
        0 => grant.by,
        1 => By::Certificate(vec![CertificateId::Key([u8::try_from(number).unwrap() + 1; 32])]),
        2 => By::Address(nets(&["10.0.0.0/8"])),
        3 => By::Address(nets(&["10.0.0.0/16"])),
        4 => By::Address(nets(&["192.0.2.0/24", "2001:db8::/32"])),
        5 => By::Address(nets(&["10.0.0.1/32", "192.0.2.1/32"])),
        _ => By::Address(nets(&["0.0.0.0/0"])),
    };
    match choice[1] {
        0 => {}
        1 => grant.state = GrantState::Suspended("spam".into()),
        2 => grant.from_time = Timestamp(NOW.0 + 1),
        3 => grant.until = Timestamp(NOW.0 - 1),
        4 => grant.from_time = NOW,
        _ => grant.until = NOW,
    }
    grant.scope = match choice[2] {
        0 => Scope::Any,
        1 => Scope::Internal,
        2 => domains("foreign.test"),
        _ => domains("*.foreign.test"),
    };
    match choice[3] {
        0 => {}
        1 => grant.networks = nets(&["192.0.2.0/24"]),
        2 => grant.networks = nets(&["192.0.2.0/24", "10.0.0.0/16"]),
        3 => grant.zone = Some("outside".into()),
        4 => grant.listeners = vec!["elsewhere".into()],
        _ => grant.listeners = vec!["here".into()],
    }
    match choice[4] {
        0 => {}
        1 => grant.senders = pattern("*@own.test"),
        2 => grant.senders = pattern("*@*.own.test"),
        3 => grant.senders = pattern("<>"),
        _ => grant.senders = Vec::new(),
    }
    match choice[5] {
        0 => {}
        1 => grant.class = Class::User,
        2 => grant.tolerances.missing_from = true,
        _ => grant.header_from = pattern("*@foreign.test"),
    }
    grant
}

/// A rulebook by its choices.
pub(crate) fn chosen_rulebook(choice: [usize; 4], grants: &[[usize; 6]]) -> Rulebook {
    let mut book = rulebook([Role::Relay, Role::Relay, Role::Mx, Role::Submission, Role::Submissions][choice[0]]);
    if choice[0] == 1 {
        book.listeners[0].ungranted = Ungranted::InternalOnly;
    }
    book.listeners[0].zone = [None, Some("inside".into()), Some("outside".into())][choice[1]].clone();
    book.routes = match choice[2] {
        0 => Vec::new(),
        1 => vec![route("own.test", Recipients::Any)],
        2 => vec![route(
            "own.test",
            Recipients::Listed(vec!["Bob@own.test".parse().unwrap()]),
        )],
        3 => vec![route("own.test", Recipients::Asked)],
        _ => vec![route("*.own.test", Recipients::Asked)],
    };
    book.forwards = match choice[3] {
        0 => Vec::new(),
        1 => vec![forward(NOW)],
        _ => vec![forward(Timestamp(NOW.0 - 1))],
    };
    book.grants = grants
        .iter()
        .enumerate()
        .map(|(number, choice)| chosen_grant(number, *choice))
        .collect();
    book
}

struct Values {
    clients: Vec<IpAddr>,
    scan: Vec<Mailbox>,
    senders: Vec<ReversePath>,
    recipients: Vec<ForwardPath>,
    foreign: Vec<Mailbox>,
    both: Vec<Mailbox>,
}

static VALUES: LazyLock<Values> = LazyLock::new(|| {
    let mailboxes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let clients = [
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "10.9.0.1",
        "192.0.2.1",
        "10.0.0.9",
        "2001:db8::1",
    ];
    Values {
        clients: clients.iter().map(|text| text.parse().unwrap()).collect(),
        scan: mailboxes(&["scan@own.test"]),
        foreign: mailboxes(&["x@foreign.test"]),
        both: mailboxes(&["scan@own.test", "x@foreign.test"]),
        senders: vec![
            from("SCAN@own.test"),
            from("other@own.test"),
            from("scan@sub.own.test"),
            from("x@foreign.test"),
            ReversePath::Null,
            from("scan@[10.0.0.1]"),
        ],
        recipients: vec![
            to("x@foreign.test"),
            to("bob@own.test"),
            to("nobody@own.test"),
            to("fwd@own.test"),
            to("x@sub.own.test"),
            to("x@mx.foreign.test"),
            ForwardPath::Postmaster,
            to("postmaster@own.test"),
            to("ABUSE@own.test"),
            to("postmaster@foreign.test"),
            to("bob%foreign.test@own.test"),
            to("foreign.test!bob@own.test"),
            to("\"bob@foreign.test\"@own.test"),
            to("\"foreign.test:bob\"@own.test"),
            to("bob@[10.0.0.1]"),
        ],
    }
});

fn fact_of<T>(known: &[T], choice: usize) -> Fact<&T> {
    match known.get(choice) {
        Some(value) => Fact::Known(value),
        None => fact(&[], choice - known.len()),
    }
}

fn fact<T: Clone>(known: &[T], choice: usize) -> Fact<T> {
    match known.get(choice) {
        Some(value) => Fact::Known(value.clone()),
        None if choice == known.len() => Fact::Unknown,
        None => Fact::NotYet,
    }
}

/// Facts by their choices; the last two of each list are Unknown and NotYet.
pub(crate) fn chosen_facts(choice: [usize; 13]) -> Facts<'static> {
    let values = &*VALUES;
    let from = [
        FromHeader::Mailboxes(&values.scan),
        FromHeader::Mailboxes(&values.foreign),
        FromHeader::Mailboxes(&values.both),
        FromHeader::Mailboxes(&[]),
        FromHeader::Missing,
        FromHeader::Malformed,
    ];
    Facts {
        listener: 0,
        client: fact(&values.clients, choice[0]),
        encrypted: fact(&[true, false], choice[1]),
        login: fact(&[None, Some("one"), Some("TWO"), Some("nobody")], choice[2]),
        certificate: fact(&CERTIFICATES, choice[3]),
        now: NOW,
        sender: fact_of(&values.senders, choice[4]),
        recipient: fact_of(&values.recipients, choice[5]),
        exists: fact(&[true, false], choice[6]),
        from: fact(&from, choice[7]),
        octets: fact(&[1, OCTETS_MAX, OCTETS_MAX + 1], choice[8]),
        hops: fact(&[0, 100, 101], choice[9]),
        usage: fact(&[Usage::Within, Usage::Soft, Usage::Hard], choice[10]),
        masked: fact(&[false, true], choice[11]),
        content: fact(
            &[ContentClass::Below, ContentClass::Quarantine, ContentClass::Refuse],
            choice[12],
        ),
    }
}

/// Every way to choose from lists of these sizes.
pub(crate) fn every<const N: usize>(sizes: [usize; N]) -> impl Iterator<Item = [usize; N]> {
    let all: usize = sizes.iter().product();
    (0..all).map(move |mut number| {
        sizes.map(|size| {
            let choice = number % size;
            number /= size;
            choice
        })
    })
}
