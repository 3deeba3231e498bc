//! Removing what is older than it is to be kept, so that the chain stays one that can be proven.
//!
//! Whole closed files are removed, and first a record says which: their lines by number and seal, and by which rule. It is
//! on disk before the first file goes. Verification takes a part that is missing for pruned where records name exactly
//! that part; a crash in between leaves files that are named and still there, which the next run removes.
//!
//! A file is removed only when every line of it was read and holds. Where anything is not as it should be, nothing of that
//! writer is removed: it may be what proves a tampering.

mod heed;
mod plan;
mod stretch;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use mail::Timestamp;
use serde::{Deserialize, Serialize};
use world::Disk;

use crate::chain;
use crate::hold::HOLDS_WRITER;
use crate::record::Writer;
use crate::text::millis;
use crate::{Event, Ledger, Words};
use heed::Heed;
pub(crate) use plan::Plan;
pub use stretch::Stretch;
pub(crate) use stretch::{Gap, Stretches};

/// The record of a removal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// The rule by which it was done, in words.
    pub rule: Words,
    /// Everything in these files was recorded before this moment.
    #[serde(with = "millis")]
    pub before: Timestamp,
    /// What is removed now, file by file.
    pub files: Vec<Stretch>,
    /// What had been removed earlier: each part that was missing then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Stretch>,
    /// Files removed of which nothing counted: a crash, or a disk that refused, had left them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leftovers: Vec<Box<str>>,
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruning {
    /// Files removed.
    pub files: u64,
    /// Lines in them.
    pub lines: u64,
    /// Files that were kept though it was time, by the number of each hold that covers something in them.
    pub held: BTreeMap<u64, u64>,
    /// Writers of which nothing was removed though it was time, and why.
    pub refused: Vec<(Box<str>, String)>,
}

impl Ledger {
    /// Removes whole closed files in which everything was recorded before `before`. May be repeated at any time, also after
    /// a crash at any point.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read or removed; what was removed by then is named in the record. What is held
    /// cannot be read. Or a hold is being changed, which is [`ResourceBusy`](io::ErrorKind::ResourceBusy).
    pub async fn prune(&self, before: Timestamp, rule: Words) -> io::Result<Pruning> {
        let (disk, dir) = self.inner.reader.place();
        let own = self.place().writer;
        let now = Timestamp(self.inner.clock.wall());
        let (on, at) = (disk.clone(), dir.clone());
        let (plan, lock) = self
            .blocking(move || {
                plan::turn_pages(&on, &at, &own, now, before)?;
                // A hold that is added from here on waits until the files are gone.
                let lock = chain::take_lock(&*on, &at, HOLDS_WRITER)?;
                let records = plan::records(on.clone(), &at)?;
                let heed = Heed::of(&on, &at, now)?;
                Ok((Plan::make(&*on, &at, before, &records, heed)?, lock))
            })
            .await?;
        if let Some(record) = plan.record(before, rule) {
            self.record(Event::Pruned(Box::new(record))).await;
            if self.flush().await.is_none() {
                return Err(io::Error::other("the ledger was closed"));
            }
        }
        let done = self.blocking(move || carry_out(&*disk, &dir, &plan)).await;
        drop(lock);
        done
    }

    /// Runs something that blocks where it may.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        match self.inner.writer {
            Writer::Task => work(),
            Writer::Thread => tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?,
        }
    }
}

/// Removes what the plan says, the oldest first. The record of it is on disk.
fn carry_out(disk: &dyn Disk, dir: &Path, plan: &Plan) -> io::Result<Pruning> {
    let mut done = Pruning {
        refused: plan.refused.clone(),
        held: plan.held.clone(),
        ..Pruning::default()
    };
    for stretch in &plan.files {
        remove(disk, dir, &stretch.file)?;
        done.files += 1;
        done.lines += stretch.lines();
    }
    for name in &plan.leftovers {
        remove(disk, dir, name)?;
        done.files += 1;
    }
    if done.files > 0 {
        disk.sync_dir(dir)?;
    }
    Ok(done)
}

/// Removes a file and its index.
fn remove(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<()> {
    for path in [dir.join(crate::index::name_of(name)), dir.join(name)] {
        match disk.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A disk to be shared with a thread.
pub(crate) type SharedDisk = Arc<dyn Disk>;
