//! The sender that has a grant, and to whom nothing may happen.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// How long one message may take, connection and all. A storm that makes senders wait this long has won.
const MESSAGE_MAX: Duration = Duration::from_secs(20);

/// Sends message by message, a connection each.
pub struct Sender {
    pub relay: SocketAddr,
    pub to: String,
}

/// How it went.
#[derive(Debug, Default)]
pub struct Sent {
    pub taken: usize,
    pub refused: Vec<String>,
    pub per_second: f64,
    pub slowest: Duration,
}

impl Sender {
    pub async fn send_for(&self, time: Duration) -> Sent {
        let began = Instant::now();
        let mut sent = Sent::default();
        while began.elapsed() < time || sent.taken + sent.refused.len() < 5 {
            let one = Instant::now();
            match timeout(MESSAGE_MAX, self.send()).await {
                Ok(Ok(())) => sent.taken += 1,
                Ok(Err(error)) => sent.refused.push(error.to_string()),
                Err(_) => sent.refused.push(format!("nothing within {MESSAGE_MAX:?}")),
            }
            sent.slowest = sent.slowest.max(one.elapsed());
        }
        sent.per_second = sent.taken as f64 / began.elapsed().as_secs_f64();
        sent
    }

    async fn send(&self) -> std::io::Result<()> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 5], 0).into())?;
        let mut stream = BufReader::new(socket.connect(self.relay).await?);
        let to = &self.to;
        let said = [
            ("", "220"),
            ("EHLO load.example.edu\r\n", "250"),
            ("MAIL FROM:<billing@example.edu>\r\n", "250"),
            (&format!("RCPT TO:<{to}>\r\n"), "250"),
            ("DATA\r\n", "354"),
            (
                "From: <billing@example.edu>\r\nSubject: invoice\r\n\r\nHello.\r\n.\r\n",
                "250",
            ),
            ("QUIT\r\n", "221"),
        ];
        for (line, expected) in said {
            stream.write_all(line.as_bytes()).await?;
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
        }
        Ok(())
    }
}
