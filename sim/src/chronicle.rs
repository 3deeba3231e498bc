//! What happened, as those saw it who were there: clients, peers, the weather, the operator. The gateway writes nothing
//! here. The checkers read this and what the gateway left behind, and nothing else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use world::Clock;
use world::sim::SimClock;

use crate::town::{Door, Rules};

/// A moment: time since the beginning, and what the wall clock showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct When {
    /// Since the beginning of the run.
    pub at: Duration,
    /// What the wall clock showed, in milliseconds since 1970.
    pub wall: i64,
}

/// A reply a client heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// When its last line was there.
    pub when: When,
    /// Its code.
    pub code: u16,
    /// Its lines, without code and line ends, joined by blanks.
    pub text: String,
}

impl Reply {
    /// The id it ends with: of the message in a 250, of the event in a refusal.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        let word = self.text.rsplit(' ').next()?.trim_end_matches(']');
        let is_id = word.len() == 12
            && word
                .bytes()
                .all(|octet| octet.is_ascii_digit() || octet.is_ascii_uppercase());
        is_id.then_some(word)
    }
}

/// One message as a client sent it, with what it was told.
#[derive(Clone, Debug)]
pub struct Transmission {
    /// Its number, in the message's own header too. Sending again is another transmission.
    pub number: u32,
    /// Who sent it.
    pub client: &'static str,
    /// From which address.
    pub ip: std::net::IpAddr,
    /// Where it came in.
    pub door: Door,
    /// The login that was proved.
    pub login: Option<String>,
    /// The reverse-path; empty for the null one.
    pub from: String,
    /// The recipients, with what was said of each.
    pub to: Vec<(String, Option<Reply>)>,
    /// The message as it was meant, line ends CRLF.
    pub octets: Vec<u8>,
    /// Whether nobody wants to hear of failures.
    pub quiet: bool,
    /// When its last octet was on the way; `None` where it broke off before.
    pub ended: Option<When>,
    /// What was said of the whole.
    pub verdict: Option<Reply>,
    /// When the client knew no more about it.
    pub over: Option<When>,
}

impl Transmission {
    /// Whether the client was told that it is taken.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.verdict.as_ref().is_some_and(|reply| reply.code == 250)
    }

    /// Its id, where it was taken.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.verdict.as_ref().filter(|reply| reply.code == 250)?.id()
    }

    /// The recipients that were taken.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        let taken = |reply: &Option<Reply>| {
            reply
                .as_ref()
                .is_some_and(|reply| reply.code == 250 || reply.code == 251)
        };
        self.to
            .iter()
            .filter(move |(_, reply)| taken(reply))
            .map(|(to, _)| to.as_str())
    }
}

/// What a peer said to the last octet of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// 250, and it went out whole.
    Said,
    /// It has the message, and what it said of that did not go out whole or in time: the other side may not know.
    Lost(&'static str),
}

/// A message a peer has.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// When its last octet was there.
    pub when: When,
    /// When its MAIL came.
    pub begun: When,
    /// When its connection came.
    pub connected: When,
    /// The peer.
    pub peer: &'static str,
    /// The port it came from: tells connections apart.
    pub port: u16,
    /// Whether the peer had offered 8BITMIME.
    pub eight_bit: bool,
    /// The reverse-path; empty for the null one.
    pub from: String,
    /// The recipients the peer took.
    pub to: Vec<String>,
    /// The message.
    pub octets: Vec<u8>,
    /// What the peer answered.
    pub answered: Answered,
}

/// Something a peer refused for good, or a domain that takes nothing.
#[derive(Clone, Debug)]
pub struct TurnedAway {
    /// When.
    pub when: When,
    /// The reverse-path.
    pub from: String,
    /// The recipient; `None` for whoever was to get it.
    pub to: Option<String>,
}

/// Something that went wrong, on purpose.
#[derive(Clone, Debug)]
pub struct Blow {
    /// When.
    pub when: When,
    /// What kind; one of [`crate::weather::FAULTS`].
    pub kind: &'static str,
    /// The port of the connection it struck, where it struck one.
    pub port: Option<u16>,
    /// What was refused, where a disk refused something.
    pub disk: Option<Disk>,
    /// How long it had the whole machine stand still.
    pub stalled: Duration,
}

/// What a disk is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// The queue.
    Spool,
    /// The ledger.
    Ledger,
}

/// A way to an address that was broken for a while.
#[derive(Clone, Debug)]
pub struct Way {
    /// The address.
    pub to: &'static str,
    /// From when on.
    pub from: When,
    /// Until when.
    pub until: Option<When>,
}

/// One life of the gateway.
#[derive(Clone, Debug)]
pub struct Life {
    /// When it began to start.
    pub from: When,
    /// Until when, and how it ended: `kill`, `power`, `stop`.
    pub until: Option<(When, &'static str)>,
}

/// Rules that were put into force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// When it began to be so: the new file was there to be read.
    pub from: When,
    /// When the gateway had said that it is so; from then on nothing else counts.
    pub sure: When,
    /// The rules.
    pub rules: Rules,
}

/// Something an operator did.
#[derive(Clone, Debug)]
pub struct Order {
    /// When it was asked.
    pub asked: When,
    /// When the answer was there.
    pub answered: When,
    /// `hold`, `release`, `remove`, `bounce`, `retry`, `suspend`, `resume`.
    pub act: &'static str,
    /// The answer was good; `None` where the gateway died meanwhile.
    pub done: Option<bool>,
}

/// A recipient still in the queue at the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Queued {
    /// The message.
    pub id: String,
    /// To whom.
    pub to: String,
    /// Its state, in one word.
    pub state: &'static str,
}

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What clients sent.
    pub transmissions: Vec<Transmission>,
    /// Every refusal any client heard.
    pub refusals: Vec<Reply>,
    /// What peers have.
    pub arrivals: Vec<Arrival>,
    /// What peers refused for good.
    pub turned_away: Vec<TurnedAway>,
    /// What went wrong.
    pub blows: Vec<Blow>,
    /// Ways that were broken.
    pub ways: Vec<Way>,
    /// The lives of the gateway.
    pub lives: Vec<Life>,
    /// The rules, in the order in which they came into force.
    pub rules: Vec<InForce>,
    /// What the operator did.
    pub orders: Vec<Order>,
    /// What is in the queue when all is over.
    pub queued: Vec<Queued>,
    /// The files of the ledger when all is over.
    pub ledger: Vec<(String, Vec<u8>)>,
    /// All of it in words, in order.
    pub lines: Vec<String>,
}

/// Where the story is written. Cloning shares it.
#[derive(Clone)]
pub struct Chronicle {
    begun: Instant,
    clock: Arc<SimClock>,
    story: Arc<Mutex<Story>>,
}

impl Chronicle {
    /// An empty one, that begins now.
    #[must_use]
    pub fn new(clock: Arc<SimClock>) -> Self {
        Self {
            begun: Instant::now(),
            clock,
            story: Arc::default(),
        }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> When {
        When {
            at: self.begun.elapsed(),
            wall: self.clock.wall(),
        }
    }

    /// Writes it down in words.
    pub fn say(&self, what: impl std::fmt::Display) {
        let at = self.now().at;
        self.story().lines.push(format!("{:>12.3} {what}", at.as_secs_f64()));
    }

    /// Something went wrong, on purpose.
    pub fn blow(&self, kind: &'static str, port: Option<u16>) {
        self.note(kind, port, None, Duration::ZERO);
        match port {
            Some(port) => self.say(format_args!("weather: {kind}, connection of port {port}")),
            None => self.say(format_args!("weather: {kind}")),
        }
    }

    /// A disk refused something.
    pub fn refused(&self, kind: &'static str, disk: Disk) {
        self.note(kind, None, Some(disk), Duration::ZERO);
        self.say(format_args!("weather: {kind}, {disk:?}"));
    }

    /// A disk has the whole machine stand still.
    pub fn stalled(&self, kind: &'static str, by: Duration) {
        self.note(kind, None, None, by);
        self.say(format_args!("weather: {kind}, {by:?}"));
    }

    fn note(&self, kind: &'static str, port: Option<u16>, disk: Option<Disk>, stalled: Duration) {
        let when = self.now();
        self.story().blows.push(Blow {
            when,
            kind,
            port,
            disk,
            stalled,
        });
    }

    /// The story so far, to be read or added to.
    pub fn story(&self) -> MutexGuard<'_, Story> {
        self.story.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
