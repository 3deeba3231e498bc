//! What DNS says.
//!
//! Responsible for: the [`Resolver`] trait and its closed answers; the real resolver over configured name servers; a
//! literal one that reads a table; the cache between them and whoever asks.
//!
//! Refuses to know: what an answer is good for. A lookup that failed is [`Temporary`](Answer::Temporary) and never
//! looks like an absence, so nobody can take a silence for a permission.
//!
//! The letter meets this room twice: at the front gate, where names are evidence, and at the back, where `outbound`
//! asks where to bring it.

mod answer;
mod cache;
mod literal;
mod real;
mod reverse;
#[cfg(feature = "testing")]
pub mod testing;

use std::net::IpAddr;

use mail::Domain;
use world::BoxFuture;

pub use answer::{Answer, Mx, MxAnswer, Trouble};
pub use cache::Cached;
pub use literal::Literal;
pub use real::{DnsConfig, DnsError, NameServer, RealResolver};

/// Answers questions about names. Every name is taken as complete: no search list, no hosts file.
pub trait Resolver: Send + Sync + 'static {
    /// Who takes mail for a domain. A domain without MX records answers [`MxAnswer::NoRecords`]; that its addresses
    /// then stand in (RFC 5321 §5.1) is for the asker to know.
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, MxAnswer>;

    /// The addresses of a host, IPv4 and IPv6. Where one family answered and the other failed, those that came.
    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Answer<IpAddr>>;

    /// The TXT records of a name, each with its strings joined without anything between (RFC 7208 §3.3).
    fn txt<'a>(&'a self, name: &'a Domain) -> BoxFuture<'a, Answer<Vec<u8>>>;

    /// The names of an address.
    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Answer<Domain>>;
}
