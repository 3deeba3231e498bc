//! What is true of a connection, and of the transaction on it.

use mail::{Mechanisms, Tolerances};

use super::body::Body;
use super::{HelloVerb, ServerConfig, Transport};

/// What the client has said and shown so far.
#[derive(Debug)]
pub(super) struct Session {
    /// Whether the connection is under TLS.
    pub(super) secure: bool,
    pub(super) hello: Option<HelloVerb>,
    pub(super) authenticated: bool,
    /// The mechanisms it may use, known since its greeting.
    pub(super) mechanisms: Mechanisms,
    /// What is tolerated now.
    pub(super) tolerances: Tolerances,
    /// What the client's address alone has tolerated: TLS resets to it.
    greeted_with: Tolerances,
    pub(super) errors: u32,
    pub(super) idle_commands: u32,
    pub(super) auth_failures: u32,
    /// Commands answered "not now" since the last message.
    pub(super) put_off: u32,
    /// Octets of refused chunks since the last MAIL that was taken.
    pub(super) swallowed: u64,
    pub(super) messages: u32,
    /// Whether MAIL was refused: the rest of the pipelined group fails for that one reason.
    pub(super) mail_refused: bool,
}

impl Session {
    pub(super) fn new(transport: Transport) -> Self {
        Self {
            secure: transport == Transport::ImplicitTls,
            hello: None,
            authenticated: false,
            mechanisms: Mechanisms::NONE,
            tolerances: Tolerances::NONE,
            greeted_with: Tolerances::NONE,
            errors: 0,
            idle_commands: 0,
            auth_failures: 0,
            put_off: 0,
            swallowed: 0,
            messages: 0,
            mail_refused: false,
        }
    }

    pub(super) fn greet(&mut self, tolerances: Tolerances) {
        self.tolerances = tolerances;
        self.greeted_with = tolerances;
    }

    /// What was learned in the clear is forgotten (RFC 3207 §4.2); faults are not.
    pub(super) fn secure(&mut self) {
        self.secure = true;
        self.hello = None;
        self.authenticated = false;
        self.mechanisms = Mechanisms::NONE;
        self.tolerances = self.greeted_with;
        self.mail_refused = false;
    }

    pub(super) fn may_start_tls(&self, config: &ServerConfig) -> bool {
        config.offer.starttls && !self.secure && !self.tolerances.no_starttls_advertised
    }

    /// A message was accepted: the client is worth our patience.
    pub(super) fn note_message(&mut self) {
        self.messages = self.messages.saturating_add(1);
        self.errors = 0;
        self.idle_commands = 0;
        self.put_off = 0;
    }
}

/// From an accepted MAIL to the end of the body, or RSET.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) smtputf8: bool,
    pub(super) recipients_asked: u32,
    pub(super) recipients_accepted: u32,
    pub(super) recipients_beyond: u32,
    /// The body, between two chunks of it.
    pub(super) chunked: Option<Body>,
}
