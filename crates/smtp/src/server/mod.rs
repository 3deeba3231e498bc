//! The server's side of the dialogue.

mod config;
mod question;

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

pub use config::{AuthOffer, Dialect, Limits, Offer, ServerConfig, Timeouts};
pub use question::{
    Answer, BodyVia, CloseReason, Event, HelloVerb, Mechanism, Mended, Question, Step, Timer, Transport, Violation,
};

/// One connection.
pub struct Server {
    output: BytesMut,
}

impl Server {
    /// A connection that was just accepted. Instants are durations since any fixed point, and never go back.
    #[must_use]
    pub fn new(_config: Arc<ServerConfig>, _transport: Transport, _now: Duration) -> Self {
        Self { output: BytesMut::new() }
    }

    /// Takes what it can from `input` and says what is next. Call it again and again until [`Step::Wait`].
    pub fn poll(&mut self, _input: &mut BytesMut, _now: Duration) -> Step {
        Step::Wait
    }

    /// The answer to the last [`Step::Ask`].
    pub fn answer(&mut self, _answer: Answer, _now: Duration) {}

    /// Octets to be written; the driver drains them. Replies to a pipelined group gather here.
    pub fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// When [`Server::handle_timeout`] wants to be called next, and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Duration, Timer)> {
        None
    }

    /// The deadline has come. Poll afterwards.
    pub fn handle_timeout(&mut self, _now: Duration) {}

    /// The client closed its side. Poll afterwards: what already came is still answered.
    pub fn handle_eof(&mut self) {}

    /// The handshake asked for by [`Step::StartTls`] is done. All that was said before is forgotten (RFC 3207 §4.2).
    pub fn tls_established(&mut self, _now: Duration) {}

    /// Ends the connection with 421 4.3.2 at the next fitting moment: a body that is coming in is finished first.
    pub fn shut_down(&mut self, _now: Duration) {}
}
