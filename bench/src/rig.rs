//! What all runs share: programs, a folder on the disk that is measured, ports, a certificate.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::network::Network;
use crate::postfix::Install;

/// Files for STARTTLS, the same for both servers.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// What all runs share; its folder goes when it is dropped.
pub struct Rig {
    /// The program under measurement.
    pub portcullis: PathBuf,
    /// The program it is compared with.
    pub postfix: Install,
    /// Where they meet.
    pub network: Network,
    /// For STARTTLS.
    pub certificate: Certificate,
    dir: tempfile::TempDir,
}

impl Rig {
    /// Looks for the programs, and makes a folder for the runs in `target/bench`.
    pub fn new(portcullis: &Path, target: &Path, network: Network) -> anyhow::Result<Self> {
        if !portcullis.exists() {
            bail!("{} is not there; `make bench` builds it", portcullis.display());
        }
        let home = target.join("bench");
        fs::create_dir_all(&home)?;
        let dir = tempfile::Builder::new()
            .prefix("run-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir_in(&home)
            .with_context(|| home.display().to_string())?;
        Ok(Self {
            portcullis: fs::canonicalize(portcullis)?,
            postfix: Install::find(&std::path::absolute(home.join("postfix-root"))?)?,
            network,
            certificate: certificate(dir.path())?,
            dir,
        })
    }

    /// A folder of a run's own.
    pub fn folder(&self, name: &str) -> anyhow::Result<tempfile::TempDir> {
        Ok(tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(self.dir.path())?)
    }

    /// Whether so many octets are free there: a disk that fills up would be measured too.
    pub fn has_room(&self, octets: u64) -> anyhow::Result<()> {
        let disk = rustix::fs::statvfs(self.dir()).context("the disk cannot be asked for its room")?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free < octets {
            bail!("{} MiB are needed on disk, {} are free", octets >> 20, free >> 20);
        }
        Ok(())
    }

    /// The folder of all runs.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }
}

/// A key on P-256, as most have.
fn certificate(dir: &Path) -> anyhow::Result<Certificate> {
    let made = rcgen::generate_simple_self_signed(vec!["gate.example.edu".to_owned()])?;
    let certificate = Certificate {
        chain: dir.join("gate.pem"),
        key: dir.join("gate.key"),
    };
    fs::write(&certificate.chain, made.cert.pem())?;
    fs::write(&certificate.key, made.signing_key.serialize_pem())?;
    fs::set_permissions(&certificate.key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(certificate)
}

/// A port that nobody uses now.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
