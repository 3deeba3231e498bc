//! When the technical checks of a case are made: each hour while it waits for them, once a day while it serves, and at
//! once where what they look at has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use dns::Resolver;
use mail::{Domain, Timestamp};
use registry::{CaseId, Kept, State};

use super::Registry;
use crate::registrar;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Checks between two looks at what else is to be done.
const BATCH: usize = 50;

/// What is checked, and when that was done last.
#[derive(Default)]
pub(super) struct Checks {
    /// By case: what its form says of the machine, and how often it is looked at.
    machines: BTreeMap<CaseId, Machine>,
    checked: BTreeMap<CaseId, Timestamp>,
    /// Those that are looked at next, whenever they were last.
    now: BTreeSet<CaseId>,
}

#[derive(Clone)]
struct Machine {
    host: Option<Domain>,
    address: Option<IpAddr>,
    every: Duration,
}

/// A case that is to be checked.
pub(super) struct Due {
    pub(super) id: CaseId,
    host: Option<Domain>,
    address: Option<IpAddr>,
}

impl Checks {
    /// These cases have changed. What begins to wait is checked at once.
    pub(super) fn learn(&mut self, changed: &[Kept]) {
        for kept in changed {
            let former = self.machines.remove(&kept.id);
            let Some(machine) = machine(kept) else {
                self.checked.remove(&kept.id);
                self.now.remove(&kept.id);
                continue;
            };
            let waited = former.is_some_and(|former| former.every == machine.every);
            if machine.every == HOUR && !waited {
                self.now.insert(kept.id);
            }
            self.machines.insert(kept.id, machine);
        }
    }

    /// What they look at has changed: all are made again.
    pub(super) fn all(&mut self) {
        self.now.extend(self.machines.keys());
    }

    /// What is to be checked now, not too much at once.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<Due> {
        let mut due = Vec::new();
        for (id, machine) in &self.machines {
            if due.len() >= BATCH {
                break;
            }
            // Who was not seen before has its turn spread over the time: a gate that starts does not look at all at once.
            let turn = || now.minus(machine.every * (id.0 % 24) / 24);
            let last = *self.checked.entry(*id).or_insert_with(turn);
            if self.now.contains(id) || now < last || now.since(last) >= machine.every {
                self.now.remove(id);
                self.checked.insert(*id, now);
                let Machine { host, address, .. } = machine.clone();
                due.push(Due { id: *id, host, address });
            }
        }
        due
    }
}

fn machine(kept: &Kept) -> Option<Machine> {
    let every = match kept.case.state {
        State::Approved | State::WaitingNetwork => HOUR,
        state if state.admits_mail() => DAY,
        _ => return None,
    };
    let network = kept.form.address.trim().parse::<ipnet::IpNet>().ok();
    let address = kept
        .form
        .address
        .trim()
        .parse()
        .ok()
        .or(network.map(|network| network.addr()));
    let host = Domain::parse(kept.form.host.trim()).ok();
    Some(Machine { host, address, every })
}

/// Makes the checks whose time has come; whether there were any.
pub(super) async fn make(registry: &Registry, resolver: &dyn Resolver, now: Timestamp) -> bool {
    let due = registry.at_desk(move |office| Ok(office.checks.due(now))).await;
    let due = due.unwrap_or_default();
    let any = !due.is_empty();
    for one in due {
        let names = registrar::names(resolver, one.host.as_ref(), one.address).await;
        let checked = registry.at_desk(move |office| office.check(one.id, &names, now)).await;
        if checked.is_err() {
            break;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

    fn checks(cases: &[(u32, Duration)]) -> Checks {
        let machines = cases.iter().map(|(id, every)| {
            let machine = Machine {
                host: None,
                address: None,
                every: *every,
            };
            (CaseId(*id), machine)
        });
        Checks {
            machines: machines.collect(),
            ..Checks::default()
        }
    }

    fn due(checks: &mut Checks, hours: u32) -> Vec<u32> {
        checks.due(NOW.plus(HOUR * hours)).iter().map(|due| due.id.0).collect()
    }

    #[test]
    fn what_serves_is_looked_at_once_a_day_spread_over_it() {
        let mut checks = checks(&[(1008, DAY), (1009, DAY), (1031, DAY)]);
        let turns: Vec<_> = (0..73).map(|hour| due(&mut checks, hour)).collect();
        for id in [1008, 1009, 1031] {
            let at: Vec<_> = (0..73).filter(|hour| turns[*hour].contains(&id)).collect();
            assert!(
                at[0] <= 24 && at.windows(2).all(|two| two[1] - two[0] == 24),
                "{id}: {at:?}"
            );
        }
        assert!(turns.iter().all(|turn| turn.len() < 2), "{turns:?}");
    }

    #[test]
    fn what_waits_is_looked_at_each_hour_and_all_at_once_where_a_file_changed() {
        let mut checks = checks(&[(1008, HOUR), (1009, DAY)]);
        checks.now.insert(CaseId(1008));
        assert_eq!(due(&mut checks, 0), [1008]);
        assert_eq!(due(&mut checks, 0), [0; 0]);
        assert_eq!(due(&mut checks, 1), [1008]);
        checks.all();
        assert_eq!(due(&mut checks, 1), [1008, 1009]);
        assert_eq!(due(&mut checks, 1), [0; 0]);
    }
}
