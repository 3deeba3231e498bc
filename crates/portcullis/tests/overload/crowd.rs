//! People who log in all at once, each under a name and from an address of their own; and how long mail takes meanwhile
//! for who logged in before, and for strangers at the public door.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::house::PASSWORD;
use crate::sender::{Door, LOGIN, connect, heard, plain};

/// How long a sender rests behind each message: it shall measure, and be no storm of its own.
const RESTS: Duration = Duration::from_millis(10);
/// How long somebody rests who was asked to come again.
const COMES_AGAIN: Duration = Duration::from_millis(100);

const HEAD: &str = "
| logins at once | open session: p50 / p99 / slowest before | during | public door: before | during | messages | |
| --- | --- | --- | --- | --- | --- | --- |
";

/// The grants of so many people. They share a password, and the gate does not know: each login takes a hash.
pub fn grants(people: usize, hash: &str, grant: &str) -> String {
    (0..people)
        .map(|number| {
            format!(
                "[grants.{0}]\nby = {{ password = \"{0}\", hash = \"{hash}\" }}\n{grant}",
                name(number)
            )
        })
        .collect()
}

fn name(number: usize) -> String {
    format!("person-{number}")
}

/// A crowd at the door.
pub struct Crowd {
    people: Arc<AtomicUsize>,
    told_to_come_again: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Crowd {
    /// All of them log in, again and again until they are let in; `right`: with the right password.
    pub fn gather(runtime: &Runtime, door: &Door, people: usize, right: bool) -> Self {
        let crowd = || Arc::new(AtomicUsize::new(0));
        let (inside, again, refused) = (crowd(), crowd(), crowd());
        let tasks = (0..people)
            .map(|number| {
                let (door, counts) = (door.clone(), (inside.clone(), again.clone(), refused.clone()));
                let password = if right { PASSWORD } else { "not the password" };
                runtime.spawn(async move {
                    while log_in(&door, number, password, &counts).await.is_err() {
                        sleep(COMES_AGAIN).await;
                    }
                })
            })
            .collect();
        Self {
            people: inside,
            told_to_come_again: again,
            refused,
            tasks,
        }
    }

    /// How many are let in by now.
    pub fn inside(&self) -> usize {
        self.people.load(Ordering::Relaxed)
    }

    /// Sends home whoever is still there; says how it went.
    pub fn end(self, runtime: &Runtime) -> String {
        runtime.block_on(async {
            for task in self.tasks {
                task.abort();
                let _ = task.await;
            }
        });
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        format!(
            "{} let in, {} refused, {} times asked to come again",
            count(&self.people),
            count(&self.refused),
            count(&self.told_to_come_again)
        )
    }
}

type Counts = (Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>);

async fn log_in(door: &Door, number: usize, password: &str, counts: &Counts) -> std::io::Result<()> {
    let (inside, again, refused) = counts;
    let mut stream = door
        .enter([127, 100, (number / 250) as u8, (number % 250) as u8 + 1])
        .await?;
    loop {
        stream.write_all(plain(&name(number), password).as_bytes()).await?;
        let mut reply = String::new();
        if stream.read_line(&mut reply).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match reply.get(..3) {
            Some("235") => {
                inside.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            Some("454") => again.fetch_add(1, Ordering::Relaxed),
            _ => refused.fetch_add(1, Ordering::Relaxed),
        };
        sleep(COMES_AGAIN).await;
    }
}

/// How long messages took.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    fn at(&self, share: f64) -> Duration {
        let last = self.0.len() - 1;
        self.0[(last as f64 * share) as usize]
    }

    fn shown(&self) -> String {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        format!(
            "{:.1} / {:.1} / {:.1} ms",
            ms(self.at(0.5)),
            ms(self.at(0.99)),
            ms(self.at(1.0))
        )
    }
}

/// Times messages until it is told to stop: of somebody who logged in before, and of strangers.
pub async fn watch(door: &Door, front: SocketAddr, stop: &AtomicBool) -> [Times; 2] {
    let (one, two) = tokio::join!(of_session(door, stop), of_strangers(front, stop));
    [one, two].map(|mut times| {
        times.sort();
        Times(times)
    })
}

async fn of_session(door: &Door, stop: &AtomicBool) -> Vec<Duration> {
    let mut stream = door.enter([127, 0, 0, 6]).await.unwrap();
    heard(&mut stream, &plain(LOGIN, PASSWORD), "235").await.unwrap();
    let mut times = Vec::new();
    while times.is_empty() || !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        send(&mut stream, "billing@example.edu").await.unwrap();
        times.push(began.elapsed());
        sleep(RESTS).await;
    }
    times
}

/// Each from somewhere else, connection and all.
async fn of_strangers(front: SocketAddr, stop: &AtomicBool) -> Vec<Duration> {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let mut times = Vec::new();
    while times.is_empty() || !stop.load(Ordering::Relaxed) {
        let [.., b, c] = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let began = Instant::now();
        let mut stream = BufReader::new(connect([127, 0, 0, 9], front).await.unwrap());
        let proxied = format!("PROXY TCP4 198.51.{b}.{c} 127.0.0.1 40000 25\r\n");
        heard(&mut stream, &proxied, "220").await.unwrap();
        heard(&mut stream, "EHLO stranger.example\r\n", "250").await.unwrap();
        send(&mut stream, "somebody@stranger.example").await.unwrap();
        times.push(began.elapsed());
        sleep(RESTS).await;
    }
    times
}

async fn send<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, from: &str) -> std::io::Result<()> {
    let letter = format!("From: <{from}>\r\nTo: <bob@example.edu>\r\n\r\nHello.\r\n.\r\n");
    for (line, expected) in [
        (&*format!("MAIL FROM:<{from}>\r\n"), "250"),
        ("RCPT TO:<bob@example.edu>\r\n", "250"),
        ("DATA\r\n", "354"),
        (&letter, "250"),
    ] {
        heard(stream, line, expected).await?;
    }
    Ok(())
}

/// Prints a line, and adds it to `storms-logins.md` beside the table of storms.
pub fn print(title: &str, before: &[Times; 2], during: &[Times; 2], told: &str) {
    let [session, door] = [0, 1].map(|which: usize| (before[which].shown(), during[which].shown()));
    let count = |times: &[Times; 2]| times[0].0.len() + times[1].0.len();
    let line = format!(
        "| {title} | {} | {} | {} | {} | {} / {} | {told} |\n",
        session.0,
        session.1,
        door.0,
        door.1,
        count(before),
        count(during)
    );
    print!("{line}");
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/storms-logins.md");
    let mut table = File::options().create(true).append(true).open(path).unwrap();
    let head = if table.metadata().unwrap().len() == 0 { HEAD } else { "" };
    table.write_all(format!("{head}{line}").as_bytes()).unwrap();
}
