//! Strangers, many at once, none of whom means to send anything.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::house::eventually_within;

/// Connections from one address: fewer than the gate takes from one.
const PER_ADDRESS: usize = 8;
/// Connections of one stranger, one behind the other: fewer than the gate takes in a minute from its address.
const COMES_BACK: usize = 12;
/// How long a storm may take until all of it has come: fifteen thousand strangers live in one thread.
const GATHERS_WITHIN: Duration = Duration::from_secs(180);
/// How long a stranger who was closed, or turned away, rests before it comes back.
const RESTS: Duration = Duration::from_millis(200);

const ENVELOPE: &[u8] = b"EHLO x.example\r\nMAIL FROM:<x@x.example>\r\nRCPT TO:<bob@example.edu>\r\nDATA\r\n";

/// What the strangers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Say EHLO and nothing more.
    Silent,
    /// An octet of a command now and then.
    SlowCommands,
    /// An octet of a message now and then.
    SlowBodies,
    /// Cut the connection without a goodbye, and come again.
    Resets,
    /// Send commands and never read, never pause.
    NeverPausing,
}

impl Kind {
    pub fn title(self) -> &'static str {
        match self {
            Self::Silent => "clients that say nothing",
            Self::SlowCommands => "commands octet by octet",
            Self::SlowBodies => "bodies octet by octet",
            Self::Resets => "connections reset",
            Self::NeverPausing => "clients that never pause",
        }
    }
}

/// A storm that is going on.
pub struct Storm {
    tasks: Vec<JoinHandle<()>>,
    tally: Arc<Tally>,
}

/// How large it is.
#[derive(Default)]
pub struct Tally {
    /// Connections.
    pub came: AtomicUsize,
    /// Those that were greeted.
    pub inside: AtomicUsize,
    /// Those that were not, and logins that found the line full.
    pub turned_away: AtomicUsize,
    /// Logins that were proved; there should be none.
    pub proved: AtomicUsize,
}

impl Storm {
    pub fn of(tasks: Vec<JoinHandle<()>>, tally: Arc<Tally>) -> Self {
        Self { tasks, tally }
    }

    pub fn of_strangers(runtime: &Runtime, kind: Kind, front: SocketAddr, strangers: usize) -> Self {
        let tally = Arc::new(Tally::default());
        let tasks = (0..strangers)
            .map(|number| {
                let tally = tally.clone();
                runtime.spawn(async move {
                    for _ in 0..COMES_BACK {
                        // However it ends: a stranger comes back.
                        let _ = come(kind, front, address(kind, number), &tally).await;
                        sleep(RESTS).await;
                    }
                })
            })
            .collect();
        Self { tasks, tally }
    }

    /// Waits until each has been at the door.
    pub fn wait_until_it_blows(&self) {
        let all = self.tasks.len();
        eventually_within(GATHERS_WITHIN, "the storm", || {
            (self.tally.came.load(Ordering::Relaxed) >= all).then_some(())
        });
    }

    /// Cuts it off; says how large it was.
    pub fn end(self, runtime: &Runtime) -> String {
        runtime.block_on(async {
            for task in &self.tasks {
                task.abort();
            }
            for task in self.tasks {
                let _ = task.await;
            }
        });
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        assert_eq!(count(&self.tally.proved), 0, "a guess was taken for a password");
        format!(
            "{} came, {} let in, {} turned away",
            count(&self.tally.came),
            count(&self.tally.inside),
            count(&self.tally.turned_away)
        )
    }
}

/// Each storm has addresses of its own, so that none inherits what another did.
fn address(kind: Kind, number: usize) -> Ipv4Addr {
    let household = number / PER_ADDRESS;
    Ipv4Addr::new(
        198,
        18 + kind as u8 % 2,
        (kind as u8) * 40 + (household / 250) as u8,
        (household % 250) as u8 + 1,
    )
}

async fn come(kind: Kind, front: SocketAddr, from: Ipv4Addr, tally: &Tally) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 9], 0).into())?;
    if kind == Kind::Resets {
        socket.set_zero_linger()?;
    }
    let connected = socket.connect(front).await;
    tally.came.fetch_add(1, Ordering::Relaxed);
    let mut stream = connected?;
    stream
        .write_all(format!("PROXY TCP4 {from} 127.0.0.1 40000 25\r\n").as_bytes())
        .await?;
    let mut greeting = [0; 3];
    stream.read_exact(&mut greeting).await?;
    let counter = if &greeting == b"220" {
        &tally.inside
    } else {
        &tally.turned_away
    };
    counter.fetch_add(1, Ordering::Relaxed);
    if &greeting == b"220" {
        misbehave(kind, &mut stream).await?;
    }
    Ok(())
}

async fn misbehave(kind: Kind, stream: &mut TcpStream) -> std::io::Result<()> {
    match kind {
        Kind::Silent => {
            stream.write_all(b"EHLO x.example\r\n").await?;
            read_to_the_end(stream).await
        }
        Kind::SlowCommands => trickle(stream, b"EHLO x.example.with.a.name.that.never.comes.to.its.end").await,
        Kind::SlowBodies => {
            stream.write_all(ENVELOPE).await?;
            trickle(stream, &[b'x'; 60]).await
        }
        Kind::Resets => {
            stream.write_all(ENVELOPE).await?;
            stream.write_all(&[b'x'; 900]).await
        }
        Kind::NeverPausing => {
            let commands = b"NOOP\r\n".repeat(500);
            loop {
                stream.write_all(&commands).await?;
            }
        }
    }
}

/// An octet every half second, reading what is said meanwhile.
async fn trickle(stream: &mut TcpStream, octets: &[u8]) -> std::io::Result<()> {
    for octet in octets.iter().cycle().take(600) {
        stream.write_all(&[*octet]).await?;
        let mut said = [0; 512];
        match timeout(Duration::from_millis(500), stream.read(&mut said)).await {
            Ok(Ok(0)) | Ok(Err(_)) => return Ok(()),
            _ => {}
        }
    }
    Ok(())
}

async fn read_to_the_end(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut said = [0; 512];
    while stream.read(&mut said).await? > 0 {}
    Ok(())
}
