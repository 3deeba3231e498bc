//! Octets nobody would send, for every reader of octets in the house.
//!
//! Responsible for: one function per reader, its [`TARGETS`]. Each takes any octets, feeds them to the reader, and panics
//! where the reader panics or where something is not true of what it said. The same functions are run in two ways:
//!
//! - **bounded**, in `tests/bounded.rs`: the committed corpus and a fixed number of its [mutations](mutate), the same
//!   ones each time; part of `make test`;
//! - **guided**, in `guided/`: libFuzzer, which keeps what reaches new code; `make fuzz`.
//!
//! Refuses to know: how inputs are found. What a run finds goes into `corpus/` under the name of its target, with a name
//! of its own that says what was wrong.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how a target says that it found something"
)]

mod bites;
mod certificate;
mod client;
mod config;
mod header;
mod ledger;
pub mod mutate;
mod notice;
mod oracle;
mod post;
mod proxy;
mod replies;
mod server;
mod spool;

/// One reader of octets.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its folder in `corpus/`, and of its run.
    pub name: &'static str,
    /// Feeds it these octets; panics where something is wrong.
    pub run: fn(&[u8]),
    /// Mutations in a bounded run: as many as take a second or two.
    pub bounded: u32,
    /// Octets of a mutation at most.
    pub octets_max: usize,
    /// Whether its inputs are text, so that mutations speak words.
    pub words: &'static [&'static [u8]],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "server",
        run: server::run,
        bounded: 1500,
        octets_max: 3000,
        words: server::WORDS,
    },
    Target {
        name: "client",
        run: client::run,
        bounded: 4000,
        octets_max: 2000,
        words: client::WORDS,
    },
    Target {
        name: "oracle",
        run: oracle::run,
        bounded: 20_000,
        octets_max: 600,
        words: oracle::WORDS,
    },
    Target {
        name: "header",
        run: header::run,
        bounded: 6000,
        octets_max: 3000,
        words: header::WORDS,
    },
    Target {
        name: "config",
        run: config::run,
        bounded: 300,
        octets_max: 20_000,
        words: config::WORDS,
    },
    Target {
        name: "proxy",
        run: proxy::run,
        bounded: 20_000,
        octets_max: 300,
        words: proxy::WORDS,
    },
    Target {
        name: "certificate",
        run: certificate::run,
        bounded: 10_000,
        octets_max: 2000,
        words: certificate::WORDS,
    },
    Target {
        name: "notice",
        run: notice::run,
        bounded: 1200,
        octets_max: 2000,
        words: notice::WORDS,
    },
    Target {
        name: "post",
        run: post::run,
        bounded: 4000,
        octets_max: 3000,
        words: post::WORDS,
    },
    Target {
        name: "ledger",
        run: ledger::run,
        bounded: 100,
        octets_max: 8000,
        words: ledger::WORDS,
    },
    Target {
        name: "spool-damage",
        run: spool::damage,
        bounded: 400,
        octets_max: 300,
        words: &[],
    },
    Target {
        name: "spool-forged",
        run: spool::forged,
        bounded: 400,
        octets_max: 300,
        words: &[],
    },
    Target {
        name: "spool-noise",
        run: spool::noise,
        bounded: 800,
        octets_max: 4000,
        words: spool::WORDS,
    },
];

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
