//! What holds of what the gates note.

use std::time::Duration;

use mail::Timestamp;

use super::super::{CaseId, Pinned, Store};
use super::{NOW, create};
use crate::network::Observation;

fn after(minutes: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(60 * minutes))
}

pub(super) fn keeps<S: Store>(fresh: &impl Fn() -> S) {
    only_times_longer_than_an_hour_are_gaps(fresh());
    whom_mail_does_not_reach_is_remembered_since_the_first_time(fresh());
    what_was_said_last_of_a_pinned_grant_holds(fresh());
    who_spoke_through_a_grant_is_remembered_for_a_while(fresh());
}

fn who_spoke_through_a_grant_is_remembered_for_a_while(mut store: impl Store) {
    let kept = create(&mut store, "chemistry");
    let session = |hello: &str, senders: &[&str]| Observation {
        from: "10.1.2.3".parse().unwrap(),
        hello: hello.into(),
        senders: senders.iter().map(|sender| Box::from(*sender)).collect(),
    };
    let copier = session("copier", &["fax@example.edu", "scan@example.edu"]);
    let laptop = session("laptop \"O'\"", &[]);
    let before = store.revision().unwrap();
    let seen = [(kept.id, laptop.clone(), after(0)), (kept.id, copier.clone(), after(1))];
    store.observe(&seen).unwrap();
    store
        .observe(&[(kept.id, copier.clone(), after(5)), (kept.id, copier.clone(), after(3))])
        .unwrap();
    assert_eq!(store.observed(kept.id, after(0)).unwrap(), [copier.clone(), laptop]);
    assert_eq!(
        store.observed(kept.id, after(5)).unwrap(),
        std::slice::from_ref(&copier)
    );
    assert_eq!(store.observed(CaseId(7), after(0)).unwrap(), []);
    assert_eq!(store.revision().unwrap(), before, "use is no change");
    let months = after(60 * 24 * 60);
    store.observe(&[(kept.id, copier.clone(), months)]).unwrap();
    assert_eq!(
        store.observed(kept.id, after(0)).unwrap(),
        [copier],
        "what is old is forgotten"
    );
}

fn only_times_longer_than_an_hour_are_gaps(mut store: impl Store) {
    assert_eq!(store.gaps(NOW).unwrap(), [], "before the first gate nothing is missed");
    for minute in [0, 1, 2, 62, 100, 161, 162] {
        store.seen(after(minute), after(minute)).unwrap();
    }
    assert_eq!(store.gaps(after(162)).unwrap(), [(after(100), after(161))]);
    // One that has not ended yet.
    assert_eq!(store.gaps(after(222)).unwrap().len(), 1);
    assert_eq!(store.gaps(after(223)).unwrap()[1], (after(162), after(223)));
    // A clock that goes back takes nothing away, and adds nothing.
    store.seen(after(130), after(130)).unwrap();
    store.seen(after(163), after(163)).unwrap();
    assert_eq!(store.gaps(after(163)).unwrap(), [(after(100), after(161))]);
    // A gate that was there all the time, while its clock was set on.
    store.seen(after(163), after(1000)).unwrap();
    assert_eq!(store.gaps(after(1000)).unwrap(), [(after(100), after(161))]);
}

fn whom_mail_does_not_reach_is_remembered_since_the_first_time(mut store: impl Store) {
    store.bounced("Ann@Example.edu", NOW).unwrap();
    store.bounced("ann@example.edu", after(5)).unwrap();
    store.bounced("bob@example.edu", after(7)).unwrap();
    let both = [("ann@example.edu".into(), NOW), ("bob@example.edu".into(), after(7))];
    assert_eq!(store.unreachable().unwrap(), both);
    store.reached(" ANN@example.edu").unwrap();
    store.reached("nobody@example.edu").unwrap();
    assert_eq!(store.unreachable().unwrap(), both[1..]);
}

fn what_was_said_last_of_a_pinned_grant_holds(mut store: impl Store) {
    let say = |name: &str, suspended, minute| Pinned {
        name: name.into(),
        suspended,
        abuse: suspended && minute == 1,
        at: after(minute),
        actor: "postmaster@example.edu (relay administrator)".into(),
        why: "phish, \"again\"".into(),
    };
    let before = store.revision().unwrap();
    let said = [say("erp", true, 0), say("copier", true, 1), say("erp", false, 2)];
    for one in &said {
        store.pin(one).unwrap();
    }
    let [first, copier, last] = said;
    assert_eq!(store.pinned().unwrap(), [copier.clone(), last.clone()]);
    assert_eq!(store.revision().unwrap(), before + 3);
    assert_eq!(store.said_of("erp").unwrap(), [first.clone(), last.clone()]);
    assert_eq!(store.said_of("nobody").unwrap(), []);
    let numbered = [(before + 1, first), (before + 2, copier), (before + 3, last)];
    assert_eq!(store.untold_of_pinned().unwrap(), numbered);
    store.told(before + 2).unwrap();
    assert_eq!(store.untold_of_pinned().unwrap(), numbered[2..]);
}
