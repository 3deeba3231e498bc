//! What a client says to its driver, and what became of a transaction.

use std::fmt;

use mail::{ForwardPath, MailParams, RcptParams, Reply, ReversePath};

/// What is next. The driver flushes [`output`](super::Client::output), acts, and polls again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientStep {
    /// Needs octets of the peer, or time.
    Wait,
    /// Flush, make the handshake, then call [`tls_established`](super::Client::tls_established).
    StartTls,
    /// Greeted, secured and logged in as demanded: `begin` or `quit`. Said once for each transaction that may begin.
    Ready,
    /// Write some of the message with `body`, or end it with `body_end`; said at each poll until then.
    NeedBody,
    /// The transaction is over. `Ready` follows, or `Failed`.
    Done(Outcome),
    /// The connection is of no more use. `Close` follows.
    Failed(Failure),
    /// Flush what is left, then close.
    Close,
}

/// One message for one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Of MAIL.
    pub reverse: ReversePath,
    /// Of RCPT, in this order; at least one.
    pub recipients: Vec<(ForwardPath, RcptParams)>,
    /// Of MAIL. `size` is what the body will have; `body` and `smtputf8` say what the message needs.
    pub params: MailParams,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// For each recipient, in the order of the transaction.
    pub recipients: Vec<RecipientOutcome>,
    /// What had to be mended in the line ends of the body.
    pub reframed: Reframed,
}

/// What became of one recipient. Texts of replies are printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientOutcome {
    /// The peer took the message for this recipient; the reply is the one to the body.
    Delivered(Reply),
    /// The peer said no, or we did before asking ([`Stage::Local`]); the code tells for how long.
    Refused(Stage, Reply),
    /// The dialogue broke off before an answer. At [`Stage::End`], and only there, the peer may have the message.
    Unanswered(Stage),
}

/// Where in a transaction something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// Before anything was said: the peer offers less than this needs.
    Local,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, before the body.
    Data,
    /// While the body was written.
    Body,
    /// Behind the end of the body.
    End,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local => "before MAIL",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Body => "the body",
            Self::End => "the end of the body",
        })
    }
}

/// Line ends mended in a body, and how many of each. All zero for what the spool stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reframed {
    /// CR without LF; became CRLF.
    pub bare_cr: u64,
    /// LF without CR; became CRLF.
    pub bare_lf: u64,
    /// Whether the last line had no end and got one.
    pub open_end: bool,
}

/// Why a connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer does not want to talk: 421 or 554 instead of 220.
    Greeting(Reply),
    /// EHLO, and HELO where it was allowed, were refused.
    Hello(Reply),
    /// TLS is required and STARTTLS is not offered.
    TlsNotOffered,
    /// TLS is required and STARTTLS was refused.
    TlsRefused(Reply),
    /// The login was refused.
    Auth(Reply),
    /// A login is needed and no mechanism that we know is offered.
    AuthNotOffered,
    /// A login is needed and there is no TLS to hide it.
    AuthNeedsTls,
    /// The peer closes: 421 behind the greeting (RFC 5321 §3.8).
    Closing(Reply),
    /// The peer refused to forget a transaction: something other than 250 behind RSET.
    Reset(Reply),
    /// The peer took too long.
    Timeout(ClientTimer),
    /// The peer closed without a word.
    Lost,
    /// The peer broke the protocol; a stable word for how, such as `unasked-reply`.
    Protocol(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Greeting(reply) => write!(f, "the peer does not want to talk: {reply}"),
            Self::Hello(reply) => write!(f, "EHLO was refused: {reply}"),
            Self::TlsNotOffered => f.write_str("TLS is required and the peer does not offer it"),
            Self::TlsRefused(reply) => write!(f, "TLS is required and the peer refused it: {reply}"),
            Self::Auth(reply) => write!(f, "the login was refused: {reply}"),
            Self::AuthNotOffered => f.write_str("the peer offers no way to log in that we know"),
            Self::AuthNeedsTls => f.write_str("the login is not said without TLS"),
            Self::Closing(reply) => write!(f, "the peer closes: {reply}"),
            Self::Reset(reply) => write!(f, "RSET was refused: {reply}"),
            Self::Timeout(timer) => write!(f, "no answer in time to {timer}"),
            Self::Lost => f.write_str("the peer closed the connection"),
            Self::Protocol(how) => write!(f, "the peer broke the protocol: {how}"),
        }
    }
}

impl std::error::Error for Failure {}

/// What a client waits for; each fires when the peer took longer than [`ClientTimeouts`](super::ClientTimeouts) grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientTimer {
    /// The greeting (RFC 5321 §4.5.3.2.1).
    Greeting,
    /// The answer to EHLO or HELO.
    Hello,
    /// The answer to STARTTLS.
    StartTls,
    /// The handshake.
    Handshake,
    /// The answer to a step of AUTH.
    Auth,
    /// The answer to MAIL (§4.5.3.2.2).
    Mail,
    /// The answer to RCPT (§4.5.3.2.3).
    Rcpt,
    /// The answer to DATA (§4.5.3.2.4).
    Data,
    /// Progress while the body is written (§4.5.3.2.5).
    Block,
    /// The answer to the body (§4.5.3.2.6).
    End,
    /// The answer to RSET.
    Reset,
    /// The answer to QUIT; it closes and is no failure.
    Quit,
}

impl fmt::Display for ClientTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "our connection",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Handshake => "the TLS handshake",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Block => "a part of the body",
            Self::End => "the end of the body",
            Self::Reset => "RSET",
            Self::Quit => "QUIT",
        })
    }
}
