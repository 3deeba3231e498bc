//! The world outside of a gate: sinks that take mail, and a name server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use dns::testing::{TestDns, Zone};
use portcullis::sink::{Envelope, SinkConfig, messages};
use tokio::runtime::Runtime;
use wire::{Asking, Identity, Shutdown, TlsServer};
use world::World;

use super::{Authority, eventually};

/// Everything that is not the gate; it ends when dropped.
pub struct Outside {
    dir: tempfile::TempDir,
    runtime: Runtime,
}

/// A server that takes every message.
pub struct Sink {
    pub address: SocketAddr,
    dir: PathBuf,
    _running: portcullis::sink::Sink,
}

impl Outside {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self {
            dir: tempfile::tempdir().unwrap(),
            runtime,
        }
    }

    /// A sink on a port of the system's choice, without TLS.
    pub fn sink(&self, name: &str) -> Sink {
        self.sink_at(name, "127.0.0.1:0".parse().unwrap(), None).unwrap()
    }

    /// A sink that offers STARTTLS with a certificate for these names.
    pub fn sink_with_tls(&self, name: &str, authority: &Authority, names: &[&str]) -> Sink {
        let (chain, key) = authority.issue(names);
        let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
        let tls = TlsServer::new(vec![identity], Asking::No, World::real().clock).unwrap();
        self.sink_at(name, "127.0.0.1:0".parse().unwrap(), Some(Arc::new(tls)))
            .unwrap()
    }

    /// A sink at this address; an error where it cannot be had, as a port below 1024.
    pub fn sink_at(&self, name: &str, at: SocketAddr, tls: Option<Arc<TlsServer>>) -> std::io::Result<Sink> {
        let dir = self.dir.path().join(name);
        let hostname = format!("{name}.example.net").parse().unwrap();
        let config = SinkConfig {
            hostname,
            dir: dir.clone(),
            tls,
        };
        let running = self
            .runtime
            .block_on(async { portcullis::sink::Sink::start(config, at, &World::real(), Shutdown::never()).await })?;
        Ok(Sink {
            address: running.address(),
            dir,
            _running: running,
        })
    }

    /// A name server that knows this.
    pub fn dns(&self, zone: Zone) -> TestDns {
        self.runtime.block_on(TestDns::start(zone)).unwrap()
    }
}

impl Sink {
    /// What arrived so far.
    pub fn messages(&self) -> Vec<(Envelope, Vec<u8>)> {
        messages(&self.dir).unwrap()
    }

    /// Waits for the message with this subject.
    pub fn receive(&self, subject: &str) -> (Envelope, Vec<u8>) {
        eventually(&format!("the message {subject}"), || {
            let line = format!("\r\nSubject: {subject}\r\n");
            self.messages()
                .into_iter()
                .find(|(_, octets)| String::from_utf8_lossy(octets).contains(&line))
        })
    }
}
