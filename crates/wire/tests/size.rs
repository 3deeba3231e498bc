//! What an idle session costs.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use smtp::server::{Server, Transport};
use support::{Clerk, House};
use wire::drive_server;

#[tokio::test(start_paused = true)]
async fn a_session_takes_little_room_beside_its_dialogue() {
    let house = House::new();
    let (near, _far) = {
        let listener = house.world.net.listen(support::mx_addr()).await.unwrap();
        let near = house.connect().await.stream;
        (near, listener.accept().await.unwrap().0)
    };
    let config = house.serve_config(Transport::Clear);
    let server = Server::new(Arc::new(house.dialogue.clone()), Transport::Clear, Duration::ZERO);
    let mut clerk = Clerk {
        notes: house.notes.clone(),
        thinks: Duration::ZERO,
        reads: Duration::ZERO,
    };
    let session = drive_server(near, server, &mut clerk, &config);
    let octets = std::mem::size_of_val(&session);
    assert!(
        octets <= 2 * 1024,
        "{octets} octets, the dialogue itself {}",
        std::mem::size_of::<Server>()
    );
}
