//! What this gate tries at its own doors counts against nobody.
//!
//! The relay self-test comes from loopback, as honest programs of this machine do. What it is refused would otherwise
//! count against them: too many messages in a minute, too many bad recipients in an hour. So it says with which socket it
//! comes, and neither is counted. Nothing else is different: judgement, the dialogue and the doors' other limits do not
//! know of it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

/// The sockets with which this gate is at its own doors now. Cloning shares them.
#[derive(Clone, Default)]
pub(crate) struct Errands(Arc<Mutex<BTreeSet<SocketAddr>>>);

/// One of them; forgotten when dropped.
pub struct Errand {
    errands: Errands,
    from: SocketAddr,
}

impl Errands {
    pub(crate) fn begin(&self, from: SocketAddr) -> Errand {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        self.0.lock().insert(from);
        Errand {
            errands: self.clone(),
            from,
        }
    }

    /// Whether this client is ourselves.
    pub(crate) fn has(&self, client: IpAddr, port: u16) -> bool {
        // Only loopback leads to ourselves, so that nobody else is ever looked for.
        client.is_loopback() && self.0.lock().contains(&SocketAddr::new(client, port))
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.errands.0.lock().remove(&self.from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_socket_that_was_named_is_ours_and_only_for_as_long_as_it_is_open() {
        let errands = Errands::default();
        let loopback: IpAddr = "::1".parse().unwrap();
        let errand = errands.begin(SocketAddr::new(loopback, 4000));
        assert!(errands.has(loopback, 4000));
        assert!(!errands.has(loopback, 4001));
        let elsewhere = errands.begin("192.0.2.1:4000".parse().unwrap());
        assert!(!errands.has("192.0.2.1".parse().unwrap(), 4000));
        drop((errand, elsewhere));
        assert!(!errands.has(loopback, 4000));
        let _mapped = errands.begin("[::ffff:127.0.0.2]:5".parse().unwrap());
        assert!(errands.has("127.0.0.2".parse().unwrap(), 5));
    }
}
