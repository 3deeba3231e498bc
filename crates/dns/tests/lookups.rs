//! The real resolver against a name server of the test's own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dns::testing::{TestDns, Zone};
use dns::{Answer, DnsConfig, Mx, MxAnswer, NameServer, RealResolver, Resolver, Trouble};
use mail::Domain;

fn name(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn start(zone: Zone) -> (TestDns, RealResolver) {
    let server = TestDns::start(zone).await.unwrap();
    let resolver = RealResolver::new(&server.config()).unwrap();
    (server, resolver)
}

fn hosts(answer: MxAnswer) -> Vec<String> {
    match answer {
        MxAnswer::Found { records, .. } => records
            .iter()
            .map(|Mx { preference, host }| format!("{preference} {host}"))
            .collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn mx_records_come_by_rising_preference() {
    let zone = Zone::new()
        .mx("example.org", 20, "b.example.org")
        .mx("example.org", 10, "a.example.org");
    let (server, resolver) = start(zone).await;
    assert_eq!(
        hosts(resolver.mx(&name("example.org")).await),
        ["10 a.example.org", "20 b.example.org"]
    );
    assert_eq!(
        server.asked(),
        ["udp example.org. MX"],
        "one question, and no search list"
    );
}

#[tokio::test]
async fn a_null_mx_is_recognised() {
    let (_server, resolver) = start(Zone::new().mx("silent.example", 0, ".")).await;
    assert!(matches!(
        resolver.mx(&name("silent.example")).await,
        MxAnswer::Null { .. }
    ));
}

#[tokio::test]
async fn absence_has_two_kinds() {
    let (_server, resolver) = start(Zone::new().address("host.example", ip("192.0.2.1"))).await;
    assert_eq!(resolver.mx(&name("host.example")).await, MxAnswer::NoRecords);
    assert_eq!(resolver.mx(&name("nowhere.example")).await, MxAnswer::NoDomain);
    assert_eq!(resolver.addresses(&name("nowhere.example")).await, Answer::NoDomain);
}

#[tokio::test]
async fn addresses_of_both_families_come_together() {
    let zone = Zone::new()
        .address("both.example", ip("192.0.2.1"))
        .address("both.example", ip("2001:db8::1"))
        .address("six.example", ip("2001:db8::2"));
    let (_server, resolver) = start(zone).await;
    let both = resolver.addresses(&name("both.example")).await;
    assert_eq!(both.records(), [ip("192.0.2.1"), ip("2001:db8::1")]);
    assert_eq!(
        resolver.addresses(&name("six.example")).await.records(),
        [ip("2001:db8::2")]
    );
}

#[tokio::test]
async fn aliases_are_followed() {
    let zone = Zone::new()
        .cname("www.example", "host.example")
        .address("host.example", ip("192.0.2.1"));
    let (_server, resolver) = start(zone).await;
    assert_eq!(
        resolver.addresses(&name("www.example")).await.records(),
        [ip("192.0.2.1")]
    );
}

#[tokio::test]
async fn text_is_joined_and_addresses_have_names() {
    let zone = Zone::new()
        .txt("example.org", &["v=spf1 ip4:192.0.2.0/24", " -all"])
        .ptr(ip("192.0.2.1"), "mx.example.org")
        .ptr(ip("2001:db8::1"), "mx.example.org");
    let (_server, resolver) = start(zone).await;
    assert_eq!(
        resolver.txt(&name("example.org")).await.records(),
        [b"v=spf1 ip4:192.0.2.0/24 -all"]
    );
    assert_eq!(resolver.ptr(ip("192.0.2.1")).await.records(), [name("mx.example.org")]);
    assert_eq!(
        resolver.ptr(ip("2001:db8::1")).await.records(),
        [name("mx.example.org")]
    );
    assert_eq!(resolver.ptr(ip("192.0.2.2")).await, Answer::NoDomain);
}

#[tokio::test]
async fn failures_are_temporary_and_never_absences() {
    let (_server, resolver) = start(Zone::new().server_failure("broken.example").refused("secret.example")).await;
    let failed = MxAnswer::Temporary(Trouble::ServerFailure);
    assert_eq!(resolver.mx(&name("broken.example")).await, failed);
    assert_eq!(
        resolver.mx(&name("secret.example")).await,
        MxAnswer::Temporary(Trouble::Refused)
    );
    assert_eq!(
        resolver.addresses(&name("broken.example")).await,
        Answer::Temporary(Trouble::ServerFailure)
    );
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let server = TestDns::start(Zone::new().silent("silent.example")).await.unwrap();
    let config = DnsConfig {
        timeout: Duration::from_millis(300),
        ..server.config()
    };
    let resolver = RealResolver::new(&config).unwrap();
    assert_eq!(
        resolver.mx(&name("silent.example")).await,
        MxAnswer::Temporary(Trouble::Timeout)
    );
}

#[tokio::test]
async fn what_does_not_fit_a_datagram_comes_over_tcp() {
    let (server, resolver) = start(
        Zone::new()
            .truncated("big.example")
            .mx("big.example", 10, "mx.big.example"),
    )
    .await;
    assert_eq!(hosts(resolver.mx(&name("big.example")).await), ["10 mx.big.example"]);
    assert_eq!(server.asked(), ["udp big.example. MX", "tcp big.example. MX"]);
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_fails() {
    let broken = TestDns::start(Zone::new().server_failure("example.org")).await.unwrap();
    let sound = TestDns::start(Zone::new().mx("example.org", 10, "mx.example.org"))
        .await
        .unwrap();
    let servers = [&broken, &sound]
        .map(|server| NameServer {
            address: server.address(),
            trust_ad: false,
        })
        .to_vec();
    let resolver = RealResolver::new(&DnsConfig {
        servers,
        ..DnsConfig::default()
    })
    .unwrap();
    assert_eq!(hosts(resolver.mx(&name("example.org")).await), ["10 mx.example.org"]);
    // An absence is an answer: nobody else is asked.
    assert_eq!(resolver.mx(&name("other.example")).await, MxAnswer::NoDomain);
    assert!(!sound.asked().iter().any(|question| question.contains("other.example")));
}

#[tokio::test]
async fn a_server_that_is_not_there_makes_no_absence() {
    let gone = { TestDns::start(Zone::new()).await.unwrap().address() };
    let servers = vec![NameServer {
        address: SocketAddr::new(gone.ip(), 1),
        trust_ad: false,
    }];
    let resolver = RealResolver::new(&DnsConfig {
        servers,
        timeout: Duration::from_millis(300),
    })
    .unwrap();
    assert!(matches!(
        resolver.mx(&name("example.org")).await,
        MxAnswer::Temporary(_)
    ));
}

#[tokio::test]
async fn security_is_believed_only_of_a_server_that_is_trusted() {
    let server = TestDns::start(Zone::new().mx("example.org", 10, "mx.example.org").secure())
        .await
        .unwrap();
    for trust_ad in [true, false] {
        let servers = vec![NameServer {
            address: server.address(),
            trust_ad,
        }];
        let resolver = RealResolver::new(&DnsConfig {
            servers,
            ..DnsConfig::default()
        })
        .unwrap();
        let MxAnswer::Found { secure, .. } = resolver.mx(&name("example.org")).await else {
            panic!("no MX")
        };
        assert_eq!(secure, trust_ad);
    }
}
