//! Octets on their way out.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use mail::MessageId;
use world::{DiskFile, OpenMode};

use crate::core::{Fresh, Shared};
use crate::entry::Place;
use crate::layout::{FileName, RECORD_HEADER, RecordHeader};
use crate::record::LetterHead;
use crate::recover::{UNREADABLE, read_exact_or_less};
use crate::{BodyError, Damage, Edit};

/// Octets read from disk at a time.
const CHUNK: usize = 64 << 10;

/// Reads one message as it is to be delivered: our header lines, then what came, changed as its edits say. CRLF lines
/// are as they were committed. Memory use does not depend on its length.
pub struct Body {
    octets: u64,
    ready: VecDeque<Bytes>,
    edits: Editing,
    source: Source,
}

enum Source {
    Memory(Arc<Fresh>, usize),
    File(Box<FileSource>),
    Done,
}

struct FileSource {
    shared: Arc<Shared>,
    id: MessageId,
    damage: Damage,
    file: Arc<dyn DiskFile>,
    at: u64,
    left: u64,
    crc: u32,
    expected: u32,
}

impl Body {
    /// Octets in all.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// The next piece; `None` at the end. The last piece is given only after the checksum of the whole was right, so
    /// that damage is known before the message could be ended towards a peer.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            let raw = match &mut self.source {
                Source::Done => return Ok(None),
                Source::Memory(fresh, next) => {
                    *next += 1;
                    fresh.raw.get(*next - 1).cloned()
                }
                Source::File(file) => file.read().await?,
            };
            match raw {
                Some(raw) => self.edits.apply(raw, &mut self.ready),
                None => {
                    self.source = Source::Done;
                    self.edits.finish(&mut self.ready);
                }
            }
        }
    }

    /// Opens a message of the queue, from memory where it is still there.
    pub(crate) async fn open(shared: &Arc<Shared>, id: MessageId) -> Result<Self, BodyError> {
        let octets = shared
            .index
            .lock()
            .entries
            .get(&id)
            .map(|entry| entry.octets)
            .ok_or(BodyError::Gone)?;
        let fresh = shared.cache.lock().get(id);
        if let Some(fresh) = fresh {
            return Ok(Self {
                octets,
                ready: prepended(&fresh.prepend),
                edits: Editing::new(fresh.edits.clone()),
                source: Source::Memory(fresh, 0),
            });
        }
        let (head, place, file) = head_of(shared, id).await?;
        let source = FileSource::of(shared, id, &head, place, file).await?;
        Ok(Self {
            octets: head.octets(),
            ready: prepended(&head.prepend),
            edits: Editing::new(head.edits),
            source: Source::File(Box::new(source)),
        })
    }
}

fn prepended(prepend: &Bytes) -> VecDeque<Bytes> {
    if prepend.is_empty() {
        VecDeque::new()
    } else {
        VecDeque::from([prepend.clone()])
    }
}

impl FileSource {
    async fn of(
        shared: &Arc<Shared>,
        id: MessageId,
        head: &LetterHead,
        place: Place,
        segment: Arc<dyn DiskFile>,
    ) -> Result<Self, BodyError> {
        let (path, file, at) = match head.own_file {
            None => {
                let name = FileName::Segment {
                    writer: shared.writer,
                    sequence: place.segment,
                };
                let at = u64::from(place.offset) + RECORD_HEADER as u64 + u64::from(place.head_len);
                (shared.path(name), segment, at)
            }
            Some(number) => {
                let path = shared.own_path(number);
                let disk = shared.world.disk.clone();
                let opened = path.clone();
                let file = shared.blocking(move || disk.open(&opened, OpenMode::Read)).await;
                (
                    path,
                    file.map(Arc::from)
                        .map_err(|error| damaged_if_missing(shared, id, error))?,
                    0,
                )
            }
        };
        let damage = Damage {
            file: path,
            at,
            octets: head.raw_octets,
            message: Some(id),
            what: UNREADABLE,
        };
        Ok(Self {
            shared: shared.clone(),
            id,
            damage,
            file,
            at,
            left: head.raw_octets,
            crc: 0,
            expected: head.raw_crc,
        })
    }

    async fn read(&mut self) -> Result<Option<Bytes>, BodyError> {
        if self.left == 0 {
            return Ok(None);
        }
        let (file, at) = (self.file.clone(), self.at);
        let most = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let read = self.shared.blocking(move || {
            let mut octets = vec![0u8; most];
            let read = file.read_at(at, &mut octets)?;
            octets.truncate(read);
            Ok(octets)
        });
        let octets = read.await?;
        self.at += octets.len() as u64;
        self.left -= octets.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, &octets);
        let cut_short = octets.len() < most;
        if cut_short || (self.left == 0 && self.crc != self.expected) {
            tracing::error!(
                event = "spool.damaged",
                message = %self.id,
                file = %self.damage.file.display(),
                "a stored message is damaged"
            );
            self.shared.index.lock().mark_damaged(self.id, self.damage.clone());
            return Err(BodyError::Damaged);
        }
        Ok(Some(octets.into()))
    }
}

fn damaged_if_missing(shared: &Shared, id: MessageId, error: io::Error) -> BodyError {
    if error.kind() != io::ErrorKind::NotFound {
        return error.into();
    }
    let mut index = shared.index.lock();
    let Some(number) = index.entries.get(&id).and_then(|entry| entry.own_file()) else {
        return BodyError::Gone;
    };
    let file = shared.own_path(number);
    index.mark_damaged(
        id,
        Damage {
            file,
            at: 0,
            octets: 0,
            message: Some(id),
            what: UNREADABLE,
        },
    );
    BodyError::Damaged
}

/// Reads the head of a letter that is queued, or finished not long ago.
pub(crate) async fn head_of(
    shared: &Arc<Shared>,
    id: MessageId,
) -> Result<(LetterHead, Place, Arc<dyn DiskFile>), BodyError> {
    // The record may be moved and its segment deleted between the two looks; then there is a new place to look at.
    let mut last = None;
    loop {
        let place = shared
            .index
            .lock()
            .find(id)
            .map(|entry| entry.place)
            .ok_or(BodyError::Gone)?;
        if last == Some(place) {
            return Err(BodyError::Gone);
        }
        last = Some(place);
        let Some((file, nonce)) = shared.segment_file(place.segment) else {
            continue;
        };
        let reader = file.clone();
        let head = shared.blocking(move || read_head(reader.as_ref(), nonce, place)).await;
        return match head {
            Ok((head, _)) => Ok((head, place, file)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let name = FileName::Segment {
                    writer: shared.writer,
                    sequence: place.segment,
                };
                let damage = Damage {
                    file: shared.path(name),
                    at: u64::from(place.offset),
                    octets: place.record_len(),
                    message: Some(id),
                    what: UNREADABLE,
                };
                shared.index.lock().mark_damaged(id, damage);
                Err(BodyError::Damaged)
            }
            Err(error) => Err(error.into()),
        };
    }
}

/// Reads and checks the head of a letter; `InvalidData` where it is not what was written.
pub(crate) fn read_head(file: &dyn DiskFile, nonce: u64, place: Place) -> io::Result<(LetterHead, RecordHeader)> {
    let octets = read_exact_or_less(file, u64::from(place.offset), RECORD_HEADER + place.head_len as usize)?;
    let header = RecordHeader::decode(&octets, nonce).ok_or(io::ErrorKind::InvalidData)?;
    let head = octets.get(RECORD_HEADER..).unwrap_or_default();
    if head.len() != header.head_len as usize || crc32c::crc32c(head) != header.head_crc {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let head = LetterHead::decode(head).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok((head, header))
}

/// Reads and checks a whole letter, to be written elsewhere.
pub(crate) fn read_letter(file: &dyn DiskFile, nonce: u64, place: Place) -> io::Result<(LetterHead, Bytes)> {
    let (head, header) = read_head(file, nonce, place)?;
    let at = u64::from(place.offset) + RECORD_HEADER as u64 + u64::from(place.head_len);
    let body = read_exact_or_less(file, at, header.body_len as usize)?;
    let sound = body.len() == header.body_len as usize && (body.is_empty() || crc32c::crc32c(&body) == header.body_crc);
    if sound {
        Ok((head, body.into()))
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

/// Applies edits to octets that come in pieces.
struct Editing {
    edits: VecDeque<Edit>,
    /// How far into the octets that came.
    at: u64,
}

impl Editing {
    fn new(edits: Vec<Edit>) -> Self {
        Self {
            edits: edits.into(),
            at: 0,
        }
    }

    fn apply(&mut self, mut piece: Bytes, out: &mut VecDeque<Bytes>) {
        while !piece.is_empty() {
            let Some(edit) = self.edits.front_mut() else {
                self.at += piece.len() as u64;
                out.push_back(piece);
                return;
            };
            if edit.at > self.at {
                let before = shorter(edit.at - self.at, piece.len());
                self.at += before as u64;
                out.push_back(piece.split_to(before));
                continue;
            }
            if !edit.insert.is_empty() {
                out.push_back(std::mem::take(&mut edit.insert));
            }
            let dropped = shorter(edit.drop, piece.len());
            let _ = piece.split_to(dropped);
            self.at += dropped as u64;
            edit.drop -= dropped as u64;
            // What is still to be dropped begins where the next piece does.
            edit.at = self.at;
            if edit.drop == 0 {
                self.edits.pop_front();
            }
        }
    }

    /// What is inserted at the very end.
    fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        out.extend(
            self.edits
                .drain(..)
                .map(|edit| edit.insert)
                .filter(|insert| !insert.is_empty()),
        );
    }
}

fn shorter(wanted: u64, there: usize) -> usize {
    usize::try_from(wanted).map_or(there, |wanted| wanted.min(there))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edited(pieces: &[&[u8]], edits: Vec<Edit>) -> Vec<u8> {
        let mut editing = Editing::new(edits);
        let mut out = VecDeque::new();
        for piece in pieces {
            editing.apply(Bytes::copy_from_slice(piece), &mut out);
        }
        editing.finish(&mut out);
        out.iter().flat_map(|piece| piece.to_vec()).collect()
    }

    fn edit(at: u64, drop: u64, insert: &'static str) -> Edit {
        Edit {
            at,
            drop,
            insert: Bytes::from_static(insert.as_bytes()),
        }
    }

    #[test]
    fn edits_fall_where_they_should() {
        let all = vec![edit(0, 0, "<"), edit(2, 2, "X"), edit(6, 0, ">")];
        assert_eq!(edited(&[b"abcdef"], all.clone()), b"<abXef>");
        assert_eq!(edited(&[b"abc", b"def"], all), b"<abXef>");
        assert_eq!(edited(&[], vec![edit(0, 0, "only")]), b"only");
    }

    proptest! {
        #[test]
        fn edits_do_not_depend_on_how_the_octets_are_cut(
            raw in proptest::collection::vec(any::<u8>(), 0..60),
            cuts in proptest::collection::vec(0usize..60, 0..6),
            steps in proptest::collection::vec((0u64..9, 0u64..9), 0..5),
        ) {
            let mut edits = Vec::new();
            let mut at = 0;
            let mut expected = Vec::new();
            for (gap, drop) in steps {
                let start = (at + gap).min(raw.len() as u64);
                let drop = drop.min(raw.len() as u64 - start);
                if edits.last().is_some_and(|last: &Edit| last.at + last.drop == start && last.drop == 0) {
                    continue;
                }
                expected.extend_from_slice(&raw[at as usize..start as usize]);
                expected.extend_from_slice(b"[in]");
                edits.push(edit(start, drop, "[in]"));
                at = start + drop;
            }
            expected.extend_from_slice(&raw[at as usize..]);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(raw.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&raw[from..cut]);
                from = cut;
            }
            pieces.push(&raw[from..]);
            prop_assert_eq!(edited(&pieces, edits), expected);
        }
    }
}
