//! The rows: what is measured, in which unit, and what is to be reached.

use crate::load::{Load, Sessions};
use crate::server::Contender;
use crate::throughput::Then;

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
pub const ROWS: [Row; 17] = [
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
];

/// The row of this name.
pub fn find(work: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.work == work)
}

/// A load of `smtp-source` and the rows it fills.
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
}

const fn load(octets: usize, sessions: usize, stay: Sessions) -> Load {
    Load { octets, sessions, stay }
}

/// All loads of `smtp-source`.
pub const THROUGHPUT: [Throughput; 7] = [
    Throughput {
        rate: "accept-2k-1",
        cpu: None,
        load: load(2048, 1, Sessions::Stay),
        then: Then::Hold,
    },
    Throughput {
        rate: "accept-2k-20",
        cpu: Some("cpu-accept-2k"),
        load: load(2048, 20, Sessions::Stay),
        then: Then::Hold,
    },
    Throughput {
        rate: "accept-2k-100",
        cpu: None,
        load: load(2048, 100, Sessions::Stay),
        then: Then::Hold,
    },
    Throughput {
        rate: "accept-100k-20",
        cpu: None,
        load: load(102_400, 20, Sessions::Stay),
        then: Then::Hold,
    },
    Throughput {
        rate: "accept-2k-20-reconnect",
        cpu: None,
        load: load(2048, 20, Sessions::Reconnect),
        then: Then::Hold,
    },
    Throughput {
        rate: "relay-2k-20",
        cpu: Some("cpu-relay-2k"),
        load: load(2048, 20, Sessions::Stay),
        then: Then::Relay,
    },
    Throughput {
        rate: "relay-100k-20",
        cpu: None,
        load: load(102_400, 20, Sessions::Stay),
        then: Then::Relay,
    },
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
