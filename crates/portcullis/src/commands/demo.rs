//! `portcullis demo`: a complete small organisation on loopback.

use std::os::unix::fs::DirBuilderExt;
use std::process::ExitCode;

use world::Rng;

use crate::demo::{self, Wish};

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Run a complete small organisation on loopback, with nothing to install.\n\nStarts a gate with \
    an mx, a submission, a submissions and a relay listener, a stand-in for the internet and a department's own \
    server; sends one message along each way, tells each one's story, explains one refusal, lets a request become a \
    credential that works, and keeps running. With --once it ends, with status 0 only if every message arrived intact.\n\nIn its folder: demo.json says to scripts \
    where everything listens, who may send, and where messages arrive (it is there once the gate is open); \
    portcullis.toml is an ordinary configuration, also for `serve --config`.\n\nStatus 0: all is well. Status 1: a \
    message was lost or changed, or the one without a grant got through. Status 2: it could not begin."
)]
pub struct Args {
    /// Where its files go; a folder that is removed afterwards, unless named.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<std::path::PathBuf>,
    /// Ports are counted from here: mx P+25, submissions P+465, submission P+587, relay P+2525, submission behind
    /// a load balancer P+2587, health P+80, the outside world P+1025, the inside server P+1026.
    #[arg(long, value_name = "P", default_value_t = 20000)]
    pub base_port: u16,
    /// End after one message along each way.
    #[arg(long)]
    pub once: bool,
}

/// Runs the demo.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    super::show_troubles();
    let scratch = args
        .dir
        .is_none()
        .then(|| std::env::temp_dir().join(format!("portcullis-demo-{:016x}", world::SystemRng.next_u64())));
    if let Some(scratch) = &scratch {
        // A name nobody can guess, in a folder nobody else may enter: there are secrets in it.
        std::fs::DirBuilder::new().mode(0o700).create(scratch)?;
    }
    let Some(dir) = args.dir.or_else(|| scratch.clone()) else {
        anyhow::bail!("no folder to work in");
    };
    let wish = Wish {
        dir,
        base_port: args.base_port,
        once: args.once,
    };
    let intact = super::runtime()?.block_on(demo::run(&wish));
    if let Some(scratch) = scratch {
        // The demo is over; what it leaves behind is nobody's.
        let _ = std::fs::remove_dir_all(scratch);
    }
    Ok(if intact? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
