//! A name server that hears questions and does not answer, until it wakes up and knows no name at all.

use std::net::{SocketAddr, UdpSocket};

use tokio::runtime::Runtime;

/// Header and question of a DNS message (RFC 1035 §4.1): the question begins at octet 12.
const QUESTION: usize = 12;

/// Binds one that is silent.
pub fn silent() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Answers everything from now on, also what was asked long ago: there is no such name.
pub fn wake(runtime: &Runtime, socket: UdpSocket) {
    socket.set_nonblocking(true).unwrap();
    let _inside = runtime.enter();
    let socket = tokio::net::UdpSocket::from_std(socket).unwrap();
    runtime.spawn(async move {
        let mut message = [0; 1500];
        while let Ok((octets, from)) = socket.recv_from(&mut message).await {
            if let Some(answer) = no_such_name(&message[..octets]) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
}

/// The question again, as an answer with NXDOMAIN.
fn no_such_name(question: &[u8]) -> Option<Vec<u8>> {
    let name = question.get(QUESTION..)?.iter().position(|octet| *octet == 0)?;
    // The name's last octet, type and class.
    let mut answer = question.get(..QUESTION + name + 1 + 4)?.to_vec();
    // QR, RD; RA, NXDOMAIN; one question, nothing else.
    answer[2..12].copy_from_slice(&[0x81, 0x83, 0, 1, 0, 0, 0, 0, 0, 0]);
    Some(answer)
}
