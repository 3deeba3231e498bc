//! The successor's end: asks the gate that runs for its sockets, and relieves it.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::Deserialize;

use super::sockets::Shared;
use crate::control::{Asked, Request, Select};

/// How long the other gate may think about one line.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a gate that broke off may take to be gone, and how often we look.
const END: Duration = Duration::from_secs(5);
const GLANCE: Duration = Duration::from_millis(10);
/// Descriptors taken with one read at most; the kernel sends no more with one write of ours.
const DESCRIPTORS: usize = 8;
/// Octets of a line at most.
const LINE_OCTETS_MAX: usize = 1 << 20;

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// The gate that runs said no.
    #[error("the gate that runs does not hand over: {0}")]
    Refused(String),
    /// The conversation broke, or made no sense.
    #[error("the gate that runs could not be asked at {}: {}", .0.display(), .1)]
    Broken(PathBuf, io::Error),
}

/// The gate that runs, and is to be relieved. Dropping this leaves it at work.
pub struct Predecessor {
    stream: UnixStream,
    control: PathBuf,
    read: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
    /// What it says of itself.
    told: Told,
}

/// What a gate says when it hands over.
#[derive(Clone, Debug, Default, Deserialize)]
struct Told {
    pid: u32,
    version: String,
    suspended: Vec<Select>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Item(Place),
    Done(serde_json::Value),
    Refused(String),
}

#[derive(Deserialize)]
struct Place {
    asked: SocketAddr,
}

/// A predecessor that accepts nobody any more.
#[must_use = "it waits until this is dropped"]
pub struct Relieved(#[expect(dead_code, reason = "kept open, not read")] UnixStream);

/// Whether nobody answers there. The sockets of a process that was killed end one after the other, so whoever has just
/// broken off may still seem to answer for a moment. Blocks.
fn is_dead(control: &Path) -> bool {
    let until = Instant::now() + END;
    while UnixStream::connect(control).is_ok() {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(GLANCE);
    }
    true
}

/// Tells the gate that runs why nothing came of its successor.
pub struct Voice(UnixStream);

impl Voice {
    /// Says why. Blocks.
    pub fn give_up(mut self, why: String) {
        // It notices as well when nobody speaks any more; only the reason is then missing.
        let _ = say(&mut self.0, Asked::GiveUp { why });
    }
}

fn say(stream: &mut UnixStream, asked: Asked) -> io::Result<()> {
    let mut line = serde_json::to_vec(&Request { operator: None, asked })?;
    line.push(b'\n');
    stream.write_all(&line)
}

impl Predecessor {
    /// The gate that answers at `control`, with its listening sockets; `None` where none does. Blocks.
    ///
    /// # Errors
    /// See [`TakeOverError`].
    pub fn find(control: &Path) -> Result<Option<(Self, Vec<Shared>)>, TakeOverError> {
        let broken = |error| TakeOverError::Broken(control.to_owned(), error);
        let stream = match UnixStream::connect(control) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(broken(error)),
        };
        let mut found = Self {
            stream,
            control: control.to_owned(),
            read: Vec::new(),
            descriptors: VecDeque::new(),
            told: Told::default(),
        };
        match found.ask_for_sockets() {
            Ok(sockets) => Ok(Some((found, sockets?))),
            // It died while it was asked.
            Err(_) if is_dead(control) => Ok(None),
            Err(error) => Err(broken(error)),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.told.pid
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.told.version
    }

    /// Where it is reached.
    #[must_use]
    pub fn control(&self) -> &Path {
        &self.control
    }

    /// What it does not deliver because an operator said so: that holds for its successor as well.
    #[must_use]
    pub fn suspended(&self) -> &[Select] {
        &self.told.suspended
    }

    /// Says that the successor serves: from now on the other gate accepts nobody. Blocks.
    ///
    /// # Errors
    /// It lives and did not agree, so it goes on; the successor must not. A gate that has died meanwhile is no error.
    ///
    /// The other gate tells whoever asked for a successor that all is done when [`Relieved`] is dropped.
    pub fn relieve(mut self, grace: Duration) -> Result<Relieved, TakeOverError> {
        let asked = Asked::Relieve {
            grace_secs: grace.as_secs(),
        };
        let answered = self.say(asked).and_then(|()| self.line());
        match answered {
            Ok(Line::Done(_)) => Ok(Relieved(self.stream)),
            Ok(Line::Refused(why)) => Err(TakeOverError::Refused(why)),
            Ok(Line::Item(_)) => Err(TakeOverError::Broken(self.control, io::ErrorKind::InvalidData.into())),
            // Two gates behind the same sockets would never notice each other.
            Err(error) if !is_dead(&self.control) => Err(TakeOverError::Broken(self.control, error)),
            Err(error) => {
                tracing::warn!(event = "upgrade.predecessor_gone", pid = self.told.pid, %error, "the former gate is dead");
                Ok(Relieved(self.stream))
            }
        }
    }

    /// Something to say the last word with, wherever the rest of this has gone by then.
    ///
    /// # Errors
    /// The process has no more file descriptors.
    pub fn voice(&self) -> io::Result<Voice> {
        Ok(Voice(self.stream.try_clone()?))
    }

    fn ask_for_sockets(&mut self) -> io::Result<Result<Vec<Shared>, TakeOverError>> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        self.say(Asked::HandOver {
            pid: std::process::id(),
            version: crate::version::version().to_owned(),
        })?;
        let mut sockets = Vec::new();
        loop {
            match self.line()? {
                Line::Item(Place { asked }) => {
                    let socket = self.descriptors.pop_front().ok_or(io::ErrorKind::InvalidData)?;
                    sockets.push(Shared { asked, socket });
                }
                Line::Done(told) => {
                    self.told = serde_json::from_value(told)?;
                    return Ok(Ok(sockets));
                }
                Line::Refused(why) => return Ok(Err(TakeOverError::Refused(why))),
            }
        }
    }

    fn say(&mut self, asked: Asked) -> io::Result<()> {
        say(&mut self.stream, asked)
    }

    fn line(&mut self) -> io::Result<Line> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.read) {
                let line = self.read.drain(..=end).collect::<Vec<u8>>();
                return Ok(serde_json::from_slice(&line)?);
            }
            if self.read.len() > LINE_OCTETS_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.receive()?;
        }
    }

    /// Reads once: octets, and the descriptors that travel with them.
    fn receive(&mut self) -> io::Result<()> {
        let mut octets = [0u8; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = rustix::io::retry_on_intr(|| {
            recvmsg(
                &self.stream,
                &mut [IoSliceMut::new(&mut octets)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
        })?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read
            .extend_from_slice(octets.get(..received.bytes).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_gate_whose_sockets_end_one_after_the_other_is_dead() {
        let folder = tempfile::tempdir().unwrap();
        let control = folder.path().join("control.sock");
        let listener = UnixListener::bind(&control).unwrap();
        let ending = std::thread::spawn(move || {
            // It has looked once, and somebody seemed to be there.
            drop(listener.accept().unwrap());
            drop(listener);
        });
        assert!(is_dead(&control));
        ending.join().unwrap();
    }
}
