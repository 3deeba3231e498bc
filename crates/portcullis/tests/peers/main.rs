//! The built program among its neighbours: real clients in front of it, real servers behind it.
//!
//! One file per kind of neighbour; `house` starts the gate and everything around it. A program that is not installed
//! is said and passed over, unless `PORTCULLIS_REQUIRE_PEERS` is set, as in CI.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, missing_docs, unreachable_pub)]

mod certificates;
mod clients;
mod directory;
mod endurance;
mod entrances;
mod house;
mod large;
mod limits;
mod mx;
mod postfix;
mod scram;
mod scripts;
mod smart_host;
mod tokens;
