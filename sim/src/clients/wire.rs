//! The client's end of a connection: octets out, replies in, and the moment at which it is gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use crate::chronicle::{Chronicle, Reply};

/// How long a client waits for a reply.
const PATIENCE: Duration = Duration::from_secs(900);
/// Octets of a reply at most.
const REPLY_OCTETS_MAX: usize = 64 * 1024;

/// The connection is of no more use.
#[derive(Debug)]
pub(super) struct Gone;

impl From<std::io::Error> for Gone {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// A stream, in clear or not.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    heard: Vec<u8>,
    /// Octets it will still say.
    budget: Option<u64>,
    chronicle: Chronicle,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Duplex>, budget: Option<u64>, chronicle: Chronicle) -> Self {
        Self {
            stream,
            heard: Vec::new(),
            budget,
            chronicle,
        }
    }

    /// Goes on under TLS.
    pub(super) async fn secure(self, tls: &Arc<rustls::ClientConfig>) -> Result<Self, Gone> {
        let name = rustls_pki_types::ServerName::try_from("gate.example.edu").map_err(|_| Gone)?;
        let shaking = TlsConnector::from(tls.clone()).connect(name, self.stream);
        let stream = tokio::time::timeout(PATIENCE, shaking).await.map_err(|_| Gone)??;
        Ok(Self {
            stream: Box::new(stream),
            ..self
        })
    }

    /// Says it, as far as it still says anything.
    pub(super) async fn say(&mut self, octets: &[u8]) -> Result<(), Gone> {
        let will = self.budget.map_or(octets.len(), |budget| {
            octets.len().min(usize::try_from(budget).unwrap_or(usize::MAX))
        });
        let part = octets.get(..will).unwrap_or_default();
        self.budget = self.budget.map(|budget| budget.saturating_sub(will as u64));
        let saying = async {
            self.stream.write_all(part).await?;
            self.stream.flush().await
        };
        tokio::time::timeout(PATIENCE, saying).await.map_err(|_| Gone)??;
        if will < octets.len() {
            self.chronicle.blow("client-breaks-off", None);
            return Err(Gone);
        }
        Ok(())
    }

    /// Whether it will be gone before it has said so much more.
    pub(super) fn will_say(&self, octets: usize) -> bool {
        self.budget.is_none_or(|budget| budget >= octets as u64)
    }

    /// The next reply.
    pub(super) async fn hear(&mut self) -> Result<Reply, Gone> {
        let mut texts = Vec::new();
        loop {
            let line = self.line().await?;
            let code = line.get(..3).and_then(|code| code.parse().ok()).ok_or(Gone)?;
            texts.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                let reply = Reply {
                    when: self.chronicle.now(),
                    code,
                    text: texts.join(" "),
                };
                if reply.code >= 400 {
                    self.chronicle.story().refusals.push(reply.clone());
                }
                return Ok(reply);
            }
        }
    }

    async fn line(&mut self) -> Result<String, Gone> {
        loop {
            if let Some(end) = self.heard.iter().position(|octet| *octet == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.heard.len() > REPLY_OCTETS_MAX {
                return Err(Gone);
            }
            let mut more = [0; 4096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut more))
                .await
                .map_err(|_| Gone)??;
            if read == 0 {
                return Err(Gone);
            }
            self.heard.extend_from_slice(more.get(..read).unwrap_or_default());
        }
    }

    /// Ends it in good order.
    pub(super) async fn close(mut self) {
        let _ = tokio::time::timeout(PATIENCE, self.stream.shutdown()).await;
    }
}
