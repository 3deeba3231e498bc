//! Refusals on their way into the ledger: alike ones are told of together, so that no flood of them fills the disk.
//!
//! What one session is refused for one reason is one record: written when the session ends, and at the latest when the
//! minute does. A source that has had [`RECORDS_OF_SOURCE`] records in this minute, and everybody once there were
//! [`RECORDS`], is told of by source and reason: how often, from when until when, in how many sessions, and a few of them
//! whole. When [`SOURCES`] such sources are counted, the rest is counted by reason alone. So a minute adds no more than
//! [`RECORDS`] + [`SOURCES`] records and one for each reason there is, whatever happens, and the counts of all records
//! together are the refusals that happened.
//!
//! Nobody waits here: a refusal is put down under a short lock, and who takes the records out writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use ledger::{Event, Refused, RefusedMany};
use mail::{EventId, SessionId, Timestamp};
use parking_lot::Mutex;
use wire::{Phase, Shutdown};

use super::Recorder;

/// How long a minute is: what is put down waits no longer.
const MINUTE: Duration = Duration::from_secs(60);
/// Records of sessions in a minute.
const RECORDS: usize = 1000;
/// Of these, of one source.
const RECORDS_OF_SOURCE: u32 = 20;
/// Sources and reasons that are counted apart in a minute.
const SOURCES: usize = 1000;
/// Refusals of a record that are kept whole.
const SAMPLES: usize = 3;
/// Ids of a record that are kept.
const IDS: usize = 50;

/// The refusals of this minute that are in no record yet.
#[derive(Default)]
pub struct Refusals(Mutex<Pending>);

#[derive(Default)]
struct Pending {
    /// What a session was refused, and why.
    sessions: BTreeMap<(SessionId, &'static str), Bundle>,
    /// Records of sessions in this minute, written or not, and how many of each source.
    begun: usize,
    of_sources: BTreeMap<IpAddr, u32>,
    /// What is counted by source and reason.
    sources: BTreeMap<(IpAddr, &'static str), Bundle>,
    /// What is counted by reason alone.
    others: BTreeMap<&'static str, Bundle>,
}

/// A record, and when what it tells happened.
pub(super) type Record = (Timestamp, Event);

impl Refusals {
    /// Puts a refusal down. `reason` is its stable code.
    pub(super) fn put(&self, at: Timestamp, reason: &'static str, refused: Box<Refused>) {
        self.0.lock().place(reason, &refused).add(at, refused);
    }

    /// Takes out what a session that has ended was refused.
    pub(super) fn of_session(&self, session: SessionId) -> Vec<Record> {
        let mut pending = self.0.lock();
        let reasons: Vec<&'static str> = pending
            .sessions
            .range((session, "")..)
            .take_while(|((of, _), _)| *of == session)
            .map(|((_, reason), _)| *reason)
            .collect();
        let bundles = reasons.into_iter().filter_map(|reason| {
            let bundle = pending.sessions.remove(&(session, reason))?;
            Some((reason, bundle))
        });
        in_order(bundles.map(|(reason, bundle)| bundle.record(reason, true)))
    }

    /// Takes out what was put down so far; the minute goes on.
    pub(super) fn so_far(&self) -> Vec<Record> {
        let mut pending = self.0.lock();
        let taken = Pending {
            sessions: std::mem::take(&mut pending.sessions),
            sources: std::mem::take(&mut pending.sources),
            others: std::mem::take(&mut pending.others),
            ..Pending::default()
        };
        drop(pending);
        taken.records()
    }

    /// Takes out everything; a new minute begins.
    pub(super) fn of_minute(&self) -> Vec<Record> {
        let taken = std::mem::take(&mut *self.0.lock());
        taken.records()
    }
}

impl Pending {
    /// Where a refusal is counted.
    fn place(&mut self, reason: &'static str, refused: &Refused) -> &mut Bundle {
        let session = (refused.origin.session, reason);
        let source = RefusedMany::source_of(refused.origin.client);
        if self.sessions.contains_key(&session) || self.has_room_for_record_of(source) {
            return self.sessions.entry(session).or_default();
        }
        let known = self.sources.contains_key(&(source, reason));
        if known || self.sources.len() < SOURCES {
            return self.sources.entry((source, reason)).or_default();
        }
        self.others.entry(reason).or_default()
    }

    fn records(self) -> Vec<Record> {
        let sessions = self
            .sessions
            .into_iter()
            .map(|((_, why), bundle)| bundle.record(why, true));
        let sources = self
            .sources
            .into_iter()
            .map(|((_, why), bundle)| bundle.record(why, true));
        let others = self.others.into_iter().map(|(why, bundle)| bundle.record(why, false));
        in_order(sessions.chain(sources).chain(others))
    }

    /// Whether there may be another record of a session of this source; then it counts.
    fn has_room_for_record_of(&mut self, source: IpAddr) -> bool {
        if self.begun >= RECORDS {
            return false;
        }
        let of_source = self.of_sources.entry(source).or_default();
        if *of_source >= RECORDS_OF_SOURCE {
            return false;
        }
        *of_source += 1;
        self.begun += 1;
        true
    }
}

/// Refusals that are told of together.
#[derive(Default)]
struct Bundle {
    times: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    sessions: BTreeSet<SessionId>,
    ids: Vec<EventId>,
    samples: Vec<Refused>,
}

impl Bundle {
    fn add(&mut self, at: Timestamp, refused: Box<Refused>) {
        self.times += 1;
        // The clock may have been set meanwhile.
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        if (self.sessions.len() as u64) < RefusedMany::SESSIONS_COUNTED {
            self.sessions.insert(refused.origin.session);
        }
        if self.ids.len() < IDS {
            self.ids.push(refused.event);
        }
        if self.samples.len() < SAMPLES {
            self.samples.push(*refused);
        }
    }

    /// One refusal is told of as it is, several together.
    fn record(mut self, reason: &'static str, of_one_source: bool) -> Record {
        let (first, last) = (self.first.unwrap_or(Timestamp(0)), self.last.unwrap_or(Timestamp(0)));
        if self.times == 1
            && let Some(one) = self.samples.pop()
        {
            return (first, Event::Refused(Box::new(one)));
        }
        let source = self.samples.first().filter(|_| of_one_source);
        let many = RefusedMany {
            source: source.map(|one| RefusedMany::source_of(one.origin.client)),
            reason: reason.into(),
            times: self.times,
            sessions: self.sessions.len() as u64,
            first,
            last,
            ids: self.ids,
            samples: self.samples,
        };
        (last, Event::RefusedMany(Box::new(many)))
    }
}

/// As things happened: within a millisecond, ids rise.
fn in_order(records: impl Iterator<Item = Record>) -> Vec<Record> {
    let mut records: Vec<Record> = records.collect();
    records.sort_by_key(|(at, event)| {
        let id = match event {
            Event::RefusedMany(many) => many.ids.first().copied(),
            event => event.id(),
        };
        (*at, id)
    });
    records
}

/// Writes the records of each minute, until the shutdown; what comes in the last one is written at the end of everything.
pub(crate) async fn watch(recorder: Recorder, mut shutdown: Shutdown) {
    let clock = recorder.clock.clone();
    loop {
        tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Running) => return,
            () = clock.sleep_until(clock.monotonic() + MINUTE) => {}
        }
        recorder.write(recorder.refusals.of_minute());
    }
}

#[cfg(test)]
mod tests;
