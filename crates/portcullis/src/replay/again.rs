//! A decision that was made, made again.

use policy::{Ground, Live, Snapshot, decide};

use super::{Fate, Made};

/// What another configuration would have decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// What would have become of the message.
    pub fate: Fate,
    /// On what ground it would have been taken, in words; empty where there is none.
    pub ground: String,
}

impl Again {
    /// Decides it by this snapshot, from what was known then.
    #[must_use]
    pub fn decide(snapshot: &Snapshot, listener: &str, made: &Made) -> Self {
        if snapshot.listener_named(listener).is_none() {
            return Self {
                fate: Fate::NoListener,
                ground: String::new(),
            };
        }
        let facts = made.recollection.facts(snapshot);
        let decision = decide(snapshot, &mut Live::new(&facts));
        Self {
            fate: Fate::of(&decision),
            ground: decision
                .ground
                .map_or_else(String::new, |ground| words(snapshot, ground)),
        }
    }
}

/// As [`Made::ground`] has it.
fn words(snapshot: &Snapshot, ground: Ground) -> String {
    match ground {
        Ground::Grant(index) => snapshot.grant(index).map(|grant| format!("grant {}", grant.name)),
        Ground::Route(Some(index)) => snapshot.route(index).map(|route| format!("route {}", route.name)),
        Ground::Route(None) => Some("route postmaster".to_owned()),
        Ground::Forward(index) => snapshot
            .forward(index)
            .map(|forward| format!("forward {}", forward.name)),
    }
    .unwrap_or_default()
}
