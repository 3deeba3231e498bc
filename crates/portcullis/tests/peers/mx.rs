//! Where mail for the internet goes: MX hosts by preference, and none where a domain says so.
//!
//! MX hosts are spoken to on port 25, so these tests listen there on loopback addresses of their own, and say that
//! they did not run where they may not.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::house::{Gate, Outside, Plan, Sink, eventually, letter};
use dns::testing::Zone;
use world::Rng;

fn copy(gate: &Gate, to: &str, subject: &str) {
    gate.copy(to, &letter("scan@devices.example.edu", to, subject));
}

/// A loopback address that no other test uses.
fn own_address() -> IpAddr {
    let number = world::SystemRng.next_u64().to_be_bytes();
    Ipv4Addr::new(127, 64 + number[0] % 128, number[1], 1 + number[2] % 254).into()
}

/// A sink on port 25 of an address of its own.
fn mx_host(outside: &Outside, name: &str) -> Option<Sink> {
    match outside.sink_at(name, SocketAddr::new(own_address(), 25), None) {
        Ok(sink) => Some(sink),
        Err(error) => {
            eprintln!("DID NOT RUN: port 25 of a loopback address cannot be had: {error}");
            None
        }
    }
}

fn gate(outside: &Outside, inside: &Sink, zone: Zone) -> (Gate, dns::testing::TestDns) {
    let dns = outside.dns(zone);
    let more = format!("[dns]\nservers = [\"{}\"]\n", dns.address());
    let plan = Plan {
        internet: "to = \"mx\"".into(),
        more,
        ..Plan::to(inside, inside)
    };
    (Gate::start(plan), dns)
}

#[test]
fn the_next_mx_host_takes_what_the_first_does_not() {
    let outside = Outside::new();
    let inside = outside.sink("inside");
    let Some(second) = mx_host(&outside, "second") else {
        return;
    };
    let Some(plain) = mx_host(&outside, "plain") else {
        return;
    };
    let zone = Zone::new()
        .mx("dest.test", 10, "nobody-there.dest.test")
        .mx("dest.test", 20, "second.dest.test")
        .address("nobody-there.dest.test", own_address())
        .address("second.dest.test", second.address.ip())
        .address("no-mx.test", plain.address.ip());
    let (gate, dns) = gate(&outside, &inside, zone);
    copy(&gate, "anna@dest.test", "fallback");
    assert_eq!(second.receive("fallback").0.to, ["anna@dest.test"]);
    copy(&gate, "anna@no-mx.test", "implicit-mx");
    assert_eq!(plain.receive("implicit-mx").0.to, ["anna@no-mx.test"]);
    assert!(
        dns.asked().iter().any(|question| question == "udp dest.test. MX"),
        "{:?}",
        dns.asked()
    );
}

#[test]
fn a_domain_that_takes_no_mail_and_one_that_does_not_exist_come_back_to_the_contact() {
    let outside = Outside::new();
    let inside = outside.sink("inside");
    let (gate, _dns) = gate(&outside, &inside, Zone::new().mx("silent.test", 0, "."));
    for (to, code) in [("anna@silent.test", "5.1.10"), ("anna@nowhere.test", "5.1.2")] {
        copy(&gate, to, "never");
        // A device reads no mail: its troubles go to the contact of its grant.
        let notice = eventually(&format!("the notice about {to}"), || {
            let messages = inside.messages();
            messages
                .into_iter()
                .find(|(_, octets)| String::from_utf8_lossy(octets).contains(to))
        });
        let text = String::from_utf8_lossy(&notice.1).into_owned();
        assert_eq!(
            (notice.0.from.as_str(), notice.0.to.as_slice()),
            ("", &["it@example.edu".to_owned()][..])
        );
        assert!(text.contains(&format!("Status: {code}")), "{text}");
        assert!(text.contains("Auto-Submitted: auto-replied"), "{text}");
    }
}
