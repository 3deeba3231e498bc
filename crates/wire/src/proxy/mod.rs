//! The PROXY protocol, versions 1 and 2: who a declared proxy says the client is.

mod accept;
mod header;

pub use accept::{Proxied, accept_proxied};
pub use header::{ProxyError, ProxyHeader, parse_proxy_header};
