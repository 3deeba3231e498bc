//! Clients whose password the organisation's directory knows.

use super::by_scram::scram;
use super::*;

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
        directory: Some(settings),
        ..Vouching::default()
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
