//! What holds of the yearly lists of departments.

use std::time::Duration;

use mail::Timestamp;

use super::super::{CaseId, Kept, Store, StoreError, Taking};
use super::{NOW, ann, create, take};
use crate::actor::{Actor, Person, Role};
use crate::attestation::{Attestation, ListId, ListTaking, Lists, NewList, Outcome, Shown, Standing};
use crate::life::{Event, State, step};
use crate::link::{DeadLink, Link, Purpose};
use crate::notice::{Audience, Notice};
use crate::terms::Terms;

pub(super) fn keeps<S: Store>(fresh: &impl Fn() -> S) {
    a_list_is_read_back_as_it_was_shown(fresh());
    a_department_is_not_asked_twice(fresh());
    an_answer_is_whole_or_not_at_all(fresh());
    its_letters_are_of_the_whole_list_and_void_with_the_next_step(fresh());
    its_link_works_for_whom_it_asks_and_until_it_is_answered(fresh());
    its_steps_stand_among_those_of_cases(fresh());
}

fn later(days: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(days * 86_400))
}

fn dean() -> Actor {
    Actor::human("dean@example.edu", Role::Head)
}

fn new(cases: &[Kept]) -> NewList {
    let shown = |kept: &Kept| {
        let shown = Shown {
            id: kept.id.to_string(),
            what: "copier \"O'\" Müller".to_owned(),
            ..Shown::default()
        };
        (kept.id, shown)
    };
    NewList {
        scope: "chemistry".into(),
        department: "Organic  Chemistry".into(),
        head: Some(Person::new("dean@example.edu")),
        now: NOW,
        unless_since: None,
        said: "the dean is asked".to_owned(),
        entries: cases.iter().map(shown).collect(),
    }
}

fn make(store: &mut impl Store, new: &NewList) -> Option<Attestation> {
    let letters: [(Notice, &[Audience]); 1] = [(Notice::ListAsked, &[])];
    store.make_list(new, &Actor::rule("attestation"), &letters).unwrap()
}

fn taking<'a>(next: &'a Attestation, actor: &'a Actor) -> ListTaking<'a> {
    ListTaking {
        next,
        event: "answered",
        said: Some("1 kept"),
        actor,
        now: later(1),
        steps: &[],
        letters: &[],
        link: None,
    }
}

fn two(store: &mut impl Store) -> Vec<Kept> {
    vec![create(store, "chemistry"), create(store, "chemistry")]
}

fn a_list_is_read_back_as_it_was_shown(mut store: impl Store) {
    let cases = two(&mut store);
    let new = new(&cases);
    let list = make(&mut store, &new).unwrap();
    assert_eq!((list.id, list.hash), (ListId(1), new.hash()));
    assert_eq!(list.entries.len(), 2);
    for which in [Lists::All, Lists::Open, Lists::One(list.id)] {
        assert_eq!(store.lists(which).unwrap(), std::slice::from_ref(&list));
    }
    assert_eq!(store.lists(Lists::One(ListId(2))).unwrap(), []);
    let unnamed = NewList {
        department: "".into(),
        head: None,
        ..new
    };
    let second = make(&mut store, &unnamed).unwrap();
    assert_eq!(
        (second.id, second.head.as_ref(), second.whose()),
        (ListId(2), None, "chemistry")
    );
}

fn a_department_is_not_asked_twice(mut store: impl Store) {
    let cases = two(&mut store);
    let again = |days, since| NewList {
        department: "organic chemistry".into(),
        now: later(days),
        unless_since: since,
        ..new(&cases)
    };
    let list = make(&mut store, &new(&cases)).unwrap();
    assert_eq!(make(&mut store, &again(0, None)), None, "it is open");
    let elsewhere = NewList {
        scope: "customer".into(),
        ..again(0, None)
    };
    assert!(make(&mut store, &elsewhere).is_some());
    // One that was answered since the day is the one of this day; by hand there may be another.
    let answered = Attestation {
        standing: Standing::Answered,
        ..list.clone()
    };
    store.take_list(&list, &taking(&answered, &dean())).unwrap();
    assert_eq!(make(&mut store, &again(2, Some(NOW))), None);
    let by_hand = make(&mut store, &again(2, None)).unwrap();
    // What nobody answered is replaced by the next.
    let overdue = Attestation {
        standing: Standing::Overdue,
        ..by_hand.clone()
    };
    let overdue = store.take_list(&by_hand, &taking(&overdue, &dean())).unwrap();
    assert_eq!(overdue.standing, Standing::Overdue);
    let next = make(&mut store, &again(300, Some(later(299)))).unwrap();
    let former = store.lists(Lists::One(by_hand.id)).unwrap().remove(0);
    assert_eq!(former.standing, Standing::Replaced);
    assert!(store.lists(Lists::Open).unwrap().contains(&next));
}

fn an_answer_is_whole_or_not_at_all(mut store: impl Store) {
    let cases = two(&mut store);
    let list = make(&mut store, &new(&cases)).unwrap();
    let (actor, submit) = (ann(), Event::Submit);
    let after = step(&cases[0].case, &submit, &actor, NOW, &Terms::default()).unwrap();
    let of = |kept| (kept, super::taking(&after, &submit, &actor));
    let steps: [(&Kept, Taking<'_>); 2] = [of(&cases[0]), of(&cases[1])];
    let mut next = list.clone();
    next.standing = Standing::Answered;
    next.entries[0].outcome = Some(Outcome::Kept);
    next.entries[1].outcome = Some(Outcome::Removed);
    let head = dean();
    let answer = ListTaking {
        steps: &steps,
        ..taking(&next, &head)
    };
    // A grant that changed in this moment: nothing of the answer is kept.
    take(&mut store, &cases[1], &Event::Submit, &ann()).unwrap();
    let late = store.take_list(&list, &answer);
    assert!(matches!(late, Err(StoreError::Changed(CaseId(1002)))), "{late:?}");
    assert_eq!(store.lists(Lists::All).unwrap(), std::slice::from_ref(&list));
    assert_eq!(store.get(cases[0].id).unwrap().unwrap().case.state, State::Draft);
    assert_eq!(store.history_of_list(list.id).unwrap().len(), 1);
    let answer = ListTaking {
        steps: &steps[..1],
        ..answer
    };
    let kept = store.take_list(&list, &answer).unwrap();
    assert_eq!(store.lists(Lists::One(list.id)).unwrap(), [kept]);
    assert_eq!(store.get(cases[0].id).unwrap().unwrap().case.state, State::Submitted);
    // And whoever comes second has seen another list.
    let second = store.take_list(&list, &answer);
    assert!(matches!(second, Err(StoreError::ListChanged(ListId(1)))), "{second:?}");
}

fn its_letters_are_of_the_whole_list_and_void_with_the_next_step(mut store: impl Store) {
    let cases = two(&mut store);
    let list = make(&mut store, &new(&cases)).unwrap();
    let waiting = store.waiting(NOW).unwrap();
    let [letter] = waiting.as_slice() else {
        panic!("{waiting:?}")
    };
    let of = letter.list.as_ref().unwrap();
    assert_eq!((of.id, of.head.as_ref()), (list.id, list.head.as_ref()));
    assert_eq!(
        (letter.case, &*letter.notice, &*letter.audience),
        (cases[0].id, "M50", "head")
    );
    // What is sent stays sent; an answer to it is about every grant on the list.
    store.sent(&[letter.number], "m1@gate", NOW).unwrap();
    let ids: Vec<CaseId> = cases.iter().map(|kept| kept.id).collect();
    assert_eq!(store.letters_in("m1@gate").unwrap(), ids);
    let reminder: [(Notice, &[Audience]); 1] = [(Notice::ListAsked, &[Audience::Security])];
    let actor = Actor::rule("list-reminder");
    let reminded = ListTaking {
        letters: &reminder,
        ..taking(&list, &actor)
    };
    let list = store.take_list(&list, &reminded).unwrap();
    assert_eq!(store.waiting(NOW).unwrap().len(), 2);
    // Nobody is to be asked what was answered meanwhile.
    let answered = Attestation {
        standing: Standing::Answered,
        ..list.clone()
    };
    store.take_list(&list, &taking(&answered, &dean())).unwrap();
    assert_eq!(store.waiting(NOW).unwrap(), []);
    assert_eq!(store.letters_in("m1@gate").unwrap(), ids);
}

fn its_link_works_for_whom_it_asks_and_until_it_is_answered(mut store: impl Store) {
    let cases = two(&mut store);
    let mut list = make(&mut store, &new(&cases)).unwrap();
    let link = |address: &str| Link {
        case: cases[0].id,
        list: Some(ListId(1)),
        purpose: Purpose::Attest,
        address: address.into(),
        request: list.hash,
        made: NOW,
        ends: later(30),
        used: None,
    };
    let (dean_s, other_s) = (link("DEAN@example.edu"), link("other@example.edu"));
    store.keep_link(&[1; 32], &dean_s).unwrap();
    store.keep_link(&[2; 32], &other_s).unwrap();
    assert_eq!(store.look_at_link(&[1; 32], NOW).unwrap(), dean_s);
    let settled = |store: &mut dyn Store, hash: u8| {
        let found = store.look_at_link(&[hash; 32], NOW);
        matches!(found, Err(StoreError::Link(DeadLink::Settled)))
    };
    assert!(settled(&mut store, 2));
    // It is not for a step of a case that is on the list.
    let (actor, submit) = (ann(), Event::Submit);
    let after = step(&cases[0].case, &submit, &actor, NOW, &Terms::default()).unwrap();
    let mut by_link = super::taking(&after, &submit, &actor);
    by_link.link = Some(&[1; 32]);
    assert!(matches!(
        store.take(&cases[0], &by_link),
        Err(StoreError::Link(DeadLink::Unknown))
    ));
    // Asked of somebody else, it is theirs.
    let handed = Attestation {
        head: Some(Person::new("other@example.edu")),
        ..list.clone()
    };
    list = store.take_list(&list, &taking(&handed, &dean())).unwrap();
    assert!(settled(&mut store, 1) && !settled(&mut store, 2));
    let answered = Attestation {
        standing: Standing::Answered,
        ..list.clone()
    };
    let head = Actor::human("other@example.edu", Role::Head);
    let answer = ListTaking {
        link: Some(&[2; 32]),
        ..taking(&answered, &head)
    };
    store.take_list(&list, &answer).unwrap();
    let used = store.look_at_link(&[2; 32], later(2));
    assert!(matches!(used, Err(StoreError::Link(DeadLink::Used(at))) if at == later(1)));
    assert!(settled(&mut store, 1));
}

fn its_steps_stand_among_those_of_cases(mut store: impl Store) {
    let cases = two(&mut store);
    let before = store.revision().unwrap();
    let list = make(&mut store, &new(&cases)).unwrap();
    assert_ne!(store.revision().unwrap(), before);
    take(&mut store, &cases[0], &Event::Submit, &ann()).unwrap();
    let untold = store.untold_of_lists().unwrap();
    let [asked] = untold.as_slice() else {
        panic!("{untold:?}")
    };
    assert_eq!(
        (asked.list, &*asked.event, asked.standing),
        (list.id, "asked", Standing::Open)
    );
    assert_eq!((asked.at, &*asked.actor), (NOW, "rule attestation"));
    assert_eq!(asked.said.as_deref(), Some("the dean is asked"));
    let last = store.untold(10).unwrap().last().unwrap().1.sequence;
    assert!(asked.sequence > before && asked.sequence < last);
    store.told(asked.sequence).unwrap();
    assert_eq!(store.untold_of_lists().unwrap(), []);
    assert_eq!(store.history_of_list(list.id).unwrap(), untold);
}
