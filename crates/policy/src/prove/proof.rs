//! The whole proof of a configuration, and that of a change to it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use mail::Timestamp;

use super::always;
use super::brancher::{Brancher, Detail};
use super::cell::Cell;
use super::change::Changed;
use super::declared::{self, finding};
use super::flows::Flows;
use super::pairs;
use super::property::{Breach, Judged, Severity};
use super::subject::Subject;
use super::tables::Offer;
use crate::intent::Must;
use crate::model::{GrantState, Place};
use crate::snapshot::Snapshot;

/// What a proof rests on.
pub const ASSUMPTIONS: [&str; 5] = [
    "the program that serves is the one that was compiled with this proof",
    "addresses, logins and certificates are what the network and TLS say they are",
    "logins and private keys are known to their owners alone",
    "limits on rates are effects and stand outside; they can only hold, defer or refuse more",
    "where inbound mail goes behind its route, and how a forward's target treats it, is not looked at",
];

/// What was proven, and what was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Each property.
    pub properties: Vec<Judged>,
    /// How many cells were looked at.
    pub cells: u64,
    /// Whether only what changed was looked at, on top of a proof of what was before.
    pub partial: bool,
}

impl Proof {
    /// Whether nothing keeps the configuration from serving.
    #[must_use]
    pub fn may_serve(&self) -> bool {
        self.broken()
            .all(|judged| judged.property.severity != Severity::Blocking)
    }

    /// What is broken, findings among it.
    pub fn broken(&self) -> impl Iterator<Item = &Judged> {
        self.properties.iter().filter(|judged| !judged.holds())
    }
}

/// Proves every property of a snapshot. `now` is for findings alone: what has ended, what has not begun.
#[must_use]
pub fn prove(snapshot: &Snapshot, now: Option<Timestamp>) -> Proof {
    prove_watched(snapshot, now, &mut |_| {})
}

/// As [`prove`]; now and then `watch` hears how many cells have been looked at.
pub fn prove_watched(snapshot: &Snapshot, now: Option<Timestamp>, watch: &mut dyn FnMut(u64)) -> Proof {
    let subject = Subject::new(snapshot);
    let offer = subject.tables.offer.clone();
    judge(&subject, offer, now, None, watch)
}

/// Proves a snapshot of which `former` was proven, where only grants differ: looks at those, at whom they displace and
/// at clients without a grant. `None` where anything else differs, or so much that the whole is as quick.
#[must_use]
pub fn prove_change(former: &Snapshot, snapshot: &Snapshot, now: Option<Timestamp>) -> Option<Proof> {
    if !former.rulebook().intent.carries_to(&snapshot.rulebook().intent) {
        return None;
    }
    let changed = Changed::between(former, snapshot).filter(Changed::is_small)?;
    let subject = Subject::new(snapshot);
    let offer = changed.offer(&subject, former);
    Some(judge(&subject, offer, now, Some(&changed.new), &mut |_| {}))
}

/// Cells between two words to whoever watches.
const WATCHED: u64 = 1 << 10;

fn judge(
    subject: &Subject<'_>,
    offer: Offer,
    now: Option<Timestamp>,
    only: Option<&BTreeSet<u32>>,
    watch: &mut dyn FnMut(u64),
) -> Proof {
    let mut flows = Flows::new(subject);
    Brancher::new(subject.snapshot, &subject.tables, Detail::Flows)
        .offering(offer)
        .walk(&Cell::everything(), None, &mut |cell, decision| {
            flows.see(cell, decision);
            if flows.cells.is_multiple_of(WATCHED) {
                watch(flows.cells);
            }
            ControlFlow::Continue(())
        });
    let mut cells = flows.cells;
    let (mut properties, alive) = flows.finish();
    properties.extend(declared::judge(subject, only));
    properties.extend(pairs::judge(subject));
    let assertions = &subject.snapshot.rulebook().intent.assertions;
    let always = assertions.iter().filter(|assertion| assertion.must == Must::Always);
    properties.extend(always.map(|assertion| always::judge(assertion, subject, &mut cells)));
    if only.is_none() {
        properties.push(dead(subject, &alive));
    }
    properties.extend(now.map(|now| out_of_date(subject, now)));
    Proof {
        properties,
        cells,
        partial: only.is_some(),
    }
}

/// Grants that let nobody in, at any time.
fn dead(subject: &Subject<'_>, alive: &[bool]) -> Judged {
    let mut judged = finding("grants-alive", "every grant lets some message in, at some time");
    let grants = subject.snapshot.rulebook().grants.iter().zip(alive);
    let dead = grants.filter(|(grant, alive)| !**alive && grant.state == GrantState::Active);
    for (grant, _) in dead {
        judged.breach(|| Breach {
            story: None,
            because: format!("no message passes all that grant {} asks for", grant.name),
            place: grant.place,
            others: Vec::new(),
            remedy: "look at its networks, zone, listeners, senders and dates: some of them exclude each other"
                .to_owned(),
        });
    }
    judged
}

/// What is not in force now.
fn out_of_date(subject: &Subject<'_>, now: Timestamp) -> Judged {
    let mut judged = finding("everything-in-force", "every grant and every forward is in force now");
    let mut tell = |because: String, place: Place, remedy: &str| {
        judged.breach(|| Breach {
            story: None,
            because,
            place,
            others: Vec::new(),
            remedy: remedy.to_owned(),
        });
    };
    let book = subject.snapshot.rulebook();
    for grant in &book.grants {
        if grant.until < now {
            let because = format!("grant {} ended on {}", grant.name, grant.until.to_date());
            tell(because, grant.place, "renew it with its owner, or take it out");
        } else if now < grant.from_time {
            let because = format!("grant {} begins on {}", grant.name, grant.from_time.to_date());
            tell(because, grant.place, "nothing, if that is meant");
        }
        if let GrantState::Suspended(why) = &grant.state {
            tell(
                format!("grant {} is suspended: {why}", grant.name),
                grant.place,
                "clear it up with its owner",
            );
        }
    }
    for forward in book.forwards.iter().filter(|forward| forward.until < now) {
        let because = format!("forward {} ended on {}", forward.name, forward.until.to_date());
        tell(because, forward.place, "renew it with its owner, or take it out");
    }
    judged
}
