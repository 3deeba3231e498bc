use std::time::Duration;

use dns::Trouble;
use world::sim::SeedRng;

use super::*;
use crate::outcome::Fate;

fn name(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn routes() -> Routes {
    let hosts = |host: &str| {
        Target::Hosts(vec![Endpoint {
            host: Host::parse(host).unwrap(),
            port: 25,
        }])
    };
    let pattern = |text| DomainPattern::parse(text).unwrap();
    Routes::new(
        vec![
            Route::new("below", vec![pattern("*.example.edu")], hosts("inside.example.edu")),
            Route::new("chem", vec![pattern("*.chem.example.edu")], hosts("chem.example.edu")),
            Route::new("lab", vec![pattern("lab.chem.example.edu")], hosts("lab.example.edu")),
            Route::new("internet", vec![], Target::Mx),
        ],
        Some(name("example.edu")),
    )
}

fn found(records: &[(u16, &str)]) -> MxAnswer {
    let records = records
        .iter()
        .map(|(preference, host)| Mx {
            preference: *preference,
            host: name(host),
        })
        .collect();
    MxAnswer::Found {
        records,
        ttl: Duration::from_secs(60),
        secure: false,
    }
}

fn hop_names(answer: MxAnswer, ourselves: &Ourselves, seed: u64) -> Result<Vec<String>, Verdict> {
    let route = Arc::new(Route::new("internet", vec![], Target::Mx));
    by_mx(&route, &name("example.org"), answer, ourselves, 25, &SeedRng::new(seed))
        .map(|next| next.hops.iter().map(|hop| hop.at.host.to_string()).collect())
}

#[test]
fn the_closest_declaration_wins() {
    let routes = routes();
    let name_of = |text: &str| routes.route_for(&Host::parse(text).unwrap()).route.name.to_string();
    assert_eq!(name_of("a.example.edu"), "below");
    assert_eq!(name_of("a.chem.example.edu"), "chem");
    assert_eq!(name_of("lab.chem.example.edu"), "lab");
    assert_eq!(name_of("example.edu"), "internet");
    assert_eq!(name_of("[192.0.2.1]"), "internet");
    assert_eq!(
        Routes::new(vec![], None)
            .route_for(&Host::parse("a.b").unwrap())
            .route
            .to,
        Target::Mx
    );
}

#[test]
fn postmaster_without_a_domain_lives_at_the_first_of_ours() {
    assert_eq!(
        routes().site_of(&ForwardPath::Postmaster),
        Some(Host::Domain(name("example.edu")))
    );
    assert_eq!(Routes::new(vec![], None).site_of(&ForwardPath::Postmaster), None);
}

#[test]
fn an_address_literal_is_its_own_next_hop_unless_a_smart_host_takes_everything() {
    let literal = Host::parse("[192.0.2.1]").unwrap();
    let direct = without_dns(routes().route_for(&literal), &literal, 25).unwrap();
    assert_eq!(
        *direct.hops,
        vec![Hop {
            at: Endpoint {
                host: literal.clone(),
                port: 25
            },
            preference: 0
        }]
    );
    let smart = Endpoint {
        host: Host::parse("smart.example").unwrap(),
        port: 587,
    };
    let routes = Routes::new(
        vec![Route::new("smart", vec![], Target::Hosts(vec![smart.clone()]))],
        None,
    );
    let next = without_dns(routes.route_for(&literal), &literal, 25).unwrap();
    assert_eq!(
        (next.hops.first().unwrap().at.clone(), &*next.key),
        (smart, "route:smart")
    );
}

#[test]
fn hosts_come_by_preference_and_equals_are_shuffled() {
    let answer = || found(&[(20, "c.example"), (10, "a.example"), (10, "b.example")]);
    let mut orders = BTreeSet::new();
    for seed in 0..20 {
        let names = hop_names(answer(), &Ourselves::default(), seed).unwrap();
        assert_eq!(names.last().unwrap(), "c.example");
        assert_eq!(
            names,
            hop_names(answer(), &Ourselves::default(), seed).unwrap(),
            "the seed decides"
        );
        orders.insert(names);
    }
    assert_eq!(orders.len(), 2);
}

#[test]
fn a_domain_without_mx_stands_in_for_itself() {
    assert_eq!(
        hop_names(MxAnswer::NoRecords, &Ourselves::default(), 0).unwrap(),
        ["example.org"]
    );
}

#[test]
fn answers_without_hosts_say_why() {
    let fate = |answer| {
        let verdict = hop_names(answer, &Ourselves::default(), 0).unwrap_err();
        (verdict.fate, verdict.code.to_string())
    };
    assert_eq!(
        fate(MxAnswer::Null { ttl: Duration::ZERO }),
        (Fate::Failed, "5.1.10".into())
    );
    assert_eq!(fate(MxAnswer::NoDomain), (Fate::Failed, "5.1.2".into()));
    assert_eq!(
        fate(MxAnswer::Temporary(Trouble::Timeout)),
        (Fate::Deferred, "4.4.3".into())
    );
}

#[test]
fn where_we_are_among_the_hosts_only_better_ones_are_tried() {
    let ourselves = Ourselves {
        names: BTreeSet::from([name("us.example")]),
        ..Ourselves::default()
    };
    let answer = found(&[
        (5, "best.example"),
        (10, "us.example"),
        (10, "peer.example"),
        (20, "worse.example"),
    ]);
    assert_eq!(hop_names(answer, &ourselves, 0).unwrap(), ["best.example"]);
    let verdict = hop_names(found(&[(10, "us.example"), (20, "worse.example")]), &ourselves, 0).unwrap_err();
    assert_eq!((verdict.fate, verdict.code.to_string()), (Fate::Failed, "5.4.6".into()));
}

#[test]
fn domains_with_the_same_hosts_are_one_destination() {
    let route = Arc::new(Route::new("internet", vec![], Target::Mx));
    let key = |domain: &str, answer, seed| {
        by_mx(
            &route,
            &name(domain),
            answer,
            &Ourselves::default(),
            25,
            &SeedRng::new(seed),
        )
        .unwrap()
        .key
    };
    let one = key("a.example", found(&[(10, "mx1.example"), (10, "mx2.example")]), 1);
    let other = key("b.example", found(&[(1, "mx2.example"), (2, "mx1.example")]), 2);
    assert_eq!(one, other);
    assert_ne!(one, key("c.example", found(&[(10, "mx1.example")]), 1));
}

#[test]
fn we_know_our_own_listeners() {
    let ourselves = Ourselves {
        listeners: vec!["0.0.0.0:25".parse().unwrap(), "192.0.2.9:587".parse().unwrap()],
        interfaces: BTreeSet::from(["192.0.2.1".parse().unwrap()]),
        ..Ourselves::default()
    };
    for (address, ours) in [
        ("192.0.2.1:25", true),
        ("[::ffff:192.0.2.1]:25", true),
        ("127.0.0.1:25", true),
        ("192.0.2.9:587", true),
        ("192.0.2.1:26", false),
        ("192.0.2.9:25", false),
        ("198.51.100.1:25", false),
    ] {
        assert_eq!(ourselves.listens_at(address.parse().unwrap()), ours, "{address}");
    }
}

#[test]
fn addresses_alternate_between_the_families_that_the_source_can_reach() {
    let all: Vec<IpAddr> = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"]
        .iter()
        .map(|ip| ip.parse().unwrap())
        .collect();
    let order = order_addresses(&all, None, &SeedRng::new(3));
    let families: Vec<bool> = order.iter().map(IpAddr::is_ipv6).collect();
    assert_eq!(families, [true, false, true, false]);
    assert!(
        order_addresses(&all, Some("10.0.0.1".parse().unwrap()), &SeedRng::new(3))
            .iter()
            .all(IpAddr::is_ipv4)
    );
    assert!(order_addresses(&all[..2], Some("2001:db8::9".parse().unwrap()), &SeedRng::new(3)).is_empty());
}
