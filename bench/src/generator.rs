//! A load of our own: for TLS, for the time each message takes, and for sessions that idle.
//!
//! Like `smtp-source` it is one thread that waits for each reply before it goes on, so that both are limited alike;
//! the bench shows beside `accept-2k-20` that they agree.

mod session;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustls::pki_types::pem::PemObject;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::load::{Load, Sessions};
use crate::network::CLIENT;
use crate::rig::Certificate;
pub use session::Session;

/// What one message took, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    /// From MAIL until it was acknowledged.
    pub whole: f64,
    /// From its first octet, after DATA was answered, until it was acknowledged.
    pub body: f64,
}

/// What came of a load.
#[derive(Debug)]
pub struct Sent {
    /// When the last message was acknowledged and the sessions had ended.
    pub ended: Instant,
    /// What each message took, in no order.
    pub took: Vec<Took>,
}

/// Sends this many messages, on a thread of its own. Any refusal ends it.
pub async fn send(
    to: SocketAddr,
    load: Load,
    messages: usize,
    tls: Option<Certificate>,
    patience: Duration,
) -> anyhow::Result<Sent> {
    let (done, outcome) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("generator".to_owned())
        .spawn(move || {
            let sent = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(anyhow::Error::from)
                .and_then(|runtime| runtime.block_on(drive(to, load, messages, tls)));
            // Nobody listens any more where the bench was interrupted.
            let _ = done.send(sent);
        })?;
    let waited = tokio::time::timeout(patience, outcome).await;
    waited.with_context(|| format!("our generator did not send {messages} messages within {patience:?}"))??
}

async fn drive(to: SocketAddr, load: Load, messages: usize, tls: Option<Certificate>) -> anyhow::Result<Sent> {
    let tls = tls.as_ref().map(client_config).transpose()?;
    let body: Arc<[u8]> = letter(load.octets).into();
    let taken = Arc::new(AtomicUsize::new(0));
    let mut sessions = JoinSet::new();
    for _ in 0..load.sessions.min(messages) {
        let (tls, body, taken) = (tls.clone(), body.clone(), taken.clone());
        sessions.spawn(async move {
            let mut took = Vec::new();
            let mut session = Session::open(to, tls.clone()).await?;
            while taken.fetch_add(1, Ordering::Relaxed) < messages {
                if load.stay == Sessions::Reconnect && !took.is_empty() {
                    session.quit().await?;
                    session = Session::open(to, tls.clone()).await?;
                }
                took.push(session.send(&body).await?);
            }
            session.quit().await?;
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::with_capacity(messages);
    while let Some(session) = sessions.join_next().await {
        took.extend(session??);
    }
    Ok(Sent {
        ended: Instant::now(),
        took,
    })
}

/// Trusts this certificate and no other.
fn client_config(certificate: &Certificate) -> anyhow::Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(&certificate.chain)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

/// Headers as `smtp-source` writes them, a body of this many octets in lines, and the end of the message.
fn letter(octets: usize) -> Vec<u8> {
    let mut letter =
        b"From: <load@example.edu>\r\nTo: <a@far.example>\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000 (UTC)\r\n\
        Message-Id: <1234.0001.1795262400@load.example.edu>\r\nSubject: load\r\n\r\n"
            .to_vec();
    let line = [b'X'; 78];
    let mut left = octets;
    while left > 2 {
        let length = line.len().min(left - 2);
        letter.extend_from_slice(line.get(..length).unwrap_or_default());
        letter.extend_from_slice(b"\r\n");
        left -= length + 2;
    }
    letter.extend_from_slice(b".\r\n");
    letter
}

/// Opens this many sessions, says EHLO in each, and keeps them.
pub async fn open_idle(to: SocketAddr, sessions: usize) -> anyhow::Result<Vec<Session>> {
    // So many are opened at once that no queue of connections overflows.
    const AT_ONCE: usize = 64;
    let mut opening: JoinSet<anyhow::Result<Session>> = JoinSet::new();
    let mut open = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        if opening.len() == AT_ONCE {
            open.push(opening.join_next().await.context("none is opening")???);
        }
        opening.spawn(Session::open_to_be_dropped(to));
    }
    while let Some(session) = opening.join_next().await {
        open.push(session??);
    }
    Ok(open)
}

/// A connection from the address that the grant is for; it sends what it has at once.
async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(CLIENT, 0))?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_has_lines_that_may_be_sent_and_the_size_that_was_asked_for() {
        let letter = letter(2048);
        let text = String::from_utf8(letter).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.len(), 2048 + ".\r\n".len());
        assert!(text.ends_with("X\r\n.\r\n") && text.lines().all(|line| line.len() < 80));
    }
}
