//! What the ledger has of what the spool remembers: asked at a start, for the ledger to be completed.
//!
//! It stands at the end of the newest file if anywhere, so files are read from behind, and a line is parsed only where it
//! is about one of the messages in question. A file of a million lines is not waited for.

use std::collections::BTreeSet;
use std::io;

use mail::{MessageId, Timestamp};
use memchr::{memchr, memchr_iter, memmem};
use world::DiskFile;

use crate::complete::Identity;
use crate::line::{self, LINE_OCTETS_MAX};
use crate::reader::{Next, Reader};

/// A message may have been recorded behind lines of this much earlier, had the clock been set.
const CLOCK_SLACK_MS: i64 = 3_600_000;
/// Octets looked at together.
const WINDOW_OCTETS: u64 = 1 << 20;
/// How the event begins in a line, and how the message it is about is named behind that.
const EVENT: &[u8] = b"\"event\":\"";
const MESSAGE: &[u8] = b"\"qid\":\"";

/// Which of these the ledger does not have; reads back to where the oldest of them can stand.
pub(crate) fn missing_of(
    reader: &Reader,
    wanted: BTreeSet<Identity>,
    oldest: Timestamp,
) -> io::Result<BTreeSet<Identity>> {
    let too_old = Timestamp(oldest.0.saturating_sub(CLOCK_SLACK_MS));
    let messages: BTreeSet<MessageId> = wanted.iter().map(Identity::message).collect();
    let mut missing = wanted;
    reader.newest_first(|_, file| {
        let mut windows = Windows::of(file)?;
        while let Some(octets) = windows.before()? {
            strike_out(&octets, &messages, &mut missing);
            if missing.is_empty() || is_before(&octets, too_old) {
                return Ok(Next::Enough);
            }
        }
        Ok(Next::Older)
    })?;
    Ok(missing)
}

fn strike_out(octets: &[u8], messages: &BTreeSet<MessageId>, missing: &mut BTreeSet<Identity>) {
    for octets in octets.split_inclusive(|octet| *octet == b'\n') {
        if !named_message(octets).is_some_and(|id| messages.contains(&id)) {
            continue;
        }
        let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
        let identity = line::read(octets).ok().and_then(|line| Identity::of(&line.event));
        if let Some(identity) = identity {
            identity.take_from(missing);
        }
    }
}

/// The message that a line is about.
fn named_message(line: &[u8]) -> Option<MessageId> {
    let event = line.get(memmem::find(line, EVENT)?..)?;
    let id = event.get(memmem::find(event, MESSAGE)? + MESSAGE.len()..)?;
    let id = id.get(..memchr(b'"', id)?)?;
    std::str::from_utf8(id).ok()?.parse().ok()
}

/// Whether all of this was recorded before then, as far as its first and its last line tell.
fn is_before(octets: &[u8], then: Timestamp) -> bool {
    let ended = octets.strip_suffix(b"\n").unwrap_or(octets);
    let first = memchr(b'\n', ended).map_or(ended, |end| ended.get(..end).unwrap_or_default());
    let last = memchr::memrchr(b'\n', ended).map_or(ended, |end| ended.get(end + 1..).unwrap_or_default());
    [first, last]
        .into_iter()
        .all(|line| line::read(line).is_ok_and(|line| line.at < then))
}

/// Cuts a file into pieces of whole lines, the last piece first.
struct Windows<'a> {
    file: &'a dyn DiskFile,
    /// What lies behind was handed out.
    end: u64,
}

impl<'a> Windows<'a> {
    fn of(file: &'a dyn DiskFile) -> io::Result<Self> {
        Ok(Self { file, end: file.len()? })
    }

    /// The piece before the last one; `None` at the beginning of the file. What is longer than any line is cut.
    fn before(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut wanted = WINDOW_OCTETS;
        while self.end > 0 {
            let start = self.end.saturating_sub(wanted);
            let mut octets = vec![0; usize::try_from(self.end - start).unwrap_or(usize::MAX)];
            let read = self.file.read_at(start, &mut octets)?;
            octets.truncate(read);
            let whole = match start {
                0 => Some(0),
                _ => memchr_iter(b'\n', &octets)
                    .map(|at| at + 1)
                    .find(|at| *at < octets.len()),
            };
            if let Some(whole) = whole.or((wanted > LINE_OCTETS_MAX as u64).then_some(0)) {
                self.end = start + whole as u64;
                return Ok(Some(octets.split_off(whole)));
            }
            wanted = wanted.saturating_mul(2);
        }
        Ok(None)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use world::sim::disk::SimDisk;
    use world::{Disk, OpenMode};

    use super::*;
    use crate::line::Hash;
    use crate::{Accepted, AcceptedRecipient, Entry, Event, Ground, Origin};

    const EACH: u64 = 2000;
    const LONG_AGO: i64 = 1_795_000_000_000;
    const NAME: &str = "/ledger/2026-11-21.gate.0000.jsonl";

    fn accepted(number: u64) -> Accepted {
        Accepted {
            message: MessageId::new(number),
            origin: Origin {
                session: mail::SessionId::new(number),
                listener: "devices".into(),
                client: std::net::Ipv4Addr::LOCALHOST.into(),
                port: 40_001,
                helo: Some("\",\"qid\":\"tricky".into()),
                ptr: None,
                tls: None,
                login: None,
                grant: None,
            },
            from: "scan@chem.example.edu".into(),
            size: 2048,
            generation: 1,
            rulebook: 2,
            recipients: vec![AcceptedRecipient {
                rcpt: "it@chem.example.edu".into(),
                asked: None,
                basis: Ground::Grant("copier".into()),
                digest: 3,
                held: None,
                quarantined: false,
            }],
            message_id: None,
            header_from: vec!["x".repeat(1000).as_str().into()],
            mended: None,
            judged: None,
        }
    }

    /// Lines of `EACH` messages, one a second.
    pub(crate) fn lines(from: u64) -> Vec<u8> {
        let mut octets = Vec::new();
        for number in from..from + EACH {
            let at = Timestamp(LONG_AGO + number as i64 * 1000);
            let entry = Entry::of(&Event::Accepted(Box::new(accepted(number))));
            line::write(&mut octets, number, at, Hash::NONE, &entry);
        }
        octets
    }

    /// A disk that counts what is read from it.
    struct Counting(SimDisk, Arc<AtomicU64>);

    struct CountingFile(Box<dyn DiskFile>, Arc<AtomicU64>);

    impl Disk for Counting {
        fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
            Ok(Box::new(CountingFile(self.0.open(path, mode)?, self.1.clone())))
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.0.rename(from, to)
        }
        fn remove(&self, path: &Path) -> io::Result<()> {
            self.0.remove(path)
        }
        fn list(&self, dir: &Path) -> io::Result<Vec<std::path::PathBuf>> {
            self.0.list(dir)
        }
        fn create_dir(&self, dir: &Path) -> io::Result<()> {
            self.0.create_dir(dir)
        }
        fn sync_dir(&self, dir: &Path) -> io::Result<()> {
            self.0.sync_dir(dir)
        }
        fn free_space(&self, dir: &Path) -> io::Result<u64> {
            self.0.free_space(dir)
        }
    }

    impl DiskFile for CountingFile {
        fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()> {
            self.0.write_at(offset, parts)
        }
        fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read_at(offset, buffer)?;
            self.1.fetch_add(read as u64, Ordering::Relaxed);
            Ok(read)
        }
        fn sync(&self) -> io::Result<()> {
            self.0.sync()
        }
        fn len(&self) -> io::Result<u64> {
            self.0.len()
        }
        fn truncate(&self, len: u64) -> io::Result<()> {
            self.0.truncate(len)
        }
        fn try_lock(&self) -> io::Result<bool> {
            self.0.try_lock()
        }
    }

    /// What is found, and octets read for it, in a ledger of three windows or so.
    fn asked(wanted: &[u64], oldest: u64) -> (Vec<u64>, u64) {
        let (disk, read) = (SimDisk::new(), Arc::new(AtomicU64::new(0)));
        disk.create_dir(Path::new("/ledger")).unwrap();
        let file = disk.open(Path::new(NAME), OpenMode::CreateNew).unwrap();
        file.write_at(0, &[&lines(0)]).unwrap();
        let reader = Reader::new(Arc::new(Counting(disk, read.clone())), "/ledger");
        let accepted = |number: &u64| Identity::Accepted(MessageId::new(*number));
        let all: BTreeSet<Identity> = wanted.iter().map(accepted).collect();
        let oldest = Timestamp(LONG_AGO + oldest as i64 * 1000);
        let missing = missing_of(&reader, all, oldest).unwrap();
        let known = wanted
            .iter()
            .copied()
            .filter(|number| !missing.contains(&accepted(number)));
        (known.collect(), read.load(Ordering::Relaxed))
    }

    #[test]
    fn acceptances_are_found_wherever_they_stand() {
        let all: Vec<u64> = (0..EACH).collect();
        assert_eq!(asked(&all, 0).0, all);
        assert_eq!(asked(&[0, 700, EACH], 0).0, [0, 700]);
    }

    #[test]
    fn the_last_acceptances_of_a_long_ledger_are_found_at_its_end() {
        let (known, read) = asked(&[EACH - 2, EACH - 1], EACH - 2);
        assert_eq!(known, [EACH - 2, EACH - 1]);
        assert_eq!(read, WINDOW_OCTETS);
    }

    #[test]
    fn one_that_was_never_recorded_is_not_looked_for_where_it_cannot_stand() {
        let long = lines(0).len() as u64;
        assert!(long > 2 * WINDOW_OCTETS, "{long}");
        let (known, read) = asked(&[EACH], EACH + 2 * 3600);
        assert_eq!((known, read), (vec![], WINDOW_OCTETS));
        let (known, read) = asked(&[EACH], EACH);
        assert!(known.is_empty());
        assert!(read >= long, "{read} octets of {long}: the clock may have been set");
    }

    #[test]
    fn a_line_longer_than_a_window_is_read_whole() {
        let disk = SimDisk::new();
        disk.create_dir(Path::new("/ledger")).unwrap();
        let file = disk.open(Path::new(NAME), OpenMode::CreateNew).unwrap();
        let (short, long) = (vec![b'a'; 10], vec![b'b'; 3 * WINDOW_OCTETS as usize]);
        file.write_at(0, &[&short, b"\n", &long, b"\n", &short, b"\ntorn"])
            .unwrap();
        let mut windows = Windows::of(file.as_ref()).unwrap();
        let mut pieces = Vec::new();
        while let Some(piece) = windows.before().unwrap() {
            pieces.push(piece.len());
        }
        assert_eq!(pieces, [15, 11 + long.len() + 1]);
    }
}
