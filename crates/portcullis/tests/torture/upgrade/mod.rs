//! Another program takes the place of the one that runs, while mail goes on as if nothing had been.

mod deaths;
mod failures;
mod handover;
mod heirs;
mod knocking;
