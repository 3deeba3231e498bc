//! Judgement costs the same with ten thousand grants as with one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

use ipnet::IpNet;
use mail::{DomainPattern, Timestamp};
use policy::{
    AddressTable, By, CertificateId, CertificateTable, ContentClass, DomainTable, Fact, Facts, ForwardTable,
    FromAnswer, Ground, Live, LoginAnswer, LoginTable, Reader, RecipientForm, Role, Route, Rulebook, SenderPattern,
    Usage, Verdict, decide,
};
use world::{facts, from, grant, net, rulebook, snapshot, to};

/// Counts questions, and the declarations each question is compared with.
struct Counting<'f, 'a> {
    live: Live<'f, 'a>,
    questions: usize,
    compared: usize,
}

macro_rules! counted {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty, $compared:expr;)*) => {
        $(fn $name(&mut self, $($argument: $type),*) -> $answer {
            self.questions += 1;
            self.compared += $compared;
            self.live.$name($($argument),*)
        })*
    };
}

impl Reader for Counting<'_, '_> {
    counted! {
        listener() -> u32, 0;
        client_in(networks: &[IpNet]) -> Fact<bool>, networks.len();
        encrypted() -> Fact<bool>, 0;
        login(table: &LoginTable) -> Fact<LoginAnswer>, 1;
        certificate(table: &CertificateTable) -> Fact<Option<u32>>, 1;
        address(table: &AddressTable) -> Fact<Option<u32>>, 1;
        now_before(instant: Timestamp) -> bool, 1;
        sender_in(patterns: &[SenderPattern]) -> Fact<bool>, patterns.len();
        sender_domain_in(table: &DomainTable<()>) -> Fact<bool>, 1;
        recipient_form() -> Fact<RecipientForm>, 0;
        recipient_domain_in(table: &DomainTable<()>) -> Fact<bool>, 1;
        recipient_route(table: &DomainTable<u32>) -> Fact<Option<u32>>, 1;
        recipient_matches(domains: &[DomainPattern]) -> Fact<bool>, domains.len();
        recipient_forward(table: &ForwardTable) -> Fact<Option<u32>>, 1;
        recipient_exists(route: &Route) -> Fact<bool>, 1;
        header_from_in(patterns: &[SenderPattern]) -> Fact<FromAnswer>, patterns.len();
        larger_than(octets: u64) -> Fact<bool>, 1;
        hops_above(hops: u32) -> Fact<bool>, 1;
        usage() -> Fact<Usage>, 0;
        masked() -> Fact<bool>, 0;
        content() -> Fact<ContentClass>, 0;
    }
}

/// A third of the grants each by login, certificate and address.
fn with_grants(count: u32) -> Rulebook {
    let mut book = rulebook(Role::Relay);
    book.grants = (0..count)
        .map(|number| {
            let mut grant = grant(&format!("login{number}"));
            grant.by = match number % 3 {
                0 => grant.by,
                1 => By::Certificate(vec![pin(number)]),
                _ => By::Address(vec![host(number)]),
            };
            grant
        })
        .collect();
    book
}

fn pin(number: u32) -> CertificateId {
    let mut pin = [0; 32];
    pin[..4].copy_from_slice(&number.to_be_bytes());
    CertificateId::Key(pin)
}

fn host(number: u32) -> IpNet {
    let [_, b, c, d] = number.to_be_bytes();
    net(&format!("10.{b}.{c}.{d}/32"))
}

/// Questions and comparisons for the last grant of each kind, and for nobody's client.
fn costs(count: u32) -> Vec<(usize, usize)> {
    let snapshot = snapshot(with_grants(count));
    let (sender, recipient) = (from("scan@own.test"), to("bob@foreign.test"));
    let last = |kind: u32| (0..count).rev().find(|number| number % 3 == kind).unwrap();
    let (login, shown) = (format!("login{}", last(0)), pin(last(1)));
    let plain = facts(&sender, &recipient);
    let cases: [(Facts<'_>, Option<u32>); 4] = [
        (
            Facts {
                login: Fact::Known(Some(&login)),
                ..plain.clone()
            },
            Some(last(0)),
        ),
        (
            Facts {
                certificate: Fact::Known(std::slice::from_ref(&shown)),
                ..plain.clone()
            },
            Some(last(1)),
        ),
        (
            Facts {
                client: Fact::Known(host(last(2)).addr()),
                ..plain.clone()
            },
            Some(last(2)),
        ),
        (
            Facts {
                client: Fact::Known("192.0.2.1".parse().unwrap()),
                ..plain.clone()
            },
            None,
        ),
    ];
    cases
        .iter()
        .map(|(facts, grant)| {
            let mut reader = Counting {
                live: Live::new(facts),
                questions: 0,
                compared: 0,
            };
            let decision = decide(&snapshot, &mut reader);
            assert_eq!(decision.ground, grant.map(Ground::Grant));
            assert_eq!(decision.verdict == Verdict::Accept, grant.is_some());
            (reader.questions, reader.compared)
        })
        .collect()
}

#[test]
fn ten_thousand_grants_are_asked_no_more_than_three() {
    let few = costs(3);
    assert_eq!(costs(10_000), few);
    assert!(
        few.iter()
            .all(|(questions, compared)| *questions <= 30 && *compared <= 30),
        "{few:?}"
    );
}
