//! Ports that judgement's neighbours fill: who proves identities, and who counts.
//!
//! They are declared here because both the configuration file and the registry fill them, and the gates see neither.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use mail::{Mechanism, Mechanisms};

use crate::basis::Name;

/// A future behind a pointer; this crate knows no runtime.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who a client has proved to be: the name of a login, to which at most one grant is bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(pub Arc<str>);

/// What is known of a client that wants to log in.
#[derive(Clone, Debug)]
pub struct AuthContext {
    /// Where it comes from.
    pub client: IpAddr,
    /// The listener it came to.
    pub listener: Name,
    /// Channel-binding octets of the TLS session (RFC 9266), where the version gives any.
    pub channel_binding: Option<Vec<u8>>,
}

/// What an exchange says after a response of the client.
pub enum AuthStep {
    /// Send this challenge and come back with the response.
    Challenge(Vec<u8>),
    /// It is who it says.
    Proved(Principal),
    /// It is not, or may not; the client is told the same in either case (RFC 4954 §4, 535 5.7.8).
    Refused(AuthRefusal),
}

/// Why a login was refused; for the log, never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthRefusal {
    /// No such login.
    UnknownLogin,
    /// The secret is wrong.
    WrongSecret,
    /// The response does not follow the mechanism.
    Malformed,
    /// The secret is right, but no grant is bound to the login.
    WithoutGrant,
    /// It failed by a mechanism that not every login can be proved by; another one is offered next time.
    OtherMechanism,
    /// Too many failures in a row: the login is stopped, right or wrong, until somebody has looked.
    Stopped,
    /// Too many failures; wait.
    LockedOut,
    /// Whoever knows cannot be asked now.
    Unavailable,
}

/// Proves identities. Rounds are asynchronous: a directory or a password hash takes its time.
pub trait Authenticator: Send + Sync + 'static {
    /// The mechanisms that are of use at the moment, to whoever comes from there.
    fn mechanisms(&self, client: IpAddr) -> Mechanisms;
    /// Begins an exchange.
    fn begin(&self, mechanism: Mechanism, context: AuthContext) -> Box<dyn AuthExchange>;
}

/// One exchange with one client.
pub trait AuthExchange: Send {
    /// Takes the client's response (`None`: it sent no initial response) and says what is next.
    fn step(&mut self, response: Option<Vec<u8>>) -> BoxFuture<'_, AuthStep>;
    /// The login the client wants to prove, as far as it has said; a stranger's text, for the record alone.
    fn claimed(&self) -> Option<&str> {
        None
    }
    /// Hears that what it proved leads to no grant, and takes as long as it takes over a wrong secret.
    fn turned_down(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// Where a use stands against a grant's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// Below every limit.
    Within,
    /// Above a limit, below the hard cap.
    Soft,
    /// Above the hard cap.
    Hard,
}

/// What is about to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Demand {
    /// Messages.
    pub messages: u32,
    /// Recipients.
    pub recipients: u32,
    /// Octets.
    pub octets: u64,
}

/// Counts what a grant (or an address of the outside) uses. Atomic: two sessions never both get the last place.
pub trait Limits: Send + Sync + 'static {
    /// Takes `demand` from what `who` has left. `Hard` takes nothing.
    fn reserve(&self, who: &Name, limits: &crate::LimitSpec, demand: Demand) -> Usage;
    /// Gives back what was reserved and not used; `usage` is what [`reserve`](Self::reserve) said to it.
    fn release(&self, who: &Name, demand: Demand, usage: Usage);
}
