//! What the gateway may not have known, and what an end may have kept it from writing down. Every excuse that a checker
//! grants is here, and each is as narrow as what the gateway promises.

use std::time::Duration;

use crate::chronicle::{Answered, Arrival, Disk, Story};
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
/// A delivery is settled as soon as its answer is here, which is a moment on the way; a disk that refuses is tried again
/// after pauses that double, up to a minute.
pub(super) const SETTLEMENT: Record = Record {
    disk: Disk::Spool,
    soon: Duration::from_secs(1),
    again: Duration::from_secs(61),
};

impl Record {
    /// Whether a life came to a bad end before what happened at `at` had to be on record, and not later than `until`: soon
    /// behind it, or while this disk was refusing without a pause in which it would have been written.
    pub(super) fn cut_off(&self, story: &Story, at: Duration, until: Duration) -> bool {
        let ends = story.lives.iter().filter_map(|life| life.until);
        let bad = ends.filter(|(_, how)| *how != "stop").map(|(end, _)| end.at);
        bad.filter(|end| (at..=until).contains(end))
            .any(|end| self.is_kept_from(story, at, end))
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
