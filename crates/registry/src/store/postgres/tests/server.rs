//! A PostgreSQL of our own: in a folder that goes with it, on a socket there and no port, as nobody.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The user and group `nobody`: the server refuses to run as root.
const NOBODY: u32 = 65_534;
/// Lives as long as somebody holds its input open, and takes the server with it: a test that is killed leaves nothing.
const KEEPER: &str = r#""$@" & server=$!; read -r _; kill -INT "$server"; wait "$server""#;

pub(super) struct Server {
    folder: tempfile::TempDir,
    keeper: Child,
    held: Option<ChildStdin>,
}

impl Server {
    /// `None` where PostgreSQL is not installed; that is said, and is a failure where peers are demanded.
    pub(super) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            let what = "PostgreSQL is not installed (tools/install-test-deps.sh): this was not tested";
            assert!(std::env::var_os("PORTCULLIS_REQUIRE_PEERS").is_none(), "{what}");
            eprintln!("{what}");
            return None;
        };
        // The path of a socket is short, whatever TMPDIR says.
        let folder = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
        let data = folder.path().join("data");
        if is_root(folder.path()) {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let made = command(&programs.join("initdb"), folder.path())
            .args([
                "--username=registry",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
            ])
            .arg("--pgdata")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut keeper = command(Path::new("/bin/sh"), folder.path())
            .args(["-c", KEEPER, "keeper"])
            .arg(programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args([
                "-c",
                "listen_addresses=",
                "-c",
                "fsync=off",
                "-c",
                "full_page_writes=off",
            ])
            .args(["-c", "max_connections=60", "-c", "shared_buffers=16MB"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let held = keeper.stdin.take();
        let mut said = BufReader::new(keeper.stderr.take().unwrap()).lines();
        let ready = said.any(|line| line.unwrap_or_default().contains("ready to accept connections"));
        assert!(ready, "the server did not start");
        // What else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || said.for_each(drop));
        Some(Self { folder, keeper, held })
    }

    /// Where a database is; `postgres` is there from the beginning.
    pub(super) fn url(&self, database: &str) -> String {
        let host = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://registry@{host}/{database}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ = self.keeper.wait();
    }
}

/// As nobody where we are root, in a folder that it may read.
fn command(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
    if folder.metadata().unwrap().uid() == NOBODY {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root(ours: &Path) -> bool {
    ours.metadata().unwrap().uid() == 0
}

/// Where the newest server's programs are.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    folders
        .into_iter()
        .rev()
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}
