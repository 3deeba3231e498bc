//! The handle that takes over from writers which die while this one lives.
//!
//! Reading happens beside the writer, writing through its queue, a little at a time: nobody who is accepting waits for
//! more than one such write. What was taken over is handed out when the other's files are gone, not before.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use mail::MessageId;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use world::DiskFile;

use crate::adopt::Estate;
use crate::core::{Handle, Shared};
use crate::layout::FileName;
use crate::open::{list, try_lock};
use crate::plan::Plan;
use crate::queue::{AdoptedLetter, Job};
use crate::recover::failed;
use crate::{ChangeError, Damage, OpenError, Selector, Testimony};

/// Takes over what other writers of the folder leave when they die. To be asked again and again.
pub struct Adopter {
    handle: Arc<Handle>,
    /// Ids that are ours of writers whose taking over was cut short by an error: they may have been delivered since.
    taken: Mutex<BTreeMap<u32, BTreeSet<MessageId>>>,
    /// Suspensions that were told by the one who had them.
    told: Mutex<BTreeSet<Selector>>,
}

/// What a dead writer left, read and locked. Dropping it leaves it for the next look, or for another process.
pub struct Orphaned {
    estate: Estate,
    lock: Box<dyn DiskFile>,
}

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Messages that are ours now.
    pub messages: u64,
    /// What could not be read; it stays on disk for an operator to look at.
    pub damaged: Vec<Damage>,
}

impl Orphaned {
    /// Messages in it.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.estate.messages()
    }

    /// Testimony accepted shortly before its end. The ledger is completed with it before it is taken over: afterwards
    /// nothing tells of it any more.
    #[must_use]
    pub fn testimony(&self) -> Vec<Testimony> {
        self.estate.testimony().cloned().collect()
    }
}

impl Adopter {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        Self {
            handle,
            taken: Mutex::default(),
            told: Mutex::default(),
        }
    }

    /// These suspensions of a living writer were carried out here as well: when it dies they are not begun anew, for an
    /// operator may have ended them meanwhile.
    pub fn know_suspensions(&self, told: impl IntoIterator<Item = Selector>) {
        self.told.lock().extend(told);
    }

    /// Looks for writers that have died and left something. What cannot be read is told one by one, and does not keep the
    /// others from being found.
    pub async fn find(&self) -> Vec<Result<Orphaned, OpenError>> {
        let shared = self.handle.0.clone();
        let found = self.handle.0.blocking(move || Ok(find(&shared))).await;
        found.unwrap_or_else(|error| vec![Err(failed(&self.handle.0.config.dir)(error))])
    }

    /// Makes it ours: the letters, their files, what was suspended. After an error the rest is still where it was.
    pub async fn take(&self, orphaned: Orphaned) -> Result<Adopted, OpenError> {
        let Orphaned { estate, lock } = orphaned;
        let writer = estate.writer;
        let mut carrying = Carrying {
            taken: self.taken.lock().remove(&writer).unwrap_or_default(),
            estate,
        };
        let before = carrying.taken.len();
        let carried = self.carry(&mut carrying).await;
        let Carrying { taken, estate } = carrying;
        self.wake(taken.iter().filter(|id| !estate.lacks_file(**id)));
        let adopted = Adopted {
            messages: (taken.len() - before) as u64,
            damaged: estate.show_damage(&self.handle.0, &taken),
        };
        if carried.is_err() {
            self.taken.lock().insert(writer, taken);
        }
        // Whoever waits for the lock finds nothing any more.
        drop(lock);
        carried.map(|()| adopted)
    }

    async fn carry(&self, carrying: &mut Carrying) -> Result<(), OpenError> {
        let shared = &self.handle.0;
        let dir = &shared.config.dir;
        shared.ids.pass(carrying.estate.last_id());
        loop {
            let letters = self
                .beside(carrying, |carrying, shared| {
                    carrying.estate.next_letters(shared, &carrying.taken)
                })
                .await?;
            if letters.is_empty() {
                break;
            }
            let ids: Vec<MessageId> = letters.iter().map(|letter| letter.head.id).collect();
            self.store(letters).await.map_err(|error| refused(error, dir))?;
            carrying.taken.extend(ids);
        }
        self.beside(carrying, |carrying, shared| carrying.estate.take_files(shared))
            .await?;
        self.take_suspensions(&carrying.estate)
            .await
            .map_err(|error| refused(error, dir))?;
        self.beside(carrying, |carrying, shared| {
            let disk = shared.world.disk.as_ref();
            carrying.estate.clear_away(disk, &shared.config.dir)
        })
        .await
    }

    /// Does something that blocks with what is carried, where it disturbs nobody.
    async fn beside<T: Send + 'static>(
        &self,
        carrying: &mut Carrying,
        work: impl FnOnce(&mut Carrying, &Shared) -> Result<T, OpenError> + Send + 'static,
    ) -> Result<T, OpenError> {
        let shared = self.handle.0.clone();
        let mut away = std::mem::take(carrying);
        let (back, done) = self
            .handle
            .0
            .blocking(move || {
                let done = work(&mut away, &shared);
                Ok((away, done))
            })
            .await
            .map_err(failed(&self.handle.0.config.dir))?;
        *carrying = back;
        done
    }

    async fn store(&self, letters: Vec<AdoptedLetter>) -> Result<(), ChangeError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Adopted(letters, reply), answer).await
    }

    /// Suspensions of any writer hold for all; they are on disk before the files that told them go.
    async fn take_suspensions(&self, estate: &Estate) -> Result<(), ChangeError> {
        let told = self.told.lock().clone();
        for selector in estate.suspended().difference(&told) {
            let (reply, answer) = oneshot::channel();
            self.ask(Job::Plan(Plan::Suspend(selector.clone()), reply), answer)
                .await?;
        }
        Ok(())
    }

    async fn ask(&self, job: Job, answer: oneshot::Receiver<Result<u64, ChangeError>>) -> Result<(), ChangeError> {
        if !self.handle.0.queue.push(job) {
            return Err(ChangeError::Closed);
        }
        answer.await.map_err(|_| ChangeError::Closed)?.map(|_| ())
    }

    /// Lets what was taken over be handed out.
    fn wake<'a>(&self, taken: impl Iterator<Item = &'a MessageId>) {
        let shared = &self.handle.0;
        for id in taken {
            shared.index.lock().wake(*id);
        }
        shared.work.notify_waiters();
    }
}

/// What is being carried over.
#[derive(Default)]
struct Carrying {
    estate: Estate,
    taken: BTreeSet<MessageId>,
}

/// Locks and reads everything that no living process holds.
fn find(shared: &Shared) -> Vec<Result<Orphaned, OpenError>> {
    match orphaned_writers(shared) {
        Ok(writers) => writers
            .into_iter()
            .filter_map(|writer| look(shared, writer).transpose())
            .collect(),
        Err(error) => vec![Err(error)],
    }
}

/// Writers beside us that have anything but a lock.
fn orphaned_writers(shared: &Shared) -> Result<BTreeSet<u32>, OpenError> {
    let names = list(shared.world.disk.as_ref(), &shared.config.dir)?;
    let writers = names.iter().filter(|name| !matches!(name, FileName::Lock { .. }));
    Ok(writers
        .map(|name| name.writer())
        .filter(|writer| *writer != shared.writer)
        .collect())
}

fn look(shared: &Shared, writer: u32) -> Result<Option<Orphaned>, OpenError> {
    let (disk, dir) = (shared.world.disk.as_ref(), &shared.config.dir);
    let Some(lock) = try_lock(disk, dir, writer)? else {
        return Ok(None);
    };
    // Listed after locking: what it did last before it let go is seen, and what another process took over is not.
    let names = list(disk, dir)?;
    let estate = Estate::read(disk, dir, writer, &names)?;
    Ok(Some(Orphaned { estate, lock }))
}

fn refused(error: ChangeError, dir: &std::path::Path) -> OpenError {
    failed(dir)(io::Error::other(error))
}
