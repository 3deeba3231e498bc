//! Held mail, decided again: suspicion passes or is overruled by an operator; authority is asked every time.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod hall;

use admission::{FromScan, Held, Reviewed, Visitor};
use hall::{Hall, MINUTE, WHOLE, book, copier, hall, nameless, one_a_minute, outsider, suspend};
use mail::{DomainPattern, MessageId, Timestamp};
use policy::{Basis, By, Class, Fact, LimitSpec, Permit, Reason, Rulebook, Scope, SenderPattern, Standing};
use spool::State;
use world::Clock;

const BOB: [&str; 1] = ["bob@foreign.test"];

/// What a new decision says of the first recipient.
async fn again(hall: &Hall, id: MessageId, reviewed: Reviewed) -> Result<Permit, Reason> {
    again_at(hall, id, 0, reviewed).await
}

/// The same of another recipient.
async fn again_at(hall: &Hall, id: MessageId, place: usize, reviewed: Reviewed) -> Result<Permit, Reason> {
    let story = hall.view.get(id).await.unwrap().unwrap();
    let held = Held {
        testimony: &story.testimony,
        sender: &story.reverse,
        place,
        recipient: &story.recipients[place].path,
    };
    hall.admission.decide_again(&held, reviewed)
}

/// Why it stays; `None` where it may go.
async fn stays(hall: &Hall, id: MessageId, reviewed: Reviewed) -> Option<Reason> {
    again(hall, id, reviewed).await.err()
}

/// The second message of a minute, held by its rate.
async fn over_the_rate(book: Rulebook) -> (Hall, MessageId) {
    let hall = hall(book);
    hall.stored(&copier(), "scan@own.test", &BOB, WHOLE).await;
    let id = hall.stored(&copier(), "scan@own.test", &BOB, WHOLE).await;
    assert!(matches!(
        hall.states(id).await[0],
        State::Held {
            reason: Reason::RateHeld,
            ..
        }
    ));
    (hall, id)
}

fn slow() -> Rulebook {
    let mut book = book();
    book.grants[0].limits = one_a_minute();
    book
}

#[tokio::test(start_paused = true)]
async fn what_a_rate_held_goes_when_the_rate_has_passed() {
    let (hall, id) = over_the_rate(slow()).await;
    assert_eq!(stays(&hall, id, Reviewed::ByNobody).await, Some(Reason::RateHeld));
    hall.clock.sleep_until(MINUTE * 3).await;
    let permit = again(&hall, id, Reviewed::ByNobody).await.unwrap();
    assert_eq!(
        (permit.basis(), permit.standing()),
        (&Basis::Grant("copier".into()), &Standing::Ready)
    );
}

#[tokio::test(start_paused = true)]
async fn what_goes_takes_its_place_in_the_rate_and_what_stays_takes_none() {
    let (hall, id) = over_the_rate(slow()).await;
    for _ in 0..10 {
        assert!(again(&hall, id, Reviewed::ByNobody).await.is_err());
    }
    hall.clock.sleep_until(MINUTE * 3).await;
    assert!(again(&hall, id, Reviewed::ByNobody).await.is_ok());
    assert_eq!(
        stays(&hall, id, Reviewed::ByNobody).await,
        Some(Reason::RateHeld),
        "the one place of this minute is taken"
    );
}

#[tokio::test(start_paused = true)]
async fn limits_that_were_raised_free_what_the_old_ones_held() {
    let (mut hall, id) = over_the_rate(slow()).await;
    hall.publish(|book| book.grants[0].limits = Class::Device.limits());
    assert_eq!(stays(&hall, id, Reviewed::ByNobody).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_operator_overrules_a_rate() {
    let (hall, id) = over_the_rate(slow()).await;
    let permit = again(&hall, id, Reviewed::ByOperator).await.unwrap();
    assert_eq!(*permit.standing(), Standing::Ready);
}

/// The third face behind one address exception.
async fn masked() -> (Hall, MessageId) {
    let mut book = book();
    book.grants[0].by = By::Address(vec!["10.0.0.1/32".parse().unwrap()]);
    book.grants[0].senders = vec![SenderPattern::parse("*@own.test").unwrap()];
    let hall = hall(book);
    let mut last = MessageId::new(0);
    for name in ["a", "b", "c"] {
        let who = Visitor {
            hello: name.into(),
            ..nameless()
        };
        let sender = format!("{name}@own.test");
        let text = WHOLE.replace("scan@own.test", &sender);
        last = hall.stored(&who, &sender, &BOB, &text).await;
    }
    (hall, last)
}

#[tokio::test(start_paused = true)]
async fn a_masked_source_stays_until_its_faces_are_forgotten() {
    let (hall, id) = masked().await;
    assert_eq!(stays(&hall, id, Reviewed::ByNobody).await, Some(Reason::MaskedSource));
    hall.clock.sleep_until(MINUTE * 59).await;
    assert_eq!(stays(&hall, id, Reviewed::ByNobody).await, Some(Reason::MaskedSource));
    hall.clock.sleep_until(MINUTE * 61).await;
    assert_eq!(stays(&hall, id, Reviewed::ByNobody).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_called_itself_otherwise_stays_until_its_name_is_granted() {
    let named = |name: &str| vec![policy::HelloPattern::parse(name).unwrap()];
    let mut book = book();
    book.grants[0].by = By::Address(vec!["10.0.0.1/32".parse().unwrap()]);
    book.grants[0].hellos = named("RNP*");
    let mut hall = hall(book);
    let id = hall.stored(&nameless(), "scan@own.test", &BOB, WHOLE).await;
    hall.clock.sleep_until(MINUTE * 61).await;
    assert_eq!(stays(&hall, id, Reviewed::ByNobody).await, Some(Reason::MaskedSource));
    hall.publish(|book| book.grants[0].hellos = named("copier"));
    assert_eq!(stays(&hall, id, Reviewed::ByNobody).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_operator_overrules_a_mask() {
    let (hall, id) = masked().await;
    assert_eq!(stays(&hall, id, Reviewed::ByOperator).await, None);
}

/// Decided by everybody who may decide, after the window of the rate has passed.
async fn nobody_frees(mut change: impl FnMut(&mut Rulebook), why: Reason) {
    let (mut hall, id) = over_the_rate(slow()).await;
    hall.clock.sleep_until(MINUTE * 3).await;
    hall.publish(&mut change);
    for reviewed in [Reviewed::ByNobody, Reviewed::ByOperator] {
        assert_eq!(stays(&hall, id, reviewed).await, Some(why), "{reviewed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn authority_that_is_gone_is_overruled_by_nobody() {
    nobody_frees(suspend, Reason::GrantSuspended).await;
    nobody_frees(|book| book.grants[0].until = Timestamp(1), Reason::GrantExpired).await;
    nobody_frees(|book| book.grants.clear(), Reason::LoginWithoutGrant).await;
    nobody_frees(
        |book| book.grants[0].scope = Scope::Internal,
        Reason::RecipientOutsideScope,
    )
    .await;
    let other = || vec![SenderPattern::parse("fax@own.test").unwrap()];
    nobody_frees(|book| book.grants[0].senders = other(), Reason::SenderNotGranted).await;
    nobody_frees(
        |book| book.grants[0].networks = vec!["10.9.0.0/16".parse().unwrap()],
        Reason::NetworkNotGranted,
    )
    .await;
    nobody_frees(|book| book.grants[0].header_from = other(), Reason::FromNotGranted).await;
    nobody_frees(
        |book| {
            book.grants.clear();
            book.listeners.clear();
        },
        Reason::NoGrant,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_ends_by_the_calendar_ends_for_held_mail_too() {
    let mut book = slow();
    book.grants[0].until = Timestamp(hall::NOW.0 + 120_000);
    let (hall, id) = over_the_rate(book).await;
    hall.clock.sleep_until(MINUTE * 3).await;
    for reviewed in [Reviewed::ByNobody, Reviewed::ByOperator] {
        assert_eq!(stays(&hall, id, reviewed).await, Some(Reason::GrantExpired));
    }
}

#[tokio::test(start_paused = true)]
async fn a_suspension_that_ended_gives_the_mail_back_its_chance() {
    let (mut hall, id) = over_the_rate(slow()).await;
    hall.publish(suspend);
    assert!(again(&hall, id, Reviewed::ByOperator).await.is_err());
    hall.publish(|book| book.grants[0].state = policy::GrantState::Active);
    assert_eq!(stays(&hall, id, Reviewed::ByOperator).await, None);
}

#[tokio::test(start_paused = true)]
async fn what_was_set_aside_goes_once_its_grant_reaches_so_far() {
    let mut hall = hall(book());
    let to = ["bob@foreign.test", "eve@other.test"];
    let transaction = hall.begun(&copier(), "scan@own.test", &to).unwrap();
    let other = || vec![DomainPattern::parse("other.test").unwrap()];
    hall.publish(|book| book.grants[0].scope = Scope::Domains(other()));
    let admission::Admitted::Stored { id } = hall.ended(&copier(), transaction, WHOLE).await else {
        panic!("not stored")
    };
    let aside = State::Quarantined {
        reason: Reason::RecipientOutsideScope,
    };
    assert_eq!(hall.states(id).await, [aside, State::Ready]);
    assert_eq!(
        stays(&hall, id, Reviewed::ByOperator).await,
        Some(Reason::RecipientOutsideScope)
    );
    hall.publish(|book| book.grants[0].scope = Scope::Any);
    assert_eq!(stays(&hall, id, Reviewed::ByOperator).await, None);
}

#[tokio::test(start_paused = true)]
async fn testimony_that_cannot_be_read_gives_no_authority() {
    let (hall, id) = over_the_rate(slow()).await;
    let story = hall.view.get(id).await.unwrap().unwrap();
    for testimony in [&b""[..], &b"nonsense"[..]] {
        let held = Held {
            testimony,
            sender: &story.reverse,
            place: 0,
            recipient: &story.recipients[0].path,
        };
        let decided = hall.admission.decide_again(&held, Reviewed::ByOperator);
        assert_eq!(decided.err(), Some(Reason::AuthorityUnknown));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_as_large_as_its_grant_allows_is_not_too_large_for_our_own_header() {
    let mut book = slow();
    book.grants[0].limits = LimitSpec {
        octets_per_message: WHOLE.len() as u64,
        ..one_a_minute()
    };
    let (hall, id) = over_the_rate(book).await;
    assert_eq!(stays(&hall, id, Reviewed::ByOperator).await, None);
}

/// A forward that ended between RCPT and the end of the body, beside a recipient of ours: set aside.
async fn forward_set_aside() -> (Hall, MessageId) {
    let mut hall = hall(book());
    let to = ["it@own.test", "fwd@own.test"];
    let transaction = hall.begun(&outsider(), "eve@far.test", &to).unwrap();
    hall.publish(|book| book.forwards[0].until = Timestamp(1));
    let admission::Admitted::Stored { id } = hall.ended(&outsider(), transaction, WHOLE).await else {
        panic!("not stored")
    };
    assert!(matches!(
        hall.states(id).await[..],
        [State::Ready, State::Quarantined { .. }]
    ));
    let stays = again_at(&hall, id, 1, Reviewed::ByOperator).await;
    assert_eq!(stays.err(), Some(Reason::NoSuchRecipient));
    (hall, id)
}

#[tokio::test(start_paused = true)]
async fn what_a_forward_takes_is_judged_as_it_was_asked_for() {
    let (mut hall, id) = forward_set_aside().await;
    hall.publish(|book| book.forwards[0].until = Timestamp(hall::NOW.0 + 1_000_000));
    let permit = again_at(&hall, id, 1, Reviewed::ByOperator).await.unwrap();
    assert_eq!(
        (permit.basis(), permit.standing()),
        (&Basis::Forward("away".into()), &Standing::Ready)
    );
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_leads_elsewhere_by_now_frees_nothing_to_where_it_led() {
    let (mut hall, id) = forward_set_aside().await;
    hall.publish(|book| {
        book.forwards[0].until = Timestamp(hall::NOW.0 + 1_000_000);
        book.forwards[0].to = "carol@foreign.test".parse().unwrap();
    });
    let elsewhere = again_at(&hall, id, 1, Reviewed::ByOperator).await;
    assert_eq!(elsewhere.err(), Some(Reason::NoSuchRecipient));
    // A mailbox of ours by now: its mail does not go there any more either.
    hall.publish(|book| book.forwards.clear());
    let ours = again_at(&hall, id, 1, Reviewed::ByOperator).await;
    assert_eq!(ours.err(), Some(Reason::NoSuchRecipient));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_has_come_a_long_way_is_not_taken_for_a_fresh_one() {
    let (hall, id) = over_the_rate(slow()).await;
    hall.told.remember(|recalled| recalled.hops = Fact::Known(1000));
    assert_eq!(stays(&hall, id, Reviewed::ByOperator).await, Some(Reason::MailLoop));
}

#[tokio::test(start_paused = true)]
async fn a_from_header_that_cannot_be_read_is_none_that_is_missing() {
    let mut book = slow();
    book.grants[0].tolerances.missing_from = true;
    let (hall, id) = over_the_rate(book).await;
    hall.told
        .remember(|recalled| recalled.from = Fact::Known(FromScan::Missing));
    assert_eq!(stays(&hall, id, Reviewed::ByOperator).await, None);
    hall.told
        .remember(|recalled| recalled.from = Fact::Known(FromScan::Malformed));
    assert_eq!(stays(&hall, id, Reviewed::ByOperator).await, Some(Reason::FromMissing));
}
