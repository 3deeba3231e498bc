//! Issuers that are asked, and what follows from what they say.

use std::net::SocketAddr;
use std::sync::Arc;

use dns::Resolver;
use policy::Name;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wire::Roots;
use world::World;

use super::*;
use crate::identities::token::{IssuerSettings, Issuers, NotProved, ToldBy};

const NOW: i64 = 1_795_262_400;
const SECRET: &str = "s3cret of ours%";

/// An issuer's endpoint on this machine. Says what was put into it of each token, and keeps the requests.
#[derive(Clone, Default)]
struct Endpoint {
    says: Arc<Mutex<BTreeMap<String, (u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    fn say(&self, token: &str, status: u16, said: impl ToString) {
        let says = (status, said.to_string());
        self.says.lock().unwrap().insert(token.to_owned(), says);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    async fn open(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move { this.answer(stream).await });
            }
        });
        at
    }

    async fn answer(&self, mut stream: tokio::net::TcpStream) {
        let mut request = String::new();
        while !request.ends_with("token_type_hint=access_token") {
            let mut part = [0; 1024];
            let octets = stream.read(&mut part).await.unwrap_or(0);
            if octets == 0 {
                return;
            }
            request.push_str(std::str::from_utf8(&part[..octets]).unwrap());
        }
        let (_, form) = request.rsplit_once("\r\n\r\n").unwrap();
        let token = form.strip_prefix("token=").unwrap().split('&').next().unwrap();
        let unknown = (200, json!({ "active": false }).to_string());
        let (status, said) = self.says.lock().unwrap().get(token).cloned().unwrap_or(unknown);
        self.asked.lock().unwrap().push(request);
        let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: {}\r\n\r\n{said}", said.len());
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

/// What it says of a good token.
fn good() -> Value {
    json!({ "active": true, "iss": "https://login.example.edu", "aud": "smtp", "sub": "scan", "exp": NOW + 300 })
}

fn with(name: &str, value: Value) -> Value {
    let mut said = good();
    said[name] = value;
    said
}

fn without(name: &str) -> Value {
    let mut said = good();
    said.as_object_mut().unwrap().remove(name);
    said
}

fn rules() -> Rules {
    Rules {
        issuer: "https://login.example.edu".to_owned(),
        audiences: vec!["smtp".to_owned()],
        algorithms: Vec::new(),
    }
}

fn settings(at: SocketAddr, folder: &std::path::Path) -> Introspection {
    let secret_file = folder.join("secret");
    std::fs::write(&secret_file, format!("{SECRET}\n")).unwrap();
    Introspection {
        place: Place::web(&format!("http://{at}/introspect")).unwrap(),
        client: "port:cullis".to_owned(),
        secret_file,
    }
}

fn web() -> Web {
    let resolver: Arc<dyn Resolver> = Arc::new(dns::Literal::new());
    Web {
        world: World::real(),
        resolver,
        roots: Roots::none(),
    }
}

async fn ask(introspector: &Introspector, token: &str) -> Result<Answer, NoAnswer> {
    ask_by(&web(), introspector, token).await
}

async fn ask_by(web: &Web, introspector: &Introspector, token: &str) -> Result<Answer, NoAnswer> {
    introspector.ask(web, &rules(), token, Timestamp::from_secs(NOW)).await
}

#[tokio::test]
async fn what_an_issuer_says_of_a_token_is_believed_where_the_token_is_for_us() {
    let (endpoint, folder) = (Endpoint::default(), tempfile::tempdir().unwrap());
    let introspector = Introspector::new(settings(endpoint.open().await, folder.path()));
    for (number, (said, fault)) in [
        (good(), None),
        (without("iss"), None),
        (without("exp"), None),
        (with("aud", json!(["imap", "smtp"])), None),
        (with("active", json!(false)), Some(Fault::Inactive)),
        (json!({ "active": false }), Some(Fault::Inactive)),
        (with("iss", json!("https://evil.example")), Some(Fault::Issuer)),
        (with("aud", json!("imap")), Some(Fault::Audience)),
        (without("aud"), Some(Fault::Audience)),
        (with("exp", json!(NOW - 61)), Some(Fault::Expired)),
        (with("exp", json!("soon")), Some(Fault::Expired)),
        (with("nbf", json!(NOW + 61)), Some(Fault::NotYet)),
        (with("cnf", json!({ "x5t#S256": "x" })), Some(Fault::Bound)),
    ]
    .into_iter()
    .enumerate()
    {
        let token = format!("token{number}");
        endpoint.say(&token, 200, &said);
        assert_eq!(ask(&introspector, &token).await.unwrap().err(), fault, "{said}");
    }
    let request = endpoint.asked.lock().unwrap()[0].clone();
    assert!(request.starts_with("POST /introspect HTTP/1.1\r\n"), "{request}");
    let shown = STANDARD.encode("port%3Acullis:s3cret%20of%20ours%25");
    assert!(
        request.contains(&format!("authorization: Basic {shown}\r\n")),
        "{request}"
    );
    assert!(
        request.contains("content-type: application/x-www-form-urlencoded\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn an_answer_is_remembered_for_a_minute_at_most_and_never_longer_than_the_token_lives() {
    let (endpoint, folder) = (Endpoint::default(), tempfile::tempdir().unwrap());
    let introspector = Introspector::new(settings(endpoint.open().await, folder.path()));
    endpoint.say("long", 200, good());
    endpoint.say("short", 200, with("exp", json!(NOW + 7)));
    endpoint.say("ending", 200, with("exp", json!(NOW - 30)));
    // Of one world, so that there is one clock.
    let web = web();
    let clock = web.world.clock.clone();
    for (token, seconds, right) in [
        ("long", 60, true),
        ("short", 7, true),
        ("ending", 0, true),
        ("none", 10, false),
    ] {
        let before = clock.monotonic();
        assert_eq!(
            ask_by(&web, &introspector, token).await.unwrap().is_ok(),
            right,
            "{token}"
        );
        let (digest, after) = (digest_of(token), clock.monotonic());
        let (soon, late) = (Duration::from_secs(seconds), Duration::from_millis(1));
        assert_eq!(introspector.remembered(&digest, after + soon), None, "{token}");
        let still = introspector.remembered(&digest, (before + soon).saturating_sub(late));
        assert!(still.is_some() || seconds == 0, "{token}");
    }
    let asked = endpoint.asked();
    for token in ["long", "short", "none"] {
        let _ = ask_by(&web, &introspector, token).await.unwrap();
    }
    assert_eq!(endpoint.asked(), asked, "what is remembered is not asked again");
}

#[tokio::test]
async fn without_an_answer_nobody_is_let_in_and_nothing_is_remembered() {
    let (endpoint, folder) = (Endpoint::default(), tempfile::tempdir().unwrap());
    let settings = settings(endpoint.open().await, folder.path());
    let introspector = Introspector::new(settings.clone());
    for (status, said) in [
        (401, good().to_string()),
        (500, good().to_string()),
        (302, good().to_string()),
        (200, "yes".to_owned()),
        (200, "[]".to_owned()),
        (200, r#"{"active":"true"}"#.to_owned()),
        (200, without("active").to_string()),
    ] {
        endpoint.say("token", status, &said);
        assert!(ask(&introspector, "token").await.is_err(), "{status} {said}");
    }
    endpoint.say("token", 200, good());
    assert!(matches!(ask(&introspector, "token").await, Ok(Ok(_))));
    std::fs::remove_file(&settings.secret_file).unwrap();
    assert!(matches!(ask(&introspector, "other").await, Err(NoAnswer::Secret(_))));
    // Nobody listens here any more.
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let away = Introspector::new(self::settings(gone, folder.path()));
    assert!(matches!(ask(&away, "token").await, Err(NoAnswer::Fetch(_))));
}

#[tokio::test]
async fn a_token_is_shown_to_nobody_but_who_may_have_issued_it() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Endpoint::default(), Endpoint::default());
    let issuer = |name: &str, told_by: Introspection| {
        let rules = Rules {
            issuer: format!("https://{name}.example"),
            ..rules()
        };
        let settings = IssuerSettings {
            rules,
            login_claim: "sub".to_owned(),
            told_by: ToldBy::Introspection(told_by),
            ca: None,
        };
        (Name::from(name), settings)
    };
    let resolver: Arc<dyn Resolver> = Arc::new(dns::Literal::new());
    let of = |all: BTreeMap<Name, IssuerSettings>| Issuers::of(&all, &Issuers::none(), &World::real(), &resolver);
    let first = issuer("one", settings(one.open().await, folder.path()));
    let second = issuer("two", settings(two.open().await, folder.path()));
    let prove = async |issuers: &Issuers, token: &str, expected: Option<&str>| {
        let expected = expected.map(Name::from);
        let proved = issuers
            .prove(token, expected.as_ref(), Timestamp::from_secs(NOW), Duration::ZERO)
            .await;
        proved.map(|proved| proved.issuer.to_string())
    };
    one.say("opaque", 200, without("iss"));
    two.say("opaque", 200, without("iss"));
    let both = of(BTreeMap::from([first.clone(), second]));
    assert_eq!(prove(&both, "opaque", Some("two")).await, Ok("two".to_owned()));
    assert_eq!(
        prove(&both, "opaque", None).await,
        Err(NotProved::Wrong),
        "it could be anybody's"
    );
    assert_eq!(prove(&both, "opaque", Some("three")).await, Err(NotProved::Wrong));
    assert_eq!((one.asked(), two.asked()), (0, 1));
    let alone = of(BTreeMap::from([first]));
    assert_eq!(prove(&alone, "opaque", None).await, Ok("one".to_owned()));
    assert_eq!(prove(&alone, "opaque2", None).await, Err(NotProved::Wrong));
    // A token that says whose it is goes there alone.
    let signer = crate::identities::token::forge::Signer::new("x");
    let says = |issuer: &str| signer.sign(&json!({ "iss": issuer, "sub": "scan" }));
    let ones = says("https://one.example");
    one.say(&ones, 200, without("iss"));
    assert_eq!(prove(&both, &ones, Some("two")).await, Ok("one".to_owned()));
    let asked = (one.asked(), two.asked());
    let strangers = says("https://evil.example");
    assert_eq!(prove(&both, &strangers, Some("one")).await, Err(NotProved::Wrong));
    assert_eq!((one.asked(), two.asked()), asked);
}
