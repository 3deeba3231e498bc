//! The desk of the registry as a gate keeps it: opened again where it broke, asked in rounds of a second. Calls block.

mod news;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mail::Timestamp;
use policy::Name;
use registry::{
    Actor, Bell, CaseId, Credential, DeskError, Event, Kept, Names, Pinned, Proof, Revocation, Rules, Source, State,
    StoreError, Trouble,
};

use super::super::compose::{Abused, Registered};
use super::checks::Checks;
use super::post::Post;
use super::setup::Setup;
use super::told::Untold;
use super::words::Words;
use crate::identities::{self, Verifier};
use crate::registrar;
use crate::uses::{Use, Uses};

/// How often time is let do its work, by the calendar.
const TICK: Duration = Duration::from_secs(60);
/// How often it is looked up whether the people of grants are there, and whenever their file has changed.
const SWEPT_EVERY: Duration = Duration::from_secs(86_400);
/// How often use is written down.
const WRITTEN_EVERY: Duration = Duration::from_secs(3);
/// How often the files of the network are looked at.
const LOOKED_EVERY: Duration = Duration::from_secs(3);
/// Steps that are told at once.
const UNTOLD: u32 = 500;

/// When a file was changed last; `None` where it is not there.
pub(super) type Changed = Option<(SystemTime, i64, i64)>;

/// What the gates are given.
pub(crate) struct Granted {
    /// What judgement reads of it.
    pub(crate) said: Registered,
    /// What proves each login.
    pub(crate) logins: BTreeMap<Name, Verifier>,
    /// The state of the registry in which that was so.
    pub(crate) revision: u64,
}

/// What a round found.
pub(super) struct Round {
    /// What is granted now, where that has changed.
    pub(super) granted: Option<Granted>,
    /// What of the network's files cannot be read.
    pub(super) unread: Vec<String>,
    /// What is wrong with the words of letters.
    pub(super) words_wrong: Vec<String>,
    /// Steps of which the ledger knows nothing, oldest first.
    pub(super) untold: Untold,
}

/// The desk, and when it last did what.
pub(crate) struct Office {
    setup: Option<Setup>,
    /// Is rung when somebody else has changed something, where the database tells.
    bell: Bell,
    desk: Option<registrar::Registry>,
    /// The files of the network as they were when they were read.
    files: Vec<(PathBuf, Changed)>,
    /// What cannot be read of them.
    unread: Vec<String>,
    ticked: Option<Timestamp>,
    /// When it was looked up last whether the people of grants are there.
    swept: Option<Timestamp>,
    /// When this gate was there last and could testify; a calendar that was set on meanwhile is no gap.
    there: Option<Timestamp>,
    written: Option<Timestamp>,
    looked: Option<Timestamp>,
    /// When a trouble of a grant was looked up last.
    troubled: BTreeMap<(CaseId, Trouble), Timestamp>,
    /// When the first certificate ends.
    first_end: Option<Timestamp>,
    /// The state of the registry in which its cases were read last.
    read: Option<u64>,
    /// Grants that had ended for abuse by then.
    abused: Arc<Abused>,
    pub(super) checks: Checks,
    pub(super) post: Post,
    pub(super) words: Words,
}

impl Office {
    pub(super) fn new(setup: Option<Setup>, bell: Bell) -> Self {
        Self {
            setup,
            bell,
            desk: None,
            files: Vec::new(),
            unread: Vec::new(),
            ticked: None,
            swept: None,
            there: None,
            written: None,
            looked: None,
            troubled: BTreeMap::new(),
            first_end: None,
            read: None,
            abused: Arc::default(),
            checks: Checks::default(),
            post: Post::default(),
            words: Words::default(),
        }
    }

    /// Another configuration serves: where the registry is, and by which rules it goes, may have changed.
    pub(super) fn configure(&mut self, setup: Option<Setup>) {
        self.setup = setup;
        self.desk = None;
        self.looked = None;
        self.files.clear();
        self.unread.clear();
        self.read = None;
        self.abused = Arc::default();
        self.checks = Checks::default();
    }

    /// Where it is kept, while it is.
    pub(super) fn setup(&self) -> Option<&Setup> {
        self.setup.as_ref()
    }

    /// Does something at the desk, which is opened where it is not. After an error of the store it is opened again.
    pub(super) fn at<T>(
        &mut self,
        work: impl FnOnce(&mut registrar::Registry) -> Result<T, DeskError>,
    ) -> Result<T, String> {
        let desk = match &mut self.desk {
            Some(desk) => desk,
            None => {
                let setup = self.setup.as_ref().ok_or("the configuration keeps no registry")?;
                let (mut desk, _) = registrar::open(&setup.settings, setup.house()).map_err(|why| why.to_string())?;
                desk.store().ring(self.bell.clone());
                self.desk.insert(desk)
            }
        };
        let done = work(desk);
        if let Err(DeskError::Store(StoreError::Database(_))) = done {
            self.desk = None;
        }
        done.map_err(|why| why.to_string())
    }

    /// One round: what is to be written is written, what has come due happens, and what has changed since `published`
    /// is told. Who cannot testify sees no mail.
    pub(super) fn round(
        &mut self,
        uses: &Uses,
        published: Option<u64>,
        testifies: bool,
        now: Timestamp,
    ) -> Result<Round, String> {
        self.look_at_files(now);
        let changed = self.at(revision)? != published.unwrap_or(u64::MAX);
        let ticks = changed || is_over(self.ticked, TICK, now);
        if ticks || is_over(self.written, WRITTEN_EVERY, now) {
            self.write_all(uses, now)?;
            self.written = Some(now);
        }
        if ticks {
            self.note_presence(testifies, now)?;
            self.at(|desk| desk.tick(now))?;
            if is_over(self.swept, SWEPT_EVERY, now) {
                self.at(|desk| desk.sweep(now))?;
                self.swept = Some(now);
            }
            self.ticked = Some(now);
        }
        let granted = match self.at(revision)? {
            revision if Some(revision) == published && self.first_end.is_none_or(|end| now <= end) => None,
            _ => Some(self.granted(uses, now)?),
        };
        Ok(Round {
            granted,
            unread: self.unread.clone(),
            words_wrong: self.words.wrong.clone(),
            untold: self.at(|desk| Untold::read(desk, UNTOLD))?,
        })
    }

    /// What is granted now.
    pub(super) fn granted(&mut self, uses: &Uses, now: Timestamp) -> Result<Granted, String> {
        let read = self.read;
        let (revision, changed, grants, credentials, pinned) = self.at(|desk| {
            // Asked first: what changes meanwhile is read once more, and never missed.
            let revision = desk.store().revision()?;
            let changed = match read.filter(|read| *read <= revision) {
                Some(read) => desk.store().changed(read)?,
                None => desk.store().list(None)?,
            };
            let (grants, store) = (desk.grants(now)?, desk.store());
            Ok((revision, changed, grants, store.live_credentials(now)?, store.pinned()?))
        })?;
        if read.is_none_or(|read| read > revision) {
            self.abused = Arc::default();
        }
        self.read = Some(revision);
        self.first_end = first_end(&credentials);
        self.checks.learn(&changed);
        learn_abused(&mut self.abused, &changed);
        let known = grants
            .iter()
            .filter_map(|grant| Some((grant.name.clone(), CaseId::parse(&grant.name)?)));
        uses.know(known.collect());
        let declared = self.setup.iter().flat_map(|setup| setup.pinned.iter());
        uses.know_pinned(declared.map(|grant| grant.name.clone()).collect());
        Ok(Granted {
            said: Registered {
                grants: grants.into(),
                suspended: suspended(pinned),
                abused: self.abused.clone(),
            },
            logins: identities::verifiers(credentials),
            revision,
        })
    }

    /// Makes the checks of one case, and takes the step that follows.
    pub(super) fn check(&mut self, id: CaseId, names: &Names, now: Timestamp) -> Result<(), String> {
        match self.at(|desk| Ok(desk.check(id, names, now).map(drop))) {
            Ok(Err(DeskError::Store(why @ StoreError::Database(_)))) => Err(why.to_string()),
            // What cannot be checked, as its form can no longer be read, is the administrators' to see.
            Ok(Err(why)) => {
                tracing::warn!(event = "registry.not_checked", %id, %why, "a case could not be checked");
                Ok(())
            }
            Ok(Ok(())) => Ok(()),
            Err(why) => Err(why),
        }
    }

    /// Notes that we are here, and learns when nobody was: of such times nobody is said to have been idle in them.
    fn note_presence(&mut self, testifies: bool, now: Timestamp) -> Result<(), String> {
        let since = self.there.filter(|since| *since <= now).unwrap_or(now);
        self.at(|desk| {
            if testifies {
                desk.store().seen(since, now)?;
            }
            let gaps = desk.store().gaps(now)?;
            desk.set_gaps(gaps);
            Ok(())
        })?;
        self.there = testifies.then_some(now);
        Ok(())
    }

    /// Writes down what was used. What the store does not take stays with us, and is tried again.
    pub(super) fn write(&mut self, uses: &Uses) -> Result<(), String> {
        let taken = uses.take();
        if taken.is_empty() {
            return Ok(());
        }
        let written = self.at(|desk| write(desk, &taken));
        if written.is_err() {
            uses.put_back(taken);
        }
        written
    }

    /// Writes down who spoke through grants.
    fn write_seen(&mut self, uses: &Uses) -> Result<(), String> {
        let seen = uses.take_seen();
        if seen.is_empty() {
            return Ok(());
        }
        let written = self.at(|desk| Ok(desk.store().observe(&seen)?));
        if written.is_err() {
            uses.put_back_seen(seen);
        }
        written
    }

    /// Writes down everything that mail told, before the end.
    pub(super) fn write_all(&mut self, uses: &Uses, now: Timestamp) -> Result<(), String> {
        self.write(uses)?;
        self.write_seen(uses)?;
        self.tell_troubles(uses, now)?;
        self.tell_troubles_of_pinned(uses)?;
        self.note_heard(uses, now)?;
        self.note_returned(uses, now)
    }

    /// Reads the files of the network again where one of them changed, and the words of letters likewise.
    fn look_at_files(&mut self, now: Timestamp) {
        if !is_over(self.looked, LOOKED_EVERY, now) {
            return;
        }
        let is_first = self.looked.replace(now).is_none();
        let Some(setup) = self.setup.clone() else { return };
        self.words.look(setup.settings.letters.as_deref());
        let all = setup.settings.network.all();
        let files: Vec<_> = all.map(|file| (file.clone(), changed_at(file))).collect();
        if files == self.files {
            return;
        }
        self.files = files;
        self.swept = None;
        let (rules, _) = registrar::rules(&setup.settings, setup.house());
        self.unread = unread(&rules);
        for why in &self.unread {
            tracing::warn!(event = "registry.source_unread", %why, "it opens nothing and closes nothing until it can be read");
        }
        let set = self.at(|desk| {
            desk.set_rules(rules);
            Ok(())
        });
        // What serves was checked by what they said before; where the desk is away, it reads them when it is opened.
        if set.is_ok() && !is_first {
            self.checks.all();
        }
    }
}

/// Notes which of these have ended for abuse; nothing follows behind that.
fn learn_abused(abused: &mut Arc<Abused>, changed: &[Kept]) {
    let ended = changed
        .iter()
        .filter(|kept| kept.case.state == State::Revoked(Revocation::Abuse))
        .map(|kept| (Name::from(&*kept.id.to_string()), kept.case.entered));
    let ended: Abused = ended.filter(|(name, _)| !abused.contains_key(name)).collect();
    if !ended.is_empty() {
        Arc::make_mut(abused).extend(ended);
    }
}

/// Grants of the file that somebody suspended here.
fn suspended(pinned: Vec<Pinned>) -> BTreeMap<Name, String> {
    let suspended = pinned.into_iter().filter(|said| said.suspended);
    suspended.map(|said| (Name::from(&*said.name), said.why)).collect()
}

/// When the first certificate ends, or anything else but a secret. A secret's end is looked at with each login; whose a
/// certificate is stands in the rulebook, which is made anew then.
fn first_end(credentials: &[(CaseId, Credential)]) -> Option<Timestamp> {
    let others = credentials
        .iter()
        .filter(|(_, credential)| !matches!(credential.proof, Proof::Secret { .. }));
    others.filter_map(|(_, credential)| credential.ends).min()
}

fn revision(desk: &mut registrar::Registry) -> Result<u64, DeskError> {
    Ok(desk.store().revision()?)
}

/// Whether it is time again. A calendar that was set back counts as time that went by.
pub(super) fn is_over(last: Option<Timestamp>, every: Duration, now: Timestamp) -> bool {
    last.is_none_or(|last| now < last || now.since(last) >= every)
}

/// When a file was written, and when it or who may read it was changed.
pub(super) fn changed_at(file: &Path) -> Changed {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.ctime(), found.ctime_nsec()))
}

fn unread(rules: &Rules) -> Vec<String> {
    fn why<T>(source: &Source<T>) -> Option<String> {
        match source {
            Source::Unknown(why) => Some(why.clone()),
            Source::None | Source::Known(_) => None,
        }
    }
    let network = &rules.network;
    let all = [
        why(&network.register),
        why(&network.reservations),
        why(&network.zones),
        why(&network.sightings),
        why(&network.scan),
        why(&network.people),
    ];
    all.into_iter().flatten().collect()
}

fn accepted(message: &str, counts: bool) -> Event {
    Event::Accepted {
        message: message.into(),
        counts,
    }
}

fn gate() -> Actor {
    Actor::rule("gate")
}

/// The first message of a grant, and the one that answers a question, are steps; all others are only remembered.
fn write(desk: &mut registrar::Registry, taken: &BTreeMap<CaseId, Use>) -> Result<(), DeskError> {
    let mut last = Vec::new();
    for (id, used) in taken {
        let state = desk.store().get(*id)?.map(|kept| kept.case.state);
        let is_step = match state {
            Some(State::Provisioned) => true,
            Some(State::IdleWarned) => used.counts,
            _ => false,
        };
        if is_step {
            match desk.act(*id, &accepted(&used.first.to_string(), used.counts), &gate(), used.last) {
                Ok(_) => {}
                Err(DeskError::Store(why @ StoreError::Database(_))) => return Err(why.into()),
                // Somebody took another step meanwhile; that it was used is remembered all the same.
                Err(why) => tracing::info!(event = "registry.use_not_told", %why, "a message is no step any more"),
            }
        }
        if used.counts {
            last.push((*id, used.last));
        }
    }
    desk.store().used(&last)?;
    Ok(())
}

#[cfg(test)]
mod tests;
