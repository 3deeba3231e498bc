//! What the configuration says about the registry of grants.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::CertificateFiles;
use mail::Mailbox;
use registry::{Calendar, Heads, Person, PostgresOptions, Role, Terms, Widest, YearlyDay};

/// Where the registry is kept, and what it is measured by.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// Where it is kept.
    pub place: RegistryPlace,
    /// The department or customer of a case that names none.
    pub scope: Box<str>,
    /// What is known of the network.
    pub network: NetworkFiles,
    /// The zone that devices which cannot log in have to stand in.
    pub device_zone: Option<Box<str>>,
    /// How wide a grant may be.
    pub widest: Widest,
    /// The day of the year on which heads get the lists of their departments.
    pub attestation: Option<YearlyDay>,
    /// The heads of departments.
    pub heads: Heads,
    /// How long everything may take.
    pub terms: Terms,
    /// When the organisation works.
    pub calendar: Calendar,
    /// Who decides, in the order of the roles.
    pub roles: Vec<(Role, Person)>,
    /// The address that letters are from, and that answers and those that come back arrive at.
    pub post: Option<Mailbox>,
    /// The folder with words of letters that are used in place of ours.
    pub letters: Option<PathBuf>,
    /// Where people answer by links, where they can.
    pub answers: Option<AnswersSettings>,
}

/// The pages behind the links in letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswersSettings {
    /// Where they are served: plain at loopback, with TLS elsewhere.
    pub listen: Vec<SocketAddr>,
    /// How people reach them; what a link leads to is put behind it.
    pub url: String,
    /// What they are shown under.
    pub certificates: Vec<CertificateFiles>,
}

impl AnswersSettings {
    /// Whether what listens here is for a web server of this machine alone.
    #[must_use]
    pub fn is_plain(at: SocketAddr) -> bool {
        at.ip().to_canonical().is_loopback()
    }
}

/// Where a registry is kept.
#[derive(Clone, Debug)]
pub enum RegistryPlace {
    /// In a file of this machine.
    File(PathBuf),
    /// In a database that several gates may share.
    Database(Box<DatabaseSettings>),
}

/// How a database is reached.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Where it is, and who we are to it.
    pub options: PostgresOptions,
    /// The file with its password.
    pub password_file: Option<PathBuf>,
    /// The file with the certificates that vouch for it.
    pub ca: Option<PathBuf>,
}

/// Files that others keep, and that are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkFiles {
    /// The register of addresses.
    pub register: Option<PathBuf>,
    /// Configurations of DHCP servers.
    pub dhcp: Vec<PathBuf>,
    /// Which network lies in which zone.
    pub zones: Option<PathBuf>,
    /// Which machine was seen at which address.
    pub sightings: Option<PathBuf>,
    /// What a scan from outside could reach.
    pub scan: Option<PathBuf>,
    /// Who is there.
    pub people: Option<PathBuf>,
}

impl NetworkFiles {
    /// Every file there is, to be watched.
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        let one = [&self.register, &self.zones, &self.sightings, &self.scan, &self.people];
        one.into_iter().flatten().chain(&self.dhcp)
    }
}
