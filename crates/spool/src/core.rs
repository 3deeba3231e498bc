//! What the handles, the writer and the readers share.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use mail::{MessageId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;
use world::{DiskFile, OpenMode, World};

use crate::ids::IdSource;
use crate::index::Index;
use crate::layout::FileName;
use crate::queue::Queue;
use crate::spare::Spares;
use crate::trouble::Troubles;
use crate::{Config, Edit, Writer};

/// Says up to when, by the stopwatch, something is done.
pub(crate) type Told = Box<dyn Fn() -> Duration + Send + Sync>;

/// The inside of a running spool. Locks are never held together, except `index` before `segments`.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) world: World,
    pub(crate) mode: Writer,
    /// Which writer of the folder this is.
    pub(crate) writer: u32,
    pub(crate) index: Mutex<Index>,
    pub(crate) segments: Mutex<BTreeMap<u32, Segment>>,
    pub(crate) cache: Mutex<Cache>,
    pub(crate) queue: Queue,
    /// Something may have become due.
    pub(crate) work: Notify,
    pub(crate) ids: IdSource,
    pub(crate) free: AtomicU64,
    pub(crate) spares: Mutex<Spares>,
    /// Up to when the ledger has what it was told.
    pub(crate) told: OnceLock<Told>,
    /// What cannot be written to.
    pub(crate) troubles: Troubles,
    /// Held until the spool is closed, or this goes.
    pub(crate) locks: Mutex<Vec<Box<dyn DiskFile>>>,
}

/// One file of the log.
pub(crate) struct Segment {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) nonce: u64,
    /// Octets of the file.
    pub(crate) size: u64,
    /// Octets of records of letters that are still queued.
    pub(crate) live: u64,
    /// When its youngest letter was accepted.
    pub(crate) newest: Timestamp,
    /// It was filled with letters that stay long.
    pub(crate) cold: bool,
    /// Something in it cannot be read: it is kept.
    pub(crate) damaged: bool,
}

impl Shared {
    pub(crate) fn path(&self, name: FileName) -> PathBuf {
        name.path(&self.config.dir)
    }

    pub(crate) fn own_path(&self, number: u64) -> PathBuf {
        self.path(FileName::Own {
            writer: self.writer,
            number,
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.world.clock.wall())
    }

    pub(crate) fn next_id(&self) -> MessageId {
        self.ids.next(self.world.clock.wall())
    }

    /// Does something that blocks: on a thread for such things, or here where the order must follow from the seed.
    pub(crate) async fn blocking<T, F>(&self, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> io::Result<T> + Send + 'static,
    {
        match self.mode {
            Writer::Task => work(),
            Writer::Thread => tokio::task::spawn_blocking(work)
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error))),
        }
    }

    /// Notes how it went to write the file of a large message.
    pub(crate) fn note_file<T>(&self, done: io::Result<T>) -> io::Result<T> {
        let trouble = &self.troubles.files;
        match &done {
            Ok(_) if trouble.ended() => tracing::warn!(event = "spool.writes_again", "large messages can be written"),
            Err(error) if trouble.began(error) => {
                tracing::error!(event = "spool.cannot_write", %error, "large messages cannot be written");
            }
            _ => {}
        }
        done
    }

    /// Tries whether files can be made again, where they could not.
    pub(crate) fn probe_files(&self) {
        if self.troubles.files.failing() {
            let (disk, path) = (&self.world.disk, self.own_path(self.next_id().number()));
            let made = disk.open(&path, OpenMode::CreateNew).and_then(|_| disk.remove(&path));
            // It was noted; there is nothing else to be done about it.
            let _ = self.note_file(made);
        }
    }

    /// Whether something new may be taken. Asks the disk again, and gives up the spares, before saying no.
    pub(crate) fn has_room(&self) -> bool {
        let enough = || self.free.load(Ordering::Relaxed) >= self.config.keep_free_octets;
        let measured = || {
            self.measure_room();
            enough()
        };
        enough() || measured() || (self.release_spares() && measured())
    }

    /// Asks the disk how much is free; where it does not say, nothing is refused for it.
    pub(crate) fn measure_room(&self) {
        let free = self.world.disk.free_space(&self.config.dir).unwrap_or(u64::MAX);
        self.free.store(free, Ordering::Relaxed);
    }

    /// The file a letter's record lies in.
    pub(crate) fn segment_file(&self, segment: u32) -> Option<(Arc<dyn DiskFile>, u64)> {
        self.segments
            .lock()
            .get(&segment)
            .map(|segment| (segment.file.clone(), segment.nonce))
    }
}

/// What a handle holds. When the last one goes, the writer finishes what is waiting and ends.
pub(crate) struct Handle(pub(crate) Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

/// A message that is still in memory.
pub(crate) struct Fresh {
    pub(crate) prepend: Bytes,
    pub(crate) edits: Vec<Edit>,
    pub(crate) raw: Vec<Bytes>,
}

/// Fresh messages, to be delivered without reading them back; the oldest make room.
#[derive(Default)]
pub(crate) struct Cache {
    messages: BTreeMap<MessageId, (Arc<Fresh>, usize)>,
    order: VecDeque<MessageId>,
    octets: usize,
}

impl Cache {
    pub(crate) fn put(&mut self, id: MessageId, fresh: Fresh, most: usize) {
        let octets = fresh.prepend.len() + fresh.raw.iter().map(Bytes::len).sum::<usize>() + 200;
        if octets > most {
            return;
        }
        while self.octets + octets > most {
            let Some(oldest) = self.order.pop_front() else { break };
            self.remove(oldest);
        }
        // Ids that left early stay in the order until they come to its front, but not for ever.
        if self.order.len() > 2 * self.messages.len() + 64 {
            self.order.retain(|id| self.messages.contains_key(id));
        }
        self.octets += octets;
        self.order.push_back(id);
        self.messages.insert(id, (Arc::new(fresh), octets));
    }

    pub(crate) fn get(&self, id: MessageId) -> Option<Arc<Fresh>> {
        self.messages.get(&id).map(|(fresh, _)| fresh.clone())
    }

    pub(crate) fn remove(&mut self, id: MessageId) {
        if let Some((_, octets)) = self.messages.remove(&id) {
            self.octets -= octets;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_fresh_message_makes_room_and_none_is_counted_twice() {
        let mut cache = Cache::default();
        let fresh = || Fresh {
            prepend: Bytes::new(),
            edits: Vec::new(),
            raw: vec![Bytes::from(vec![0u8; 300])],
        };
        for number in 1..=4 {
            cache.put(MessageId::new(number), fresh(), 1600);
        }
        assert!(cache.get(MessageId::new(1)).is_none() && cache.get(MessageId::new(2)).is_some());
        for number in 1..=4 {
            cache.remove(MessageId::new(number));
        }
        assert_eq!(cache.octets, 0);
    }
}
