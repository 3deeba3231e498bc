//! The handle that writes.

use std::sync::Arc;

use mail::MessageId;
use tokio::sync::oneshot;

use crate::core::Handle;
use crate::queue::{Job, LetterJob};
use crate::record::LetterHead;
use crate::{CommitError, Draft, Letter, Stored};

/// Octets of a letter's head at most: envelope, trace headers, edits.
const HEAD_OCTETS_MAX: usize = 16 << 20;

/// Takes messages in. Only `admission` holds one.
#[derive(Clone)]
pub struct Intake {
    pub(crate) handle: Arc<Handle>,
}

impl Intake {
    /// An id no message has had: later than all before it.
    #[must_use]
    pub fn new_id(&self) -> MessageId {
        self.handle.0.next_id()
    }

    /// Begins to take octets.
    #[must_use]
    pub fn begin(&self) -> Draft {
        Draft::new(self.handle.clone())
    }

    /// Whether there is room for something new. [`commit`](Self::commit) looks again.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.handle.0.has_room()
    }

    /// Stores the letter. When this has returned `Ok`, and not before, the client may be told 250. When the future is
    /// dropped before its end, the letter may have been stored or not.
    ///
    /// A file of its own is made durable first, name included; then the writer appends the record, syncs, and answers
    /// (`LogWriter::store`).
    pub async fn commit(&self, draft: Draft, letter: Letter) -> Result<Stored, CommitError> {
        check(&letter, draft.octets())?;
        let shared = &self.handle.0;
        if !shared.has_room() {
            return Err(CommitError::Full);
        }
        let durable = draft.make_durable().await?;
        let head = LetterHead::of(letter, durable.octets, durable.crc, durable.own_file);
        let (id, octets) = (head.id, head.octets());
        let encoded = head.encode();
        let own_file = head.own_file;
        let (reply, answer) = oneshot::channel();
        let job = LetterJob {
            head_crc: crc32c::crc32c(&encoded),
            head,
            encoded,
            raw: durable.raw,
            body_crc: if own_file.is_none() { durable.crc } else { 0 },
            reply,
        };
        if job.encoded.len() > HEAD_OCTETS_MAX {
            self.forget(own_file);
            return Err(CommitError::TooLarge("envelope and trace headers"));
        }
        if !shared.queue.push(Job::Letter(Box::new(job))) {
            self.forget(own_file);
            return Err(CommitError::Closed);
        }
        answer.await.map_err(|_| CommitError::Closed)??;
        Ok(Stored { id, octets })
    }

    fn forget(&self, own_file: Option<u64>) {
        if let Some(number) = own_file {
            let _ = self.handle.0.world.disk.remove(&self.handle.0.own_path(number));
        }
    }
}

/// Refuses what could not be read back as it is meant.
fn check(letter: &Letter, raw_octets: u64) -> Result<(), CommitError> {
    if letter.recipients.is_empty() {
        return Err(CommitError::Invalid("it has no recipient"));
    }
    if letter.recipients.len() > Letter::RECIPIENTS_MAX {
        return Err(CommitError::TooLarge("number of recipients"));
    }
    if letter.testimony.len() > Letter::TESTIMONY_OCTETS_MAX {
        return Err(CommitError::TooLarge("testimony"));
    }
    let mut end = 0;
    for edit in &letter.edits {
        if edit.at < end || edit.at.saturating_add(edit.drop) > raw_octets {
            return Err(CommitError::Invalid("its edits overlap or lie outside of it"));
        }
        end = edit.at + edit.drop;
    }
    Ok(())
}
