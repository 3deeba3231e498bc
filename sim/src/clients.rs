//! Those who send: each a dialogue written for this, good or bad.

mod arrange;
mod crowd;
mod dialogue;
mod letter;
mod wire;

pub use crowd::crowd;
pub use dialogue::Town;
pub(crate) use letter::NUMBER_FIELD;

use std::net::IpAddr;
use std::time::Duration;

use crate::town::Door;

/// How a client talks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// Says HELO; no extensions.
    pub old: bool,
    /// Sends the whole envelope at once.
    pub pipelines: bool,
    /// Sends with BDAT.
    pub chunks: bool,
    /// Sends its messages piece by piece, with pauses.
    pub slow: bool,
    /// Says so many octets, and is gone.
    pub breaks_off: Option<u64>,
    /// Ends its lines with LF alone.
    pub bare_lf: bool,
    /// Goes without QUIT.
    pub rude: bool,
}

/// What a client proves to be.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    /// Its name.
    pub name: &'static str,
    /// What it says is the secret.
    pub secret: &'static str,
    /// In two steps rather than in one.
    pub two_steps: bool,
}

/// One message to be sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Its number.
    pub number: u32,
    /// The reverse-path; empty for the null one.
    pub from: &'static str,
    /// The recipients.
    pub to: Vec<&'static str>,
    /// The octets, line ends CRLF.
    pub octets: Vec<u8>,
    /// Whether it has octets above 127.
    pub eight_bit: bool,
    /// Whether nobody wants to hear of failures.
    pub quiet: bool,
}

/// One session to be had.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub client: &'static str,
    /// When, behind the beginning.
    pub at: Duration,
    /// Where from.
    pub ip: IpAddr,
    /// Where to.
    pub door: Door,
    /// As whom.
    pub login: Option<Login>,
    /// How.
    pub manner: Manner,
    /// What.
    pub letters: Vec<Letter>,
}
