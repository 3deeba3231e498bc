//! Configuration: what was written, then what it means.
//!
//! [`file`] is the raw layer: TOML with the place of each word, no meaning. [`resolve`] reads it, collects every
//! [`Problem`] there is and, where none is an error, gives a [`Config`] with finished [`settings`] for each room.
//! Nothing here opens a socket or touches a running gateway.

pub mod example;
pub mod file;
pub mod letters;
mod machine;
mod problem;
mod registry;
mod report;
pub mod resolve;
mod settings;

use std::path::Path;

pub use self::registry::{AnswersSettings, DatabaseSettings, NetworkFiles, RegistryPlace, RegistrySettings};
pub use machine::Machine;
pub use problem::{Problem, Severity};
pub use report::{Report, Source};
pub use settings::{
    CertificateFiles, Change, ClientLimits, Config, DeliverySettings, DnsSettings, HostPort, Keeping, LedgerSettings,
    LimitSettings, ListenerSettings, LogFormat, LogLevel, LogSettings, NextHop, OutboundRoute, RouteLogin, SecretHash,
    SpoolSettings,
};

/// Octets of a configuration file at most; 10,000 grants take about 4 MB.
const FILE_OCTETS_MAX: u64 = 64 << 20;

/// A file that was read: what is to be said about it, and what it means where nothing is an error.
#[derive(Debug)]
pub struct Reading {
    /// Everything that is wrong or doubtful.
    pub report: Report,
    /// The configuration; `None` where the report has errors.
    pub config: Option<Config>,
}

impl Reading {
    /// What has errors is no configuration to serve.
    fn unless_wrong(mut self) -> Self {
        self.config = self.config.filter(|_| self.report.errors() == 0);
        self
    }
}

/// Reads and checks the file at `path`. Fails only where the file itself cannot be read.
pub fn load(path: &Path, machine: &Machine) -> std::io::Result<Reading> {
    load_as_written(path, machine).map(Reading::unless_wrong)
}

/// As [`load`], but for looking at only: see [`read_as_written`].
pub fn load_as_written(path: &Path, machine: &Machine) -> std::io::Result<Reading> {
    if std::fs::metadata(path)?.len() > FILE_OCTETS_MAX {
        return Err(std::io::Error::other("the file is larger than 64 MiB"));
    }
    let text = std::fs::read_to_string(path)?;
    let folder = std::path::absolute(path)?;
    let folder = folder.parent().unwrap_or(Path::new("/"));
    Ok(read_as_written(&path.display().to_string(), text, folder, machine))
}

/// Checks a text. `name` stands in messages; file names in it are relative to `folder`.
#[must_use]
pub fn read(name: &str, text: String, folder: &Path, machine: &Machine) -> Reading {
    read_as_written(name, text, folder, machine).unless_wrong()
}

/// Reads a text as it stands, to be looked at and never to serve: whatever its form allows is taken, unwise or not.
/// There is no configuration only where something had to be left out because nobody understands it.
#[must_use]
pub fn read_as_written(name: &str, text: String, folder: &Path, machine: &Machine) -> Reading {
    let source = Source::new(name, text);
    let (problems, config) = match file::read(&source) {
        Ok(read) => {
            let whole = read.spoiled.is_empty();
            let (problems, config) = resolve::resolve(&source, read, folder, machine);
            (problems, config.filter(|_| whole))
        }
        Err(problems) => (problems, None),
    };
    let report = Report::new(source, problems);
    Reading { report, config }
}
