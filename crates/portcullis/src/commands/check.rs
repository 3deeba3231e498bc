//! `portcullis check`: everything that is wrong with a configuration, at once.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use super::{ConfigFile, say};
use crate::config::{self, Machine, Reading, Report};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Say everything that is wrong with a configuration, at once, each with its line, the reason and what \
        to do.\n\nNothing is started and nothing is changed. Status 0: it can be read (warnings or not), and `portcullis \
        prove` says whether it may serve. Status 1: it cannot serve. Status 2: the file cannot be read."
)]
pub struct Args {
    /// The configuration file.
    #[command(flatten)]
    pub config: ConfigFile,
    /// Answer in JSON: file, errors, warnings, and each problem with line, column, reason and advice.
    #[arg(long)]
    pub json: bool,
}

/// Checks the file and says what was found.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let report = read(&args.config.path)?.report;
    if args.json {
        say(&format!("{:#}\n", report.to_json()));
    } else {
        let problems = if std::io::stdout().is_terminal() {
            report.render_styled()
        } else {
            report.render()
        };
        say(&format!("{problems}{}\n", summary(&report)));
    }
    Ok(if report.errors() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Reads a configuration as this machine sees it now.
pub fn read(path: &Path) -> anyhow::Result<Reading> {
    let now = crate::drill::now()?;
    config::load(path, &Machine::look(now)).with_context(|| format!("cannot read the configuration {}", path.display()))
}

/// The last line: how many, and what it means.
#[must_use]
pub fn summary(report: &Report) -> String {
    let outcome = match (report.errors(), report.warnings()) {
        (0, 0) => "`portcullis prove` says whether this configuration may serve.",
        (0, _) => "Somebody should look at the warnings; `portcullis prove` says whether this may serve.",
        _ => "Nothing was changed; this configuration cannot serve.",
    };
    format!("{}. {outcome}", report.counts())
}
