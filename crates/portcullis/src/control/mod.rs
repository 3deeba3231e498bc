//! The control socket: how the commands of an operator reach a running gateway.
//!
//! A unix socket in the spool's folder, for its owner alone (mode 0600). One request a line, as JSON; the answer is
//! some lines `{"item": ...}` and one last line `{"done": ...}` or `{"refused": "why"}`. The file system says who may
//! connect; what they change is testified to with the user id the kernel vouches for.
//!
//! Refuses to know: SMTP and judgement. What judgement holds back, or set aside, it frees only with a new permit.

mod changes;
mod client;
mod desk;
mod handing;
mod protocol;
mod release;
#[cfg(test)]
pub(crate) mod rig;
mod serve;
mod socket;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use client::{Answer, AskError, ask};
pub use desk::{Desk, Registering, RegistryWish, Reload, SelfTest, Shadowing, Storage};
pub use protocol::{Act, Asked, Listing, Mail, Recipient, Request, Seen, SeenAs, Select, WordsError};
pub use serve::{serve, serve_at};
pub use socket::{Prepared, Socket};

/// Asks a gateway of this process, as [`ask`] does over its socket; for simulated worlds, which have no sockets. User id 0
/// stands for whoever runs the simulation.
///
/// # Errors
/// See [`AskError`].
pub async fn ask_here(desk: &Desk, request: Request) -> Result<Answer, AskError> {
    let broken = |error| AskError::Broken(PathBuf::new(), error);
    let lines = serve::answer_in_memory(desk, 0, request).await.map_err(broken)?;
    client::read(lines.as_slice()).map_err(broken)?
}

/// Tells what the ledger's files alone know of an id; for when no gateway runs. Blocks.
///
/// # Errors
/// In words: nothing is known of it, or the ledger cannot be read.
pub fn trace_files(reader: &ledger::Reader, id: &str) -> Result<crate::story::Tale, String> {
    desk::trace(reader, &desk::message_named(reader, id)?, None)
}

/// Where the gateway of this spool is reached.
#[must_use]
pub fn path(spool_dir: &Path) -> PathBuf {
    spool_dir.join("control.sock")
}
