//! Limits: above the soft ones a device is held, above the hard ones it waits, and what is not used comes back.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod hall;

use admission::Admitted;
use hall::{Hall, MINUTE, WHOLE, book, copier, hall, nameless, one_a_minute, rejected, suspend};
use policy::{By, Class, LimitSpec, Reason, SenderPattern, Verdict};
use spool::{Holder, State};
use world::Clock;
use world::sim::disk::{Fault, Kind};

const BOB: [&str; 1] = ["bob@foreign.test"];

fn limited(limits: LimitSpec) -> Hall {
    let mut book = book();
    book.grants[0].limits = limits;
    hall(book)
}

fn held(reason: Reason) -> State {
    State::Held {
        reason,
        by: Holder::Judgement,
        until: None,
    }
}

async fn send(hall: &Hall) -> Admitted {
    hall.send(&copier(), "scan@own.test", &BOB, WHOLE).await
}

async fn state(hall: &Hall) -> State {
    let id = hall.stored(&copier(), "scan@own.test", &BOB, WHOLE).await;
    hall.states(id).await.remove(0)
}

#[tokio::test(start_paused = true)]
async fn a_device_above_its_rate_is_accepted_and_held() {
    let hall = limited(one_a_minute());
    assert_eq!(state(&hall).await, State::Ready);
    assert_eq!(state(&hall).await, held(Reason::RateHeld));
    assert!(hall.told.lines()[1].contains("Held(RateHeld)"));
    hall.clock.sleep_until(MINUTE * 3).await;
    assert_eq!(state(&hall).await, State::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_person_above_the_rate_is_asked_to_wait() {
    let mut book = book();
    book.grants[0].class = Class::User;
    book.grants[0].limits = one_a_minute();
    let hall = hall(book);
    assert_eq!(state(&hall).await, State::Ready);
    assert_eq!(rejected(send(&hall).await), Verdict::Defer(Reason::RateExceeded));
    assert_eq!(hall.messages(), 1);
}

#[tokio::test(start_paused = true)]
async fn above_the_hard_cap_a_device_waits_too_and_nothing_is_stored() {
    let hall = limited(LimitSpec {
        held_messages: 1,
        ..one_a_minute()
    });
    assert_eq!(state(&hall).await, State::Ready);
    assert_eq!(state(&hall).await, held(Reason::RateHeld));
    let rejection = hall.begun(&copier(), "scan@own.test", &BOB).err().unwrap();
    assert_eq!(
        rejection.verdict,
        Verdict::Defer(Reason::RateExceeded),
        "before the body, not behind it"
    );
    assert_eq!(hall.messages(), 2);
    assert_eq!(hall.told.lines().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn octets_that_were_not_announced_count_as_well() {
    let hall = limited(LimitSpec {
        held_octets: WHOLE.len() as u64 + 10,
        ..one_a_minute()
    });
    assert_eq!(state(&hall).await, State::Ready);
    assert_eq!(state(&hall).await, held(Reason::RateHeld));
    assert_eq!(rejected(send(&hall).await), Verdict::Defer(Reason::RateExceeded));
    assert_eq!(hall.messages(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_announced_is_judged_by_what_came() {
    let hall = limited(LimitSpec {
        octets_per_message: 20,
        ..one_a_minute()
    });
    assert_eq!(rejected(send(&hall).await), Verdict::Refuse(Reason::TooLarge));
    hall.assert_untouched();
}

/// Whether the one place of this minute is still free.
async fn assert_place_is_free(hall: &Hall) {
    assert_eq!(state(hall).await, State::Ready);
    assert_eq!(state(hall).await, held(Reason::RateHeld));
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_message_gives_its_place_back() {
    let hall = limited(one_a_minute());
    for _ in 0..3 {
        let transaction = hall.begun(&copier(), "scan@own.test", &BOB).unwrap();
        hall.admission.abandon(transaction);
    }
    assert_place_is_free(&hall).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_gives_its_place_back() {
    let hall = limited(one_a_minute());
    let forged = WHOLE.replace("scan@own.test", "chancellor@own.test");
    for _ in 0..3 {
        let admitted = hall.send(&copier(), "scan@own.test", &BOB, &forged).await;
        assert_eq!(rejected(admitted), Verdict::Refuse(Reason::FromNotGranted));
    }
    assert_place_is_free(&hall).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_refused_by_a_suspension_gives_its_place_back() {
    let mut hall = limited(one_a_minute());
    let transaction = hall.begun(&copier(), "scan@own.test", &BOB).unwrap();
    hall.publish(suspend);
    rejected(hall.ended(&copier(), transaction, WHOLE).await);
    hall.publish(|book| book.grants[0].state = policy::GrantState::Active);
    assert_place_is_free(&hall).await;
}

#[tokio::test(start_paused = true)]
async fn a_message_the_disk_did_not_take_gives_its_place_back() {
    let hall = limited(one_a_minute());
    hall.disk.fail(Kind::Write, 0, Fault::NoSpace);
    assert!(matches!(send(&hall).await, Admitted::NotStored(_)));
    assert_place_is_free(&hall).await;
}

#[tokio::test(start_paused = true)]
async fn a_place_among_the_held_comes_back_like_any_other() {
    let hall = limited(LimitSpec {
        held_messages: 1,
        ..one_a_minute()
    });
    assert_eq!(state(&hall).await, State::Ready);
    let forged = WHOLE.replace("scan@own.test", "chancellor@own.test");
    for _ in 0..3 {
        let admitted = hall.send(&copier(), "scan@own.test", &BOB, &forged).await;
        assert_eq!(rejected(admitted), Verdict::Refuse(Reason::FromNotGranted));
    }
    assert_eq!(state(&hall).await, held(Reason::RateHeld));
}

#[tokio::test(start_paused = true)]
async fn several_clients_behind_one_exception_are_held() {
    let mut book = book();
    book.grants[0].by = By::Address(vec!["10.0.0.1/32".parse().unwrap()]);
    book.grants[0].senders = vec![SenderPattern::parse("*@own.test").unwrap()];
    let hall = hall(book);
    let mut states = Vec::new();
    for name in ["a", "b", "c", "a"] {
        let mut visitor = nameless();
        visitor.hello = name.into();
        let sender = format!("{name}@own.test");
        let text = WHOLE.replace("scan@own.test", &sender);
        let id = hall.stored(&visitor, &sender, &BOB, &text).await;
        states.push(hall.states(id).await.remove(0));
    }
    let mask = held(Reason::MaskedSource);
    assert_eq!(states, [State::Ready, State::Ready, mask.clone(), mask]);
}

#[tokio::test(start_paused = true)]
async fn who_calls_itself_otherwise_than_granted_is_held_unless_it_logs_in() {
    let mut book = book();
    book.grants[0].by = By::Address(vec!["10.0.0.1/32".parse().unwrap()]);
    book.grants[0].hellos = vec![policy::HelloPattern::parse("RNP*").unwrap()];
    let mut hall = hall(book);
    let mut states = Vec::new();
    for name in ["RNP002673A1B2C3", "laptop", "rnp1"] {
        let mut visitor = nameless();
        visitor.hello = name.into();
        let id = hall.stored(&visitor, "scan@own.test", &BOB, WHOLE).await;
        states.push(hall.states(id).await.remove(0));
    }
    assert_eq!(states, [State::Ready, held(Reason::MaskedSource), State::Ready]);
    // With a login, its name says nothing.
    hall.publish(|book| book.grants[0].by = By::Login("copier".into()));
    let id = hall.stored(&copier(), "scan@own.test", &BOB, WHOLE).await;
    assert_eq!(hall.states(id).await, [State::Ready]);
}

#[tokio::test(start_paused = true)]
async fn those_who_log_in_do_not_mask_the_exception_of_their_address() {
    let mut book = book();
    book.grants[0].senders = vec![SenderPattern::parse("*@own.test").unwrap()];
    let mut fax = hall::grant("fax");
    fax.by = By::Address(vec!["10.0.0.1/32".parse().unwrap()]);
    book.grants.push(fax);
    let hall = hall(book);
    for name in ["a", "b", "c", "d"] {
        let mut visitor = copier();
        visitor.hello = name.into();
        let sender = format!("{name}@own.test");
        let text = WHOLE.replace("scan@own.test", &sender);
        let id = hall.stored(&visitor, &sender, &BOB, &text).await;
        assert_eq!(hall.states(id).await, [State::Ready]);
    }
    let id = hall.stored(&nameless(), "scan@own.test", &BOB, WHOLE).await;
    assert_eq!(hall.states(id).await, [State::Ready]);
}
