//! Tokens that are worth something, and many that are not.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::forge::{Signer, set, unsigned};
use super::*;

const NOW: i64 = 1_795_262_400;

fn rules() -> Rules {
    Rules {
        issuer: "https://login.example.edu".to_owned(),
        audiences: vec!["smtp".to_owned()],
        algorithms: vec![Algorithm::Es256, Algorithm::Rs256],
    }
}

/// What a good token says.
fn claims() -> Value {
    json!({ "iss": "https://login.example.edu", "aud": "smtp", "sub": "scan", "exp": NOW + 300 })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn check(text: &str, published: &str) -> Result<Claims, Fault> {
    let keys = keys::read(published.as_bytes()).unwrap();
    Token::read(text)?
        .check(&keys, &rules(), Timestamp::from_secs(NOW))
        .cloned()
}

#[test]
fn a_token_for_us_that_has_not_ended_is_believed() {
    let signer = Signer::new("one");
    let published = set(&[&Signer::new("other"), &signer]);
    for claims in [
        claims(),
        with("aud", json!(["imap", "smtp"])),
        with("exp", json!(NOW - 59)),
        with("nbf", json!(NOW + 59)),
        with("nbf", json!(NOW as f64 - 0.5)),
    ] {
        assert_eq!(check(&signer.sign(&claims), &published).map(Value::from), Ok(claims));
    }
    // Without the name of a key all are tried.
    let nameless = signer.sign_as(&json!({ "alg": "ES256" }), &claims());
    assert!(check(&nameless, &published).is_ok());
}

#[test]
fn what_is_wrong_with_a_token_is_found() {
    let signer = Signer::new("one");
    let published = set(&[&signer]);
    for (claims, fault) in [
        (with("iss", json!("https://evil.example")), Fault::Issuer),
        (with("iss", json!(["https://login.example.edu"])), Fault::Issuer),
        (without("iss"), Fault::Issuer),
        (with("aud", json!("imap")), Fault::Audience),
        (with("aud", json!([])), Fault::Audience),
        (without("aud"), Fault::Audience),
        (with("exp", json!(NOW - 61)), Fault::Expired),
        (with("exp", json!("never")), Fault::Expired),
        (without("exp"), Fault::Expired),
        (with("nbf", json!(NOW + 61)), Fault::NotYet),
        (with("nbf", json!("soon")), Fault::NotYet),
        (with("cnf", json!({ "jkt": "x" })), Fault::Bound),
    ] {
        assert_eq!(check(&signer.sign(&claims), &published), Err(fault), "{claims}");
    }
}

#[test]
fn nobody_chooses_how_a_token_is_checked_but_we() {
    let signer = Signer::new("one");
    let published = set(&[&signer]);
    let head = |alg: &str| json!({ "alg": alg, "kid": "one" });
    // Without a signature.
    for alg in ["none", "None", ""] {
        let token = format!("{}.", unsigned(&head(alg), &claims()));
        assert_eq!(check(&token, &published), Err(Fault::Algorithm), "{alg}");
    }
    // With the public key as if it were a shared secret.
    let signed = unsigned(&head("HS256"), &claims());
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &signer.point());
    let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(check(&token, &published), Err(Fault::Algorithm));
    // An algorithm of another family than the key's, and one that is not allowed.
    assert_eq!(
        check(&signer.sign_as(&head("RS256"), &claims()), &published),
        Err(Fault::Signature)
    );
    assert_eq!(
        check(&signer.sign_as(&head("ES384"), &claims()), &published),
        Err(Fault::Algorithm)
    );
    // A key that the token brings along.
    let own = Signer::new("one");
    let brings = json!({ "alg": "ES256", "kid": "one", "jwk": own.jwk() });
    assert_eq!(
        check(&own.sign_as(&brings, &claims()), &published),
        Err(Fault::Signature)
    );
    // Extensions that must be understood.
    let crit = json!({ "alg": "ES256", "kid": "one", "crit": ["exp"] });
    assert_eq!(
        check(&signer.sign_as(&crit, &claims()), &published),
        Err(Fault::Malformed)
    );
    // A key that is published for another algorithm, or not for signatures; a shared secret among the keys.
    let mut other = signer.jwk();
    other["alg"] = json!("ES384");
    let mut encrypts = signer.jwk();
    encrypts["use"] = json!("enc");
    for published in [other, encrypts, json!({ "kty": "oct", "kid": "one", "k": "c2VjcmV0" })] {
        let published = json!({ "keys": [published] }).to_string();
        assert_eq!(
            check(&signer.sign(&claims()), &published),
            Err(Fault::UnknownKey),
            "{published}"
        );
    }
}

#[test]
fn a_token_that_was_changed_is_not_believed() {
    let signer = Signer::new("one");
    let published = set(&[&signer]);
    let token = signer.sign(&claims());
    let parts: Vec<&str> = token.split('.').collect();
    let other = URL_SAFE_NO_PAD.encode(with("sub", json!("dean")).to_string());
    assert_eq!(
        check(&[parts[0], &other, parts[2]].join("."), &published),
        Err(Fault::Signature)
    );
    for wrong in [
        "",
        ".",
        "..",
        "a.b.c",
        &token[..token.len() - 1],
        &format!("{token}."),
        &format!("{token}="),
    ] {
        assert!(check(wrong, &published).is_err(), "{wrong}");
    }
    assert_eq!(
        check(&Signer::new("two").sign(&claims()), &published),
        Err(Fault::UnknownKey)
    );
}

#[test]
fn the_example_of_rfc_7515_is_verified() {
    let key = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290\
        Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    // Only what it claims is not for us.
    assert_eq!(check(token, key), Err(Fault::Issuer));
    assert_eq!(check(&token.replace("DtEh", "DtEi"), key), Err(Fault::Signature));
}

fn settings(keys: KeySource, ca: Option<PathBuf>) -> BTreeMap<Name, IssuerSettings> {
    let settings = IssuerSettings {
        rules: rules(),
        login_claim: "sub".to_owned(),
        told_by: ToldBy::Keys(keys),
        ca,
    };
    BTreeMap::from([(Name::from("campus"), settings)])
}

fn issuers(keys: KeySource, ca: Option<PathBuf>, before: &Issuers) -> Issuers {
    let resolver: Arc<dyn Resolver> = Arc::new(dns::Literal::new());
    Issuers::of(&settings(keys, ca), before, &World::real(), &resolver)
}

#[tokio::test]
async fn keys_that_are_exchanged_are_fetched_when_a_token_names_them_and_not_too_often() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    let (first, second, invented) = (Signer::new("first"), Signer::new("second"), Signer::new("invented"));
    let campus = issuers(KeySource::File(file.clone()), None, &Issuers::none());
    let at = Duration::from_secs;
    let prove = async |signer: &Signer, secs: u64| {
        let token = signer.sign(&claims());
        let proved = campus.prove(&token, None, Timestamp::from_secs(NOW), at(secs)).await;
        proved.map(|proved| proved.issuer.to_string())
    };
    assert_eq!(prove(&first, 0).await, Err(NotProved::Unknown));
    std::fs::write(&file, set(&[&first])).unwrap();
    assert_eq!(
        prove(&first, 29).await,
        Err(NotProved::Unknown),
        "it was asked a moment ago"
    );
    assert_eq!(prove(&first, 30).await, Ok("campus".to_owned()));
    std::fs::write(&file, set(&[&second])).unwrap();
    assert_eq!(prove(&invented, 59).await, Err(NotProved::Wrong));
    assert_eq!(prove(&second, 59).await, Err(NotProved::Wrong));
    assert_eq!(prove(&second, 60).await, Ok("campus".to_owned()));
    assert_eq!(prove(&first, 61).await, Err(NotProved::Wrong), "its key is withdrawn");
    // Away, its last keys are used; a reload that changes nothing about it keeps them too.
    std::fs::remove_file(&file).unwrap();
    campus.refresh(at(3600)).await;
    assert_eq!(prove(&second, 3601).await, Ok("campus".to_owned()));
    std::fs::write(&file, "no keys").unwrap();
    campus.refresh(at(7200)).await;
    assert_eq!(prove(&second, 7201).await, Ok("campus".to_owned()));
    let reloaded = issuers(KeySource::File(file.clone()), None, &campus);
    assert_eq!(reloaded.keys_of("campus"), 1);
    let elsewhere = issuers(KeySource::File(folder.path().join("other")), None, &campus);
    assert_eq!(elsewhere.keys_of("campus"), 0);
}

/// A web server of one page, under TLS, that closes behind each answer.
async fn publish(page: String, certificate: &rcgen::CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    let key = rustls::pki_types::PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut asked = [0; 1024];
            let octets = stream.read(&mut asked).await.unwrap_or(0);
            let found = asked[..octets].starts_with(b"GET /keys HTTP/1.1\r\n");
            let (status, page) = if found {
                ("200 OK", &*page)
            } else {
                ("404 Not Found", "")
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{page}", page.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    at
}

#[tokio::test]
async fn keys_come_over_tls_from_whom_the_authority_vouches_for_and_from_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new("one");
    let certificate = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let at = publish(set(&[&signer]), &certificate).await;
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificate.cert.pem()).unwrap();
    let of = |path: &str, ca| {
        let place = Place::web(&format!("https://{at}{path}")).unwrap();
        issuers(KeySource::Web(place), Some(ca), &Issuers::none())
    };
    let token = signer.sign(&claims());
    let prove = async |issuers: Issuers| {
        let proved = issuers
            .prove(&token, None, Timestamp::from_secs(NOW), Duration::ZERO)
            .await;
        proved.map(|proved| proved.claims["sub"].clone())
    };
    assert_eq!(prove(of("/keys", ca.clone())).await, Ok(json!("scan")));
    assert_eq!(prove(of("/other", ca)).await, Err(NotProved::Unknown));
    let stranger = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let other = folder.path().join("other.pem");
    std::fs::write(&other, stranger.cert.pem()).unwrap();
    assert_eq!(prove(of("/keys", other)).await, Err(NotProved::Unknown));
}

#[test]
fn a_rule_holds_where_every_claim_is_said_exactly() {
    let proved = Proved {
        issuer: "github".into(),
        claims: serde_json::from_str(
            r#"{"sub":"repo:org/app:ref:refs/heads/main","repository":"org/app","groups":["mail","web"],"run":7,"main":true}"#,
        )
        .unwrap(),
    };
    let rule = |issuer: &str, claims: &[(&str, &str)]| TokenRule {
        issuer: issuer.into(),
        claims: claims.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
    };
    for (rule, expected) in [
        (rule("github", &[("repository", "org/app")]), true),
        (
            rule(
                "github",
                &[
                    ("repository", "org/app"),
                    ("groups", "mail"),
                    ("run", "7"),
                    ("main", "true"),
                ],
            ),
            true,
        ),
        (rule("github", &[("repository", "org/app"), ("groups", "news")]), false),
        (rule("github", &[("repository", "org/apple")]), false),
        (rule("github", &[("environment", "")]), false),
        (rule("github", &[]), false),
        (rule("gitlab", &[("repository", "org/app")]), false),
    ] {
        assert_eq!(rule.holds(&proved), expected, "{rule:?}");
    }
}
