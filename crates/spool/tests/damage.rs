//! Octets on disk that are not what was written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::*;
use mail::MessageId;
use spool::{BodyError, Change, Config, Filter, OpenError, Opened, Outcome, Selector, Settlement, State, Writer, open};
use world::sim::disk::{Fate, SimDisk};
use world::{Disk, OpenMode};

/// Four letters in one segment, each synced by itself, and no checkpoint.
async fn four_letters(disk: &SimDisk) -> BTreeMap<MessageId, Vec<u8>> {
    let spool = open_small(disk);
    let mut sent = BTreeMap::new();
    for seed in 0..4 {
        let raw = octets(seed, 60);
        let id = send(&spool.intake, "a@example.edu", &["b@example.org"], &raw).await;
        sent.insert(id, delivered(id, &raw));
    }
    sent
}

/// Letters that read back as they were sent.
async fn sound_letters(disk: &SimDisk, sent: &BTreeMap<MessageId, Vec<u8>>) -> (usize, usize, u64) {
    let spool = open(
        Config {
            segment_octets: 1 << 20,
            ..small()
        },
        &world_on(disk.clone(), 9),
        Writer::Task,
    )
    .unwrap();
    let mut sound = 0;
    for lease in spool.dispatch.lease(now(), 100) {
        let Ok(body) = spool.dispatch.open(&lease).await else {
            continue;
        };
        if let Ok(whole) = read(body).await {
            assert_eq!(Some(&whole), sent.get(&lease.id), "damage is never delivered");
            sound += 1;
        }
    }
    (sound, spool.view.damaged().len(), spool.report.unfinished_octets)
}

#[test]
fn a_damaged_octet_costs_one_letter_at_most_and_is_shown() {
    story(async {
        let disk = SimDisk::new();
        let sent = four_letters(&disk).await;
        let path = files(&disk, ".segment").remove(0);
        let len = disk.contents(&path).unwrap().len() as u64;
        for at in 0..len {
            let copy = disk.crash(Fate::Keep);
            copy.flip(&path, at, 0x10);
            let (sound, damaged, unfinished) = sound_letters(&copy, &sent).await;
            assert!(sound >= 3, "octet {at}: only {sound} letters survive");
            assert!(
                sound == 4 || damaged == 1 || unfinished > 0,
                "octet {at}: a letter is gone without a word"
            );
        }
    });
}

#[test]
fn damage_in_a_sealed_segment_is_never_taken_for_a_torn_end() {
    story(async {
        let disk = SimDisk::new();
        let sent = four_letters(&disk).await;
        let path = files(&disk, ".segment").remove(0);
        let len = disk.contents(&path).unwrap().len() as u64;
        // The next start seals the segment.
        let sealed = disk.crash(Fate::Keep);
        let _next = open_small(&sealed);
        for at in (1024..len).step_by(13) {
            let copy = sealed.crash(Fate::Keep);
            copy.flip(&path, at, 0x10);
            let (sound, damaged, unfinished) = sound_letters(&copy, &sent).await;
            assert!(sound >= 3 && damaged == 1, "octet {at}: {sound}, {damaged}");
            assert_eq!(unfinished, 0, "octet {at}");
        }
    });
}

#[test]
fn a_message_cannot_smuggle_in_a_record() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let id = send(&spool.intake, "a@example.edu", &["victim@example.org"], b"first").await;
        drop(spool);
        let path = files(&disk, ".segment").remove(0);
        let stolen = disk.contents(&path).unwrap()[1024..].to_vec();
        // A record of another segment, whole, inside of a message, whose own record is then damaged.
        let elsewhere = SimDisk::new();
        let spool = open(small(), &world_on(elsewhere.clone(), 77), Writer::Task).unwrap();
        send(&spool.intake, "a@example.edu", &["b@example.org"], &stolen).await;
        drop(spool);
        let path = files(&elsewhere, ".segment").remove(0);
        elsewhere.flip(&path, first_letter(&elsewhere, &path), 0xff);
        let copy = elsewhere.crash(Fate::Keep);
        let spool = open_small(&copy);
        assert!(spool.view.get(id).await.unwrap().is_none());
        assert_eq!(spool.view.counts().messages, 0);
    });
}

/// Where the second record of a segment begins: behind the one that tells the ends of earlier segments.
fn first_letter(disk: &SimDisk, path: &Path) -> u64 {
    let octets = disk.contents(path).unwrap();
    let magic = &octets[1024..1028];
    let at = octets[1025..].windows(4).position(|window| window == magic).unwrap();
    1025 + at as u64
}

#[test]
fn a_damaged_checkpoint_is_replaced_by_what_lies_before_it() {
    story(async {
        let disk = SimDisk::new();
        let sent = four_letters(&disk).await;
        for _ in 0..2 {
            let spool = open_small(&disk);
            send(&spool.intake, "a@example.edu", &["late@example.org"], b"more").await;
            spool.closer.close().await;
        }
        let checkpoints = files(&disk, ".checkpoint");
        assert_eq!(checkpoints.len(), 2, "the one before the last is kept");
        for damaged in [&checkpoints[1..], &checkpoints[..]] {
            let copy = disk.crash(Fate::Keep);
            for path in damaged {
                copy.flip(path, 40, 1);
            }
            let spool = open_small(&copy);
            assert_eq!(spool.report.messages, sent.len() as u64 + 2);
            let shown: Vec<_> = spool.report.damaged.iter().map(|damage| damage.file.clone()).collect();
            assert!(
                damaged.iter().all(|path| shown.contains(path)) && shown.len() == damaged.len(),
                "{shown:?}"
            );
        }
    });
}

/// Makes a file say that it is of another version, as a programme of that version would have written it.
fn restamp(disk: &SimDisk, path: &Path, version: u32) {
    let mut octets = disk.contents(path).unwrap();
    octets[8..12].copy_from_slice(&version.to_le_bytes());
    let mut written = vec![(0, octets[..12].to_vec())];
    if path.extension().unwrap() == "segment" {
        let checksum = crc32c::crc32c(&octets[..36]);
        octets[36..40].copy_from_slice(&checksum.to_le_bytes());
        written = vec![(0, octets[..40].to_vec()), (512, octets[..40].to_vec())];
    }
    let file = disk.open(path, OpenMode::ReadWrite).unwrap();
    for (at, octets) in written {
        file.write_at(at, &[&octets]).unwrap();
    }
}

#[test]
fn a_file_of_another_version_is_a_clear_refusal() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        send(&spool.intake, "a@example.edu", &["b@example.org"], b"x").await;
        spool.closer.close().await;
        for (version, advice) in [
            (
                1,
                "an older programme wrote it; start that one, let it deliver all that is queued",
            ),
            (9, "a newer programme wrote it; start that one"),
        ] {
            for without_checkpoint in [false, true] {
                let copy = disk.crash(Fate::Keep);
                let before = copy.names();
                files(&copy, ".segment")
                    .iter()
                    .for_each(|path| restamp(&copy, path, version));
                let mut named = files(&copy, ".checkpoint").remove(0);
                restamp(&copy, &named, version);
                if without_checkpoint {
                    copy.remove(&named).unwrap();
                    named = files(&copy, ".segment").remove(0);
                }
                let refused = open(small(), &world_on(copy.clone(), 1), Writer::Task).err().unwrap();
                let said = refused.to_string();
                assert!(matches!(refused, OpenError::UnknownVersion { known: 3, .. }), "{said}");
                let name = named.file_name().unwrap().to_string_lossy();
                assert!(said.contains(&*name) && said.contains(advice), "{said}");
                assert!(said.contains(&format!("version {version};")), "{said}");
                let left = copy.names();
                let spare = |name: &&std::path::PathBuf| name.extension().unwrap() == "spare";
                let gone: Vec<_> = before
                    .iter()
                    .filter(|name| !left.contains(name) && !spare(name))
                    .collect();
                assert_eq!(
                    gone.len(),
                    usize::from(without_checkpoint),
                    "nothing but spares is touched: {gone:?}"
                );
            }
        }
    });
}

#[test]
fn a_damaged_octet_of_a_checkpoint_costs_nothing_and_is_shown_whichever_it_is() {
    story(async {
        let disk = SimDisk::new();
        let sent = four_letters(&disk).await;
        for _ in 0..2 {
            let spool = open_small(&disk);
            spool.closer.close().await;
        }
        let last = files(&disk, ".checkpoint").pop().unwrap();
        for at in 0..disk.contents(&last).unwrap().len() as u64 {
            let copy = disk.crash(Fate::Keep);
            copy.flip(&last, at, 0x10);
            let (sound, damaged, unfinished) = sound_letters(&copy, &sent).await;
            assert_eq!((sound, damaged, unfinished), (4, 1, 0), "octet {at}");
        }
    });
}

#[test]
fn a_large_message_whose_file_is_damaged_is_shown_and_can_be_given_back() {
    heard(|ear| async move {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let id = send(&spool.intake, "a@example.edu", &["b@example.org"], &octets(1, 200_000)).await;
        disk.flip(&files(&disk, ".message")[0], 199_999, 1);
        let lease = spool.dispatch.lease(now(), 1).remove(0);
        let mut body = spool.dispatch.open(&lease).await.unwrap();
        let mut given = 0;
        let error = loop {
            match body.chunk().await {
                Ok(piece) => given += piece.expect("damage before the end").len() as u64,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, BodyError::Damaged));
        assert!(given < body.octets(), "the last piece is kept back");
        drop(lease);
        assert!(
            spool.dispatch.lease(mail::Timestamp(i64::MAX), 1).is_empty(),
            "it is not tried again and again"
        );
        assert_eq!(spool.view.damaged()[0].message, Some(id));
        assert_eq!(ear.names(), ["spool.damaged"]);
        spool
            .dispatch
            .change(Selector::Ids(vec![id]), Change::Bounce)
            .await
            .unwrap();
        assert!(spool.dispatch.lease(mail::Timestamp(i64::MAX), 1)[0].recipients[0].bounce);
    });
}

#[test]
fn a_damaged_letter_of_a_dead_writer_does_not_keep_the_others_from_being_taken_over() {
    story(async {
        let disk = SimDisk::new();
        let sent = four_letters(&disk).await;
        let first = files(&disk, ".segment").remove(0);
        // Two writers side by side.
        let both = disk.crash(Fate::Keep);
        let one = open_small(&both);
        let two = open(small(), &world_on(both.clone(), 22), Writer::Task).unwrap();
        let id = send(&two.intake, "a@example.edu", &["c@example.org"], b"of the second").await;
        // With checkpoints, the damage is met while the letters are moved and not before.
        one.closer.close().await;
        two.closer.close().await;
        let mut sent = sent;
        sent.insert(id, delivered(id, b"of the second"));
        let second = files(&both, ".segment")
            .into_iter()
            .find(|path| path.to_string_lossy()[..12] != first.to_string_lossy()[..12]);
        for path in [first, second.unwrap()] {
            let copy = both.crash(Fate::Keep);
            let len = copy.contents(&path).unwrap().len() as u64;
            copy.flip(&path, len - 5, 1);
            let (sound, damaged, unfinished) = sound_letters(&copy, &sent).await;
            assert_eq!(sound, 4, "{}", path.display());
            assert_eq!((damaged, unfinished), (1, 0));
        }
    });
}

#[test]
fn what_was_settled_stays_settled_when_the_last_checkpoint_is_damaged() {
    story(async {
        let disk = SimDisk::new();
        let spool = open_small(&disk);
        let settled = send(&spool.intake, "a@example.edu", &["b@example.org"], b"settled").await;
        let staying = send(&spool.intake, "a@example.edu", &["b@example.org"], &octets(1, 2500)).await;
        // Settled right behind a checkpoint that knows it as queued, in a segment that then holds nothing alive.
        while files(&disk, ".checkpoint").is_empty() {
            fill(&spool, 1).await;
        }
        for lease in spool.dispatch.lease(now(), usize::MAX) {
            if lease.id == staying {
                spool.dispatch.put_back(lease, mail::Timestamp(i64::MAX));
            } else {
                let state = State::Done {
                    outcome: Outcome::Delivered,
                    at: now(),
                };
                spool
                    .dispatch
                    .settle(&lease, vec![Settlement::new(0, state)])
                    .await
                    .unwrap();
            }
        }
        let before = files(&disk, ".checkpoint");
        while files(&disk, ".checkpoint").last() == before.last() {
            fill(&spool, 1).await;
        }
        // The removals have reached the platter.
        let copy = disk.crash(Fate::Keep);
        copy.flip(files(&copy, ".checkpoint").last().unwrap(), 40, 1);
        let spool = open_small(&copy);
        assert_eq!(spool.report.damaged.len(), 1, "{:?}", spool.report.damaged);
        assert!(
            spool
                .view
                .list(&Filter::default(), 1000)
                .iter()
                .all(|line| line.id != settled)
        );
        assert!(
            spool
                .view
                .list(&Filter::default(), 1000)
                .iter()
                .any(|line| line.id == staying)
        );
    });
}

/// Lets this many letters come and go.
async fn fill(spool: &Opened, letters: usize) {
    for seed in 0..letters {
        let id = send(&spool.intake, "a@example.edu", &["x@example.net"], &octets(seed, 2000)).await;
        spool
            .dispatch
            .change(Selector::Ids(vec![id]), Change::Remove)
            .await
            .unwrap();
    }
}
