//! The gateway and its lives: started, killed, started again, and told what changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dns::Cached;
use mail::Timestamp;
use portcullis::config::{self, LogFormat, Machine};
use portcullis::control::{self, Act, Asked, Request, Select};
use portcullis::gateway::{Gateway, Setting, Writers};
use portcullis::journal::Journal;
use spool::Filter;
use world::Clock;
use world::sim::disk::SimDisk;

use crate::chronicle::{InForce, Life, Order, Queued, When};
use crate::dice::Dice;
use crate::marks::Marks;
use crate::names::Names;
use crate::papers::Papers;
use crate::process::{DiskLie, Ground, Process};
use crate::town::Rules;
use crate::weather::RuleChange;

/// How soon a gateway that could not start is started again.
const START_AGAIN: Duration = Duration::from_secs(20);
/// How often that is tried before it counts as broken.
const STARTS_MAX: u32 = 60;

/// How often it is tried before the administrator reads what it says, and looks after the disk.
const STARTS_ALONE: u32 = 20;

/// The house of one run.
pub struct House {
    pub(crate) seed: u64,
    pub(crate) papers: Arc<Papers>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) ground: Ground,
    pub(crate) names: Names,
    pub(crate) lie: DiskLie,
    pub(crate) rules: Rules,
    pub(crate) marks: Marks,
    pub(crate) dice: Dice,
    /// What lives, while something does.
    pub(crate) living: Option<Living>,
    /// Processes that are gone for everybody but the system.
    lingering: Vec<Gateway>,
    lives: u64,
}

/// A gateway that lives.
pub(crate) struct Living {
    pub(crate) process: Process,
    pub(crate) gateway: Gateway,
}

/// It does not come up any more.
#[derive(Debug)]
pub(crate) struct NeverStarts(pub(crate) String);

impl House {
    /// A house on this ground, with nobody in it.
    pub fn new(seed: u64, papers: Arc<Papers>, ground: Ground, names: Names, lie: DiskLie) -> anyhow::Result<Self> {
        Ok(Self {
            seed,
            papers,
            folder: tempfile::tempdir()?,
            ground,
            names,
            lie,
            rules: Rules::first(),
            marks: Marks::default(),
            dice: Dice::of(seed, "house"),
            living: None,
            lingering: Vec::new(),
            lives: 0,
        })
    }

    /// The disk as it is now.
    pub(crate) fn disk(&self) -> &SimDisk {
        &self.ground.disk
    }

    /// Starts it, as often as it takes.
    pub(crate) async fn start(&mut self) -> Result<(), NeverStarts> {
        let mut why = String::new();
        for attempt in 0..STARTS_MAX {
            if attempt == STARTS_ALONE {
                self.look_after_the_disk();
            }
            match self.start_once().await {
                Ok(living) => {
                    self.recovered(&living.gateway);
                    self.living = Some(living);
                    let sure = self.ground.chronicle.now();
                    for one in self
                        .ground
                        .chronicle
                        .story()
                        .rules
                        .iter_mut()
                        .filter(|one| one.sure == NOT_YET)
                    {
                        one.sure = sure;
                    }
                    return Ok(());
                }
                Err(error) => {
                    why = error;
                    self.ground
                        .chronicle
                        .say(format_args!("the gateway does not start: {why}"));
                    self.marks.add("recovery", "start-failed");
                    tokio::time::sleep(START_AGAIN).await;
                }
            }
        }
        Err(NeverStarts(why))
    }

    /// Makes room, and replaces what fails: a gateway that cannot write its ledger says so and does not start.
    fn look_after_the_disk(&self) {
        self.ground.chronicle.say("the administrator looks after the disk");
        self.ground.disk.set_free(None);
        self.ground.disk.mend();
    }

    async fn start_once(&mut self) -> Result<Living, String> {
        self.lives += 1;
        let chronicle = self.ground.chronicle.clone();
        let from = chronicle.now();
        chronicle.story().lives.push(Life { from, until: None });
        chronicle.say(format_args!("the gateway starts, life {}", self.lives));
        let process = Process::new(self.ground.clone(), self.lives, self.lie);
        let starting = self.open(&process);
        let started = tokio::select! {
            biased;
            () = process.death() => Err("it died while it started".to_owned()),
            started = starting => started.map_err(|error| format!("{error:#}")),
        };
        match started {
            Ok(gateway) => Ok(Living { process, gateway }),
            Err(why) => {
                process.kill();
                self.end_of(&process, "start");
                self.let_go();
                Err(why)
            }
        }
    }

    async fn open(&self, process: &Process) -> anyhow::Result<Gateway> {
        let file = self.file();
        let machine = Machine {
            now: Timestamp(self.ground.clock.wall()),
            ..Machine::default()
        };
        let text = std::fs::read_to_string(&file)?;
        let reading = config::read("gate.toml", text, self.folder.path(), &machine);
        let Some(mut config) = reading.config else {
            anyhow::bail!("{}", reading.report.render());
        };
        config.spool.segment_octets = 96 << 10;
        config.spool.spill_octets = 24 << 10;
        config.spool.checkpoint_every_octets = 64 << 10;
        config.spool.cold_after = Duration::from_secs(600);
        let world = process.world(self.seed);
        let setting = Setting {
            resolver: Arc::new(Cached::new(self.names.clone(), world.clock.clone())),
            journal: Journal::new(LogFormat::Json, "gate.example.edu", std::io::sink())?,
            writers: Writers::Tasks,
            file: Some(file),
            keeper: None,
            world,
        };
        Gateway::start(config, setting).await
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("gate.toml")
    }

    fn recovered(&mut self, gateway: &Gateway) {
        let found = gateway.recovery();
        let marks = [
            ("checkpoint", found.from_checkpoint),
            ("tail", found.tail_records),
            ("torn-end", found.unfinished_octets),
            ("adopted", found.adopted),
            ("abandoned-files", found.abandoned_files),
            ("testimony", found.testimony.len() as u64),
            ("damaged", found.damaged.len() as u64),
        ];
        self.ground.chronicle.say(format_args!("found in the queue: {marks:?}"));
        for (name, _) in marks.iter().filter(|(_, count)| *count > 0) {
            self.marks.add("recovery", *name);
        }
    }

    /// Ends the life by SIGKILL, or as the weather already did.
    pub(crate) fn end(&mut self, how: &'static str, lingers: bool) {
        let Some(Living { process, gateway }) = self.living.take() else {
            return;
        };
        process.kill();
        self.end_of(&process, how);
        if lingers {
            // The system has not let go of all of it: its part of the queue is still locked.
            self.lingering.push(gateway);
            self.ground.disk.free_locks(Path::new("/ledger"));
        } else {
            drop(gateway);
            self.let_go();
        }
    }

    fn end_of(&mut self, process: &Process, how: &'static str) {
        self.ground.disk = process.bury();
        let until = self.ground.chronicle.now();
        if let Some(life) = self.ground.chronicle.story().lives.last_mut() {
            life.until = Some((until, how));
        }
        self.ground.chronicle.say(format_args!("the gateway ends: {how}"));
    }

    /// Ends it in good order.
    pub(crate) async fn stop(&mut self) {
        if let Some(Living { process, gateway }) = self.living.take() {
            gateway.stop().await;
            process.kill();
            self.end_of(&process, "stop");
            self.let_go();
        }
    }

    /// Nothing of those who lived before is left; says whether there was something.
    pub(crate) fn let_go(&mut self) -> bool {
        let anybody = !self.lingering.is_empty();
        self.lingering.clear();
        if self.living.is_none() || anybody {
            self.ground.disk.free_locks(Path::new("/"));
        }
        anybody
    }

    /// Other rules: a new file, and a reload where somebody is there to hear of it.
    pub(crate) async fn change_rules(&mut self, change: RuleChange) -> anyhow::Result<()> {
        match change {
            RuleChange::Suspend(name) => self.rules.grant_mut(name).map(|grant| grant.suspended = true),
            RuleChange::Restore(name) => self.rules.grant_mut(name).map(|grant| {
                grant.suspended = false;
                grant.last_day = grant.last_day.max(200);
            }),
            RuleChange::End(name) => self.rules.grant_mut(name).map(|grant| grant.last_day = -1),
            RuleChange::Remove(name) => {
                self.rules.grants.retain(|grant| grant.name != name);
                Some(())
            }
        };
        self.marks.add("rules", change.name());
        let from = self.ground.chronicle.now();
        self.papers.lay_out(self.folder.path(), &self.rules)?;
        self.ground.chronicle.story().rules.push(InForce {
            from,
            sure: NOT_YET,
            rules: self.rules.clone(),
        });
        self.ground.chronicle.say(format_args!("the rules change: {change:?}"));
        let Some(living) = &self.living else { return Ok(()) };
        let reloaded = tokio::select! {
            biased;
            () = living.process.death() => return Ok(()),
            reloaded = living.gateway.reload() => reloaded,
        };
        match reloaded {
            Ok(_) => {
                let sure = self.ground.chronicle.now();
                if let Some(last) = self.ground.chronicle.story().rules.last_mut() {
                    last.sure = sure;
                }
            }
            Err(why) => self.ground.chronicle.say(format_args!("the reload was refused: {why}")),
        }
        Ok(())
    }

    /// An operator does something to what is in the queue.
    pub(crate) async fn order(&mut self, act: &'static str) {
        let Some(living) = &self.living else { return };
        let Some(asked) = self.wanted(act, &living.gateway) else {
            return;
        };
        self.ask(act, asked).await;
    }

    fn wanted(&self, act: &'static str, gateway: &Gateway) -> Option<Asked> {
        let domain = || {
            Select::Domain(
                self.dice
                    .word(&["example.org", "example.net", "example.edu", "moving.example"])
                    .to_owned(),
            )
        };
        let select = || match self.dice.below(4) {
            0 => Some(domain()),
            1 => Some(Select::Grant(self.dice.word(&["billing", "copier", "ups"]).to_owned())),
            _ => {
                let all = gateway.view().list(&Filter::default(), 1000);
                self.dice.pick(&all).map(|one| Select::Ids(vec![one.id.to_string()]))
            }
        };
        let change = |act| {
            let reason = Some("as the simulation wants it".to_owned());
            select().map(|select| Asked::Change { select, act, reason })
        };
        match act {
            "hold" => change(Act::Hold {
                for_secs: self.dice.chance(50).then(|| self.dice.within(60, 7200)),
            }),
            "release" => change(Act::Release),
            "remove" => change(Act::Remove),
            "bounce" => change(Act::Bounce),
            "retry" => change(Act::Retry),
            "suspend" => Some(Asked::Suspend { select: domain() }),
            _ => {
                let suspended = gateway.view().suspended();
                let one = self.dice.pick(&suspended)?;
                Some(Asked::Resume {
                    select: Select::of(one),
                })
            }
        }
    }

    /// Asks the gateway as the control socket would; what came of it is written down.
    pub(crate) async fn ask(&mut self, act: &'static str, asked: Asked) {
        let Some(living) = &self.living else { return };
        let chronicle = self.ground.chronicle.clone();
        let begun = chronicle.now();
        chronicle.say(format_args!("the operator asks: {asked:?}"));
        let request = Request {
            operator: Some("operator".to_owned()),
            asked,
        };
        let done = tokio::select! {
            biased;
            () = living.process.death() => None,
            answer = control::ask_here(living.gateway.desk(), request) => {
                chronicle.say(format_args!("the operator hears: {answer:?}"));
                Some(answer.is_ok())
            }
        };
        if done == Some(true) {
            self.marks.add("operator", act);
        }
        let answered = chronicle.now();
        chronicle.story().orders.push(Order {
            asked: begun,
            answered,
            act,
            done,
        });
    }

    /// Lays out the first rules.
    pub(crate) fn move_in(&mut self) -> anyhow::Result<()> {
        self.papers.lay_out(self.folder.path(), &self.rules)?;
        let now = self.ground.chronicle.now();
        self.ground.chronicle.story().rules.push(InForce {
            from: now,
            sure: now,
            rules: self.rules.clone(),
        });
        Ok(())
    }

    /// What operators suspended.
    pub(crate) fn suspended(&self) -> Vec<spool::Selector> {
        self.living
            .as_ref()
            .map(|living| living.gateway.view().suspended())
            .unwrap_or_default()
    }

    /// Recipients something is still to happen to by itself; `None` where nobody lives who could tell.
    pub(crate) fn unsettled(&self) -> Option<u64> {
        let counts = self.living.as_ref()?.gateway.view().counts();
        Some(counts.ready + counts.deferred + counts.bouncing + counts.leased)
    }

    /// Every recipient that is in the queue and not done.
    pub(crate) fn queued(&self) -> Vec<Queued> {
        let Some(living) = &self.living else {
            return Vec::new();
        };
        let mut queued = Vec::new();
        for message in living.gateway.view().list(&Filter::default(), usize::MAX) {
            let open = message.recipients.iter().filter(|(_, state)| !state.is_done());
            queued.extend(open.map(|(to, state)| Queued {
                id: message.id.to_string(),
                to: to.to_string(),
                state: state_name(state),
            }));
        }
        queued.sort();
        queued
    }

    /// The files of the ledger, by name.
    pub(crate) fn ledger(&self) -> Vec<(String, Vec<u8>)> {
        let names = self.ground.disk.names().into_iter();
        let files =
            names.filter(|path| path.starts_with("/ledger") && path.extension().is_some_and(|is| is == "jsonl"));
        files
            .filter_map(|path| {
                Some((
                    path.file_name()?.to_str()?.to_owned(),
                    self.ground.disk.contents(&path)?,
                ))
            })
            .collect()
    }

    /// Looks at the queue, for the marks.
    pub(crate) fn look(&mut self) {
        let Some(living) = &self.living else { return };
        let mut seen = Vec::new();
        for message in living.gateway.view().list(&Filter::default(), 1000) {
            seen.extend(message.recipients.iter().map(|(_, state)| state_name(state)));
        }
        let damaged = living.gateway.view().damaged().len();
        for state in seen {
            self.marks.add("state", state);
        }
        if damaged > 0 {
            self.marks.add("recovery", "damaged");
        }
    }
}

/// A moment that has not come.
pub(crate) const NOT_YET: When = When {
    at: Duration::MAX,
    wall: i64::MAX,
};

impl RuleChange {
    const fn name(self) -> &'static str {
        match self {
            Self::Suspend(_) => "suspend",
            Self::Restore(_) => "restore",
            Self::End(_) => "end",
            Self::Remove(_) => "remove",
        }
    }
}

/// A state in one word, told apart by who holds.
pub(crate) fn state_name(state: &spool::State) -> &'static str {
    use spool::{Holder, Outcome, State};
    match state {
        State::Ready => "ready",
        State::Deferred { .. } => "deferred",
        State::Held {
            by: Holder::Judgement, ..
        } => "held-by-judgement",
        State::Held {
            by: Holder::Suspension, ..
        } => "held-by-suspension",
        State::Held {
            by: Holder::Operator(_),
            ..
        } => "held-by-operator",
        State::Quarantined { .. } => "quarantined",
        State::Bouncing => "bouncing",
        State::Done {
            outcome: Outcome::Delivered,
            ..
        } => "delivered",
        State::Done {
            outcome: Outcome::Failed,
            ..
        } => "failed",
        State::Done {
            outcome: Outcome::Expired,
            ..
        } => "expired",
        State::Done {
            outcome: Outcome::Removed,
            ..
        } => "removed",
    }
}
