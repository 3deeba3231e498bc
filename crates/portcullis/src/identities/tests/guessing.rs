//! Clients that guess, one by one and side by side.

use super::*;

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
async fn a_login_that_was_guessed_at_a_hundred_times_is_stopped_but_for_where_its_owner_is() {
    let logins = logins().hashing_here();
    let from = async |client: [u8; 4], secret: &str| {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        logins.inner.prove("erp", secret, client.into()).await.map(drop)
    };
    let (stranger, neighbour) = ([203, 0, 113, 9], [10, 66, 0, 7]);
    logins.pinned_by(|login, client| login == "erp" && client == IpAddr::from([10, 66, 0, 7]));
    assert!(plain(&logins, b"\0erp\0right").await.is_ok());
    lock(&logins.inner.remembered).clear();
    for number in 0..100 {
        assert_eq!(from([203, 1, number, 1], "wrong").await, Err(AuthRefusal::WrongSecret));
    }
    // Right or wrong, it hears the same, as late; and who was remembered a moment ago somewhere else is no exception.
    for secret in ["wrong", "right"] {
        let before = logins.inner.clock.monotonic();
        assert_eq!(from(stranger, secret).await, Err(AuthRefusal::Stopped));
        assert!(logins.inner.clock.monotonic() - before >= Duration::from_secs(2));
    }
    assert_eq!(
        from(HERE_OCTETS, "right").await,
        Ok(()),
        "where it proved itself before"
    );
    assert_eq!(
        from(neighbour, "right").await,
        Ok(()),
        "where its grant names the client"
    );
    assert_eq!(from(stranger, "right").await, Err(AuthRefusal::Stopped));
    let stopped = logins.kept_out().stopped;
    assert!(
        stopped["erp"].homes.iter().any(|home| home.contains(&HERE)),
        "{stopped:?}"
    );
    assert!(logins.release("ERP") && !logins.release("erp"));
    assert_eq!(from(stranger, "right").await, Ok(()));
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
