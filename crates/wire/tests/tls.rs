//! Certificates: which is shown to whom, what is made of those of others, and how failures are named.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use mail::{Host, Timestamp};
use rcgen::PublicKeyData;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use smtp::server::{CloseReason, Transport};
use support::{Authority, House, mx_addr, name, transaction};
use wire::{
    Connection, ConnectionError, Distrust, Ended, Identity, IdentityConcern, IdentityError, Roots, TlsClient,
    TlsFailure, TlsVersion, Trust, Verified, WholeBody,
};
use world::sim::GENESIS;

/// Takes any certificate signed in one of these ways.
#[derive(Debug)]
struct Anything(Vec<SignatureScheme>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

const ECDSA: SignatureScheme = SignatureScheme::ECDSA_NISTP256_SHA256;
const RSA: SignatureScheme = SignatureScheme::RSA_PSS_SHA256;

fn probe_config(schemes: &[SignatureScheme], versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(schemes.to_vec())))
        .with_no_client_auth()
}

/// Connects with implicit TLS and says which names are on the certificate that the server shows.
async fn shown(house: &House, sni: &str, config: ClientConfig) -> Result<Vec<String>, std::io::Error> {
    let stream = house.connect().await.stream;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let tls = connector
        .connect(ServerName::try_from(sni.to_owned()).unwrap(), stream)
        .await?;
    let leaf = tls.get_ref().1.peer_certificates().unwrap()[0].clone();
    let (_, certificate) = x509_parser::parse_x509_certificate(&leaf).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    Ok(names.value.general_names.iter().map(|name| name.to_string()).collect())
}

async fn open(house: &House, dial: &wire::Dial) -> Result<Connection, ConnectionError> {
    Connection::open(&*house.world.net, house.world.clock.clone(), dial).await
}

#[tokio::test(start_paused = true)]
async fn the_certificate_suits_the_signatures_a_client_understands() {
    let authority = Authority::new();
    let (rsa, ecdsa) = (
        authority.issue_rsa(&["mx.example.org", "rsa"]),
        authority.issue(&["mx.example.org", "ec"]),
    );
    let house = House::with_tls(vec![rsa, ecdsa]);
    house.open(Transport::ImplicitTls).await;
    let cases: [(&[SignatureScheme], &str); 3] = [(&[RSA], "rsa"), (&[ECDSA], "ec"), (&[RSA, ECDSA], "ec")];
    for versions in [[&rustls::version::TLS12], [&rustls::version::TLS13]] {
        for (schemes, expected) in cases {
            let names = shown(&house, "mx.example.org", probe_config(schemes, &versions))
                .await
                .unwrap();
            assert!(names[1].contains(expected), "{names:?} for {schemes:?}");
        }
    }
    let failed = shown(
        &house,
        "mx.example.org",
        probe_config(&[SignatureScheme::ED25519], rustls::ALL_VERSIONS),
    )
    .await;
    assert!(failed.is_err());
    house.settle().await;
    assert_eq!(house.ended().last(), Some(&Ended::Tls(TlsFailure::NoSharedSignature)));
}

#[tokio::test(start_paused = true)]
async fn the_certificate_bears_the_name_that_was_asked_for() {
    let authority = Authority::new();
    let house = House::with_tls(vec![
        authority.issue(&["mx.example.org"]),
        authority.issue(&["mail.example.net", "*.wild.example"]),
    ]);
    house.open(Transport::ImplicitTls).await;
    for (asked, expected) in [
        ("mx.example.org", "mx.example.org"),
        ("MAIL.example.net", "mail.example.net"),
        ("a.wild.example", "mail.example.net"),
        ("a.b.wild.example", "mx.example.org"),
        ("unknown.example", "mx.example.org"),
    ] {
        let names = shown(&house, asked, probe_config(&[ECDSA], rustls::ALL_VERSIONS))
            .await
            .unwrap();
        assert!(names[0].contains(expected), "{names:?} for {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn certificates_are_replaced_while_sessions_are_open() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["old.example.org"])]);
    house.open(Transport::Clear).await;
    let verify = |host: &str| Trust::Verify {
        names: vec![name(host)],
    };
    let dial = house.dial_tls(Transport::Clear, &authority.roots(), verify("old.example.org"));
    let mut before = open(&house, &dial).await.unwrap();
    house
        .tls
        .as_ref()
        .unwrap()
        .replace(vec![authority.issue(&["new.example.org"])]);
    let dial = house.dial_tls(Transport::Clear, &authority.roots(), verify("new.example.org"));
    let mut after = open(&house, &dial).await.unwrap();
    for connection in [&mut before, &mut after] {
        connection
            .deliver(transaction(), &mut WholeBody::new("Hello\r\n"))
            .await
            .unwrap();
    }
    assert_eq!(house.notes.lock().unwrap().bodies.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_be_verified_is_used_or_refused_as_was_asked() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let long_ago = |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2026, 11, 20);
    let expired = authority.issue_with(&["mx.example.org"], &rcgen::PKCS_ECDSA_P256_SHA256, long_ago);
    let cases = [
        (authority.issue(&["mx.example.org"]), &authority, None),
        (authority.issue(&["other.example"]), &authority, Some("WrongName")),
        (authority.issue(&["mx.example.org"]), &stranger, Some("UnknownIssuer")),
        (expired, &authority, Some("Expired")),
    ];
    for (identity, trusted, distrust) in cases {
        let house = House::with_tls(vec![identity]);
        house.open(Transport::Clear).await;
        let lenient = house.dial_tls(Transport::Clear, &trusted.roots(), Trust::Opportunistic);
        let strict = house.dial_tls(Transport::Clear, &trusted.roots(), Trust::Verify { names: Vec::new() });
        let seen = open(&house, &lenient).await.unwrap().tls().unwrap().verified.clone();
        let verdict = open(&house, &strict).await.map(|_| ());
        match distrust {
            None => {
                assert_eq!(seen, Verified::Verified("mx.example.org".into()));
                assert_eq!(verdict, Ok(()));
            }
            Some(word) => {
                let Verified::Unverified(why) = seen else {
                    panic!("{seen:?}")
                };
                assert!(format!("{why:?}").starts_with(word), "{why:?}");
                assert_eq!(verdict, Err(ConnectionError::Tls(TlsFailure::Certificate(why))));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_of_the_names_asked_for_will_do_and_no_other() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["relay.example.net"])]);
    house.open(Transport::Clear).await;
    let names = vec![name("mx.example.org"), name("relay.example.net")];
    let dial = house.dial_tls(Transport::Clear, &authority.roots(), Trust::Verify { names });
    let connection = open(&house, &dial).await.unwrap();
    assert_eq!(
        connection.tls().unwrap().verified,
        Verified::Verified("relay.example.net".into())
    );
    let dial = house.dial_tls(
        Transport::Clear,
        &authority.roots(),
        Trust::Verify {
            names: vec![name("example.net")],
        },
    );
    let Err(ConnectionError::Tls(TlsFailure::Certificate(Distrust::WrongName(names)))) = open(&house, &dial).await
    else {
        panic!("a wrong name was taken")
    };
    assert!(names.iter().any(|name| name.contains("relay.example.net")), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn no_authority_at_all_means_nothing_is_verified() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::Clear).await;
    let dial = house.dial_tls(Transport::Clear, &Roots::none(), Trust::Opportunistic);
    let connection = open(&house, &dial).await.unwrap();
    assert_eq!(
        connection.tls().unwrap().verified,
        Verified::Unverified(Distrust::UnknownIssuer)
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_known_by_its_address_is_not_verified_by_a_name() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::Clear).await;
    let mut dial = house.dial_tls(Transport::Clear, &authority.roots(), Trust::Opportunistic);
    dial.host = Host::Literal(mx_addr().ip());
    let connection = open(&house, &dial).await.unwrap();
    assert!(matches!(
        connection.tls().unwrap().verified,
        Verified::Unverified(Distrust::WrongName(_))
    ));
    assert_eq!(house.notes.lock().unwrap().tls[0].sni, None);
}

#[tokio::test(start_paused = true)]
async fn a_client_certificate_is_proved_and_handed_on() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::Clear).await;
    let (chain, key) = stranger.pem_pair(&["partner.example"], &rcgen::PKCS_ECDSA_P256_SHA256, |_| {});
    let ours = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
    let tls = TlsClient::new(authority.roots(), Some(ours), house.world.clock.clone());
    let dial = wire::Dial {
        tls: Some(tls),
        ..house.dial(Transport::Clear)
    };
    open(&house, &dial).await.unwrap().quit().await;
    house.settle().await;
    let spki = rcgen::KeyPair::from_pem(&key).unwrap().subject_public_key_info();
    let notes = house.notes.lock().unwrap();
    let peer = notes.tls[0].peer.as_ref().unwrap();
    assert_eq!(peer.spki_sha256, digest(&SHA256, &spki).as_ref());
    assert_eq!(peer.chain.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn tls_1_2_is_spoken_too_and_has_no_channel_binding() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::ImplicitTls).await;
    shown(
        &house,
        "mx.example.org",
        probe_config(&[ECDSA], &[&rustls::version::TLS12]),
    )
    .await
    .unwrap();
    house.settle().await;
    let notes = house.notes.lock().unwrap();
    assert_eq!(
        (notes.tls[0].version, notes.tls[0].channel_binding),
        (TlsVersion::Tls12, None)
    );
}

/// A ClientHello as a device of 2008 says it: this version, AES-128-CBC, no extensions.
fn old_hello(version: [u8; 2]) -> Vec<u8> {
    let mut body = version.to_vec();
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0x00, 0x2f, 0x00, 0x0a, 1, 0]);
    let mut octets = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    octets.extend(body);
    octets
}

#[tokio::test(start_paused = true)]
async fn an_old_device_is_named_by_its_version() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::Clear).await;
    for version in [[3, 0], [3, 1], [3, 2]] {
        let mut raw = house.connect().await;
        raw.reply().await;
        raw.ask("EHLO copier").await;
        assert!(raw.ask("STARTTLS").await.starts_with("220"));
        raw.say(old_hello(version)).await;
        house.settle().await;
    }
    let named = ["SSL 3.0", "TLS 1.0", "TLS 1.1"].map(|version| Ended::Tls(TlsFailure::OldVersion(version)));
    assert_eq!(house.ended(), named);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_cipher_of_ours_is_named_so() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::ImplicitTls).await;
    let mut hello = old_hello([3, 3]);
    // An empty list of extensions would do for TLS 1.2, but then no signature is offered either: offer one.
    let extensions = [0u8, 18, 0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 0];
    hello.extend(&extensions[..18]);
    let length = extensions.len() as u8 - 2;
    let end = hello.len() - 18;
    hello[end..end + 2].copy_from_slice(&[0, length - 2]);
    hello[4] += length;
    hello[8] += length;
    house.connect().await.say(hello).await;
    house.settle().await;
    assert_eq!(house.ended(), [Ended::Tls(TlsFailure::NoSharedCipher)]);
}

#[tokio::test(start_paused = true)]
async fn smtp_in_the_clear_on_a_tls_port_is_named_so() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::ImplicitTls).await;
    house.connect().await.say("EHLO copier\r\n").await;
    house.settle().await;
    assert_eq!(house.ended(), [Ended::Tls(TlsFailure::NotTls("SMTP in the clear"))]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_tls_in_the_clear_is_named_so() {
    let house = House::new();
    house.open(Transport::Clear).await;
    let dial = house.dial_tls(Transport::ImplicitTls, &Roots::none(), Trust::Opportunistic);
    let error = open(&house, &dial).await.err().unwrap();
    assert_eq!(error, ConnectionError::Tls(TlsFailure::NotTls("SMTP in the clear")));
    house.settle().await;
    assert_eq!(house.ended(), [Ended::Dialogue(CloseReason::TlsClientHello)]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_trust_us_says_so_and_is_heard() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["other.example"])]);
    house.open(Transport::ImplicitTls).await;
    let trust = Trust::Verify { names: Vec::new() };
    let dial = house.dial_tls(Transport::ImplicitTls, &authority.roots(), trust);
    assert!(open(&house, &dial).await.is_err());
    house.settle().await;
    let ended = house.ended();
    assert!(matches!(&ended[..], [Ended::Tls(TlsFailure::Alert(_))]), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_go_on_ends_by_the_clock() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::ImplicitTls).await;
    let _silent = house.connect().await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(house.ended(), [Ended::Tls(TlsFailure::Timeout)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_pipelined_behind_starttls_is_never_carried_out() {
    let authority = Authority::new();
    let house = House::with_tls(vec![authority.issue(&["mx.example.org"])]);
    house.open(Transport::Clear).await;
    let mut raw = house.connect().await;
    raw.reply().await;
    raw.ask("EHLO a.example").await;
    raw.say("STARTTLS\r\nMAIL FROM:<a@example.edu>\r\n").await;
    assert!(raw.rest().await.starts_with('5'));
    house.settle().await;
    let ended = house.ended();
    assert!(
        matches!(ended[..], [Ended::Dialogue(CloseReason::Violation(_))]),
        "{ended:?}"
    );
    assert!(house.notes.lock().unwrap().tls.is_empty());
}

#[test]
fn a_certificate_that_cannot_be_used_says_what_to_do() {
    let authority = Authority::new();
    let algorithm = &rcgen::PKCS_ECDSA_P256_SHA256;
    let (chain, key) = authority.pem_pair(&["mx.example.org"], algorithm, |_| {});
    let (_, other_key) = authority.pem_pair(&["mx.example.org"], algorithm, |_| {});
    let read = |chain: &str, key: &str| Identity::from_pem(chain.as_bytes(), key.as_bytes());
    assert!(matches!(read(&chain, &other_key), Err(IdentityError::Mismatch)));
    assert!(matches!(read("", &key), Err(IdentityError::NoCertificate)));
    assert!(matches!(read(&chain, &chain), Err(IdentityError::NoKey)));
    assert!(matches!(
        read(&chain.replace("M", "!"), &key),
        Err(IdentityError::Certificate(_))
    ));

    let folder = tempfile::tempdir().unwrap();
    let (chain_file, key_file) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    std::fs::write(&chain_file, chain).unwrap();
    let missing = Identity::load(&chain_file, &key_file).unwrap_err();
    assert!(missing.to_string().contains("key.pem"), "{missing}");
    std::fs::write(&key_file, key).unwrap();
    assert_eq!(
        Identity::load(&chain_file, &key_file).unwrap().names(),
        [Box::from("mx.example.org")]
    );
}

#[test]
fn an_expired_certificate_can_be_used_with_concern() {
    let authority = Authority::new();
    let expired = authority.issue_with(&[], &rcgen::PKCS_ECDSA_P256_SHA256, |params| {
        params.not_after = rcgen::date_time_ymd(2026, 11, 20);
    });
    let concerns = expired.concerns(Timestamp(GENESIS));
    assert_eq!(
        concerns,
        [IdentityConcern::Expired(expired.not_after()), IdentityConcern::NoNames]
    );
    assert!(authority.issue(&["a.example"]).concerns(Timestamp(GENESIS)).is_empty());
}
