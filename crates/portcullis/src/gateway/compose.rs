//! One rulebook of two sources: what the file declares, and what the registry grants.
//!
//! The file has been proven before it comes here. What the registry adds is held against it: a grant that claims
//! somebody else's client, or by which a blocking property would break, is left out alone, and all others serve.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mail::Timestamp;
use policy::prove::{Breach, Proof, Severity, prove, prove_change};
use policy::{Bounds, By, Grant, GrantState, Ground, Name, Place, Snapshot};

/// While they are looked at, grants of the registry stand in lines of their own, behind the last line that a file can
/// have: conflicts and breaches name declarations by their lines.
const FIRST_LINE: u32 = 1 << 27;
/// Proofs before whoever came last is no longer told apart.
const PROOFS_MAX: u32 = 12;
const DAY: Duration = Duration::from_secs(86_400);

/// What the registry says.
#[derive(Clone, Default)]
pub(crate) struct Registered {
    /// Every grant of it.
    pub(crate) grants: Arc<[Grant]>,
    /// Grants of the file that must not serve for now, with the reason.
    pub(crate) suspended: BTreeMap<Name, String>,
    /// Grants of it that ended for abuse, and when: what they have queued never leaves.
    pub(crate) abused: Arc<Abused>,
}

/// Grants that ended for abuse, and when.
pub(crate) type Abused = BTreeMap<Name, Timestamp>;

impl Registered {
    /// Whether it says nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.suspended.is_empty() && self.abused.is_empty()
    }
}

/// A rulebook that may serve, and what it lacks.
pub(super) struct Composed {
    /// As judgement reads it.
    pub(super) snapshot: Snapshot,
    /// The grants of the registry that are not in it, with the reason.
    pub(super) left_out: BTreeMap<Name, String>,
}

/// Puts together what is declared with what is granted. `former` is what serves: what was proven of it is not proven
/// again.
pub(super) fn compose(declared: &Snapshot, said: &Registered, former: &Snapshot, now: Timestamp) -> Composed {
    let declared = &*narrowed(declared, &said.suspended);
    let mut work = Work {
        declared,
        grants: Vec::new(),
        left_out: BTreeMap::new(),
    };
    work.take(&said.grants, now);
    let mut trial = work.trial();
    let mut proofs = 0;
    while !work.grants.is_empty() {
        let proof = prove_change(former, &trial, Some(now)).unwrap_or_else(|| prove(&trial, Some(now)));
        let blamed = work.blamed(&proof);
        proofs += 1;
        if blamed.is_empty() && (proof.may_serve() || !prove(declared, Some(now)).may_serve()) {
            break;
        }
        // What cannot be told apart is taken for what is new: it has not served yet, and need not.
        if blamed.is_empty() || proofs >= PROOFS_MAX {
            work.leave_out_new(former);
        } else {
            work.leave_out(&blamed);
        }
        trial = work.trial();
    }
    Composed {
        snapshot: work.build(&|_| Place::default()).unwrap_or_else(|_| declared.clone()),
        left_out: work.left_out,
    }
}

/// The same for whoever only asks what would be: nothing serves by it, and nothing is proven.
pub(crate) fn beside(declared: &Snapshot, said: &Registered, now: Timestamp) -> Snapshot {
    let declared = &*narrowed(declared, &said.suspended);
    let mut work = Work {
        declared,
        grants: Vec::new(),
        left_out: BTreeMap::new(),
    };
    work.take(&said.grants, now);
    // Whoever claims what somebody else has is left out of it.
    work.trial();
    work.build(&|_| Place::default()).unwrap_or_else(|_| declared.clone())
}

/// What is declared, without what must not serve.
fn narrowed<'a>(declared: &'a Snapshot, suspended: &BTreeMap<Name, String>) -> Cow<'a, Snapshot> {
    if suspended.is_empty() {
        return Cow::Borrowed(declared);
    }
    let mut rulebook = declared.rulebook().clone();
    for grant in &mut rulebook.grants {
        if let Some(why) = suspended.get(&grant.name) {
            grant.state = GrantState::Suspended(why.clone());
        }
    }
    // The same clients: what did not contradict itself does not now.
    let narrowed = Snapshot::build(rulebook, declared.generation(), declared.hash());
    narrowed.map_or(Cow::Borrowed(declared), Cow::Owned)
}

struct Work<'a> {
    declared: &'a Snapshot,
    grants: Vec<Grant>,
    left_out: BTreeMap<Name, String>,
}

impl Work<'_> {
    fn take(&mut self, grants: &[Grant], now: Timestamp) {
        let mut names: BTreeSet<Name> = self
            .declared
            .rulebook()
            .grants
            .iter()
            .map(|grant| grant.name.clone())
            .collect();
        let bounds = &self.declared.rulebook().intent.bounds;
        for grant in grants {
            if names.insert(grant.name.clone()) {
                self.grants.push(in_its_term(grant, bounds, now));
            } else {
                let why = "the configuration file has a grant of this name";
                self.left_out.insert(grant.name.clone(), why.to_owned());
            }
        }
    }

    fn build(&self, place: &dyn Fn(usize) -> Place) -> Result<Snapshot, Vec<policy::Conflict>> {
        let mut rulebook = self.declared.rulebook().clone();
        let granted = self.grants.iter().enumerate().map(|(index, grant)| Grant {
            place: place(index),
            ..grant.clone()
        });
        rulebook.grants.extend(granted);
        Snapshot::build(rulebook, self.declared.generation(), self.declared.hash())
    }

    /// As it is proven: whoever claims what somebody else has is gone. Who is declared comes first, then who was granted
    /// first.
    fn trial(&mut self) -> Snapshot {
        loop {
            let conflicts = match self.build(&line) {
                Ok(snapshot) => return snapshot,
                Err(conflicts) => conflicts,
            };
            let told = conflicts
                .iter()
                .filter_map(|one| Some((index(one.place)?, one.what.clone())));
            let mut blamed: BTreeMap<usize, String> = told.collect();
            if blamed.is_empty() {
                let all = 0..self.grants.len();
                blamed = all
                    .map(|index| (index, "the rulebook contradicts itself".to_owned()))
                    .collect();
            }
            if blamed.is_empty() {
                return self.declared.clone();
            }
            self.leave_out(&blamed);
        }
    }

    /// The grants of the registry by which something would break that must hold.
    fn blamed(&self, proof: &Proof) -> BTreeMap<usize, String> {
        let broken = proof
            .broken()
            .filter(|judged| judged.property.severity == Severity::Blocking);
        let mut blamed = BTreeMap::new();
        for (judged, breach) in broken.flat_map(|judged| judged.breaches.iter().map(move |breach| (judged, breach))) {
            if let Some(index) = self.culprit(breach) {
                let why = format!(
                    "{} would no longer hold, because {}",
                    judged.property.id, breach.because
                );
                blamed.entry(index).or_insert(why);
            }
        }
        blamed
    }

    /// Of several that break something together, the one that was granted last.
    fn culprit(&self, breach: &Breach) -> Option<usize> {
        let places = std::iter::once(&breach.place).chain(&breach.others);
        let named = places.filter_map(|place| index(*place)).max();
        let ground = breach.story.as_ref().and_then(|story| story.decision.ground);
        named.or(match ground {
            Some(Ground::Grant(at)) => (at as usize).checked_sub(self.declared.rulebook().grants.len()),
            _ => None,
        })
    }

    fn leave_out(&mut self, blamed: &BTreeMap<usize, String>) {
        let mut index = 0;
        let left_out = &mut self.left_out;
        self.grants.retain(|grant| {
            let why = blamed.get(&index);
            index += 1;
            if let Some(why) = why {
                left_out.insert(grant.name.clone(), why.clone());
            }
            why.is_none()
        });
    }

    /// Leaves out what does not serve yet, or serves otherwise; everything, where all of it serves.
    fn leave_out_new(&mut self, former: &Snapshot) {
        let served: BTreeMap<&Name, &Grant> = former.rulebook().grants.iter().map(|one| (&one.name, one)).collect();
        let is_new = |grant: &Grant| !served.get(&grant.name).is_some_and(|one| one.says_the_same(grant));
        let mut new: BTreeSet<usize> = (0..)
            .zip(&self.grants)
            .filter(|(_, one)| is_new(one))
            .map(|(at, _)| at)
            .collect();
        if new.is_empty() {
            new = (0..self.grants.len()).collect();
        }
        let why = "with it something that must hold would not, and it is not known by which grant";
        self.leave_out(&new.into_iter().map(|index| (index, why.to_owned())).collect());
    }
}

fn line(index: usize) -> Place {
    Place {
        line: FIRST_LINE.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)),
    }
}

fn index(place: Place) -> Option<usize> {
    usize::try_from(place.line.checked_sub(FIRST_LINE)?).ok()
}

/// A grant that was renewed holds from when it was set up: longer than one term. What is measured is the last one, as
/// people decided it; one that reaches further than a term from now is measured as it stands, and found too long.
fn in_its_term(grant: &Grant, bounds: &Bounds, now: Timestamp) -> Grant {
    let longest = bounds.longest(grant.class, matches!(grant.by, By::Address(_)));
    let term_began = grant.until.minus(DAY * longest);
    let renewed = grant.from_time < term_began && term_began <= now;
    Grant {
        from_time: if renewed { term_began } else { grant.from_time },
        ..grant.clone()
    }
}

#[cfg(test)]
mod tests;
