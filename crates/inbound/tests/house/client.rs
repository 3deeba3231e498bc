//! A client that says exactly what it is told to.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use world::Stream;

use super::{LETTER, Told};

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Both for T {}

/// One connection.
pub struct Client {
    stream: Box<dyn Both>,
    told: Arc<Told>,
    /// What the gate showed under TLS.
    pub shown: Option<Vec<u8>>,
}

impl Client {
    pub fn new(stream: Box<dyn Stream>, told: Arc<Told>) -> Self {
        Self {
            stream: Box::new(stream),
            told,
            shown: None,
        }
    }

    pub async fn say(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).await.unwrap();
    }

    /// Reads one whole reply, all its lines. A refusal is held against what the witness was told.
    pub async fn reply(&mut self) -> String {
        self.next_reply().await.expect("a reply")
    }

    /// As [`reply`](Self::reply); `None` where the gate closed instead.
    pub async fn next_reply(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.stream.read_u8().await {
                Ok(octet) => text.push(char::from(octet)),
                Err(_) if text.is_empty() => return None,
                Err(error) => panic!("{error} in the midst of {text:?}"),
            }
            let last = text.trim_end_matches("\r\n").rsplit("\r\n").next().unwrap_or_default();
            if text.ends_with("\r\n") && last.as_bytes().get(3) != Some(&b'-') {
                if text.as_str() >= "4" {
                    self.told.heard(&text);
                }
                return Some(text);
            }
        }
    }

    /// Reads a reply that begins so.
    pub async fn expect(&mut self, start: &str) -> String {
        let reply = self.reply().await;
        assert!(reply.starts_with(start), "{reply:?} is not {start}");
        reply
    }

    /// Says a line and reads a reply that begins so.
    pub async fn ask(&mut self, line: &str, start: &str) -> String {
        self.say(format!("{line}\r\n")).await;
        let reply = self.reply().await;
        assert!(reply.starts_with(start), "{line:?} was answered {reply:?}, not {start}");
        reply
    }

    /// MAIL and RCPT, all taken.
    pub async fn envelope(&mut self, from: &str, to: &[&str]) {
        self.ask(&format!("MAIL FROM:<{from}>"), "250").await;
        for one in to {
            self.ask(&format!("RCPT TO:<{one}>"), "250").await;
        }
    }

    /// A whole message; the answer to its end.
    pub async fn send(&mut self, from: &str, to: &[&str], text: &str) -> String {
        self.envelope(from, to).await;
        self.ask("DATA", "354").await;
        self.say(format!("{text}.\r\n")).await;
        self.reply().await
    }

    /// A whole message that is taken.
    pub async fn deliver(&mut self, from: &str, to: &[&str]) {
        let reply = self.send(from, to, LETTER).await;
        assert!(reply.starts_with("250"), "{reply:?}");
    }

    /// `AUTH PLAIN` with this login.
    pub fn plain(&self, login: &str, secret: &str) -> String {
        format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{login}\0{secret}")))
    }

    /// The gate says nothing more and closes.
    pub async fn expect_end(&mut self) {
        let more = self.next_reply().await;
        assert_eq!(more, None, "the gate closes");
    }

    /// Closes our side.
    pub async fn close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// The handshake, on a connection on which it is due.
    pub async fn handshake(self) -> io::Result<Self> {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything))
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("gate.own.test").unwrap();
        let tls = connector.connect(name, self.stream).await?;
        let shown = tls.get_ref().1.peer_certificates().map(|chain| chain[0].to_vec());
        Ok(Self {
            stream: Box::new(tls),
            told: self.told,
            shown,
        })
    }
}

/// Takes any certificate.
#[derive(Debug)]
struct Anything;

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
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256]
    }
}
