//! The built program under a load, while what it stands on is taken away: its life, its disk, its room.
//!
//! `traced` proves from system calls that a 250 follows the sync that covers it. `killed` ends the program at random
//! moments and counts what becomes of each message by its number. `upgrade` puts another program in its place. `faults`
//! takes the room on its disk away. What is simulated instead, at every single operation, is in the room `spool`.
//!
//! `PORTCULLIS_BINARY` names another binary to torture, as a release; `PORTCULLIS_LONG` lets it be killed more
//! often; `PORTCULLIS_SEED` says by which dice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../peers/house/mod.rs"]
mod house;

mod account;
mod faults;
mod folder;
mod killed;
mod letters;
mod load;
mod mounts;
mod order;
mod progress;
mod receiver;
mod syscalls;
mod traced;
mod upgrade;
