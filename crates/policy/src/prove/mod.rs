//! Proof: every way judgement can go, and what is said of all of them.
//!
//! [`explore`] runs [`decide`](crate::decide) with a reader that forks at each question. Each path is a [`Cell`]: the
//! conjunction of what was answered on it. Answers agree with each other along a path, and together the cells hold
//! every message exactly once; so what is true of each cell is true of every message. A [`Witness`] is a concrete
//! message out of a cell; live judgement says of it what the cell says.
//!
//! [`prove`] says of a snapshot which [`Property`] holds, and for each that does not a [`Breach`]: a counterexample told
//! as a [`Story`], the declaration that causes it, and what to do. What is meant is said apart, in
//! [`Intent`](crate::Intent).

mod always;
mod brancher;
mod cell;
mod change;
mod declared;
mod described;
mod flows;
mod names;
mod pairs;
mod proof;
mod property;
mod ranges;
mod region;
mod subject;
mod tables;
mod witness;
mod words;

pub use brancher::Detail;
pub use cell::{Cell, Certificate, From, Login, Seen, Witness};
pub use names::Names;
pub use proof::{ASSUMPTIONS, Proof, prove, prove_change, prove_watched};
pub use property::{Breach, Judged, Property, Severity, Story};
pub use ranges::Ranges;

use std::ops::ControlFlow;

use crate::decide::Decision;
use crate::snapshot::Snapshot;
pub(crate) use brancher::Brancher;
pub(crate) use change::Changed;
pub(crate) use names::Forms;
pub(crate) use property::ground_name;
pub(crate) use subject::Subject;
use tables::Tables;
pub(crate) use words::{Side, breadth, words};

/// Shows every cell of the snapshot's judgement with its decision, in a stable order.
pub fn explore(snapshot: &Snapshot, detail: Detail, visit: impl FnMut(&Cell, &Decision)) {
    explore_from(&Cell::everything(), snapshot, detail, visit);
}

/// As [`explore`], for the messages of `start` alone.
pub fn explore_from(start: &Cell, snapshot: &Snapshot, detail: Detail, mut visit: impl FnMut(&Cell, &Decision)) {
    let tables = Tables::of(snapshot);
    Brancher::new(snapshot, &tables, detail).walk(start, None, &mut |cell, decision| {
        visit(cell, decision);
        ControlFlow::Continue(())
    });
}
