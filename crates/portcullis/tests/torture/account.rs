//! What became of every message, over all lives of a gate.

use std::collections::{BTreeMap, BTreeSet};

use crate::folder::Left;
use crate::load::Acknowledged;
use crate::receiver::Arrival;

/// One life of the gate, from its start to the moment it was killed.
pub struct Life {
    /// What it was busy with.
    pub phase: &'static str,
    /// What it left on disk.
    pub left: Left,
    /// What its log said was delivered: the log says so once the settlement is durable.
    pub said_delivered: BTreeSet<String>,
}

/// The arrivals of one message, in their order, and its id.
pub type Arrivals = BTreeMap<u64, Vec<Arrival>>;

/// What was counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub acknowledged: usize,
    pub arrived: usize,
    /// Acknowledged, and nowhere.
    pub lost: Vec<String>,
    /// Arrivals beyond the first.
    pub repeated: usize,
    /// Of these: the receiver had said 250, and the settlement was not durable when the gate was killed.
    pub unsettled: usize,
    /// Of these: the gate was killed before the receiver could say 250.
    pub unanswered: usize,
    /// Of these: neither.
    pub unexplained: Vec<String>,
}

/// Whatever was acknowledged when this life ended is on its disk, or the receiver has said 250 to it.
pub fn missing(left: &Left, acknowledged: &[Acknowledged], arrivals: &Arrivals) -> Vec<String> {
    let answered = |number: &u64| {
        let arrivals = arrivals.get(number).map(Vec::as_slice).unwrap_or_default();
        arrivals.iter().any(|arrival| arrival.answered)
    };
    let gone = acknowledged
        .iter()
        .filter(|one| !left.queued.contains(&one.id) && !answered(&one.number));
    gone.map(|one| format!("{one:?}")).collect()
}

/// Counts what arrived in the end, and explains what arrived again.
pub fn count(acknowledged: &[Acknowledged], arrivals: &Arrivals, lives: &[Life]) -> Counts {
    let mut counts = Counts {
        acknowledged: acknowledged.len(),
        arrived: arrivals.len(),
        ..Counts::default()
    };
    for one in acknowledged {
        match arrivals.get(&one.number).and_then(|arrivals| arrivals.first()) {
            Some(arrival) if arrival.id == one.id => {}
            Some(arrival) => counts.lost.push(format!("{one:?} arrived as {}", arrival.id)),
            None => counts.lost.push(format!("{one:?}")),
        }
    }
    for (number, arrivals) in arrivals {
        for (first, again) in arrivals.iter().zip(arrivals.iter().skip(1)) {
            counts.repeated += 1;
            match explain(first, again, lives) {
                Ok(()) if first.answered => counts.unsettled += 1,
                Ok(()) => counts.unanswered += 1,
                Err(why) => counts.unexplained.push(format!("number {number}, {}: {why}", first.id)),
            }
        }
    }
    counts
}

/// A delivery may be repeated only where the life that made it ended before it had settled it.
fn explain(first: &Arrival, again: &Arrival, lives: &[Life]) -> Result<(), String> {
    let life = &lives[first.life as usize];
    if first.life >= again.life {
        return Err(format!("twice in life {}", again.life));
    }
    if !life.left.queued.contains(&first.id) {
        return Err(format!("it was no longer in the queue when life {} ended", first.life));
    }
    if life.said_delivered.contains(&first.id) {
        return Err(format!("the log of life {} says that it was delivered", first.life));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(life: u64, answered: bool) -> Arrival {
        Arrival {
            id: "ID".into(),
            life,
            answered,
        }
    }

    fn life(queued: bool, said: bool) -> Life {
        let ids = |there: bool| there.then(|| "ID".to_owned()).into_iter().collect();
        Life {
            phase: "",
            left: Left {
                queued: ids(queued),
                ..Left::default()
            },
            said_delivered: ids(said),
        }
    }

    fn one() -> Acknowledged {
        Acknowledged {
            number: 4,
            id: "ID".into(),
        }
    }

    fn unexplained(arrivals: [Arrival; 2], life: Life) -> usize {
        let arrivals = BTreeMap::from([(4, arrivals.to_vec())]);
        count(&[one()], &arrivals, &[life]).unexplained.len()
    }

    #[test]
    fn a_loss_is_seen_at_the_kill_and_at_the_end() {
        let none = Arrivals::new();
        assert_eq!(missing(&life(false, false).left, &[one()], &none).len(), 1);
        assert_eq!(missing(&life(true, false).left, &[one()], &none).len(), 0);
        let unanswered = Arrivals::from([(4, vec![arrival(0, false)])]);
        assert_eq!(missing(&life(false, false).left, &[one()], &unanswered).len(), 1);
        let answered = Arrivals::from([(4, vec![arrival(0, true)])]);
        assert_eq!(missing(&life(false, false).left, &[one()], &answered).len(), 0);
        assert_eq!(count(&[one()], &none, &[]).lost.len(), 1);
        let other = Acknowledged {
            id: "OTHER".into(),
            ..one()
        };
        assert_eq!(count(&[other], &answered, &[]).lost.len(), 1, "under another id");
    }

    #[test]
    fn a_repetition_is_explained_only_by_a_settlement_that_was_not_durable() {
        let twice = || [arrival(0, true), arrival(1, true)];
        assert_eq!(unexplained(twice(), life(true, false)), 0);
        assert_eq!(unexplained(twice(), life(false, false)), 1, "it was settled on disk");
        assert_eq!(unexplained(twice(), life(true, true)), 1, "the log said so");
        assert_eq!(unexplained([arrival(0, true), arrival(0, true)], life(true, false)), 1);
        let counts = count(
            &[one()],
            &BTreeMap::from([(4, vec![arrival(0, false), arrival(1, true)])]),
            &[life(true, false)],
        );
        assert_eq!((counts.repeated, counts.unanswered, counts.unsettled), (1, 1, 0));
    }
}
