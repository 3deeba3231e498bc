//! The one place where anything becomes true: append, sync, apply, answer.

use std::collections::BTreeMap;
use std::io;

use mail::Timestamp;
use tokio::sync::oneshot;

use super::{Batch, Effect, LogWriter};
use crate::core::{Fresh, Segment};
use crate::entry::Place;
use crate::index::Finished;
use crate::queue::LetterJob;
use crate::{ChangeError, CommitError};

type Answer = oneshot::Sender<Result<(), CommitError>>;

impl LogWriter {
    /// Append, sync, apply, answer: the one place where anything becomes true.
    ///
    /// A batch that failed is written once more to a fresh segment before anybody is told, for the failure may lie in
    /// the one file. On a full disk letters are refused and changes of state, which shrink the queue, are tried alone.
    pub(crate) fn store(&mut self, mut batch: Batch) {
        // 1. Append, and 2. sync.
        let mut written = self.append_and_sync(&batch);
        if let Err(error) = &written {
            if crate::error::is_full(error) {
                for letter in batch.without_letters() {
                    let _ = letter.reply.send(Err(CommitError::Full));
                    self.forget_own_file(letter.head.own_file);
                }
                self.shared.release_spares();
                self.shared.measure_room();
            }
            written = self.append_and_sync(&batch);
        }
        match written {
            // 3. Apply, and 4. answer.
            Ok(places) => self.apply_and_answer(batch, places),
            Err(error) => self.refuse(batch, &error),
        }
    }

    /// Stores what nobody waits for, at the start.
    pub(crate) fn store_now(&mut self, batch: Batch) -> io::Result<()> {
        let places = self.append_and_sync(&batch)?;
        self.apply_and_answer(batch, places);
        Ok(())
    }

    fn append_and_sync(&mut self, batch: &Batch) -> io::Result<Vec<Place>> {
        if batch.records.is_empty() {
            return Ok(Vec::new());
        }
        let written = self.log.append_and_sync(&batch.records);
        let trouble = &self.shared.troubles.log;
        match &written {
            Ok(_) if trouble.ended() => tracing::warn!(event = "spool.writes_again", "the spool can be written again"),
            Err(error) if trouble.began(error) => {
                tracing::error!(event = "spool.cannot_write", %error, "the spool cannot be written");
            }
            _ => {}
        }
        written
    }

    /// Each lock is taken once for the whole batch, however many letters are in it.
    fn apply_and_answer(&mut self, batch: Batch, places: Vec<Place>) {
        let mut finished = Vec::new();
        let mut letters = Vec::new();
        let shared = self.shared.clone();
        let now = self.forget_old_testimony();
        let mut index = shared.index.lock();
        let mut segments = shared.segments.lock();
        for (effect, place) in batch.effects.into_iter().zip(places) {
            match effect {
                Effect::Letter(letter) => {
                    self.recent.note(now, letter.head.testimony());
                    account(&mut segments, place, letter.head.received);
                    index.insert(&letter.head, place);
                    letters.push(*letter);
                }
                Effect::Moved(head) => {
                    account(&mut segments, place, head.received);
                    if let Some(old) = index.insert(&head, place) {
                        discount(&mut segments, old);
                    }
                }
                Effect::Adopted(head) => {
                    account(&mut segments, place, head.received);
                    match index.insert(&head, place) {
                        Some(old) => discount(&mut segments, old),
                        // Not handed out before the other's files are gone: a crash would bring it back from them.
                        None => index.unlease(head.id, &[], Some(Timestamp(i64::MAX))),
                    }
                }
                Effect::Change(change) => {
                    finished.extend(index.apply(&change));
                    self.recent.note(now, change.testimony());
                }
                Effect::Suspended(all) => index.set_suspended(all),
            }
        }
        for finished in &finished {
            discount(&mut segments, finished.place);
        }
        drop(segments);
        let news = index.take_news();
        drop(index);
        let replies = self.remember(letters, &finished);
        for reply in replies {
            // A client that has gone meanwhile is not told; its message is delivered all the same.
            let _ = reply.send(Ok(()));
        }
        for (reply, recipients) in batch.waiting {
            let _ = reply.send(Ok(recipients));
        }
        for finished in finished {
            self.forget_own_file(finished.own_file);
        }
        if news {
            self.shared.work.notify_waiters();
        }
    }

    /// Keeps fresh letters in memory and lets finished ones go; says who waits for an answer.
    fn remember(&self, letters: Vec<LetterJob>, finished: &[Finished]) -> Vec<Answer> {
        let mut cache = self.shared.cache.lock();
        let mut answers = Vec::with_capacity(letters.len());
        for letter in letters {
            let LetterJob { head, raw, reply, .. } = letter;
            if head.own_file.is_none() {
                let fresh = Fresh {
                    prepend: head.prepend,
                    edits: head.edits,
                    raw,
                };
                cache.put(head.id, fresh, self.shared.config.memory_octets);
            }
            answers.push(reply);
        }
        for finished in finished {
            cache.remove(finished.id);
        }
        answers
    }

    fn refuse(&self, batch: Batch, error: &io::Error) {
        let full = crate::error::is_full(error);
        for effect in batch.effects {
            if let Effect::Letter(letter) = effect {
                let why = if full {
                    CommitError::Full
                } else {
                    CommitError::Broken(error.to_string())
                };
                let _ = letter.reply.send(Err(why));
                self.forget_own_file(letter.head.own_file);
            }
        }
        for (reply, _) in batch.waiting {
            let _ = reply.send(Err(ChangeError::Broken(error.to_string())));
        }
    }

    fn forget_own_file(&self, number: Option<u64>) {
        if let Some(number) = number {
            // Where this fails the file is an orphan, which the next start removes.
            let _ = self.shared.world.disk.remove(&self.shared.own_path(number));
        }
    }
}

fn account(segments: &mut BTreeMap<u32, Segment>, place: Place, received: Timestamp) {
    if let Some(segment) = segments.get_mut(&place.segment) {
        segment.live += place.record_len();
        segment.newest = segment.newest.max(received);
    }
}

fn discount(segments: &mut BTreeMap<u32, Segment>, place: Place) {
    if let Some(segment) = segments.get_mut(&place.segment) {
        segment.live = segment.live.saturating_sub(place.record_len());
    }
}
