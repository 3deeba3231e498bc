//! Programs of other people.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a program may run.
const LIMIT: Duration = Duration::from_secs(60);

/// What a program said.
pub struct Done {
    pub ok: bool,
    pub code: Option<i32>,
    pub out: String,
}

impl Done {
    /// Fails the test with what the program said, unless it succeeded.
    pub fn expect_ok(self, what: &str) -> String {
        assert!(self.ok, "{what} ended with {:?}:\n{}", self.code, self.out);
        self.out
    }

    /// Fails the test unless the program failed and said this.
    pub fn expect_refused(self, with: &str) -> String {
        assert!(!self.ok, "this should have been refused:\n{}", self.out);
        assert!(
            self.out.contains(with),
            "the refusal should say {with:?}:\n{}",
            self.out
        );
        self.out
    }
}

/// Whether a program is there. Where peers are required (as in CI) its absence fails the test; elsewhere it is said.
pub fn have(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = path.split(':').chain(["/usr/sbin", "/sbin"]);
    let found = places.into_iter().any(|place| Path::new(place).join(program).is_file());
    found || absent(&format!("{program} is not installed"))
}

/// Says that a test did not run, or fails it.
pub fn absent(why: &str) -> bool {
    assert!(
        std::env::var_os("PORTCULLIS_REQUIRE_PEERS").is_none(),
        "{why}, and PORTCULLIS_REQUIRE_PEERS is set"
    );
    eprintln!("DID NOT RUN: {why}");
    false
}

/// The folder of black-box scripts, where there is one.
pub fn blackbox() -> Option<PathBuf> {
    let folder = std::env::var_os("PORTCULLIS_BLACKBOX")
        .map(PathBuf::from)
        .filter(|folder| folder.is_dir());
    if folder.is_none() {
        eprintln!("DID NOT RUN: PORTCULLIS_BLACKBOX names no folder of black-box scripts");
    }
    folder
}

/// Runs a program to its end; all it says goes into one text.
pub fn run(command: &mut Command) -> Done {
    run_within(command, LIMIT)
}

pub fn run_within(command: &mut Command, limit: Duration) -> Done {
    let said = tempfile::NamedTempFile::new().unwrap();
    // Both streams go into one file, so both must append.
    let to = || Stdio::from(std::fs::File::options().append(true).open(said.path()).unwrap());
    let mut process = command.stdin(Stdio::null()).stdout(to()).stderr(to()).spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break Some(status);
        }
        if began.elapsed() > limit {
            let _ = process.kill();
            let _ = process.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let mut out = String::from_utf8_lossy(&std::fs::read(said.path()).unwrap()).into_owned();
    if status.is_none() {
        out.push_str(&format!("\n(ended by the test after {limit:?})"));
    }
    Done {
        ok: status.is_some_and(|status| status.success()),
        code: status.and_then(|status| status.code()),
        out,
    }
}

/// Runs a piece of Python; `arguments` are its `sys.argv[1:]`.
pub fn python(script: &str, arguments: &[&str]) -> Done {
    run(Command::new("python3").arg("-c").arg(script).args(arguments))
}
