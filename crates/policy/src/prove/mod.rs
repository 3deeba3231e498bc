//! Proof: every way judgement can go, and what is said of all of them.
//!
//! [`explore`] runs [`decide`](crate::decide) with a reader that forks at each question. Each path is a [`Cell`]: the
//! conjunction of what was answered on it. Answers agree with each other along a path, and together the cells hold
//! every message exactly once; so what is true of each cell is true of every message. A [`Witness`] is a concrete
//! message out of a cell; live judgement says of it what the cell says.

mod brancher;
mod cell;
mod names;
mod ranges;
mod region;
mod tables;
mod witness;

pub use brancher::Detail;
pub use cell::{Cell, From, Login, Pin, Seen, Witness};
pub use names::Names;
pub use ranges::Ranges;

use crate::decide::Decision;
use crate::snapshot::Snapshot;
use brancher::Brancher;
use tables::Tables;

/// Shows every cell of the snapshot's judgement with its decision, in a stable order.
pub fn explore(snapshot: &Snapshot, detail: Detail, visit: impl FnMut(&Cell, &Decision)) {
    explore_from(&Cell::everything(), snapshot, detail, visit);
}

/// As [`explore`], for the messages of `start` alone.
pub fn explore_from(start: &Cell, snapshot: &Snapshot, detail: Detail, mut visit: impl FnMut(&Cell, &Decision)) {
    let tables = Tables::of(snapshot);
    Brancher::new(snapshot, &tables, detail).walk(start, None, &mut visit);
}
