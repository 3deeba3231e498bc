//! The rows: what is measured, in which unit, and what is to be reached.

use crate::load::{Load, Sessions};
use crate::server::Contender;
use crate::throughput::{Then, Via};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name.
    pub work: &'static str,
    /// In words.
    pub says: &'static str,
    /// What its numbers count.
    pub unit: &'static str,
    /// What the design asks for.
    pub reach: &'static [Reach],
}

/// What the design asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reach {
    /// This many times what Postfix does.
    OfPostfix(f64),
    /// This part of the roof.
    OfRoof(f64),
    /// No more than this, in the row's unit.
    AtMost(f64),
}

const RATE: &str = "messages/s";
const CPU: &str = "CPU s per 1,000 messages";
const MILLISECONDS: &str = "ms";
const MEMORY: &str = "MiB";

const fn row(work: &'static str, says: &'static str, unit: &'static str, reach: &'static [Reach]) -> Row {
    Row {
        work,
        says,
        unit,
        reach,
    }
}

/// All rows, in the order of the table.
pub const ROWS: [Row; 23] = [
    row("accept-2k-1", "durable accept, 2 KB, 1 session", RATE, &[]),
    row(
        "accept-2k-20",
        "durable accept, 2 KB, 20 sessions",
        RATE,
        &[Reach::OfPostfix(6.0), Reach::OfRoof(0.7)],
    ),
    row("accept-2k-100", "durable accept, 2 KB, 100 sessions", RATE, &[]),
    row(
        "accept-100k-20",
        "durable accept, 100 KB, 20 sessions",
        RATE,
        &[Reach::OfRoof(0.7)],
    ),
    row(
        "accept-2k-20-reconnect",
        "a new connection per message, 2 KB, 20 at once",
        RATE,
        &[Reach::OfRoof(0.7)],
    ),
    row(
        "accept-2k-20-tls",
        "durable accept under STARTTLS, 2 KB, 20 sessions",
        RATE,
        &[],
    ),
    row(
        "relay-2k-20",
        "relay end to end, 2 KB, 20 sessions",
        RATE,
        &[Reach::OfPostfix(7.0)],
    ),
    row(
        "relay-100k-20",
        "relay end to end, 100 KB, 20 sessions",
        RATE,
        &[Reach::OfPostfix(2.0)],
    ),
    row(
        "latency-2k-p50",
        "one durable accept, 2 KB, half within",
        MILLISECONDS,
        &[Reach::AtMost(0.4)],
    ),
    row(
        "latency-2k-p99",
        "one durable accept, 2 KB, 99 of 100 within",
        MILLISECONDS,
        &[Reach::AtMost(0.7)],
    ),
    row(
        "cpu-accept-2k",
        "CPU of durable accepts, 2 KB",
        CPU,
        &[Reach::AtMost(0.12)],
    ),
    row("cpu-relay-2k", "CPU of relaying, 2 KB", CPU, &[Reach::AtMost(0.25)]),
    row(
        "idle-2000",
        "2,000 idle sessions after EHLO, all memory",
        MEMORY,
        &[Reach::AtMost(40.0)],
    ),
    row(
        "idle-10000",
        "10,000 idle sessions after EHLO, all memory",
        MEMORY,
        &[Reach::AtMost(150.0)],
    ),
    row(
        "queue-1m-memory",
        "1,000,000 queued messages of 1 KB, all memory",
        MEMORY,
        &[Reach::AtMost(500.0)],
    ),
    row(
        "queue-1m-restart",
        "start until 1,000,000 messages are served",
        "s",
        &[Reach::AtMost(10.0)],
    ),
    row(
        "decide-10000",
        "one judgement with 10,000 grants",
        "us",
        &[Reach::AtMost(3.0)],
    ),
    row("prove-100", "proving a configuration with 100 grants", "s", &[]),
    row("prove-1000", "proving a configuration with 1,000 grants", "s", &[]),
    row(
        "prove-10000",
        "proving a configuration with 10,000 grants",
        "s",
        &[Reach::AtMost(10.0)],
    ),
    row(
        "prove-one-grant",
        "proving one changed grant among 10,000, 99 of 100 within",
        MILLISECONDS,
        &[Reach::AtMost(50.0)],
    ),
    row(
        "ledger-cost",
        "how much less is accepted with the ledger than without, 2 KB, 20 sessions",
        "%",
        &[Reach::AtMost(10.0)],
    ),
    row(
        "why-10m",
        "`why` and `trace` over 10,000,000 events, the slowest kind of question",
        "s",
        &[Reach::AtMost(1.0)],
    ),
];

/// The row of this name.
pub fn find(work: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.work == work)
}

/// A load and the rows it fills.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// The row of its rates.
    pub rate: &'static str,
    /// The row of its CPU time.
    pub cpu: Option<&'static str>,
    /// What is sent.
    pub load: Load,
    /// What becomes of it.
    pub then: Then,
    /// Who sends it.
    pub via: Via,
}

impl Throughput {
    /// Whether this contender can do it: `smtp-sink` speaks no TLS.
    pub fn has(&self, contender: Contender) -> bool {
        self.via != Via::OwnTls || contender != Contender::Roof
    }
}

const fn load(octets: usize, sessions: usize, stay: Sessions) -> Load {
    Load { octets, sessions, stay }
}

const fn held(rate: &'static str, load: Load) -> Throughput {
    Throughput {
        rate,
        cpu: None,
        load,
        then: Then::Hold,
        via: Via::SmtpSource,
    }
}

const fn relayed(rate: &'static str, load: Load) -> Throughput {
    Throughput {
        then: Then::Relay,
        ..held(rate, load)
    }
}

/// The load on which both generators are shown to agree.
pub const AGREED: &str = "accept-2k-20";

/// All loads.
pub const THROUGHPUT: [Throughput; 8] = [
    held("accept-2k-1", load(2048, 1, Sessions::Stay)),
    Throughput {
        cpu: Some("cpu-accept-2k"),
        ..held(AGREED, load(2048, 20, Sessions::Stay))
    },
    held("accept-2k-100", load(2048, 100, Sessions::Stay)),
    held("accept-100k-20", load(102_400, 20, Sessions::Stay)),
    held("accept-2k-20-reconnect", load(2048, 20, Sessions::Reconnect)),
    Throughput {
        via: Via::OwnTls,
        ..held("accept-2k-20-tls", load(2048, 20, Sessions::Stay))
    },
    Throughput {
        cpu: Some("cpu-relay-2k"),
        ..relayed("relay-2k-20", load(2048, 20, Sessions::Stay))
    },
    relayed("relay-100k-20", load(102_400, 20, Sessions::Stay)),
];

/// Who takes part in a round, and in which order: everybody is first, second and third as often.
pub fn order(round: usize) -> [Contender; 3] {
    let mut order = [Contender::Roof, Contender::Portcullis, Contender::Postfix];
    order.rotate_left(round % 3);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_load_fills_rows_that_are_there() {
        for load in THROUGHPUT {
            assert!(find(load.rate).is_some_and(|row| row.unit == RATE), "{}", load.rate);
            assert!(load.cpu.is_none_or(|cpu| find(cpu).is_some_and(|row| row.unit == CPU)));
        }
    }
}
