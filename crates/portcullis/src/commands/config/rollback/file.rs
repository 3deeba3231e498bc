//! The configuration file, with another text and the former one beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};

/// A file that was written anew.
pub(super) struct Rewritten {
    file: PathBuf,
    backup: PathBuf,
}

impl Rewritten {
    /// Writes it: whole, under its own name only when it is on disk, with the owner and the mode it had. Where it is a
    /// link, what it leads to is written.
    pub(super) fn write(file: &Path, text: &str) -> io::Result<Self> {
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let former = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let backup = free_name(&file)?;
        write_whole(&backup, &former, &file)?;
        write_whole(&file, text.as_bytes(), &file)?;
        Ok(Self { file, backup })
    }

    /// Where the former text lies.
    pub(super) fn backup(&self) -> &Path {
        &self.backup
    }

    /// The former text, as if nothing had been.
    pub(super) fn put_back(self) -> io::Result<()> {
        fs::rename(&self.backup, &self.file)?;
        sync_folder(&self.file)
    }
}

/// What was put aside before stays.
fn free_name(file: &Path) -> io::Result<PathBuf> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    for number in 1..10_000 {
        let suffix = match number {
            1 => String::new(),
            more => format!(".{more}"),
        };
        let backup = file.with_file_name(format!("{name}.before-rollback{suffix}"));
        if !backup.exists() {
            return Ok(backup);
        }
    }
    Err(io::Error::other("there are ten thousand former files beside it"))
}

fn write_whole(path: &Path, octets: &[u8], like: &Path) -> io::Result<()> {
    let like = fs::metadata(like).ok();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let half = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&half)?;
    let written = out
        .write_all(octets)
        .and_then(|()| match &like {
            Some(like) => {
                // Only root may give a file away; for everybody else it is their own already, or stays so.
                let _ = chown(&half, Some(like.uid()), Some(like.gid()));
                fs::set_permissions(&half, like.permissions())
            }
            None => Ok(()),
        })
        .and_then(|()| out.sync_all())
        .and_then(|()| fs::rename(&half, path));
    if written.is_err() {
        // What is left of it is in nobody's way.
        let _ = fs::remove_file(&half);
    }
    written?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
