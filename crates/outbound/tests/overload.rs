//! Much mail for destinations that do not answer, and DNS that does not: others are served meanwhile, what is under way
//! is bounded, and all of it arrives once they answer again. `PORTCULLIS_LONG` makes the queues longer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use dns::{Answer, Literal, MxAnswer, Resolver, Trouble};
use house::*;
use mail::{Domain, DomainPattern, Host};
use outbound::Config;
use outbound::route::{Endpoint, Route, Routes, Target};
use world::BoxFuture;
use world::sim::Fault;

/// Deliveries under way at a time in these stories.
const IN_FLIGHT: usize = 80;
const SECOND: Duration = Duration::from_secs(1);

fn letters(short: usize, long: usize) -> usize {
    if std::env::var_os("PORTCULLIS_LONG").is_some() {
        long
    } else {
        short
    }
}

/// Mail for example.net goes to a host that is named; all else by DNS.
fn config() -> Config {
    let to = Target::Hosts(vec![Endpoint {
        host: Host::parse("[192.0.2.50]").unwrap(),
        port: 25,
    }]);
    let near = Route::new("near", vec![DomainPattern::parse("example.net").unwrap()], to);
    let internet = Route::new("internet", vec![], Target::Mx);
    let mut config = usual_config();
    config.routes = Routes::new(vec![near, internet], None);
    config.in_flight = IN_FLIGHT;
    config
}

fn tarpit(number: usize) -> (Domain, IpAddr) {
    let number = u8::try_from(number).unwrap();
    (
        name(&format!("tarpit{number}.example")),
        IpAddr::from([198, 51, 100, number]),
    )
}

/// A host for each domain, which takes connections and then says nothing.
fn dns_of_tarpits(count: usize) -> Literal {
    (0..count).map(tarpit).fold(usual_dns(), |dns, (domain, ip)| {
        dns.with_mx(domain.clone(), 10, domain.clone()).with_address(domain, ip)
    })
}

async fn delivered_within(house: &House, peer: &Peer, to: &str, time: Duration) -> bool {
    let before = peer.letters().len();
    house.send(&[to]).await;
    house.pass(time).await;
    peer.letters().len() > before
}

#[tokio::test(start_paused = true)]
async fn destinations_that_hang_keep_none_that_answers_from_being_served() {
    const TARPITS: usize = 40;
    let house = House::open(config(), dns_of_tarpits(TARPITS)).await;
    let good = Peer::usual();
    good.listen(&house.world, INSIDE).await;
    assert!(delivered_within(&house, &good, "a@example.net", SECOND).await);
    let silent = Peer::answering(|_, _| Some("hang".into()));
    for number in 0..TARPITS {
        silent.listen(&house.world, &format!("{}:25", tarpit(number).1)).await;
    }
    let many = letters(800, 20_000);
    for number in 0..many {
        house.send(&[&format!("a@{}", tarpit(number % TARPITS).0)]).await;
    }
    house.pass(SECOND).await;
    let at_once = silent.notes().open_most;
    assert!((IN_FLIGHT / 2..=IN_FLIGHT * 3 / 4).contains(&at_once), "{at_once}");
    // Far longer than a greeting may take: they hang, are given up, and hang again.
    for minute in 0..20 {
        let to = format!("b{minute}@example.net");
        assert!(delivered_within(&house, &good, &to, SECOND).await, "in minute {minute}");
        house.pass(MINUTE).await;
    }
    // Each was called a few times an hour, however much mail waits for it.
    let calls = silent.notes().connections.len();
    assert!(calls <= TARPITS * 20, "{calls} calls in 20 minutes");
    house.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_falls_silent_in_the_middle_frees_the_places_of_those_who_wait_for_it() {
    let house = House::open(config(), usual_dns()).await;
    let silent = Arc::new(AtomicBool::new(false));
    let falls_silent = silent.clone();
    let near = Peer::answering(move |_, line| {
        let hangs = falls_silent.load(Ordering::SeqCst) && line.starts_with("MAIL");
        hangs.then(|| "hang".into())
    });
    near.listen(&house.world, INSIDE).await;
    let far = Peer::usual();
    far.listen(&house.world, MX1).await;
    for number in 0..50 {
        house.send(&[&format!("a{number}@example.net")]).await;
    }
    house.pass(SECOND).await;
    assert_eq!(near.letters().len(), 50);
    silent.store(true, Ordering::SeqCst);
    for number in 0..letters(500, 10_000) {
        house.send(&[&format!("b{number}@example.net")]).await;
    }
    house.pass(5 * SECOND).await;
    assert!(delivered_within(&house, &far, "c@example.org", SECOND).await);
    silent.store(false, Ordering::SeqCst);
    house.pass(DAY).await;
    assert_eq!(
        near.letters().len(),
        50 + letters(500, 10_000),
        "it answers again, and all arrives"
    );
    house.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_domain_with_a_long_queue_is_called_seldom_and_gets_it_all_when_it_lives_again() {
    let house = House::open(config(), usual_dns()).await;
    for host in [MX1, MX2] {
        house.handles.net.set_fault(at(host), Some(Fault::Hang));
    }
    let good = Peer::usual();
    good.listen(&house.world, INSIDE).await;
    let many = letters(1000, 50_000);
    for number in 0..many {
        house.send(&[&format!("a{number}@example.org")]).await;
    }
    for minute in 0..60 {
        let to = format!("b{minute}@example.net");
        assert!(delivered_within(&house, &good, &to, SECOND).await, "in minute {minute}");
        house.pass(MINUTE).await;
    }
    let attempts = house.events.count("deferred");
    assert!(attempts <= many * 5, "{attempts} attempts recorded in an hour");
    house.handles.net.set_fault(at(MX1), None);
    let back = Peer::usual();
    back.listen(&house.world, MX1).await;
    house.pass(DAY).await;
    assert_eq!(back.letters().len(), many);
    house.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_becomes_quicker_does_not_stand_idle_while_its_mail_is_away() {
    let mut config = config();
    // A connection keeps the pace it was opened with.
    config.reuse.messages = 1;
    let house = House::open(config, usual_dns()).await;
    let near = Peer::usual();
    near.listen(&house.world, INSIDE).await;
    house.handles.net.set_latency(Duration::from_millis(500));
    let many = letters(600, 5000);
    for number in 0..many {
        house.send(&[&format!("a{number}@example.net")]).await;
    }
    house.pass(10 * SECOND).await;
    assert!(near.letters().len() < many / 2);
    house.handles.net.set_latency(Duration::from_millis(1));
    house.pass(5 * SECOND).await;
    assert_eq!(near.letters().len(), many);
    house.close().await;
}

/// DNS that answers nothing for a while: each question ends after ten seconds. Counts the questions that are open.
struct Silent {
    silent: Arc<AtomicBool>,
    open: Arc<AtomicUsize>,
    open_most: Arc<AtomicUsize>,
    clock: Arc<dyn world::Clock>,
    inner: Literal,
}

impl Silent {
    async fn wait(&self) -> bool {
        if !self.silent.load(Ordering::SeqCst) {
            return false;
        }
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.open_most.fetch_max(open, Ordering::SeqCst);
        self.clock.sleep_until(self.clock.monotonic() + 10 * SECOND).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
        true
    }
}

impl Resolver for Silent {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, MxAnswer> {
        Box::pin(async move {
            if self.wait().await {
                return MxAnswer::Temporary(Trouble::Timeout);
            }
            self.inner.mx(domain).await
        })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Answer<IpAddr>> {
        self.inner.addresses(host)
    }

    fn txt<'a>(&'a self, name: &'a Domain) -> BoxFuture<'a, Answer<Vec<u8>>> {
        self.inner.txt(name)
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Answer<Domain>> {
        self.inner.ptr(address)
    }
}

#[tokio::test(start_paused = true)]
async fn dns_that_never_answers_keeps_no_mail_waiting_that_needs_none() {
    let (world, handles) = world::sim::world(7);
    let silent = Arc::new(AtomicBool::new(true));
    let open_most = Arc::new(AtomicUsize::new(0));
    let dns = Silent {
        silent: silent.clone(),
        open: Arc::default(),
        open_most: open_most.clone(),
        clock: world.clock.clone(),
        inner: usual_dns(),
    };
    let house = House::open_in(world, handles, config(), dns).await;
    let (near, far) = (Peer::usual(), Peer::usual());
    near.listen(&house.world, INSIDE).await;
    far.listen(&house.world, MX1).await;
    let many = letters(500, 20_000);
    for number in 0..many {
        house.send(&[&format!("a{number}@example.org")]).await;
    }
    for minute in 0..10 {
        let to = format!("b{minute}@example.net");
        assert!(delivered_within(&house, &near, &to, SECOND).await, "in minute {minute}");
        house.pass(MINUTE).await;
    }
    let most = open_most.load(Ordering::SeqCst);
    assert!((1..=IN_FLIGHT / 4).contains(&most), "{most} questions at a time");
    assert_eq!(far.letters().len(), 0);
    silent.store(false, Ordering::SeqCst);
    house.pass(DAY).await;
    assert_eq!(far.letters().len(), many);
    house.close().await;
}
