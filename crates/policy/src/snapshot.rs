//! A rulebook with its indexes: what judgement reads, published and swapped whole.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use mail::{Domain, DomainPattern, Mailbox, Timestamp};
use prefix_trie::PrefixMap;

use crate::basis::{Generation, Name};
use crate::certificate::CertificateId;
use crate::live::Fnv;
use crate::model::{By, Forward, Grant, Listener, Place, Route, Rulebook, Zone};

/// Logins to grants.
#[derive(Clone, Debug, Default)]
pub struct LoginTable(HashMap<Name, u32>);

impl LoginTable {
    /// The grant of this login. Logins compare without ASCII case, as devices write them as they please.
    #[must_use]
    pub fn find(&self, login: &str) -> Option<u32> {
        match self.0.get(login) {
            Some(grant) => Some(*grant),
            None => self.0.get(login.to_ascii_lowercase().as_str()).copied(),
        }
    }
}

/// Certificates to grants.
#[derive(Clone, Debug, Default)]
pub struct CertificateTable(HashMap<CertificateId, u32>);

impl CertificateTable {
    /// The grant of a certificate of which this is known.
    #[must_use]
    pub fn find(&self, shown: &[CertificateId]) -> Option<u32> {
        self.bound(shown).map(|(_, grant)| grant)
    }

    /// The same, with what of it decided. A key says more than a name: where the key has a grant, that is the one. Names
    /// that lead to two grants lead nowhere.
    pub(crate) fn bound<'s>(&self, shown: &'s [CertificateId]) -> Option<(&'s CertificateId, u32)> {
        let mut bound = shown.iter().filter_map(|id| Some((id, *self.0.get(id)?)));
        let first = bound.next()?;
        let is_key = |id: &CertificateId| matches!(id, CertificateId::Key(_));
        if is_key(first.0) {
            return Some(first);
        }
        let mut alone = true;
        for other in bound {
            if is_key(other.0) {
                return Some(other);
            }
            alone &= other.1 == first.1;
        }
        alone.then_some(first)
    }
}

/// Address exceptions to grants, the narrowest network first.
#[derive(Clone, Debug, Default)]
pub struct AddressTable {
    v4: PrefixMap<Ipv4Net, u32>,
    v6: PrefixMap<Ipv6Net, u32>,
}

impl AddressTable {
    /// The grant of the narrowest network around `address`.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<u32> {
        match address.to_canonical() {
            IpAddr::V4(ip) => self.v4.get_lpm(&Ipv4Net::from(ip)).map(|(_, grant)| *grant),
            IpAddr::V6(ip) => self.v6.get_lpm(&Ipv6Net::from(ip)).map(|(_, grant)| *grant),
        }
    }

    fn insert(&mut self, network: IpNet, grant: u32) -> Option<u32> {
        match unmapped(network) {
            IpNet::V4(net) => self.v4.insert(net.trunc(), grant),
            IpNet::V6(net) => self.v6.insert(net.trunc(), grant),
        }
    }
}

/// Domain patterns to something; the most exact pattern wins.
#[derive(Clone, Debug)]
pub struct DomainTable<T> {
    // Asked several times for every message. The keys are the rulebook's: no stranger can make them collide.
    exactly: HashMap<Domain, T, BuildHasherDefault<Fnv>>,
    below: HashMap<Domain, T, BuildHasherDefault<Fnv>>,
}

impl<T> Default for DomainTable<T> {
    fn default() -> Self {
        Self {
            exactly: HashMap::default(),
            below: HashMap::default(),
        }
    }
}

impl<T> DomainTable<T> {
    /// What the most exact pattern around `domain` leads to.
    #[must_use]
    pub fn find(&self, domain: &Domain) -> Option<&T> {
        if let Some(found) = self.exactly.get(domain.as_str()) {
            return Some(found);
        }
        let mut rest = domain.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            if let Some(found) = self.below.get(parent) {
                return Some(found);
            }
            rest = parent;
        }
        None
    }

    fn insert(&mut self, pattern: &DomainPattern, value: T) -> Option<T> {
        match pattern {
            DomainPattern::Exactly(domain) => self.exactly.insert(domain.clone(), value),
            DomainPattern::Below(parent) => self.below.insert(parent.clone(), value),
        }
    }
}

/// Forwarded addresses.
#[derive(Clone, Debug, Default)]
pub struct ForwardTable(HashMap<(Domain, String), u32>);

impl ForwardTable {
    /// The forward of this address; local parts compare without ASCII case.
    #[must_use]
    pub fn find(&self, mailbox: &Mailbox) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&forward_key(mailbox)?).copied()
    }
}

fn forward_key(mailbox: &Mailbox) -> Option<(Domain, String)> {
    Some((mailbox.domain()?.clone(), mailbox.local().as_str().to_ascii_lowercase()))
}

/// Why a rulebook cannot serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What is wrong, and what to do.
    pub what: String,
    /// The declaration at fault.
    pub place: Place,
    /// The declaration it is in conflict with.
    pub other: Option<Place>,
}

/// Everything judgement reads; immutable, swapped whole.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    generation: Generation,
    hash: u64,
    rulebook: Rulebook,
    pub(crate) logins: LoginTable,
    pub(crate) certificates: CertificateTable,
    pub(crate) addresses: AddressTable,
    pub(crate) own: DomainTable<()>,
    pub(crate) routes: DomainTable<u32>,
    pub(crate) forwards: ForwardTable,
    zones: HashMap<Name, u32>,
}

impl Snapshot {
    /// Indexes a rulebook. `hash` is a digest of the declarations as written; it goes into each permit's testimony.
    ///
    /// Two grants for the same login, certificate or network, two routes for the same domain, a zone that is not
    /// declared: all are reported at once.
    pub fn build(rulebook: Rulebook, generation: Generation, hash: u64) -> Result<Self, Vec<Conflict>> {
        let mut snapshot = Self {
            generation,
            hash,
            ..Self::default()
        };
        let mut conflicts = Vec::new();
        for (index, zone) in (0u32..).zip(&rulebook.zones) {
            snapshot.zones.insert(zone.name.clone(), index);
        }
        for pattern in &rulebook.organisation.domains {
            snapshot.own.insert(pattern, ());
        }
        snapshot.index_listeners(&rulebook, &mut conflicts);
        snapshot.index_routes(&rulebook, &mut conflicts);
        snapshot.index_grants(&rulebook, &mut conflicts);
        snapshot.rulebook = rulebook;
        if conflicts.is_empty() {
            Ok(snapshot)
        } else {
            Err(conflicts)
        }
    }

    fn index_listeners(&mut self, rulebook: &Rulebook, conflicts: &mut Vec<Conflict>) {
        for listener in &rulebook.listeners {
            self.check_zone(listener.zone.as_ref(), listener.place, conflicts);
        }
    }

    fn check_zone(&self, zone: Option<&Name>, place: Place, conflicts: &mut Vec<Conflict>) {
        if let Some(name) = zone.filter(|name| !self.zones.contains_key(*name)) {
            let what = format!("there is no zone {name}; declare [zones.{name}] or correct the name");
            conflicts.push(Conflict {
                what,
                place,
                other: None,
            });
        }
    }

    fn index_routes(&mut self, rulebook: &Rulebook, conflicts: &mut Vec<Conflict>) {
        for (index, route) in (0u32..).zip(&rulebook.routes) {
            for pattern in &route.domains {
                if let Some(former) = self.routes.insert(pattern, index) {
                    let other = rulebook.routes.get(former as usize);
                    conflicts.push(Conflict {
                        what: format!("{pattern} has another route already; a domain has one"),
                        place: route.place,
                        other: other.map(|route| route.place),
                    });
                }
            }
        }
        for (index, forward) in (0u32..).zip(&rulebook.forwards) {
            if let Some(key) = forward_key(&forward.from) {
                self.forwards.0.insert(key, index);
            }
        }
    }

    fn index_grants(&mut self, rulebook: &Rulebook, conflicts: &mut Vec<Conflict>) {
        for (index, grant) in (0u32..).zip(&rulebook.grants) {
            self.check_zone(grant.zone.as_ref(), grant.place, conflicts);
            let formers = match &grant.by {
                By::Login(login) => vec![self.logins.0.insert(login.to_ascii_lowercase().into(), index)],
                By::Certificate(ids) => ids
                    .iter()
                    .map(|id| self.certificates.0.insert(id.clone(), index))
                    .collect(),
                By::Address(networks) => networks
                    .iter()
                    .map(|network| self.addresses.insert(*network, index))
                    .collect(),
            };
            if let Some(former) = formers.into_iter().flatten().find(|former| *former != index) {
                let other = rulebook.grants.get(former as usize);
                let name = other.map_or("another grant", |grant| &grant.name);
                conflicts.push(Conflict {
                    what: format!("{name} claims the same client; give each grant a client of its own"),
                    place: grant.place,
                    other: other.map(|grant| grant.place),
                });
            }
        }
    }

    /// The number of this snapshot.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The digest of the declarations as written.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What is declared.
    #[must_use]
    pub fn rulebook(&self) -> &Rulebook {
        &self.rulebook
    }

    /// A listener by its index.
    #[must_use]
    pub fn listener(&self, index: u32) -> Option<&Listener> {
        self.rulebook.listeners.get(index as usize)
    }

    /// The index of the listener with this name.
    #[must_use]
    pub fn listener_named(&self, name: &str) -> Option<u32> {
        (0u32..)
            .zip(&self.rulebook.listeners)
            .find(|(_, listener)| &*listener.name == name)
            .map(|(index, _)| index)
    }

    /// A grant by its index.
    #[must_use]
    pub fn grant(&self, index: u32) -> Option<&Grant> {
        self.rulebook.grants.get(index as usize)
    }

    /// The grant with this name. Linear: for people, not for the hot path.
    #[must_use]
    pub fn grant_named(&self, name: &str) -> Option<&Grant> {
        self.rulebook.grants.iter().find(|grant| &*grant.name == name)
    }

    /// A route by its index.
    #[must_use]
    pub fn route(&self, index: u32) -> Option<&Route> {
        self.rulebook.routes.get(index as usize)
    }

    /// A forward by its index.
    #[must_use]
    pub fn forward(&self, index: u32) -> Option<&Forward> {
        self.rulebook.forwards.get(index as usize)
    }

    /// The forward with this name.
    #[must_use]
    pub fn forward_named(&self, name: &str) -> Option<&Forward> {
        self.rulebook.forwards.iter().find(|forward| &*forward.name == name)
    }

    /// A zone by its name.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<&Zone> {
        self.zones
            .get(name)
            .and_then(|index| self.rulebook.zones.get(*index as usize))
    }

    /// Whether the domain is our own.
    #[must_use]
    pub fn is_own(&self, domain: &Domain) -> bool {
        self.own.find(domain).is_some()
    }

    /// The grant whose address exception covers `client` now, for tolerances that begin at accept.
    #[must_use]
    pub fn address_grant(&self, client: IpAddr, now: Timestamp) -> Option<&Grant> {
        let grant = self.grant(self.addresses.find(client)?)?;
        grant.is_live(now).then_some(grant)
    }

    /// The grant bound to this login.
    #[must_use]
    pub fn login_grant(&self, login: &str) -> Option<&Grant> {
        self.grant(self.logins.find(login)?)
    }
}

/// Whether `address` lies in one of `networks`; v4-mapped addresses and networks count as v4.
#[must_use]
pub fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| unmapped(*network).contains(&address))
}

/// A v4-mapped v6 network (RFC 4291 §2.5.5.2) as the v4 network it is; clients are judged by their v4 addresses, so a
/// mapped network would otherwise hold nobody, and an address that is never a client would be one.
#[must_use]
pub fn unmapped(network: IpNet) -> IpNet {
    let v4 = match network {
        IpNet::V6(net) => net.network().to_ipv4_mapped().zip(net.prefix_len().checked_sub(96)),
        IpNet::V4(_) => None,
    };
    match v4.map(|(address, bits)| Ipv4Net::new(address, bits)) {
        Some(Ok(net)) => IpNet::V4(net),
        _ => network,
    }
}
