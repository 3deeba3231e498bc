//! Taking over what a dead writer left, at the start. [`crate::Adopter`] does the same while the spool is at work.
//!
//! The order keeps everything readable wherever it is cut off: letters are written to our log and synced, files of
//! large messages renamed, the folder synced, suspensions written and synced; then a mark says so, and only then the
//! other's segments and checkpoints are removed, and the mark last. A letter is known by its id, so none is taken over twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Bound;
use std::path::Path;

use mail::MessageId;
use world::{Disk, OpenMode};

use crate::body::read_letter;
use crate::checkpoint::is_gone;
use crate::core::Shared;
use crate::entry::Entry;
use crate::layout::{FileName, Kind, VERSION, version_of};
use crate::log::Record;
use crate::queue::AdoptedLetter;
use crate::recover::{Recovered, UNREADABLE, Whose, failed, read_exact_or_less, recover};
use crate::sweep::set_aside;
use crate::writer::{Batch, Effect, LogWriter};
use crate::{Damage, OpenError, RecoveryReport, Selector, Testimony};

/// Octets carried over with one sync; little enough that accepting beside it hardly waits.
const CARRY_OCTETS: usize = 1 << 20;

/// What a writer that is no more left; its lock is held by whoever has this.
#[derive(Default)]
pub(crate) struct Estate {
    pub(crate) writer: u32,
    left: Recovered,
    names: Vec<FileName>,
    /// It was taken over before; its mark says which segments are damaged.
    taken: Option<BTreeSet<u32>>,
    /// How far its letters were carried over.
    after: Option<MessageId>,
    /// Files of large messages that are still to become ours, with their letters.
    own_files: BTreeMap<u64, MessageId>,
}

impl Estate {
    /// Reads it; changes nothing that counts. Of one that was taken over before, only the clearing away is left.
    pub(crate) fn read(disk: &dyn Disk, dir: &Path, writer: u32, names: &[FileName]) -> Result<Self, OpenError> {
        let mark = FileName::Taken { writer };
        if names.contains(&mark)
            && let mark = mark.path(dir)
            && let Some(damaged) = read_mark(disk, &mark).map_err(failed(&mark))?
        {
            return Ok(Self {
                writer,
                names: names.to_vec(),
                taken: Some(damaged),
                ..Self::default()
            });
        }
        Ok(Self {
            writer,
            left: recover(disk, dir, writer, names, Whose::Another, 0)?,
            names: names.to_vec(),
            ..Self::default()
        })
    }

    pub(crate) fn last_id(&self) -> u64 {
        self.left.last_id
    }

    pub(crate) fn messages(&self) -> u64 {
        self.left.index.entries.len() as u64
    }

    pub(crate) fn testimony(&self) -> impl Iterator<Item = &Testimony> {
        self.left.testimony.iter()
    }

    /// Whether its letter has a file that is not ours yet.
    pub(crate) fn lacks_file(&self, id: MessageId) -> bool {
        self.own_files.values().any(|letter| *letter == id)
    }

    pub(crate) fn suspended(&self) -> &BTreeSet<Selector> {
        &self.left.index.suspended
    }

    /// The next letters that are not ours yet, to be written; none at the end. Those of `taken` were ours before.
    pub(crate) fn next_letters(
        &mut self,
        shared: &Shared,
        taken: &BTreeSet<MessageId>,
    ) -> Result<Vec<AdoptedLetter>, OpenError> {
        let mut letters = Vec::new();
        let mut octets = 0;
        let from = self.after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut unreadable = Vec::new();
        for (id, entry) in self.left.index.entries.range((from, Bound::Unbounded)) {
            if octets >= CARRY_OCTETS {
                break;
            }
            self.after = Some(*id);
            let ours = shared.index.lock().entries.contains_key(id);
            if ours {
                // A crash may have come before its file was renamed.
                self.own_files.extend(entry.own_file().map(|number| (number, *id)));
            }
            if ours || entry.damaged || taken.contains(id) {
                continue;
            }
            match self.letter(shared, *id, entry)? {
                Read::Letter(letter) => {
                    octets += letter.record.octets();
                    self.own_files.extend(entry.own_file().map(|number| (number, *id)));
                    letters.push(letter);
                }
                Read::Damaged(damage) => unreadable.push((entry.place.segment, damage)),
                Read::Gone => {}
            }
        }
        for (sequence, damage) in unreadable {
            if let Some(segment) = self.left.segments.get_mut(&sequence) {
                segment.damaged = true;
            }
            self.left.index.damaged.push(damage);
        }
        Ok(letters)
    }

    /// One letter, with its states of now.
    fn letter(&self, shared: &Shared, id: MessageId, entry: &Entry) -> Result<Read, OpenError> {
        let sequence = entry.place.segment;
        let Some(segment) = self.left.segments.get(&sequence) else {
            return Ok(Read::Gone);
        };
        let writer = self.writer;
        let path = shared.path(FileName::Segment { writer, sequence });
        let (mut head, body) = match read_letter(segment.file.as_ref(), segment.nonce, entry.place) {
            Ok(letter) => letter,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Ok(Read::Damaged(Damage {
                    file: set_aside(&path),
                    at: u64::from(entry.place.offset),
                    octets: entry.place.record_len(),
                    message: Some(id),
                    what: UNREADABLE,
                }));
            }
            Err(error) => return Err(failed(&path)(error)),
        };
        entry.update(&mut head);
        let body_crc = crc32c::crc32c(&body);
        let record = Record {
            body: vec![body],
            body_crc,
            ..Record::plain(Kind::Moved, head.encode())
        };
        Ok(Read::Letter(AdoptedLetter {
            record,
            head: Box::new(head),
        }))
    }

    /// Gives the files of large messages our name, durably.
    pub(crate) fn take_files(&mut self, shared: &Shared) -> Result<(), OpenError> {
        let (disk, dir) = (&shared.world.disk, &shared.config.dir);
        let mut holders: BTreeMap<u64, u32> = BTreeMap::new();
        for name in &self.names {
            if let FileName::Own { writer, number } = *name {
                holders.insert(number, writer);
            }
        }
        while let Some((number, letter)) = self.own_files.pop_first() {
            let Some(writer) = holders.get(&number).copied().filter(|writer| *writer != shared.writer) else {
                continue;
            };
            let theirs = FileName::Own { writer, number }.path(dir);
            // It is gone where its letter has ended meanwhile.
            if let Err(error) = disk.rename(&theirs, &shared.own_path(number))
                && error.kind() != io::ErrorKind::NotFound
            {
                self.own_files.insert(number, letter);
                return Err(failed(&theirs)(error));
            }
        }
        disk.sync_dir(dir).map_err(failed(dir))
    }

    /// Shows what is damaged as ours, and says what that is. Letters that are ours, or of `taken` were, are whole: their
    /// files only are no longer where the other's log says.
    pub(crate) fn show_damage(&self, shared: &Shared, taken: &BTreeSet<MessageId>) -> Vec<Damage> {
        let mut index = shared.index.lock();
        let whole = |damage: &&Damage| {
            damage
                .message
                .is_some_and(|id| taken.contains(&id) || index.entries.contains_key(&id))
        };
        let damaged = self.left.index.damaged.iter().filter(|damage| !whole(damage));
        let damaged: Vec<Damage> = damaged.cloned().collect();
        for damage in &damaged {
            if !index.damaged.contains(damage) {
                index.damaged.push(damage.clone());
            }
        }
        damaged
    }

    /// Removes its files, once that it was taken over is noted: from then on nobody reads what is left of them. Damaged
    /// segments are set aside.
    pub(crate) fn clear_away(&self, disk: &dyn Disk, dir: &Path) -> Result<(), OpenError> {
        let mark = FileName::Taken { writer: self.writer }.path(dir);
        if self.taken.is_none() {
            let damaged = self.left.segments.iter().filter(|(_, segment)| segment.damaged);
            write_mark(disk, &mark, damaged.map(|(sequence, _)| *sequence)).map_err(failed(&mark))?;
            disk.sync_dir(dir).map_err(failed(dir))?;
        }
        for name in self.names.iter().filter(|name| name.writer() == self.writer) {
            let path = name.path(dir);
            let cleared = match name {
                FileName::Segment { sequence, .. } if self.is_damaged(*sequence) => {
                    disk.rename(&path, &set_aside(&path))
                }
                FileName::Segment { .. } | FileName::Checkpoint { .. } => disk.remove(&path),
                _ => continue,
            };
            demand_gone(cleared, &path)?;
        }
        disk.sync_dir(dir).map_err(failed(dir))?;
        demand_gone(disk.remove(&mark), &mark)?;
        disk.sync_dir(dir).map_err(failed(dir))
    }

    fn is_damaged(&self, sequence: u32) -> bool {
        let marked = self.taken.as_ref().is_some_and(|damaged| damaged.contains(&sequence));
        marked || self.left.segments.get(&sequence).is_some_and(|segment| segment.damaged)
    }
}

/// Writes the mark of a writer that was taken over. It tells which segments are damaged, for after it nobody looks.
fn write_mark(disk: &dyn Disk, mark: &Path, damaged: impl Iterator<Item = u32>) -> io::Result<()> {
    let file = match disk.open(mark, OpenMode::CreateNew) {
        // An earlier try came this far.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(mark, OpenMode::ReadWrite),
        made => made,
    }?;
    let damaged: Vec<u8> = damaged.flat_map(u32::to_le_bytes).collect();
    file.write_at(0, &[&crc32c::crc32c(&damaged).to_le_bytes(), &damaged])?;
    file.truncate(4 + damaged.len() as u64)?;
    file.sync()
}

/// The segments that a mark names; none where it was not written to its end, so that nothing was removed yet.
fn read_mark(disk: &dyn Disk, mark: &Path) -> io::Result<Option<BTreeSet<u32>>> {
    let file = disk.open(mark, OpenMode::Read)?;
    let octets = read_exact_or_less(file.as_ref(), 0, usize::try_from(file.len()?).unwrap_or(usize::MAX))?;
    let Some((sum, damaged)) = octets.split_first_chunk() else {
        return Ok(None);
    };
    let numbers = damaged.chunks_exact(4).filter_map(|number| number.try_into().ok());
    Ok((u32::from_le_bytes(*sum) == crc32c::crc32c(damaged)).then(|| numbers.map(u32::from_le_bytes).collect()))
}

/// What became of reading a letter.
enum Read {
    Letter(AdoptedLetter),
    Damaged(Damage),
    /// Its segment was missing, which recovery has told already.
    Gone,
}

fn demand_gone(cleared: io::Result<()>, path: &Path) -> Result<(), OpenError> {
    if is_gone(&cleared) {
        return Ok(());
    }
    cleared.map_err(failed(path))
}

/// Takes over at the start, when nobody else has the log.
pub(crate) fn adopt(ours: &mut LogWriter, mut estate: Estate, report: &mut RecoveryReport) -> Result<(), OpenError> {
    let shared = ours.shared.clone();
    let dir = &shared.config.dir;
    loop {
        let letters = estate.next_letters(&shared, &BTreeSet::new())?;
        if letters.is_empty() {
            break;
        }
        report.adopted += letters.len() as u64;
        let mut batch = Batch::default();
        for AdoptedLetter { record, head } in letters {
            batch.push(record, Effect::Moved(head));
        }
        ours.store_now(batch).map_err(failed(dir))?;
    }
    estate.take_files(&shared)?;
    estate.show_damage(&shared, &BTreeSet::new());
    let mut all = shared.index.lock().suspended.clone();
    let known = all.len();
    all.extend(estate.suspended().iter().cloned());
    if all.len() > known {
        let mut batch = Batch::default();
        batch.push_suspended(all);
        ours.store_now(batch).map_err(failed(dir))?;
    }
    estate.clear_away(shared.world.disk.as_ref(), dir)?;
    report.tail_records += estate.left.tail_records;
    report.unfinished_octets += estate.left.unfinished_octets;
    report.abandoned_files += estate.left.abandoned_files;
    report.testimony.extend(estate.left.testimony);
    Ok(())
}

/// Refuses a folder in which a living writer writes a format we do not read: we could never take over from it.
pub(crate) fn check_versions(disk: &dyn Disk, dir: &Path, names: &[FileName], living: &[u32]) -> Result<(), OpenError> {
    for name in names.iter().filter(|name| living.contains(&name.writer())) {
        if !matches!(name, FileName::Segment { .. } | FileName::Checkpoint { .. }) {
            continue;
        }
        let path = name.path(dir);
        let front = match disk.open(&path, OpenMode::Read) {
            Ok(file) => read_exact_or_less(file.as_ref(), 0, 12).map_err(failed(&path))?,
            // It may go at any moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&path)(error)),
        };
        // One that is being begun has no version yet.
        if let Some(version) = version_of(&front).filter(|version| *version != VERSION) {
            return Err(OpenError::UnknownVersion {
                path,
                version,
                known: VERSION,
            });
        }
    }
    Ok(())
}
