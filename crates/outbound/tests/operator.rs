//! Stories of the operator's hand on the queue, and of a configuration that changes while mail goes out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::time::Duration;

use house::*;
use outbound::Config;
use outbound::route::{Endpoint, Route, Routes, Target};
use policy::Reason;
use spool::{Outcome, Selector, State};

const SECOND: Duration = Duration::from_secs(1);

fn outcome(state: &State) -> Option<Outcome> {
    match state {
        State::Done { outcome, .. } => Some(*outcome),
        _ => None,
    }
}

/// A house where nobody answers at example.org yet, and a letter that waits for its next try.
async fn waiting_house() -> (House, mail::MessageId) {
    let house = House::usual().await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert!(matches!(house.state(id).await, State::Deferred { .. }));
    (house, id)
}

#[tokio::test(start_paused = true)]
async fn what_is_held_stays_until_it_is_released_and_the_rest_goes_on() {
    let (house, id) = waiting_house().await;
    let other = house.send(&["ann@example.org"]).await;
    let control = house.outbound.control();
    let ids = || Selector::Ids(vec![id]);
    let held = control
        .hold(ids(), "anna".into(), Reason::HeldByOperator, None)
        .await
        .unwrap();
    assert_eq!(held, 1);
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    house.pass(DAY).await;
    assert!(
        matches!(house.state(id).await, State::Held { .. }),
        "{:?}",
        house.state(id).await
    );
    assert_eq!(outcome(&house.state(other).await), Some(Outcome::Delivered));
    assert_eq!(mx1.letters().len(), 1);
    assert!(house.desk.texts().is_empty(), "nobody is told of a hold");
    assert_eq!(control.release(ids()).await.unwrap(), 1);
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
}

#[tokio::test(start_paused = true)]
async fn a_hold_with_an_end_ends_by_itself() {
    let (house, id) = waiting_house().await;
    let until = mail::Timestamp(house.world.clock.wall()).plus(2 * HOUR);
    let control = house.outbound.control();
    control
        .hold(Selector::All, "anna".into(), Reason::HeldByOperator, Some(until))
        .await
        .unwrap();
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    house.pass(2 * HOUR - MINUTE).await;
    assert!(mx1.letters().is_empty());
    house.pass(2 * MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_is_gone_and_nobody_is_told() {
    let (house, id) = waiting_house().await;
    let (mx1, inside) = (Peer::usual(), Peer::usual());
    mx1.listen(&house.world, MX1).await;
    inside.listen(&house.world, INSIDE).await;
    let control = house.outbound.control();
    assert_eq!(control.remove(Selector::Ids(vec![id])).await.unwrap(), 1);
    house.pass(6 * DAY).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Removed));
    assert!(mx1.letters().is_empty() && inside.letters().is_empty());
    assert_eq!(
        control.remove(Selector::All).await.unwrap(),
        0,
        "what is done is not touched"
    );
}

#[tokio::test(start_paused = true)]
async fn a_suspension_stops_what_it_names_now_and_in_future_until_it_is_ended() {
    let selectors = || {
        [
            Selector::Sender(mailbox("erp@example.edu")),
            Selector::Grant("erp".into()),
            Selector::RecipientDomain(name("example.org")),
            Selector::All,
        ]
    };
    for selector in selectors() {
        let (house, before) = waiting_house().await;
        let (mx1, inside) = (Peer::usual(), Peer::usual());
        mx1.listen(&house.world, MX1).await;
        inside.listen(&house.world, INSIDE).await;
        let control = house.outbound.control();
        control.suspend(selector.clone()).await.unwrap();
        let after = house.send(&["ann@example.org"]).await;
        let elsewhere = house.send(&["ann@example.edu"]).await;
        house.pass(DAY).await;
        assert!(mx1.letters().is_empty(), "{selector:?}");
        let free = matches!(selector, Selector::RecipientDomain(_));
        assert_eq!(outcome(&house.state(elsewhere).await).is_some(), free, "{selector:?}");
        control.resume(selector.clone()).await.unwrap();
        house.pass(5 * HOUR).await;
        for id in [before, after, elsewhere] {
            assert_eq!(
                outcome(&house.state(id).await),
                Some(Outcome::Delivered),
                "{selector:?} {:?}",
                house.events.heard()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn now_means_now_even_where_a_destination_rests() {
    let (house, id) = waiting_house().await;
    let control = house.outbound.control();
    assert_eq!(control.resting_destinations().len(), 1);
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    assert_eq!(control.retry_now(Selector::Ids(vec![id])).await.unwrap(), 1);
    house.pass(SECOND).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
    assert!(control.resting_destinations().is_empty());
}

/// Everything goes to this host.
fn everything_to(host: &str) -> Config {
    let endpoint = Endpoint {
        host: mail::Host::parse(host).unwrap(),
        port: 25,
    };
    Config {
        routes: Routes::new(vec![Route::new("all", vec![], Target::Hosts(vec![endpoint]))], None),
        ..usual_config()
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_configuration_leaves_what_is_under_way_alone_and_governs_what_follows() {
    let house = House::open(everything_to("[192.0.2.1]"), usual_dns()).await;
    let (old, new) = (Peer::usual(), Peer::usual());
    old.listen(&house.world, MX1).await;
    new.listen(&house.world, MX2).await;
    house.handles.net.set_latency(SECOND);
    house.send(&["first@example.org"]).await;
    house.pass(MINUTE).await;
    // This one is in the middle of its dialogue, and a connection of the first waits for another letter.
    house.send(&["second@example.org"]).await;
    house.send(&["third@example.org"]).await;
    house.pass(3 * SECOND).await;
    assert_eq!(old.letters().len(), 1);
    house.outbound.reconfigure(everything_to("[192.0.2.2]"));
    house.send(&["fourth@example.org"]).await;
    house.pass(MINUTE).await;
    assert_eq!((old.letters().len(), new.letters().len()), (3, 1));
    assert_eq!(new.letters()[0].to, ["<fourth@example.org>"]);
    assert_eq!(house.events.count("delivered"), 4);
    assert_eq!(house.events.count("deferred"), 0);
    // Those that were under way left their connections behind; nothing goes over them any more.
    assert_eq!(old.notes().open, 0, "connections of the former configuration are ended");
    for _ in 0..3 {
        house.send(&["later@example.org"]).await;
    }
    house.pass(MINUTE).await;
    assert_eq!((old.letters().len(), new.letters().len()), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_waits_for_a_letter_does_not_outlive_its_configuration() {
    let house = House::open(everything_to("[192.0.2.1]"), usual_dns()).await;
    let (old, new) = (Peer::usual(), Peer::usual());
    old.listen(&house.world, MX1).await;
    new.listen(&house.world, MX2).await;
    house.send(&["first@example.org"]).await;
    house.pass(SECOND).await;
    assert_eq!(old.notes().open, 1, "it waits");
    house.outbound.reconfigure(everything_to("[192.0.2.2]"));
    house.send(&["second@example.org"]).await;
    house.pass(SECOND).await;
    assert_eq!((old.letters().len(), new.letters().len()), (1, 1));
    assert_eq!(old.notes().open, 0);
    assert_eq!(old.notes().said("QUIT"), 1);
}

#[tokio::test(start_paused = true)]
async fn letters_come_through_whole_while_the_configuration_changes_again_and_again() {
    let house = House::open(everything_to("[192.0.2.1]"), usual_dns()).await;
    house.handles.net.set_latency(Duration::from_millis(3));
    let (one, other) = (Peer::usual(), Peer::usual());
    one.listen(&house.world, MX1).await;
    other.listen(&house.world, MX2).await;
    for number in 0..200 {
        house.send(&[&format!("u{number}@example.org")]).await;
        if number % 5 == 0 {
            let host = if number % 2 == 0 { "[192.0.2.2]" } else { "[192.0.2.1]" };
            house.outbound.reconfigure(everything_to(host));
        }
        house.pass(Duration::from_millis(7)).await;
    }
    house.pass(MINUTE).await;
    let all: Vec<Got> = [one.letters(), other.letters()].concat();
    let recipients: std::collections::BTreeSet<String> = all.iter().flat_map(|it| it.to.clone()).collect();
    assert_eq!((all.len(), recipients.len()), (200, 200), "each once");
    assert!(!one.letters().is_empty() && !other.letters().is_empty());
    assert_eq!(house.events.count("deferred"), 0);
}
