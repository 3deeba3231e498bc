//! Clients that come again and again, and remember everything that went wrong.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::letters;
use crate::load::Session;

/// A load of short sessions.
pub struct Knocking {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    next: AtomicU64,
    sessions: AtomicU64,
    /// Ids of what was answered with 250.
    taken: Mutex<Vec<String>>,
    wrong: Mutex<Vec<String>>,
}

/// What the clients saw.
pub struct Seen {
    pub sessions: u64,
    pub taken: Vec<String>,
    pub wrong: Vec<String>,
}

impl Knocking {
    pub fn begin(runtime: &Runtime, gate: SocketAddr, clients: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = (0..clients)
            .map(|_| {
                let shared = shared.clone();
                runtime.spawn(async move {
                    while !shared.over.load(Ordering::SeqCst) {
                        if let Err(why) = visit(gate, &shared).await {
                            shared.wrong.lock().unwrap().push(why);
                        }
                    }
                })
            })
            .collect();
        Self { shared, clients }
    }

    /// How many sessions there were until now.
    pub fn sessions(&self) -> u64 {
        self.shared.sessions.load(Ordering::SeqCst)
    }

    pub fn end(self, runtime: &Runtime) -> Seen {
        self.shared.over.store(true, Ordering::SeqCst);
        runtime.block_on(async {
            for client in self.clients {
                client.await.unwrap();
            }
        });
        Seen {
            sessions: self.shared.sessions.load(Ordering::SeqCst),
            taken: std::mem::take(&mut *self.shared.taken.lock().unwrap()),
            wrong: std::mem::take(&mut *self.shared.wrong.lock().unwrap()),
        }
    }
}

/// One session with two messages.
async fn visit(gate: SocketAddr, shared: &Shared) -> Result<(), String> {
    let mut session = Session::open(gate)
        .await
        .map_err(|error| format!("at the door: {error}"))?;
    for _ in 0..2 {
        let number = shared.next.fetch_add(1, Ordering::SeqCst);
        let message = letters::stuffed(&letters::text(number, 500 + number as usize % 3000));
        let told = session
            .transact("bob@elsewhere.example", &message)
            .await
            .map_err(|error| format!("in a session: {error}"))?;
        match told.split_once("stored as ") {
            Some((_, id)) if told.starts_with("250 ") => shared.taken.lock().unwrap().push(id.trim().to_owned()),
            _ => return Err(told),
        }
    }
    shared.sessions.fetch_add(1, Ordering::SeqCst);
    Ok(())
}
