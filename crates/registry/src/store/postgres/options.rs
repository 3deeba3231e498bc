//! Where the server is, who we are to it, and how much of that may be seen on the way.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::StoreError;
use super::passfile;

/// For each address of the server.
const CONNECT: Duration = Duration::from_secs(5);
/// Until a server that no longer answers is given up.
const SILENCE: Duration = Duration::from_secs(15);

/// How to reach a database. Its password is in nothing that is shown.
#[derive(Clone)]
pub struct PostgresOptions {
    config: Config,
    roots: Option<Arc<RootCertStore>>,
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresOptions({})", self.whom())
    }
}

impl PostgresOptions {
    /// Reads `postgresql://user@host:port/database`. Over a network TLS is demanded and the server's certificate
    /// verified, unless `sslmode=disable` says otherwise.
    pub fn read(url: &str) -> Result<Self, StoreError> {
        // Ours verifies the certificate and its name wherever TLS is spoken.
        let url = url
            .replace("sslmode=verify-full", "sslmode=require")
            .replace("sslmode=verify-ca", "sslmode=require");
        let wrong = |what: &str| StoreError::Database(format!("the address of the database {what}"));
        let mut config: Config = url
            .parse()
            .map_err(|_| wrong("cannot be read; write postgresql://user@host:port/database"))?;
        if config.get_hosts().is_empty() {
            return Err(wrong("names no host"));
        }
        let is_named = |name: Option<&str>| name.is_some_and(|name| !name.is_empty());
        if !is_named(config.get_dbname()) || !is_named(config.get_user()) {
            return Err(wrong("names no user or no database"));
        }
        if config.get_ssl_mode() == SslMode::Prefer && config.get_hosts().iter().any(is_far) {
            config.ssl_mode(SslMode::Require);
        }
        config
            .application_name("portcullis")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE);
        Ok(Self { config, roots: None })
    }

    /// With a password that stands elsewhere, in a file of its own: what it says up to the end of its first line.
    #[must_use]
    pub fn with_password(mut self, text: &str) -> Self {
        self.config.password(text.lines().next().unwrap_or_default());
        self
    }

    /// With the text of a file as PostgreSQL's own programs read it (`PGPASSFILE`), where no password is known yet.
    #[must_use]
    pub fn with_passfile(mut self, text: &str) -> Self {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            _ => "localhost".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let (database, user) = (self.config.get_dbname(), self.config.get_user());
        let (database, user) = (database.unwrap_or_default(), user.unwrap_or_default());
        let found = passfile::password(text, &host, port, database, user);
        if let Some(password) = found.filter(|_| self.config.get_password().is_none()) {
            self.config.password(password.as_bytes());
        }
        self
    }

    /// Trusts these certificates (PEM) instead of the system's.
    pub fn with_roots(mut self, pem: &[u8]) -> Result<Self, StoreError> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate.ok().and_then(|certificate| roots.add(certificate).ok());
            added.ok_or_else(|| StoreError::Database("a certificate to trust cannot be read".to_owned()))?;
        }
        if roots.is_empty() {
            return Err(StoreError::Database("there is no certificate to trust".to_owned()));
        }
        self.roots = Some(Arc::new(roots));
        Ok(self)
    }

    /// Whether a password is known.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// Whom it leads to, as it may be shown.
    #[must_use]
    pub fn whom(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        format!(
            "the database {} on {host}",
            self.config.get_dbname().unwrap_or_default()
        )
    }

    pub(super) const fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> MakeRustlsConnect {
        let roots = self.roots.clone().unwrap_or_else(|| Arc::new(system()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        #[expect(
            clippy::expect_used,
            reason = "the provider has what the versions it was built for need"
        )]
        let builder = versions.expect("a provider with its own versions");
        MakeRustlsConnect::new(builder.with_root_certificates(roots).with_no_client_auth())
    }
}

/// Certificates that cannot be read are not trusted; where none can, no server is.
fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

fn is_far(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address: Option<IpAddr> = name.parse().ok();
            name != "localhost" && !address.is_some_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> PostgresOptions {
        PostgresOptions::read(url).unwrap()
    }

    #[test]
    fn a_password_is_in_nothing_that_is_shown() {
        let options = read("postgresql://gate:sesame@db.example.edu/registry");
        assert_eq!(
            format!("{options:?}"),
            "PostgresOptions(the database registry on db.example.edu)"
        );
        for wrong in [
            "postgresql://gate:sesame@db.example.edu:port/registry",
            "postgresql://gate:sesame@db.example.edu/registry?option=1",
            "postgresql://gate:sesame@db.example.edu",
            "postgresql://gate:sesame@/registry",
            "postgresql://:sesame@db.example.edu/registry",
            "gate:sesame@db",
        ] {
            let why = match PostgresOptions::read(wrong) {
                Err(why) => why.to_string(),
                Ok(_) => panic!("{wrong}"),
            };
            assert!(why.contains("the address of the database"), "{why}");
            assert!(!why.contains("sesame"), "{why}");
        }
    }

    #[test]
    fn over_a_network_it_speaks_tls_unless_somebody_says_otherwise() {
        let mode = |url: &str| read(url).config.get_ssl_mode();
        assert_eq!(mode("postgresql://gate@db.example.edu/registry"), SslMode::Require);
        assert_eq!(
            mode("postgresql://gate@192.0.2.1/registry?sslmode=verify-full"),
            SslMode::Require
        );
        assert_eq!(
            mode("postgresql://gate@db.example.edu/registry?sslmode=disable"),
            SslMode::Disable
        );
        assert_eq!(mode("postgresql://gate@127.0.0.1/registry"), SslMode::Prefer);
        assert_eq!(mode("postgresql://gate@%2Frun%2Fpostgresql/registry"), SslMode::Prefer);
    }

    #[test]
    fn the_password_may_stand_in_a_file() {
        let url = "postgresql://gate@db.example.edu/registry";
        let password = |options: PostgresOptions| options.config.get_password().map(<[u8]>::to_vec);
        assert_eq!(password(read(url).with_password("sesame\n")), Some(b"sesame".to_vec()));
        let passfile = "db.example.edu:5432:registry:gate:open\n";
        assert_eq!(password(read(url).with_passfile(passfile)), Some(b"open".to_vec()));
        let both = read(url).with_password("sesame").with_passfile(passfile);
        assert_eq!(password(both), Some(b"sesame".to_vec()));
        assert_eq!(password(read(url).with_passfile("other:*:*:*:open\n")), None);
        assert!(read(url).with_roots(b"nothing").is_err());
    }
}
