//! A client that sends the message of a counterexample over a real connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use policy::Fact;
use policy::prove::Story;
use portcullis::gateway::Gateway;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::gate::SECRET;

/// How long the gate may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be sent, and how.
pub struct Message {
    listener: String,
    client: IpAddr,
    encrypted: bool,
    login: Option<String>,
    sender: String,
    recipient: String,
    header_from: String,
}

/// A stream in clear or under TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Message {
    /// The message of a counterexample.
    pub fn of(story: &Story) -> Self {
        let message = &story.witness;
        let known = |path: String| path.trim_matches(['<', '>']).to_owned();
        let sender = match &message.sender {
            Fact::Known(path) => known(path.to_string()),
            _ => panic!("nobody sends"),
        };
        let header_from = match &message.from {
            Fact::Known(Some(mailboxes)) if !mailboxes.is_empty() => mailboxes[0].to_string(),
            _ => sender.clone(),
        };
        Self {
            listener: story.listener.to_string(),
            client: story.client().unwrap(),
            encrypted: message.encrypted == Fact::Known(true),
            login: match &message.login {
                Fact::Known(Some(login)) => Some(login.to_string()),
                _ => None,
            },
            sender,
            recipient: match &message.recipient {
                Fact::Known(path) => known(path.to_string()),
                _ => panic!("nobody receives"),
            },
            header_from,
        }
    }

    /// A letter from the internet to the front gate.
    pub fn to(recipient: &str) -> Self {
        Self {
            listener: "mx".to_owned(),
            client: "198.51.100.7".parse().unwrap(),
            encrypted: true,
            login: None,
            sender: "somebody@elsewhere.example".to_owned(),
            recipient: recipient.to_owned(),
            header_from: "somebody@elsewhere.example".to_owned(),
        }
    }

    /// Sends it; an error is the gate's refusal.
    pub async fn send(&self, gate: &Gateway) -> Result<(), String> {
        let address = gate.addresses()[self.listener.as_str()][0];
        let mut stream = TcpStream::connect(address).await.unwrap();
        let (family, gate) = match self.client {
            IpAddr::V4(_) => ("TCP4", "192.0.2.25"),
            IpAddr::V6(_) => ("TCP6", "2001:db8::25"),
        };
        let proxied = format!("PROXY {family} {} {gate} 4711 25\r\n", self.client);
        stream.write_all(proxied.as_bytes()).await.unwrap();
        let mut dialogue = Dialogue::new(Box::new(stream));
        dialogue.expect(b'2').await?;
        dialogue.ask("EHLO client.example", b'2').await?;
        if self.encrypted {
            dialogue.ask("STARTTLS", b'2').await?;
            dialogue = dialogue.encrypt().await;
            dialogue.ask("EHLO client.example", b'2').await?;
        }
        if let Some(login) = &self.login {
            let plain = STANDARD.encode(format!("\0{login}\0{SECRET}"));
            dialogue.ask(&format!("AUTH PLAIN {plain}"), b'2').await?;
        }
        dialogue.ask(&format!("MAIL FROM:<{}>", self.sender), b'2').await?;
        dialogue.ask(&format!("RCPT TO:<{}>", self.recipient), b'2').await?;
        dialogue.ask("DATA", b'3').await?;
        let text = format!(
            "From: <{}>\r\nTo: <{}>\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\nSubject: a counterexample\r\n\r\nHello.\r\n.",
            self.header_from, self.recipient
        );
        dialogue.ask(&text, b'2').await?;
        dialogue.ask("QUIT", b'2').await
    }
}

/// Lines there and back.
struct Dialogue(BufReader<Box<dyn Stream>>);

impl Dialogue {
    fn new(stream: Box<dyn Stream>) -> Self {
        Self(BufReader::new(stream))
    }

    async fn ask(&mut self, line: &str, wanted: u8) -> Result<(), String> {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.expect(wanted).await.map_err(|reply| format!("{line}: {reply}"))
    }

    async fn expect(&mut self, wanted: u8) -> Result<(), String> {
        let mut reply = String::new();
        loop {
            let begun = reply.len();
            let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut reply)).await;
            let octets = read.expect("the gate answers").unwrap();
            if octets == 0 || reply.as_bytes().get(begun + 3) != Some(&b'-') {
                break;
            }
        }
        if reply.as_bytes().first() == Some(&wanted) {
            Ok(())
        } else {
            Err(reply)
        }
    }

    async fn encrypt(self) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        let name = ServerName::try_from("gate.example.edu").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        Self::new(Box::new(connector.connect(name, self.0.into_inner()).await.unwrap()))
    }
}

/// Trusts whoever answers: who the gate is is not in question here.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
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
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
