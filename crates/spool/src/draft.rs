//! Octets on their way in, not yet a message.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use world::{DiskFile, OpenMode};

use crate::core::Handle;
use crate::error::is_full;
use crate::{CommitError, DraftError};

/// Octets of one block.
const BLOCK: usize = 64 << 10;
/// Octets of the smallest block.
const SMALL_BLOCK: usize = 1 << 10;
/// Octets of a large draft between two looks at the free space.
const MEASURE_EVERY: u64 = 8 << 20;

/// A message while it is being received: in memory while small, in a file of its own when large. Dropping it abandons it.
pub struct Draft {
    handle: Arc<Handle>,
    /// Full blocks that are not in the file.
    blocks: Vec<Bytes>,
    open: BytesMut,
    octets: u64,
    crc: u32,
    own: Option<OwnFile>,
    measured_at: u64,
    /// A write was cut off or failed: what the draft holds is no longer what came.
    broken: bool,
}

struct OwnFile {
    number: u64,
    file: Arc<dyn DiskFile>,
    written: u64,
}

/// The octets of a draft, safe as far as they are in a file of their own.
pub(crate) struct Durable {
    pub(crate) octets: u64,
    pub(crate) crc: u32,
    /// In memory, to be written behind the head.
    pub(crate) raw: Vec<Bytes>,
    pub(crate) own_file: Option<u64>,
}

impl Draft {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        Self {
            handle,
            blocks: Vec::new(),
            open: BytesMut::new(),
            octets: 0,
            crc: 0,
            own: None,
            measured_at: 0,
            broken: false,
        }
    }

    /// Takes more octets. After an error, or when the future was dropped before its end, the draft cannot be committed.
    pub async fn append(&mut self, octets: Bytes) -> Result<(), DraftError> {
        if self.take(&octets) {
            self.spill().await?;
        }
        Ok(())
    }

    /// Takes more octets into memory; says whether that is more than is to stay there, so that
    /// [`spill`](Self::spill) is due before more come.
    pub fn take(&mut self, octets: &[u8]) -> bool {
        self.crc = crc32c::crc32c_append(self.crc, octets);
        self.octets += octets.len() as u64;
        // Copied into blocks of our own: the pieces are slices of a session's read buffer, which they would pin.
        let mut rest = octets;
        while !rest.is_empty() {
            let room = self.room(rest.len());
            let (front, behind) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.open.extend_from_slice(front);
            rest = behind;
        }
        let in_memory = self.blocks.iter().map(Bytes::len).sum::<usize>() + self.open.len();
        let spilled = self.own.is_some();
        in_memory > self.handle.0.config.spill_octets || (spilled && !self.blocks.is_empty())
    }

    /// Room in the open block, after closing a full one. The next one is made for what is there to be put into it, so
    /// that a message that came in one piece, as most do, is stored in as many octets as it has; and for as much as
    /// came before, so that one that comes in many pieces has few blocks.
    fn room(&mut self, coming: usize) -> usize {
        if self.open.len() == self.open.capacity() {
            if !self.open.is_empty() {
                self.blocks.push(std::mem::take(&mut self.open).freeze());
            }
            let before = usize::try_from(self.octets).unwrap_or(BLOCK).saturating_sub(coming);
            self.open.reserve(coming.max(before).clamp(SMALL_BLOCK, BLOCK));
        }
        self.open.capacity() - self.open.len()
    }

    /// Octets taken so far.
    #[must_use]
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Octets from `offset` on, at most `most` and at least one unless the end is reached: what a scanner reads.
    pub async fn read_at(&self, offset: u64, most: usize) -> Result<Bytes, DraftError> {
        let written = self.own.as_ref().map_or(0, |own| own.written);
        if let Some(own) = &self.own
            && offset < written
        {
            let most = most.min(usize::try_from(written - offset).unwrap_or(most));
            let file = own.file.clone();
            let read = self
                .handle
                .0
                .blocking(move || crate::recover::read_exact_or_less(file.as_ref(), offset, most));
            return read.await.map(Bytes::from).map_err(DraftError::Broken);
        }
        let mut from = written;
        for block in self.blocks.iter().map(Bytes::as_ref).chain([self.open.as_ref()]) {
            let end = from + block.len() as u64;
            if offset < end {
                let rest = usize::try_from(offset - from)
                    .ok()
                    .and_then(|skip| block.get(skip..))
                    .unwrap_or_default();
                return Ok(Bytes::copy_from_slice(rest.get(..most).unwrap_or(rest)));
            }
            from = end;
        }
        Ok(Bytes::new())
    }

    /// Forgets it; its file, where it has one, is removed.
    pub fn abandon(self) {}

    /// Writes what is in memory to the file of its own, which is made when it is not there yet. After an error, or when
    /// the future was dropped before its end, the draft cannot be committed.
    pub async fn spill(&mut self) -> Result<(), DraftError> {
        let shared = self.handle.0.clone();
        if self.octets - self.measured_at >= MEASURE_EVERY || self.own.is_none() {
            self.measured_at = self.octets;
            shared.measure_room();
            if !shared.has_room() {
                self.broken = true;
                return Err(DraftError::Full);
            }
        }
        // Until it is known to be written, the draft is not whole.
        self.broken = true;
        if self.own.is_none() {
            let number = shared.next_id().number();
            let (disk, path) = (shared.world.disk.clone(), shared.own_path(number));
            let made = shared.blocking(move || disk.open(&path, OpenMode::CreateNew)).await;
            let file = shared.note_file(made).map_err(draft_error)?;
            self.own = Some(OwnFile {
                number,
                file: file.into(),
                written: 0,
            });
        }
        let mut blocks = std::mem::take(&mut self.blocks);
        if !self.open.is_empty() {
            blocks.push(std::mem::take(&mut self.open).freeze());
        }
        if let Some(own) = &mut self.own {
            let (file, at) = (own.file.clone(), own.written);
            let octets: u64 = blocks.iter().map(|block| block.len() as u64).sum();
            let written = shared.blocking(move || {
                let parts: Vec<&[u8]> = blocks.iter().map(Bytes::as_ref).collect();
                file.write_at(at, &parts)
            });
            shared.note_file(written.await).map_err(draft_error)?;
            own.written += octets;
        }
        self.broken = false;
        Ok(())
    }

    /// Makes a file of its own durable: its contents, then its name. Only then may a record speak of it.
    pub(crate) async fn make_durable(mut self) -> Result<Durable, CommitError> {
        if self.broken {
            return Err(CommitError::Broken("the draft was not written to its end".to_owned()));
        }
        if self.own.is_some() {
            self.spill().await.map_err(|error| match error {
                DraftError::Full => CommitError::Full,
                DraftError::Broken(error) => CommitError::Broken(error.to_string()),
            })?;
            let shared = self.handle.0.clone();
            if let Some(file) = self.own.as_ref().map(|own| own.file.clone()) {
                let (disk, dir) = (shared.world.disk.clone(), shared.config.dir.clone());
                let synced = shared.blocking(move || file.sync().and_then(|()| disk.sync_dir(&dir)));
                shared.note_file(synced.await).map_err(|error| commit_error(&error))?;
            }
        }
        let mut raw = std::mem::take(&mut self.blocks);
        if !self.open.is_empty() {
            raw.push(fitting(std::mem::take(&mut self.open)));
        }
        // From here on the file belongs to the letter, not to the draft.
        let own_file = self.own.take().map(|own| own.number);
        Ok(Durable {
            octets: self.octets,
            crc: self.crc,
            raw,
            own_file,
        })
    }
}

/// A last block without the room that was left in it: it may stay in memory until it is delivered.
fn fitting(open: BytesMut) -> Bytes {
    if open.len() < open.capacity() / 4 * 3 {
        Bytes::copy_from_slice(&open)
    } else {
        open.freeze()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            let shared = &self.handle.0;
            // Where this fails the file is an orphan, which the next start removes.
            let _ = shared.world.disk.remove(&shared.own_path(own.number));
        }
    }
}

fn draft_error(error: io::Error) -> DraftError {
    if is_full(&error) {
        DraftError::Full
    } else {
        DraftError::Broken(error)
    }
}

fn commit_error(error: &io::Error) -> CommitError {
    if is_full(error) {
        CommitError::Full
    } else {
        CommitError::Broken(error.to_string())
    }
}
