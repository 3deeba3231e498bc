//! Stories of next hops that want to know who we are: logins and certificates of ours.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;
#[path = "house/server.rs"]
mod server;

use house::*;
use mail::Mechanism;
use outbound::Config;
use outbound::route::{Endpoint, Route, Routes, Target, TlsPolicy};
use server::{Authority, Kind, Real, SECRET, USER};
use smtp::client::Login;
use smtp::server::Transport;
use spool::{Outcome, State};
use wire::{Asking, TlsClient};

const SMART: &str = "192.0.2.99:587";

/// A route to the smart host, by name, with this login.
fn smart_route(secret: &str) -> Route {
    let host = Endpoint {
        host: mail::Host::parse("smart.example.org").unwrap(),
        port: 587,
    };
    Route {
        tls: TlsPolicy::Verify,
        login: Some(Login::new(USER, secret).unwrap()),
        ..Route::new("smart", vec![], Target::Hosts(vec![host]))
    }
}

/// A house whose only way out is this route.
async fn house_with(route: Route, authority: &Authority) -> House {
    let (world, handles) = world::sim::world(7);
    let config = Config {
        routes: Routes::new(vec![route], None),
        tls: Some(TlsClient::new(authority.roots(), None, world.clock.clone())),
        ..usual_config()
    };
    let dns = usual_dns().with_address(name("smart.example.org"), at(SMART).ip());
    House::open_in(world, handles, config, dns).await
}

fn is_delivered(state: &State) -> bool {
    let delivered = Outcome::Delivered;
    matches!(state, State::Done { outcome, .. } if *outcome == delivered)
}

#[tokio::test(start_paused = true)]
async fn a_login_is_said_with_either_mechanism_over_starttls_and_implicit_tls() {
    let authority = Authority::new();
    for mechanisms in [
        vec![Mechanism::Plain],
        vec![Mechanism::Login],
        vec![Mechanism::Login, Mechanism::Plain],
    ] {
        for transport in [Transport::Clear, Transport::ImplicitTls] {
            let route = Route {
                implicit_tls: transport == Transport::ImplicitTls,
                ..smart_route(SECRET)
            };
            let house = house_with(route, &authority).await;
            let kind = Kind {
                transport,
                mechanisms: mechanisms.clone(),
                ..Kind::new(authority.issue("smart.example.org"))
            };
            let smart = Real::listen(&house.world, SMART, kind).await;
            let id = house.send(&["bob@example.org", "ann@example.com"]).await;
            house.pass(MINUTE).await;
            let heard = house.events.heard();
            assert!(
                is_delivered(&house.state(id).await),
                "{mechanisms:?} {transport:?} {heard:?}"
            );
            assert_eq!((smart.count("logged in"), smart.taken()), (1, 1));
            // One mechanism in one round trip is preferred where there is a choice.
            let plain = usize::from(mechanisms.contains(&Mechanism::Plain));
            assert_eq!(
                (smart.count("AUTH Plain"), smart.count("AUTH Login")),
                (plain, 1 - plain)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn letters_that_follow_each_other_log_in_once() {
    let authority = Authority::new();
    let house = house_with(smart_route(SECRET), &authority).await;
    let kind = Kind {
        mechanisms: vec![Mechanism::Plain],
        ..Kind::new(authority.issue("smart.example.org"))
    };
    let smart = Real::listen(&house.world, SMART, kind).await;
    for _ in 0..3 {
        house.send(&["bob@example.org"]).await;
        house.pass(MINUTE).await;
    }
    assert_eq!((smart.taken(), smart.count("logged in")), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_refused_is_said_and_the_mail_waits_for_whoever_mends_it() {
    for mechanism in [Mechanism::Plain, Mechanism::Login] {
        let authority = Authority::new();
        let house = house_with(smart_route("an old secret"), &authority).await;
        let kind = Kind {
            mechanisms: vec![mechanism],
            ..Kind::new(authority.issue("smart.example.org"))
        };
        let smart = Real::listen(&house.world, SMART, kind).await;
        let id = house.send(&["bob@example.org"]).await;
        house.pass(HOUR).await;
        assert!(matches!(house.state(id).await, State::Deferred { .. }));
        assert_eq!((smart.count("MAIL"), smart.taken()), (0, 0));
        assert!(smart.count("wrong login") > 1, "it is tried again");
        let heard = house.events.heard();
        let told = heard.iter().find(|line| line.starts_with("deferred")).unwrap();
        assert!(
            told.contains("4.7.8") && told.contains("Wrong name or password"),
            "{told}"
        );
        let all = format!("{heard:?} {:?}", house.story(id).await);
        assert!(!all.contains("old secret"), "the secret is nobody's to read");
        assert!(house.desk.texts().is_empty(), "the sender can do nothing about it");

        // The operator writes the right secret into the file; what waits goes on.
        let routes = Routes::new(vec![smart_route(SECRET)], None);
        let tls = Some(TlsClient::new(authority.roots(), None, house.world.clock.clone()));
        house.outbound.reconfigure(Config {
            routes,
            tls,
            ..usual_config()
        });
        house.outbound.control().retry_now(spool::Selector::All).await.unwrap();
        house.pass(MINUTE).await;
        assert!(is_delivered(&house.state(id).await), "{:?}", house.events.heard());
    }
}

#[tokio::test(start_paused = true)]
async fn a_smart_host_without_logins_gets_no_mail() {
    let authority = Authority::new();
    let house = house_with(smart_route(SECRET), &authority).await;
    let smart = Real::listen(&house.world, SMART, Kind::new(authority.issue("smart.example.org"))).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert!(matches!(house.state(id).await, State::Deferred { .. }));
    assert_eq!(smart.count("MAIL"), 0);
    let heard = house.events.heard();
    let told = heard.iter().find(|line| line.starts_with("deferred")).unwrap();
    assert!(told.contains("4.7.4") && told.contains("no way to log in"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_login_is_never_said_in_the_clear_though_the_route_were_content_with_clear_text() {
    // One offers no TLS at all; the other's handshake fails, and what follows is a connection in the clear.
    let offers: [&[&'static str]; 2] = [&["AUTH PLAIN LOGIN"], &["STARTTLS", "AUTH PLAIN LOGIN"]];
    for offers in offers {
        let route = Route {
            tls: TlsPolicy::Opportunistic,
            ..smart_route(SECRET)
        };
        let house = house_with(route, &Authority::new()).await;
        let smart = Peer::with(offers, |_, line| match line {
            "STARTTLS" => Some("220 2.0.0 go on".into()),
            line if line.contains('\u{16}') || !line.is_ascii() => Some("drop".into()),
            _ => None,
        });
        smart.listen(&house.world, SMART).await;
        let id = house.send(&["bob@example.org"]).await;
        house.pass(HOUR).await;
        assert!(matches!(house.state(id).await, State::Deferred { .. }));
        let notes = smart.notes();
        assert!(notes.connections.len() > 1);
        assert_eq!((notes.said("AUTH"), notes.said("MAIL")), (0, 0), "{:?}", notes.lines);
    }
}

#[tokio::test(start_paused = true)]
async fn a_smart_host_that_is_not_who_it_says_hears_no_login() {
    let authority = Authority::new();
    for impostor in [
        authority.issue("other.example.org"),
        Authority::new().issue("smart.example.org"),
    ] {
        let house = house_with(smart_route(SECRET), &authority).await;
        let kind = Kind {
            mechanisms: vec![Mechanism::Plain],
            ..Kind::new(impostor)
        };
        let smart = Real::listen(&house.world, SMART, kind).await;
        let id = house.send(&["bob@example.org"]).await;
        house.pass(HOUR).await;
        assert!(matches!(house.state(id).await, State::Deferred { .. }));
        assert_eq!((smart.count("AUTH"), smart.count("MAIL")), (0, 0));
        assert!(smart.count("connection") > 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_ours_is_shown_to_a_next_hop_that_asks() {
    let authority = Authority::new();
    for (asking, ours) in [(Asking::Optional, true), (Asking::Optional, false), (Asking::No, true)] {
        let (world, handles) = world::sim::world(7);
        let identity = ours.then(|| authority.issue("gate.example.edu"));
        let route = Route {
            tls: TlsPolicy::Verify,
            tls_client: Some(TlsClient::new(authority.roots(), identity, world.clock.clone())),
            ..Route::new("internet", vec![], Target::Mx)
        };
        let config = Config {
            routes: Routes::new(vec![route], None),
            ..usual_config()
        };
        let house = House::open_in(world, handles, config, usual_dns()).await;
        let kind = Kind {
            asking,
            ..Kind::new(authority.issue("mx1.example.org"))
        };
        let mx1 = Real::listen(&house.world, MX1, kind).await;
        let id = house.send(&["bob@example.org"]).await;
        house.pass(MINUTE).await;
        assert!(is_delivered(&house.state(id).await), "{:?}", house.events.heard());
        let shown: Vec<bool> = mx1.log().shown.iter().map(Option::is_some).collect();
        assert_eq!(shown, [ours && asking == Asking::Optional], "{asking:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_verifies_by_a_certificate_for_that_address_only() {
    let authority = Authority::new();
    for (made_out_to, good) in [
        ("192.0.2.99", true),
        ("192.0.2.98", false),
        ("smart.example.org", false),
    ] {
        let host = Endpoint {
            host: mail::Host::parse("[192.0.2.99]").unwrap(),
            port: 587,
        };
        let route = Route {
            tls: TlsPolicy::Verify,
            ..Route::new("smart", vec![], Target::Hosts(vec![host]))
        };
        let house = house_with(route, &authority).await;
        let smart = Real::listen(&house.world, SMART, Kind::new(authority.issue(made_out_to))).await;
        let id = house.send(&["bob@example.org"]).await;
        house.pass(HOUR).await;
        let heard = house.events.heard();
        assert_eq!(is_delivered(&house.state(id).await), good, "{made_out_to} {heard:?}");
        assert_eq!(smart.count("MAIL") > 0, good);
        if good {
            let attempts = house.story(id).await.recipients[0].attempts.clone();
            assert!(attempts[0].tls.contains("verified as 192.0.2.99"), "{attempts:?}");
        }
    }
}
