//! What holds of letters: each is posted by one gate, once a day to each reader, and none is lost on the way.

use std::time::Duration;

use mail::Timestamp;

use super::super::{Claim, Letter, Store};
use super::{NOW, ann, create, take};
use crate::life::Event;

const ONE: &str = "letter-1@gate.example.edu";
const OTHER: &str = "letter-2@gate.example.edu";

pub(super) fn keeps<S: Store>(fresh: &impl Fn() -> S) {
    they_wait_until_they_are_sent(fresh());
    each_names_the_step_that_caused_it(fresh());
    who_claims_them_has_them_for_a_while_and_nobody_else(fresh());
    a_reader_is_written_to_once_a_day(fresh());
    what_could_not_be_posted_waits_again(fresh());
    an_answer_is_found_by_the_letter_and_kept_in_its_case(fresh());
}

fn after(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(60 * minutes))
}

/// Two letters that wait, to two readers.
fn waiting(store: &mut impl Store) -> Vec<Letter> {
    let kept = create(store, "chemistry");
    take(store, &kept, &Event::Submit, &ann()).unwrap();
    store.waiting(NOW).unwrap()
}

fn claim(store: &mut impl Store, letters: &[&Letter], message: &str, daily: &[&str], now: Timestamp) -> bool {
    let numbers: Vec<u64> = letters.iter().map(|letter| letter.number).collect();
    let daily: Vec<String> = daily.iter().map(|reader| (*reader).to_owned()).collect();
    let claim = Claim {
        letters: &numbers,
        message,
        daily: &daily,
        now,
        until: now.plus(Duration::from_secs(300)),
    };
    store.claim(&claim).unwrap()
}

fn they_wait_until_they_are_sent(mut store: impl Store) {
    let letters = waiting(&mut store);
    let told: Vec<(&str, &str)> = letters
        .iter()
        .map(|letter| (letter.notice.as_str(), letter.audience.as_str()))
        .collect();
    assert_eq!(told, [("M01", "requestor"), ("M01", "technical")]);
    store.sent(&[letters[0].number], ONE, NOW).unwrap();
    assert_eq!(store.waiting(NOW).unwrap(), letters[1..]);
    assert!(!claim(&mut store, &[&letters[0]], OTHER, &[], NOW), "it was sent");
}

fn each_names_the_step_that_caused_it(mut store: impl Store) {
    let letters = waiting(&mut store);
    let kept = store.get(letters[0].case).unwrap().unwrap();
    // Nothing tells two steps of one moment apart but their numbers.
    let noted = store.history(kept.id).unwrap();
    assert!(noted.iter().all(|step| step.at == NOW));
    for letter in &letters {
        assert_eq!(letter.caused_by(&noted).map(|step| &*step.event), Some("submit"));
    }
    let mut older = letters[0].clone();
    older.step = None;
    assert_eq!(older.caused_by(&noted[..1]).map(|step| &*step.event), Some("create"));
}

fn who_claims_them_has_them_for_a_while_and_nobody_else(mut store: impl Store) {
    let letters = waiting(&mut store);
    let (first, second) = (&letters[0], &letters[1]);
    assert!(claim(&mut store, &[first], ONE, &[], NOW));
    assert_eq!(store.waiting(after(4)).unwrap(), letters[1..]);
    // All or none.
    assert!(!claim(
        &mut store,
        &[second, first],
        OTHER,
        &["tom@example.edu"],
        after(4)
    ));
    assert_eq!(store.waiting(after(4)).unwrap(), letters[1..]);
    assert!(store.written_to(after(4)).unwrap().is_empty());
    // Who claimed it was not heard of again: it is known under which message it may have gone out.
    let again = store.waiting(after(5)).unwrap();
    assert_eq!(again[0].message.as_deref(), Some(ONE));
    assert_eq!(again[1].message, None);
    assert!(claim(&mut store, &[first], ONE, &[], after(5)));
    // Who was only slow may still say that it was sent.
    store.sent(&[first.number], ONE, after(6)).unwrap();
    assert_eq!(store.waiting(after(20)).unwrap(), letters[1..]);
}

fn a_reader_is_written_to_once_a_day(mut store: impl Store) {
    let letters = waiting(&mut store);
    let (first, second) = (&letters[0], &letters[1]);
    assert!(claim(&mut store, &[first], ONE, &["ann@example.edu"], NOW));
    assert!(!claim(
        &mut store,
        &[second],
        OTHER,
        &["ann@example.edu", "tom@example.edu"],
        after(23 * 60)
    ));
    let told: Vec<_> = store.written_to(after(60)).unwrap().into_iter().collect();
    assert_eq!(told, [("ann@example.edu".to_owned(), NOW)]);
    assert!(claim(
        &mut store,
        &[second],
        OTHER,
        &["ann@example.edu", "tom@example.edu"],
        after(24 * 60)
    ));
    assert_eq!(store.written_to(after(24 * 60)).unwrap().len(), 2);
    assert_eq!(store.written_to(after(48 * 60)).unwrap().len(), 0);
}

fn what_could_not_be_posted_waits_again(mut store: impl Store) {
    let letters = waiting(&mut store);
    assert!(claim(&mut store, &[&letters[0]], ONE, &["ann@example.edu"], NOW));
    store.give_back(ONE).unwrap();
    assert_eq!(store.waiting(NOW).unwrap().len(), 2);
    assert!(claim(&mut store, &[&letters[0]], ONE, &[], NOW));
    store.sent(&[letters[0].number], ONE, NOW).unwrap();
    store.give_back(ONE).unwrap();
    assert_eq!(store.waiting(NOW).unwrap(), letters[1..], "what was sent stays so");
}

fn an_answer_is_found_by_the_letter_and_kept_in_its_case(mut store: impl Store) {
    let letters = waiting(&mut store);
    assert!(claim(&mut store, &[&letters[0], &letters[1]], ONE, &[], NOW));
    assert_eq!(store.letters_in(ONE).unwrap(), [letters[0].case]);
    assert_eq!(store.letters_in(OTHER).unwrap(), []);
    let (id, before) = (letters[0].case, store.get(letters[0].case).unwrap());
    store.note(id, "answer", "Re: \"yes\"", &ann(), after(1)).unwrap();
    let last = store.history(id).unwrap().pop().unwrap();
    assert_eq!(
        (last.event.as_str(), last.said.as_deref()),
        ("answer", Some("Re: \"yes\""))
    );
    assert_eq!(last.from, Some(last.to));
    assert_eq!(store.get(id).unwrap(), before, "nothing else changes");
    let missing = store.note(crate::store::CaseId(77), "answer", "x", &ann(), NOW);
    assert!(matches!(missing, Err(crate::store::StoreError::Missing(_))));
}

/// Of several who have the same store open and claim the same letters at the same time, in any order, one has them.
pub(in super::super) fn of_many_one_claims<S: Store>(open: impl Fn() -> S + Sync) {
    let letters = waiting(&mut open());
    let claimed = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4)
            .map(|number| {
                let (open, letters) = (&open, &letters);
                scope.spawn(move || {
                    let mut both = [&letters[0], &letters[1]];
                    if number % 2 == 1 {
                        both.reverse();
                    }
                    claim(
                        &mut open(),
                        &both,
                        &format!("letter-{number}@gate"),
                        &["ann@example.edu"],
                        NOW,
                    )
                })
            })
            .collect();
        tries.into_iter().map(|one| u32::from(one.join().unwrap())).sum::<u32>()
    });
    assert_eq!(claimed, 1);
}
