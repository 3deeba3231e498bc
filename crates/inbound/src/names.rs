//! The reverse name of a client, confirmed by a forward look-up: for the trace header, the log, and the rate of clients
//! that have none; never for judgement.
//!
//! Nobody waits for it. The look-up runs beside the dialogue and ends with it; what is not known when it is asked for
//! stays unknown. A name server that does not answer makes no client nameless, and holds no more sockets than
//! [`asides`](crate::DoorsConfig::asides).

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use dns::{Answer, Resolver};
use mail::Domain;
use policy::Role;
use tokio::task::AbortHandle;
use world::Clock;

use crate::doors::Aside;

/// How long the look-up may go on.
const PATIENCE: Duration = Duration::from_secs(10);
/// Names of one address that are tried; an owner who lists more means to keep us busy.
const NAMES_MAX: usize = 5;

/// The confirmed name of one client, once it is known. The look-up ends when this is dropped.
#[derive(Default)]
pub(crate) struct ReverseName {
    found: Arc<OnceLock<Name>>,
    task: Option<AbortHandle>,
}

/// What DNS said of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// A name of it that leads back to it.
    Confirmed(Domain),
    /// That there is none.
    None,
}

impl ReverseName {
    /// Begins to look for the name, where there is somebody to ask, a client whose name says something, and a place.
    pub(crate) fn look_up(
        resolver: Option<&Arc<dyn Resolver>>,
        client: IpAddr,
        role: Role,
        clock: Arc<dyn Clock>,
        place: impl FnOnce() -> Option<Aside>,
    ) -> Self {
        let asked = !client.is_loopback() && matches!(role, Role::Mx | Role::Relay);
        let Some((resolver, place)) = resolver.filter(|_| asked).and_then(|one| Some((one.clone(), place()?))) else {
            return Self::default();
        };
        let found = Arc::new(OnceLock::new());
        let telling = found.clone();
        let task = tokio::spawn(async move {
            let until = clock.monotonic() + PATIENCE;
            tokio::select! {
                biased;
                name = confirmed(&*resolver, client) => {
                    if let Some(name) = name {
                        // Only this task sets it.
                        let _ = telling.set(name);
                    }
                }
                () = clock.sleep_until(until) => {}
            }
            drop(place);
        });
        Self {
            found,
            task: Some(task.abort_handle()),
        }
    }

    /// The name, if it is known by now.
    pub(crate) fn known(&self) -> Option<Domain> {
        match self.found.get() {
            Some(Name::Confirmed(name)) => Some(name.clone()),
            Some(Name::None) | None => None,
        }
    }

    /// Whether it is known by now that there is none. A look-up that failed shows nothing.
    pub(crate) fn is_missing(&self) -> bool {
        self.found.get() == Some(&Name::None)
    }
}

impl Drop for ReverseName {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The first name of the address that leads back to it; nothing where a name server could not tell.
async fn confirmed(resolver: &dyn Resolver, client: IpAddr) -> Option<Name> {
    let names = match resolver.ptr(client).await {
        Answer::Found { records, .. } => records,
        Answer::NoRecords | Answer::NoDomain => return Some(Name::None),
        Answer::Temporary(_) => return None,
    };
    let mut all_told = names.len() <= NAMES_MAX;
    for name in names.into_iter().take(NAMES_MAX) {
        match resolver.addresses(&name).await {
            Answer::Found { records, .. } if records.iter().any(|address| address.to_canonical() == client) => {
                return Some(Name::Confirmed(name));
            }
            Answer::Temporary(_) => all_told = false,
            Answer::Found { .. } | Answer::NoRecords | Answer::NoDomain => {}
        }
    }
    all_told.then_some(Name::None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns::{Literal, Trouble};

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
        assert_eq!(
            confirmed(&table, client).await,
            Some(Name::Confirmed(name("host.example.net")))
        );
        assert_eq!(confirmed(&table, liar).await, Some(Name::None));
        assert_eq!(confirmed(&table, [192, 0, 2, 9].into()).await, Some(Name::None));
    }

    #[tokio::test]
    async fn a_name_server_that_cannot_tell_makes_nobody_nameless() {
        let client: IpAddr = [192, 0, 2, 7].into();
        let table = Literal::new()
            .with_ptr(client, name("host.example.net"))
            .with_trouble(name("host.example.net"), Trouble::Timeout);
        assert_eq!(confirmed(&table, client).await, None);
        let many = (0..=NAMES_MAX).fold(Literal::new(), |table, number| {
            table.with_ptr(client, name(&format!("host{number}.example.net")))
        });
        assert_eq!(confirmed(&many, client).await, None, "not all of its names were tried");
    }
}
