//! Stories of clients that log in.

mod by_directory;
mod by_scram;
mod by_token;
mod guessing;

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
        assert!(by_scram::scram(&logins, "erp", secret, "n,,").await.is_ok(), "{secret}");
    }
    logins.configure(BTreeMap::from([("erp".into(), both(Timestamp(0)))]), limits());
    assert_eq!(plain(&logins, b"\0erp\0old").await, Err(AuthRefusal::WrongSecret));
    assert_eq!(
        by_scram::scram(&logins, "erp", "old", "n,,").await,
        Err(AuthRefusal::WrongSecret)
    );
    assert!(by_scram::scram(&logins, "erp", "new", "n,,").await.is_ok());
}
