//! The sender that has a grant, and to whom nothing may happen.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::house::{Gate, PASSWORD};
use crate::sink::NUMBERED;

/// The login of the sender that has a password.
pub const LOGIN: &str = "invoices";
/// How long one message may take, connection and all. A storm that makes senders wait this long has won.
const MESSAGE_MAX: Duration = Duration::from_secs(20);

/// Numbers of messages, over all senders of this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Sends message by message, a connection each.
pub struct Sender {
    pub to: String,
    pub proof: Proof,
}

/// How it proves that it has a grant.
#[derive(Clone)]
pub enum Proof {
    /// By its address, at this listener.
    Address(SocketAddr),
    /// By its password, under TLS.
    Password(Door),
}

/// How it went.
#[derive(Debug, Default)]
pub struct Sent {
    /// The numbers of the messages that were acknowledged.
    pub taken: Vec<u64>,
    pub refused: Vec<String>,
    pub per_second: f64,
    pub slowest: Duration,
}

impl Sender {
    pub async fn send_for(&self, time: Duration) -> Sent {
        let began = Instant::now();
        let mut sent = Sent::default();
        while began.elapsed() < time || sent.taken.len() + sent.refused.len() < 5 {
            let one = Instant::now();
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            match timeout(MESSAGE_MAX, self.send(number)).await {
                Ok(Ok(())) => sent.taken.push(number),
                Ok(Err(error)) => sent.refused.push(error.to_string()),
                Err(_) => sent.refused.push(format!("nothing within {MESSAGE_MAX:?}")),
            }
            sent.slowest = sent.slowest.max(one.elapsed());
        }
        sent.per_second = sent.taken.len() as f64 / began.elapsed().as_secs_f64();
        sent
    }

    async fn send(&self, number: u64) -> std::io::Result<()> {
        match &self.proof {
            Proof::Address(relay) => {
                let mut stream = BufReader::new(connect([127, 0, 0, 5], *relay).await?);
                heard(&mut stream, "", "220").await?;
                heard(&mut stream, "EHLO load.example.edu\r\n", "250").await?;
                self.talk(&mut stream, number).await
            }
            Proof::Password(door) => {
                let mut stream = door.enter([127, 0, 0, 6]).await?;
                heard(&mut stream, &plain(LOGIN, PASSWORD), "235").await?;
                self.talk(&mut stream, number).await
            }
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        number: u64,
    ) -> std::io::Result<()> {
        let to = &self.to;
        let letter = format!("From: <billing@example.edu>\r\n{NUMBERED}{number}\r\nTo: <{to}>\r\n\r\nHello.\r\n.\r\n");
        for (line, expected) in [
            ("MAIL FROM:<billing@example.edu>\r\n", "250"),
            (&format!("RCPT TO:<{to}>\r\n"), "250"),
            ("DATA\r\n", "354"),
            (&letter, "250"),
            ("QUIT\r\n", "221"),
        ] {
            heard(stream, line, expected).await?;
        }
        Ok(())
    }
}

/// The listener with implicit TLS of one gate, to be entered from any address of loopback.
#[derive(Clone)]
pub struct Door {
    address: SocketAddr,
    tls: TlsConnector,
}

impl Door {
    pub fn of(gate: &Gate) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(gate.ca()).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            address: ([127, 0, 0, 1], gate.ports.submissions).into(),
            tls: TlsConnector::from(Arc::new(config)),
        }
    }

    /// A session behind EHLO.
    pub async fn enter(&self, from: [u8; 4]) -> std::io::Result<BufReader<TlsStream<TcpStream>>> {
        let stream = connect(from, self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = BufReader::new(self.tls.connect(name, stream).await?);
        heard(&mut stream, "", "220").await?;
        heard(&mut stream, "EHLO load.example.edu\r\n", "250").await?;
        Ok(stream)
    }
}

/// AUTH PLAIN in one line.
pub fn plain(login: &str, password: &str) -> String {
    format!("AUTH PLAIN {}\r\n", BASE64.encode(format!("\0{login}\0{password}")))
}

pub async fn connect(from: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Says a line and hears the code that was expected.
pub async fn heard<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufReader<S>,
    line: &str,
    expected: &str,
) -> std::io::Result<()> {
    stream.write_all(line.as_bytes()).await?;
    stream.flush().await?;
    let mut reply = String::new();
    while reply.as_bytes().get(3) != Some(&b' ') {
        reply.clear();
        if stream.read_line(&mut reply).await? == 0 {
            return Err(std::io::Error::other(format!("closed behind {line:?}")));
        }
    }
    if !reply.starts_with(expected) {
        return Err(std::io::Error::other(format!("{reply:?} to {line:?}")));
    }
    Ok(())
}
