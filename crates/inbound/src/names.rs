//! The reverse name of a client, confirmed by a forward look-up: for the trace header and the log, never for judgement.
//!
//! Nobody waits for it. The look-up runs beside the dialogue; what is not known when the body begins stays unknown.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dns::{Answer, Resolver};
use mail::Domain;
use policy::Role;
use world::Clock;

/// How long the look-up may go on.
const PATIENCE: Duration = Duration::from_secs(10);
/// Names of one address that are tried; an owner who lists more means to keep us busy.
const NAMES_MAX: usize = 5;

/// The confirmed name of one client, once it is known.
#[derive(Clone, Default)]
pub(crate) struct ReverseName(Arc<OnceLock<Domain>>);

impl ReverseName {
    /// Begins to look for the name, where there is somebody to ask and a client whose name says something.
    pub(crate) fn look_up(
        resolver: Option<&Arc<dyn Resolver>>,
        client: IpAddr,
        role: Role,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let name = Self::default();
        let Some(resolver) = resolver.filter(|_| !client.is_loopback() && matches!(role, Role::Mx | Role::Relay))
        else {
            return name;
        };
        let (found, resolver) = (name.0.clone(), resolver.clone());
        tokio::spawn(async move {
            let until = clock.monotonic() + PATIENCE;
            tokio::select! {
                biased;
                name = confirmed(&*resolver, client) => {
                    if let Some(name) = name {
                        // Only this task sets it.
                        let _ = found.set(name);
                    }
                }
                () = clock.sleep_until(until) => {}
            }
        });
        name
    }

    /// The name, if it is known by now.
    pub(crate) fn known(&self) -> Option<Domain> {
        self.0.get().cloned()
    }
}

/// The first name of the address that leads back to it.
async fn confirmed(resolver: &dyn Resolver, client: IpAddr) -> Option<Domain> {
    let Answer::Found { records, .. } = resolver.ptr(client).await else {
        return None;
    };
    for name in records.into_iter().take(NAMES_MAX) {
        if let Answer::Found { records, .. } = resolver.addresses(&name).await
            && records.iter().any(|address| address.to_canonical() == client)
        {
            return Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns::Literal;

    fn name(text: &str) -> Domain {
        Domain::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_name_counts_only_where_it_leads_back() {
        let client: IpAddr = [192, 0, 2, 7].into();
        let liar: IpAddr = [192, 0, 2, 8].into();
        let table = Literal::new()
            .with_ptr(client, name("host.example.net"))
            .with_address(name("host.example.net"), client)
            .with_ptr(liar, name("mail.example.edu"))
            .with_address(name("mail.example.edu"), client);
        assert_eq!(confirmed(&table, client).await, Some(name("host.example.net")));
        assert_eq!(confirmed(&table, liar).await, None);
        assert_eq!(confirmed(&table, [192, 0, 2, 9].into()).await, None);
    }
}
