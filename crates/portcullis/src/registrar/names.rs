//! What name service says of a machine.

use std::net::IpAddr;

use dns::{Answer, Resolver};
use mail::Domain;
use registry::{Names, Source};

/// Asks for the addresses of its name, and for the names of its address. What nobody can tell now is not known.
pub async fn names(resolver: &dyn Resolver, host: Option<&Domain>, address: Option<IpAddr>) -> Names {
    let forward = match host {
        Some(host) => source(resolver.addresses(host).await),
        None => Source::None,
    };
    let reverse = match address {
        Some(address) => source(resolver.ptr(address).await),
        None => Source::None,
    };
    Names { forward, reverse }
}

fn source<T>(answer: Answer<T>) -> Source<Vec<T>> {
    match answer {
        Answer::Found { records, .. } => Source::Known(records),
        Answer::NoRecords | Answer::NoDomain => Source::Known(Vec::new()),
        Answer::Temporary(trouble) => Source::Unknown(trouble.to_string()),
    }
}
