//! `[limits]`, `[delivery]`, `[spool]`, `[ledger]`, `[dns]` and `[log]`: how the service runs.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Count, Lapse, List, Maybe, Octets};
use crate::config::{Keeping, LogFormat, LogLevel};

/// What clients may use before they are judged.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Sessions at once in total. Default: 10000; more where memory allows (about 15 KB each).
    pub sessions: Count,
    /// Sessions at once from one address. Default: 10.
    pub sessions_per_address: Count,
    /// Sessions at once from one IPv6 /64. Default: 10.
    pub sessions_per_v6_64: Count,
    /// New sessions in a minute from one address. Default: 120.
    pub sessions_per_minute: Count,
    /// Messages in a minute from one address (IPv6: one /64) without a grant. Default: 60.
    pub messages_per_minute: Count,
    /// The same from an unknown address: DNS says that it has no name that leads back to it. Machines in the
    /// organisation's networks and in `[[limits.for]]` need none, and a name server that fails makes nobody unknown.
    /// Default: 20.
    pub messages_per_minute_unknown: Count,
    /// Refused recipients in an hour from one address, until it has to wait. Default: 15.
    pub bad_recipients_per_hour: Count,
    /// Recipients of one message, at least 100 (RFC 5321). Default: 100.
    pub recipients: Count,
    /// Errors in a session from which answers are delayed. Default: 10.
    pub errors_soft: Count,
    /// Errors in a session that end it. Default: 20.
    pub errors_hard: Count,
    /// Failed logins in ten minutes from one address until it is locked out. Default: 20.
    pub auth_failures: Count,
    /// Failed logins in a session that end it. Default: 3. More only for a program that tries several secrets in a row.
    pub auth_failures_per_session: Count,
    /// Messages in a session; after them the client has to connect again. Default: as many as come. Worth setting where
    /// a load balancer is to share out a busy client's mail.
    pub messages_per_session: Count,
    /// Octets of a line of text, without its end. Default: 998, as RFC 5321 has it. More only where all
    /// mail goes on to servers that take such lines; for one device, `tolerate = ["long-lines"]` breaks them.
    pub text_line: Maybe<Octets>,
    /// How much of a message that is refused already is read on, so that the client hears why; beyond that the
    /// connection is closed. Default: 16 MiB. More where devices report a lost connection in place of our refusal, less
    /// where the line is dear.
    pub swallow: Maybe<Octets>,
    /// Limits of some networks that differ. Of those around a client the narrowest counts, wherever it stands; what it does
    /// not say is as in `[limits]`.
    #[serde(rename = "for")]
    pub networks: Vec<LimitsFor>,
}

impl Limits {
    /// What it says of one client, in the shape of an exception for everybody.
    #[must_use]
    pub fn of_everybody(&self) -> LimitsFor {
        LimitsFor {
            networks: Vec::new(),
            sessions_per_address: self.sessions_per_address.clone(),
            sessions_per_v6_64: self.sessions_per_v6_64.clone(),
            sessions_per_minute: self.sessions_per_minute.clone(),
            messages_per_minute: self.messages_per_minute.clone(),
            bad_recipients_per_hour: self.bad_recipients_per_hour.clone(),
            recipients: self.recipients.clone(),
            errors_soft: self.errors_soft.clone(),
            errors_hard: self.errors_hard.clone(),
            auth_failures: self.auth_failures.clone(),
        }
    }
}

/// What clients of some networks may use, where it differs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsFor {
    /// The networks.
    pub networks: List<IpNet>,
    /// Sessions at once from one address.
    pub sessions_per_address: Count,
    /// Sessions at once from one IPv6 /64.
    pub sessions_per_v6_64: Count,
    /// New sessions in a minute from one address.
    pub sessions_per_minute: Count,
    /// Messages in a minute from one address (IPv6: one /64) without a grant.
    pub messages_per_minute: Count,
    /// Refused recipients in an hour from one address, until it has to wait.
    pub bad_recipients_per_hour: Count,
    /// Recipients of one message.
    pub recipients: Count,
    /// Errors in a session from which answers are delayed.
    pub errors_soft: Count,
    /// Errors in a session that end it.
    pub errors_hard: Count,
    /// Failed logins in ten minutes from one address until it is locked out.
    pub auth_failures: Count,
}

/// How delivery is tried.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// Pauses between attempts; the last one repeats. Default: 5m, 15m, 30m, 1h, 2h, 4h.
    pub schedule: Option<List<Lapse>>,
    /// By how many percent each pause varies at random. Default: 10.
    pub jitter_percent: Count,
    /// How long a message is tried. Default: 5d.
    pub life_time: Maybe<super::Text<Lapse>>,
    /// How long a notice is tried. Default: 1d.
    pub notice_life_time: Maybe<super::Text<Lapse>>,
    /// When the sender is told that a message is late. Default: 4h, 24h.
    pub warn_after: Option<List<Lapse>>,
    /// Connections to one destination at once at most. Default: 20.
    pub connections_per_destination: Count,
    /// Connections to everywhere at once at most. Default: 500.
    pub connections: Count,
}

/// Where the queue lives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Spool {
    /// The folder. Default: /var/lib/portcullis/spool.
    pub dir: Maybe<PathBuf>,
    /// A segment is closed when it has grown to this, and the queue is summed up every two segments. Default: 64 MiB;
    /// smaller on tiny disks.
    pub segment_size: Maybe<Octets>,
    /// Below this much free space nothing new is accepted. Default: 256 MiB.
    pub keep_free: Maybe<Octets>,
}

/// Where the ledger lives.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// The folder. Default: `ledger` beside the spool.
    pub dir: Maybe<PathBuf>,
    /// How long what is recorded is kept, in days, months or years, or "forever"; then whole files of it are removed, which
    /// is recorded in turn. Default: 12 months.
    pub keep: Maybe<super::Text<Keeping>>,
    /// A file in a second place, to which is written every minute where the record stands: with it, `portcullis ledger
    /// verify --anchors` finds out an end that was cut off and a record that was written anew. It is worth something
    /// where who can change the ledger cannot change it: on another machine's disk. Default: none.
    pub anchors: Maybe<PathBuf>,
    /// Whether the same is sent to syslog. Default: false.
    pub syslog: Maybe<bool>,
    /// Where syslog listens. Default: /dev/log.
    pub syslog_socket: Maybe<PathBuf>,
}

/// Whom we ask about names.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// Resolvers, as in 127.0.0.1:53. Default: as the system says.
    pub servers: List<SocketAddr>,
}

/// What is logged, and how.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// json for machines, text for people. Default: json.
    pub format: Maybe<LogFormat>,
    /// error, warn, info, debug or trace. Default: info.
    pub level: Maybe<LogLevel>,
}
