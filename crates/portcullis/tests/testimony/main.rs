//! The built program and what is left of its testimony: anchors of it in a second place, what is removed when it is old, and what is
//! held.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    dead_code
)]

mod anchors;
#[path = "../generations/gate.rs"]
mod gate;
mod holds;
mod pruning;
