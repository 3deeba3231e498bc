//! Small disks that a test may fill or break, and folders nobody may write to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::{Done, run};

/// A disk of a test's own; it is unmounted when dropped.
pub struct Mounted {
    folder: tempfile::TempDir,
    image: Option<tempfile::NamedTempFile>,
}

impl Mounted {
    /// A disk in memory. `None`, and said aloud, where mounting is not permitted.
    pub fn tmpfs(megabytes: usize) -> Option<Self> {
        let disk = Self {
            folder: tempfile::tempdir().unwrap(),
            image: None,
        };
        let size = format!("size={megabytes}m,mode=0777");
        disk.mount(&["-t", "tmpfs", "-o", &size, "none"])
    }

    /// A disk that survives being unmounted.
    pub fn ext4(megabytes: u64) -> Option<Self> {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(megabytes << 20).unwrap();
        let file = image.path().to_owned();
        let made = run(Command::new("/usr/sbin/mkfs.ext4")
            .args(["-q", "-E", "root_owner"])
            .arg(&file));
        if !made.ok {
            return skip("mkfs.ext4", &made);
        }
        let disk = Self {
            folder: tempfile::tempdir().unwrap(),
            image: Some(image),
        };
        disk.mount(&["-o", "loop", file.to_str().unwrap()])
    }

    fn mount(self, what: &[&str]) -> Option<Self> {
        let done = as_root("mount", &[what, &[self.path().to_str().unwrap()]].concat());
        if done.ok {
            Some(self)
        } else {
            skip("mounting is not permitted here", &done)
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the file system give up, as it does after an error of the disk: nothing can be written any more.
    pub fn abort(&self) {
        as_root("mount", &["-o", "remount,abort", self.path().to_str().unwrap()]);
        assert!(
            fs::write(self.path().join("probe"), b"x").is_err(),
            "the disk still takes writes"
        );
    }

    /// Mounts it again after it gave up; what is in it was checked.
    pub fn revive(&self) {
        let image = self.image.as_ref().unwrap().path().to_str().unwrap();
        let folder = self.path().to_str().unwrap();
        as_root("umount", &[folder]).expect_ok("umount");
        // Status 1: errors were corrected.
        let checked = as_root("e2fsck", &["-f", "-y", image]);
        assert!(matches!(checked.code, Some(0 | 1)), "{}", checked.out);
        as_root("mount", &["-o", "loop", image, folder]).expect_ok("mount");
    }

    /// Puts a file there that takes all room but this.
    pub fn fill(&self, leave: u64) -> PathBuf {
        let filler = self.path().join("filler");
        let stat = rustix_free(self.path());
        fs::write(
            &filler,
            vec![0x55; usize::try_from(stat.saturating_sub(leave)).unwrap()],
        )
        .unwrap();
        filler
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        as_root("umount", &["-l", self.path().to_str().unwrap()]);
    }
}

fn rustix_free(folder: &Path) -> u64 {
    world::Disk::free_space(&world::OsDisk, folder).unwrap()
}

fn skip<T>(why: &str, done: &Done) -> Option<T> {
    eprintln!("DID NOT RUN: {why}: {}", done.out.trim());
    None
}

/// Runs a program as root, if we are or may be.
fn as_root(program: &str, arguments: &[&str]) -> Done {
    let root = fs::metadata("/proc/self").is_ok_and(|this| std::os::unix::fs::MetadataExt::uid(&this) == 0);
    let mut command = if root {
        Command::new(program)
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", program]);
        sudo
    };
    run(command.args(arguments).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
}

/// A folder in which nothing can be made, renamed or removed, root or not, until this is dropped.
pub struct Locked {
    folder: PathBuf,
}

impl Locked {
    /// `None`, and said aloud, where that cannot be done.
    pub fn new(folder: &Path) -> Option<Self> {
        let done = as_root("chattr", &["+i", folder.to_str().unwrap()]);
        if !done.ok {
            return skip("this folder cannot be made read-only", &done);
        }
        Some(Self {
            folder: folder.to_owned(),
        })
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        as_root("chattr", &["-i", self.folder.to_str().unwrap()]);
    }
}
