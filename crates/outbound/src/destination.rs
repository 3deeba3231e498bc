//! How much each destination gets at a time: careful at first, more while it goes well, half when it asks for less, and
//! nothing for a while when it does not answer, however much mail waits for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::outcome::Pressure;

/// The bounds of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// Deliveries at a time, to begin with.
    pub first: usize,
    /// Deliveries at a time at most, unless the route says otherwise.
    pub most: usize,
    /// The first pause when the destination does not answer; doubled each time.
    pub pause: Duration,
    /// The longest such pause.
    pub pause_max: Duration,
}

impl Default for Concurrency {
    fn default() -> Self {
        Self {
            first: 5,
            most: 20,
            pause: Duration::from_secs(60),
            pause_max: Duration::from_secs(30 * 60),
        }
    }
}

/// Who is sent away does not come back before this.
const TURN_MIN: Duration = Duration::from_millis(50);
/// Turns are given out this far ahead at most.
const TURN_MAX: Duration = Duration::from_secs(600);
/// The furthest turn when nobody knows anything yet.
const TURN_UNKNOWN: Duration = Duration::from_millis(250);
/// How long a delivery takes, while nobody knows: a guess that is soon replaced.
const PACE_UNKNOWN: Duration = Duration::from_millis(5);
/// Who finds somebody looking whether the destination answers again comes back after this at the soonest.
const PROBED_AGAIN: Duration = Duration::from_millis(500);
/// Nobody waits for a slot who would have to wait longer than this: a message that waits keeps others from the worker.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Messages that wait for a slot of one destination at most.
const WAITING_MAX: usize = 250;
/// Destinations without anything to remember are forgotten when there are more than this.
const REMEMBERED: usize = 10_000;

/// Whether a delivery may begin.
pub(crate) enum Admittance {
    /// It may, as long as the slot lives.
    Go(Slot),
    /// Too many others; to be asked again at this instant.
    Busy(Duration),
    /// The destination does not answer; nothing is to be tried now.
    Down(Arc<str>),
}

/// All destinations. Cloning shares them.
#[derive(Clone, Default)]
pub(crate) struct Destinations {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    bounds: Concurrency,
    known: BTreeMap<Arc<str>, Destination>,
}

struct Destination {
    /// Deliveries at a time now.
    limit: usize,
    /// Deliveries at a time at most.
    most: usize,
    /// When something was last learned about it, or it was first asked for.
    moved: Duration,
    /// Deliveries under way.
    active: usize,
    waiting: VecDeque<oneshot::Sender<Slot>>,
    /// Tries that did not get through, since the last that did.
    failures: u32,
    down: Option<Down>,
    /// When those who were sent away come back, in milliseconds of the stopwatch, and how many then.
    turns: BTreeMap<u128, usize>,
    /// How many were sent away and are not back yet.
    away: usize,
    /// How long a delivery takes, smoothed; `None` before the first.
    pace: Option<Duration>,
}

struct Down {
    until: Duration,
    pause: Duration,
    why: Arc<str>,
    /// Since when somebody who was let through sees whether it answers again.
    probing: Option<Duration>,
}

/// The right to speak to a destination. Dropping it lets the next one in.
pub(crate) struct Slot {
    destinations: Destinations,
    key: Arc<str>,
    most: usize,
    begun: Duration,
}

/// What an attempt taught, with the instant it ended.
pub(crate) struct Lesson<'a> {
    pub(crate) pressure: Pressure,
    pub(crate) why: &'a str,
    pub(crate) now: Duration,
}

impl Destination {
    fn new(bounds: Concurrency, most: usize, now: Duration) -> Self {
        Self {
            limit: bounds.first.clamp(1, most.max(1)),
            most: most.max(1),
            moved: now,
            active: 0,
            waiting: VecDeque::new(),
            failures: 0,
            down: None,
            turns: BTreeMap::new(),
            away: 0,
            pace: None,
        }
    }

    fn halve(&mut self) {
        self.limit = (self.limit / 2).max(1);
    }

    fn learn_success(&mut self, most: usize) {
        self.failures = 0;
        self.down = None;
        self.limit = (self.limit + 1).min(most.max(1));
    }

    /// The destination is down when as many tries failed in a row as it is given at a time: one slow connection among
    /// many good ones is no reason to stop.
    fn learn_failure(&mut self, why: &str, bounds: Concurrency, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.halve();
        if self.active > 1 && (self.failures as usize) < self.limit {
            return;
        }
        let pause = match &self.down {
            // Others that began before it was known to be down add nothing.
            Some(down) if down.probing.is_none() => return,
            Some(down) => (down.pause * 2).min(bounds.pause_max),
            None => bounds.pause,
        };
        self.down = Some(Down {
            until: now + pause,
            pause,
            why: why.into(),
            probing: None,
        });
        self.limit = 1;
        // Those who wait ask again, and hear that it is down.
        self.waiting.clear();
    }

    /// How long `many` deliveries take here with so many at a time.
    fn time_for(&self, many: usize, at_a_time: usize) -> Duration {
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        self.pace.unwrap_or(PACE_UNKNOWN).saturating_mul(count(many)) / count(at_a_time).max(1)
    }

    /// Whether one more may wait for a slot. Where nobody knows how long that is, only a few.
    fn may_wait(&self) -> bool {
        let waiting = self.waiting.len();
        match self.pace {
            None => waiting < self.limit,
            Some(_) => waiting < WAITING_MAX && self.time_for(waiting + 1, self.limit) <= WAIT_MAX,
        }
    }

    /// A turn for somebody who is sent away: when those who wait, and those who were sent away before, may be through at
    /// the earliest, but as far away again as nothing has moved here. So a queue of any length is asked about hardly faster
    /// than it drains, and one that stands still less and less.
    fn next_turn(&mut self, now: Duration) -> Duration {
        while let Some(first) = self.turns.first_entry().filter(|first| *first.key() <= now.as_millis()) {
            self.away = self.away.saturating_sub(first.remove());
        }
        let furthest = if self.pace.is_some() { TURN_MAX } else { TURN_UNKNOWN };
        let ahead = self.waiting.len() + self.away + 1;
        let drained = self.time_for(ahead, self.most).clamp(TURN_MIN, furthest);
        let stood_still = now.saturating_sub(self.moved).min(TURN_MAX);
        let turn = now + drained.max(stood_still);
        *self.turns.entry(turn.as_millis()).or_default() += 1;
        self.away += 1;
        turn
    }

    fn learn_pace(&mut self, took: Duration) {
        self.pace = Some(self.pace.map_or(took, |pace| (pace * 7 + took) / 8));
    }

    fn is_forgettable(&self) -> bool {
        self.active == 0 && self.waiting.is_empty() && self.away == 0 && self.down.is_none()
    }
}

impl Destinations {
    pub(crate) fn new(bounds: Concurrency) -> Self {
        let destinations = Self::default();
        destinations.set_bounds(bounds);
        destinations
    }

    pub(crate) fn set_bounds(&self, bounds: Concurrency) {
        self.inner.lock().bounds = bounds;
    }

    /// Asks for a slot, waiting for one in a short queue. `clock` tells the instant whenever it is needed.
    pub(crate) async fn admit(
        &self,
        key: &Arc<str>,
        most: Option<usize>,
        clock: &(dyn Fn() -> Duration + Send + Sync),
    ) -> Admittance {
        loop {
            let queued = match self.ask(key, most, clock()) {
                Ok(admittance) => return admittance,
                Err(queued) => queued,
            };
            // A sender that is gone means that the destination went down: ask again.
            if let Ok(mut slot) = queued.await {
                slot.begun = clock();
                return Admittance::Go(slot);
            }
        }
    }

    fn ask(&self, key: &Arc<str>, most: Option<usize>, now: Duration) -> Result<Admittance, oneshot::Receiver<Slot>> {
        let mut inner = self.inner.lock();
        let bounds = inner.bounds;
        let most = most.unwrap_or(bounds.most);
        if inner.known.len() > REMEMBERED && !inner.known.contains_key(key) {
            inner.known.retain(|_, destination| !destination.is_forgettable());
        }
        let destination = inner
            .known
            .entry(key.clone())
            .or_insert_with(|| Destination::new(bounds, most, now));
        destination.most = most.max(1);
        destination.limit = destination.limit.min(destination.most);
        if let Some(down) = &mut destination.down {
            if now < down.until {
                return Ok(Admittance::Down(down.why.clone()));
            }
            if let Some(since) = down.probing {
                // As long again as the one who looks has been looking: a host that answers is known soon, and one that
                // is silent is not asked about all the time.
                return Ok(Admittance::Busy(now + now.saturating_sub(since).max(PROBED_AGAIN)));
            }
            down.probing = Some(now);
        } else if destination.active >= destination.limit {
            if !destination.may_wait() {
                return Ok(Admittance::Busy(destination.next_turn(now)));
            }
            let (sender, receiver) = oneshot::channel();
            destination.waiting.push_back(sender);
            return Err(receiver);
        }
        destination.active += 1;
        drop(inner);
        Ok(Admittance::Go(self.slot(key.clone(), most, now)))
    }

    fn slot(&self, key: Arc<str>, most: usize, begun: Duration) -> Slot {
        Slot {
            destinations: self.clone(),
            key,
            most,
            begun,
        }
    }

    /// Ends the pauses of all destinations.
    pub(crate) fn forget_pauses(&self) {
        for destination in self.inner.lock().known.values_mut() {
            destination.down = None;
        }
    }

    /// Destinations that do not answer, and why.
    pub(crate) fn down(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let inner = self.inner.lock();
        let down = |(key, destination): (&Arc<str>, &Destination)| {
            destination.down.as_ref().map(|down| (key.clone(), down.why.clone()))
        };
        inner.known.iter().filter_map(down).collect()
    }

    /// Deliveries at a time that the destination gets now.
    #[cfg(test)]
    fn limit(&self, key: &str) -> usize {
        self.inner
            .lock()
            .known
            .get(key)
            .map_or(0, |destination| destination.limit)
    }

    /// One slot less; the next in the queue gets it, if there is room.
    fn release(&self, key: &Arc<str>, most: usize, begun: Duration) {
        let next = {
            let mut inner = self.inner.lock();
            let Some(destination) = inner.known.get_mut(key) else {
                return;
            };
            destination.active = destination.active.saturating_sub(1);
            if let Some(down) = &mut destination.down {
                // Whoever was to see whether it answers is gone; if nothing was learned, another one may look.
                if destination.active == 0 {
                    down.probing = None;
                }
                return;
            }
            if destination.active >= destination.limit {
                return;
            }
            let next = destination.waiting.pop_front();
            destination.active += usize::from(next.is_some());
            next
        };
        if let Some(next) = next {
            // Where nobody waits there any more the slot comes back and is dropped, which lets in the one behind.
            drop(next.send(self.slot(key.clone(), most, begun)));
        }
    }
}

impl Slot {
    /// Remembers what an attempt taught about the destination. Says whether it has just gone down.
    pub(crate) fn learn(&mut self, lesson: &Lesson<'_>) -> bool {
        let mut inner = self.destinations.inner.lock();
        let bounds = inner.bounds;
        let Some(destination) = inner.known.get_mut(&self.key) else {
            return false;
        };
        let was_up = destination.down.is_none();
        destination.moved = lesson.now;
        match lesson.pressure {
            Pressure::None => {
                let took = lesson.now.saturating_sub(self.begun);
                destination.learn_pace(took);
                destination.learn_success(self.most);
            }
            Pressure::Throttle => {
                destination.halve();
                // It answered, so it is not down; but it does not grow either.
                destination.down = None;
            }
            Pressure::Unreachable => destination.learn_failure(lesson.why, bounds, lesson.now),
        }
        self.begun = lesson.now;
        was_up && destination.down.is_some()
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.destinations.release(&self.key, self.most, self.begun);
    }
}

#[cfg(test)]
mod tests;
