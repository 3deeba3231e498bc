//! `[timeouts]`: how long a client may take.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Lapse, Maybe, Rate, Text};

/// How long a client may take.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For its next command. Default: 5m, the least RFC 5321 asks for. More for a device that thinks long; clients that
    /// say nothing and fill the house are what `crowded` is for.
    pub command: Maybe<Text<Lapse>>,
    /// For a pause within a message. Default: 3m. More for lines that stall.
    pub body_block: Maybe<Text<Lapse>>,
    /// For one message in all. Default: 2h. More where large messages come over slow lines.
    pub body_total: Maybe<Text<Lapse>>,
    /// How much of a message has to come in how long. Default: 20 KB/5m; `0 B/5m` asks for nothing. More where clients
    /// trickle to hold sessions open; less for a satellite or radio link.
    pub minimum_rate: Maybe<Text<Rate>>,
    /// For a session in which no message is completed; it does not run while one is coming in. Default: 30m. Less where
    /// sessions that do nothing use up `limits.sessions`; more for a client that keeps connections in reserve.
    pub session_total: Maybe<Text<Lapse>>,
    /// For its next command, or the next piece of a message, while eight of ten of `limits.sessions` are in use. Holds
    /// for strangers alone: not for a client that logged in, an address that a grant names, or a network in
    /// `limits.for`. Default: 30s. Less while sessions are held open on purpose; more for senders that are slow and welcome.
    pub crowded: Maybe<Text<Lapse>>,
    /// For a TLS handshake. Default: 60s. More for devices with weak processors.
    pub handshake: Maybe<Text<Lapse>>,
    /// How long the first refusal above `limits.errors_soft` is held back; each further one by as much more, to five
    /// times. Default: 1s; 0s answers at once. More to tire whoever guesses, at the price of sessions that last longer.
    pub error_delay: Maybe<Text<Lapse>>,
}
