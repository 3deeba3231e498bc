//! Stories of channels: what each policy does with peers whose TLS is good, bad or not there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use house::*;
use mail::{EnhancedCode, Reply, Tolerances};
use outbound::Config;
use outbound::route::{Route, Routes, Target, TlsPolicy};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use smtp::server::{Answer, Event, Question, Server, ServerConfig, Transport};
use spool::{Outcome, State};
use wire::{
    Asked, Asking, Ended, Identity, Patience, Roots, ServeConfig, SessionHandler, Shutdown, TlsClient, TlsFacts,
    TlsServer, drive_server,
};
use world::BoxFuture;

/// Takes every message.
struct Clerk(Arc<Mutex<usize>>);

impl SessionHandler for Clerk {
    fn ask(&mut self, question: Question) -> Asked<'_> {
        let ok = || Answer::Reply(Reply::new(250, EnhancedCode::new(2, 0, 0), "OK"));
        let answer = match question {
            Question::Connect => Answer::Greet {
                reply: Reply::plain(220, "mx1.example.org ESMTP"),
                tolerances: Tolerances::default(),
            },
            Question::BodyBegin { .. } => Answer::Proceed,
            Question::BodyEnd { .. } => {
                *self.0.lock().unwrap() += 1;
                ok()
            }
            Question::Refusal(violation) => Answer::Reply(violation.reply),
            _ => ok(),
        };
        Asked::Now(answer)
    }

    fn body(&mut self, _: Bytes) -> Option<BoxFuture<'_, ()>> {
        None
    }

    fn event(&mut self, _: Event) {}

    fn tls(&mut self, _: TlsFacts) {}

    fn closed(&mut self, _: &Ended) {}
}

/// An authority, and a certificate of it for `host`.
fn certificate(host: &str) -> (Roots, Identity) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let roots = Roots::none()
        .with_pem(params.self_signed(&key).unwrap().pem().as_bytes())
        .unwrap();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let chain = CertificateParams::new(vec![host.to_owned()])
        .unwrap()
        .signed_by(&own, &issuer)
        .unwrap()
        .pem();
    (
        roots,
        Identity::from_pem(chain.as_bytes(), own.serialize_pem().as_bytes()).unwrap(),
    )
}

/// A real server at MX1 with this certificate; counts the messages it takes.
async fn real_peer(house: &House, identity: Identity, transport: Transport) -> Arc<Mutex<usize>> {
    let clock = house.world.clock.clone();
    let tls = Arc::new(TlsServer::new(vec![identity], Asking::No, clock.clone()).unwrap());
    let shutdown = Shutdown::never();
    let config = ServeConfig {
        transport,
        tls: Some(tls),
        clock,
        shutdown,
        crowd: wire::Crowd::never(),
        patience: Patience::default(),
    };
    let mut dialogue = ServerConfig::new(name("mx1.example.org"));
    dialogue.offer.starttls = transport == Transport::Clear;
    let (dialogue, taken) = (Arc::new(dialogue), Arc::<Mutex<usize>>::default());
    let counted = taken.clone();
    let listener = house.world.net.listen(at(MX1)).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = Server::new(dialogue.clone(), transport, config.clock.monotonic());
            let (config, taken) = (config.clone(), taken.clone());
            tokio::spawn(async move {
                drive_server(stream, server, &mut Clerk(taken), &config).await;
            });
        }
    });
    counted
}

async fn house_with(tls: TlsPolicy, implicit_tls: bool, roots: Roots) -> House {
    let (world, handles) = world::sim::world(7);
    let route = Route {
        tls,
        implicit_tls,
        ..Route::new("internet", vec![], Target::Mx)
    };
    let client = TlsClient::new(roots, None, world.clock.clone());
    let config = Config {
        routes: Routes::new(vec![route], None),
        tls: Some(client),
        ..usual_config()
    };
    House::open_in(world, handles, config, usual_dns()).await
}

fn is_delivered(state: &State) -> bool {
    matches!(
        state,
        State::Done {
            outcome: Outcome::Delivered,
            ..
        }
    )
}

#[tokio::test(start_paused = true)]
async fn a_certificate_for_the_hosts_name_satisfies_every_policy_and_the_story_says_so() {
    for tls in [TlsPolicy::Opportunistic, TlsPolicy::Require, TlsPolicy::Verify] {
        for transport in [Transport::Clear, Transport::ImplicitTls] {
            let (roots, identity) = certificate("mx1.example.org");
            let house = house_with(tls, transport == Transport::ImplicitTls, roots).await;
            let taken = real_peer(&house, identity, transport).await;
            let id = house.send(&["bob@example.org"]).await;
            house.pass(MINUTE).await;
            assert!(
                is_delivered(&house.state(id).await),
                "{tls:?} {transport:?} {:?}",
                house.events.heard()
            );
            assert_eq!(*taken.lock().unwrap(), 1);
            let attempts = house.story(id).await.recipients[0].attempts.clone();
            assert!(
                attempts[0].tls.contains("TLSv1.3") && attempts[0].tls.contains("verified as"),
                "{attempts:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_for_another_name_is_enough_except_where_the_name_is_demanded() {
    for tls in [TlsPolicy::Opportunistic, TlsPolicy::Require, TlsPolicy::Verify] {
        let (roots, identity) = certificate("elsewhere.example");
        let house = house_with(tls, false, roots).await;
        let taken = real_peer(&house, identity, Transport::Clear).await;
        let id = house.send(&["bob@example.org"]).await;
        house.pass(HOUR).await;
        let delivered = is_delivered(&house.state(id).await);
        assert_eq!(delivered, tls != TlsPolicy::Verify, "{tls:?}");
        assert_eq!(*taken.lock().unwrap(), usize::from(delivered));
        let attempts = house.story(id).await.recipients[0].attempts.clone();
        if delivered {
            assert!(attempts[0].tls.contains("unverified"), "{attempts:?}");
        }
    }
}

/// Offers STARTTLS and then speaks no TLS.
fn broken_tls() -> Peer {
    Peer::with(&["STARTTLS", "8BITMIME"], |_, line| match line {
        "STARTTLS" => Some("220 2.0.0 go on".into()),
        // What comes now is the first line that a ClientHello happens to have.
        line if !line.is_ascii() || line.contains('\u{16}') => Some("500 5.5.2 What?".into()),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_fails_leads_to_clear_text_on_a_new_connection_only_where_that_is_allowed() {
    for tls in [TlsPolicy::Opportunistic, TlsPolicy::Require, TlsPolicy::Verify] {
        let house = house_with(tls, false, Roots::none()).await;
        let mx1 = broken_tls();
        mx1.listen(&house.world, MX1).await;
        let id = house.send(&["bob@example.org"]).await;
        house.pass(HOUR).await;
        let delivered = is_delivered(&house.state(id).await);
        assert_eq!(
            delivered,
            tls == TlsPolicy::Opportunistic,
            "{tls:?} {:?}",
            house.events.heard()
        );
        let notes = mx1.notes();
        if delivered {
            assert_eq!(
                notes.letters[0].connection, 1,
                "the connection behind the one that failed"
            );
            assert_eq!(house.events.count("deferred"), 0);
        } else {
            assert_eq!(notes.said("MAIL"), 0);
        }
    }
}
