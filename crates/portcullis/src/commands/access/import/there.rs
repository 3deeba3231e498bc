//! What there is already: an import that is run again passes over it.

use std::collections::{BTreeMap, BTreeSet};

use registry::Form;

use super::super::Trouble;
use super::super::office::Office;

/// What there is already.
pub(super) struct There {
    addresses: BTreeMap<String, String>,
    logins: BTreeSet<(String, Vec<String>)>,
}

impl There {
    pub(super) fn of(office: &mut Office<'_>) -> Result<Self, Trouble> {
        let all = office.desk.store().list(None).map_err(anyhow::Error::from)?;
        let live = || all.iter().filter(|kept| kept.case.state.is_live());
        let pinned = office.config.rulebook.grants.iter().flat_map(|grant| match &grant.by {
            policy::By::Address(networks) => {
                let all = networks.iter().map(|at| (at.to_string(), grant.name.to_string()));
                all.collect::<Vec<_>>()
            }
            _ => Vec::new(),
        });
        Ok(Self {
            addresses: live()
                .filter_map(|kept| Some((network(&kept.form)?, kept.id.to_string())))
                .chain(pinned)
                .collect(),
            logins: live()
                .map(|kept| (kept.form.purpose.clone(), kept.form.senders.clone()))
                .collect(),
        })
    }

    /// What has this already.
    pub(super) fn find(&self, form: &Form) -> Option<String> {
        match network(form) {
            Some(at) => self
                .addresses
                .get(&at)
                .map(|id| format!("{id} has this address already")),
            None => {
                let same = (form.purpose.clone(), form.senders.clone());
                self.logins.contains(&same).then(|| "it is imported already".to_owned())
            }
        }
    }

    /// From now on this is there.
    pub(super) fn add(&mut self, form: &Form, id: &str) {
        if let Some(at) = network(form) {
            self.addresses.insert(at, id.to_owned());
        } else {
            self.logins.insert((form.purpose.clone(), form.senders.clone()));
        }
    }
}

/// The network of a form, as one writes it that compares.
fn network(form: &Form) -> Option<String> {
    let text = form.address.trim();
    let at = text
        .parse::<std::net::IpAddr>()
        .map(ipnet::IpNet::from)
        .or_else(|_| text.parse())
        .ok()?;
    Some(policy::unmapped(at).to_string())
}
