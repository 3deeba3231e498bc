//! A network of the bench's own, in which nothing else speaks.
//!
//! Grants are never for 127.0.0.1, as a gate cannot know who sits behind its own address, and `smtp-source` neither
//! logs in nor chooses the address it comes from. So the bench runs where loopback is 127.0.0.2 first: a network
//! namespace that ends with it. The machine's own network is not touched. Where namespaces are not permitted (in some
//! containers), all loads come from our own generator, which chooses its address.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Where all loads come from.
pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Where generator, servers and sink meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// In one of their own.
    Own,
    /// On the machine's loopback.
    Shared,
}

const MARK: &str = "PORTCULLIS_BENCH_NETWORK";

const PREPARE: &str = "ip link set lo up && ip address del 127.0.0.1/8 dev lo 2>/dev/null; \
    ip address add 127.0.0.2/8 dev lo && exec \"$0\" \"$@\"";

/// Begins this program again in a network of its own, unless it is there already or may not have one.
///
/// `PORTCULLIS_BENCH_NETWORK=shared` asks for none.
pub fn enter() -> anyhow::Result<Network> {
    match std::env::var(MARK).as_deref() {
        Ok("own") => return Ok(Network::Own),
        Ok("shared") => return Ok(Network::Shared),
        _ => {}
    }
    let may = Command::new("unshare")
        .args(["--net", "ip", "link", "set", "lo", "up"])
        .stderr(Stdio::null())
        .status();
    if !may.is_ok_and(|status| status.success()) {
        return Ok(Network::Shared);
    }
    let mut again = Command::new("unshare");
    again
        .args(["--net", "sh", "-c", PREPARE])
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1));
    Err(again.env(MARK, "own").exec().into())
}
