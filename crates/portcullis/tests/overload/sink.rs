//! A server that takes every message, keeps none, and remembers the numbers of the granted sender's.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// The header line of the sender's messages, before the number.
pub const NUMBERED: &str = "Subject: invoice ";

/// What came in.
#[derive(Clone, Default)]
pub struct Arrivals {
    count: Arc<AtomicUsize>,
    numbers: Arc<Mutex<BTreeSet<u64>>>,
}

impl Arrivals {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    pub fn has_all(&self, numbers: &[u64]) -> bool {
        let arrived = self.numbers.lock().unwrap();
        numbers.iter().all(|number| arrived.contains(number))
    }

    /// Serves whoever connects, also those who did so long ago.
    pub fn serve(&self, runtime: &Runtime, listener: TcpListener) -> SocketAddr {
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let arrivals = self.clone();
        let _inside = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let arrivals = arrivals.clone();
                tokio::spawn(async move { arrivals.session(stream).await });
            }
        });
        address
    }

    async fn session(self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 sink.example.net ESMTP\r\n").await?;
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let verb: String = line.chars().take(4).collect();
            let reply = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => "250-sink.example.net\r\n250 PIPELINING\r\n",
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            stream.write_all(reply.as_bytes()).await?;
            match reply.get(..3) {
                Some("354") => self.message(&mut stream).await?,
                Some("221") => return Ok(()),
                _ => {}
            }
        }
    }

    async fn message(&self, stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
        let mut line = Vec::new();
        while line != b".\r\n" {
            line.clear();
            if stream.read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            let text = std::str::from_utf8(&line).unwrap_or_default();
            if let Some(number) = text.strip_prefix(NUMBERED) {
                self.numbers.lock().unwrap().insert(number.trim().parse().unwrap());
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        stream.write_all(b"250 taken\r\n").await
    }
}
