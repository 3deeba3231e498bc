//! What the gateway may not have known, and what an end may have kept it from writing down. Every excuse that a checker
//! grants is here, and each is as narrow as what the gateway promises.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::chronicle::{Answered, Arrival, Disk, Reply, Story};
use crate::town::PLACES;

/// How something is written down: where, how soon, and how often it is tried again while the disk refuses.
pub(super) struct Record {
    disk: Disk,
    soon: Duration,
    again: Duration,
}

/// The ledger lags by a second at most, and tries a disk that refuses every second.
pub(super) const LEDGER: Record = Record {
    disk: Disk::Ledger,
    soon: Duration::from_secs(1),
    again: Duration::from_millis(1500),
};
/// Refusals of a minute are gathered before they are told to the ledger.
pub(super) const REFUSALS: Record = Record {
    soon: Duration::from_secs(61),
    ..LEDGER
};
/// A delivery is settled as soon as its answer is here, which is a moment on the way; a disk that refuses is tried again
/// after pauses that double, up to a minute.
pub(super) const SETTLEMENT: Record = Record {
    disk: Disk::Spool,
    soon: Duration::from_secs(1),
    again: Duration::from_secs(61),
};

/// How long octets are on their way at most, and some.
const ON_THE_WAY: Duration = Duration::from_millis(200);

/// From when the gateway spoke to when a client heard it.
pub(super) fn hearing(reply: &Reply) -> RangeInclusive<Duration> {
    reply.when.at.saturating_sub(ON_THE_WAY)..=reply.when.at
}

/// From when a transaction began to when the peer had answered.
pub(super) fn taking(arrival: &Arrival) -> RangeInclusive<Duration> {
    arrival.begun.at..=arrival.when.at
}

impl Record {
    /// Whether a life came to a bad end before what was seen at the end of `seen` had to be on record, and not later than
    /// `until`: while it was on its way to be seen, soon behind that, or while this disk was refusing without a pause in
    /// which it would have been written.
    pub(super) fn cut_off(&self, story: &Story, seen: RangeInclusive<Duration>, until: Duration) -> bool {
        let ends = story.lives.iter().filter_map(|life| life.until);
        let bad = ends.filter(|(_, how)| *how != "stop").map(|(end, _)| end.at);
        let (from, at) = seen.into_inner();
        bad.filter(|end| (from..=until).contains(end))
            .any(|end| end <= at || self.is_kept_from(story, at, end))
    }

    fn is_kept_from(&self, story: &Story, at: Duration, end: Duration) -> bool {
        let refusals = story.blows.iter().filter(|blow| blow.disk == Some(self.disk));
        let refusals = refusals
            .map(|blow| blow.when.at)
            .filter(|refused| (at..=end).contains(refused));
        let (mut since, mut patience) = (at, self.soon);
        for next in refusals.chain([end]) {
            if awake(story, since, next) > patience {
                return false;
            }
            (since, patience) = (next, self.again);
        }
        true
    }
}

/// How long it was between the two, without the time in which a disk had the whole machine stand still.
fn awake(story: &Story, from: Duration, until: Duration) -> Duration {
    let stalls = story.blows.iter().filter(|blow| !blow.stalled.is_zero());
    let asleep: Duration = stalls
        .map(|blow| {
            let (begun, over) = (blow.when.at, blow.when.at + blow.stalled);
            over.min(until).saturating_sub(begun.max(from))
        })
        .sum();
    until.saturating_sub(from).saturating_sub(asleep)
}

/// Whether the gateway may not have heard that a peer has this: the answer was lost, or the connection or the way broke.
pub(super) fn unheard(story: &Story, arrival: &Arrival) -> bool {
    let answer_lost = matches!(arrival.answered, Answered::Lost(_));
    let line_broke = story.blows.iter().any(|blow| {
        blow.port == Some(arrival.port) && blow.kind.starts_with("line-") && blow.when.at >= arrival.connected.at
    });
    answer_lost || line_broke || way_broke(story, arrival)
}

/// Whether the connection was begun while connections to that place were bound to break.
fn way_broke(story: &Story, arrival: &Arrival) -> bool {
    let address = PLACES
        .iter()
        .find(|place| place.host == arrival.peer)
        .map(|place| place.ip);
    story.ways.iter().any(|way| {
        let open =
            arrival.connected.at >= way.from.at && way.until.is_none_or(|until| arrival.connected.at <= until.at);
        Some(way.to) == address && open
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chronicle::{Blow, Life, When};

    fn when(secs: f64) -> When {
        When {
            at: Duration::from_secs_f64(secs),
            wall: 0,
        }
    }

    /// The power goes at 100 seconds.
    fn story(blows: &[(f64, Option<Disk>, f64)]) -> Story {
        let blows = blows.iter().map(|(at, disk, stalled)| Blow {
            when: when(*at),
            kind: "",
            port: None,
            disk: *disk,
            stalled: Duration::from_secs_f64(*stalled),
        });
        Story {
            lives: vec![Life {
                from: when(0.0),
                until: Some((when(100.0), "power")),
            }],
            blows: blows.collect(),
            ..Story::default()
        }
    }

    /// Whether the line of what was seen at this moment may be missing.
    fn may_be_missing(story: &Story, at: f64) -> bool {
        let at = when(at).at;
        LEDGER.cut_off(story, at.saturating_sub(ON_THE_WAY)..=at, Duration::MAX)
    }

    #[test]
    fn an_end_excuses_what_it_kept_from_being_written_and_nothing_else() {
        let plain = story(&[]);
        assert!(!may_be_missing(&plain, 98.9));
        assert!(may_be_missing(&plain, 99.1));
        assert!(may_be_missing(&plain, 100.1), "it was on its way when the power went");
        assert!(!may_be_missing(&plain, 100.3), "the next life said it");
    }

    #[test]
    fn a_disk_excuses_only_while_it_refuses_without_a_pause() {
        let refusing: Vec<_> = (0..10)
            .map(|n| (90.5 + f64::from(n), Some(Disk::Ledger), 0.0))
            .collect();
        assert!(may_be_missing(&story(&refusing), 90.0));
        assert!(!may_be_missing(&story(&refusing), 89.0), "it was written before");
        let with_a_pause = [&refusing[..4], &refusing[6..]].concat();
        assert!(!may_be_missing(&story(&with_a_pause), 90.0));
        let of_the_queue: Vec<_> = refusing.iter().map(|(at, ..)| (*at, Some(Disk::Spool), 0.0)).collect();
        assert!(!may_be_missing(&story(&of_the_queue), 90.0));
    }

    #[test]
    fn time_in_which_the_machine_stood_still_does_not_count() {
        assert!(may_be_missing(&story(&[(80.0, None, 19.9)]), 79.5));
        assert!(!may_be_missing(&story(&[(80.0, None, 10.0)]), 79.5));
    }
}
