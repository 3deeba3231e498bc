//! A gate of a test's own: the built program, a configuration and a folder of its own, free ports, ended by its id.
//!
//! Real time passes here, because the neighbours are real programs. Everything waits for what it wants to see, with a
//! limit after which the test fails and shows what the program logged.
#![allow(dead_code, unused_imports, unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

mod gate;
mod issuer;
mod outside;
mod pki;
mod postfix;
mod programs;
mod settings;
mod slapd;

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

pub use gate::{Gate, Plan, Ports, binary, end};
pub use issuer::{ISSUER, Issuer};
pub use outside::{Outside, Sink};
pub use pki::Authority;
pub use postfix::Postfix;
pub use programs::{Done, absent, blackbox, have, python, run, run_within};
pub use slapd::Slapd;

/// How long anything may take that does not involve a pause of somebody's.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The password of the grant `erp`.
pub const PASSWORD: &str = "correct-horse-9";

/// Waits until `look` finds something.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// The same, no longer than `patience`.
pub fn eventually_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < patience, "waited {patience:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The last day of a grant: half a year from now.
pub fn until() -> String {
    let day = jiff::Zoned::now().date().saturating_add(jiff::Span::new().days(180));
    day.to_string()
}

/// A message with a header and a body that no hop may change: dots at line starts, trailing blanks, a long line.
pub fn letter(from: &str, to: &str, subject: &str) -> String {
    let body = format!(
        ".one dot\r\n..two dots\r\n.\tdot and tab\r\ntrailing blanks  \r\n{}\r\n\r\nFrom the end",
        "x".repeat(900)
    );
    format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
         Message-ID: <{subject}@example.edu>\r\n\r\n{body}\r\n"
    )
}

/// Whether a message arrived as it was sent, behind the header lines that were added on the way.
pub fn arrived_whole(arrived: &[u8], sent: &str) {
    let arrived = String::from_utf8_lossy(arrived);
    assert!(arrived.ends_with(sent), "--- arrived:\n{arrived}\n--- sent:\n{sent}");
    let added = &arrived[..arrived.len() - sent.len()];
    assert!(added.starts_with("Received: "), "our trace comes first: {added}");
}

/// Writes a file that only we may read.
pub fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
