//! The registry of a configuration: opened where it is kept, with the rules that the organisation's files make.
//!
//! Responsible for: opening the store; reading what the keepers of the network write; who somebody is. Commands and the
//! running gate both begin here, and work on the same store at the same time.
//!
//! Refuses to know: what follows from an event. That is the room `registry`.

pub mod import;
mod names;
mod people;
mod rules;
mod sources;
#[cfg(test)]
mod tests;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use policy::{Organisation, Zone};
use registry::{Desk, PostgresOptions, PostgresStore, SqliteStore, Store, StoreError};
use zeroize::Zeroizing;

use crate::config::{Config, DatabaseSettings, RegistryPlace, RegistrySettings, Report};

pub use names::names;
pub use people::People;
pub use rules::rules;

/// A registry, opened.
pub type Registry = Desk<Box<dyn Store>>;

/// What the configuration says beside `[registry]` that its rules depend on.
#[derive(Clone, Copy, Debug)]
pub struct House<'a> {
    /// Its domains and networks.
    pub organisation: &'a Organisation,
    /// Its zones.
    pub zones: &'a [Zone],
}

impl<'a> House<'a> {
    /// Of a configuration.
    #[must_use]
    pub fn of(config: &'a Config) -> Self {
        Self {
            organisation: &config.rulebook.organisation,
            zones: &config.rulebook.zones,
        }
    }
}

/// Opens the registry, under the rules of now; with a report for each file of the network that cannot be used.
pub fn open(settings: &RegistrySettings, house: House<'_>) -> Result<(Registry, Vec<Report>), StoreError> {
    let store = store(settings)?;
    let (rules, reports) = rules(settings, house);
    Ok((Desk::new(store, rules), reports))
}

/// Opens what is kept, or begins it. It has names and hashes of secrets in it: nobody else reads the file.
pub fn store(settings: &RegistrySettings) -> Result<Box<dyn Store>, StoreError> {
    match &settings.place {
        RegistryPlace::File(file) => in_file(file),
        RegistryPlace::Database(database) => Ok(Box::new(PostgresStore::connect(whole(database)?)?)),
    }
}

fn in_file(file: &Path) -> Result<Box<dyn Store>, StoreError> {
    let made = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(file)
        .map(drop);
    made.map_err(|why| StoreError::Database(format!("{} cannot be opened: {why}", file.display())))?;
    Ok(Box::new(SqliteStore::open(file)?))
}

/// With what stands in files of their own: its password, and who vouches for it.
fn whole(database: &DatabaseSettings) -> Result<PostgresOptions, StoreError> {
    let read = |file: &Path| {
        let text = std::fs::read(file).map(Zeroizing::new);
        text.map_err(|why| StoreError::Database(format!("{} cannot be read: {why}", file.display())))
    };
    let text = |octets: &[u8]| Zeroizing::new(String::from_utf8_lossy(octets).into_owned());
    let mut options = database.options.clone();
    if let Some(file) = &database.password_file {
        options = options.with_password(&text(&read(file)?));
    } else if let Some(file) = std::env::var_os("PGPASSFILE") {
        options = options.with_passfile(&text(&read(Path::new(&file))?));
    }
    match &database.ca {
        Some(file) => options.with_roots(&read(file)?),
        None => Ok(options),
    }
}
