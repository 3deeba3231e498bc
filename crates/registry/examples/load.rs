//! How long a gate takes to read its registry when it starts, and to read one change later.
//!
//! `cargo run --release -p registry --example load -- 5000` measures over SQLite in a file; with
//! `postgresql://...` behind it, in that database, which has to be empty. Each turn opens the store anew and does what a
//! gate does: reads every case and its credentials, makes grants of them, and builds the index that judgement reads.
#![expect(clippy::print_stdout, reason = "it measures, and says what")]

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::{Duration, Instant};

use mail::{DomainPattern, Timestamp};
use policy::{
    Generation, Listener, Organisation, Place, Recipients, Role as Door, Route, Rulebook, Snapshot, Ungranted,
};
use registry::{
    Actor, Calendar, CaseId, Contact, Desk, Event, Form, Network, PostgresOptions, PostgresStore, Role, Rules,
    SqliteStore, Store, StoreError, Terms, Volume, Widest,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Cases kept in one transaction.
const TOGETHER: usize = 250;
const TURNS: usize = 9;

fn main() -> Outcome<()> {
    let mut words = std::env::args().skip(1);
    let grants: u32 = words.next().ok_or("how many grants?")?.parse()?;
    match words.next() {
        Some(url) => measure("PostgreSQL", grants, &|| {
            Ok(Box::new(PostgresStore::connect(PostgresOptions::read(&url)?)?))
        }),
        None => {
            let folder = tempfile::tempdir_in(".")?;
            let file = folder.path().join("registry.sqlite");
            measure("SQLite", grants, &|| open(&file))
        }
    }
}

type Open<'a> = &'a dyn Fn() -> Outcome<Box<dyn Store>>;

fn open(file: &Path) -> Outcome<Box<dyn Store>> {
    let store: Result<SqliteStore, StoreError> = SqliteStore::open(file);
    Ok(Box::new(store?))
}

fn measure(what: &str, grants: u32, open: Open<'_>) -> Outcome<()> {
    let began = Instant::now();
    fill(grants, open)?;
    println!(
        "{what}: {grants} grants imported in {:.2} s",
        began.elapsed().as_secs_f64()
    );
    let (mut starts, mut changes) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let began = Instant::now();
        let mut desk = Desk::new(open()?, rules()?);
        let read = load(&mut desk)?;
        starts.push(began.elapsed());
        if read != grants as usize {
            return Err(format!("{read} of {grants} grants were read").into());
        }
        change(open)?;
        let began = Instant::now();
        load(&mut desk)?;
        changes.push(began.elapsed());
    }
    println!("{what}: a start reads them in {}", told(starts));
    println!(
        "{what}: one change is read, and the index built anew, in {}",
        told(changes)
    );
    Ok(())
}

/// What a gate reads, and what judgement then reads of it; how many grants there are.
fn load(desk: &mut Desk<Box<dyn Store>>) -> Outcome<usize> {
    let grants = desk.grants(NOW)?;
    desk.store().live_credentials(NOW)?;
    desk.store().pinned()?;
    let read = grants.len();
    let place = Place { line: 1 };
    let book = Rulebook {
        organisation: organisation()?,
        listeners: vec![Listener {
            name: "devices".into(),
            role: Door::Relay,
            zone: None,
            ungranted: Ungranted::Deny,
            place,
        }],
        routes: vec![Route {
            name: "central".into(),
            domains: organisation()?.domains,
            recipients: Recipients::Any,
            place,
        }],
        grants,
        ..Rulebook::default()
    };
    let snapshot = Snapshot::build(book, Generation(1), 1).map_err(|why| format!("{why:?}"))?;
    drop(std::hint::black_box(snapshot));
    Ok(read)
}

/// One grant is suspended and reinstated, by somebody else.
fn change(open: Open<'_>) -> Outcome<()> {
    let mut desk = Desk::new(open()?, rules()?);
    let id = CaseId(1001);
    let (reason, conditions) = ("a change".into(), "none".into());
    desk.act(id, &Event::Suspend { reason }, &admin(), NOW)?;
    desk.act(id, &Event::Reinstate { conditions }, &admin(), NOW)?;
    Ok(())
}

fn fill(grants: u32, open: Open<'_>) -> Outcome<()> {
    let mut desk = Desk::new(open()?, rules()?);
    let forms: Vec<Form> = (0..grants).map(form).collect();
    for together in forms.chunks(TOGETHER) {
        let all: Vec<(&str, &Form, bool)> = together.iter().map(|form| ("default", form, false)).collect();
        desk.import_all(&all, NOW.plus(DAY * 90), &admin(), NOW)
            .map_err(|not| not.why)?;
    }
    Ok(())
}

fn admin() -> Actor {
    Actor::human("relay@example.edu", Role::Admin)
}

fn domain() -> Outcome<DomainPattern> {
    DomainPattern::parse("example.edu").map_err(|why| format!("{why}").into())
}

fn organisation() -> Outcome<Organisation> {
    Ok(Organisation {
        name: "Example University".to_owned(),
        domains: vec![domain()?],
        networks: vec!["10.0.0.0/8".parse()?],
        ..Organisation::default()
    })
}

fn rules() -> Outcome<Rules> {
    Ok(Rules {
        domains: vec![domain()?],
        terms: Terms::default(),
        calendar: Calendar::default(),
        network: Network {
            own: vec!["10.0.0.0/8".parse()?],
            ..Network::default()
        },
        widest: Widest::default(),
        device_zone: None,
        gaps: Vec::new(),
        ..Rules::default()
    })
}

/// A third log in, the others are known by their addresses.
fn form(number: u32) -> Form {
    let contact = |name: &str| Contact {
        name: name.to_owned(),
        email: format!("{name}@example.edu"),
    };
    let by_login = number.is_multiple_of(3);
    Form {
        requestor: contact("ann"),
        technical: contact("tom"),
        owner: contact("olga"),
        department: "Chemistry".to_owned(),
        device: "copier".to_owned(),
        address: IpAddr::from(Ipv4Addr::from_bits(0x0a01_0000 + number)).to_string(),
        host: format!("copier{number}.example.edu"),
        senders: vec![format!("scan{number}@example.edu")],
        recipients: vec!["any".to_owned()],
        volume: Volume {
            per_day: 40,
            per_hour: 10,
            octets: 20_000_000,
        },
        authentication: if by_login { "password" } else { "none" }.to_owned(),
        tls: if by_login { "1.2" } else { "none" }.to_owned(),
        purpose: "scans to mail".to_owned(),
        ..Form::default()
    }
}

/// `0.123 s (0.110-0.130)`: the median, the least, the most.
fn told(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |place: usize| times.get(place).map_or(0.0, Duration::as_secs_f64);
    let (middle, last) = (times.len() / 2, times.len().saturating_sub(1));
    format!("{:.3} s ({:.3}-{:.3})", at(middle), at(0), at(last))
}
