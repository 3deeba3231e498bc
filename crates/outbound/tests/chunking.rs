//! Stories of bodies: in counted chunks to those who take them, behind DATA to all others, the same octets either way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;
#[path = "house/server.rs"]
mod server;

use house::*;
use outbound::Config;
use server::{Authority, Kind, Real};
use smtp::server::BodyVia;
use wire::TlsClient;

/// Dots at line starts, a line of the longest, and more than one piece of the spool and one window of the network.
fn text() -> String {
    let mut text = "From: erp@example.edu\r\nSubject: dots\r\n\r\n.\r\n..\r\n. \r\n.x\r\n\r\n".to_owned();
    for number in 0..5000 {
        text.push_str(&format!(".{number} {}\r\n", "x".repeat(number % 900)));
    }
    text.push_str(".\r\n");
    text
}

#[tokio::test(start_paused = true)]
async fn a_chunking_peer_gets_bdat_others_get_data_and_the_octets_are_the_same() {
    let authority = Authority::new();
    for (chunking, via) in [(true, BodyVia::Bdat), (false, BodyVia::Data)] {
        let (world, handles) = world::sim::world(7);
        let tls = Some(TlsClient::new(authority.roots(), None, world.clock.clone()));
        let house = House::open_in(world, handles, Config { tls, ..usual_config() }, usual_dns()).await;
        let kind = Kind {
            chunking,
            ..Kind::new(authority.issue("mx1.example.org"))
        };
        let mx1 = Real::listen(&house.world, MX1, kind).await;
        let text = text();
        for _ in 0..2 {
            house.send_text(&text, &["bob@example.org"], |_| {}).await;
            house.pass(MINUTE).await;
        }
        let log = mx1.log();
        assert_eq!(log.via, [via; 2], "{:?}", log.lines);
        assert!(log.bodies.iter().all(|body| body == text.as_bytes()));
        assert_eq!(house.events.count("delivered"), 2);
    }
}
