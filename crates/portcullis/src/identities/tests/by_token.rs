//! Clients that show a token of an issuer.

use super::*;

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
        ..Vouching::default()
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
