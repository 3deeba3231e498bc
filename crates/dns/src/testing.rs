//! A name server of a test's own, on loopback: UDP and TCP, on a port of the system's choice.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType, rdata};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use crate::reverse::reverse_name;
use crate::{DnsConfig, NameServer};

/// Seconds for which records may be remembered.
const TTL_SECS: u32 = 60;
/// Octets of a question over UDP.
const DATAGRAM_OCTETS: usize = 4096;

/// What a name server says. A name it does not mention does not exist.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    records: BTreeMap<Name, Vec<RData>>,
    moods: BTreeMap<Name, Mood>,
    secure: bool,
}

/// How a name is answered other than with its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    ServerFailure,
    Refused,
    Silent,
    TruncatedOverUdp,
}

/// A running name server; it ends when dropped.
pub struct TestDns {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Mutex<Vec<String>>>,
    tasks: [JoinHandle<()>; 2],
}

impl Zone {
    /// Nothing exists.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an MX record; `.` for the host makes it a null MX.
    #[must_use]
    pub fn mx(self, name: &str, preference: u16, host: &str) -> Self {
        self.record(name, RData::MX(rdata::MX::new(preference, fqdn(host))))
    }

    /// Adds an address.
    #[must_use]
    pub fn address(self, name: &str, address: IpAddr) -> Self {
        let data = match address {
            IpAddr::V4(v4) => RData::A(v4.into()),
            IpAddr::V6(v6) => RData::AAAA(v6.into()),
        };
        self.record(name, data)
    }

    /// Adds a TXT record of these strings.
    #[must_use]
    pub fn txt(self, name: &str, parts: &[&str]) -> Self {
        self.record(
            name,
            RData::TXT(rdata::TXT::new(parts.iter().map(|part| (*part).to_owned()).collect())),
        )
    }

    /// Adds an alias.
    #[must_use]
    pub fn cname(self, name: &str, target: &str) -> Self {
        self.record(name, RData::CNAME(rdata::CNAME(fqdn(target))))
    }

    /// Adds a name of an address.
    #[must_use]
    pub fn ptr(self, address: IpAddr, name: &str) -> Self {
        self.record(&reverse_name(address), RData::PTR(rdata::PTR(fqdn(name))))
    }

    /// Questions about this name end in SERVFAIL.
    #[must_use]
    pub fn server_failure(self, name: &str) -> Self {
        self.mood(name, Mood::ServerFailure)
    }

    /// Questions about this name are refused.
    #[must_use]
    pub fn refused(self, name: &str) -> Self {
        self.mood(name, Mood::Refused)
    }

    /// Questions about this name are never answered.
    #[must_use]
    pub fn silent(self, name: &str) -> Self {
        self.mood(name, Mood::Silent)
    }

    /// Answers about this name do not fit into a datagram: they say so, and come whole over TCP.
    #[must_use]
    pub fn truncated(self, name: &str) -> Self {
        self.mood(name, Mood::TruncatedOverUdp)
    }

    /// The server claims to have validated everything (AD) when asked whether it did.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    fn record(mut self, name: &str, data: RData) -> Self {
        self.records.entry(fqdn(name)).or_default().push(data);
        self
    }

    fn mood(mut self, name: &str, mood: Mood) -> Self {
        self.moods.insert(fqdn(name), mood);
        self
    }

    /// The answer to a question; `None` for silence.
    fn answer(&self, question: &Message, over: Over) -> Option<Message> {
        let query = question.queries.first()?;
        let name = query.name().to_lowercase();
        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.metadata.authentic_data = self.secure && question.metadata.authentic_data;
        answer.edns.clone_from(&question.edns);
        // The question is given back in the case it came in.
        answer.add_query(query.clone());
        match (self.moods.get(&name), over) {
            (Some(Mood::Silent), _) => return None,
            (Some(Mood::ServerFailure), _) => answer.metadata.response_code = ResponseCode::ServFail,
            (Some(Mood::Refused), _) => answer.metadata.response_code = ResponseCode::Refused,
            (Some(Mood::TruncatedOverUdp), Over::Udp) => answer.metadata.truncation = true,
            (Some(Mood::TruncatedOverUdp), Over::Tcp) | (None, _) => self.fill(&mut answer, &name, query.query_type()),
        }
        Some(answer)
    }

    /// Puts in what is known, one alias followed as a recursive server would.
    fn fill(&self, answer: &mut Message, name: &Name, kind: RecordType) {
        let Some(known) = self.records.get(name) else {
            answer.metadata.response_code = ResponseCode::NXDomain;
            return;
        };
        let alias = known.iter().find_map(|data| match data {
            RData::CNAME(target) => Some(target.0.clone()),
            _ => None,
        });
        for data in known
            .iter()
            .filter(|data| data.record_type() == kind || alias.is_some())
        {
            answer.add_answers([Record::from_rdata(name.clone(), TTL_SECS, data.clone())]);
        }
        let Some(alias) = alias else { return };
        let target = self.records.get(&alias).into_iter().flatten();
        for data in target.filter(|data| data.record_type() == kind) {
            answer.add_answers([Record::from_rdata(alias.clone(), TTL_SECS, data.clone())]);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Udp,
    Tcp,
}

impl TestDns {
    /// Starts a server on 127.0.0.1.
    pub async fn start(zone: Zone) -> io::Result<Self> {
        let (udp, tcp) = bind().await?;
        let address = udp.local_addr()?;
        let zone = Arc::new(Mutex::new(zone));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let tasks = [
            tokio::spawn(serve_udp(udp, zone.clone(), asked.clone())),
            tokio::spawn(serve_tcp(tcp, zone.clone(), asked.clone())),
        ];
        Ok(Self {
            address,
            zone,
            asked,
            tasks,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A configuration that asks this server alone and believes what it says about security.
    #[must_use]
    pub fn config(&self) -> DnsConfig {
        DnsConfig {
            servers: vec![NameServer {
                address: self.address,
                trust_ad: true,
            }],
            ..DnsConfig::default()
        }
    }

    /// Replaces what it says.
    pub fn set_zone(&self, zone: Zone) {
        *self.zone.lock() = zone;
    }

    /// The questions asked so far, such as `udp example.org. MX`.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }
}

impl Drop for TestDns {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// UDP and TCP on one port. Another process may hold the TCP one, so a few are tried.
async fn bind() -> io::Result<(UdpSocket, TcpListener)> {
    let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..16 {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn respond(octets: &[u8], over: Over, zone: &Mutex<Zone>, asked: &Mutex<Vec<String>>) -> Option<Vec<u8>> {
    let question = Message::from_vec(octets).ok()?;
    if let Some(query) = question.queries.first() {
        let word = if over == Over::Udp { "udp" } else { "tcp" };
        asked
            .lock()
            .push(format!("{word} {} {}", query.name().to_lowercase(), query.query_type()));
    }
    zone.lock().answer(&question, over)?.to_vec().ok()
}

async fn serve_udp(socket: UdpSocket, zone: Arc<Mutex<Zone>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut octets = [0u8; DATAGRAM_OCTETS];
    while let Ok((length, peer)) = socket.recv_from(&mut octets).await {
        let question = octets.get(..length).unwrap_or_default();
        if let Some(answer) = respond(question, Over::Udp, &zone, &asked) {
            // A resolver that is gone does not matter to the next one.
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Mutex<Zone>>, asked: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (zone, asked) = (zone.clone(), asked.clone());
        tokio::spawn(async move { serve_stream(stream, &zone, &asked).await });
    }
}

/// Messages behind their length, until the resolver closes (RFC 7766 §8).
async fn serve_stream(mut stream: TcpStream, zone: &Mutex<Zone>, asked: &Mutex<Vec<String>>) -> io::Result<()> {
    loop {
        let length = stream.read_u16().await?;
        let mut octets = vec![0; length.into()];
        stream.read_exact(&mut octets).await?;
        if let Some(answer) = respond(&octets, Over::Tcp, zone, asked) {
            stream
                .write_u16(u16::try_from(answer.len()).unwrap_or(u16::MAX))
                .await?;
            stream.write_all(&answer).await?;
        }
    }
}

/// A complete name; one that is none becomes the root, which no test asks for.
fn fqdn(name: &str) -> Name {
    let mut name = Name::from_ascii(name).unwrap_or_default().to_lowercase();
    name.set_fqdn(true);
    name
}
