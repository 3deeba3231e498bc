//! Fills a registry with many varied cases and measures what a gate waits for.
//!
//!     cargo run --release -p registry --example fill -- 10000 [FILE | postgresql://...]

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a bench for people"
)]

#[path = "../tests/many/university.rs"]
mod university;

use std::path::Path;
use std::time::Instant;

use policy::prove::prove;
use registry::{Desk, PostgresOptions, PostgresStore, SqliteStore, Store};
use university::{NOW, after, fill, rules, snapshot};

fn open(place: Option<&str>) -> Box<dyn Store> {
    match place {
        None => Box::new(SqliteStore::in_memory().unwrap()),
        Some(url) if url.contains("://") => {
            Box::new(PostgresStore::connect(PostgresOptions::read(url).unwrap()).unwrap())
        }
        Some(file) => Box::new(SqliteStore::open(Path::new(file)).unwrap()),
    }
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    println!("{what:<42} {:>9.3} s", began.elapsed().as_secs_f64());
    done
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let cases = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let place = arguments.next();
    let mut desk = Desk::new(open(place.as_deref()), rules(cases));
    let grants = timed("every case goes its way", || fill(&mut desk, cases));
    println!("{cases} cases, {grants} grants");
    timed("every case, read", || desk.store().list(None).unwrap());
    desk.set_rules(rules(cases));
    timed("every grant, of a gate that begins", || desk.grants(NOW).unwrap());
    timed("every grant, where nothing has changed", || desk.grants(NOW).unwrap());
    timed("a tick in which nothing is due", || desk.tick(after(1)).unwrap());
    let snapshot = timed("indexed for judgement", || snapshot(&mut desk));
    let proof = timed("proven", || prove(&snapshot, Some(NOW)));
    println!("{} cells, may serve: {}", proof.cells, proof.may_serve());
}
