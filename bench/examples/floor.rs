//! The least that a durable acceptance costs here: a server that reads, says what a sender waits for, and appends what
//! came to a file, one sync for all that wait. It judges nothing, checks nothing, and remembers nothing.
//!
//! `cargo run --release -p bench --example floor -- 127.0.0.1:2525 FILE`, then `smtp-source` against it. It has the same
//! threads as the gateway on two cores: one for sessions, one that writes.

use std::io::IoSlice;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Fewer of a crowd than this are not waited for.
const CROWD: usize = 4;

/// Messages that wait for the disk, each with whoever waits for it.
#[derive(Default)]
struct Desk {
    waiting: Mutex<Vec<(Vec<u8>, oneshot::Sender<()>)>>,
    filled: Condvar,
}

impl Desk {
    fn put(&self, message: Vec<u8>) -> oneshot::Receiver<()> {
        let (done, stored) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push((message, done));
        if waiting.len() == 1 || waiting.len() == CROWD {
            self.filled.notify_one();
        }
        stored
    }

    /// Appends and syncs what waits, for ever.
    fn write_all(&self, file: &std::fs::File) {
        let mut crowd = 0;
        let mut at = 0;
        loop {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            while waiting.is_empty() {
                waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            if crowd >= CROWD && waiting.len() < CROWD {
                let patience = std::time::Duration::from_micros(500);
                let waited = self.filled.wait_timeout(waiting, patience);
                waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            let batch = std::mem::take(&mut *waiting);
            drop(waiting);
            crowd = batch.len();
            let parts: Vec<IoSlice<'_>> = batch.iter().map(|(message, _)| IoSlice::new(message)).collect();
            let written = rustix::io::pwritev(file, &parts, at).and_then(|octets| {
                at += octets as u64;
                rustix::fs::fdatasync(file)
            });
            if written.is_err() {
                return;
            }
            for (_, done) in batch {
                let _ = done.send(());
            }
        }
    }
}

async fn serve(mut stream: TcpStream, desk: Arc<Desk>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 floor ESMTP\r\n").await?;
    let mut octets = vec![0; 8192];
    let mut message: Option<Vec<u8>> = None;
    loop {
        let read = stream.read(&mut octets).await?;
        let text = octets.get(..read).unwrap_or_default();
        let reply: &[u8] = match (&mut message, text) {
            (_, []) => return Ok(()),
            (Some(body), text) => {
                body.extend_from_slice(text);
                if !body.ends_with(b"\r\n.\r\n") {
                    continue;
                }
                let stored = desk.put(message.take().unwrap_or_default());
                if stored.await.is_err() {
                    return Ok(());
                }
                b"250 2.0.0 Ok\r\n"
            }
            (None, [b'D' | b'd', ..]) => {
                message = Some(Vec::with_capacity(4096));
                b"354 Go on\r\n"
            }
            (None, [b'Q' | b'q', ..]) => return stream.write_all(b"221 2.0.0 Bye\r\n").await,
            (None, _) => b"250 2.1.0 Ok\r\n",
        };
        stream.write_all(reply).await?;
    }
}

fn main() -> std::io::Result<()> {
    let mut words = std::env::args().skip(1);
    let (address, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let file = std::fs::File::create(path)?;
    // As the spool does: filled beforehand, so that a sync has no extents to record.
    let zeros = vec![0; 1 << 20];
    for block in 0..256 {
        rustix::io::pwrite(&file, &zeros, block << 20)?;
    }
    file.sync_all()?;
    let desk = Arc::new(Desk::default());
    let writing = desk.clone();
    std::thread::spawn(move || writing.write_all(&file));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(serve(stream, desk.clone()));
        }
    })
}
