//! The back gate.

mod destination;
pub mod outcome;
mod pool;
pub mod route;
pub mod schedule;
