//! The socket file: for its owner alone, one gateway at a time.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// A listening control socket; its file goes away with it.
pub struct Socket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// A control socket that nobody finds yet.
pub struct Prepared {
    listener: UnixListener,
    half: PathBuf,
    path: PathBuf,
}

impl Socket {
    /// Listens at `path`. A socket that nobody answers at is left over from a crash and is replaced.
    ///
    /// # Errors
    /// Another gateway answers there, or it cannot be bound.
    pub fn bind(path: &Path) -> io::Result<Self> {
        make_way(path)?;
        Self::prepare(path)?.publish()
    }

    /// Gets ready to listen at `path`, where another gateway still answers.
    ///
    /// # Errors
    /// It cannot be bound.
    pub fn prepare(path: &Path) -> io::Result<Prepared> {
        // Under its own name the socket appears only when its mode is right.
        let half = path.with_extension("new");
        match std::fs::remove_file(&half) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&half).map_err(|error| explain(path, error))?;
        std::fs::set_permissions(&half, std::fs::Permissions::from_mode(0o600))?;
        Ok(Prepared {
            listener,
            half,
            path: path.to_owned(),
        })
    }
}

impl Prepared {
    /// Takes the name, from whoever has it.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn publish(self) -> io::Result<Socket> {
        std::fs::rename(&self.half, &self.path)?;
        let inode = std::fs::symlink_metadata(&self.path)?.ino();
        Ok(Socket {
            listener: self.listener,
            path: self.path,
            inode,
        })
    }
}

fn make_way(path: &Path) -> io::Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        let text = format!(
            "{} is in the way of the control socket and is no socket; move it away",
            path.display()
        );
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match UnixStream::connect(path) {
        Ok(_) => {
            let text = format!("another gateway answers at {}; stop it first", path.display());
            Err(io::Error::new(io::ErrorKind::AddrInUse, text))
        }
        // The rename replaces it.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(error),
    }
}

fn explain(path: &Path, error: io::Error) -> io::Error {
    // The address of a unix socket holds 107 octets; a longer one is refused as invalid.
    if error.kind() == io::ErrorKind::InvalidInput {
        let text = format!(
            "{} is too long for a socket; give the spool a shorter folder",
            path.display()
        );
        return io::Error::new(io::ErrorKind::InvalidInput, text);
    }
    io::Error::new(error.kind(), format!("{} cannot be bound: {error}", path.display()))
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Another gateway may have replaced it meanwhile; then it is not ours to remove.
        if std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            // A file that stays is replaced at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
