//! What goes wrong, and when: a plan that follows from the seed alone.
//!
//! Each seed has weather of its own: some kinds of trouble do not come at all, others come often. Runs with everything
//! at once hide more than they show.

use std::time::Duration;

use world::sim::Fault;
use world::sim::disk::{self, Fate};

use crate::dice::Dice;
use crate::peers::HABITS;
use crate::process::Breakage;
use crate::town::{Door, PLACES};

/// Every fault beside the habits of peers, by the name under which it is told.
pub const FAULTS: &[&str] = &[
    "kill",
    "kill-lingering",
    "power-forget",
    "power-keep",
    "power-chance",
    "power-mid-operation",
    "disk-eio-write",
    "disk-eio-read",
    "disk-eio-sync",
    "disk-eio-sync-dir",
    "disk-eio-open",
    "disk-full",
    "slow-disk",
    "clock-forward",
    "clock-back",
    "line-reset",
    "line-silent",
    "line-deaf",
    "line-mute",
    "net-refuse",
    "net-hang",
    "net-reset-after",
    "net-stall-after",
    "dns-timeout",
    "dns-servfail",
    "dns-unreachable",
    "dns-changed",
    "client-breaks-off",
];

/// Every fault there is.
pub fn all_faults() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().copied().chain(HABITS.iter().map(|(_, _, name)| *name))
}

/// Something the weather, the operator or the administration does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// SIGKILL; back after a while.
    Kill { down: Duration, lingers: bool },
    /// The power goes now.
    Power { fate: Fate, down: Duration },
    /// The power goes behind so many operations of the disk.
    PowerBehind { nth: u64, fate: Fate, down: Duration },
    /// An operation of the disk fails, so many from now.
    Disk {
        kind: disk::Kind,
        nth: u64,
        fault: disk::Fault,
    },
    /// So much room is left, or as much as one wants.
    Room(Option<u64>),
    /// The next sync takes this long.
    Slow(Duration),
    /// The wall clock moves by so many milliseconds.
    Clock(i64),
    /// Connections break, so many out of a hundred.
    Lines { how: Breakage, percent: u64 },
    /// The way to an address breaks, or is whole again.
    Way { to: &'static str, fault: Option<Fault> },
    /// So many questions out of a hundred are not answered.
    Names(u64),
    /// A domain moves.
    Move,
    /// So many sessions of peers out of a hundred show a bad habit.
    Peers(u64),
    /// Other rules.
    Rules(RuleChange),
    /// An operator does something.
    Order(&'static str),
}

/// How the rules change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RuleChange {
    /// A grant is suspended.
    Suspend(&'static str),
    /// It is in force again.
    Restore(&'static str),
    /// It ended yesterday.
    End(&'static str),
    /// It is gone altogether.
    Remove(&'static str),
}

/// The operator's acts.
pub const ORDERS: &[&str] = &["hold", "release", "remove", "bounce", "retry", "suspend", "resume"];

/// The grants whose state changes.
const RESTLESS: &[&str] = &["billing", "copier", "erp", "ups", "fax"];

/// The weather of a seed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How long it lasts; then it is fine.
    pub(crate) span: Duration,
    /// How many sessions clients have.
    pub(crate) sessions: u64,
    /// How long octets are under way.
    pub(crate) latency: Duration,
    /// What happens, in order.
    pub(crate) deeds: Vec<(Duration, Deed)>,
}

impl Plan {
    /// What the seed has in store.
    #[must_use]
    pub(crate) fn of(seed: u64) -> Self {
        let dice = Dice::of(seed, "weather");
        let span = Duration::from_secs(dice.within(20, 600) * 60);
        let mut plan = Self {
            span,
            sessions: dice.within(25, 60),
            latency: Duration::from_millis(dice.word(&["0", "1", "20", "150"]).parse().unwrap_or_default()),
            deeds: Vec::new(),
        };
        plan.ends_of_lives(&dice);
        plan.disk(&dice);
        plan.clock(&dice);
        plan.net(&dice);
        plan.names_and_peers(&dice);
        plan.people(&dice);
        plan.deeds.sort_by_key(|(at, _)| *at);
        plan
    }

    fn at(&mut self, at: Duration, deed: Deed) {
        self.deeds.push((at, deed));
    }

    /// For a while, then as before.
    fn during(&mut self, dice: &Dice, longest_secs: u64, deed: Deed, undo: Deed) {
        let from = dice.moment(self.span);
        let until = from + Duration::from_secs(dice.within(5, longest_secs));
        self.at(from, deed);
        self.at(until, undo);
    }

    fn ends_of_lives(&mut self, dice: &Dice) {
        let down = |dice: &Dice| Duration::from_millis(dice.within(100, 300_000));
        let fate = |dice: &Dice| {
            let chance = dice.below(1 << 40);
            dice.weighted(&[(2, Fate::Forget), (1, Fate::Keep), (5, Fate::Chance(chance))])
                .unwrap_or(Fate::Forget)
        };
        for _ in 0..often(dice, 4) {
            let (at, lingers) = (dice.moment(self.span), dice.chance(35));
            self.at(
                at,
                Deed::Kill {
                    down: down(dice),
                    lingers,
                },
            );
        }
        for _ in 0..often(dice, 4) {
            let at = dice.moment(self.span);
            self.at(
                at,
                Deed::Power {
                    fate: fate(dice),
                    down: down(dice),
                },
            );
        }
        for _ in 0..often(dice, 6) {
            let (at, nth) = (dice.moment(self.span), dice.below(40));
            self.at(
                at,
                Deed::PowerBehind {
                    nth,
                    fate: fate(dice),
                    down: down(dice),
                },
            );
        }
    }

    fn disk(&mut self, dice: &Dice) {
        use disk::{Fault as Io, Kind};
        const KINDS: &[(u64, Kind)] = &[
            (4, Kind::Write),
            (5, Kind::Sync),
            (2, Kind::SyncDir),
            (2, Kind::Read),
            (2, Kind::Open),
        ];
        for _ in 0..often(dice, 6) {
            let at = dice.moment(self.span);
            let kind = dice.weighted(KINDS).unwrap_or(Kind::Sync);
            let fault = if kind == Kind::Write && dice.chance(50) {
                Io::Short(usize::try_from(dice.below(5000)).unwrap_or_default())
            } else {
                Io::Io
            };
            // One fault mostly; sometimes the disk is bad for a while.
            let nth = dice.below(6);
            for further in 0..dice.weighted(&[(6, 1), (2, 2), (1, 6)]).unwrap_or(1) {
                self.at(
                    at,
                    Deed::Disk {
                        kind,
                        nth: nth + further,
                        fault,
                    },
                );
            }
        }
        for _ in 0..often(dice, 2) {
            let room = dice.within(0, 200_000);
            self.during(dice, 1800, Deed::Room(Some(room)), Deed::Room(None));
        }
        for _ in 0..often(dice, 5) {
            let (at, by) = (dice.moment(self.span), Duration::from_millis(dice.within(50, 20_000)));
            self.at(at, Deed::Slow(by));
        }
    }

    fn clock(&mut self, dice: &Dice) {
        const HOUR: i64 = 3_600_000;
        for _ in 0..often(dice, 3) {
            let at = dice.moment(self.span);
            let far = dice.weighted(&[(4, 60_000), (3, HOUR), (2, 26 * HOUR)]).unwrap_or(HOUR);
            let by = if dice.chance(50) { far } else { -far };
            self.at(at, Deed::Clock(by));
        }
    }

    fn net(&mut self, dice: &Dice) {
        for _ in 0..often(dice, 10) {
            let at = dice.moment(self.span);
            let how = dice.pick(&Breakage::ALL).copied().unwrap_or(Breakage::Reset);
            self.at(
                at,
                Deed::Lines {
                    how,
                    percent: dice.within(20, 100),
                },
            );
        }
        let places: Vec<&'static str> = PLACES.iter().map(|place| place.ip).collect();
        let doors: Vec<&'static str> = Door::ALL.iter().map(|door| door.address()).collect();
        for _ in 0..often(dice, 8) {
            let octets = usize::try_from(dice.within(1, 6000)).unwrap_or(1);
            let breaks = [
                Fault::ResetAfter(octets),
                Fault::StallAfter(octets),
                Fault::Refuse,
                Fault::Hang,
            ];
            let (to, faults) = if dice.chance(65) {
                (dice.word(&places), breaks.as_slice())
            } else {
                (dice.word(&doors), breaks.get(..2).unwrap_or_default())
            };
            let fault = dice.pick(faults).copied();
            self.during(dice, 3600, Deed::Way { to, fault }, Deed::Way { to, fault: None });
        }
    }

    fn names_and_peers(&mut self, dice: &Dice) {
        for _ in 0..often(dice, 3) {
            let percent = dice.within(20, 100);
            self.during(dice, 7200, Deed::Names(percent), Deed::Names(0));
        }
        if dice.chance(40) {
            let at = dice.moment(self.span);
            self.at(at, Deed::Move);
        }
        if dice.chance(80) {
            let percent = dice.within(10, 70);
            self.at(Duration::ZERO, Deed::Peers(percent));
        }
    }

    fn people(&mut self, dice: &Dice) {
        for _ in 0..often(dice, 4) {
            let (at, grant) = (dice.moment(self.span), dice.word(RESTLESS));
            let change = dice.weighted(&[
                (5, RuleChange::Suspend(grant)),
                (5, RuleChange::Restore(grant)),
                (2, RuleChange::End(grant)),
                (1, RuleChange::Remove(grant)),
            ]);
            if let Some(change) = change {
                self.at(at, Deed::Rules(change));
            }
        }
        for _ in 0..often(dice, 8) {
            let at = dice.moment(self.span);
            self.at(at, Deed::Order(dice.word(ORDERS)));
        }
        if dice.chance(30) {
            self.suspended_in_the_queue(dice);
        }
    }

    /// Nobody elsewhere can be reached, so mail waits, and an operator finds some; then its grant is suspended, and a while
    /// later is in force again.
    fn suspended_in_the_queue(&mut self, dice: &Dice) {
        let from = dice.moment(self.span / 2);
        let waits = Duration::from_secs(dice.within(1200, 7200));
        let suspended = from + waits;
        let restored = suspended + Duration::from_secs(dice.within(120, 3600));
        let grant = dice.word(&["billing", "copier"]);
        for place in PLACES.iter().filter(|place| !place.inside) {
            let to = place.ip;
            self.at(
                from,
                Deed::Way {
                    to,
                    fault: Some(Fault::Refuse),
                },
            );
            self.at(restored, Deed::Way { to, fault: None });
        }
        self.at(from + waits / 2, Deed::Order("hold"));
        self.at(from + waits * 3 / 4, Deed::Order("remove"));
        self.at(suspended, Deed::Rules(RuleChange::Suspend(grant)));
        self.at(restored, Deed::Rules(RuleChange::Restore(grant)));
    }
}

/// Not at all for many seeds, up to so often for others.
fn often(dice: &Dice, most: u64) -> u64 {
    if dice.chance(45) { 0 } else { dice.within(1, most) }
}
