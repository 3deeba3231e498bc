//! Sockets and TLS under the SMTP dialogue.
//!
//! Responsible for: feeding octets and time to [`smtp::server::Server`] ([`drive_server`]) and
//! [`smtp::client::Client`] ([`Connection`]); TLS on both sides ([`TlsServer`], [`TlsClient`]); the PROXY protocol
//! ([`accept_proxied`]); what a TLS handshake proved and why it failed.
//!
//! Refuses to know: what any answer should be, who may do what, which host is the right one. Certificates of clients
//! are proved to be theirs and handed on; whether they open a door is judged elsewhere.
//!
//! On the way in the letter goes next to whoever implements [`SessionHandler`]; on the way out it leaves the house here.

mod alarm;
mod channel;
mod connection;
mod crowd;
mod lookout;
mod posted;
mod proxy;
mod serve;
mod shutdown;
mod tls;

pub use connection::{BodyError, BodySource, Connection, ConnectionError, Dial, WholeBody};
pub use crowd::{Crowd, CrowdSign};
pub use proxy::{Proxied, ProxyError, ProxyHeader, accept_proxied, parse_proxy_header};
pub use serve::{Asked, Ended, Patience, ServeConfig, SessionHandler, drive_server};
pub use shutdown::{Phase, Shutdown, ShutdownTrigger};
pub use tls::{
    Asking, Authorities, Authority, AuthorityError, Distrust, Identity, IdentityConcern, IdentityError,
    PeerCertificate, Roots, RootsError, TlsClient, TlsFacts, TlsFailure, TlsOutcome, TlsServer, TlsSetupError,
    TlsVersion, Trust, Verified, Vouched, names_for_clients,
};
