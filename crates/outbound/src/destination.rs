//! How much each destination gets at a time: careful at first, more while it goes well, half when it asks for less, and
//! nothing for a while when it does not answer, however much mail waits for it.
//!
//! What can be under way at a time is shared by all destinations, so those that may never answer must not have all of
//! it: half is kept from those that stand still, and a quarter from all that have not yet shown that they take mail.

mod away;
mod turns;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mail::MessageId;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::outcome::Pressure;
use away::Away;
use turns::Turns;

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
/// How far the turns of two lie apart while nobody knows how long a delivery takes. A guess that is soon replaced; where
/// it is not, it bounds what asking for a long queue costs.
const TURN_UNKNOWN: Duration = Duration::from_micros(500);
/// Turns of a destination that takes mail are no further away than this, or than the next bound: it may soon be quicker
/// than it was, and stands idle while those who could be delivered are away.
const TURN_SOON: Duration = Duration::from_secs(1);
/// How far the turns of two lie apart at most, where it takes mail. Bounds what asking for a long queue costs.
const TURN_APART: Duration = Duration::from_micros(200);
/// Who is called as soon as there is room comes back after this by itself, or when it is its turn, whichever is later.
const UNCALLED: Duration = Duration::from_secs(10);
/// Who finds somebody looking whether the destination answers again comes back after this at the soonest.
const PROBED_AGAIN: Duration = Duration::from_millis(500);
/// Nobody waits for a slot who would have to wait longer than this: a message that waits keeps others from the worker.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Who finds that destinations that stand still have their share comes back after this at the soonest.
const SHARE_AGAIN: Duration = Duration::from_secs(5);
/// A destination with deliveries under way of which none got anywhere for so long stands still.
const STILL: Duration = Duration::from_secs(10);
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

/// Ends the rest of messages that were sent away.
pub(crate) type Call = Arc<dyn Fn(&[MessageId]) + Send + Sync>;

/// All destinations. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Destinations {
    inner: Arc<Mutex<Inner>>,
    call: Call,
}

#[derive(Default)]
struct Inner {
    bounds: Concurrency,
    /// Deliveries under way at a time at most, all destinations together.
    in_flight: usize,
    /// How many are under way at doubtful destinations.
    in_doubt: usize,
    known: BTreeMap<Arc<str>, Destination>,
}

struct Destination {
    /// Deliveries at a time now.
    limit: usize,
    /// Deliveries at a time at most.
    most: usize,
    /// When something was last learned about it, or deliveries to it began.
    moved: Duration,
    /// Deliveries under way.
    active: usize,
    /// It has not shown yet that it takes mail, or not for a while.
    doubtful: bool,
    waiting: VecDeque<oneshot::Sender<Slot>>,
    /// Those for whom there was no room to wait.
    away: Away,
    /// Tries that did not get through, since the last that did.
    failures: u32,
    down: Option<Down>,
    turns: Turns,
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
            doubtful: true,
            waiting: VecDeque::new(),
            away: Away::default(),
            failures: 0,
            down: None,
            turns: Turns::default(),
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
        self.away.clear();
    }

    /// How long `many` deliveries take here with so many at a time, where that is known.
    fn time_for(&self, many: usize, at_a_time: usize) -> Option<Duration> {
        let pace = self.pace?;
        Some(pace.saturating_mul(as_u32(many)) / as_u32(at_a_time).max(1))
    }

    /// For how long nothing has moved that is under way.
    fn still_for(&self, now: Duration) -> Duration {
        if self.active == 0 {
            Duration::ZERO
        } else {
            now.saturating_sub(self.moved)
        }
    }

    /// Whether one more may wait for a slot. Where nobody knows how long that is, only a few.
    fn may_wait(&self, now: Duration) -> bool {
        let waiting = self.waiting.len();
        match self.time_for(waiting + 1, self.limit) {
            None => waiting < self.limit,
            Some(time) => waiting < WAITING_MAX && time.max(self.still_for(now)) <= WAIT_MAX,
        }
    }

    /// How many may wait for a slot, where it is known how long that is.
    fn may_wait_most(&self) -> usize {
        let each = self.pace.unwrap_or_default() / as_u32(self.limit).max(1);
        let in_time = WAIT_MAX.as_nanos().checked_div(each.as_nanos()).unwrap_or(u128::MAX);
        usize::try_from(in_time).unwrap_or(usize::MAX).clamp(1, WAITING_MAX)
    }

    /// Sends a message away until it is called, or has its turn.
    fn send_away(&mut self, message: Option<MessageId>, now: Duration) -> Duration {
        let remembered = !self.doubtful && message.is_some_and(|message| self.away.remember(message));
        match self.time_for(self.waiting.len() + self.away.len(), self.most) {
            Some(drained) if remembered => now + drained.clamp(UNCALLED, TURN_MAX),
            _ => self.next_turn(now),
        }
    }

    /// Those for whom there is room now.
    fn call(&mut self, now: Duration) -> Vec<MessageId> {
        if self.still_for(now) > WAIT_MAX {
            return Vec::new();
        }
        self.away.call(self.waiting.len(), self.may_wait_most(), now)
    }

    /// A turn for somebody who is sent away: when those who wait, and those who were sent away before, may be through at
    /// the earliest or soon, but as far away again as nothing has moved here. So a queue of any length is asked about hardly faster
    /// than it drains, and one that stands still less and less.
    fn next_turn(&mut self, now: Duration) -> Duration {
        let ahead = self.waiting.len() + self.away.len() + self.turns.away(now) + 1;
        let apart = |time: Duration| time.saturating_mul(as_u32(ahead));
        let drained = match self.time_for(ahead, self.most) {
            Some(time) => time.min(apart(TURN_APART).max(TURN_SOON)),
            None => apart(TURN_UNKNOWN),
        };
        let stood_still = self.still_for(now);
        let turn = now + drained.max(stood_still).clamp(TURN_MIN, TURN_MAX);
        self.turns.give(turn);
        turn
    }

    /// Whether it may have one more of what all destinations share, when so many are under way at doubtful ones.
    fn may_have_more(&self, in_doubt: usize, in_flight: usize) -> bool {
        let share = match self.pace {
            None => in_flight - in_flight / 4,
            Some(_) => in_flight / 2,
        };
        !self.doubtful || in_doubt < share.max(1)
    }

    fn learn_pace(&mut self, took: Duration) {
        self.pace = Some(self.pace.map_or(took, |pace| (pace * 7 + took) / 8));
    }

    fn is_forgettable(&self) -> bool {
        let nobody = self.waiting.is_empty() && self.turns.is_empty() && self.away.len() == 0;
        self.active == 0 && nobody && self.down.is_none()
    }
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Destinations {
    /// `call` is asked to end the rest of messages as soon as there is room for them.
    pub(crate) fn new(bounds: Concurrency, in_flight: usize, call: Call) -> Self {
        let destinations = Self {
            inner: Arc::default(),
            call,
        };
        destinations.set_bounds(bounds, in_flight);
        destinations
    }

    pub(crate) fn set_bounds(&self, bounds: Concurrency, in_flight: usize) {
        let mut inner = self.inner.lock();
        inner.bounds = bounds;
        inner.in_flight = in_flight;
    }

    /// Looks who stands still, and sends away those who wait there: as long as they wait, nobody else has their place at
    /// the worker. To be called now and then.
    pub(crate) fn look_around(&self, now: Duration) {
        let mut sent_away = VecDeque::new();
        let mut inner = self.inner.lock();
        let Inner { known, in_doubt, .. } = &mut *inner;
        for destination in known.values_mut() {
            let still_for = destination.still_for(now);
            if still_for > STILL && !destination.doubtful {
                destination.doubtful = true;
                *in_doubt += destination.active;
            }
            if still_for > WAIT_MAX {
                sent_away.append(&mut destination.waiting);
            }
        }
        drop(inner);
        // They ask again, and are given a turn.
        drop(sent_away);
    }

    /// Asks for a slot, waiting for one in a short queue. `message` is who asks, where it can be called later; `clock`
    /// tells the instant whenever it is needed.
    pub(crate) async fn admit(
        &self,
        key: &Arc<str>,
        message: Option<MessageId>,
        most: Option<usize>,
        clock: &(dyn Fn() -> Duration + Send + Sync),
    ) -> Admittance {
        loop {
            let queued = match self.ask(key, message, most, clock()) {
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

    fn ask(
        &self,
        key: &Arc<str>,
        message: Option<MessageId>,
        most: Option<usize>,
        now: Duration,
    ) -> Result<Admittance, oneshot::Receiver<Slot>> {
        let mut inner = self.inner.lock();
        let bounds = inner.bounds;
        let most = most.unwrap_or(bounds.most);
        if inner.known.len() > REMEMBERED && !inner.known.contains_key(key) {
            inner.known.retain(|_, destination| !destination.is_forgettable());
        }
        let Inner {
            known,
            in_doubt,
            in_flight,
            ..
        } = &mut *inner;
        let destination = known
            .entry(key.clone())
            .or_insert_with(|| Destination::new(bounds, most, now));
        destination.most = most.max(1);
        destination.limit = destination.limit.min(destination.most);
        destination.away.came();
        if let Some(down) = &mut destination.down {
            if now < down.until {
                return Ok(Admittance::Down(down.why.clone()));
            }
            if let Some(since) = down.probing {
                // As long again as the one who looks has been looking: a host that answers is known soon, and one that
                // is silent is not asked about all the time.
                let again = now + now.saturating_sub(since).max(PROBED_AGAIN);
                return Ok(Admittance::Busy(destination.next_turn(now).max(again)));
            }
            down.probing = Some(now);
        } else if !destination.may_have_more(*in_doubt, *in_flight) {
            return Ok(Admittance::Busy(destination.next_turn(now).max(now + SHARE_AGAIN)));
        } else if destination.active >= destination.limit {
            if !destination.may_wait(now) {
                return Ok(Admittance::Busy(destination.send_away(message, now)));
            }
            let (sender, receiver) = oneshot::channel();
            destination.waiting.push_back(sender);
            return Err(receiver);
        }
        if destination.active == 0 {
            destination.moved = now;
        }
        destination.active += 1;
        *in_doubt += usize::from(destination.doubtful);
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
        let (next, called) = {
            let mut inner = self.inner.lock();
            let Inner { known, in_doubt, .. } = &mut *inner;
            let Some(destination) = known.get_mut(key) else {
                return;
            };
            let doubt = usize::from(destination.doubtful);
            destination.active = destination.active.saturating_sub(1);
            *in_doubt = in_doubt.saturating_sub(doubt);
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
            *in_doubt += doubt * usize::from(next.is_some());
            // A slot begins anew when the attempt before it has ended: that is now.
            (next, destination.call(begun))
        };
        if !called.is_empty() {
            (self.call)(&called);
        }
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
        let Inner { known, in_doubt, .. } = &mut *inner;
        let Some(destination) = known.get_mut(&self.key) else {
            return false;
        };
        let was_up = destination.down.is_none();
        destination.moved = lesson.now;
        match lesson.pressure {
            Pressure::None => {
                let took = lesson.now.saturating_sub(self.begun);
                destination.learn_pace(took);
                destination.learn_success(self.most);
                if std::mem::take(&mut destination.doubtful) {
                    *in_doubt = in_doubt.saturating_sub(destination.active);
                }
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
