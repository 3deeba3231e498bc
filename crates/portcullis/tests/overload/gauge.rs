//! What the gate uses, as the system and its own metrics tell it.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::house::{Gate, eventually, eventually_within};

/// Sessions that are left from whatever a storm cut off.
const SESSIONS_AT_REST: usize = 2;
/// How long it may take until everything has ended that the gate was at: guesses that still wait for their hash, each of
/// which takes long where a machine has much else to do, and their answers, which are held back.
const RESTS_WITHIN: Duration = Duration::from_secs(120);
/// How often a storm is looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(250);

/// Looks at one gate.
#[derive(Clone, Copy)]
pub struct Gauge {
    process: u32,
    health: SocketAddr,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub sessions: usize,
    pub files: usize,
    /// Octets of memory that are in RAM, pages of several processes shared out among them (PSS).
    pub memory: u64,
}

impl Gauge {
    pub fn of(gate: &Gate) -> Self {
        Self {
            process: gate.id(),
            health: ([127, 0, 0, 1], gate.ports.health).into(),
        }
    }

    pub fn look(&self) -> Seen {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.process)).unwrap();
        let share = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
        let kib: u64 = share.trim().trim_end_matches(" kB").parse().unwrap();
        Seen {
            sessions: self.sessions(),
            files: fs::read_dir(format!("/proc/{}/fd", self.process)).unwrap().count(),
            memory: kib << 10,
        }
    }

    /// Looks again and again until it is asked for the worst of all.
    pub fn watch(self) -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        let looking = std::thread::spawn(move || {
            let mut worst = Seen::default();
            while !ends.load(Ordering::Relaxed) {
                let seen = self.look();
                worst.sessions = worst.sessions.max(seen.sessions);
                worst.files = worst.files.max(seen.files);
                worst.memory = worst.memory.max(seen.memory);
                std::thread::park_timeout(LOOKED_AT_EVERY);
            }
            worst
        });
        Watch { over, looking }
    }

    /// Waits until sessions and files are what they were, or nearly.
    pub fn wait_for_rest(&self, rest: &Seen) -> Seen {
        eventually_within(RESTS_WITHIN, "the gate to come to rest", || {
            let seen = self.look();
            (seen.sessions <= SESSIONS_AT_REST && seen.files <= rest.files + 50).then_some(seen)
        })
    }

    /// Open sessions, over all listeners. The page is asked for as an operator's tools do; it answers in a storm too.
    fn sessions(&self) -> usize {
        let page = eventually("the metrics", || {
            self.metrics().ok().filter(|page| page.contains("# EOF"))
        });
        let counts = page.lines().filter(|line| line.starts_with("portcullis_sessions{"));
        counts
            .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
            .sum()
    }

    fn metrics(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.health, Duration::from_secs(2))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(
            stream,
            "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }
}

/// Somebody who looks.
pub struct Watch {
    over: Arc<AtomicBool>,
    looking: JoinHandle<Seen>,
}

impl Watch {
    pub fn worst(self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        self.looking.thread().unpark();
        self.looking.join().unwrap()
    }
}
