//! Logins that were guessed at too often in a row (NIST SP 800-63B-4, 3.2.2): stopped until a person has looked.
//!
//! Failures are counted over all addresses, so that taking turns is of no use. A login that is stopped proves nothing from
//! anywhere but where it is at home: an address from which it proved itself before, or which its grant names. So no
//! stranger stops a device. It is let go by a command, or by another secret in the place of the one that was guessed at.
//! What is stopped outlives the process.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use mail::Timestamp;
use policy::Name;
use serde::{Deserialize, Serialize};
use world::Disk;

use crate::slip::Slip;

/// Failures in a row after which a login is stopped.
const FAILURES_MAX: u32 = 100;
/// The file, beside the queue.
const FILE: &str = "logins.stopped";

/// A login that is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Since when, RFC 3339.
    pub since: Box<str>,
    /// Where it proved itself before, and still can.
    pub homes: Vec<IpNet>,
    /// Tells the secret that was guessed at from the one that takes its place.
    of: Box<str>,
}

/// Failures in a row of one secret.
#[derive(Debug)]
struct Row {
    failures: u32,
    of: Box<str>,
}

/// Every login that is stopped, and those that may come to it. As many as there are logins.
#[derive(Default)]
pub(super) struct Stops {
    rows: BTreeMap<Name, Row>,
    stopped: BTreeMap<Name, Stop>,
    place: Option<Slip>,
}

impl Stops {
    /// Those that lie in `folder`, kept there from now on.
    pub(super) fn kept(disk: Arc<dyn Disk>, folder: &Path) -> io::Result<Self> {
        let slip = Slip::new(disk, folder.to_owned(), FILE);
        let stopped = slip.read()?;
        Ok(Self {
            rows: BTreeMap::new(),
            stopped,
            place: Some(slip),
        })
    }

    /// Whether this secret of the login is stopped for somebody who comes from there.
    pub(super) fn is_stopped(&self, login: &str, of: &str, client: IpAddr) -> bool {
        let client = client.to_canonical();
        self.stopped
            .get(login)
            .is_some_and(|stop| *stop.of == *of && !stop.homes.iter().any(|home| home.contains(&client)))
    }

    /// Notes a failure. `homes`: where the login proved itself before. Says whether it is stopped from now on.
    pub(super) fn failed(
        &mut self,
        login: &Name,
        of: &str,
        homes: impl FnOnce() -> Vec<IpNet>,
        now: Timestamp,
    ) -> bool {
        let row = self.rows.entry(login.clone()).or_insert_with(|| Row {
            failures: 0,
            of: of.into(),
        });
        if *row.of != *of {
            row.failures = 0;
            row.of = of.into();
        }
        row.failures = row.failures.saturating_add(1);
        let is_stopped = self.stopped.get(login).is_some_and(|stop| *stop.of == *of);
        if row.failures < FAILURES_MAX || is_stopped {
            return false;
        }
        let stop = Stop {
            since: now.to_rfc3339().into(),
            homes: homes(),
            of: of.into(),
        };
        self.stopped.insert(login.clone(), stop);
        self.keep();
        true
    }

    /// A right secret ends the row. What is stopped stays so: whoever guesses needs only to wait for the owner otherwise.
    pub(super) fn succeeded(&mut self, login: &str) {
        self.rows.remove(login);
    }

    /// Lets a login go; whether it was stopped.
    pub(super) fn release(&mut self, login: &str) -> bool {
        self.rows.remove(login);
        let was = self.stopped.remove(login).is_some();
        if was {
            self.keep();
        }
        was
    }

    /// All that are stopped.
    pub(super) fn all(&self) -> BTreeMap<Name, Stop> {
        self.stopped.clone()
    }

    fn keep(&self) {
        let Some(slip) = &self.place else { return };
        if let Err(error) = slip.write(&self.stopped) {
            tracing::warn!(event = "logins.stopped", %error, "which logins are stopped could not be kept; it is forgotten at the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use world::OsDisk;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 20, 3, 14));
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
    const NOW: Timestamp = Timestamp(1_795_262_400_000);

    fn guess(stops: &mut Stops, of: &str, times: u32) -> u32 {
        let login = Name::from("erp");
        let stopped = (0..times).filter(|_| stops.failed(&login, of, || vec![IpNet::from(HOME)], NOW));
        u32::try_from(stopped.count()).unwrap()
    }

    #[test]
    fn a_hundred_failures_in_a_row_stop_a_login_everywhere_but_at_home() {
        let mut stops = Stops::default();
        assert_eq!(guess(&mut stops, "one", 99), 0);
        stops.succeeded("erp");
        assert_eq!(
            guess(&mut stops, "one", 99),
            0,
            "a right secret in between ends the row"
        );
        assert!(!stops.is_stopped("erp", "one", ELSEWHERE));
        assert_eq!(guess(&mut stops, "one", 50), 1, "it is said once");
        assert!(stops.is_stopped("erp", "one", ELSEWHERE) && !stops.is_stopped("erp", "one", HOME));
        assert!(!stops.is_stopped("copier", "one", ELSEWHERE));
        stops.succeeded("erp");
        assert!(
            stops.is_stopped("erp", "one", ELSEWHERE),
            "its owner's login lets no guesser in"
        );
    }

    #[test]
    fn it_is_let_go_by_a_command_or_another_secret() {
        let mut stops = Stops::default();
        guess(&mut stops, "one", 100);
        assert!(stops.is_stopped("erp", "one", ELSEWHERE) && !stops.is_stopped("erp", "two", ELSEWHERE));
        assert!(stops.release("erp") && !stops.release("erp"));
        assert!(!stops.is_stopped("erp", "one", ELSEWHERE));
        assert_eq!(guess(&mut stops, "one", 99), 0);
        assert_eq!(guess(&mut stops, "two", 99), 0, "another secret is another row");
        assert_eq!(guess(&mut stops, "two", 1), 1);
    }

    #[test]
    fn what_is_stopped_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Stops::kept(Arc::new(OsDisk), folder.path()).unwrap();
        guess(&mut open(), "one", 100);
        let mut again = open();
        assert!(again.is_stopped("erp", "one", ELSEWHERE) && !again.is_stopped("erp", "one", HOME));
        again.release("erp");
        assert!(open().all().is_empty());
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(Stops::kept(Arc::new(OsDisk), folder.path()).is_err());
    }
}
