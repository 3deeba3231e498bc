//! What the gate's side of the registry takes from the configuration.

use std::sync::Arc;

use mail::{Domain, DomainPattern, Mailbox};
use policy::{Grant, Organisation, Role as Door, Zone};
use registry::{Addresses, Doors, Relay, Role};

use crate::config::{Config, RegistrySettings};
use crate::registrar::{House, People};

/// Where a registry is kept, what its rules depend on, and who writes its letters.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(super) settings: RegistrySettings,
    organisation: Organisation,
    zones: Vec<Zone>,
    doors: Doors,
    /// Grants of the configuration file.
    pub(super) pinned: Arc<[Grant]>,
    /// Our name in the ids of messages.
    pub(super) host: Domain,
}

impl Setup {
    /// Of a configuration; `None` where it keeps no registry.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        Some(Self {
            settings: config.registry.clone()?,
            organisation: config.rulebook.organisation.clone(),
            zones: config.rulebook.zones.clone(),
            doors: doors(config),
            pinned: config.rulebook.grants.as_slice().into(),
            host: config.hostname.clone(),
        })
    }

    pub(super) fn house(&self) -> House<'_> {
        House {
            organisation: &self.organisation,
            zones: &self.zones,
        }
    }

    /// Whose relay it is.
    pub(super) fn organisation(&self) -> &str {
        &self.organisation.name
    }

    /// The house, as letters speak of it.
    pub(super) fn relay(&self) -> Relay {
        Relay {
            organisation: self.organisation.name.clone(),
            help: self.organisation.help.clone().unwrap_or_default(),
            pages: String::new(),
            doors: self.doors.clone(),
            terms: self.settings.terms.clone(),
            calendar: self.settings.calendar.clone(),
        }
    }

    /// Where those are reached who stand in no form.
    pub(super) fn addresses(&self) -> Addresses {
        let people = People::new(&self.settings.roles);
        let all = |role| {
            people
                .in_role(role)
                .map(|person| person.address().to_ascii_lowercase())
                .collect()
        };
        Addresses {
            security: all(Role::Security),
            network: all(Role::Network),
            admins: all(Role::Admin),
            heads: self.settings.heads.clone(),
        }
    }

    /// Where answers to letters, and those that come back, arrive, where the gate is to know of them.
    pub(super) fn post(&self) -> Option<Mailbox> {
        self.settings.post.clone()
    }

    /// Who writes: the address that answers go to, or the postmaster of the first domain.
    pub(super) fn writer(&self) -> Option<Mailbox> {
        self.post().or_else(|| self.postmaster())
    }

    fn postmaster(&self) -> Option<Mailbox> {
        let exactly = |pattern: &DomainPattern| match pattern {
            DomainPattern::Exactly(domain) => Some(domain.clone()),
            DomainPattern::Below(_) => None,
        };
        let first = self.organisation.domains.iter().find_map(exactly);
        Mailbox::of("postmaster", first.as_ref().unwrap_or(&self.host)).ok()
    }
}

/// Where devices deliver, on the first port that each kind of listener has.
fn doors(config: &Config) -> Doors {
    let port = |role: Door| {
        let listener = config.listeners.iter().find(|listener| listener.role == role)?;
        listener.addresses.first().map(std::net::SocketAddr::port)
    };
    Doors {
        host: config.hostname.to_string(),
        implicit: port(Door::Submissions),
        submission: port(Door::Submission),
        relay: port(Door::Relay),
    }
}
