//! The next hop: takes everything, checks every octet, and remembers how far it got with each message.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::house::eventually;
use crate::letters;

/// A message that came in whole.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The id that the gate gave it.
    pub id: String,
    /// Which life of the gate brought it.
    pub life: u64,
    /// Whether our 250 could still be written.
    pub answered: bool,
}

/// A next hop that serves until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    open: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    life: AtomicU64,
    connections: AtomicUsize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    arrivals: BTreeMap<u64, Vec<Arrival>>,
    mangled: Vec<String>,
}

impl Receiver {
    pub fn start(runtime: &Runtime) -> Self {
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let (open, opened) = watch::channel(true);
        let serving = runtime.spawn(serve(listener, shared.clone(), opened));
        Self {
            address,
            shared,
            open,
            serving,
        }
    }

    /// A new life of the gate begins.
    pub fn begin_life(&self, life: u64) {
        self.shared.life.store(life, Ordering::SeqCst);
    }

    /// Whether new connections are greeted; where they are not, they wait.
    pub fn greet(&self, greet: bool) {
        self.open.send_replace(greet);
    }

    /// Waits until what the gate has sent was taken in and all its connections are closed.
    pub fn settle(&self) {
        eventually("the connections of the gate to end", || {
            (self.shared.connections.load(Ordering::SeqCst) == 0).then_some(())
        });
    }

    pub fn arrivals(&self) -> BTreeMap<u64, Vec<Arrival>> {
        self.shared.taken.lock().unwrap().arrivals.clone()
    }

    /// How many different messages arrived.
    pub fn count(&self) -> usize {
        self.shared.taken.lock().unwrap().arrivals.len()
    }

    pub fn mangled(&self) -> Vec<String> {
        self.shared.taken.lock().unwrap().mangled.clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, opened: watch::Receiver<bool>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let (shared, opened) = (shared.clone(), opened.clone());
        tokio::spawn(async move {
            // The gate may go at any moment; what it did not finish it sends again.
            let _ = converse(stream, &shared, opened).await;
            shared.connections.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn converse(stream: TcpStream, shared: &Shared, mut opened: watch::Receiver<bool>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let life = shared.life.load(Ordering::SeqCst);
    let mut stream = BufReader::new(stream);
    // Whoever goes while it waits to be greeted is noticed.
    let mut nothing = [0; 1];
    tokio::select! {
        biased;
        _ = stream.get_ref().peek(&mut nothing) => return Ok(()),
        _ = opened.wait_for(|open| *open) => {}
    }
    stream.write_all(b"220 receiver.example.net\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let reply = match verb.as_str() {
            "EHLO" => "250-receiver.example.net\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000\r\n",
            "DATA" => {
                stream.write_all(b"354 Go on\r\n").await?;
                let message = body(&mut stream).await?;
                take(&mut stream, shared, life, &message).await?;
                continue;
            }
            "QUIT" => {
                stream.write_all(b"221 Goodbye\r\n").await?;
                return Ok(());
            }
            _ => "250 Ok\r\n",
        };
        stream.write_all(reply.as_bytes()).await?;
    }
}

async fn take(stream: &mut BufReader<TcpStream>, shared: &Shared, life: u64, message: &[u8]) -> std::io::Result<()> {
    let (number, id) = match letters::recognise(message) {
        Ok(known) => known,
        Err(what) => {
            shared.taken.lock().unwrap().mangled.push(what);
            return stream.write_all(b"554 Not what was sent\r\n").await;
        }
    };
    let place = {
        let mut taken = shared.taken.lock().unwrap();
        let arrivals = taken.arrivals.entry(number).or_default();
        arrivals.push(Arrival {
            id,
            life,
            answered: false,
        });
        arrivals.len() - 1
    };
    stream.write_all(b"250 Taken\r\n").await?;
    let mut taken = shared.taken.lock().unwrap();
    taken.arrivals.get_mut(&number).unwrap()[place].answered = true;
    Ok(())
}

/// A message without its dots.
async fn body(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let start = message.len();
        if stream.read_until(b'\n', &mut message).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match message.get(start..) {
            Some(b".\r\n") => {
                message.truncate(start);
                return Ok(message);
            }
            Some([b'.', ..]) => {
                message.remove(start);
            }
            _ => {}
        }
    }
}
