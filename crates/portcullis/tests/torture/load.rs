//! Clients that send as fast as they are answered, and remember what they were told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::house::until;
use crate::letters;

/// Where the clients are; the grant names it.
pub const CLIENT: [u8; 4] = [127, 0, 0, 5];

/// The grant of the clients, for [`Plan::more`](crate::house::Plan).
pub fn grant() -> String {
    let many = 1_000_000_000;
    format!(
        "[grants.load]\nowner = \"Torture\"\ncontact = \"it@example.edu\"\nreason = \"load\"\nuntil = {}\n\
         by = {{ address = [\"127.0.0.5\"] }}\nfrom = [\"billing@example.edu\"]\nto = \"any\"\n\
         class = \"application\"\nlimits = {{ messages_per_minute = {many}, messages_per_hour = {many}, \
         messages_per_day = {many}, recipients_per_day = {many}, message_size = \"40 MB\" }}\n\n\
         [[limits.for]]\nnetworks = [\"127.0.0.5\"]\nsessions_per_address = 1000\nsessions_per_minute = 1000000\n\
         messages_per_minute = 1000000\n",
        until()
    )
}

/// What the clients do.
#[derive(Clone)]
pub struct Manner {
    pub clients: usize,
    /// Octets of a message, by its number.
    pub octets: fn(u64) -> usize,
    /// Its recipient, by its number.
    pub to: fn(u64) -> String,
    /// Each client ends after this many.
    pub each: usize,
}

/// A 250 that was read.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub number: u64,
    pub id: String,
}

/// What the clients were told, all of them together.
#[derive(Default)]
pub struct Heard {
    pub acknowledged: Vec<Acknowledged>,
    pub refused: Vec<(u64, String)>,
}

/// Numbers and answers, over any number of loads.
#[derive(Clone, Default)]
pub struct Book {
    next: Arc<AtomicU64>,
    heard: Arc<Mutex<Heard>>,
}

impl Book {
    pub fn heard<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&self.heard.lock().unwrap())
    }

    fn note(&self, number: u64, told: String) {
        let mut heard = self.heard.lock().unwrap();
        match told.split_once("stored as ") {
            Some((_, id)) if told.starts_with("250 ") => heard.acknowledged.push(Acknowledged {
                number,
                id: id.trim().to_owned(),
            }),
            _ => heard.refused.push((number, told)),
        }
    }
}

/// A load that is going on.
pub struct Load {
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn begin(runtime: &Runtime, gate: SocketAddr, manner: &Manner, book: &Book) -> Self {
        let clients = (0..manner.clients)
            .map(|_| {
                let (manner, book) = (manner.clone(), book.clone());
                runtime.spawn(async move {
                    // Whatever ends it early: nothing was promised for the message that was under way.
                    let _ = send(gate, &manner, &book).await;
                })
            })
            .collect();
        Self { clients }
    }

    /// Waits until all clients have ended by themselves.
    pub fn wait(self, runtime: &Runtime) {
        runtime.block_on(async {
            for client in self.clients {
                client.await.unwrap();
            }
        });
    }
}

async fn send(gate: SocketAddr, manner: &Manner, book: &Book) -> std::io::Result<()> {
    let mut session = Session::open(gate).await?;
    for _ in 0..manner.each {
        let number = book.next.fetch_add(1, Ordering::Relaxed);
        let message = letters::stuffed(&letters::text(number, (manner.octets)(number)));
        let told = session.transact(&(manner.to)(number), &message).await?;
        book.note(number, told);
    }
    Ok(())
}

/// Sends one message in a session of its own; the reply.
pub fn send_one(runtime: &Runtime, gate: SocketAddr, octets: usize, book: &Book) -> String {
    let number = book.next.fetch_add(1, Ordering::Relaxed);
    let message = letters::stuffed(&letters::text(number, octets));
    let told = runtime.block_on(async {
        let mut session = Session::open(gate).await?;
        session.transact("bob@elsewhere.example", &message).await
    });
    let told = told.unwrap_or_else(|error| format!("no reply: {error}"));
    book.note(number, told.clone());
    told
}

/// One session of a client.
pub struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    pub async fn open(gate: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((CLIENT, 0).into())?;
        let stream = socket.connect(gate).await?;
        stream.set_nodelay(true)?;
        let mut session = Self {
            stream: BufReader::new(stream),
        };
        session.reply().await?;
        session.command("EHLO load.example.edu\r\n").await?;
        Ok(session)
    }

    /// One message; the last reply to it.
    pub async fn transact(&mut self, to: &str, message: &[u8]) -> std::io::Result<String> {
        let envelope = format!("MAIL FROM:<billing@example.edu>\r\nRCPT TO:<{to}>\r\nDATA\r\n");
        self.stream.write_all(envelope.as_bytes()).await?;
        let mut told = String::new();
        for expected in ["250", "250", "354"] {
            let reply = self.reply().await?;
            if told.is_empty() && !reply.starts_with(expected) {
                told = reply;
            }
        }
        if !told.is_empty() {
            self.command("RSET\r\n").await?;
            return Ok(told);
        }
        self.stream.write_all(message).await?;
        self.reply().await
    }

    async fn command(&mut self, line: &str) -> std::io::Result<String> {
        self.stream.write_all(line.as_bytes()).await?;
        self.reply().await
    }

    /// The last line of a reply.
    async fn reply(&mut self) -> std::io::Result<String> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) == Some(&b' ') {
                return Ok(line.trim_end().to_owned());
            }
        }
    }
}
