//! `portcullis prove`: what is true of every message under a configuration, or a counterexample.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use policy::Generation;
use policy::prove::prove_watched;

use super::{ConfigFile, say, say_aside};
use crate::change::{self, Proofs, digest, told};
use crate::config::{self, Machine};

/// Arguments of `prove`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Prove what is true of every message under a configuration, or show one for which it is not.\n\nEvery \
        way judgement can go is walked, so that what is said holds for all clients, logins, senders, recipients and \
        moments. A broken property is told as a story: a message, what becomes of it, the declaration that causes it and \
        what to do. `serve` refuses a configuration that breaks one. What is found beside, such as a grant that lets \
        nobody in, keeps nothing from serving. Nothing is started and nothing is changed.\n\nStatus 0: proven. Status \
        1: a property is broken. Status 2: the file cannot be read, or `portcullis check` finds that nobody \
        understands it."
)]
pub struct Args {
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Answer in JSON: each property with its breaches, and what is assumed.
    #[arg(long)]
    pub json: bool,
}

/// Proves and tells.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let path = &args.config.path;
    let now = crate::drill::now()?;
    let reading = config::load_as_written(path, &Machine::look(now))
        .map_err(|why| anyhow::anyhow!("cannot read the configuration {}: {why}", path.display()))?;
    let errors = reading.report.errors();
    let Some(mut config) = reading.config else {
        say_aside(&reading.report.render());
        anyhow::bail!("{} is not understood; mend it and prove again", path.display());
    };
    if errors > 0 {
        say_aside(&format!(
            "`portcullis check` finds {} in this file as well; it is proven as it is written\n",
            reading.report.counts()
        ));
    }
    // What has served is measured from when it was first shown, as `serve` does.
    let proofs = Proofs::at(change::folder(&config.spool.dir).join("proofs"));
    let known = proofs.find(&digest(&config.rulebook));
    config.rulebook.intent.bounds.written = Some(known.map_or(now, |known| known.written));
    let snapshot = config.snapshot(Generation(0)).map_err(|_| {
        say_aside(&reading.report.render());
        anyhow::anyhow!("{} contradicts itself; mend it and prove again", path.display())
    })?;
    let begun = Instant::now();
    let mut counting = Counting::since(begun);
    let proof = prove_watched(&snapshot, Some(now), &mut |cells| counting.tell(cells));
    counting.end();
    let took = begun.elapsed();
    let file = path.display().to_string();
    if args.json {
        say(&format!("{:#}\n", told::proof_json(&file, &proof, took)));
    } else {
        say(&told::proof(&file, &proof, took));
    }
    Ok(ExitCode::from(u8::from(!proof.may_serve())))
}

/// Tells people at a terminal that long work goes on, on a line that is gone when it is done.
struct Counting {
    begun: Instant,
    told: Option<Duration>,
    watched: bool,
}

impl Counting {
    /// Work that takes no longer than this needs no word.
    const PATIENCE: Duration = Duration::from_millis(500);
    const EVERY: Duration = Duration::from_millis(200);

    fn since(begun: Instant) -> Self {
        Self {
            begun,
            told: None,
            watched: std::io::stderr().is_terminal(),
        }
    }

    fn tell(&mut self, cells: u64) {
        let passed = self.begun.elapsed();
        let due = self.told.map_or(Self::PATIENCE, |told| told + Self::EVERY);
        if self.watched && passed >= due {
            self.told = Some(passed);
            say_aside(&format!(
                "\r  proving: {} cells, {} s ",
                told::grouped(cells),
                passed.as_secs()
            ));
        }
    }

    fn end(self) {
        if self.told.is_some() {
            say_aside("\r\u{1b}[K");
        }
    }
}
