//! The key by which logins that do not exist get a salt of their own.
//!
//! It outlives the process: were it made anew at each start, who asks before and after would see the salt of a login that
//! does not exist change, and that of one that does stay.

use std::io;
use std::path::Path;

use world::{Disk, OpenMode, Rng};

/// The file, beside the queue.
pub const SALT_KEY: &str = "logins.key";

/// Reads the key that lies in `folder`, or makes one there.
pub fn salt_key(disk: &dyn Disk, folder: &Path, rng: &dyn Rng) -> io::Result<[u8; 32]> {
    let path = folder.join(SALT_KEY);
    let mut key = [0; 32];
    let file = match disk.open(&path, OpenMode::CreateNew) {
        Ok(file) => {
            rng.fill(&mut key);
            file.write_at(0, &[&key])?;
            file.sync()?;
            disk.sync_dir(folder)?;
            return Ok(key);
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => disk.open(&path, OpenMode::Read)?,
        Err(error) => return Err(error),
    };
    if file.read_at(0, &mut key)? == key.len() {
        Ok(key)
    } else {
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the key is cut short; remove the file",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use world::{OsDisk, SystemRng};

    #[test]
    fn the_key_is_made_once_and_read_from_then_on() {
        let folder = tempfile::tempdir().unwrap();
        let made = salt_key(&OsDisk, folder.path(), &SystemRng).unwrap();
        assert_eq!(salt_key(&OsDisk, folder.path(), &SystemRng).unwrap(), made);
        assert_ne!(made, [0; 32]);
        std::fs::write(folder.path().join(SALT_KEY), b"short").unwrap();
        assert!(salt_key(&OsDisk, folder.path(), &SystemRng).is_err());
    }
}
