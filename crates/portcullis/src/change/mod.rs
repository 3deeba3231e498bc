//! A change is judged before it serves: it is proven, and compared with what served last.
//!
//! [`judge`] is the one step, and pure but for the clock that times it: what served before, what is to serve, what is
//! remembered of former proofs; then either it [`Passed`] or it was [`Refused`], with a counterexample or the flows it
//! would open. The [`Keeper`] does the same with what lies in the state folder. Nothing here listens, and nothing here
//! makes anything serve.

mod judge;
mod keeper;
mod proofs;
mod served;
pub mod told;

pub use judge::{Former, Next, Passed, Proven, Refused, judge};
pub use keeper::{Decided, Keeper};
pub use proofs::{Proofs, Remembered, digest};
pub use served::Served;

use std::path::{Path, PathBuf};

/// The folder beside the queue in which is kept what has served.
#[must_use]
pub fn folder(spool: &Path) -> PathBuf {
    spool.join("configuration")
}
