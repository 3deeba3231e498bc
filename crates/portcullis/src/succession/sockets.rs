//! Listening sockets that outlive the process which opened them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use world::{BoxFuture, Listener, Net, OsNet, Stream};

/// The network of the operating system, in which some places to listen were inherited, and all can be handed on.
#[derive(Default)]
pub struct Sockets {
    inherited: Mutex<Vec<Shared>>,
    /// What we listen on. As long as one process has a socket, no connection that waits in it is lost.
    held: Mutex<Vec<Shared>>,
}

/// A listening socket, with the address that was asked for (its port may have been the system's choice).
#[derive(Debug)]
pub struct Shared {
    /// As the configuration has it.
    pub asked: SocketAddr,
    /// The socket.
    pub socket: OwnedFd,
}

impl Sockets {
    /// With these to begin with.
    #[must_use]
    pub fn inheriting(inherited: Vec<Shared>) -> Self {
        Self {
            inherited: Mutex::new(inherited),
            held: Mutex::default(),
        }
    }

    /// All that is listened on, once more.
    ///
    /// # Errors
    /// The process has no more file descriptors.
    pub fn share(&self) -> io::Result<Vec<Shared>> {
        let held = self.held.lock();
        let again = held.iter().map(|one| {
            Ok(Shared {
                asked: one.asked,
                socket: one.socket.try_clone()?,
            })
        });
        again.collect()
    }

    /// Forgets what was inherited and nobody wanted: the configuration has no such place any more.
    pub fn forget_unwanted(&self) {
        self.inherited.lock().clear();
    }

    /// Closes our ends: whoever still listens has a descriptor of its own.
    pub fn let_go(&self) {
        self.held.lock().clear();
    }

    fn inherit(&self, asked: SocketAddr) -> Option<OwnedFd> {
        let mut inherited = self.inherited.lock();
        let at = inherited.iter().position(|one| one.asked == asked)?;
        Some(inherited.remove(at).socket)
    }
}

/// A descriptor as a listener of ours.
fn listener(socket: OwnedFd) -> io::Result<Box<dyn Listener>> {
    let socket = std::net::TcpListener::from(socket);
    socket.set_nonblocking(true)?;
    Ok(Box::new(TcpListener::from_std(socket)?))
}

impl Net for Sockets {
    fn listen(&self, at: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let listening = match self.inherit(at) {
                Some(socket) => listener(socket)?,
                None => OsNet.listen(at).await?,
            };
            let socket = listening.share()?;
            self.held.lock().push(Shared { asked: at, socket });
            Ok(listening)
        })
    }

    fn connect(&self, to: SocketAddr, from: Option<IpAddr>) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        OsNet.connect(to, from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_waits_is_served_by_whoever_inherits_the_socket() {
        let asked = "127.0.0.1:0".parse().unwrap();
        let first = Sockets::default();
        let listening = first.listen(asked).await.unwrap();
        let at = listening.local_addr().unwrap();
        let second = Sockets::inheriting(first.share().unwrap());
        let _waiting = tokio::net::TcpStream::connect(at).await.unwrap();
        drop(listening);
        first.let_go();
        let inherited = second.listen(asked).await.unwrap();
        assert_eq!(inherited.local_addr().unwrap(), at);
        inherited.accept().await.unwrap();
        // Asked for once more, the same address is a new place.
        assert_ne!(second.listen(asked).await.unwrap().local_addr().unwrap(), at);
        assert_eq!(second.share().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_place_that_nobody_wants_any_more_is_closed() {
        let first = Sockets::default();
        let at = {
            let listening = first.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
            listening.local_addr().unwrap()
        };
        let second = Sockets::inheriting(first.share().unwrap());
        first.let_go();
        assert!(tokio::net::TcpStream::connect(at).await.is_ok());
        second.forget_unwanted();
        assert!(tokio::net::TcpStream::connect(at).await.is_err());
    }
}
