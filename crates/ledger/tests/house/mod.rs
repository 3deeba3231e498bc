//! A ledger on a simulated disk, and events to put into it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use ledger::{
    Accepted, AcceptedRecipient, Anchors, Attempt, Config, Event, Ground, Judged, Opening, Origin, Refused, Report,
    Words, Writer, open, verify,
};
use mail::{AttemptId, EnhancedCode, EventId, MessageId, SessionId, Timestamp};
use world::World;
use world::sim::disk::SimDisk;
use world::sim::{GENESIS, SeedRng, SimClock, SimNet};

pub const DIR: &str = "/ledger";

pub struct House {
    pub disk: SimDisk,
    pub clock: Arc<SimClock>,
    pub world: World,
}

impl House {
    pub fn new() -> Self {
        Self::on(SimDisk::new())
    }

    pub fn on(disk: SimDisk) -> Self {
        let clock = Arc::new(SimClock::new(GENESIS));
        let world = World {
            clock: clock.clone(),
            rng: Arc::new(SeedRng::new(1)),
            net: Arc::new(SimNet::new()),
            disk: Arc::new(disk.clone()),
        };
        Self { disk, clock, world }
    }

    pub fn open(&self) -> Opening {
        open(Config::new(DIR), &self.world, Writer::Task).unwrap()
    }

    pub fn verify(&self) -> Report {
        verify(&self.disk, Path::new(DIR), &Anchors::default()).unwrap()
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        Path::new(DIR).join(name)
    }

    /// Replaces a file, as somebody with an editor would.
    pub fn rewrite(&self, name: &str, octets: &[u8]) {
        use world::{Disk, OpenMode};
        let file = self.disk.open(&self.path(name), OpenMode::ReadWrite).unwrap();
        file.truncate(0).unwrap();
        file.write_at(0, &[octets]).unwrap();
        file.sync().unwrap();
    }

    pub fn lines(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8(self.disk.contents(&self.path(name)).unwrap()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    pub fn rewrite_lines(&self, name: &str, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.rewrite(name, text.as_bytes());
    }
}

pub fn origin(session: u64) -> Origin {
    Origin {
        session: SessionId::new(session),
        listener: "devices".into(),
        client: "10.20.3.14".parse().unwrap(),
        port: 40_001,
        helo: Some("RNP002673A1B2C3".into()),
        ptr: None,
        tls: None,
        login: None,
        grant: Some("copier-3f".into()),
    }
}

pub fn accepted(number: u64) -> Accepted {
    Accepted {
        message: MessageId::new(number),
        origin: origin(number),
        from: "scan-3f@chem.example.edu".into(),
        size: 2048,
        generation: 41,
        rulebook: u64::MAX,
        recipients: vec![AcceptedRecipient {
            rcpt: "it@chem.example.edu".into(),
            asked: None,
            basis: Ground::Grant("copier-3f".into()),
            digest: u64::MAX - 1,
            held: None,
            quarantined: false,
        }],
        header_from: Vec::new(),
        message_id: Some("<20261121.1@chem.example.edu>".into()),
        mended: None,
        judged: None,
    }
}

pub fn delivered(number: u64) -> Event {
    Event::Delivered(Box::new(Attempt {
        message: MessageId::new(number),
        attempt: Some(AttemptId::new(7)),
        rcpt: "it@chem.example.edu".into(),
        host: "mail.chem.example.edu".into(),
        ip: Some("2001:db8:1::25".parse().unwrap()),
        tls: None,
        enhanced: Some(EnhancedCode::new(2, 0, 0)),
        text: "250 2.0.0 Ok: queued as 4F1A2".into(),
        took_ms: 12,
    }))
}

pub fn refused(number: u64) -> Event {
    Event::Refused(Box::new(Refused {
        event: EventId::new(number),
        origin: origin(number),
        from: Some("scan-3f@chem.example.edu".into()),
        rcpt: Some("bob@gmail.example".into()),
        recipients: Vec::new(),
        size: None,
        header_from: Vec::new(),
        code: 554,
        enhanced: Some(EnhancedCode::new(5, 7, 1)),
        reason: "no-grant".into(),
        text: Words::new("<bob@gmail.example>: 10.20.3.14 may not relay to other organisations"),
        generation: Some(41),
        rulebook: Some(u64::MAX),
        judged: Some(Judged::nothing_yet(Timestamp(1000))),
    }))
}

/// A ledger with five acceptances and deliveries on one day.
pub async fn a_day() -> House {
    let house = House::new();
    let opening = house.open();
    for number in 1..=5 {
        opening.ledger.record(Event::Accepted(Box::new(accepted(number)))).await;
        opening.ledger.record(delivered(number)).await;
    }
    opening.closer.close().await.unwrap();
    house
}

pub const FIRST: &str = "2026-11-21.gate.0000.jsonl";
