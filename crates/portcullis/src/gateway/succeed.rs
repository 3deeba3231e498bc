//! Taking the place of a gate that runs, or making sure that none does.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use world::World;

use super::Writers;
use crate::config::Config;
use crate::control::{self, Prepared, Select, Socket};
use crate::succession::{GRACE, Place, Predecessor};

/// What a gate begins with.
pub struct Heritage {
    /// Where it stands: its sockets, and how it is followed.
    pub place: Place,
    /// The gate it relieves, where one runs.
    pub predecessor: Option<Predecessor>,
    /// How long that one's sessions may go on.
    pub grace: Duration,
}

impl Default for Heritage {
    /// Nobody came before, and nobody will follow.
    fn default() -> Self {
        Self {
            place: Place::default(),
            predecessor: None,
            grace: GRACE,
        }
    }
}

/// The control socket: ours from the start, or ready to be ours.
pub(super) enum Claim {
    Ours(Socket),
    Next(Prepared),
    /// A simulated gate has none.
    Nothing,
}

/// Takes the name of the control socket before anything else is opened, so that a second gate stops here; one that
/// relieves another takes it last.
pub(super) fn claim(
    config: &Config,
    world: &World,
    writers: Writers,
    predecessor: Option<&Predecessor>,
) -> anyhow::Result<Claim> {
    if writers == Writers::Tasks {
        return Ok(Claim::Nothing);
    }
    let path = control::path(&config.spool.dir);
    let failed = || format!("the control socket {} cannot be opened", path.display());
    let Some(predecessor) = predecessor else {
        world.disk.create_dir(&config.spool.dir).with_context(failed)?;
        return Ok(Claim::Ours(Socket::bind(&path).with_context(failed)?));
    };
    demand_same_spool(&path, predecessor.control())?;
    Ok(Claim::Next(Socket::prepare(&path).with_context(failed)?))
}

fn demand_same_spool(ours: &Path, theirs: &Path) -> anyhow::Result<()> {
    let same = ours == theirs || ours.canonicalize().ok() == theirs.canonicalize().ok();
    anyhow::ensure!(
        same,
        "the spool cannot be moved while another gate takes over: this configuration reaches it at {}, the gate that \
        runs is at {}; stop that one, move the folder, and start again",
        ours.display(),
        theirs.display()
    );
    Ok(())
}

/// What an operator has suspended at the predecessor is suspended here before anything is delivered.
pub(super) async fn suspend_as(
    told: &[Select],
    dispatch: &spool::Dispatch,
    adopter: &Arc<spool::Adopter>,
) -> anyhow::Result<()> {
    for select in told {
        let selector = select.selector()?;
        dispatch.suspend(selector.clone()).await?;
        adopter.know_suspensions([selector]);
    }
    Ok(())
}

/// Tells the predecessor that we serve, and takes the name of its control socket.
pub(super) async fn relieve(
    claim: Claim,
    predecessor: Option<Predecessor>,
    grace: Duration,
) -> anyhow::Result<Option<Socket>> {
    // Dropped at the end: whoever asked for us is told when everything reaches us.
    let _relieved = match predecessor {
        Some(predecessor) => Some(tokio::task::spawn_blocking(move || predecessor.relieve(grace)).await??),
        None => None,
    };
    match claim {
        Claim::Nothing => Ok(None),
        Claim::Ours(socket) => Ok(Some(socket)),
        Claim::Next(prepared) => match prepared.publish() {
            Ok(socket) => Ok(Some(socket)),
            // The other one has gone already: mail goes on, and only commands do not reach us.
            Err(error) => {
                tracing::error!(event = "control.lost", %error, "the control socket could not be taken over; restart when convenient");
                Ok(None)
            }
        },
    }
}
