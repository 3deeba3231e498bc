//! What lies in the spool's folder, read by `FORMAT.md` and by the spool itself from a copy.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use spool::{Config, Filter, Writer};
use tokio::runtime::Runtime;
use world::World;

/// What a gate that was killed left behind.
#[derive(Debug, Default)]
pub struct Left {
    /// Messages that the next start will find in the queue.
    pub queued: BTreeSet<String>,
    /// A checkpoint was being written.
    pub checkpoint: bool,
    /// The last record of the log moves a letter.
    pub moved: bool,
    /// Files of large messages that no record knows yet.
    pub drafts: u64,
    /// Octets behind the last record that counts.
    pub torn: u64,
    /// What cannot be read.
    pub damaged: Vec<String>,
}

/// Looks at a copy, for the next start is not to find what we tidied up.
pub fn look(spool: &Path, runtime: &Runtime) -> Left {
    let copy = tempfile::tempdir().unwrap();
    let mut left = Left::default();
    for name in names(spool) {
        left.checkpoint |= name.ends_with(".unfinished");
        fs::copy(spool.join(&name), copy.path().join(&name)).unwrap();
    }
    let mut log = Log::new(copy.path());
    while log.follow().is_some() {}
    left.moved = log.last == Some(Kind::Moved);
    let config = Config {
        keep_free_octets: 0,
        ..Config::new(copy.path())
    };
    runtime.block_on(async {
        let spool = spool::open(config, &World::real(), Writer::Thread).unwrap();
        let listed = spool.view.list(&Filter::default(), usize::MAX);
        left.queued = listed.into_iter().map(|line| line.id.to_string()).collect();
        left.drafts = spool.report.abandoned_files;
        left.torn = spool.report.unfinished_octets;
        left.damaged = spool
            .report
            .damaged
            .iter()
            .map(|damage| format!("{damage:?}"))
            .collect();
        spool.closer.close().await;
    });
    left
}

/// Names of the ordinary files there.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Whether a checkpoint is being written at this moment.
pub fn writes_checkpoint(spool: &Path) -> bool {
    names(spool).iter().any(|name| name.ends_with(".unfinished"))
}

/// A record, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Moved,
    Other,
}

/// The newest segment, read record by record while it grows.
pub struct Log {
    folder: PathBuf,
    segment: Option<(PathBuf, File)>,
    nonce: [u8; 8],
    at: u64,
    /// The last record that was seen.
    pub last: Option<Kind>,
}

/// Where the first record of a segment is.
const RECORDS: u64 = 1024;

impl Log {
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            segment: None,
            nonce: [0; 8],
            at: RECORDS,
            last: None,
        }
    }

    /// The next record, if there is one already.
    pub fn follow(&mut self) -> Option<Kind> {
        let newest = self.newest()?;
        if self.segment.as_ref().is_none_or(|(path, _)| *path != newest) {
            let file = File::open(&newest).ok()?;
            file.read_exact_at(&mut self.nonce, 24).ok()?;
            (self.segment, self.at) = (Some((newest, file)), RECORDS);
        }
        let (_, file) = self.segment.as_ref()?;
        let mut header = [0; 40];
        file.read_exact_at(&mut header, self.at).ok()?;
        if header[..4] != [0x50, 0x43, 0x52, 0xa5] || header[8..16] != self.nonce {
            return None;
        }
        let number = |at: usize| u64::from(u32::from_le_bytes(header[at..at + 4].try_into().unwrap()));
        self.at += 40 + number(20) + number(24);
        self.last = Some(if header[4] == 2 { Kind::Moved } else { Kind::Other });
        self.last
    }

    fn newest(&self) -> Option<PathBuf> {
        let segments = names(&self.folder)
            .into_iter()
            .filter(|name| name.ends_with(".segment"));
        let newest = segments.max_by_key(|name| name.get(9..17).map(str::to_owned));
        newest.map(|name| self.folder.join(name))
    }
}

/// Ids of messages that the ledger in this folder says were accepted.
pub fn accepted(ledger: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let files = fs::read_dir(ledger).unwrap().map(|file| file.unwrap().path());
    // Indexes lie beside the files.
    for file in files.filter(|path| path.extension().is_some_and(|end| end == "jsonl")) {
        let text = fs::read_to_string(file).unwrap();
        for line in text.lines().filter(|line| line.contains("\"data.accept\"")) {
            let id = line
                .split_once("\"qid\":\"")
                .and_then(|(_, rest)| rest.split('"').next());
            ids.extend(id.map(str::to_owned));
        }
    }
    ids
}
