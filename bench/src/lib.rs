//! Portcullis, Postfix and the roof, side by side on one machine.
//!
//! Responsible for: starting each of them in a folder of its own on one disk, giving them the same load in turn,
//! counting what arrived, and telling medians, ranges and ratios.
//!
//! Refuses to know: how Portcullis works. It is a program with a configuration file, like the other one; only
//! [`decide`] and [`prove`] look inside, as judgement has no door of its own, and [`testimony`], as ten million events
//! do not come in through one in time. [`gate`] puts rooms together without one of them.
//!
//! How a run goes is in [`runs`], what runs there are in [`rows`]. See `docs/performance.md` for what a number means.

pub mod decide;
pub mod gate;
pub mod generator;
pub mod load;
pub mod machine;
pub mod network;
pub mod portcullis;
pub mod postfix;
pub mod procs;
pub mod prove;
pub mod report;
pub mod rig;
pub mod rows;
pub mod runs;
pub mod server;
pub mod sink;
pub mod stats;
pub mod syncs;
pub mod testimony;
pub mod throughput;
