//! Clients that prove their secret without saying it.

use super::*;

/// The session's binding, in all these stories.
const BINDING: &[u8] = b"what the TLS session exports";

/// A whole exchange by SCRAM; `header` as the client sends it. The server's own proof is checked on the way.
pub(super) async fn scram(logins: &Logins, login: &str, secret: &str, header: &str) -> Result<Principal, AuthRefusal> {
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
pub(super) async fn scram_proves_a_login_with_and_without_a_binding_to_the_session() {
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
pub(super) async fn scram_holds_back_and_locks_out_as_the_others_do_and_shows_no_difference_for_who_does_not_exist() {
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
