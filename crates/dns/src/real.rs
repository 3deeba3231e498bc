//! The real resolver, over hickory.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts, ServerOrderingStrategy};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as HickoryDnsError, DnsHandle, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{NameServerPool, PoolContext, TlsConfig};
use mail::Domain;
use world::BoxFuture;

use crate::reverse::reverse_name;
use crate::{Answer, MxAnswer, Resolver, Trouble};

/// A name server to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameServer {
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
    /// Whether its word that an answer is secure (the AD bit) is believed. Only for a validating resolver that nobody
    /// can stand between, such as one on loopback.
    pub trust_ad: bool,
}

/// How lookups are made.
#[derive(Clone, Debug)]
pub struct DnsConfig {
    /// Asked in this order; the next one where one fails. Empty: those of `/etc/resolv.conf`.
    pub servers: Vec<NameServer>,
    /// How long one server may take for one question, retries over TCP included.
    pub timeout: Duration,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(5),
        }
    }
}

/// Why no resolver could be made.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The system's settings cannot be read and no server is configured.
    #[error("no name server is configured and /etc/resolv.conf cannot be used: {0}")]
    System(String),
    /// The library could not be set up.
    #[error("the resolver cannot be set up: {0}")]
    Setup(String),
}

/// Asks name servers.
pub struct RealResolver {
    servers: Vec<Server>,
}

/// One server, in a pool of its own: a pool of several would stop at the first SERVFAIL and reorder itself at misses.
struct Server {
    pool: NameServerPool<TokioRuntimeProvider>,
    trust_ad: bool,
}

impl RealResolver {
    /// A resolver. No packet is sent before the first question; to be made inside the runtime.
    pub fn new(config: &DnsConfig) -> Result<Self, DnsError> {
        let named = if config.servers.is_empty() {
            system_servers()?
        } else {
            config.servers.clone()
        };
        let mut servers = Vec::with_capacity(named.len());
        for server in named {
            let tls = TlsConfig::new().map_err(|error| DnsError::Setup(error.to_string()))?;
            let context = Arc::new(PoolContext::new(options(config.timeout), tls));
            let pool = NameServerPool::from_config([endpoint(server)], context, TokioRuntimeProvider::default());
            servers.push(Server {
                pool,
                trust_ad: server.trust_ad,
            });
        }
        Ok(Self { servers })
    }

    /// Asks one server after the other until one can tell.
    async fn lookup(&self, name: &str, kind: RecordType) -> Answer<Record> {
        // With the dot at its end the name is complete, whatever search list the system may have.
        let Ok(name) = Name::from_ascii(name) else {
            return Answer::Temporary(Trouble::Malformed);
        };
        let mut trouble = Trouble::Unreachable;
        for server in &self.servers {
            match server.ask(name.clone(), kind).await {
                Answer::Temporary(why) => trouble = why,
                answer => return answer,
            }
        }
        Answer::Temporary(trouble)
    }
}

impl Server {
    async fn ask(&self, name: Name, kind: RecordType) -> Answer<Record> {
        let mut request_options = DnsRequestOptions::default();
        request_options.use_edns = true;
        request_options.recursion_desired = true;
        let mut request = DnsRequest::from_query(Query::query(name, kind), request_options);
        // Asking with AD set makes a validating resolver say whether it could validate (RFC 6840 §5.7).
        request.metadata.authentic_data = self.trust_ad;
        match self.pool.send(request).next().await {
            Some(Ok(response)) => read(
                response.metadata.authentic_data && self.trust_ad,
                &response.answers,
                kind,
            ),
            Some(Err(error)) => absence_or_trouble(&error),
            None => Answer::Temporary(Trouble::Unreachable),
        }
    }
}

fn read(secure: bool, answers: &[Record], kind: RecordType) -> Answer<Record> {
    // Aliases on the way are followed by the name server; what counts is the kind that was asked for. Their TTLs count too.
    let Some(ttl) = answers.iter().map(|record| record.ttl).min() else {
        return Answer::NoRecords;
    };
    let records: Vec<Record> = answers
        .iter()
        .filter(|record| record.record_type() == kind)
        .cloned()
        .collect();
    if records.is_empty() {
        return Answer::NoRecords;
    }
    Answer::Found {
        records,
        ttl: Duration::from_secs(ttl.into()),
        secure,
    }
}

/// Only a name server's own word makes an absence; everything else is trouble.
fn absence_or_trouble(error: &NetError) -> Answer<Record> {
    match error {
        NetError::Dns(HickoryDnsError::NoRecordsFound(absence)) => match absence.response_code {
            ResponseCode::NXDomain => Answer::NoDomain,
            ResponseCode::NoError => Answer::NoRecords,
            ResponseCode::Refused => Answer::Temporary(Trouble::Refused),
            _ => Answer::Temporary(Trouble::ServerFailure),
        },
        NetError::Dns(HickoryDnsError::ResponseCode(ResponseCode::Refused)) => Answer::Temporary(Trouble::Refused),
        NetError::Dns(_) => Answer::Temporary(Trouble::ServerFailure),
        NetError::Timeout => Answer::Temporary(Trouble::Timeout),
        NetError::Proto(_) => Answer::Temporary(Trouble::Malformed),
        _ => Answer::Temporary(Trouble::Unreachable),
    }
}

fn options(timeout: Duration) -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = timeout;
    options.attempts = 2;
    options.cache_size = 0;
    options.num_concurrent_reqs = 1;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.case_randomization = true;
    options
}

fn endpoint(server: NameServer) -> NameServerConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = server.address.port();
    tcp.port = server.address.port();
    NameServerConfig::new(server.address.ip(), true, vec![udp, tcp])
}

/// The servers of `/etc/resolv.conf`; its search list and options are not for us.
fn system_servers() -> Result<Vec<NameServer>, DnsError> {
    let (config, _) =
        hickory_resolver::system_conf::read_system_conf().map_err(|error| DnsError::System(error.to_string()))?;
    let servers: Vec<NameServer> = config
        .name_servers()
        .iter()
        .map(|server| NameServer {
            address: SocketAddr::new(server.ip, 53),
            trust_ad: false,
        })
        .collect();
    if servers.is_empty() {
        return Err(DnsError::System("it names no server".to_owned()));
    }
    Ok(servers)
}

fn fqdn(domain: &Domain) -> String {
    format!("{domain}.")
}

/// A name of an answer; `None` where it is no domain name.
fn domain(name: &Name) -> Option<Domain> {
    Domain::parse(name.to_ascii().trim_end_matches('.')).ok()
}

impl Resolver for RealResolver {
    fn mx<'a>(&'a self, name: &'a Domain) -> BoxFuture<'a, MxAnswer> {
        Box::pin(async move {
            let answer = self.lookup(&fqdn(name), RecordType::MX).await;
            MxAnswer::read(answer.filter_map(|record| match record.data {
                RData::MX(mx) if mx.exchange.is_root() => Some((mx.preference, None)),
                RData::MX(mx) => Some((mx.preference, Some(domain(&mx.exchange)?))),
                _ => None,
            }))
        })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Answer<IpAddr>> {
        Box::pin(async move {
            let name = fqdn(host);
            let (v4, v6) = tokio::join!(
                biased;
                self.lookup(&name, RecordType::A),
                self.lookup(&name, RecordType::AAAA),
            );
            let address = |record: Record| match record.data {
                RData::A(a) => Some(IpAddr::V4(a.0)),
                RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
                _ => None,
            };
            v4.filter_map(address).and(v6.filter_map(address))
        })
    }

    fn txt<'a>(&'a self, name: &'a Domain) -> BoxFuture<'a, Answer<Vec<u8>>> {
        Box::pin(async move {
            self.lookup(&fqdn(name), RecordType::TXT)
                .await
                .filter_map(|record| match record.data {
                    RData::TXT(txt) => Some(txt.txt_data.iter().flat_map(|part| part.iter().copied()).collect()),
                    _ => None,
                })
        })
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Answer<Domain>> {
        Box::pin(async move {
            self.lookup(&reverse_name(address), RecordType::PTR)
                .await
                .filter_map(|record| match record.data {
                    RData::PTR(name) => domain(&name.0),
                    _ => None,
                })
        })
    }
}
