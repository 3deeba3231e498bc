//! What a gateway reads: its configuration, written from the plain values of the [town](crate::town), its certificate and
//! its key.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::town::{CONTACT, DAY, Door, Forward, Grant, Reach, Rules, SECRET, Shown};

/// Certificates and a password's hash, made once for all runs of a process.
///
/// The key is of a kind whose signatures and certificates always have the same length, so that a connection cut behind
/// so many octets is cut at the same place in every run.
pub struct Papers {
    chain: rustls_pki_types::CertificateDer<'static>,
    chain_pem: String,
    key: Vec<u8>,
    key_pem: String,
    hash: String,
}

impl Papers {
    /// Makes them.
    pub fn new() -> anyhow::Result<Self> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519)?;
        let mut params = rcgen::CertificateParams::new(vec!["gate.example.edu".to_owned()])?;
        params.serial_number = Some(rcgen::SerialNumber::from(1));
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            chain: certificate.der().clone(),
            chain_pem: certificate.pem(),
            key: key.serialize_der(),
            key_pem: key.serialize_pem(),
            hash: cheap_hash()?,
        })
    }

    /// The certificate.
    #[must_use]
    pub fn chain(&self) -> &rustls_pki_types::CertificateDer<'static> {
        &self.chain
    }

    /// Its key, PKCS #8.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// How clients speak TLS: they trust the certificate and nothing else.
    pub fn client(&self) -> anyhow::Result<Arc<rustls::ClientConfig>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.chain.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// Lays everything a gateway reads into the folder of a run. The text is the same in every folder, for its digest is
    /// part of each testimony.
    pub fn lay_out(&self, run: &Path, rules: &Rules) -> anyhow::Result<PathBuf> {
        std::fs::write(run.join("gate.pem"), &self.chain_pem)?;
        std::fs::write(run.join("gate.key"), &self.key_pem)?;
        let file = run.join("gate.toml");
        std::fs::write(&file, self.configuration(rules)?)?;
        Ok(file)
    }

    /// The configuration of these rules.
    pub fn configuration(&self, rules: &Rules) -> anyhow::Result<String> {
        let mut text = String::from(HOUSE);
        for door in Door::ALL {
            writeln!(text, "[listeners.{}]", door.name())?;
            writeln!(text, "role = {:?}\nlisten = [{:?}]", door.role(), door.address())?;
            if door == Door::Campus {
                writeln!(text, "ungranted = \"internal-only\"")?;
            }
        }
        for grant in &rules.grants {
            write_grant(&mut text, grant, &self.hash)?;
        }
        for (number, forward) in rules.forwards.iter().enumerate() {
            let Forward { from, to, last_day } = forward;
            writeln!(text, "[forwards.f{number}]\nfrom = {from:?}\nto = {to:?}")?;
            writeln!(
                text,
                "owner = \"Alumni\"\nreason = \"their own mail\"\nuntil = {}",
                date(*last_day)
            )?;
        }
        Ok(text)
    }
}

/// The hash of [`SECRET`] at the least that Argon2id can cost: a run logs in very often, and nobody attacks it.
fn cheap_hash() -> anyhow::Result<String> {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let wrong = |error: &dyn std::fmt::Display| anyhow::anyhow!("hashing a secret: {error}");
    let params = Params::new(Params::MIN_M_COST, 1, 1, None).map_err(|error| wrong(&error))?;
    let hash: argon2::PasswordHash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(SECRET.as_bytes(), b"not so much salt")
        .map_err(|error| wrong(&error))?;
    Ok(hash.to_string())
}

fn write_grant(text: &mut String, grant: &Grant, hash: &str) -> anyhow::Result<()> {
    let by = match grant.shown {
        Shown::Login(login) => format!("password = {login:?}, hash = {hash:?}"),
        Shown::Address(address) => format!("address = [{address:?}]"),
    };
    let to = match grant.reach {
        Reach::Any => "\"any\"".to_owned(),
        Reach::Internal => "\"internal\"".to_owned(),
        Reach::Domains(domains) => format!("{domains:?}"),
    };
    let (first, last) = (date(grant.first_day), date(grant.last_day));
    let Grant {
        name,
        from,
        class,
        hourly,
        ..
    } = grant;
    writeln!(
        text,
        "[grants.{name}]\nowner = \"Somebody\"\ncontact = {CONTACT:?}\nreason = \"a simulation\""
    )?;
    writeln!(
        text,
        "starts = {first}\nuntil = {last}\nby = {{ {by} }}\nfrom = {from:?}\nto = {to}\nclass = {class:?}"
    )?;
    writeln!(text, "limits = {{ messages_per_hour = {hourly} }}")?;
    if matches!(*class, "device" | "legacy") {
        writeln!(text, "tolerate = [\"bare-lf\", \"missing-from\"]")?;
    }
    if grant.suspended {
        writeln!(text, "suspended = \"abuse\"")?;
    }
    Ok(())
}

/// A day, counted from that of the beginning.
fn date(days: i64) -> String {
    let at = mail::Timestamp(world::sim::GENESIS + days * DAY);
    at.to_rfc3339().chars().take(10).collect()
}

const HOUSE: &str = r#"version = 1
[organisation]
name     = "Example University"
hostname = "gate.example.edu"
domains  = ["example.edu", "chem.example.edu"]
networks = ["10.0.0.0/8"]
help     = "https://help.example.edu/why"
[tls]
certificates = [{ chain = "gate.pem", key = "gate.key" }]
[routes.central]
domains    = ["example.edu"]
to         = ["10.1.1.1:25"]
recipients = "any"
[routes.chemistry]
domains    = ["chem.example.edu"]
to         = ["mail.chem.example.edu:25"]
recipients = ["head@chem.example.edu", "it@chem.example.edu"]
[routes.partner]
domains = ["partner.example"]
to      = "mx"
tls     = "require"
[routes.internet]
to  = "mx"
[delivery]
schedule   = ["1m", "5m", "15m", "1h", "2h"]
life_time  = "2d"
warn_after = ["4h"]
[spool]
dir          = "/spool"
segment_size = "1 MiB"
keep_free    = "64 KiB"
[ledger]
dir = "/ledger"
"#;
