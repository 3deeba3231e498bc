//! One SMTP session as a client: no pipelining, a reply is awaited before anything else is said.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Took;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open session, after EHLO.
pub struct Session {
    stream: Box<dyn Stream>,
}

impl Session {
    /// Connects, says EHLO, and again under STARTTLS where it is to be encrypted.
    pub async fn open(to: SocketAddr, tls: Option<Arc<rustls::ClientConfig>>) -> anyhow::Result<Self> {
        Self::over(super::connect(to).await?, tls).await
    }

    /// Connects and says EHLO. Dropped, it resets the connection: none of thousands that end at once keeps its port.
    pub async fn open_to_be_dropped(to: SocketAddr) -> anyhow::Result<Self> {
        let stream = super::connect(to).await?;
        stream.set_zero_linger()?;
        Self::over(stream, None).await
    }

    async fn over(stream: TcpStream, tls: Option<Arc<rustls::ClientConfig>>) -> anyhow::Result<Self> {
        let mut session = Self {
            stream: Box::new(stream),
        };
        session.reply("220").await?;
        session.say("EHLO load.example.edu\r\n", "250").await?;
        if let Some(config) = tls {
            session.say("STARTTLS\r\n", "220").await?;
            let name = ServerName::try_from("gate.example.edu")?;
            let stream = TlsConnector::from(config).connect(name, session.stream).await?;
            session.stream = Box::new(stream);
            session.say("EHLO load.example.edu\r\n", "250").await?;
        }
        Ok(session)
    }

    /// Sends a message that ends with its dot.
    pub async fn send(&mut self, letter: &[u8]) -> anyhow::Result<Took> {
        let began = Instant::now();
        self.say("MAIL FROM:<load@example.edu>\r\n", "250").await?;
        self.say("RCPT TO:<a@far.example>\r\n", "250").await?;
        self.say("DATA\r\n", "354").await?;
        let asked = Instant::now();
        self.stream.write_all(letter).await?;
        self.stream.flush().await?;
        self.reply("250").await?;
        let millis = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
        Ok(Took {
            whole: millis(began),
            body: millis(asked),
        })
    }

    /// Ends the session in good order. The server closes first, so that the port here is free again.
    pub async fn quit(mut self) -> anyhow::Result<()> {
        self.say("QUIT\r\n", "221").await?;
        // Whether it ends TLS with a word or without one is its affair.
        let _ = self.stream.read(&mut [0; 64]).await;
        Ok(())
    }

    async fn say(&mut self, command: &str, expected: &str) -> anyhow::Result<()> {
        self.stream.write_all(command.as_bytes()).await?;
        self.stream.flush().await?;
        self.reply(expected).await
    }

    async fn reply(&mut self, expected: &str) -> anyhow::Result<()> {
        let mut reply = Vec::new();
        let mut octets = [0; 2048];
        while !is_whole(&reply) {
            let length = self.stream.read(&mut octets).await?;
            if length == 0 {
                bail!("the server closed the connection instead of saying {expected}");
            }
            reply.extend_from_slice(octets.get(..length).unwrap_or_default());
        }
        if !reply.starts_with(expected.as_bytes()) {
            bail!(
                "the server said {:?} instead of {expected}",
                String::from_utf8_lossy(&reply).trim_end()
            );
        }
        Ok(())
    }
}

/// The last line of a reply has a space behind its code.
fn is_whole(reply: &[u8]) -> bool {
    let Some(lines) = reply.strip_suffix(b"\r\n") else {
        return false;
    };
    lines
        .rsplit(|octet| *octet == b'\n')
        .next()
        .is_some_and(|last| last.get(3).is_none_or(|mark| *mark == b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_whole_with_its_last_line() {
        assert!(is_whole(b"250-a\r\n250 b\r\n"));
        assert!(is_whole(b"250\r\n"));
        for part in [&b""[..], b"250-a\r\n", b"250-a\r\n250 b", b"250-a\r\n250-b\r\n"] {
            assert!(!is_whole(part), "{part:?}");
        }
    }
}
