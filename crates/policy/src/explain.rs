//! The path of reasons behind a verdict, and the nearest rule that did not match.

use crate::checks::{self, Check, Finding};
use crate::decide::{Decision, Ground, Trail, decide_with};
use crate::facts::Facts;
use crate::live::Live;
use crate::model::Grant;
use crate::snapshot::Snapshot;

/// One condition that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The condition.
    pub check: Check,
    /// What was found.
    pub finding: Finding,
}

/// A grant that was not selected, or refused, and how little was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss<'s> {
    /// The grant.
    pub grant: &'s Grant,
    /// Whether the client showed this grant at all.
    pub selected: bool,
    /// The conditions that do not hold.
    pub missing: Vec<Check>,
}

/// A decision with everything that led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation<'s> {
    /// The decision, the same that live traffic would get.
    pub decision: Decision,
    /// Each condition looked at, in order.
    pub steps: Vec<Step>,
    /// On a refusal: the grant that came nearest.
    pub nearest: Option<NearMiss<'s>>,
}

impl Trail for Vec<Step> {
    fn checked(&mut self, check: Check, finding: Finding) {
        self.push(Step { check, finding });
    }
}

/// Judges these facts and tells the whole story.
#[must_use]
pub fn explain<'s>(snapshot: &'s Snapshot, facts: &Facts<'_>) -> Explanation<'s> {
    let mut steps = Vec::new();
    let decision = decide_with(snapshot, &mut Live::new(facts), &mut steps);
    let nearest = if decision.verdict.accepts() {
        None
    } else {
        nearest(snapshot, facts, decision.ground)
    };
    Explanation {
        decision,
        steps,
        nearest,
    }
}

/// The grant with the fewest conditions that do not hold; the one the client showed wins a tie.
fn nearest<'s>(snapshot: &'s Snapshot, facts: &Facts<'_>, ground: Option<Ground>) -> Option<NearMiss<'s>> {
    let misses = (0u32..).zip(&snapshot.rulebook().grants).map(|(index, grant)| {
        let selected = ground == Some(Ground::Grant(index));
        let missing = missing(snapshot, grant, facts);
        NearMiss {
            grant,
            selected,
            missing,
        }
    });
    // Without the sender in common two grants have nothing to do with each other; naming one would mislead.
    misses
        .filter(|miss| miss.selected || !miss.missing.contains(&Check::SenderGranted))
        .min_by_key(|miss| (miss.missing.len() + usize::from(!miss.selected), !miss.selected))
}

fn missing(snapshot: &Snapshot, grant: &Grant, facts: &Facts<'_>) -> Vec<Check> {
    let mut reader = Live::new(facts);
    checks::of_grant::<Live<'_, '_>>()
        .into_iter()
        .filter(|(_, look)| matches!(look(snapshot, grant, &mut reader), Finding::Stop(..)))
        .map(|(check, _)| check)
        .collect()
}
