//! The binary's own room: configuration, identities, wiring and commands.
//!
//! Responsible for: reading what an operator wrote and saying everything that is wrong with it at once; giving each
//! room its finished settings; the identities that stand in the file; and the commands of `portcullis`.
//!
//! Refuses to know: how mail is spoken, judged, stored or delivered. It puts the rooms together and nobody imports it.
//!
//! The letter's whole way is wired in [`gateway`].

pub mod answers;
pub mod change;
pub mod commands;
pub mod config;
pub mod control;
pub mod demo;
pub mod drill;
pub mod gateway;
pub mod generations;
mod header_words;
pub mod health;
pub mod http;
pub mod identities;
pub mod journal;
pub mod kept;
pub mod metrics;
pub mod recollection;
pub mod registrar;
pub mod replay;
pub mod selftest;
pub mod shadow;
pub mod signals;
pub mod sink;
mod slip;
pub mod story;
pub mod succession;
pub mod supervisor;
pub mod troubles;
pub mod uses;
pub mod version;
pub mod why;
pub mod witness;
