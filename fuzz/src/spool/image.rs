//! A sound spool to begin with, and what is done to its files.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, OnceLock};

use bytes::Bytes;
use mail::{ForwardPath, MailParams, MessageId, RcptParams, ReversePath, SessionId, Timestamp};
use policy::{Generation, NoticeKind, notice_permit};
use spool::{Addressee, Content, Letter, Opened, Outcome, Settlement, State};
use world::sim::GENESIS;
use world::sim::disk::SimDisk;

use super::{Image, contents, format, story, try_open};
use crate::bites::Bites;

/// A spool, and what is in it.
#[derive(Default)]
pub(super) struct Whole {
    pub(super) files: Image,
    /// All letters that were ever in it, as they are delivered.
    pub(super) letters: BTreeMap<MessageId, Vec<u8>>,
    /// Those that are still to be delivered. Where a settlement is damaged, others may be delivered again.
    pub(super) due: BTreeSet<MessageId>,
    /// Where the octets of each lie: file and place.
    places: BTreeMap<MessageId, Vec<(usize, Range<usize>)>>,
}

/// Several segments, two checkpoints and a tail behind them, a message with a file of its own, settled letters.
pub(super) fn whole() -> &'static Whole {
    static WHOLE: OnceLock<Whole> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let disk = SimDisk::new();
        let whole = Mutex::new(Whole::default());
        story(async {
            let mut sent = Whole::default();
            for round in 0..3 {
                let opened = try_open(&disk).unwrap();
                for number in 0..8 {
                    let seed = round * 8 + number;
                    let len = if seed == 5 { 2000 } else { 40 + seed * 17 };
                    let id = send(&opened, seed, len).await;
                    sent.letters.insert(id, delivered(id, seed, len));
                    sent.due.insert(id);
                }
                sent.due.remove(&settle_one(&opened).await);
                if round < 2 {
                    opened.closer.close().await;
                }
            }
            *whole.lock().unwrap() = sent;
        });
        let mut whole = whole.into_inner().unwrap();
        whole.files = contents(&disk);
        whole.places = places(&whole);
        whole
    })
}

async fn settle_one(opened: &Opened) -> MessageId {
    let lease = opened.dispatch.lease(Timestamp(GENESIS + 1000), 1).remove(0);
    let done = State::Done {
        outcome: Outcome::Delivered,
        at: Timestamp(GENESIS + 1000),
    };
    opened
        .dispatch
        .settle(&lease, vec![Settlement::new(0, done)])
        .await
        .unwrap();
    lease.id
}

/// Where the octets lie that each letter needs: its last record, and its own file where it has one.
fn places(whole: &Whole) -> BTreeMap<MessageId, Vec<(usize, Range<usize>)>> {
    let mut places: BTreeMap<MessageId, Vec<(usize, Range<usize>)>> = BTreeMap::new();
    for (file, (path, octets)) in whole.files.iter().enumerate() {
        if path.to_string_lossy().ends_with(".segment") {
            for record in format::records(octets) {
                if let Some(id) = record.letter.map(MessageId::new).filter(|id| whole.due.contains(id)) {
                    places.insert(id, vec![(file, record.place)]);
                }
            }
        }
    }
    let large = whole
        .letters
        .iter()
        .find(|(_, raw)| raw.len() > 1500)
        .map(|(id, _)| *id)
        .unwrap();
    for (file, (path, octets)) in whole.files.iter().enumerate() {
        if path.to_string_lossy().ends_with(".message") {
            places.get_mut(&large).unwrap().push((file, 0..octets.len()));
        }
    }
    assert_eq!(places.len(), whole.due.len(), "every letter has its place");
    places
}

/// What was done to each file.
#[derive(Debug, Default)]
pub(super) struct Touched(Vec<(usize, Range<usize>)>);

impl Touched {
    /// Whether what this letter needs was touched: its octets, or both copies of its segment's header.
    pub(super) fn reaches(&self, whole: &Whole, id: MessageId) -> bool {
        whole.places[&id].iter().any(|(file, place)| {
            let touches = |place: &Range<usize>| {
                self.0
                    .iter()
                    .any(|(other, range)| other == file && range.start < place.end && place.start < range.end)
            };
            touches(place) || format::HEADER_COPIES.iter().all(touches)
        })
    }

    /// Whether the version of any file was touched.
    pub(super) fn any_version(&self) -> bool {
        self.0.iter().any(|(_, range)| range.start < 12)
    }
}

/// Changes files as the input says: flips, overwrites, blanks sectors, cuts, removes.
pub(super) fn edit(files: &mut Image, bites: &mut Bites<'_>) -> Touched {
    let mut touched = Touched::default();
    let mut edits = 0;
    while !bites.is_empty() && edits < 12 {
        edits += 1;
        let (file, what) = (usize::from(bites.octet()) % files.len(), bites.octet());
        let octets = &mut files[file].1;
        if octets.is_empty() {
            continue;
        }
        let at = bites.word() as usize % octets.len();
        let range = match what % 8 {
            0..=2 => at..at + 1,
            3 | 4 => at..(at + 1 + usize::from(what >> 3)).min(octets.len()),
            5 => at / 512 * 512..(at / 512 * 512 + 512).min(octets.len()),
            6 => at..octets.len(),
            _ => 0..octets.len(),
        };
        match what % 8 {
            0..=2 => octets[at] ^= bites.octet().max(1),
            3 => octets[range.clone()].fill_with(|| bites.octet()),
            4 => octets[range.clone()].fill(0xff),
            5 => octets[range.clone()].fill(0),
            6 => octets.truncate(at),
            _ if what & 0x80 != 0 => octets.clear(),
            _ => continue,
        }
        touched.0.push((file, range));
    }
    touched
}

/// Sends a letter whose octets follow from its number.
pub(super) async fn send(opened: &Opened, seed: usize, len: usize) -> MessageId {
    let id = opened.intake.new_id();
    let mut draft = opened.intake.begin();
    for piece in raw(seed, len).chunks(700) {
        draft.append(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    opened.intake.commit(draft, letter(id)).await.unwrap();
    id
}

fn letter(id: MessageId) -> Letter {
    Letter {
        id,
        session: SessionId::new(5),
        received: Timestamp(GENESIS),
        reverse: ReversePath::Mailbox("a@example.edu".parse().unwrap()),
        params: MailParams {
            envid: Some("E1".into()),
            ..MailParams::default()
        },
        prepend: Bytes::from(format!("Received: by spool with id {id}\r\n")),
        edits: Vec::new(),
        subject: Some("Minutes".into()),
        source: "relay, 192.0.2.7".into(),
        grant_contact: Some("owner@example.edu".parse().unwrap()),
        content: Content::default(),
        testimony: Bytes::from_static(b"verdict"),
        recipients: vec![Addressee {
            path: ForwardPath::Mailbox("b@example.org".parse().unwrap()),
            params: RcptParams {
                notify: None,
                orcpt: Some("rfc822;b@example.org".into()),
            },
            permit: notice_permit(MessageId::new(1), NoticeKind::Failure, Generation(7), 99),
        }],
    }
}

fn raw(seed: usize, len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| ((at * 31 + seed * 131 + at / 251) % 251) as u8)
        .collect()
}

fn delivered(id: MessageId, seed: usize, len: usize) -> Vec<u8> {
    let mut all = format!("Received: by spool with id {id}\r\n").into_bytes();
    all.extend(raw(seed, len));
    all
}
