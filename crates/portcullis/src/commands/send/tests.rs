use std::sync::Arc;

use clap::Parser;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use wire::{Asking, Identity, Shutdown, TlsServer};

use super::*;
use crate::sink::{Sink, SinkConfig, messages};

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    args: Args,
}

fn args(line: &[&str]) -> Args {
    Line::try_parse_from(std::iter::once(&"send").chain(line)).unwrap().args
}

struct Outside {
    sink: Sink,
    dir: tempfile::TempDir,
    ca: String,
    world: World,
}

/// A sink that offers STARTTLS as `sink.test`, by an authority of its own.
async fn outside() -> Outside {
    let world = World::real();
    let dir = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().unwrap();
    let chain = CertificateParams::new(vec!["sink.test".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let identity = Identity::from_pem(chain.pem().as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let tls = TlsServer::new(vec![identity], Asking::No, world.clock.clone()).unwrap();
    let config = SinkConfig {
        hostname: Domain::parse("sink.test").unwrap(),
        dir: dir.path().join("mail"),
        tls: Some(Arc::new(tls)),
    };
    let sink = Sink::start(config, "127.0.0.1:0".parse().unwrap(), &world, Shutdown::never())
        .await
        .unwrap();
    Outside {
        sink,
        ca: ca.display().to_string(),
        dir,
        world,
    }
}

impl Outside {
    async fn send(&self, line: &[&str]) -> anyhow::Result<Sent> {
        let server = self.sink.address().to_string();
        let mut all = vec![
            "--server",
            &server,
            "--from",
            "scan@own.test",
            "--to",
            "bob@example.org",
        ];
        all.extend(line);
        send(args(&all), &self.world).await
    }

    fn kept(&self) -> Vec<(crate::sink::Envelope, Vec<u8>)> {
        messages(&self.dir.path().join("mail")).unwrap()
    }
}

#[tokio::test]
async fn a_message_goes_through_starttls_to_a_verified_server() {
    let outside = outside().await;
    let line = [
        "--tls",
        "starttls",
        "--ca",
        &outside.ca,
        "--verify",
        "sink.test",
        "--to",
        "eve@example.net",
    ];
    let sent = outside
        .send(&[&line[..], &["--subject", "Grüße", "--body", "one\n.two"]].concat())
        .await
        .unwrap();
    assert!(sent.all_taken(), "{sent:?}");
    assert!(
        sent.tls.contains("TLSv1.3") && sent.tls.contains("verified as sink.test"),
        "{}",
        sent.tls
    );
    let text = sent.to_text();
    assert!(
        text.contains("taken    eve@example.net  250 2.0.0 Kept as 000001"),
        "{text}"
    );
    assert_eq!(sent.to_json()["recipients"][0]["taken"], true);
    let kept = outside.kept();
    let (envelope, octets) = &kept[0];
    assert_eq!((kept.len(), envelope.from.as_str()), (1, "scan@own.test"));
    assert_eq!(envelope.to, ["bob@example.org", "eve@example.net"]);
    assert!(envelope.tls.is_some());
    let text = String::from_utf8(octets.clone()).unwrap();
    assert!(text.ends_with("\r\n\r\none\r\n.two\r\n"), "{text}");
}

#[tokio::test]
async fn a_certificate_for_another_name_ends_it_before_anything_is_said() {
    let outside = outside().await;
    let error = outside
        .send(&["--ca", &outside.ca, "--verify", "other.test"])
        .await
        .unwrap_err();
    assert!(format!("{error:#}").contains("sink.test"), "{error:#}");
    assert!(outside.kept().is_empty());
}

#[tokio::test]
async fn a_file_goes_as_it_is_and_in_the_clear_where_that_is_asked_for() {
    let outside = outside().await;
    let file = outside.dir.path().join("letter.eml");
    std::fs::write(&file, "Subject: x\n\nSee gr\u{fc}n.\n").unwrap();
    let sent = outside
        .send(&["--tls", "none", "--file", &file.display().to_string()])
        .await
        .unwrap();
    assert!(sent.all_taken() && sent.tls.is_empty());
    let (envelope, octets) = outside.kept().remove(0);
    assert_eq!((envelope.body.as_str(), envelope.tls), ("8BITMIME", None));
    assert_eq!(octets, "Subject: x\r\n\r\nSee gr\u{fc}n.\r\n".as_bytes());
}

#[tokio::test]
async fn a_login_is_not_said_in_the_clear_nor_to_a_stranger() {
    let outside = outside().await;
    let secret = outside.dir.path().join("secret");
    std::fs::write(&secret, "hunter2\n").unwrap();
    let secret = secret.display().to_string();
    let login = ["--user", "erp", "--password-file", &secret];
    let clear = outside
        .send(&[&login[..], &["--tls", "none"]].concat())
        .await
        .unwrap_err();
    assert!(format!("{clear:#}").contains("login"), "{clear:#}");
    let stranger = outside.send(&login).await.unwrap_err();
    assert!(format!("{stranger:#}").contains("TLS"), "{stranger:#}");
    assert!(!format!("{clear:?} {stranger:?}").contains("hunter2"));
}

#[tokio::test]
async fn nobody_there_is_told_as_such() {
    let gone = outside().await.sink.address();
    let line = ["--server", &gone.to_string(), "--from", "<>", "--to", "b@example.org"];
    let error = send(args(&line), &World::real()).await.unwrap_err();
    assert!(format!("{error:#}").contains("cannot be reached"), "{error:#}");
}

#[test]
fn a_password_has_no_place_on_the_command_line() {
    let line = [
        "send",
        "--server",
        "h:25",
        "--from",
        "<>",
        "--to",
        "b@example.org",
        "--password",
        "x",
    ];
    assert!(Line::try_parse_from(line).is_err());
}

#[test]
fn servers_are_named_with_a_port() {
    assert_eq!(server("[::1]:25").unwrap(), (Host::Literal("::1".parse().unwrap()), 25));
    assert!(server("localhost:25").is_ok());
    assert!(server("mail.example.edu").is_err());
}
