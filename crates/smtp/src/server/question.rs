//! The words exchanged with whoever drives the dialogue.

use std::fmt;

use bytes::Bytes;
use mail::{ForwardPath, MailParams, Mechanism, Mechanisms, RcptParams, Reply, ReversePath, Tolerances};

/// How the connection began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In the clear; STARTTLS may follow.
    Clear,
    /// Under TLS from the first octet (RFC 8314 §3).
    ImplicitTls,
}

/// What is next.
#[derive(Debug)]
pub enum Step {
    /// Nothing without bytes or time. Flush the output; after a flush that wrote something, poll once more before sleeping.
    Wait,
    /// Nothing goes on until [`Server::answer`](super::Server::answer).
    Ask(Question),
    /// Octets of the message: dots unstuffed, framing checked, CRLF line ends, no line longer than the limit.
    Body(Bytes),
    /// To be noted; no answer is expected.
    Event(Event),
    /// Flush the output, hand the connection to the TLS handshake with an *empty* buffer, then call
    /// [`Server::tls_established`](super::Server::tls_established).
    StartTls,
    /// Flush the output, waiting for a client that does not read no longer than a moment, and close.
    Close(CloseReason),
}

/// What only others can answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Question {
    /// Somebody connected. [`Answer::Greet`], or a 4yz/5yz [`Answer::Reply`] and the connection closes.
    Connect,
    /// HELO or EHLO. [`Answer::Reply`], or [`Answer::Welcome`]; the text of a 2yz is not used, what is offered is the
    /// dialogue's own to say.
    Hello {
        /// Which of the two.
        verb: HelloVerb,
        /// What the client calls itself: printable, at most 255 octets, possibly empty in the lenient dialect.
        name: Box<str>,
    },
    /// AUTH. [`Answer::AuthChallenge`], [`Answer::Authenticated`] or [`Answer::Reply`].
    Auth {
        /// The mechanism, one of those offered.
        mechanism: Mechanism,
        /// The initial response, decoded; empty where the client said `=`.
        initial: Option<Vec<u8>>,
    },
    /// The client's response to a challenge, decoded. The same answers as to [`Question::Auth`].
    AuthResponse(Vec<u8>),
    /// The client gave the exchange up with `*`. [`Answer::Reply`], 501 (RFC 4954 §4).
    AuthCancelled,
    /// MAIL. [`Answer::Reply`].
    Sender {
        /// The reverse-path.
        path: ReversePath,
        /// Its parameters.
        params: MailParams,
    },
    /// RCPT. [`Answer::Reply`].
    Recipient {
        /// The forward-path.
        path: ForwardPath,
        /// Its parameters.
        params: RcptParams,
    },
    /// A body is about to come, for at least one recipient accepted. [`Answer::Proceed`], or a 4yz/5yz
    /// [`Answer::Reply`], which ends the transaction.
    BodyBegin {
        /// How it comes.
        via: BodyVia,
    },
    /// The body is complete. [`Answer::Reply`]; 250 only once the message is durable.
    BodyEnd {
        /// Octets given out as [`Step::Body`].
        octets: u64,
        /// What was set right on the way.
        mended: Mended,
    },
    /// The dialogue itself refuses something. [`Answer::Reply`]: the same reply, or one reworded with an event id.
    Refusal(Violation),
}

/// Which greeting the client chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloVerb {
    /// HELO: no extensions.
    Helo,
    /// EHLO.
    Ehlo,
}

/// How a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyVia {
    /// DATA, ended by a dot on a line of its own.
    Data,
    /// BDAT, in counted chunks (RFC 3030).
    Bdat,
}

/// Tolerated faults of a body, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// Line ends that were LF alone and became CRLF.
    pub bare_lf: u64,
    /// Lines that were too long and were broken.
    pub long_lines: u64,
    /// Whether the last line had no end (possible with BDAT) and was given one.
    pub last_line_ended: bool,
}

/// Something the dialogue refuses by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// A stable code such as `bare-lf`.
    pub reason: &'static str,
    /// What to say unless the handler has better words.
    pub reply: Reply,
    /// Whether the connection closes behind it.
    pub fatal: bool,
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Be welcome.
    Greet {
        /// The banner. Its first line should begin with the host name (RFC 5321 §4.2).
        reply: Reply,
        /// What an address exception tolerates, from now on.
        tolerances: Tolerances,
    },
    /// Be greeted by name.
    Welcome {
        /// Of the mechanisms that the listener offers, those this client may use. With [`Answer::Reply`]: all of them.
        mechanisms: Mechanisms,
    },
    /// A reply; its code decides.
    Reply(Reply),
    /// A further challenge, in plain octets: the dialogue encodes it.
    AuthChallenge(Vec<u8>),
    /// The client proved who it is.
    Authenticated {
        /// 235.
        reply: Reply,
        /// What its grant tolerates, from now on.
        tolerances: Tolerances,
    },
    /// Send the body.
    Proceed,
}

/// Something worth noting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The transaction is over without a message (RSET, EHLO, a refused body, a lost connection): drop the draft.
    TransactionReset,
    /// A TLS ClientHello where SMTP in the clear was expected: implicit TLS spoken on the wrong port. Closed without a
    /// word, for the client could not read one.
    TlsClientHelloInClear,
    /// The client spoke before the banner.
    EarlyTalker,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The client said QUIT.
    Quit,
    /// The client closed its side.
    PeerClosed,
    /// An answer refused the connection, or ended it with 421.
    Refused,
    /// A fatal violation, by its code.
    Violation(&'static str),
    /// A timer ran out.
    Timeout(Timer),
    /// A ClientHello in the clear.
    TlsClientHello,
    /// We are shutting down.
    ShutDown,
    /// An answer that did not fit its question: a fault of ours.
    Internal,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quit => f.write_str("quit"),
            Self::PeerClosed => f.write_str("the client closed the connection"),
            Self::Refused => f.write_str("refused"),
            Self::Violation(reason) => write!(f, "closed for {reason}"),
            Self::Timeout(timer) => write!(f, "timed out: {timer}"),
            Self::TlsClientHello => f.write_str("TLS spoken on a port in clear"),
            Self::ShutDown => f.write_str("shutting down"),
            Self::Internal => f.write_str("a fault of ours"),
        }
    }
}

/// The clocks that run for a connection; at most one of them is the next to ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// The banner is due. Not a fault.
    Banner,
    /// A command line or AUTH response did not come whole in time (RFC 5321 §4.5.3.2.7).
    Command,
    /// Nothing of a body came for too long (RFC 5321 §4.5.3.2.5).
    BodyBlock,
    /// One body took too long in all.
    BodyTotal,
    /// A window of [`Timeouts::rate_window`](super::Timeouts) ended; a fault only where too little came in it.
    MinimumRate,
    /// The session completed no message for too long.
    SessionTotal,
    /// The TLS handshake took too long. Closed without a word.
    Handshake,
    /// A delayed refusal may now be said. Not a fault.
    ErrorDelay,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Banner => "the banner",
            Self::Command => "no command came",
            Self::BodyBlock => "nothing more of the message came",
            Self::BodyTotal => "the message took too long",
            Self::MinimumRate => "the message came too slowly",
            Self::SessionTotal => "the session completed no message",
            Self::Handshake => "the TLS handshake took too long",
            Self::ErrorDelay => "a delayed refusal",
        })
    }
}

impl fmt::Debug for Question {
    /// Secrets of AUTH are not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("Connect"),
            Self::Hello { verb, name } => f.debug_struct("Hello").field("verb", verb).field("name", name).finish(),
            Self::Auth { mechanism, initial } => f
                .debug_struct("Auth")
                .field("mechanism", mechanism)
                .field("initial", &initial.is_some())
                .finish(),
            Self::AuthResponse(_) => f.write_str("AuthResponse"),
            Self::AuthCancelled => f.write_str("AuthCancelled"),
            Self::Sender { path, params } => f.debug_tuple("Sender").field(path).field(params).finish(),
            Self::Recipient { path, params } => f.debug_tuple("Recipient").field(path).field(params).finish(),
            Self::BodyBegin { via } => f.debug_tuple("BodyBegin").field(via).finish(),
            Self::BodyEnd { octets, mended } => f.debug_tuple("BodyEnd").field(octets).field(mended).finish(),
            Self::Refusal(violation) => f.debug_tuple("Refusal").field(violation).finish(),
        }
    }
}
