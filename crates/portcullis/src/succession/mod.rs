//! One gate follows another without a closed door between them.
//!
//! The successor asks the gate that runs for its listening sockets, over the control socket, and accepts from them
//! while that one still does. Only when it serves does it say so; from then on the predecessor accepts nobody, lets its
//! sessions and deliveries end, and is gone. Until that word the predecessor has changed nothing: a successor that
//! cannot start costs nothing but a line in the log.
//!
//! ```text
//! successor                                   predecessor
//!   hand-over (who I am)          ->            serves
//!                                 <-  sockets, what is suspended
//!   reads, opens, listens                       serves
//!   relieve (grace)               ->            stops accepting
//!                                 <-  done
//!   takes the control socket's name             sessions end; deliveries end; exit
//!   adopts what it left in the queue
//! ```
//!
//! Refuses to know: what a session says and what is in the queue.

mod child;
mod handing;
mod predecessor;
mod sockets;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use handing::send_with;
pub use handing::{Handing, Relief, Succession, Successor};
pub use predecessor::{Predecessor, Relieved, TakeOverError, Voice};
pub use sockets::Sockets;

/// How long the sessions of a gate that was relieved may go on, unless the successor says otherwise.
pub const GRACE: Duration = Duration::from_secs(300);

/// Where a gate stands in the succession.
#[derive(Clone, Default)]
pub struct Place {
    /// The sockets it listens on, where they can be handed on.
    pub sockets: Option<Arc<Sockets>>,
    /// How its successor is started.
    pub program: Option<Program>,
}

/// How a successor is started: as this gate was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The file to run, by the path it was started from: that is where a package puts the next one.
    pub binary: PathBuf,
    /// The configuration.
    pub config: PathBuf,
    /// Where this gate is reached.
    pub control: PathBuf,
}
