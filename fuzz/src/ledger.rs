//! The ledger's files, changed by somebody with an editor.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ledger::{Anchors, Attempt, Event, Key, Reader, Writer, verify};
use mail::{AttemptId, EnhancedCode, MessageId, SessionId};
use world::sim::disk::SimDisk;

use crate::bites::Bites;
use crate::spool::{Image, put, story, world_on};

/// What its lines are made of.
pub(crate) const WORDS: &[&[u8]] = &[
    b"{\"v\":1,\"seq\":",
    b"\"prev\":\"",
    b"\"hash\":\"",
    b"}\n",
    b"\n",
    b"\"at\":",
    b"-9223372036854775808",
    b"null",
    b"{{{{",
    b"[[[[",
    b"\\u0000",
    b"1e999",
];

const DIR: &str = "/ledger";

/// Nothing panics; what was changed inside is found; what was written before the change is still told; and a gateway
/// that starts on it goes on with a chain that is whole from there.
pub(crate) fn run(octets: &[u8]) {
    let mut bites = Bites(octets);
    let disk = SimDisk::new();
    let noise = bites.octet() & 1 == 1;
    let mut touched = None;
    if noise {
        put(&disk, &Path::new(DIR).join("2026-11-21.gate.0000.jsonl"), bites.0);
    } else {
        for (path, contents) in image() {
            let mut contents = contents.clone();
            while !bites.is_empty() {
                let at = usize::from(bites.short()) % contents.len();
                let (before, mask) = (contents[at], bites.octet());
                contents[at] ^= mask;
                if contents[at] != before {
                    touched = Some(touched.map_or(at, |first: usize| first.min(at)));
                }
            }
            if image().iter().any(|(_, sound)| *sound == contents) {
                touched = None;
            }
            put(&disk, path, &contents);
        }
    }
    story(async {
        let report = verify(&disk, Path::new(DIR), &Anchors::default()).unwrap();
        if let Some(at) = touched {
            assert!(
                report.first_broken().is_some() || !report.torn.is_empty(),
                "octet {at} was changed unseen: {report:?}"
            );
        }
        let reader = Reader::new(Arc::new(disk.clone()), DIR);
        for number in 0..4 {
            let told = reader.events_of(&Key::Message(MessageId::new(number))).unwrap();
            assert!(noise || told.len() <= 1);
            let _ = reader.events_of(&Key::Session(SessionId::new(number))).unwrap();
        }
        // What nobody can go on from is refused in words.
        if let Ok(opening) = ledger::open(ledger::Config::new(DIR), &world_on(&disk, 2), Writer::Task) {
            opening.ledger.record(delivered(77)).await;
            opening.closer.close().await.unwrap();
            verify(&disk, Path::new(DIR), &Anchors::default()).unwrap();
        }
    });
}

/// A sound ledger of a few lines.
fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let disk = SimDisk::new();
        story(async {
            let opening = ledger::open(ledger::Config::new(DIR), &world_on(&disk, 1), Writer::Task).unwrap();
            for number in 1..6 {
                opening.ledger.record(delivered(number)).await;
            }
            opening.closer.close().await.unwrap();
        });
        crate::spool::contents(&disk)
    })
}

fn delivered(number: u64) -> Event {
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
