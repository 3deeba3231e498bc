//! What holds for every store.

mod attestations;
mod credentials;
mod gate;
mod letters;
mod links;

use std::time::Duration;

use super::{Beginning, CaseId, Kept, Store, StoreError, Taken, Taking};
use crate::actor::{Actor, Person, Role};
use crate::case::{Case, Track};
use crate::form::{Contact, Form};
use crate::handover::Handover;
use crate::life::{Event, State, Step, step};
use crate::terms::Terms;
use mail::Timestamp;

pub(super) use letters::of_many_one_claims;

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

fn form(purpose: &str) -> Form {
    Form {
        requestor: Contact {
            name: "Ann \"O'\" Müller".to_owned(),
            email: "ann@example.edu".to_owned(),
        },
        purpose: purpose.to_owned(),
        ..Form::default()
    }
}

pub(super) fn ann() -> Actor {
    Actor::human("ann@example.edu", Role::Requestor)
}

pub(super) fn create(store: &mut impl Store, scope: &str) -> Kept {
    let form = form("scans");
    let mut case = Case::draft(Track::Exception, Person::new("ann@example.edu"), form.hash(), NOW);
    case.head = Some(Person::new("dean@example.edu"));
    store.create(scope, &form, &case, &ann()).unwrap()
}

pub(super) fn taking<'a>(step: &'a Step, event: &'a Event, actor: &'a Actor) -> Taking<'a> {
    Taking {
        step,
        event,
        actor,
        now: NOW,
        form: None,
        evidence: None,
        link: None,
        seen: None,
    }
}

fn take(store: &mut impl Store, kept: &Kept, event: &Event, actor: &Actor) -> Result<Kept, StoreError> {
    let step = step(&kept.case, event, actor, NOW, &Terms::default()).unwrap();
    store.take(kept, &taking(&step, event, actor))
}

/// Every line of the contract, each on a fresh store.
pub(super) fn keeps<S: Store>(fresh: impl Fn() -> S) {
    what_is_kept_is_read_back(fresh());
    a_step_is_whole_or_not_at_all(fresh());
    use_is_remembered_and_never_goes_backwards(fresh());
    many_begin_together_or_none_of_them(fresh());
    scopes_are_apart(fresh());
    a_whole_life_is_read_back_from_its_steps(fresh());
    what_changed_behind_a_revision_is_told(fresh());
    steps_of_all_cases_have_one_order(fresh());
    attestations::keeps(&fresh);
    credentials::keeps(&fresh);
    letters::keeps(&fresh);
    links::keeps(&fresh);
    gate::keeps(&fresh);
}

fn what_changed_behind_a_revision_is_told(mut store: impl Store) {
    let one = create(&mut store, "chemistry");
    let seen = store.revision().unwrap();
    let other = create(&mut store, "physics");
    assert_eq!(store.changed(seen).unwrap(), std::slice::from_ref(&other));
    let one = take(&mut store, &one, &Event::Submit, &ann()).unwrap();
    assert_eq!(store.changed(seen).unwrap(), [one, other]);
    let seen = store.revision().unwrap();
    assert_eq!(store.changed(seen).unwrap(), []);
}

fn steps_of_all_cases_have_one_order(mut store: impl Store) {
    let (one, other) = (create(&mut store, "chemistry"), create(&mut store, "physics"));
    take(&mut store, &other, &Event::Submit, &ann()).unwrap();
    take(&mut store, &one, &Event::Submit, &ann()).unwrap();
    let told = |steps: &[(CaseId, Taken)]| -> Vec<(u32, String)> {
        steps.iter().map(|(id, taken)| (id.0, taken.event.clone())).collect()
    };
    let all = store.untold(10).unwrap();
    let expected = [(1001, "create"), (1002, "create"), (1002, "submit"), (1001, "submit")];
    assert_eq!(told(&all), expected.map(|(id, event)| (id, event.to_owned())));
    assert!(all.windows(2).all(|pair| pair[0].1.sequence < pair[1].1.sequence));
    // The ledger is told in portions, and of nothing twice, whoever tells it.
    let first = store.untold(3).unwrap();
    assert_eq!(first, all[..3]);
    store.told(first[2].1.sequence).unwrap();
    assert_eq!(store.untold(3).unwrap(), all[3..]);
    store.told(first[0].1.sequence).unwrap();
    assert_eq!(store.untold(3).unwrap(), all[3..]);
    store.told(all[3].1.sequence).unwrap();
    assert_eq!(store.untold(3).unwrap(), []);
    assert_eq!(store.steps(0, 10).unwrap(), all);
}

fn what_is_kept_is_read_back(mut store: impl Store) {
    let kept = create(&mut store, "chemistry");
    assert_eq!(kept.id.to_string(), "pc-1001");
    assert_eq!(store.get(kept.id).unwrap().as_ref(), Some(&kept));
    assert_eq!(store.get(CaseId(7)).unwrap(), None);
    let mut others = kept.form.clone();
    others.technical.email = "tina@example.edu".to_owned();
    let full = Case {
        handover: Handover::between(&kept.form, &others),
        until: Some(NOW),
        provisioned: Some(Timestamp(-5)),
        last_accepted: Some(NOW),
        kept: Some(NOW),
        seasonal: Some(400),
        orphan: Some(NOW),
        drift: Some(NOW),
        unreviewed: true,
        decided_by: Some(Person::new("iso@example.edu")),
        reminded: (3, NOW),
        ..kept.case
    };
    let kept = store.create("", &kept.form, &full, &ann()).unwrap();
    assert_eq!(store.get(kept.id).unwrap().unwrap().case, full);
}

fn a_step_is_whole_or_not_at_all(mut store: impl Store) {
    let kept = create(&mut store, "chemistry");
    let revision = store.revision().unwrap();
    let next = take(&mut store, &kept, &Event::Submit, &ann()).unwrap();
    assert_eq!((next.version, next.case.state), (2, State::Submitted));
    assert_eq!(store.get(kept.id).unwrap().as_ref(), Some(&next));
    assert_ne!(store.revision().unwrap(), revision);
    // Nor is one taken that was decided when others stood elsewhere.
    create(&mut store, "physics");
    let actor = ann();
    let withdrawn = step(&next.case, &Event::Withdraw, &actor, NOW, &Terms::default()).unwrap();
    let mut decided = taking(&withdrawn, &Event::Withdraw, &actor);
    decided.seen = Some(revision + 1);
    assert!(matches!(store.take(&next, &decided), Err(StoreError::Changed(_))));
    // Whoever saw the draft is too late, and nothing of what they wanted is kept.
    let (letters, steps) = (store.waiting(NOW).unwrap(), store.history(kept.id).unwrap());
    let late = take(&mut store, &kept, &Event::Submit, &ann());
    assert!(matches!(late, Err(StoreError::Changed(id)) if id == kept.id));
    let missing = Kept { id: CaseId(9), ..kept };
    assert!(matches!(
        take(&mut store, &missing, &Event::Submit, &ann()),
        Err(StoreError::Missing(CaseId(9)))
    ));
    assert_eq!(store.waiting(NOW).unwrap(), letters);
    assert_eq!(store.history(next.id).unwrap(), steps);
}

fn use_is_remembered_and_never_goes_backwards(mut store: impl Store) {
    let kept = create(&mut store, "chemistry");
    let later = NOW.plus(Duration::from_secs(60));
    store.used(&[(kept.id, later), (CaseId(9), later)]).unwrap();
    store.used(&[(kept.id, NOW)]).unwrap();
    let used = store.get(kept.id).unwrap().unwrap();
    assert_eq!((used.case.last_accepted, used.version), (Some(later), kept.version));
    // A step that was taken from what was known before does not take it back.
    take(&mut store, &kept, &Event::Submit, &ann()).unwrap();
    assert_eq!(store.get(kept.id).unwrap().unwrap().case.last_accepted, Some(later));
}

fn many_begin_together_or_none_of_them(mut store: impl Store) {
    let (form, actor, event) = (form("scans"), ann(), Event::Submit);
    let mut case = Case::draft(Track::Exception, Person::new("ann@example.edu"), form.hash(), NOW);
    case.head = Some(Person::new("dean@example.edu"));
    let next = step(&case, &event, &actor, NOW, &Terms::default()).unwrap();
    let one = Beginning {
        scope: "chemistry",
        form: &form,
        case: &case,
        taking: taking(&next, &event, &actor),
    };
    let late = Beginning {
        taking: Taking {
            seen: Some(77),
            ..one.taking
        },
        ..one
    };
    assert!(matches!(
        store.begin(&[one, one, late, one]),
        Err(StoreError::Changed(_))
    ));
    assert_eq!((store.list(None).unwrap(), store.revision().unwrap()), (vec![], 0));
    let kept = store.begin(&[one, one, one]).unwrap();
    let told: Vec<_> = kept.iter().map(|kept| (kept.id.0, kept.case.state)).collect();
    assert_eq!(told, [1001, 1002, 1003].map(|id| (id, State::Submitted)));
    assert_eq!(store.list(None).unwrap(), kept);
    assert_eq!(store.history(kept[2].id).unwrap().len(), 2);
    assert_eq!(store.waiting(NOW).unwrap().len(), 6);
}

fn scopes_are_apart(mut store: impl Store) {
    let (one, other) = (create(&mut store, "chemistry"), create(&mut store, "physics"));
    assert_eq!(store.list(Some("chemistry")).unwrap(), std::slice::from_ref(&one));
    assert_eq!(store.list(Some("chem")).unwrap(), []);
    assert_eq!(store.list(None).unwrap(), [one, other]);
}

fn a_whole_life_is_read_back_from_its_steps(mut store: impl Store) {
    let mut kept = create(&mut store, "chemistry");
    let admin = Actor::human("postmaster@example.edu", Role::Admin);
    let ask = Event::Ask {
        what: "which firmware; 'quoted', ünïcode".into(),
    };
    kept = take(&mut store, &kept, &Event::Submit, &ann()).unwrap();
    kept = take(&mut store, &kept, &ask, &admin).unwrap();
    let changed = form("scans of plans");
    let answer = Event::Answer {
        request: changed.hash(),
    };
    let answered = step(&kept.case, &answer, &ann(), NOW, &Terms::default()).unwrap();
    let actor = ann();
    let evidence = r#"{"changed":["purpose"]}"#;
    let answering = Taking {
        form: Some(&changed),
        evidence: Some(evidence),
        ..taking(&answered, &answer, &actor)
    };
    kept = store.take(&kept, &answering).unwrap();
    assert_eq!(store.get(kept.id).unwrap().unwrap().form, changed);
    let history = store.history(kept.id).unwrap();
    let told: Vec<(u64, &str, State)> = history
        .iter()
        .map(|taken| (taken.number, taken.event.as_str(), taken.to))
        .collect();
    let expected = [
        (1, "create", State::Draft),
        (2, "submit", State::Submitted),
        (3, "ask", State::NeedsInformation),
        (4, "answer", State::Submitted),
    ];
    assert_eq!(told, expected);
    // Each step begins where the one before it ended.
    for pair in history.windows(2) {
        assert_eq!(pair[1].from, Some(pair[0].to));
    }
    assert_eq!(history[2].said.as_deref(), Some("which firmware; 'quoted', ünïcode"));
    assert_eq!(history[2].actor, "postmaster@example.edu (relay administrator)");
    assert_eq!(history[3].evidence.as_deref(), Some(evidence));
}
