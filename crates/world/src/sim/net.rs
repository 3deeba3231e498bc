//! A network in memory.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::link::{Doom, Link, Nature};
use crate::{BoxFuture, Listener, Net, Stream};

/// Octets that one direction of a connection holds until they are read.
const WINDOW_OCTETS: usize = 64 * 1024;
/// The port that the first socket without a wish gets.
const FIRST_FREE_PORT: u16 = 40_000;

/// A network of its own: any address can be listened at and connected from. Cloning shares it.
///
/// Connecting where nobody listens is refused. Octets arrive in order, at once or after a latency; faults strike the
/// connections begun while they are set. Nothing here is random: the same calls give the same events.
#[derive(Clone, Default)]
pub struct SimNet {
    inner: Arc<Mutex<Inner>>,
}

/// What befalls connections to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They are refused, although somebody listens.
    Refuse,
    /// Nobody answers: connecting never ends.
    Hang,
    /// They are reset once this many octets have gone through, both directions together.
    ResetAfter(usize),
    /// They fall silent once this many octets have gone through: nothing arrives any more, nothing fails.
    StallAfter(usize),
}

#[derive(Default)]
struct Inner {
    listeners: BTreeMap<SocketAddr, Arc<Queue>>,
    faults: BTreeMap<SocketAddr, Fault>,
    ports_given: u16,
    latency: Duration,
    window: Option<usize>,
}

#[derive(Default)]
struct Queue {
    arrived: Mutex<VecDeque<(Box<dyn Stream>, SocketAddr)>>,
    notify: Notify,
}

impl SimNet {
    /// An empty network without latency.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How long octets are under way, for connections begun from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.inner().latency = latency;
    }

    /// How many octets one direction holds until they are read, for connections begun from now on.
    pub fn set_window(&self, octets: usize) {
        self.inner().window = Some(octets);
    }

    /// Sets or lifts the fault of an address, for connections begun from now on.
    pub fn set_fault(&self, at: SocketAddr, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.inner().faults.insert(at, fault),
            None => self.inner().faults.remove(&at),
        };
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn free_port(&mut self) -> u16 {
        let port = FIRST_FREE_PORT.saturating_add(self.ports_given % (u16::MAX - FIRST_FREE_PORT));
        self.ports_given = self.ports_given.wrapping_add(1);
        port
    }

    /// Who listens at `to`, by that address or by the unspecified one of its family.
    fn listener_of(&self, to: SocketAddr) -> Option<Arc<Queue>> {
        let anywhere = SocketAddr::new(unspecified(to.ip()), to.port());
        self.listeners
            .get(&to)
            .or_else(|| self.listeners.get(&anywhere))
            .cloned()
    }

    fn nature_of(&self, to: SocketAddr) -> Nature {
        let doom = match self.faults.get(&to) {
            Some(Fault::ResetAfter(octets)) => Some((*octets, Doom::Reset)),
            Some(Fault::StallAfter(octets)) => Some((*octets, Doom::Stall)),
            _ => None,
        };
        Nature {
            latency: self.latency,
            window: self.window.unwrap_or(WINDOW_OCTETS),
            doom,
        }
    }
}

fn unspecified(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    }
}

fn loopback(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() {
        Ipv4Addr::LOCALHOST.into()
    } else {
        Ipv6Addr::LOCALHOST.into()
    }
}

impl Net for SimNet {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let mut inner = self.inner();
            let mut at = at;
            if at.port() == 0 {
                at.set_port(inner.free_port());
            }
            if inner.listeners.contains_key(&at) {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            let queue = Arc::new(Queue::default());
            inner.listeners.insert(at, queue.clone());
            Ok(Box::new(SimListener {
                net: self.clone(),
                at,
                queue,
            }) as Box<dyn Listener>)
        })
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let latency = self.inner().latency;
            if !latency.is_zero() {
                tokio::time::sleep(latency * 2).await;
            }
            let fault = self.inner().faults.get(&to).copied();
            match fault {
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Refuse) => return Err(io::ErrorKind::ConnectionRefused.into()),
                _ => {}
            }
            let mut inner = self.inner();
            let queue = inner.listener_of(to).ok_or(io::ErrorKind::ConnectionRefused)?;
            let from = SocketAddr::new(from.unwrap_or(loopback(to.ip())), inner.free_port());
            let (near, far) = Link::pair(inner.nature_of(to), from, to);
            queue
                .arrived
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_back((Box::new(far), from));
            queue.notify.notify_one();
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

struct SimListener {
    net: SimNet,
    at: SocketAddr,
    queue: Arc<Queue>,
}

impl Listener for SimListener {
    fn accept(&self) -> BoxFuture<'_, io::Result<(Box<dyn Stream>, SocketAddr)>> {
        Box::pin(async move {
            loop {
                let next = self
                    .queue
                    .arrived
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .pop_front();
                match next {
                    Some(arrival) => return Ok(arrival),
                    None => self.queue.notify.notified().await,
                }
            }
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.at)
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.net.inner().listeners.remove(&self.at);
        // Connections nobody will accept any more are closed, so their clients do not wait for ever.
        self.queue
            .arrived
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn pair(net: &SimNet, at: SocketAddr) -> (Box<dyn Stream>, Box<dyn Stream>) {
        let listener = net.listen(at).await.unwrap();
        let client = net.connect(at, Some("203.0.113.9".parse().unwrap())).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        (client, server)
    }

    fn mx() -> SocketAddr {
        "192.0.2.1:25".parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn octets_go_both_ways_and_the_ends_know_their_addresses() {
        let (mut client, mut server) = pair(&SimNet::new(), mx()).await;
        assert_eq!(
            (client.peer_addr().unwrap(), server.local_addr().unwrap()),
            (mx(), mx())
        );
        assert_eq!(
            server.peer_addr().unwrap().ip(),
            "203.0.113.9".parse::<IpAddr>().unwrap()
        );
        client.write_all(b"EHLO").await.unwrap();
        client.shutdown().await.unwrap();
        server.write_all(b"250 still heard").await.unwrap();
        server.read_to_end(&mut Vec::new()).await.unwrap();
        drop(server);
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "250 still heard");
    }

    #[tokio::test(start_paused = true)]
    async fn connecting_where_nobody_listens_is_refused() {
        let net = SimNet::new();
        let refused = net.connect(mx(), None).await.err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        drop(pair(&net, mx()).await);
        assert!(net.connect(mx(), None).await.is_err(), "the listener is gone");
    }

    #[tokio::test(start_paused = true)]
    async fn the_unspecified_address_hears_every_address_of_its_family() {
        let net = SimNet::new();
        let listener = net.listen("0.0.0.0:0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(
            net.connect(SocketAddr::new("198.51.100.7".parse().unwrap(), port), None)
                .await
                .is_ok()
        );
        assert!(
            net.connect(SocketAddr::new("::1".parse().unwrap(), port), None)
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn latency_delays_and_keeps_the_order() {
        let net = SimNet::new();
        net.set_latency(Duration::from_millis(50));
        let begun = tokio::time::Instant::now();
        let (mut client, mut server) = pair(&net, mx()).await;
        client.write_all(b"ab").await.unwrap();
        client.write_all(b"cd").await.unwrap();
        let mut heard = [0u8; 4];
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!((&heard, begun.elapsed()), (b"abcd", Duration::from_millis(150)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_window_holds_the_writer_until_somebody_reads() {
        let net = SimNet::new();
        net.set_window(4);
        let (mut client, mut server) = pair(&net, mx()).await;
        let writing = tokio::spawn(async move { client.write_all(b"0123456789").await });
        let mut heard = Vec::new();
        server.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"0123456789");
        writing.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn faults_reset_and_silence() {
        let net = SimNet::new();
        net.set_fault(mx(), Some(Fault::ResetAfter(3)));
        let (mut client, mut server) = pair(&net, mx()).await;
        client.write_all(b"abc").await.unwrap();
        let mut heard = Vec::new();
        assert_eq!(
            server.read_to_end(&mut heard).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionReset
        );
        assert_eq!(
            client.write(b"d").await.unwrap_err().kind(),
            io::ErrorKind::ConnectionReset
        );

        net.set_fault(mx(), Some(Fault::StallAfter(3)));
        let (mut client, mut server) = pair(&net, mx()).await;
        client.write_all(b"abc").await.unwrap();
        client.write_all(b"never heard").await.unwrap();
        let silence = tokio::time::timeout(Duration::from_secs(60), server.read_to_end(&mut heard)).await;
        assert!(silence.is_err());
        assert_eq!(heard, b"abcabc");

        net.set_fault(mx(), Some(Fault::Hang));
        assert!(
            tokio::time::timeout(Duration::from_secs(60), net.connect(mx(), None))
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn closing_with_octets_unread_resets_what_was_said_after_it_is_heard() {
        let (mut client, mut server) = pair(&SimNet::new(), mx()).await;
        client.write_all(b"junk").await.unwrap();
        server.write_all(b"554 no").await.unwrap();
        drop(server);
        let mut heard = Vec::new();
        assert_eq!(
            client.read_to_end(&mut heard).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionReset
        );
        assert_eq!(heard, b"554 no");
    }
}
