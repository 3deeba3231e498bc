//! The world outside of a gate: sinks that take mail, and a name server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use dns::testing::{TestDns, Zone};
use portcullis::sink::{Envelope, SinkConfig, messages};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use wire::{Asking, Identity, Shutdown, TlsServer};
use world::World;

use super::{Authority, Issuer, eventually};

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

    /// Where an issuer publishes its keys, over HTTPS with a certificate of this authority; the address.
    pub fn keys(&self, authority: &Authority, issuer: &Arc<Issuer>) -> String {
        let (chain, key) = authority.issue(&["127.0.0.1"]);
        let chain = CertificateDer::pem_slice_iter(chain.as_bytes())
            .map(Result::unwrap)
            .collect();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let listener = self.runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = issuer.clone();
        self.runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(publish(tls.clone(), stream, issuer.clone()));
            }
        });
        format!("https://{address}/keys.json")
    }

    /// A name server that knows this.
    pub fn dns(&self, zone: Zone) -> TestDns {
        self.runtime.block_on(TestDns::start(zone)).unwrap()
    }
}

/// Answers one request with the keys of this moment.
async fn publish(tls: TlsAcceptor, stream: TcpStream, issuer: Arc<Issuer>) -> std::io::Result<()> {
    let mut stream = BufReader::new(tls.accept(stream).await?);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let keys = issuer.keys();
    let length = keys.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{keys}");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
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
