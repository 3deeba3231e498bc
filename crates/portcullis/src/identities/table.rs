//! Every login there is: those of the configuration file, and those of the registry.

use std::collections::BTreeMap;

use mail::{Mechanism, Mechanisms, Timestamp};
use policy::Name;

use super::token::Proved;
use super::verifier::Verifier;
use crate::config::LimitSettings;

/// Where logins come from; each source changes by itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    pub(super) file: BTreeMap<Name, Verifier>,
    pub(super) registry: BTreeMap<Name, Verifier>,
    pub(super) limits: LimitSettings,
}

/// All sources put together, swapped whole when one of them changes.
#[derive(Debug)]
pub(super) struct Table {
    logins: BTreeMap<Name, Verifier>,
    pub(super) limits: LimitSettings,
    /// What EHLO may offer.
    pub(super) mechanisms: Mechanisms,
    /// Whether SCRAM is among them and cannot prove everybody.
    pub(super) scram_is_partial: bool,
}

impl Table {
    /// The table as of `now`. What stands in the file stands: the registry cannot take a login from it.
    pub(super) fn of(sources: &Sources, now: Timestamp) -> Self {
        let mut logins = sources.registry.clone();
        logins.extend(sources.file.clone());
        let mechanisms = mechanisms(&logins, now);
        let mut secrets = logins.values().filter(|verifier| !verifier.is_token());
        Self {
            mechanisms,
            scram_is_partial: mechanisms.contains(Mechanism::ScramSha256)
                && !secrets.all(|verifier| verifier.has_scram(now)),
            logins,
            limits: sources.limits.clone(),
        }
    }

    /// The login, as it is written, and what it is proved by.
    pub(super) fn find(&self, login: &str) -> Option<(&Name, &Verifier)> {
        self.logins.get_key_value(login)
    }

    /// The login that a token leads to: the one it is asked for, where it is asked for one, else the only one there is. A
    /// token that leads to two leads nowhere.
    pub(super) fn find_by_token(&self, proved: &Proved, asked: Option<&str>) -> Option<&Name> {
        let holds = |verifier: &Verifier| matches!(verifier, Verifier::Token(rule) if rule.holds(proved));
        if let Some(asked) = asked {
            return self
                .find(asked)
                .filter(|(_, verifier)| holds(verifier))
                .map(|(name, _)| name);
        }
        let mut found = self.logins.iter().filter(|(_, verifier)| holds(verifier));
        let (name, _) = found.next()?;
        found.next().is_none().then_some(name)
    }
}

/// PLAIN and LOGIN always; those that carry a token, and SCRAM, where they can prove anybody.
fn mechanisms(logins: &BTreeMap<Name, Verifier>, now: Timestamp) -> Mechanisms {
    let mut usable = Mechanisms::from([Mechanism::Plain, Mechanism::Login]);
    if logins.values().any(Verifier::is_token) {
        usable = usable.with(Mechanism::OAuthBearer).with(Mechanism::XOAuth2);
    }
    if logins.values().any(|verifier| verifier.salted(now).is_some()) {
        usable = usable.with(Mechanism::ScramSha256).with(Mechanism::ScramSha256Plus);
    }
    usable
}
