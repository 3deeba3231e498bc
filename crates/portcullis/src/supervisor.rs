//! Tells a supervisor that waits for it (systemd's `Type=notify`) how far we are.
//!
//! The protocol is one datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names; where it names none, nobody
//! waits and nothing is said.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Mail is taken.
    Ready,
    /// The end has begun.
    Stopping,
    /// This process is the service from now on.
    MainProcess(u32),
}

/// Says it. A supervisor that does not listen misses something, and mail goes on.
pub fn tell(word: Word) {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    if let Err(error) = send(&place, &text(word)) {
        tracing::warn!(event = "supervisor.deaf", %error, "the service manager could not be told");
    }
}

fn text(word: Word) -> String {
    match word {
        Word::Ready => "READY=1".to_owned(),
        Word::Stopping => "STOPPING=1".to_owned(),
        Word::MainProcess(pid) => format!("MAINPID={pid}"),
    }
}

fn send(place: &OsString, text: &str) -> std::io::Result<()> {
    let address = match place.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(place)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(text.as_bytes(), &address)
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_hears_it_at_a_path_and_at_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let at_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("portcullis-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        let at_name = UnixDatagram::bind_addr(&abstract_name).unwrap();
        for (socket, place) in [(at_path, path.into_os_string()), (at_name, format!("@{name}").into())] {
            send(&place, &text(Word::MainProcess(7))).unwrap();
            let mut heard = [0; 64];
            let octets = socket.recv(&mut heard).unwrap();
            assert_eq!(&heard[..octets], b"MAINPID=7");
        }
    }
}
