//! A long ledger, written by the ledger's own writer: ten million events of a season, for questions to be asked of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::Context;
use ledger::{
    Accepted, AcceptedRecipient, Attempt, Config, Event, FromForm, Ground, Judged, Login, LoginOutcome, Origin,
    Refused, Tls, Words, Writer,
};
use mail::{AttemptId, EnhancedCode, EventId, MessageId, SessionId, Timestamp};
use policy::{Fact, Name, Usage};
use world::{BoxFuture, Clock, SystemClock, World};

/// When the season begins: 1 June 2026.
const BEGAN: i64 = 1_780_272_000_000;
const DAY: i64 = 86_400_000;
/// How long it is.
const SEASON: i64 = 90 * DAY;
/// Machines with a grant each, besides the busy one.
const MACHINES: u64 = 5_000;
/// Different people who are written to.
const READERS: u64 = 40_000;
/// Events that belong together: four messages that were accepted and delivered, a refusal, a login.
const ROUND: u64 = 10;

/// One question, as a user would ask it.
#[derive(Clone, Debug)]
pub struct Question {
    /// In words.
    pub kind: &'static str,
    /// The command: `why` or `trace`.
    pub command: &'static str,
    /// What about.
    pub about: String,
    /// Whether the ledger knows of it.
    pub known: bool,
}

/// Writes so many events, a little over, to a ledger in this folder.
pub async fn fill(dir: &Path, events: u64) -> anyhow::Result<()> {
    let rounds = events.div_ceil(ROUND).max(1);
    let calendar = Arc::new(Calendar {
        wall: AtomicI64::new(BEGAN),
        stopwatch: SystemClock::new(),
    });
    let world = World {
        clock: calendar.clone(),
        ..World::real()
    };
    let opening = ledger::open(Config::new(dir), &world, Writer::Thread)?;
    let mut day = 0;
    for number in 0..rounds {
        let moment = i128::from(SEASON) * i128::from(number) / i128::from(rounds);
        let moment = i64::try_from(moment)?;
        let begins = moment / DAY != std::mem::replace(&mut day, moment / DAY);
        // What waits is written before the day ends, as it would be on a real one. And it is less than the queue holds:
        // refusals that came faster than the disk takes them would be left out.
        if begins || number.is_multiple_of(10_000 / ROUND) {
            opening.ledger.flush().await.context("the ledger has ended")?;
        }
        calendar.wall.store(BEGAN + moment, Ordering::Relaxed);
        for event in round(number) {
            opening.ledger.record(event).await;
        }
    }
    let status = opening.ledger.status();
    anyhow::ensure!(status.dropped == 0, "{} events were left out", status.dropped);
    opening.closer.close().await.context("the ledger has ended")?;
    Ok(())
}

/// All kinds of question. What is old stands in the first file alone, what is busy in every part of every file.
pub fn questions() -> Vec<Question> {
    let ask = |kind, command, about: &str, known| Question {
        kind,
        command,
        about: about.to_owned(),
        known,
    };
    let message = MessageId::new(message_number(0, 1)).to_string();
    let refusal = EventId::new(refusal_number(0)).to_string();
    vec![
        ask("a busy source", "why", &source(BUSY).to_string(), true),
        ask("an old source", "why", &source(OLD).to_string(), true),
        ask("a source that never came", "why", "192.0.2.77", false),
        ask("a busy grant", "why", &grant(BUSY), true),
        ask("an old grant", "why", &grant(OLD), true),
        ask("a grant that is none", "why", "no-such-grant", false),
        ask("a busy sender", "why", &sender(BUSY), true),
        ask("an old sender", "why", &sender(OLD), true),
        ask("a stranger's address", "why", "nobody@nowhere.example", false),
        ask("an old message", "why", &message, true),
        ask("an old refusal", "why", &refusal, true),
        ask(
            "an id that is none",
            "why",
            &MessageId::new(u64::MAX >> 5).to_string(),
            false,
        ),
        ask("an old Message-ID", "why", &message_id(message_number(0, 1)), true),
        ask("the story of an old message", "trace", &message, true),
        ask(
            "the story behind a Message-ID",
            "trace",
            &message_id(message_number(0, 1)),
            true,
        ),
        ask("the story of an old refusal", "trace", &refusal, true),
        ask("no story", "trace", &MessageId::new(u64::MAX >> 5).to_string(), false),
    ]
}

/// The machine that sends a quarter of all mail.
const BUSY: u64 = 0;
/// The machine that sent one message on the first day.
const OLD: u64 = MACHINES + 1;

/// The events of one round.
fn round(number: u64) -> Vec<Event> {
    let mut events = Vec::with_capacity(10);
    for place in 0..4 {
        let machine = match (number, place) {
            (0, 1) => OLD,
            (_, 0) => BUSY,
            _ => 1 + scattered(number * 4 + place) % MACHINES,
        };
        let message = message_number(number, place);
        events.push(accepted(message, machine));
        events.push(delivered(message));
    }
    events.push(refused(number));
    events.push(login(number));
    events
}

const fn message_number(round: u64, place: u64) -> u64 {
    (1 << 44) + round * 16 + place
}

const fn refusal_number(round: u64) -> u64 {
    (1 << 44) + round * 16 + 8
}

/// Numbers in no order, the same in each run.
const fn scattered(number: u64) -> u64 {
    (number ^ 0x5bd1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

fn source(machine: u64) -> IpAddr {
    let [.., high, low] = machine.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(10, 20, high, low))
}

fn grant(machine: u64) -> String {
    format!("scanner-{machine}")
}

fn sender(machine: u64) -> String {
    format!("scan-{machine}@chem.example.edu")
}

fn message_id(message: u64) -> String {
    format!("{message:x}.scan@chem.example.edu")
}

fn reader(message: u64) -> Words {
    Words::new(&format!("<reader{}@far.example>", scattered(message) % READERS))
}

fn origin(session: u64, client: IpAddr, grant: Option<Name>) -> Origin {
    Origin {
        session: SessionId::new(session),
        listener: "devices".into(),
        client,
        port: 40_001,
        helo: Some(Words::new("RNP002673A1B2C3")),
        ptr: Some(Words::new("scanner.chem.example.edu")),
        tls: Some(Tls {
            version: Words::new("TLSv1.3"),
            cipher: Words::new("TLS13_AES_256_GCM_SHA384"),
            verified: None,
            client_cert: None,
            client_names: Vec::new(),
            client_doubt: None,
        }),
        login: None,
        grant,
    }
}

fn accepted(message: u64, machine: u64) -> Event {
    let name = Name::from(grant(machine).as_str());
    Event::Accepted(Box::new(Accepted {
        message: MessageId::new(message),
        origin: origin(message | 7, source(machine), Some(name.clone())),
        from: Words::new(&format!("<{}>", sender(machine))),
        size: 2048,
        generation: 41,
        rulebook: scattered(41),
        recipients: vec![AcceptedRecipient {
            rcpt: reader(message),
            asked: None,
            basis: Ground::Grant(name),
            digest: scattered(message),
            held: None,
            quarantined: false,
        }],
        header_from: vec![Words::new(&sender(machine))],
        message_id: Some(Words::new(&format!("<{}>", message_id(message)))),
        mended: None,
        judged: Some(Judged {
            from: Fact::Known(FromForm::Mailboxes),
            hops: Fact::Known(1),
            usage: Fact::Known(Usage::Within),
            masked: Fact::Known(false),
            ..Judged::nothing_yet(Timestamp(BEGAN))
        }),
    }))
}

fn delivered(message: u64) -> Event {
    Event::Delivered(Box::new(Attempt {
        message: MessageId::new(message),
        attempt: Some(AttemptId::new(message)),
        rcpt: reader(message),
        host: Words::new("mail.far.example"),
        ip: Some(Ipv4Addr::new(198, 51, 100, 25).into()),
        tls: None,
        enhanced: Some(EnhancedCode::new(2, 0, 0)),
        text: Words::new("250 2.0.0 Ok: queued as 4F1A2"),
        took_ms: 12,
    }))
}

/// A stranger who wants to relay, from anywhere.
fn refused(number: u64) -> Event {
    let from_anywhere = Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(scattered(number)) << 64 | 1);
    Event::Refused(Box::new(Refused {
        event: EventId::new(refusal_number(number)),
        origin: origin(refusal_number(number) + 1, from_anywhere.into(), None),
        from: Some(Words::new(&format!("<offer{}@bulk.example>", scattered(number) % 1000))),
        rcpt: Some(reader(number)),
        recipients: Vec::new(),
        size: None,
        header_from: Vec::new(),
        code: 550,
        enhanced: Some(EnhancedCode::new(5, 7, 1)),
        reason: Words::new("no-grant"),
        text: Words::new("no grant lets this client send to other organisations; ask it@example.edu"),
        generation: Some(41),
        rulebook: Some(scattered(41)),
        judged: Some(Judged::nothing_yet(Timestamp(BEGAN))),
    }))
}

fn login(number: u64) -> Event {
    let name = format!("person{}", scattered(number) % READERS);
    let mut origin = origin(refusal_number(number) + 2, source(1 + number % MACHINES), None);
    origin.login = Some(Words::new(&name));
    Event::Login(Box::new(Login {
        tried: None,
        origin,
        mechanism: Words::new("PLAIN"),
        event: None,
        outcome: LoginOutcome::Proved,
    }))
}

/// A calendar that is set, and a stopwatch that runs.
struct Calendar {
    wall: AtomicI64,
    stopwatch: SystemClock,
}

impl Clock for Calendar {
    fn wall(&self) -> i64 {
        self.wall.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        self.stopwatch.monotonic()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        self.stopwatch.sleep_until(at)
    }
}

#[cfg(test)]
mod tests {
    use ledger::{Key, Reader};
    use world::OsDisk;

    use super::*;

    #[tokio::test]
    async fn what_is_asked_for_is_there_once_or_always_and_the_files_hold() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path(), 1000).await.unwrap();
        let report = ledger::verify(&OsDisk, dir.path(), &ledger::Anchors::default()).unwrap();
        assert!(report.broken.is_empty(), "{report:?}");
        let reader = Reader::new(Arc::new(OsDisk), dir.path());
        let lines = |key| reader.last_of(&key, 10_000).unwrap().len();
        assert_eq!(lines(Key::Source(source(BUSY))), 100);
        assert_eq!(lines(Key::Source(source(OLD))), 1);
        assert_eq!(lines(Key::Message(MessageId::new(message_number(0, 1)))), 2);
        assert_eq!(
            lines(Key::MessageId(message_id(message_number(0, 1)).as_str().into())),
            1
        );
        assert!(reader.files().unwrap().len() > 80, "a file for each day");
    }
}
