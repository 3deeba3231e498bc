//! Stories of clients that log in.

use super::*;
use futures_util::FutureExt;
use policy::AuthStep;
use world::SystemClock;
use world::SystemRng;

const HERE_OCTETS: [u8; 4] = [10, 20, 3, 14];
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 20, 3, 14));

fn limits() -> LimitSettings {
    LimitSettings::default()
}

/// `erp`, whose secret is `right`, without SCRAM.
fn logins() -> Logins {
    logins_of("erp", hash_secret("right", &SystemRng).unwrap().into())
}

fn logins_of(login: &str, verifier: Verifier) -> Logins {
    let table = BTreeMap::from([(Name::from(login), verifier)]);
    Logins::new(table, limits(), Arc::new(SystemClock::new()), Arc::new(SystemRng))
}

fn begin(logins: &Logins, mechanism: Mechanism) -> Box<dyn AuthExchange> {
    let context = AuthContext {
        client: HERE,
        listener: "submission".into(),
        channel_binding: None,
    };
    logins.begin(mechanism, context)
}

async fn plain(logins: &Logins, message: &[u8]) -> Result<Principal, AuthRefusal> {
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
    let table = logins.inner.table.load_full();
    let hashes = |table: &Table| -> Vec<_> {
        let (_, verifier) = table.find("erp").unwrap();
        verifier.live(logins.inner.now()).map(|one| one.hash.clone()).collect()
    };
    assert!(logins.inner.is_remembered("erp", b"right", &hashes(&table)));
    assert!(!logins.inner.is_remembered("erp", b"wrong", &hashes(&table)));
    // The same secret under another hash is another one.
    logins.configure(
        BTreeMap::from([("erp".into(), hash_secret("right", &SystemRng).unwrap().into())]),
        limits(),
    );
    let table = logins.inner.table.load_full();
    assert!(!logins.inner.is_remembered("erp", b"right", &hashes(&table)));
    logins.configure(BTreeMap::new(), limits());
    assert_eq!(plain(&logins, b"\0erp\0right").await, Err(AuthRefusal::UnknownLogin));
}

#[tokio::test(start_paused = true)]
async fn the_file_and_the_registry_change_by_themselves_and_the_file_comes_first() {
    let logins = logins();
    let one = |name: &str, secret: &str| (Name::from(name), hash_secret(secret, &SystemRng).unwrap().into());
    logins.register(BTreeMap::from([one("pc-1001", "device"), one("erp", "stolen")]));
    assert!(plain(&logins, b"\0pc-1001\0device").await.is_ok());
    assert!(plain(&logins, b"\0erp\0right").await.is_ok());
    assert_eq!(plain(&logins, b"\0erp\0stolen").await, Err(AuthRefusal::WrongSecret));
    logins.configure(BTreeMap::new(), limits());
    assert!(
        plain(&logins, b"\0pc-1001\0device").await.is_ok(),
        "a reload leaves the registry alone"
    );
    logins.register(BTreeMap::new());
    assert_eq!(
        plain(&logins, b"\0pc-1001\0device").await,
        Err(AuthRefusal::UnknownLogin)
    );
}

#[tokio::test(start_paused = true)]
async fn while_a_secret_takes_the_place_of_another_both_hold_and_then_one() {
    let old = seal("old", None, &SystemRng).unwrap();
    let new = seal("new", old.scram.as_ref(), &SystemRng).unwrap();
    let until = Timestamp(SystemClock::new().wall() + 3_600_000);
    let both = |until| {
        Verifier::Secrets(vec![
            new.clone(),
            Secret {
                until: Some(until),
                ..old.clone()
            },
        ])
    };
    let logins = logins_of("erp", both(until));
    for secret in ["old", "new"] {
        let message = format!("\0erp\0{secret}");
        assert!(plain(&logins, message.as_bytes()).await.is_ok(), "{secret}");
        assert!(scram(&logins, "erp", secret, "n,,").await.is_ok(), "{secret}");
    }
    logins.configure(BTreeMap::from([("erp".into(), both(Timestamp(0)))]), limits());
    assert_eq!(plain(&logins, b"\0erp\0old").await, Err(AuthRefusal::WrongSecret));
    assert_eq!(scram(&logins, "erp", "old", "n,,").await, Err(AuthRefusal::WrongSecret));
    assert!(scram(&logins, "erp", "new", "n,,").await.is_ok());
}

/// The session's binding, in all these stories.
const BINDING: &[u8] = b"what the TLS session exports";

/// A whole exchange by SCRAM; `header` as the client sends it. The server's own proof is checked on the way.
async fn scram(logins: &Logins, login: &str, secret: &str, header: &str) -> Result<Principal, AuthRefusal> {
    let plus = header.starts_with("p=");
    let mechanism = if plus {
        Mechanism::ScramSha256Plus
    } else {
        Mechanism::ScramSha256
    };
    let client = scram::client::Client {
        login,
        secret,
        header,
        binding: if plus { BINDING } else { b"" },
        nonce: "fyko+d2lbbFgONRv9qkxdawL",
    };
    let context = AuthContext {
        client: HERE,
        listener: "submission".into(),
        channel_binding: Some(BINDING.to_vec()),
    };
    let mut exchange = logins.begin(mechanism, context);
    let challenge = match exchange.step(Some(client.first().into_bytes())).await {
        AuthStep::Challenge(challenge) => String::from_utf8(challenge).unwrap(),
        AuthStep::Refused(why) => return Err(why),
        AuthStep::Proved(_) => panic!("nothing was proved yet"),
    };
    let (last, expected) = client.last(&challenge);
    match exchange.step(Some(last.into_bytes())).await {
        AuthStep::Challenge(proof) => assert_eq!(String::from_utf8(proof).unwrap(), expected),
        AuthStep::Refused(why) => return Err(why),
        AuthStep::Proved(_) => panic!("the client has to hear our proof first"),
    }
    match exchange.step(Some(Vec::new())).await {
        AuthStep::Proved(principal) => Ok(principal),
        AuthStep::Refused(why) => Err(why),
        AuthStep::Challenge(_) => panic!("there is nothing more to say"),
    }
}

#[tokio::test(start_paused = true)]
async fn scram_proves_a_login_with_and_without_a_binding_to_the_session() {
    let logins = logins_of("erp", seal("right", None, &SystemRng).unwrap().into());
    let erp = Principal("erp".into());
    assert_eq!(scram(&logins, "erp", "right", "n,,").await, Ok(erp.clone()));
    assert_eq!(scram(&logins, "ERP", "right", "n,a=ERP,").await, Ok(erp.clone()));
    assert_eq!(scram(&logins, "erp", "right", "p=tls-exporter,,").await, Ok(erp));
    for (header, why) in [
        ("y,,", AuthRefusal::WrongSecret),
        ("p=tls-unique,,", AuthRefusal::WrongSecret),
        ("n,a=boss,", AuthRefusal::Malformed),
    ] {
        assert_eq!(scram(&logins, "erp", "right", header).await, Err(why), "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn scram_holds_back_and_locks_out_as_the_others_do_and_shows_no_difference_for_who_does_not_exist() {
    let logins = logins_of("erp", seal("right", None, &SystemRng).unwrap().into());
    let clock = Arc::clone(&logins.inner.clock);
    let before = clock.monotonic();
    assert_eq!(
        scram(&logins, "erp", "wrong", "n,,").await,
        Err(AuthRefusal::WrongSecret)
    );
    assert_eq!(clock.monotonic() - before, Duration::from_secs(2));
    assert_eq!(
        scram(&logins, "nobody", "wrong", "n,,").await,
        Err(AuthRefusal::UnknownLogin)
    );
    assert_eq!(clock.monotonic() - before, Duration::from_secs(2 + 4));
    for _ in 0..9 {
        let _ = scram(&logins, "erp", "wrong", "n,,").await;
    }
    assert_eq!(scram(&logins, "erp", "right", "n,,").await, Err(AuthRefusal::LockedOut));
    assert_eq!(plain(&logins, b"\0erp\0right").await, Err(AuthRefusal::LockedOut));
}

#[tokio::test(start_paused = true)]
async fn one_login_without_scram_takes_it_from_nobody_and_gets_along_at_its_second_try() {
    let with = |secret: &str| Verifier::from(seal(secret, None, &SystemRng).unwrap());
    let logins = logins_of("erp", with("right"));
    let names = |logins: &Logins| logins.mechanisms(HERE).iter().map(Mechanism::name).collect::<Vec<_>>();
    let all = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"];
    // Where it can prove everybody, who fails is wrong.
    assert_eq!(
        scram(&logins, "erp", "wrong", "n,,").await,
        Err(AuthRefusal::WrongSecret)
    );
    assert_eq!(names(&logins), all);
    let old = || hash_secret("old", &SystemRng).unwrap().into();
    logins.register(BTreeMap::from([
        ("pc-1001".into(), with("new")),
        ("pc-1002".into(), old()),
    ]));
    for (login, secret) in [("pc-1002", "old"), ("erp", "wrong"), ("nobody", "x")] {
        *lock(&logins.inner.otherwise) = Otherwise::default();
        *lock(&logins.inner.lockout) = Lockout::default();
        assert_eq!(names(&logins), all, "it is offered, though pc-1002 has no part in it");
        assert_eq!(
            scram(&logins, "pc-1001", "new", "n,,").await,
            Ok(Principal("pc-1001".into()))
        );
        assert_eq!(names(&logins), all);
        let before = logins.inner.clock.monotonic();
        let refused = scram(&logins, login, secret, "n,,").await;
        assert_eq!(
            refused,
            Err(AuthRefusal::OtherMechanism),
            "{login} hears what the others hear"
        );
        assert_eq!(logins.inner.clock.monotonic() - before, Duration::from_secs(2));
        assert_eq!(names(&logins), all[2..], "{login}");
        let elsewhere = logins.mechanisms([192, 0, 2, 1].into());
        assert!(elsewhere.contains(Mechanism::ScramSha256));
    }
    assert_eq!(plain(&logins, b"\0pc-1002\0old").await, Ok(Principal("pc-1002".into())));
    // Who insists hears what is true.
    assert_eq!(
        scram(&logins, "nobody", "x", "n,,").await,
        Err(AuthRefusal::UnknownLogin)
    );
    logins.configure(BTreeMap::new(), limits());
    logins.register(BTreeMap::from([("pc-1002".into(), old())]));
    let elsewhere = logins.mechanisms([192, 0, 2, 1].into());
    assert!(!elsewhere.contains(Mechanism::ScramSha256), "nobody has a part in it");
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

/// Tokens of `campus`, whose keys lie in a file, lead to `scan@example.edu` by its address, and to `reports` by what its
/// platform claims.
fn logins_by_token(folder: &std::path::Path, signer: &token::forge::Signer) -> Logins {
    let keys = folder.join("keys.json");
    std::fs::write(&keys, token::forge::set(&[signer])).unwrap();
    let rule = |claims: &[(&str, &str)]| {
        let claims = claims.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let issuer = Name::from("campus");
        Verifier::Token(TokenRule { issuer, claims })
    };
    let table = BTreeMap::from([
        ("scan@example.edu".into(), rule(&[("email", "scan@example.edu")])),
        ("reports".into(), rule(&[("sub", "job:reports"), ("branch", "main")])),
        ("erp".into(), hash_secret("right", &SystemRng).unwrap().into()),
    ]);
    let logins = Logins::new(table, limits(), Arc::new(SystemClock::new()), Arc::new(SystemRng));
    let settings = IssuerSettings {
        rules: Rules {
            issuer: "https://login.example.edu".to_owned(),
            audiences: vec!["smtp".to_owned()],
            algorithms: vec![Algorithm::Es256],
        },
        login_claim: "email".to_owned(),
        told_by: ToldBy::Keys(KeySource::File(keys)),
        ca: None,
    };
    let resolver: Arc<dyn Resolver> = Arc::new(dns::Literal::new());
    let others = Vouching {
        issuers: BTreeMap::from([("campus".into(), settings)]),
        directory: None,
    };
    logins.trust(&others, &World::real(), &resolver);
    logins
}

fn token(signer: &token::forge::Signer, name: &str, value: &str, more: &[(&str, &str)]) -> String {
    let end = SystemClock::new().wall() / 1000 + 300;
    let mut claims = serde_json::json!({ "iss": "https://login.example.edu", "aud": "smtp", "exp": end });
    claims[name] = value.into();
    for (name, value) in more {
        claims[*name] = (*value).into();
    }
    signer.sign(&claims)
}

/// Logs in with a token; where that is refused, also what the client was told on the way.
async fn bearer(logins: &Logins, mechanism: Mechanism, message: String) -> Result<Principal, (AuthRefusal, String)> {
    let mut exchange = begin(logins, mechanism);
    match exchange.step(Some(message.into_bytes())).await {
        AuthStep::Proved(principal) => Ok(principal),
        AuthStep::Refused(why) => Err((why, String::new())),
        AuthStep::Challenge(told) => match exchange.step(Some(b"\x01".to_vec())).await {
            AuthStep::Refused(why) => Err((why, String::from_utf8(told).unwrap())),
            _ => panic!("the exchange is over"),
        },
    }
}

fn oauthbearer(login: &str, token: &str) -> String {
    let authzid = if login.is_empty() {
        String::new()
    } else {
        format!("a={login}")
    };
    format!("n,{authzid},\x01host=mail.example.edu\x01port=587\x01auth=Bearer {token}\x01\x01")
}

fn xoauth2(login: &str, token: &str) -> String {
    format!("user={login}\x01auth=Bearer {token}\x01\x01")
}

#[tokio::test(start_paused = true)]
async fn a_token_leads_to_the_login_that_its_claims_name_by_both_mechanisms() {
    let folder = tempfile::tempdir().unwrap();
    let signer = token::forge::Signer::new("one");
    let logins = logins_by_token(folder.path(), &signer);
    let scan = token(&signer, "email", "scan@example.edu", &[]);
    let (bearer_of, xoauth) = (Mechanism::OAuthBearer, Mechanism::XOAuth2);
    let proved = Ok(Principal("scan@example.edu".into()));
    assert_eq!(
        bearer(&logins, bearer_of, oauthbearer("scan@example.edu", &scan)).await,
        proved
    );
    assert_eq!(bearer(&logins, bearer_of, oauthbearer("", &scan)).await, proved);
    assert_eq!(
        bearer(&logins, xoauth, xoauth2("Scan@example.edu", &scan)).await,
        proved
    );
    let job = token(&signer, "sub", "job:reports", &[("branch", "main")]);
    assert_eq!(
        bearer(&logins, bearer_of, oauthbearer("", &job)).await,
        Ok(Principal("reports".into()))
    );
    let names: Vec<_> = logins.mechanisms(HERE).iter().map(Mechanism::name).collect();
    assert_eq!(names, ["OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_leads_to_nobody_is_refused_as_a_wrong_one_and_after_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let signer = token::forge::Signer::new("one");
    let logins = logins_by_token(folder.path(), &signer);
    let good = |name, value, more| token(&signer, name, value, more);
    let stranger = token(&token::forge::Signer::new("one"), "email", "scan@example.edu", &[]);
    let told = r#"{"status":"invalid_token"}"#;
    let mut held_back = Vec::new();
    for (login, token, why) in [
        ("scan@example.edu", stranger.clone(), AuthRefusal::WrongSecret),
        ("nobody", stranger, AuthRefusal::UnknownLogin),
        ("", good("email", "student@example.edu", &[]), AuthRefusal::WithoutGrant),
        // Somebody else's login, and one that is proved by a secret.
        (
            "reports",
            good("email", "scan@example.edu", &[]),
            AuthRefusal::WithoutGrant,
        ),
        ("erp", good("email", "erp", &[]), AuthRefusal::WithoutGrant),
        (
            "",
            good("sub", "job:reports", &[("branch", "topic")]),
            AuthRefusal::WithoutGrant,
        ),
    ] {
        // From somewhere else each time, as the second failure from one address waits longer.
        *lock(&logins.inner.lockout) = Lockout::default();
        let before = logins.inner.clock.monotonic();
        let came = bearer(&logins, Mechanism::OAuthBearer, oauthbearer(login, &token)).await;
        assert_eq!(came, Err((why, told.to_owned())), "{login}");
        held_back.push(logins.inner.clock.monotonic() - before);
    }
    assert!(
        held_back.iter().all(|delay| *delay == Duration::from_secs(2)),
        "{held_back:?}"
    );
    let came = bearer(&logins, Mechanism::XOAuth2, xoauth2("scan@example.edu", "none")).await;
    assert!(matches!(came, Err((AuthRefusal::WrongSecret, told)) if told.contains(r#""status":"401""#)));
    // A secret is none of a login that is proved by a token.
    assert_eq!(plain(&logins, b"\0reports\0").await, Err(AuthRefusal::Malformed));
    assert_eq!(plain(&logins, b"\0reports\0x").await, Err(AuthRefusal::WrongSecret));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_tells_whom_it_was_about_and_one_that_led_to_no_grant_ends_as_late_as_a_wrong_one() {
    let folder = tempfile::tempdir().unwrap();
    let signer = token::forge::Signer::new("one");
    let logins = logins_by_token(folder.path(), &signer);
    let student = token(&signer, "email", "student@example.edu", &[]);
    for (mechanism, message, claimed) in [
        (Mechanism::Plain, "\0Nobody\0x".to_owned(), Some("nobody")),
        (Mechanism::Plain, "\0erp\0right".to_owned(), Some("erp")),
        (Mechanism::Plain, "erp".to_owned(), None),
        // Who types the secret into both fields has not said a name.
        (Mechanism::Plain, "\0Hunter2\0hunter2".to_owned(), None),
        (Mechanism::ScramSha256, "n,,n=erp,r=x".to_owned(), Some("erp")),
        // The login that a right token names is told, a wrong one's is not.
        (
            Mechanism::OAuthBearer,
            oauthbearer("", &student),
            Some("student@example.edu"),
        ),
        (Mechanism::OAuthBearer, oauthbearer("", &student[1..]), None),
        (
            Mechanism::XOAuth2,
            xoauth2("scan@example.edu", "none"),
            Some("scan@example.edu"),
        ),
    ] {
        let mut exchange = begin(&logins, mechanism);
        exchange.step(Some(message.into_bytes())).await;
        assert_eq!(exchange.claimed(), claimed);
    }
    *lock(&logins.inner.lockout) = Lockout::default();
    let before = logins.inner.clock.monotonic();
    let mut exchange = begin(&logins, Mechanism::Plain);
    exchange.step(Some(b"\0erp\0right".to_vec())).await;
    exchange.turned_down().await;
    assert_eq!(logins.inner.clock.monotonic() - before, Duration::from_secs(2));
    for _ in 1..10 {
        exchange.turned_down().await;
    }
    assert_eq!(plain(&logins, b"\0erp\0right").await, Err(AuthRefusal::LockedOut));
}

#[tokio::test(start_paused = true)]
async fn without_any_key_of_the_issuer_the_client_is_asked_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let signer = token::forge::Signer::new("one");
    let logins = logins_by_token(folder.path(), &signer);
    std::fs::remove_file(folder.path().join("keys.json")).unwrap();
    let scan = token(&signer, "email", "scan@example.edu", &[]);
    let came = bearer(&logins, Mechanism::OAuthBearer, oauthbearer("", &scan)).await;
    assert_eq!(came, Err((AuthRefusal::Unavailable, String::new())));
}

/// A directory in which everybody's password is their name backwards; whoever asks for `busy` hears that it is. Counts
/// what it is asked.
async fn directory() -> (Place, Arc<std::sync::atomic::AtomicUsize>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = Place::directory(&format!("ldap://{}", listener.local_addr().unwrap())).unwrap();
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut octets = [0; 512];
            let read = stream.read(&mut octets).await.unwrap();
            let request = String::from_utf8_lossy(&octets[..read]).into_owned();
            let (name, password) = request.split_once("uid=").unwrap().1.split_once(",ou=people").unwrap();
            let right = password.ends_with(&name.chars().rev().collect::<String>());
            let code = if name == "busy" {
                51
            } else if right {
                0
            } else {
                49
            };
            let answer = [0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, code, 4, 0, 4, 0];
            let _ = stream.write_all(&answer).await;
        }
    });
    (place, asked)
}

#[tokio::test]
async fn the_directory_is_believed_of_those_whom_it_was_declared_to_know_and_asked_about_others() {
    let (place, asked) = directory().await;
    let count = || asked.load(std::sync::atomic::Ordering::Relaxed);
    let table = BTreeMap::from([
        ("alice".into(), Verifier::Directory),
        ("busy".into(), Verifier::Directory),
        ("erp".into(), hash_secret("right", &SystemRng).unwrap().into()),
    ]);
    let logins = Logins::new(table, limits(), Arc::new(SystemClock::new()), Arc::new(SystemRng));
    let resolver: Arc<dyn Resolver> = Arc::new(dns::Literal::new());
    let settings = DirectorySettings {
        place,
        starttls: false,
        by: FoundBy::Name("uid={login},ou=people,dc=example,dc=edu".to_owned()),
        ca: None,
    };
    let others = Vouching {
        issuers: BTreeMap::new(),
        directory: Some(settings),
    };
    logins.trust(&others, &World::real(), &resolver);
    assert_eq!(plain(&logins, b"\0Alice\0ecila").await, Ok(Principal("alice".into())));
    assert_eq!(plain(&logins, b"\0alice\0ecila").await, Ok(Principal("alice".into())));
    assert_eq!(count(), 1, "a moment ago it was right");
    // Who has no grant is refused after the same time as who is wrong, and what is known here is not asked there.
    for (message, why, times) in [
        (&b"\0alice\0x"[..], AuthRefusal::WrongSecret, 1),
        (b"\0bob\0bob", AuthRefusal::WithoutGrant, 1),
        (b"\0bob\0x", AuthRefusal::UnknownLogin, 1),
        (b"\0erp\0pre", AuthRefusal::WrongSecret, 0),
        (b"\0a,ou=x\0x", AuthRefusal::UnknownLogin, 1),
    ] {
        *lock(&logins.inner.lockout) = Lockout::default();
        let (before, asked) = (logins.inner.clock.monotonic(), count());
        assert_eq!(plain(&logins, message).await, Err(why));
        assert!(
            logins.inner.clock.monotonic() - before >= Duration::from_secs(2),
            "{why:?}"
        );
        assert_eq!(count() - asked, times, "{why:?}");
    }
    assert_eq!(plain(&logins, b"\0busy\0ysub").await, Err(AuthRefusal::Unavailable));
    assert_eq!(plain(&logins, b"\0alice\0").await, Err(AuthRefusal::Malformed));
    // No login of the directory has a part in SCRAM.
    assert!(!logins.mechanisms(HERE).contains(Mechanism::ScramSha256));
    assert_eq!(
        scram(&logins, "alice", "ecila", "n,,").await,
        Err(AuthRefusal::WrongSecret)
    );
    // Without a directory nobody is known by it.
    logins.trust(&Vouching::default(), &World::real(), &resolver);
    assert_eq!(plain(&logins, b"\0alice\0ecila").await, Err(AuthRefusal::WrongSecret));
}
