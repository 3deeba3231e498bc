//! Every step that any life can take, found by trying everything everywhere, beside those that were meant.

use std::collections::{BTreeSet, VecDeque};

use super::*;
use crate::check::Check;

/// A step: from, event, to, and the letters it writes.
type Row = (State, &'static str, State, Vec<Notice>);

/// Every event that people and rules can cause, each by everybody who may.
fn tried(case: &Case, now: Timestamp) -> Vec<(Actor, Event)> {
    let other = [9; 32];
    let people = [
        ann(),
        owner(),
        admin(),
        dean(),
        officer(),
        gate(),
        contacts::tom(),
        contacts::tina(),
    ];
    let mut events = vec![
        Event::Submit,
        Event::Ask {
            what: said("which room?"),
        },
        Event::Answer { request: case.request },
        Event::Answer { request: other },
        Event::Withdraw,
        Event::Acknowledge(Signature {
            request: case.request,
            ..signature()
        }),
        Event::Decline { reason: said("no") },
        Event::Reject { reason: said("no") },
        Event::Amend { request: other },
        Event::Checked { red: Vec::new() },
        Event::Checked {
            red: vec![Check::Static],
        },
        mail(),
        Event::Accepted {
            message: said("m1"),
            counts: false,
        },
        Event::Keep { reason: said("exams") },
        Event::Remove { reason: said("sold") },
        Event::Attest { list: said("list-1") },
        Event::NotAttested { reason: said("list-1") },
        Event::Abuse { alert: said("phish") },
        Event::Matches,
        Event::Abandoned,
        Event::Found,
        contacts::proposed(),
        Event::Confirm {
            request: contacts::agreed_to(),
        },
        Event::StandIn {
            gone: vec![Person::new(contacts::TOM)],
            why: said("retired"),
        },
        Event::Dissent {
            request: contacts::agreed_to(),
            reason: said("no"),
        },
        Event::Suspend { reason: said("audit") },
        Event::Reinstate {
            conditions: said("none"),
        },
        Event::Revoke { reason: said("audit") },
        Event::Supersede { by: said("pc-7") },
    ];
    for until in [80, 360].map(|most| now.plus(days(most))) {
        events.extend([
            Event::Complete { until },
            Event::Import { until, recipe: false },
            Event::Review { until },
            Event::Renew { until },
            Event::Decide {
                risk: Risk::Low,
                controls: said("pins"),
                until,
            },
        ]);
    }
    events.extend(Trouble::ALL.map(|trouble| Event::Troubled {
        trouble,
        said: said("553 5.7.1 not as this"),
    }));
    events.extend([true, false].map(|dynamic| Event::Drifted {
        observed: said("another machine"),
        dynamic,
    }));
    let by = |event: Event| people.iter().map(move |actor| (actor.clone(), event.clone()));
    events.into_iter().flat_map(by).collect()
}

/// What tells lives apart, as far as their next steps differ.
fn kind(life: &Life) -> impl Ord + use<> {
    let case = &life.case;
    (
        (
            format!("{:?}", case.track),
            case.state,
            case.unreviewed,
            case.reminded.0,
        ),
        (case.is_acknowledged(), case.is_decided(), case.last_accepted.is_some()),
        (
            case.orphan.is_some(),
            case.drift.is_some(),
            case.handover
                .as_ref()
                .map(|one| (one.former().len(), one.waits_for().len())),
        ),
        case.until.map(|until| until.since(life.now).as_secs() / 86_400 / 60),
        next_due(case, &life.terms, &life.calendar, &[]).map(|(deadline, _)| deadline),
    )
}

/// Every step of every life.
fn transitions() -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let tracks = [
        Track::Authenticated,
        Track::Exception,
        Track::Consultation { security: false },
        Track::Consultation { security: true },
    ];
    let mut open: VecDeque<Life> = VecDeque::new();
    for track in tracks {
        open.push_back(Life::draft(track));
        let mut imported = Life::draft(track);
        imported.case.unreviewed = true;
        open.push_back(imported);
    }
    while let Some(life) = open.pop_front() {
        if !seen.insert(kind(&life)) {
            continue;
        }
        let mut steps: Vec<(Actor, Event, Timestamp)> = tried(&life.case, life.now)
            .into_iter()
            .map(|(actor, event)| (actor, event, life.now))
            .collect();
        if let Some((deadline, at)) = next_due(&life.case, &life.terms, &life.calendar, &[]) {
            let then = Timestamp(at.0 + 1).max(life.now);
            steps.push((Actor::rule(deadline.rule()), Event::Elapsed(deadline), then));
        }
        for (actor, event, at) in steps {
            let mut next = life.clone();
            next.now = at;
            if next.attempt(&actor, &event).is_err() {
                continue;
            }
            let told = next.told.iter().map(|(notice, _)| *notice).collect();
            rows.insert((life.case.state, event.code(), next.case.state, told));
            open.push_back(next);
        }
    }
    rows
}

/// As it is written in `transitions.txt`.
fn line((from, event, to, told): &Row) -> String {
    let told: Vec<String> = told.iter().map(|notice| format!("{notice:?}")).collect();
    let text = format!("{:20} {event:22} {:20} {}", from.code(), to.code(), told.join(" "));
    text.trim_end().to_owned()
}

#[test]
fn every_step_that_any_life_can_take_was_meant_and_every_one_that_was_meant_is_taken() {
    let found: BTreeSet<String> = transitions().iter().map(line).collect();
    let meant: BTreeSet<String> = include_str!("transitions.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let only =
        |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> { one.difference(other).cloned().collect() };
    assert_eq!((only(&found, &meant), only(&meant, &found)), (Vec::new(), Vec::new()));
    for state in State::ALL {
        let named = |line: &String| line.split_whitespace().any(|word| word == state.code());
        assert!(meant.iter().any(named), "{state} is in no step");
    }
}
