//! Who may stand at the doors, how many, how often, and who is believed to speak for whom.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod house;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dns::{Answer, Literal, MxAnswer, Resolver};
use house::{COPIER, DEVICES, House, MX, OUTSIDER, Plan, SUBMISSION, SUBMISSIONS, UNGRANTED};
use inbound::ClientLimits;
use mail::Domain;
use policy::By;
use world::BoxFuture;

const MX6: &str = "[2001:db8:1:25::1]:25";

#[tokio::test(start_paused = true)]
async fn an_address_has_so_many_connections_at_once() {
    let house = Plan::usual().limits(|limits| limits.connections = 2).open().await;
    let mut first = house.hello(MX, OUTSIDER).await;
    // Counted over all listeners.
    let _second = house.hello(SUBMISSION, OUTSIDER).await;
    let mut third = house.connect(MX, OUTSIDER).await;
    third.expect("421 4.7.0").await;
    third.expect_end().await;
    house.hello(MX, "203.0.113.6").await;
    first.ask("QUIT", "221").await;
    first.expect_end().await;
    house.settle().await;
    house.hello(MX, OUTSIDER).await;
    assert_eq!(house.told.reasons(), ["too-many-connections"]);
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn an_ipv6_household_is_counted_together() {
    let house = Plan::usual()
        .limits(|limits| limits.connections_per_64 = 2)
        .open()
        .await;
    let _inside = [
        house.hello(MX6, "2001:db8:9::1").await,
        house.hello(MX6, "2001:db8:9::2").await,
    ];
    house.connect(MX6, "2001:db8:9::3").await.expect("421").await;
    house.hello(MX6, "2001:db8:9:1::3").await;
}

#[tokio::test(start_paused = true)]
async fn the_house_has_a_last_place() {
    let mut plan = Plan::usual();
    plan.doors.sessions = 2;
    let house = plan.open().await;
    let _inside = [house.hello(MX, OUTSIDER).await, house.hello(DEVICES, COPIER).await];
    house.connect(MX, "203.0.113.6").await.expect("421").await;
    assert_eq!(house.gate.sessions(), 2);
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_strangers_who_say_nothing_make_room_and_clients_we_know_stay() {
    let mut plan = Plan::usual();
    plan.doors.sessions = 10;
    let house = plan.open().await;
    let mut copier = house.hello(DEVICES, COPIER).await;
    let mut program = house.logged_in(SUBMISSION, OUTSIDER, "app").await;
    let mut strangers = Vec::new();
    for number in 0..7 {
        strangers.push(house.hello(MX, &format!("203.0.113.{}", 20 + number)).await);
    }
    // The last tenth is for clients we know.
    house.connect(MX, "203.0.113.9").await.expect("421").await;
    house.hello(DEVICES, COPIER).await.ask("QUIT", "221").await;
    house.pass(Duration::from_secs(31)).await;
    for stranger in &mut strangers {
        stranger.expect("421").await;
        stranger.close().await;
    }
    house.settle().await;
    copier.ask("NOOP", "250").await;
    program.ask("NOOP", "250").await;
    assert_eq!(house.gate.sessions(), 2);
    let _guest = house.hello(MX, "203.0.113.9").await;
    house.pass(Duration::from_secs(31)).await;
    assert_eq!(house.gate.sessions(), 3, "there is no crowd any more");
}

#[tokio::test(start_paused = true)]
async fn who_knocks_too_often_waits_a_while() {
    let house = Plan::usual()
        .limits(|limits| limits.connections_per_minute = 3)
        .open()
        .await;
    for _ in 0..3 {
        house.hello(MX, OUTSIDER).await.ask("QUIT", "221").await;
    }
    let said = house.connect(MX, OUTSIDER).await.expect("421 4.7.0").await;
    assert!(said.contains("short time"), "{said}");
    house.pass(Duration::from_secs(130)).await;
    house.hello(MX, OUTSIDER).await;
}

#[tokio::test(start_paused = true)]
async fn errors_delay_and_then_end_a_session_as_its_network_is_told() {
    let mut plan = Plan::usual().limits(|limits| (limits.errors_soft, limits.errors_hard) = (2, 4));
    let patient = ClientLimits {
        errors_soft: 5,
        errors_hard: 6,
        ..plan.doors.default
    };
    plan.doors.overrides = vec![("198.51.100.0/24".parse().unwrap(), patient)];
    let house = plan.open().await;
    for (from, soft, hard) in [(OUTSIDER, 2, 4), ("198.51.100.9", 5, 6)] {
        let mut client = house.hello(MX, from).await;
        for error in 1..=hard {
            let begun = house.world.clock.monotonic();
            client.ask("NONSENSE", "500").await;
            let waited = house.world.clock.monotonic() - begun;
            assert_eq!(
                waited > Duration::ZERO,
                error > soft,
                "{from}: error {error} took {waited:?}"
            );
        }
        client.expect("421 4.7.0").await;
        client.expect_end().await;
    }
    house.told.assert_all_heard();
}

#[tokio::test(start_paused = true)]
async fn the_front_gate_takes_so_many_messages_a_minute_from_one_address() {
    let house = Plan::usual()
        .limits(|limits| limits.messages_per_minute = 2)
        .open()
        .await;
    let mut client = house.hello(MX, OUTSIDER).await;
    for _ in 0..2 {
        client.deliver("eve@foreign.test", &["anna@own.test"]).await;
    }
    client.ask("MAIL FROM:<eve@foreign.test>", "450 4.7.1").await;
    // Over another connection it is the same address.
    house
        .hello(MX, OUTSIDER)
        .await
        .ask("MAIL FROM:<eve@foreign.test>", "450")
        .await;
    // Grants are bound by their own limits.
    let mut copier = house.hello(DEVICES, COPIER).await;
    for _ in 0..4 {
        copier.deliver("scan@own.test", &["anna@own.test"]).await;
    }
    house.pass(Duration::from_secs(130)).await;
    client.deliver("eve@foreign.test", &["anna@own.test"]).await;
    assert_eq!(house.told.reasons(), ["too-many-messages"; 2]);
}

#[tokio::test(start_paused = true)]
async fn an_address_without_a_name_of_its_own_may_send_less() {
    let named = "203.0.113.6";
    let mut plan = Plan::usual().limits(|limits| limits.messages_per_minute_unknown = 2);
    plan.names = Some(Arc::new(
        Literal::new()
            .with_ptr(named.parse().unwrap(), Domain::parse("mail.foreign.test").unwrap())
            .with_address(Domain::parse("mail.foreign.test").unwrap(), named.parse().unwrap()),
    ));
    let house = plan.open().await;
    for (from, taken) in [(OUTSIDER, 2), (named, 5), (UNGRANTED, 5)] {
        let mut client = house.hello(MX, from).await;
        for _ in 0..taken {
            client.deliver("eve@foreign.test", &["anna@own.test"]).await;
        }
    }
    let mut client = house.hello(MX, OUTSIDER).await;
    let said = client.ask("MAIL FROM:<eve@foreign.test>", "450 4.7.1").await;
    assert!(said.contains("name in DNS"), "{said}");
    house.pass(Duration::from_secs(130)).await;
    client.deliver("eve@foreign.test", &["anna@own.test"]).await;
    assert_eq!(house.told.reasons(), ["too-many-messages"]);
}

#[tokio::test(start_paused = true)]
async fn while_a_name_server_is_silent_nobody_is_nameless_and_few_are_asked_for() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut plan = Plan::usual().limits(|limits| limits.messages_per_minute_unknown = 1);
    plan.doors.sessions = 300;
    let most = plan.doors.asides() as usize;
    plan.names = Some(Arc::new(Silent(asked.clone())));
    let house = plan.open().await;
    let mut clients = Vec::new();
    for number in 0..most + 5 {
        clients.push(house.hello(MX, &format!("203.0.113.{}", number + 20)).await);
    }
    assert_eq!(asked.load(Ordering::SeqCst), most);
    for _ in 0..3 {
        clients[0].deliver("eve@foreign.test", &["anna@own.test"]).await;
    }
    clients.clear();
    house.pass(Duration::from_secs(1)).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody is there any more to be named");
}

/// Hears questions and never answers; counts those that are open.
struct Silent(Arc<AtomicUsize>);

impl Silent {
    async fn ask<T>(&self) -> T {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _open = Open(self.0.clone());
        std::future::pending().await
    }
}

struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Resolver for Silent {
    fn mx<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, MxAnswer> {
        Box::pin(self.ask())
    }
    fn addresses<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Answer<IpAddr>> {
        Box::pin(self.ask())
    }
    fn txt<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Answer<Vec<u8>>> {
        Box::pin(self.ask())
    }
    fn ptr(&self, _: IpAddr) -> BoxFuture<'_, Answer<Domain>> {
        Box::pin(self.ask())
    }
}

#[tokio::test(start_paused = true)]
async fn who_guesses_recipients_waits_an_hour() {
    let house = Plan::usual()
        .limits(|limits| limits.bad_recipients_per_hour = 3)
        .open()
        .await;
    let mut client = house.hello(MX, OUTSIDER).await;
    client.ask("MAIL FROM:<eve@foreign.test>", "250").await;
    for guess in ["a", "b", "c", "d"] {
        client.ask(&format!("RCPT TO:<{guess}@own.test>"), "550 5.1.1").await;
    }
    client.ask("RSET", "250").await;
    client.ask("MAIL FROM:<eve@foreign.test>", "450 4.7.1").await;
    house
        .hello(MX, "203.0.113.6")
        .await
        .ask("MAIL FROM:<eve@foreign.test>", "250")
        .await;
    house.pass(Duration::from_secs(3 * 3600)).await;
    house
        .hello(MX, OUTSIDER)
        .await
        .deliver("eve@foreign.test", &["anna@own.test"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_declared_proxy_is_believed_and_nobody_else() {
    let house = Plan::usual()
        .listen("devices", |listen| {
            listen.proxies = vec!["10.0.0.2/32".parse().unwrap()]
        })
        .open()
        .await;
    // Version 1: judged as the copier.
    let mut client = house.connect(DEVICES, "10.0.0.2").await;
    client.say("PROXY TCP4 10.0.0.14 10.0.0.25 40001 25\r\n").await;
    client.expect("220").await;
    client.ask("EHLO copier", "250").await;
    client.deliver("scan@own.test", &["bob@foreign.test"]).await;
    // Version 2: judged as a machine without a grant.
    let mut client = house.connect(DEVICES, "10.0.0.2").await;
    client
        .say(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x0a\x00\x00\x63\x0a\x00\x00\x19\x9c\x41\x00\x19")
        .await;
    client.expect("220").await;
    client.ask("EHLO other", "250").await;
    client.ask("MAIL FROM:<scan@own.test>", "554 5.7.1").await;
    assert_eq!(house.told.refusals()[0].client.to_string(), UNGRANTED);
    // The proxy without its header gets nowhere; nor does a header of somebody else's.
    let mut client = house.connect(DEVICES, "10.0.0.2").await;
    client.say("EHLO proxy\r\n").await;
    client.expect_end().await;
    let mut client = house.connect(DEVICES, UNGRANTED).await;
    client.say("PROXY TCP4 10.0.0.14 10.0.0.25 40001 25\r\n").await;
    client.expect("220").await;
    client.expect("500 5.5.1").await;
    assert_eq!(house.told.refusals()[1].client.to_string(), UNGRANTED);
    assert_eq!(house.told.of("accepted").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn clients_behind_a_proxy_are_counted_by_their_own_addresses() {
    let house = Plan::usual()
        .limits(|limits| limits.connections = 1)
        .listen("mx", |listen| listen.proxies = vec!["10.0.0.2/32".parse().unwrap()])
        .open()
        .await;
    let mut open = Vec::new();
    for (client, code) in [("203.0.113.5", "220"), ("203.0.113.6", "220"), ("203.0.113.5", "421")] {
        let mut one = house.connect(MX, "10.0.0.2").await;
        one.say(format!("PROXY TCP4 {client} 192.0.2.25 40001 25\r\n")).await;
        one.expect(code).await;
        open.push(one);
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_stays_silent_holds_few_connections_and_not_for_long() {
    let house = Plan::usual()
        .listen("mx", |listen| listen.proxies = vec!["10.0.0.2/32".parse().unwrap()])
        .open()
        .await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(house.connect(MX, "10.0.0.2").await);
    }
    house.pass(Duration::from_secs(1)).await;
    // The next one waits outside; nothing was read of it, and it loses nothing.
    let begun = house.world.clock.monotonic();
    let mut other = house.connect(MX, OUTSIDER).await;
    other.expect("220").await;
    assert!(house.world.clock.monotonic() - begun > Duration::from_secs(3));
    // At other listeners nobody waits.
    for _ in 0..64 {
        silent.push(house.connect(MX, "10.0.0.2").await);
    }
    house.pass(Duration::from_secs(1)).await;
    let begun = house.world.clock.monotonic();
    house.hello(DEVICES, COPIER).await;
    assert!(house.world.clock.monotonic() - begun < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_ipv6_client_is_judged_as_any_other() {
    let house = Plan::usual()
        .book(|book| {
            let by = By::Address(vec!["2001:db8:1:14::/64".parse().unwrap()]);
            book.grants.push(house::grant("lab", by));
        })
        .listen("devices", |listen| {
            listen.addresses.push(house::at("[2001:db8:1:25::2]:25"))
        })
        .open()
        .await;
    let devices6 = "[2001:db8:1:25::2]:25";
    house
        .hello(devices6, "2001:db8:1:14::7")
        .await
        .deliver("scan@own.test", &["bob@foreign.test"])
        .await;
    house
        .hello(devices6, "2001:db8:1:15::7")
        .await
        .ask("MAIL FROM:<scan@own.test>", "554")
        .await;
    house
        .hello(MX6, "2001:db8:9::1")
        .await
        .deliver("eve@foreign.test", &["anna@own.test"])
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_v4_mapped_client_is_the_v4_client_it_is() {
    let house = Plan::usual()
        .limits(|limits| limits.connections = 1)
        .listen("devices", |listen| listen.addresses.push(house::at("[::]:25")))
        .open()
        .await;
    let mut mapped = house.hello("[2001:db8:1:25::2]:25", "::ffff:10.0.0.14").await;
    mapped.deliver("scan@own.test", &["bob@foreign.test"]).await;
    // One address, one count.
    house.connect(DEVICES, COPIER).await.expect("421").await;
    let mut other = house.hello("[2001:db8:1:25::2]:25", "::ffff:10.0.0.99").await;
    other.ask("MAIL FROM:<scan@own.test>", "554").await;
    assert!(
        house.told.of("accepted")[0].contains("from 10.0.0.14:"),
        "{:?}",
        house.told.lines()
    );
    assert_eq!(house.told.refusals()[1].client.to_string(), UNGRANTED);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_gives_its_place_back_however_it_ends() {
    let house = Plan::usual().limits(|limits| limits.connections = 1).open().await;
    drop(house.hello(MX, OUTSIDER).await);
    house.settle().await;
    let mut silent = house.hello(MX, OUTSIDER).await;
    silent.expect("421 4.4.2").await;
    silent.expect_end().await;
    house.settle().await;
    let mut wrong = house.hello(MX, OUTSIDER).await;
    wrong.ask("STARTTLS", "220").await;
    wrong.say("this is no handshake\r\n").await;
    drop(wrong);
    house.settle().await;
    house.hello(MX, OUTSIDER).await;
    house.settle().await;
    assert_eq!(house.gate.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_last_session_of_a_house_is_gone_when_its_clients_are() {
    let house = House::usual().await;
    let clients = [house.hello(MX, OUTSIDER).await, house.hello(DEVICES, COPIER).await];
    assert_eq!(house.gate.sessions(), 2);
    drop(clients);
    house.settle().await;
    assert_eq!(house.gate.sessions(), 0);
    assert_eq!(house.told.of("connected").len(), house.told.of("closed").len());
}

#[tokio::test(start_paused = true)]
async fn who_is_turned_away_from_implicit_tls_is_not_shaken_hands_with() {
    let house = Plan::usual().limits(|limits| limits.connections = 1).open().await;
    let _inside = house.hello(MX, OUTSIDER).await;
    let begun = house.world.clock.monotonic();
    // Not a word of TLS: a client that just holds on would have its place for the length of a handshake.
    let mut idle = house.connect(SUBMISSIONS, OUTSIDER).await;
    idle.expect_end().await;
    assert!(house.world.clock.monotonic() - begun < Duration::from_secs(10));
    assert_eq!(house.told.reasons(), ["too-many-connections"]);
}
