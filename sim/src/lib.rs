//! Weather: whole gateways under seeded faults, judged by independent checkers.
//!
//! A run is a gateway as it is shipped, on a simulated clock, network and disk ([`world::sim`]), with clients of every
//! kind in front of it and peers with every bad habit behind it, while the weather takes away power, disk, names and
//! connections, the administration changes the rules and an operator the queue. Then the weather turns fine, virtual
//! days go by, and what happened is judged. Everything follows from the seed: the same seed, built from the same commit,
//! gives the same run, line by line.
//!
//! | to read | |
//! |---|---|
//! | [`town`] | who lives here: the rules, as plain values |
//! | [`papers`] | the configuration that is written from them |
//! | [`clients`], [`peers`], [`names`] | those around the gateway; none of them uses its code |
//! | [`weather`] | what goes wrong, and when |
//! | [`process`] | a fence around each life of the gateway, so that it can be killed |
//! | [`house`] | the gateway's lives |
//! | [`chronicle`] | what everybody saw |
//! | [`checks`] | the four checkers: no loss, no relay without basis, no unexplained duplicate, ledger complete |
//! | [`marks`] | which states and faults were met |
//! | [`mod@run`] | one run, from the seed to the findings |
//!
//! Refuses to know: how the gateway does its work. The checkers read what clients and peers saw and what the gateway left
//! on its disk; where they judge, they judge by rules of their own.

pub mod checks;
pub mod chronicle;
pub mod clients;
pub mod dice;
pub mod house;
pub mod marks;
pub mod names;
pub mod papers;
pub mod peers;
pub mod process;
pub mod run;
pub mod town;
pub mod weather;
