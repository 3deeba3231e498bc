//! The predecessor's end: who may follow, and how far that has come.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::Place;
use super::child::Child;
use super::sockets::Shared;

/// How long a successor may take from its start to its service.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

const ANOTHER: &str = "another successor is on its way; try again when that is decided";

/// How a gate is followed by another; cloning shares it.
#[derive(Clone)]
pub struct Succession {
    place: Place,
    /// The successor that is on its way: one at a time.
    underway: Arc<Mutex<Option<u32>>>,
    stage: watch::Sender<Stage>,
}

/// Who takes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
}

/// How a gate is relieved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relief {
    /// By whom.
    pub successor: Successor,
    /// How long the sessions that are open may go on.
    pub grace: Duration,
}

/// What came of successors so far.
#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Serving,
    /// The last one to try gave up.
    Failed(String),
    /// One serves.
    Relieved(Relief),
}

/// A successor that was given our sockets and does not serve yet. Dropping it leaves everything as it was.
pub struct Handing {
    succession: Succession,
    successor: Successor,
    outcome: Option<Stage>,
}

impl Succession {
    /// Nobody follows yet.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self {
            place,
            underway: Arc::default(),
            stage: watch::Sender::new(Stage::Serving),
        }
    }

    /// Waits until a successor serves.
    pub async fn relieved(&self) -> Relief {
        let mut stage = self.stage.subscribe();
        let reached = stage.wait_for(|stage| matches!(stage, Stage::Relieved(..))).await;
        match reached.map(|stage| stage.clone()) {
            Ok(Stage::Relieved(relief)) => relief,
            // We hold the sender.
            _ => std::future::pending().await,
        }
    }

    /// Closes our ends of the listening sockets.
    pub(crate) fn let_go(&self) {
        if let Some(sockets) = &self.place.sockets {
            sockets.let_go();
        }
    }

    /// Begins to hand over: the sockets are for the successor, and nothing has changed yet.
    pub(crate) fn hand_over(&self, successor: Successor) -> Result<(Handing, Vec<Shared>), String> {
        let sockets = self
            .place
            .sockets
            .as_ref()
            .ok_or("this gate cannot hand over its sockets")?;
        if matches!(*self.stage.borrow(), Stage::Relieved(..)) {
            return Err("it was relieved already and is about to end".to_owned());
        }
        let mut underway = self.underway.lock();
        if underway.is_some() {
            return Err(ANOTHER.to_owned());
        }
        let shared = sockets
            .share()
            .map_err(|error| format!("its sockets cannot be shared: {error}"))?;
        *underway = Some(successor.pid);
        let handing = Handing {
            succession: self.clone(),
            successor,
            outcome: None,
        };
        Ok((handing, shared))
    }

    /// Starts `binary`, or the program this gate was started from, and waits until it serves.
    pub(crate) async fn launch(&self, binary: Option<PathBuf>, grace: Duration) -> Result<Successor, String> {
        let Some(program) = &self.place.program else {
            return Err("this gate was not started from a file".to_owned());
        };
        if self.underway.lock().is_some() {
            return Err(ANOTHER.to_owned());
        }
        let mut stage = self.stage.subscribe();
        stage.mark_unchanged();
        let mut child = Child::start(&binary.unwrap_or_else(|| program.binary.clone()), program, grace)?;
        tokio::select! {
            biased;
            // The sender is ours.
            _ = stage.changed() => {}
            ended = child.ended() => {
                // What it said last may still be on its way to us; one that never asked for anything said nothing.
                let is_heard = *self.underway.lock() == Some(child.id());
                if !is_heard && !stage.has_changed().unwrap_or(false) {
                    return Err(format!("it {ended}; what it said is where the gate's standard error goes"));
                }
                let _ = stage.changed().await;
            }
            () = tokio::time::sleep(PATIENCE) => {
                child.kill();
                return Err(format!("it did not serve within {} s and was ended", PATIENCE.as_secs()));
            }
        }
        let reached = stage.borrow().clone();
        match reached {
            Stage::Relieved(relief) => {
                self.settled().await;
                Ok(relief.successor)
            }
            Stage::Failed(why) => {
                child.ended().await;
                Err(why)
            }
            Stage::Serving => Err("nothing came of it".to_owned()),
        }
    }

    /// Waits until no successor is on its way: one that serves has then taken everything it takes.
    pub(crate) async fn settled(&self) {
        let mut stage = self.stage.subscribe();
        // Its end is told to the stage behind this.
        while self.underway.lock().is_some() && stage.changed().await.is_ok() {}
    }
}

impl Handing {
    /// Whether anything came of it yet.
    pub(crate) fn is_undecided(&self) -> bool {
        self.outcome.is_none()
    }

    /// Who it is.
    pub(crate) fn successor(&self) -> &Successor {
        &self.successor
    }

    /// The successor serves. It is on its way until this is dropped.
    pub(crate) fn relieve(&mut self, grace: Duration) -> Successor {
        let successor = self.successor.clone();
        let relieved = Stage::Relieved(Relief {
            successor: successor.clone(),
            grace,
        });
        self.succession.stage.send_replace(relieved.clone());
        self.outcome = Some(relieved);
        successor
    }

    /// The successor does not serve, and says why.
    pub(crate) fn give_up(mut self, why: String) {
        self.outcome = Some(Stage::Failed(why));
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        let outcome = self.outcome.take();
        let failed = || Stage::Failed("the new program went away before it served".to_owned());
        *self.succession.underway.lock() = None;
        self.succession.stage.send_replace(outcome.unwrap_or_else(failed));
    }
}

/// Writes a line, and a descriptor with its first octet.
pub(crate) async fn send_with(stream: &mut UnixStream, line: &[u8], socket: impl AsFd) -> io::Result<()> {
    let sent = stream
        .async_io(Interest::WRITABLE, || {
            let descriptors = [socket.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            Ok(sendmsg(&*stream, &[IoSlice::new(line)], &mut ancillary, flags)?)
        })
        .await?;
    stream.write_all(line.get(sent..).unwrap_or_default()).await
}
