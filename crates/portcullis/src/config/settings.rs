//! The resolved layer: what each room is given. A value here has been checked; nobody inside asks again.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use mail::{Domain, DomainPattern, Host};
use outbound::route::TlsPolicy;
use policy::{Conflict, Generation, Name, Role, Rulebook, Snapshot};
use smtp::server::Timeouts;

use super::RegistrySettings;
use crate::identities::{Verifier, Vouching};

/// Everything a configuration file says, checked and complete.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who changed the file last and why; goes into the ledger when it is loaded.
    pub change: Option<Change>,
    /// A digest of the text (FNV-1a, 64 bits), for the testimony of each permit.
    pub hash: u64,
    /// The name this host gives itself, in greetings, HELO, Received and message ids.
    pub hostname: Domain,
    /// Who exists, for judgement. [`Config::snapshot`] indexes it.
    pub rulebook: Rulebook,
    /// Logins of the password grants, in lower case, and what they are proved by.
    pub logins: BTreeMap<Name, Verifier>,
    /// Who vouches for clients beside us.
    pub vouching: Vouching,
    /// The listeners that speak SMTP, in the order of `rulebook.listeners`.
    pub listeners: Vec<ListenerSettings>,
    /// Where health and metrics are served over plain HTTP.
    pub health: Vec<SocketAddr>,
    /// Where mail goes. The last one has no domains and takes everything else.
    pub routes: Vec<OutboundRoute>,
    /// How delivery is tried.
    pub delivery: DeliverySettings,
    /// What clients may use before they are judged.
    pub limits: LimitSettings,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// Where the queue lives.
    pub spool: SpoolSettings,
    /// Where the ledger lives.
    pub ledger: LedgerSettings,
    /// Where grants are kept that do not stand in the file, if anywhere.
    pub registry: Option<RegistrySettings>,
    /// Whom we ask about names.
    pub dns: DnsSettings,
    /// What is logged, and how.
    pub log: LogSettings,
}

impl Config {
    /// The snapshot judgement reads. Checked once while resolving, so an error here is one of ours.
    pub fn snapshot(&self, generation: Generation) -> Result<Snapshot, Vec<Conflict>> {
        Snapshot::build(self.rulebook.clone(), generation, self.hash)
    }

    /// The route of a domain: the most exact pattern, else the one for everything else.
    #[must_use]
    pub fn route_to(&self, domain: &Domain) -> Option<&OutboundRoute> {
        let closeness = |pattern: &DomainPattern| match pattern {
            DomainPattern::Exactly(name) => (name == domain).then_some(usize::MAX),
            DomainPattern::Below(parent) => domain.is_below(parent).then_some(parent.as_str().len()),
        };
        self.routes
            .iter()
            .filter_map(|route| Some((route.domains.iter().filter_map(closeness).max()?, route)))
            .max_by_key(|(close, _)| *close)
            .map(|(_, route)| route)
            .or_else(|| self.routes.iter().find(|route| route.domains.is_empty()))
    }
}

/// Who changed the file, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// The hash of a secret in PHC notation, `$argon2id$...`. Its text is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash(String);

impl SecretHash {
    /// Takes a hash that has been checked to be Argon2id in PHC notation.
    #[must_use]
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC notation.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

/// A certificate chain and its private key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, our own certificate first.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// One listener that speaks SMTP. Its zone and stance stand in the rulebook, at the same index.
#[derive(Clone, Debug)]
pub struct ListenerSettings {
    /// Its name, the same as in the rulebook.
    pub name: Name,
    /// What it is for.
    pub role: Role,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// The name it greets with.
    pub hostname: Domain,
    /// Peers that speak the PROXY protocol, and must.
    pub proxies: Vec<IpNet>,
    /// Whether STARTTLS is offered; always false where there is no certificate or TLS is implicit.
    pub starttls: bool,
    /// Octets of one message at most.
    pub size_max: u64,
    /// Whether SCRAM is offered, where it can prove somebody.
    pub scram: bool,
    /// How long the banner waits for early talkers.
    pub greet_delay: Duration,
    /// Its certificates: its own where it names any, else those of `[tls]`.
    pub certificates: Vec<CertificateFiles>,
}

/// Where mail for some domains goes.
#[derive(Clone, Debug)]
pub struct OutboundRoute {
    /// Its name.
    pub name: Name,
    /// Whose mail; empty: everything that no other route takes.
    pub domains: Vec<DomainPattern>,
    /// Where to.
    pub to: NextHop,
    /// What is asked of TLS.
    pub tls: TlsPolicy,
    /// TLS from the first octet on, as on port 465.
    pub implicit_tls: bool,
    /// The certificate we show.
    pub client_certificate: Option<CertificateFiles>,
    /// How we log in.
    pub login: Option<RouteLogin>,
    /// Authorities trusted on this route, in place of the system's, PEM.
    pub ca: Option<PathBuf>,
    /// Connections to one destination at once at most; `None`: as `delivery` says.
    pub connections: Option<u32>,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// The MX hosts of the recipient's domain.
    Mx,
    /// These hosts, the first that answers.
    Hosts(Vec<HostPort>),
}

/// A host by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Domain(name) => write!(f, "{name}:{}", self.port),
            Host::Literal(address) => write!(f, "{}", SocketAddr::new(*address, self.port)),
        }
    }
}

/// How we log in to a next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteLogin {
    /// The user.
    pub user: String,
    /// The file whose first line is the secret.
    pub secret_file: PathBuf,
}

/// How delivery is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliverySettings {
    /// Pauses between attempts; the last one repeats.
    pub schedule: Vec<Duration>,
    /// By how many percent each pause is lengthened or shortened at random.
    pub jitter_percent: u32,
    /// How long a message is tried.
    pub life_time: Duration,
    /// How long a notice is tried.
    pub notice_life_time: Duration,
    /// When the sender is told that a message is late; empty: never.
    pub warn_after: Vec<Duration>,
    /// Connections to one destination at once at most.
    pub connections_per_destination: u32,
    /// Connections to everywhere at once at most.
    pub connections: u32,
}

/// What clients may use before they are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// Sessions at once in total.
    pub sessions: u32,
    /// Failed logins in a session that end it.
    pub auth_failures_per_session: u32,
    /// Messages in a session; `None`: as many as come.
    pub messages_per_session: Option<u32>,
    /// Octets of a line of text, without its end.
    pub text_line_octets: usize,
    /// Octets of a refused message that are read on.
    pub swallow_octets: u64,
    /// What any client may use.
    pub client: ClientLimits,
    /// What clients of some networks may use, the narrowest first.
    pub overrides: Vec<(IpNet, ClientLimits)>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let dialogue = smtp::server::Limits::default();
        Self {
            sessions: inbound::DoorsConfig::default().sessions,
            auth_failures_per_session: dialogue.auth_failures,
            messages_per_session: dialogue.messages,
            text_line_octets: dialogue.text_line_octets,
            swallow_octets: dialogue.swallow_octets,
            client: ClientLimits::default(),
            overrides: Vec::new(),
        }
    }
}

impl LimitSettings {
    /// The limits of the narrowest network around `client`, else those of everybody.
    #[must_use]
    pub fn of(&self, client: IpAddr) -> &ClientLimits {
        let client = client.to_canonical();
        self.overrides
            .iter()
            .find(|(network, _)| network.contains(&client))
            .map_or(&self.client, |(_, limits)| limits)
    }
}

/// What one client may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Sessions at once from one address.
    pub sessions_per_address: u32,
    /// Sessions at once from one IPv6 /64.
    pub sessions_per_v6_64: u32,
    /// New sessions in a minute from one address.
    pub sessions_per_minute: u32,
    /// Messages in a minute from one address (IPv6: one /64) without a grant.
    pub messages_per_minute: u32,
    /// The same from an address of which DNS says that it has no name that leads back to it.
    pub messages_per_minute_unknown: u32,
    /// Refused recipients in an hour from one address, until it has to wait.
    pub bad_recipients_per_hour: u32,
    /// Recipients of one message.
    pub recipients: u32,
    /// Errors in a session from which answers are delayed.
    pub errors_soft: u32,
    /// Errors in a session that end it.
    pub errors_hard: u32,
    /// Failed logins in ten minutes from one address until it is locked out.
    pub auth_failures: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        let doors = inbound::ClientLimits::default();
        Self {
            sessions_per_address: doors.connections,
            sessions_per_v6_64: doors.connections_per_64,
            sessions_per_minute: doors.connections_per_minute,
            messages_per_minute: doors.messages_per_minute,
            messages_per_minute_unknown: doors.messages_per_minute_unknown,
            bad_recipients_per_hour: doors.bad_recipients_per_hour,
            recipients: doors.recipients,
            errors_soft: doors.errors_soft,
            errors_hard: doors.errors_hard,
            auth_failures: 20,
        }
    }
}

/// Where the queue lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The folder.
    pub dir: PathBuf,
    /// A segment is closed when it has grown to this many octets.
    pub segment_octets: u64,
    /// Below this much free space nothing new is accepted.
    pub keep_free_octets: u64,
    /// A message above this many octets gets a file of its own. Not in the file: the spool's default serves everybody but
    /// simulations, which want every way through the spool taken often.
    pub spill_octets: usize,
    /// A checkpoint is written when the log has grown by this: two segments, but in simulations.
    pub checkpoint_every_octets: u64,
    /// Held messages older than this leave the fresh segments. Not in the file, for the same reason.
    pub cold_after: Duration,
}

/// Where the ledger lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The folder.
    pub dir: PathBuf,
    /// A second place for where it stands.
    pub anchors: Option<PathBuf>,
    /// Where syslog listens, if that is another.
    pub syslog: Option<PathBuf>,
    /// How long it is kept.
    pub keep: Keeping,
}

/// How long something is kept: whole days, as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keeping {
    number: u64,
    unit: Option<(u64, u64, &'static str)>,
}

impl Keeping {
    /// For ever.
    pub const FOREVER: Self = Self { number: 0, unit: None };
    /// Days of the longest time that is not for ever.
    const DAYS_MAX: u64 = 100 * 365;

    /// So many days; `None` where these are too many.
    #[must_use]
    pub fn days(number: u64) -> Option<Self> {
        Self::of(number, (1, 1, "days"))
    }

    /// So many twelfths of a year.
    #[must_use]
    pub fn months(number: u64) -> Option<Self> {
        Self::of(number, (365, 12, "months"))
    }

    /// So many years of 365 days.
    #[must_use]
    pub fn years(number: u64) -> Option<Self> {
        Self::of(number, (365, 1, "years"))
    }

    fn of(number: u64, unit: (u64, u64, &'static str)) -> Option<Self> {
        let keeping = Self {
            number,
            unit: Some(unit),
        };
        (number <= Self::DAYS_MAX && keeping.in_days()? <= Self::DAYS_MAX).then_some(keeping)
    }

    fn in_days(self) -> Option<u64> {
        let (days, parts, _) = self.unit?;
        Some(self.number.saturating_mul(days).div_ceil(parts))
    }

    /// How long; `None` for ever.
    #[must_use]
    pub fn lapse(self) -> Option<Duration> {
        Some(Duration::from_secs(self.in_days()?.saturating_mul(86_400)))
    }
}

impl std::fmt::Display for Keeping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.unit {
            Some((.., unit)) => write!(f, "{} {unit}", self.number),
            None => f.write_str("forever"),
        }
    }
}

/// Whom we ask about names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DnsSettings {
    /// Whomever the system asks.
    #[default]
    System,
    /// These servers.
    Servers(Vec<SocketAddr>),
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// In which form.
    pub format: LogFormat,
    /// From which level on.
    pub level: LogLevel,
}

/// In which form is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// From which level on is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures of ours.
    Error,
    /// And what may become one.
    Warn,
    /// And what happens to mail.
    Info,
    /// And each dialogue's turns.
    Debug,
    /// And everything.
    Trace,
}

impl LogLevel {
    /// As the configuration and `tracing` write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
