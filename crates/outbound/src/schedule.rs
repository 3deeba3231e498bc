//! When a recipient is tried again, when its sender is told of the delay, and when it is given up.

use std::time::Duration;

use mail::{ReversePath, Timestamp};
use world::Rng;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The times of the queue. Pure: what happens follows from instants and chance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The pauses behind the first, second, ... attempt; the last repeats. Never empty: see [`Schedule::pause`].
    pub pauses: Vec<Duration>,
    /// Each pause is longer or shorter by up to this share, in percent, so that queues do not beat in step.
    pub jitter_percent: u8,
    /// How long a message is tried (RFC 5321 §4.5.4.1 asks for 4 to 5 days at least).
    pub life_time: Duration,
    /// How long a message with a null reverse-path is tried: nobody waits for it.
    pub notice_life_time: Duration,
    /// Ages at which the sender is told that it takes longer.
    pub warnings: Vec<Duration>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            pauses: [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR]
                .map(Duration::from_secs)
                .to_vec(),
            jitter_percent: 10,
            life_time: Duration::from_secs(5 * DAY),
            notice_life_time: Duration::from_secs(DAY),
            warnings: [4 * HOUR, 24 * HOUR].map(Duration::from_secs).to_vec(),
        }
    }
}

/// A message that did not get through, at the moment this is known.
#[derive(Clone, Copy, Debug)]
pub struct Delayed<'a> {
    /// When it was accepted.
    pub received: Timestamp,
    /// Who hears of failures.
    pub reverse: &'a ReversePath,
    /// Attempts made, the present one included.
    pub attempts: u32,
    /// Now.
    pub now: Timestamp,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another try, not before this.
    Again(Timestamp),
    /// Its life time is over.
    GiveUp,
}

impl Schedule {
    /// How long a message of this reverse-path is tried.
    #[must_use]
    pub fn life_of(&self, reverse: &ReversePath) -> Duration {
        match reverse {
            ReversePath::Null => self.notice_life_time,
            ReversePath::Mailbox(_) => self.life_time,
        }
    }

    /// Whether the life time is over.
    #[must_use]
    pub fn is_over(&self, received: Timestamp, reverse: &ReversePath, now: Timestamp) -> bool {
        now >= received.plus(self.life_of(reverse))
    }

    /// What follows on a failed attempt. The last try falls on the end of the life time, and a try falls on each warning,
    /// so that what the sender is told is fresh.
    #[must_use]
    pub fn next(&self, delayed: Delayed<'_>, rng: &dyn Rng) -> Next {
        let Delayed {
            received,
            reverse,
            attempts,
            now,
        } = delayed;
        let end = received.plus(self.life_of(reverse));
        if now >= end {
            return Next::GiveUp;
        }
        let regular = now.plus(self.jittered(self.pause(attempts), rng));
        let marks = self
            .warnings
            .iter()
            .map(|age| received.plus(*age))
            .filter(|mark| *mark > now);
        let until = marks.chain([end]).fold(regular, Ord::min);
        Next::Again(until)
    }

    /// The number of warnings that a message of this age has earned.
    #[must_use]
    pub fn warnings_due(&self, received: Timestamp, now: Timestamp) -> usize {
        self.warnings.iter().filter(|age| now >= received.plus(**age)).count()
    }

    /// The pause behind this many attempts.
    fn pause(&self, attempts: u32) -> Duration {
        let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let pause = self.pauses.get(place).or(self.pauses.last());
        pause
            .copied()
            .unwrap_or(Duration::from_secs(30 * MINUTE))
            .max(Duration::from_secs(1))
    }

    fn jittered(&self, pause: Duration, rng: &dyn Rng) -> Duration {
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let swing = millis / 100 * u64::from(self.jitter_percent.min(90));
        Duration::from_millis(millis - swing + rng.below(swing * 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use mail::Mailbox;
    use world::sim::SeedRng;

    use super::*;

    fn sender() -> ReversePath {
        ReversePath::Mailbox(Mailbox::parse("a@example.edu").unwrap())
    }

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * HOUR)
    }

    /// All tries of a message that never gets through, as its age at each.
    fn ages_of_tries(schedule: &Schedule, reverse: &ReversePath) -> Vec<Duration> {
        let (rng, received) = (SeedRng::new(1), Timestamp(0));
        let mut now = received;
        let mut ages = Vec::new();
        loop {
            ages.push(now.since(received));
            let attempts = u32::try_from(ages.len()).unwrap();
            match schedule.next(
                Delayed {
                    received,
                    reverse,
                    attempts,
                    now,
                },
                &rng,
            ) {
                Next::Again(until) => {
                    assert!(until > now);
                    now = until;
                }
                Next::GiveUp => return ages,
            }
        }
    }

    #[test]
    fn without_jitter_the_pauses_are_as_written() {
        let schedule = Schedule {
            jitter_percent: 0,
            warnings: vec![],
            ..Schedule::default()
        };
        let ages = ages_of_tries(&schedule, &sender());
        let minutes: Vec<u64> = ages.iter().take(8).map(|age| age.as_secs() / 60).collect();
        assert_eq!(minutes, [0, 5, 20, 50, 110, 230, 470, 710]);
        assert_eq!(*ages.last().unwrap(), hours(120), "the last try falls on the end");
    }

    #[test]
    fn a_notice_is_tried_for_a_day() {
        let ages = ages_of_tries(&Schedule::default(), &ReversePath::Null);
        assert_eq!(*ages.last().unwrap(), hours(24));
    }

    #[test]
    fn a_try_falls_on_each_warning() {
        let schedule = Schedule::default();
        let ages = ages_of_tries(&schedule, &sender());
        assert!(ages.contains(&hours(4)) && ages.contains(&hours(24)));
        assert_eq!(schedule.warnings_due(Timestamp(0), Timestamp(0)), 0);
        assert_eq!(schedule.warnings_due(Timestamp(0), Timestamp(0).plus(hours(4))), 1);
        assert_eq!(schedule.warnings_due(Timestamp(0), Timestamp(0).plus(hours(30))), 2);
    }

    #[test]
    fn jitter_stays_within_a_tenth_and_is_not_always_the_same() {
        let schedule = Schedule {
            warnings: vec![],
            ..Schedule::default()
        };
        let (rng, reverse) = (SeedRng::new(9), sender());
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let delayed = Delayed {
                received: Timestamp(0),
                reverse: &reverse,
                attempts: 1,
                now: Timestamp(0),
            };
            let Next::Again(until) = schedule.next(delayed, &rng) else {
                panic!("given up at once")
            };
            assert!((270_000..=330_000).contains(&until.0), "{until:?}");
            seen.insert(until);
        }
        assert!(seen.len() > 100);
    }

    #[test]
    fn an_empty_schedule_still_waits() {
        let schedule = Schedule {
            pauses: vec![],
            warnings: vec![],
            ..Schedule::default()
        };
        assert!(ages_of_tries(&schedule, &sender()).len() < 400);
    }
}
