//! The front gate: listeners, sessions, fact gathering, and the one table from verdict to reply.
//!
//! Responsible for: who may stand at the doors ([`Doors`]), one session from its first question to its last
//! ([`session`](self)), the login exchange, and the words of every refusal ([`reply`]).
//!
//! Refuses to know: the registry of grants, the spool, and anything about where mail goes. What it learns goes through
//! [`admission`], and the letter goes on there.

mod doors;
mod errand;
mod listener;
mod login;
mod names;
pub mod reply;
mod session;
mod shown;

pub use doors::{Aside, ClientLimits, Doors, DoorsConfig, Place, Standing, TurnedAway};
pub use errand::Errand;
pub use listener::{Gate, ListenerConfig, Listening, bind};
