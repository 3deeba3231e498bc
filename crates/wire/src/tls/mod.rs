//! TLS 1.2 and 1.3, on both sides.

mod authority;
mod client;
mod facts;
mod failure;
mod hello;
mod identity;
mod roots;
mod server;
mod subject;
mod verify;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::time_provider::TimeProvider;
use rustls_pki_types::UnixTime;
use world::Clock;

pub use authority::{Authorities, Authority, AuthorityError, Vouched};
pub use client::{TlsClient, TlsOutcome, Trust};
pub use facts::{PeerCertificate, TlsFacts, TlsVersion};
pub use failure::TlsFailure;
pub use identity::{Identity, IdentityConcern, IdentityError};
pub use roots::{Roots, RootsError};
pub use server::{Asking, TlsServer};
pub use subject::names_for_clients;
pub use verify::{Distrust, Verified};

/// TLS could not be set up; a fault of the library's build, never of a peer.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsSetupError(#[from] rustls::Error);

/// The one cryptographic provider. Named everywhere, so that no process-wide default decides for us.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Validity of certificates is judged by the world's calendar.
struct Calendar(Arc<dyn Clock>);

impl TimeProvider for Calendar {
    fn current_time(&self) -> Option<UnixTime> {
        moment(&*self.0)
    }
}

fn moment(clock: &dyn Clock) -> Option<UnixTime> {
    let millis = u64::try_from(clock.wall()).ok()?;
    Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Calendar")
    }
}
