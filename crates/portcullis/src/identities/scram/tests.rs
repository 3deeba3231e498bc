//! The example of the RFC, and what follows for all others.

use proptest::prelude::*;

use super::client::Client;
use super::*;

fn unbound() -> Channel {
    Channel::Unbound { plus_offered: false }
}

fn salted(verifiers: &[&Verifier]) -> Salted {
    Salted {
        salt: verifiers[0].salt.to_vec(),
        iterations: verifiers[0].iterations,
        keys: verifiers.iter().map(|one| one.keys()).collect(),
    }
}

/// A whole exchange; what the server says at its end.
fn exchange(client: &Client<'_>, salted: Salted, channel: Channel) -> Result<bool, Fault> {
    let first = ClientFirst::read(client.first().as_bytes()).ok_or(Fault::Malformed)?;
    assert_eq!(first.login, client.login);
    first.fits(&channel)?;
    let (expecting, challenge) = first.challenge(salted, channel, "3rfcNHYJY1ZVvWVs7j");
    let (last, expected) = client.last(&challenge);
    expecting.check(last.as_bytes()).map(|said| said == expected)
}

#[test]
fn the_example_of_rfc_7677_goes_as_written() {
    let verifier = Verifier::salted("pencil", &STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap(), 4096);
    let first = ClientFirst::read(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
    assert_eq!((first.login.as_str(), first.authzid.as_ref()), ("user", None));
    let (expecting, challenge) = first.challenge(salted(&[&verifier]), unbound(), "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    assert_eq!(
        challenge,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let last =
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let said = expecting.check(last);
    assert_eq!(said.as_deref(), Ok("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
}

#[test]
fn binding_is_checked_both_ways() {
    let verifier = Verifier::salted("secret", b"salt-of-16-octet", 4096);
    let client = |header: &'static str, binding: &'static [u8]| Client {
        login: "erp",
        secret: "secret",
        header,
        binding,
        nonce: "abc",
    };
    let bound = || Channel::Bound(b"session".to_vec());
    let offered = || Channel::Unbound { plus_offered: true };
    for (header, binding, channel, expected) in [
        ("n,,", &b""[..], unbound(), Ok(true)),
        ("n,,", b"", offered(), Ok(true)),
        ("y,,", b"", unbound(), Ok(true)),
        ("y,,", b"", offered(), Err(Fault::Downgraded)),
        ("p=tls-exporter,,", b"session", bound(), Ok(true)),
        ("p=tls-exporter,,", b"another", bound(), Err(Fault::WrongChannel)),
        ("p=tls-unique,,", b"session", bound(), Err(Fault::WrongChannel)),
        ("p=tls-exporter,,", b"session", unbound(), Err(Fault::Malformed)),
        ("n,,", b"", bound(), Err(Fault::Malformed)),
        ("y,,", b"", bound(), Err(Fault::Malformed)),
    ] {
        let came = exchange(&client(header, binding), salted(&[&verifier]), channel);
        assert_eq!(came, expected, "{header} {binding:?}");
    }
}

#[test]
fn the_header_cannot_be_changed_behind_the_first_message() {
    let verifier = Verifier::salted("secret", b"salt-of-16-octet", 4096);
    let client = Client {
        login: "erp",
        secret: "secret",
        header: "n,,",
        binding: b"",
        nonce: "abc",
    };
    let first = ClientFirst::read(client.first().as_bytes()).unwrap();
    let (expecting, challenge) = first.challenge(salted(&[&verifier]), unbound(), "xyz");
    let (last, _) = client.last(&challenge);
    // biws is `n,,`, eSws is `y,,`.
    assert_eq!(
        expecting.check(last.replace("c=biws", "c=eSws").as_bytes()),
        Err(Fault::WrongChannel)
    );
    assert_eq!(
        expecting.check(last.replace("r=abcxyz", "r=abcxyy").as_bytes()),
        Err(Fault::Malformed)
    );
}

#[test]
fn while_a_secret_takes_the_place_of_another_both_prove() {
    let old = Verifier::salted("old", b"salt-of-16-octet", 4096);
    let new = old.beside("new");
    for (secret, expected) in [("old", Ok(true)), ("new", Ok(true)), ("other", Err(Fault::WrongProof))] {
        let client = Client {
            login: "erp",
            secret,
            header: "n,,",
            binding: b"",
            nonce: "abc",
        };
        assert_eq!(
            exchange(&client, salted(&[&new, &old]), unbound()),
            expected,
            "{secret}"
        );
    }
}

#[test]
fn who_does_not_exist_gets_a_salt_like_any_other_always_the_same_and_proves_nothing() {
    let nobody = |key: u8, login| Salted::nobody(&[key; 32], login);
    assert_eq!(nobody(1, "x").salt, nobody(1, "x").salt);
    assert_ne!(nobody(1, "x").salt, nobody(1, "y").salt);
    assert_ne!(nobody(1, "x").salt, nobody(2, "x").salt);
    let real = Verifier::of("secret", &world::SystemRng);
    let fake = nobody(1, "x");
    assert_eq!((fake.salt.len(), fake.iterations), (real.salt.len(), real.iterations));
    let client = Client {
        login: "x",
        secret: "",
        header: "n,,",
        binding: b"",
        nonce: "abc",
    };
    assert_eq!(exchange(&client, fake, unbound()), Err(Fault::WrongProof));
}

#[test]
fn messages_that_are_none_are_refused() {
    for wrong in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=user",
        "n,,r=abc,n=user",
        "n,,m=x,n=user,r=abc",
        "x,,n=user,r=abc",
        "p=,,n=user,r=abc",
        "n,b=x,n=user,r=abc",
        "n,,n=,r=abc",
        "n,,n=us=er,r=abc",
        "n,,n=us=2cer,r=abc",
        "n,,n=user,r=",
        "n,,n=user,r=a b",
        "n,,n=user,r=abc,nonsense",
        "n,,n=us\ter,r=abc",
    ] {
        assert_eq!(ClientFirst::read(wrong.as_bytes()), None, "{wrong}");
    }
    assert_eq!(ClientFirst::read(b"n,,n=\xff,r=abc"), None);
    let named = ClientFirst::read(b"n,a=boss,n=a=2Cb=3Dc,r=abc,x=more").unwrap();
    assert_eq!(
        (named.login.as_str(), named.authzid.as_deref()),
        ("a,b=c", Some("boss"))
    );
}

#[test]
fn the_notation_is_read_as_written_and_nothing_weaker() {
    let verifier = Verifier::of("secret", &world::SystemRng);
    let text = verifier.notation();
    assert_eq!(Verifier::parse(&text), Some(verifier.clone()));
    assert_eq!(format!("{verifier:?}"), "Verifier(..)");
    for wrong in [
        text.replace("15000", "1"),
        text.replace("15000", "4000000"),
        text.replace("SHA-256", "SHA-1"),
        text.replace(':', "$"),
        text.replacen('$', "", 1),
        text[..text.len() - 2].to_owned(),
        String::new(),
    ] {
        assert_eq!(Verifier::parse(&wrong), None, "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_client_is_proved_by_its_secret_and_by_no_other(
        login in "[a-z=,@.]{1,20}", secret in "[2-9a-z]{1,20}", guess in "[2-9a-z]{1,20}", nonce in "[!-+\\--~]{1,40}",
    ) {
        let verifier = Verifier::salted(&secret, b"salt-of-16-octet", 4096);
        let client = |secret| Client { login: &login, secret, header: "n,,", binding: b"", nonce: &nonce };
        prop_assert_eq!(exchange(&client(&secret), salted(&[&verifier]), unbound()), Ok(true));
        let expected = if guess == secret { Ok(true) } else { Err(Fault::WrongProof) };
        prop_assert_eq!(exchange(&client(&guess), salted(&[&verifier]), unbound()), expected);
    }

    #[test]
    fn no_octets_make_it_panic(first in proptest::collection::vec(any::<u8>(), 0..80), last in "(c=biws,r=ab)?[ -~]{0,60}") {
        let _ = ClientFirst::read(&first);
        let start = ClientFirst::read(b"n,,n=user,r=a").unwrap();
        let (expecting, _) = start.challenge(Salted::nobody(&[0; 32], "user"), unbound(), "b");
        prop_assert!(expecting.check(last.as_bytes()).is_err() && expecting.check(&first).is_err());
    }
}
