//! What one listener offers and bears.

use std::time::Duration;

use mail::{Domain, Mechanisms};

/// Everything the dialogue needs to know of its listener; shared by all its connections.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The name said in the banner and in the reply to EHLO.
    pub hostname: Domain,
    /// How strictly syntax is read where framing is not touched.
    pub dialect: Dialect,
    /// The extensions offered.
    pub offer: Offer,
    /// MAIL is answered 530 until the client has authenticated (`submission`, `submissions`).
    pub auth_required: bool,
    /// MAIL is answered 530 until the connection is under TLS (RFC 3207 §4).
    pub tls_required: bool,
    /// Bounds on what a client may send.
    pub limits: Limits,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// How long the banner is held back, from the moment of connection; zero says it at once.
    ///
    /// With [`Dialect::Strict`], a client that speaks before the banner is refused (RFC 5321 §4.3.1 makes it wait).
    pub greet_delay: Duration,
}

impl ServerConfig {
    /// A strict listener that offers every extension but STARTTLS and AUTH.
    #[must_use]
    pub fn new(hostname: Domain) -> Self {
        Self {
            hostname,
            dialect: Dialect::Strict,
            offer: Offer::default(),
            auth_required: false,
            tls_required: false,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            greet_delay: Duration::ZERO,
        }
    }
}

/// How syntax is read. Neither dialect touches framing: that takes [`mail::Tolerances`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// As RFC 5321 writes it (`mx`).
    Strict,
    /// As devices speak it: HELO without a name, spaces and tabs where none belong, paths without brackets, AUTH after
    /// HELO (`relay`, `submission`, `submissions`).
    Lenient,
}

/// The extensions a listener offers. What is not offered is refused.
#[derive(Clone, Debug)]
pub struct Offer {
    /// STARTTLS (RFC 3207), while the connection is in the clear.
    pub starttls: bool,
    /// AUTH (RFC 4954).
    pub auth: AuthOffer,
    /// SIZE (RFC 1870): octets of a message at most. The limit holds whether or not a client declares a size.
    pub size_max: u64,
    /// SMTPUTF8 (RFC 6531); asks for 8BITMIME.
    pub smtputf8: bool,
    /// CHUNKING (RFC 3030), without BINARYMIME.
    pub chunking: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// PIPELINING (RFC 2920). Groups are taken from everybody; this only says so.
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eightbitmime: bool,
    /// LIMITS (RFC 9422): RCPTMAX, and MAILMAX where messages are limited.
    pub limits: bool,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            starttls: false,
            auth: AuthOffer::Never,
            size_max: 50 * 1024 * 1024,
            smtputf8: true,
            chunking: true,
            dsn: true,
            pipelining: true,
            eightbitmime: true,
            limits: true,
        }
    }
}

/// Whether a client may authenticate. There is no word for "in the clear".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthOffer {
    /// Not on this listener (`mx`).
    Never,
    /// With these mechanisms at most, once the connection is under TLS.
    UnderTls(Mechanisms),
}

/// Bounds on what a client may send. Counts hold for one connection unless they say otherwise.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Recipients of one message; RFC 5321 §4.5.3.1.8 wants at least 100. More are answered 452 4.5.3.
    pub recipients: u32,
    /// Recipients beyond that limit which are answered without being counted as errors.
    pub recipient_overshoot: u32,
    /// Messages of one connection; 421 after that. `None`: as many as come.
    pub messages: Option<u32>,
    /// Octets of a text line without its CRLF (RFC 5321 §4.5.3.1.6).
    pub text_line_octets: usize,
    /// Octets read and thrown away of a body already refused; beyond that the connection is closed.
    pub swallow_octets: u64,
    /// Errors after which each further refusal is delayed.
    pub errors_soft: u32,
    /// Errors after which the connection is closed with 421. An accepted message sets the count back.
    pub errors_hard: u32,
    /// Commands that move nothing (NOOP, RSET, VRFY, HELP, EHLO, tiny chunks) between two messages; each more is an error.
    pub idle_commands: u32,
    /// Failed AUTH exchanges before the connection is closed with 421.
    pub auth_failures: u32,
    /// Octets of replies that may wait for a client who does not read; nothing more is taken from it meanwhile.
    pub output_octets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            recipients: 100,
            recipient_overshoot: 1000,
            messages: None,
            text_line_octets: 998,
            swallow_octets: 16 * 1024 * 1024,
            errors_soft: 10,
            errors_hard: 20,
            idle_commands: 100,
            auth_failures: 3,
            output_octets: 16 * 1024,
        }
    }
}

/// How patient the dialogue is with its client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As patient as RFC 5321 asks.
    #[default]
    Usual,
    /// The house is crowded and this client one of those who may be asked to go on or to go.
    Hurried,
}

/// How long a client may take. The dialogue is told the time; it has no clock.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// From a reply to the whole of the next line; RFC 5321 §4.5.3.2.7 wants at least 5 minutes.
    pub command: Duration,
    /// Between two pieces of a body (RFC 5321 §4.5.3.2.5).
    pub body_block: Duration,
    /// For one body in all.
    pub body_total: Duration,
    /// The window over which the rate of a body is measured.
    pub rate_window: Duration,
    /// Octets that must come in each such window.
    pub rate_window_octets: u64,
    /// From the beginning, or the last message accepted, to the end of a connection that completes nothing. It does not
    /// run while a body is coming in.
    pub session_total: Duration,
    /// Instead of `command` and `body_block`, for a client that was asked to [hurry](super::Server::set_pace).
    pub hurried: Duration,
    /// From 220 to STARTTLS until the handshake is done.
    pub handshake: Duration,
    /// The delay of the first refusal above the soft limit; it grows by as much with each further one, to five times.
    pub error_delay: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            command: Duration::from_secs(300),
            body_block: Duration::from_secs(180),
            body_total: Duration::from_secs(2 * 3600),
            rate_window: Duration::from_secs(300),
            rate_window_octets: 20_000,
            session_total: Duration::from_secs(1800),
            hurried: Duration::from_secs(30),
            handshake: Duration::from_secs(60),
            error_delay: Duration::from_secs(1),
        }
    }
}
