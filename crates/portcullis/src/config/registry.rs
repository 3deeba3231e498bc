//! What the configuration says about the registry of grants.

use std::path::PathBuf;

use registry::{Calendar, Person, Role, Terms, Widest};

/// Where the registry is kept, and what it is measured by.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// The file it is kept in.
    pub file: PathBuf,
    /// The department or customer of a case that names none.
    pub scope: Box<str>,
    /// What is known of the network.
    pub network: NetworkFiles,
    /// The zone that devices which cannot log in have to stand in.
    pub device_zone: Option<Box<str>>,
    /// How wide a grant may be.
    pub widest: Widest,
    /// How long everything may take.
    pub terms: Terms,
    /// When the organisation works.
    pub calendar: Calendar,
    /// Who decides, in the order of the roles.
    pub roles: Vec<(Role, Person)>,
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
}

impl NetworkFiles {
    /// Every file there is, to be watched.
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.register.iter().chain(&self.dhcp).chain(&self.zones)
    }
}
