//! Stories of clients that log in.

use super::*;
use futures_util::FutureExt;
use policy::AuthStep;
use world::SystemClock;
use world::SystemRng;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 20, 3, 14));

fn limits() -> LimitSettings {
    LimitSettings::default()
}

fn logins() -> StaticLogins {
    let hash = hash_secret("right", &SystemRng).unwrap();
    let table = BTreeMap::from([(Name::from("erp"), hash)]);
    StaticLogins::new(table, limits(), Arc::new(SystemClock::new()), &SystemRng)
}

fn begin(logins: &StaticLogins, mechanism: Mechanism) -> Box<dyn AuthExchange> {
    let context = AuthContext {
        client: HERE,
        listener: "submission".into(),
        channel_binding: None,
    };
    logins.begin(mechanism, context)
}

async fn plain(logins: &StaticLogins, message: &[u8]) -> Result<Principal, AuthRefusal> {
    match begin(logins, Mechanism::Plain).step(Some(message.to_vec())).await {
        AuthStep::Proved(principal) => Ok(principal),
        AuthStep::Refused(why) => Err(why),
        AuthStep::Challenge(_) => panic!("PLAIN has one message"),
    }
}

#[tokio::test]
async fn plain_proves_a_login_in_one_message_whatever_its_capitals() {
    let logins = logins();
    let erp = Principal("erp".into());
    assert_eq!(plain(&logins, b"\0erp\0right").await, Ok(erp.clone()));
    assert_eq!(plain(&logins, b"erp\0erp\0right").await, Ok(erp.clone()));
    assert_eq!(plain(&logins, b"\0ERP\0right").await, Ok(erp));
}

#[tokio::test]
async fn plain_without_initial_response_is_asked_for_with_an_empty_challenge() {
    let logins = logins();
    let mut exchange = begin(&logins, Mechanism::Plain);
    assert!(matches!(exchange.step(None).await, AuthStep::Challenge(text) if text.is_empty()));
    assert!(matches!(
        exchange.step(Some(b"\0erp\0right".to_vec())).await,
        AuthStep::Proved(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn nobody_acts_for_somebody_else_and_broken_messages_cost_no_hash() {
    let logins = logins();
    for broken in [
        &b"boss\0erp\0right"[..],
        b"",
        b"erp",
        b"\0erp",
        b"\0\0right",
        b"\0erp\0",
        b"\0erp\0right\0",
        b"\0e\x01p\0right",
        b"\0\xff\0right",
    ] {
        assert_eq!(plain(&logins, broken).await, Err(AuthRefusal::Malformed), "{broken:?}");
    }
}

#[tokio::test]
async fn who_proved_itself_before_waits_for_no_stranger_to_be_hashed() {
    let logins = logins().hashing_here();
    assert!(plain(&logins, b"\0erp\0right").await.is_ok());
    let everybody = logins.inner.everybody.available_permits();
    let strangers = logins.inner.everybody.acquire_many(everybody as u32).await.unwrap();
    let at_work = logins.inner.hashing.acquire_many(everybody as u32).await.unwrap();
    lock(&logins.inner.remembered).clear();
    assert!(plain(&logins, b"\0erp\0right").await.is_ok());
    let stranger = plain(&logins, b"\0administrator\0guess");
    assert!(stranger.now_or_never().is_none(), "it waits for its likes");
    drop((strangers, at_work));
}

#[tokio::test]
async fn login_asks_with_the_words_that_devices_look_for() {
    let logins = logins();
    let mut exchange = begin(&logins, Mechanism::Login);
    assert!(matches!(exchange.step(None).await, AuthStep::Challenge(text) if text == b"Username:"));
    assert!(matches!(exchange.step(Some(b"erp".to_vec())).await, AuthStep::Challenge(text) if text == b"Password:"));
    assert!(matches!(
        exchange.step(Some(b"right".to_vec())).await,
        AuthStep::Proved(_)
    ));
    let mut inline = begin(&logins, Mechanism::Login);
    assert!(matches!(inline.step(Some(b"erp".to_vec())).await, AuthStep::Challenge(text) if text == b"Password:"));
}

#[tokio::test(start_paused = true)]
async fn wrong_secrets_and_unknown_logins_are_held_back_alike_and_then_locked_out() {
    let logins = logins();
    let clock = Arc::clone(&logins.inner.clock);
    let before = clock.monotonic();
    assert_eq!(plain(&logins, b"\0erp\0wrong").await, Err(AuthRefusal::WrongSecret));
    assert!(clock.monotonic() - before >= Duration::from_secs(2));
    assert_eq!(plain(&logins, b"\0nobody\0wrong").await, Err(AuthRefusal::UnknownLogin));
    for _ in 0..9 {
        let _ = plain(&logins, b"\0erp\0wrong").await;
    }
    let before = clock.monotonic();
    assert_eq!(plain(&logins, b"\0erp\0right").await, Err(AuthRefusal::LockedOut));
    assert!(clock.monotonic() - before >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_proved_secret_is_remembered_until_the_logins_change() {
    let logins = logins();
    plain(&logins, b"\0erp\0right").await.unwrap();
    assert_eq!(lock(&logins.inner.remembered).len(), 1);
    let digest = logins.inner.digest(0, "erp", b"right");
    assert!(logins.inner.is_remembered(&digest));
    logins.replace(BTreeMap::new(), limits());
    assert!(!logins.inner.is_remembered(&digest));
    assert!(plain_is_unknown(&logins).await);
}

async fn plain_is_unknown(logins: &StaticLogins) -> bool {
    plain(logins, b"\0erp\0right").await == Err(AuthRefusal::UnknownLogin)
}

#[tokio::test(start_paused = true)]
async fn guesses_made_side_by_side_are_locked_out_like_others() {
    let logins = logins();
    let guesses = (0..30).map(|_| plain(&logins, b"\0erp\0wrong"));
    let answers = futures_join(guesses).await;
    let wrong = answers
        .iter()
        .filter(|answer| **answer == Err(AuthRefusal::WrongSecret))
        .count();
    assert!(wrong <= 12, "{wrong} guesses were answered");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_guesses_from_everywhere_keeps_nobody_out_who_logged_in_before() {
    let logins = logins();
    assert!(plain(&logins, b"\0erp\0right").await.is_ok());
    // Its secret is not remembered any more, so that it needs a hash again.
    lock(&logins.inner.remembered).clear();
    let guess = async |number: u8| {
        let client = IpAddr::from([203, 0, number, 1]);
        logins
            .inner
            .prove("erp", Zeroizing::new(b"wrong".to_vec()), client)
            .await
            .map(drop)
    };
    let guesses = (0..=255).map(|number| -> std::pin::Pin<Box<dyn Future<Output = _>>> { Box::pin(guess(number)) });
    let sender = async { plain(&logins, b"\0erp\0right").await.map(drop) };
    let all = guesses.chain([Box::pin(sender) as std::pin::Pin<Box<dyn Future<Output = _>>>]);
    let before = logins.inner.clock.monotonic();
    let answers = futures_join(all).await;
    assert!(logins.inner.clock.monotonic() - before >= Duration::from_secs(2));
    let unavailable = answers
        .iter()
        .filter(|answer| **answer == Err(AuthRefusal::Unavailable));
    assert!(unavailable.count() > 100, "the line is full");
    assert_eq!(answers.last(), Some(&Ok(())));
}

/// Polls all at once, as so many sessions would.
async fn futures_join<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(move |context| {
        for (future, done) in futures.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        match done.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(done.iter_mut().filter_map(Option::take).collect()),
            false => std::task::Poll::Pending,
        }
    })
    .await
}
