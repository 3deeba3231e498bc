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

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    fn certificate() -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn what_changes_in_a_file_is_read_by_itself_and_what_cannot_be_read_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (ca, crl) = (folder.path().join("ca.pem"), folder.path().join("list.crl"));
        let settings = AuthoritySettings {
            ca: ca.clone(),
            crl: None,
        };
        let listed = AuthoritySettings {
            crl: Some(crl.clone()),
            ..settings.clone()
        };
        let both = BTreeMap::from([("campus".into(), settings.clone()), ("listed".into(), listed)]);
        let (mut vouchers, all) = (Vouchers::default(), Authorities::default());
        let silent = |names: &[&str]| {
            let told = format!("{all:?}");
            let speaks = |name: &&str| told.contains(&format!("Authority({name})"));
            assert!(
                ["campus", "listed"]
                    .iter()
                    .all(|name| names.contains(name) != speaks(name)),
                "{told}"
            );
        };
        vouchers.configure(&both, &all);
        silent(&["campus", "listed"]);
        std::fs::write(&ca, certificate()).unwrap();
        vouchers.refresh(&all);
        silent(&["listed"]);
        // Without its list nobody could say what was revoked.
        std::fs::write(&crl, "no list").unwrap();
        vouchers.refresh(&all);
        silent(&["listed"]);
        std::fs::write(&ca, "half a cert").unwrap();
        vouchers.refresh(&all);
        silent(&["listed"]);
        std::fs::remove_file(&ca).unwrap();
        vouchers.refresh(&all);
        silent(&["listed"]);
        // Another configuration begins anew.
        vouchers.configure(&BTreeMap::from([("campus".into(), settings)]), &all);
        silent(&["campus", "listed"]);
        assert!(!format!("{all:?}").contains("listed"));
    }
}
