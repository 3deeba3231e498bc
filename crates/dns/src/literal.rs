//! A resolver that reads a table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use mail::Domain;
use world::BoxFuture;

use crate::{Answer, MxAnswer, Resolver, Trouble};

/// For how long answers of a table may be remembered; a table does not change, but whoever asks may cache.
const TTL: Duration = Duration::from_secs(60);

/// The whole of DNS, written down: for tests, for the demo, and for gateways that need no DNS.
///
/// A name that the table does not mention does not exist.
#[derive(Clone, Debug, Default)]
pub struct Literal {
    mx: BTreeMap<Domain, Vec<(u16, Option<Domain>)>>,
    addresses: BTreeMap<Domain, Vec<IpAddr>>,
    txt: BTreeMap<Domain, Vec<Vec<u8>>>,
    ptr: BTreeMap<IpAddr, Vec<Domain>>,
    troubles: BTreeMap<Domain, Trouble>,
    secure: BTreeSet<Domain>,
}

impl Literal {
    /// An empty table: no name exists.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an MX record.
    #[must_use]
    pub fn with_mx(mut self, domain: Domain, preference: u16, host: Domain) -> Self {
        self.mx.entry(domain).or_default().push((preference, Some(host)));
        self
    }

    /// The domain takes no mail (RFC 7505).
    #[must_use]
    pub fn with_null_mx(mut self, domain: Domain) -> Self {
        self.mx.entry(domain).or_default().push((0, None));
        self
    }

    /// Adds an address.
    #[must_use]
    pub fn with_address(mut self, host: Domain, address: IpAddr) -> Self {
        self.addresses.entry(host).or_default().push(address);
        self
    }

    /// Adds a TXT record.
    #[must_use]
    pub fn with_txt(mut self, name: Domain, text: &str) -> Self {
        self.txt.entry(name).or_default().push(text.as_bytes().to_vec());
        self
    }

    /// Adds a name of an address.
    #[must_use]
    pub fn with_ptr(mut self, address: IpAddr, name: Domain) -> Self {
        self.ptr.entry(address).or_default().push(name);
        self
    }

    /// Every question about this name fails.
    #[must_use]
    pub fn with_trouble(mut self, name: Domain, trouble: Trouble) -> Self {
        self.troubles.insert(name, trouble);
        self
    }

    /// Answers about this name are vouched for.
    #[must_use]
    pub fn with_secure(mut self, name: Domain) -> Self {
        self.secure.insert(name);
        self
    }

    fn answer<T: Clone>(&self, name: &Domain, table: &BTreeMap<Domain, Vec<T>>) -> Answer<T> {
        if let Some(trouble) = self.troubles.get(name) {
            return Answer::Temporary(*trouble);
        }
        match table.get(name) {
            Some(records) => Answer::Found {
                records: records.clone(),
                ttl: TTL,
                secure: self.secure.contains(name),
            },
            None if self.exists(name) => Answer::NoRecords,
            None => Answer::NoDomain,
        }
    }

    fn exists(&self, name: &Domain) -> bool {
        self.mx.contains_key(name) || self.addresses.contains_key(name) || self.txt.contains_key(name)
    }
}

impl Resolver for Literal {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, MxAnswer> {
        Box::pin(std::future::ready(MxAnswer::read(self.answer(domain, &self.mx))))
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Answer<IpAddr>> {
        Box::pin(std::future::ready(self.answer(host, &self.addresses)))
    }

    fn txt<'a>(&'a self, name: &'a Domain) -> BoxFuture<'a, Answer<Vec<u8>>> {
        Box::pin(std::future::ready(self.answer(name, &self.txt)))
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Answer<Domain>> {
        let answer = match self.ptr.get(&address) {
            Some(records) => Answer::Found {
                records: records.clone(),
                ttl: TTL,
                secure: false,
            },
            None => Answer::NoDomain,
        };
        Box::pin(std::future::ready(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_table_answers_and_what_it_does_not_mention_does_not_exist() {
        let dns = Literal::new()
            .with_mx(name("example.org"), 20, name("b.example.org"))
            .with_mx(name("example.org"), 10, name("a.example.org"))
            .with_null_mx(name("silent.example"))
            .with_address(name("a.example.org"), "192.0.2.1".parse().unwrap())
            .with_trouble(name("broken.example"), Trouble::ServerFailure);
        let MxAnswer::Found { records, .. } = dns.mx(&name("example.org")).await else {
            panic!("no MX")
        };
        assert_eq!(records.first().unwrap().host, name("a.example.org"));
        assert_eq!(dns.mx(&name("silent.example")).await, MxAnswer::Null { ttl: TTL });
        assert_eq!(dns.mx(&name("a.example.org")).await, MxAnswer::NoRecords);
        assert_eq!(dns.mx(&name("nowhere.example")).await, MxAnswer::NoDomain);
        assert_eq!(
            dns.addresses(&name("broken.example")).await,
            Answer::Temporary(Trouble::ServerFailure)
        );
        assert_eq!(dns.ptr("192.0.2.9".parse().unwrap()).await, Answer::NoDomain);
    }
}
