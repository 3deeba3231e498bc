use super::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Destinations that call nobody.
fn quiet(bounds: Concurrency, in_flight: usize) -> Destinations {
    Destinations::new(bounds, in_flight, Arc::new(|_| ()))
}

fn key() -> Arc<str> {
    "mx:internet:mx.example".into()
}

fn go(destinations: &Destinations, now: Duration) -> Slot {
    match destinations.ask(&key(), None, None, now) {
        Ok(Admittance::Go(slot)) => slot,
        _ => panic!("not let in"),
    }
}

fn learn(slot: &mut Slot, pressure: Pressure, now: Duration) -> bool {
    slot.learn(&Lesson {
        pressure,
        why: "refused",
        now,
    })
}

fn is_down(destinations: &Destinations, now: Duration) -> bool {
    matches!(destinations.ask(&key(), None, None, now), Ok(Admittance::Down(_)))
}

#[test]
fn a_destination_begins_low_and_earns_more_up_to_the_most() {
    let destinations = quiet(Concurrency::default(), 1000);
    let mut slot = go(&destinations, secs(0));
    assert_eq!(destinations.limit(&key()), 5);
    for _ in 0..3 {
        learn(&mut slot, Pressure::None, secs(1));
    }
    assert_eq!(destinations.limit(&key()), 8);
    for _ in 0..100 {
        learn(&mut slot, Pressure::None, secs(1));
    }
    assert_eq!(destinations.limit(&key()), 20);
}

#[test]
fn a_421_halves_what_it_gets_and_never_below_one() {
    let destinations = quiet(
        Concurrency {
            first: 20,
            ..Concurrency::default()
        },
        1000,
    );
    let mut slot = go(&destinations, secs(0));
    for expected in [10, 5, 2, 1, 1] {
        learn(&mut slot, Pressure::Throttle, secs(1));
        assert_eq!(destinations.limit(&key()), expected);
    }
    assert!(!is_down(&destinations, secs(1)));
}

#[test]
fn who_finds_no_slot_waits_and_who_finds_no_place_to_wait_is_sent_away() {
    let destinations = quiet(
        Concurrency {
            first: 1,
            ..Concurrency::default()
        },
        1000,
    );
    let slot = go(&destinations, secs(0));
    let mut queued = destinations.ask(&key(), None, None, secs(0)).err().unwrap();
    let Ok(Admittance::Busy(until)) = destinations.ask(&key(), None, None, secs(0)) else {
        panic!("let in")
    };
    assert_eq!(until, TURN_MIN);
    assert!(queued.try_recv().is_err());
    drop(slot);
    assert!(queued.try_recv().is_ok());
}

#[test]
fn a_waiter_that_is_gone_is_passed_over() {
    let destinations = quiet(
        Concurrency {
            first: 2,
            ..Concurrency::default()
        },
        1000,
    );
    let (one, _two) = (go(&destinations, secs(0)), go(&destinations, secs(0)));
    drop(destinations.ask(&key(), None, None, secs(0)).err().unwrap());
    let mut queued = destinations.ask(&key(), None, None, secs(0)).err().unwrap();
    drop(one);
    assert!(queued.try_recv().is_ok());
}

#[test]
fn turns_of_those_sent_away_are_soon_and_spread() {
    let destinations = quiet(
        Concurrency {
            first: 1,
            most: 1,
            ..Concurrency::default()
        },
        1000,
    );
    let mut slot = go(&destinations, secs(0));
    for _ in 0..100 {
        slot.begun = secs(0);
        learn(&mut slot, Pressure::None, secs(2));
    }
    let _queued = destinations.ask(&key(), None, None, secs(2));
    let turn = || match destinations.ask(&key(), None, None, secs(2)) {
        Ok(Admittance::Busy(until)) => until,
        _ => panic!("let in"),
    };
    let turns: Vec<Duration> = (0..50_000).map(|_| turn()).collect();
    let away = |place: usize| turns[place] - secs(2);
    assert_eq!(away(0), TURN_SOON, "it would take four seconds");
    assert_eq!(away(1000), TURN_SOON, "it may be quicker by then");
    let last = away(49_999);
    assert!(
        (secs(9)..=secs(11)).contains(&last),
        "five thousand come back in a second: {last:?}"
    );
}

#[test]
fn a_dead_destination_is_asked_once_in_a_growing_while() {
    let destinations = quiet(Concurrency::default(), 1000);
    let mut slot = go(&destinations, secs(0));
    assert!(
        learn(&mut slot, Pressure::Unreachable, secs(1)),
        "the only one under way failed: down"
    );
    drop(slot);
    let mut now = secs(1);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        let mut pause = 0;
        while is_down(&destinations, now + secs(pause)) {
            pause += 60;
        }
        // The question that was not answered with Down was the probe; nothing was learned from it.
        now += secs(pause);
        let mut probe = go(&destinations, now);
        assert!(
            matches!(destinations.ask(&key(), None, None, now), Ok(Admittance::Busy(_))),
            "one looks, not two"
        );
        assert!(!learn(&mut probe, Pressure::Unreachable, now), "it was down before");
        pauses.push(pause / 60);
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    let mut probe = go(&destinations, now + secs(1800));
    learn(&mut probe, Pressure::None, now + secs(1800));
    assert!(destinations.down().is_empty());
}

#[test]
fn one_failure_among_many_under_way_does_not_stop_the_others() {
    let destinations = quiet(
        Concurrency {
            first: 8,
            ..Concurrency::default()
        },
        1000,
    );
    let mut slots: Vec<Slot> = (0..8).map(|_| go(&destinations, secs(0))).collect();
    assert!(!learn(&mut slots[0], Pressure::Unreachable, secs(1)));
    assert!(!is_down(&destinations, secs(1)));
    assert!(
        learn(&mut slots[1], Pressure::Unreachable, secs(1)),
        "4, then 2 at a time, and 2 failures in a row"
    );
}

#[test]
fn those_who_wait_for_a_destination_that_goes_down_are_told() {
    let destinations = quiet(
        Concurrency {
            first: 1,
            ..Concurrency::default()
        },
        1000,
    );
    let mut slot = go(&destinations, secs(0));
    let mut queued = destinations.ask(&key(), None, None, secs(0)).err().unwrap();
    learn(&mut slot, Pressure::Unreachable, secs(1));
    assert!(matches!(queued.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    assert!(is_down(&destinations, secs(2)));
}

/// Twenty at a time from the beginning, of a thousand in all.
fn twenty_each() -> Destinations {
    let bounds = Concurrency {
        first: 20,
        ..Concurrency::default()
    };
    quiet(bounds, 1000)
}

/// Takes all that the destination is given; whether it is to come again later than in a while.
fn take_all(destinations: &Destinations, key: &str, now: Duration) -> Vec<Slot> {
    let key = key.into();
    let go = || match destinations.ask(&key, None, None, now) {
        Ok(Admittance::Go(slot)) => Some(slot),
        _ => None,
    };
    std::iter::from_fn(go).take(20).collect()
}

#[test]
fn destinations_that_stand_still_have_half_new_ones_three_quarters_and_good_ones_all() {
    let destinations = twenty_each();
    let prove = |key: &str| {
        let mut slot = take_all(&destinations, key, secs(0)).pop().unwrap();
        learn(&mut slot, Pressure::None, secs(0));
    };
    prove("good");
    prove("was good");
    let was_good = take_all(&destinations, "was good", secs(1));
    let tarpits: Vec<_> = (0..60)
        .map(|number| take_all(&destinations, &format!("tarpit {number}"), secs(1)))
        .collect();
    assert_eq!(tarpits.iter().map(Vec::len).sum::<usize>(), 750);
    let now = secs(2) + STILL;
    destinations.look_around(now);
    assert!(take_all(&destinations, "new", now).is_empty());
    drop(was_good.into_iter().next());
    assert!(
        take_all(&destinations, "was good", now).is_empty(),
        "it stands still now"
    );
    assert_eq!(take_all(&destinations, "good", now).len(), 20);
    drop(tarpits);
    assert_eq!(take_all(&destinations, "new", now).len(), 20);
    assert_eq!(destinations.inner.lock().in_doubt, 0, "everything was given back");
}

#[test]
fn who_waits_where_nothing_moves_is_sent_away() {
    let destinations = twenty_each();
    let mut slots = take_all(&destinations, &key(), secs(0));
    for slot in &mut slots {
        learn(slot, Pressure::None, secs(0));
    }
    let mut queued = destinations.ask(&key(), None, None, secs(0)).err().unwrap();
    destinations.look_around(WAIT_MAX);
    assert!(
        queued
            .try_recv()
            .is_err_and(|why| why == oneshot::error::TryRecvError::Empty)
    );
    let now = WAIT_MAX + secs(1);
    destinations.look_around(now);
    assert!(
        queued
            .try_recv()
            .is_err_and(|why| why == oneshot::error::TryRecvError::Closed)
    );
    let Ok(Admittance::Busy(until)) = destinations.ask(&key(), None, None, now) else {
        panic!("waits again")
    };
    assert_eq!(until, now + now, "as long again as nothing has moved");
}

#[test]
fn a_million_messages_for_a_silent_destination_ask_hardly_more_than_once_in_ten_minutes_each() {
    let destinations = quiet(Concurrency::default(), 1000);
    let _hung = take_all(&destinations, &key(), secs(0));
    let _queued: Vec<_> = (0..5).map(|_| destinations.ask(&key(), None, None, secs(0))).collect();
    let turns: Vec<Duration> = (0..1_000_000)
        .map(|_| match destinations.ask(&key(), None, None, secs(1)) {
            Ok(Admittance::Busy(until)) => until,
            _ => panic!("let in"),
        })
        .collect();
    let early = turns.iter().filter(|turn| **turn < secs(101)).count();
    assert!((150_000..=210_000).contains(&early), "2000 a second: {early}");
    assert!(turns.iter().all(|turn| *turn <= secs(1) + TURN_MAX));
    let inner = destinations.inner.lock();
    assert!(inner.known.values().all(|it| it.turns.places() < 50_000));
}

#[test]
fn whoever_found_no_room_to_wait_is_called_as_soon_as_there_is_some() {
    let called = Arc::new(Mutex::new(Vec::new()));
    let heard = called.clone();
    let bounds = Concurrency {
        first: 1,
        most: 1,
        ..Concurrency::default()
    };
    let call = move |messages: &[MessageId]| heard.lock().extend_from_slice(messages);
    let destinations = Destinations::new(bounds, 1000, Arc::new(call));
    let asks = |message: u64, now| destinations.ask(&key(), Some(MessageId::new(message)), None, now);

    // A delivery takes half a second here, so that four may wait for less than two.
    let mut slot = go(&destinations, secs(0));
    learn(&mut slot, Pressure::None, Duration::from_millis(500));
    let waiting: Vec<_> = (0..4).filter_map(|message| asks(message, secs(1)).err()).collect();
    assert_eq!(waiting.len(), 4);
    for message in 4..20 {
        let Ok(Admittance::Busy(until)) = asks(message, secs(1)) else {
            panic!("there was no room to wait");
        };
        // It is called long before that.
        assert!(until >= secs(1) + UNCALLED);
    }
    assert!(called.lock().is_empty());

    learn(&mut slot, Pressure::None, secs(1));
    drop(slot);
    assert!(called.lock().is_empty(), "three wait still");
    let mut waiting = waiting.into_iter();
    for _ in 0..3 {
        let mut slot = waiting.next().unwrap().try_recv().unwrap();
        learn(&mut slot, Pressure::None, secs(1));
    }
    let first: Vec<_> = called.lock().iter().map(|id| id.number()).collect();
    assert!(first.starts_with(&[4, 5, 6]) && first.len() < 8, "{first:?}");
}

#[test]
fn when_a_destination_goes_down_nobody_is_called() {
    let destinations = Destinations::new(Concurrency::default(), 1000, Arc::new(|_| panic!("called")));
    let mut slots: Vec<_> = (0..5).map(|_| go(&destinations, secs(0))).collect();
    learn(&mut slots[0], Pressure::None, secs(1));
    let waiting: Vec<_> = (0..2000)
        .filter_map(|message| {
            destinations
                .ask(&key(), Some(MessageId::new(message)), None, secs(1))
                .err()
        })
        .collect();
    for slot in &mut slots {
        learn(slot, Pressure::Unreachable, secs(2));
    }
    drop(slots);
    drop(waiting);
    assert!(is_down(&destinations, secs(3)));
}
