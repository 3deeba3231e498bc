//! Stories of the address that a route connects from.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use house::*;
use outbound::Config;
use outbound::route::{Route, Routes, Target};
use spool::{Outcome, State};
use world::{BoxFuture, Listener, Net, Stream, World};

/// Where somebody connected to, and from which address they asked to.
type Seen = Arc<Mutex<Vec<(SocketAddr, Option<IpAddr>)>>>;

/// A network that writes down who connects where, and from which address they asked to.
struct Observed {
    net: Arc<dyn Net>,
    seen: Seen,
}

impl Net for Observed {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, std::io::Result<Box<dyn Listener>>> {
        self.net.listen(at)
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, std::io::Result<Box<dyn Stream>>> {
        self.seen.lock().unwrap().push((to, from));
        self.net.connect(to, from)
    }
}

/// A house with this source address, where each host of example.org has an address of either family.
async fn house_with(source: Option<&str>) -> (House, Seen) {
    let (world, handles) = world::sim::world(7);
    let seen = Seen::default();
    let net = Arc::new(Observed {
        net: world.net.clone(),
        seen: seen.clone(),
    });
    let route = Route {
        source: source.map(|ip| ip.parse().unwrap()),
        ..Route::new("internet", vec![], Target::Mx)
    };
    let config = Config {
        routes: Routes::new(vec![route], None),
        ..usual_config()
    };
    let dns = usual_dns()
        .with_address(name("mx1.example.org"), "2001:db8::1".parse().unwrap())
        .with_mx(name("six.example"), 10, name("only-six.example"))
        .with_address(name("only-six.example"), "2001:db8::6".parse().unwrap());
    (House::open_in(World { net, ..world }, handles, config, dns).await, seen)
}

fn is_delivered(state: &State) -> bool {
    let delivered = Outcome::Delivered;
    matches!(state, State::Done { outcome, .. } if *outcome == delivered)
}

#[tokio::test(start_paused = true)]
async fn a_route_connects_from_its_source_address_and_to_that_family_alone() {
    for (source, there) in [("192.0.2.200", "192.0.2.1:25"), ("2001:db8:1::200", "[2001:db8::1]:25")] {
        let (house, seen) = house_with(Some(source)).await;
        let peer = Peer::usual();
        for address in ["192.0.2.1:25", "[2001:db8::1]:25"] {
            peer.listen(&house.world, address).await;
        }
        for _ in 0..5 {
            let id = house.send(&["bob@example.org"]).await;
            house.pass(10 * MINUTE).await;
            assert!(is_delivered(&house.state(id).await), "{:?}", house.events.heard());
        }
        let seen = seen.lock().unwrap().clone();
        assert!(!seen.is_empty());
        assert!(
            seen.iter().all(|it| *it == (at(there), Some(source.parse().unwrap()))),
            "{seen:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_source_address_the_system_chooses_and_both_families_are_tried() {
    let (house, seen) = house_with(None).await;
    let peer = Peer::usual();
    peer.listen(&house.world, MX1).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert!(is_delivered(&house.state(id).await));
    assert_eq!(
        *seen.lock().unwrap(),
        [(at("[2001:db8::1]:25"), None), (at(MX1), None)],
        "the other family first, where nobody listens"
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_the_source_address_cannot_reach_is_said_and_not_tried() {
    let (house, seen) = house_with(Some("192.0.2.200")).await;
    for to in ["bob@six.example", "bob@[IPv6:2001:db8::7]"] {
        let id = house.send(&[to]).await;
        house.pass(MINUTE).await;
        assert!(
            matches!(house.state(id).await, State::Deferred { .. }),
            "{to} waits for the operator: {:?}",
            house.events.heard()
        );
    }
    assert!(seen.lock().unwrap().is_empty());
    for host in ["only-six.example", "[IPv6:2001:db8::7]"] {
        let told = format!("{host} has no address that can be reached from 192.0.2.200");
        let heard = house.events.heard();
        assert!(heard.iter().any(|line| line.contains(&told)), "{told}: {heard:?}");
    }
}
