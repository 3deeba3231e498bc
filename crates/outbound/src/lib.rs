//! The back gate: from the spool to destinations.
//!
//! Responsible for: leasing what is due; finding the next hop ([`route`]); how many deliveries a destination gets at a
//! time and when it is left alone; connections and the TLS that a route asks for; what a reply means for each recipient
//! ([`outcome`]); when it is tried again and when it is given up ([`schedule`]); telling senders ([`NoticeDesk`]).
//!
//! Refuses to know: how the letter came in and why it was accepted, how SMTP is spoken, how messages and notices are
//! stored. It holds the spool's `Dispatch` and can therefore store nothing: its own notices go through the desk, to
//! `admission`.
//!
//! ```text
//! spool --lease--> worker --group by next hop--> delivery --line--> wire --> next hop
//!   ^                                               |
//!   \-- settlement <-- notice (durable first) <-- verdicts
//! ```
//!
//! The letter leaves the house here. What remains is testimony, which a [`Watcher`] hears.

mod body;
mod call;
mod config;
mod control;
mod delivery;
mod desk;
mod destination;
mod gate;
mod notice;
pub mod outcome;
mod pool;
mod report;
pub mod route;
pub mod schedule;
mod settle;
mod sorting;
mod worker;

pub use config::{Config, Ports};
pub use control::Control;
pub use desk::{NoticeDesk, NoticeRefused};
pub use destination::Concurrency;
pub use pool::Reuse;
pub use report::{Blind, Event, Report, Watcher};
pub use worker::Outbound;
