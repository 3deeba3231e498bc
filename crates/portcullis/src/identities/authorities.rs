//! Authorities that vouch for the names in clients' certificates: read from their files, and again when these change.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use policy::Name;
use wire::{Authorities, Authority};

/// When a file was written, and when it was changed in any way; `None` where it is not there.
type Changed = Option<(SystemTime, i64, i64)>;

/// Where an authority's certificates and lists are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoritySettings {
    /// Its certificates, in PEM.
    pub ca: PathBuf,
    /// What it revoked, in PEM or DER.
    pub crl: Option<PathBuf>,
}

/// The authorities of a configuration, and their files as they were when they were read.
#[derive(Debug, Default)]
pub(super) struct Vouchers {
    settings: BTreeMap<Name, AuthoritySettings>,
    files: Vec<Changed>,
    read: BTreeMap<Name, Authority>,
}

impl Vouchers {
    /// Takes those of another configuration.
    pub(super) fn configure(&mut self, settings: &BTreeMap<Name, AuthoritySettings>, all: &Authorities) {
        self.settings.clone_from(settings);
        self.read.clear();
        self.files = self.look();
        self.read_all(all);
    }

    /// Reads the files again where one of them is another than before.
    pub(super) fn refresh(&mut self, all: &Authorities) {
        let files = self.look();
        if files != self.files {
            self.files = files;
            self.read_all(all);
        }
    }

    fn look(&self) -> Vec<Changed> {
        let files = self.settings.values();
        let files = files.flat_map(|one| std::iter::once(&one.ca).chain(&one.crl));
        files.map(|file| seen(file)).collect()
    }

    /// One whose files cannot be read stays as it was: what it revoked last is in force until its own end. One that was
    /// never read vouches for nobody.
    fn read_all(&mut self, all: &Authorities) {
        for (name, settings) in &self.settings {
            match read(name, settings) {
                Ok(authority) => {
                    self.read.insert(name.clone(), authority);
                }
                Err(error) => {
                    tracing::error!(event = "identities.authority", authority = %name, %error, "an authority's files cannot be read; nobody is vouched for that was not before");
                }
            }
        }
        let read = |name: &Name| self.read.get(name).cloned();
        let names = self.settings.keys();
        all.replace(
            names
                .map(|name| read(name).unwrap_or_else(|| Authority::silent(name.clone())))
                .collect(),
        );
    }
}

fn seen(file: &Path) -> Changed {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.ctime(), found.ctime_nsec()))
}

fn read(name: &Name, settings: &AuthoritySettings) -> Result<Authority, String> {
    let contents = |file: &Path| std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()));
    let certificates = contents(&settings.ca)?;
    let revoked = settings.crl.as_deref().map(contents).transpose()?;
    Authority::new(name.clone(), &certificates, revoked.as_deref()).map_err(|error| error.to_string())
}
