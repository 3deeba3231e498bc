//! The queue as it was at one moment, written down piece by piece while it goes on changing.
//!
//! Who changes a message first leaves behind how it was, unless it was written down already. So a checkpoint of a long
//! queue is exact without anybody waiting for all of it.

use std::collections::BTreeMap;
use std::ops::Bound;

use mail::MessageId;

use crate::codec::Encoder;
use crate::entry::Entry;
use crate::index::Index;

/// How far it is written down, and what has changed beyond.
#[derive(Default)]
pub(crate) struct Image {
    upto: Option<MessageId>,
    /// As they were; `None` for what was not there.
    kept: BTreeMap<MessageId, Option<Vec<u8>>>,
}

impl Image {
    /// Before the message is changed, comes or goes for the first time.
    pub(crate) fn keep(&mut self, id: MessageId, now: Option<&Entry>) {
        if self.upto.is_none_or(|upto| id > upto) {
            self.kept
                .entry(id)
                .or_insert_with(|| now.map(|entry| encoded(id, entry)));
        }
    }
}

fn encoded(id: MessageId, entry: &Entry) -> Vec<u8> {
    let mut out = Encoder::default();
    put(&mut out, id, entry);
    out.0
}

fn put(out: &mut Encoder, id: MessageId, entry: &Entry) {
    out.u64(id.number());
    entry.encode(out);
}

impl Index {
    /// From now on the queue of this moment can be had with [`next_of_image`](Self::next_of_image).
    pub(crate) fn begin_image(&mut self) {
        self.image = Some(Image::default());
    }

    pub(crate) fn end_image(&mut self) {
        self.image = None;
    }

    /// The next piece of it, of about so many octets; `None` at the end.
    pub(crate) fn next_of_image(&mut self, octets: usize) -> Option<Vec<u8>> {
        let image = self.image.as_mut()?;
        let mut out = Encoder::default();
        let from = image.upto.map_or(Bound::Unbounded, Bound::Excluded);
        for (id, entry) in self.entries.range((from, Bound::Unbounded)) {
            image.upto = Some(*id);
            match image.kept.remove(id) {
                Some(Some(kept)) => out.0.extend_from_slice(&kept),
                Some(None) => {}
                None => put(&mut out, *id, entry),
            }
            if out.0.len() >= octets {
                return Some(out.0);
            }
        }
        // What is left has gone meanwhile.
        image.upto = Some(MessageId::new(u64::MAX));
        for kept in std::mem::take(&mut image.kept).into_values().flatten() {
            out.0.extend_from_slice(&kept);
        }
        (!out.0.is_empty()).then_some(out.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decoder;
    use crate::entry::Place;
    use crate::record::{Author, ChangeHead, Grounds, LetterHead, RecipientChange, RecipientHead, Standing};
    use crate::{Content, Outcome, State};
    use bytes::Bytes;
    use mail::{ForwardPath, MailParams, RcptParams, ReversePath, SessionId, Timestamp};
    use policy::{Basis, FactDigest, Generation};

    fn head(id: u64) -> LetterHead {
        let recipient = RecipientHead {
            path: ForwardPath::Postmaster,
            params: RcptParams::default(),
            grounds: Grounds {
                basis: Basis::Grant("printers".into()),
                generation: Generation(1),
                rulebook: 2,
                digest: FactDigest(3),
            },
            standing: Standing {
                state: State::Ready,
                delay_told: false,
                attempts_made: 0,
                attempts: Vec::new(),
            },
        };
        LetterHead {
            id: MessageId::new(id),
            session: SessionId::new(1),
            received: Timestamp(1),
            reverse: ReversePath::Null,
            params: MailParams::default(),
            subject: None,
            source: "".into(),
            grant_contact: None,
            content: Content::default(),
            testimony: Bytes::new(),
            prepend: Bytes::new(),
            edits: Vec::new(),
            raw_octets: 4,
            raw_crc: 0,
            own_file: None,
            recipients: vec![recipient],
        }
    }

    fn place(offset: u32) -> Place {
        Place {
            segment: 1,
            offset,
            head_len: 3,
            body_len: 4,
        }
    }

    fn change(id: u64, state: State) -> ChangeHead {
        ChangeHead {
            id: MessageId::new(id),
            at: Timestamp(1),
            author: Author::Worker,
            recipients: vec![RecipientChange {
                recipient: 0,
                state,
                attempt: None,
                delay_told: false,
                grounds: None,
                testimony: Bytes::new(),
            }],
        }
    }

    /// The messages of an image, as (id, place, state).
    fn read(pieces: &[Vec<u8>]) -> BTreeMap<u64, (Place, State)> {
        let mut names = crate::names::Interner::default();
        let mut all = BTreeMap::new();
        for piece in pieces {
            let mut from = Decoder::new(piece);
            while !from.is_empty() {
                let id = from.u64().unwrap();
                let entry = Entry::decode(&mut from, &mut names).unwrap();
                assert!(all.insert(id, (entry.place, entry.recipients[0].state())).is_none());
            }
        }
        all
    }

    #[test]
    fn an_image_shows_the_moment_it_was_begun_whatever_happens_meanwhile() {
        let done = State::Done {
            outcome: Outcome::Delivered,
            at: Timestamp(5),
        };
        let later = State::Deferred { until: Timestamp(9) };
        for step in 0..5 {
            let mut index = Index::new(0);
            for id in [10, 20, 30, 40] {
                index.insert(&head(id), place(id as u32));
            }
            index.begin_image();
            let mut pieces = Vec::new();
            // One message each, until things begin to happen.
            for _ in 0..step {
                pieces.extend(index.next_of_image(1));
            }
            index.apply(&change(10, done.clone()));
            index.apply(&change(20, later.clone()));
            index.apply(&change(20, State::Ready));
            index.insert(&head(30), place(999));
            index.apply(&change(40, done.clone()));
            index.insert(&head(25), place(25));
            index.apply(&change(25, later.clone()));
            index.insert(&head(50), place(50));
            while let Some(piece) = index.next_of_image(1) {
                pieces.push(piece);
            }
            let then = [10, 20, 30, 40].map(|id| (id, (place(id as u32), State::Ready)));
            assert_eq!(read(&pieces), BTreeMap::from(then), "after {step} pieces");
            index.end_image();
            assert_eq!(index.entries.len(), 4);
        }
    }
}
