//! Storage, with durability said aloud.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A file system. Every call blocks; rooms call it from threads of their own.
///
/// What a call promises: contents are durable after [`DiskFile::sync`] has *returned*; a name (created, renamed,
/// removed) is durable after [`Disk::sync_dir`] of its folder has returned. Nothing else is promised, and the simulated
/// disk keeps exactly this promise and no more.
pub trait Disk: Send + Sync + 'static {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>>;
    /// Renames within one folder, replacing what is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names of the files in a folder, sorted.
    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;
    /// Makes a folder and those above it; no error where it exists.
    fn create_dir(&self, folder: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;
    /// Octets that an unprivileged process may still write there.
    fn free_space(&self, folder: &Path) -> io::Result<u64>;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// It must exist; reading only.
    Read,
    /// It must exist; reading and writing.
    ReadWrite,
    /// It must exist; reading, and writing at its end alone. This is possible with files that are set to allow no more.
    Append,
    /// It must not exist; reading and writing. Mode 0600.
    CreateNew,
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Writes all of `parts`, one behind the other, from `offset` on.
    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()>;
    /// Reads at most `buffer.len()` octets; fewer only at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Makes the contents durable (`fdatasync`). After an error nothing written to this file may be trusted.
    fn sync(&self) -> io::Result<()>;
    /// Octets in the file.
    fn len(&self) -> io::Result<u64>;
    /// Cuts or extends the file.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Tries to take the file for this process alone; `false` where another holds it. Freed when the file is closed.
    fn try_lock(&self) -> io::Result<bool>;
    /// Whether the file has no octets.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// The file system of the operating system.
pub struct OsDisk;

/// Slices one `pwritev` takes (IOV_MAX of Linux); with more it fails and writes nothing.
const SLICES_MAX: usize = 1024;

impl Disk for OsDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn DiskFile>> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = OpenOptions::new();
        options.read(true).mode(0o600);
        match mode {
            OpenMode::Read => &mut options,
            OpenMode::ReadWrite => options.write(true),
            OpenMode::Append => options.append(true),
            OpenMode::CreateNew => options.write(true).create_new(true),
        };
        Ok(Box::new(options.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(PathBuf::from(entry.file_name()));
            }
        }
        names.sort();
        Ok(names)
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn free_space(&self, folder: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(folder)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl DiskFile for File {
    fn write_at(&self, offset: u64, parts: &[&[u8]]) -> io::Result<()> {
        let mut slices: Vec<io::IoSlice<'_>> = parts.iter().map(|part| io::IoSlice::new(part)).collect();
        let mut slices = slices.as_mut_slice();
        let mut at = offset;
        // An empty slice at the front would make a finished write look like one that got nowhere.
        io::IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let one_call = slices.get(..SLICES_MAX).unwrap_or(slices);
            match rustix::io::pwritev(self, one_call, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    at += written as u64;
                    io::IoSlice::advance_slices(&mut slices, written);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match FileExt::read_at(self, rest, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    fn try_lock(&self) -> io::Result<bool> {
        match rustix::fs::flock(self, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_slices_than_one_system_call_takes_are_all_written() {
        let folder = std::env::temp_dir().join(format!("portcullis-disk-{}", std::process::id()));
        OsDisk.create_dir(&folder).unwrap();
        let path = folder.join("many-slices");
        let octets: Vec<u8> = (0..3000u32).map(|n| (n % 251) as u8).collect();
        // Empty slices between them must not end the writing early.
        let parts: Vec<&[u8]> = octets.chunks(1).flat_map(|one| [one, &[]]).collect();
        let file = OsDisk.open(&path, OpenMode::CreateNew).unwrap();
        file.write_at(10, &parts).unwrap();
        let mut back = vec![0u8; 4000];
        let read = file.read_at(10, &mut back).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(back.get(..read), Some(octets.as_slice()));
    }
}
