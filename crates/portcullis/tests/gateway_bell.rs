//! A database that several gates share tells each of them when something has changed: nobody waits for the next look.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod gateway_house;
#[path = "../../registry/src/store/postgres/tests/server.rs"]
mod postgres;

use std::sync::Arc;
use std::time::Duration;

use gateway_house::{Client, House, Peer, Running, grant};
use portcullis::registrar;
use registry::{Actor, Role};
use world::{BoxFuture, Clock, SystemClock};

/// A clock on which a second never ends, and less than half of one does: a gate that lives by it looks at nothing again by
/// itself.
struct NoSecond(SystemClock);

const SHORT: Duration = Duration::from_millis(500);
/// A client that came more often would be one that comes too often.
const LOOKED_AGAIN: Duration = Duration::from_millis(500);

impl Clock for NoSecond {
    fn wall(&self) -> i64 {
        self.0.wall()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        match at.saturating_sub(self.monotonic()) < SHORT {
            true => self.0.sleep_until(at),
            false => Box::pin(std::future::pending()),
        }
    }
}

/// In a session of its own each time: who is refused too often in one waits for seconds.
async fn is_answered(running: &Running, start: &str) {
    let asking = async {
        loop {
            let mut scanner = Client::connect(running.address("devices"), "127.0.0.2").await;
            scanner.expect("220").await;
            scanner.ask("EHLO scanner", "250").await;
            scanner.say(b"MAIL FROM:<scan@example.edu>\r\n").await;
            if scanner.expect("").await.starts_with(start) {
                return;
            }
            tokio::time::sleep(LOOKED_AGAIN).await;
        }
    };
    let answered = tokio::time::timeout(Duration::from_secs(30), asking).await;
    answered.unwrap_or_else(|_| panic!("never answered {start}: nobody was told of the change"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_changes_in_postgresql_is_heard_and_not_waited_for() {
    let Some(server) = postgres::Server::start() else {
        return;
    };
    let peer = Peer::usual().await;
    let mut house = House::new(peer.address, peer.address);
    house.clock = Some(Arc::new(NoSecond(SystemClock::new())));
    let registry = format!(
        "[registry]\ndatabase = \"{}\"\n[registry.roles]\nadmin = [\"relay@example.edu\"]\n",
        server.url("postgres")
    );
    house.write(&(house.text_without_grants() + &registry + &grant("scanner", "127.0.0.2")));
    let running = house.start().await;
    let admin = Actor::human("relay@example.edu", Role::Admin);
    let config = house.config();
    let settings = config.registry.clone().unwrap();
    // The first may be seen in the first look, the others by nothing but the bell.
    for _ in 0..3 {
        let (settings, admin, now) = (settings.clone(), admin.clone(), house.now());
        let changed = |stop: bool| {
            let (config, settings, admin) = (house.config(), settings.clone(), admin.clone());
            tokio::task::spawn_blocking(move || {
                let (mut desk, _) = registrar::open(&settings, registrar::House::of(&config)).unwrap();
                match stop {
                    true => desk.suspend_pinned("scanner", "moves", &admin, now),
                    false => desk.reinstate_pinned("scanner", "has arrived", &admin, now),
                }
                .unwrap();
            })
        };
        changed(true).await.unwrap();
        is_answered(&running, "554 5.7.1").await;
        changed(false).await.unwrap();
        is_answered(&running, "250").await;
    }
    running.stop().await;
}
