//! What holds of links.

use std::time::Duration;

use super::super::{CaseId, Kept, Store, StoreError};
use super::{NOW, ann, create, form, take, taking};
use crate::actor::{Actor, Role};
use crate::life::{Event, State, step};
use crate::link::{DeadLink, Link, Purpose, TokenHash};
use crate::terms::Terms;

fn link(kept: &Kept, purpose: Purpose) -> Link {
    Link {
        case: kept.id,
        list: None,
        purpose,
        address: "dean@example.edu".into(),
        request: kept.case.request,
        made: NOW,
        ends: NOW.plus(Duration::from_secs(60)),
        used: None,
    }
}

#[track_caller]
fn dead(result: Result<Link, StoreError>) -> DeadLink {
    match result {
        Err(StoreError::Link(why)) => why,
        other => panic!("{other:?}"),
    }
}

pub(super) fn keeps<S: Store>(fresh: &impl Fn() -> S) {
    it_works_once(fresh());
    it_ends_by_itself(fresh());
    it_is_void_when_the_request_changed(fresh());
    it_is_used_up_with_the_step_it_causes_or_not_at_all(fresh());
}

fn it_works_once(mut store: impl Store) {
    let kept = create(&mut store, "chemistry");
    let sent = link(&kept, Purpose::Renew);
    store.keep_link(&[1; 32], &sent).unwrap();
    assert_eq!(store.look_at_link(&[1; 32], NOW).unwrap(), sent);
    assert_eq!(
        store.look_at_link(&[1; 32], NOW).unwrap(),
        sent,
        "to look uses nothing up"
    );
    let used = store.redeem_link(&[1; 32], NOW).unwrap();
    assert_eq!(
        used,
        Link {
            used: Some(NOW),
            ..sent
        }
    );
    assert_eq!(dead(store.redeem_link(&[1; 32], NOW)), DeadLink::Used(NOW));
    assert_eq!(dead(store.look_at_link(&[1; 32], NOW)), DeadLink::Used(NOW));
    assert_eq!(dead(store.redeem_link(&[2; 32], NOW)), DeadLink::Unknown);
}

fn it_ends_by_itself(mut store: impl Store) {
    let kept = create(&mut store, "chemistry");
    let sent = link(&kept, Purpose::Secret);
    store.keep_link(&[1; 32], &sent).unwrap();
    let late = sent.ends.plus(Duration::from_millis(1));
    assert_eq!(dead(store.redeem_link(&[1; 32], late)), DeadLink::Ended(sent.ends));
    assert!(store.redeem_link(&[1; 32], sent.ends).is_ok());
}

fn it_is_void_when_the_request_changed(mut store: impl Store) {
    let mut kept = create(&mut store, "chemistry");
    store.keep_link(&[1; 32], &link(&kept, Purpose::Acknowledge)).unwrap();
    store.keep_link(&[2; 32], &link(&kept, Purpose::KeepOrRemove)).unwrap();
    kept = take(&mut store, &kept, &Event::Submit, &ann()).unwrap();
    assert!(store.look_at_link(&[1; 32], NOW).is_ok());
    let changed = form("scans of plans");
    let amend = Event::Amend {
        request: changed.hash(),
    };
    take(&mut store, &kept, &amend, &ann()).unwrap();
    assert_eq!(dead(store.redeem_link(&[1; 32], NOW)), DeadLink::Void);
    assert!(store.redeem_link(&[2; 32], NOW).is_ok());
}

fn it_is_used_up_with_the_step_it_causes_or_not_at_all(mut store: impl Store) {
    let (kept, other) = (create(&mut store, "chemistry"), create(&mut store, "physics"));
    let hash: TokenHash = [1; 32];
    store.keep_link(&hash, &link(&kept, Purpose::Renew)).unwrap();
    let actor = Actor::human("ann@example.edu", Role::Requestor);
    let mut submit = |from: &Kept| {
        let next = step(&from.case, &Event::Submit, &actor, NOW, &Terms::default()).unwrap();
        let mut with_link = taking(&next, &Event::Submit, &actor);
        with_link.link = Some(&hash);
        store.take(from, &with_link)
    };
    // Of another case, or too late: neither the step nor the link.
    assert!(matches!(submit(&other), Err(StoreError::Link(DeadLink::Unknown))));
    let late = Kept {
        version: 7,
        ..kept.clone()
    };
    assert!(matches!(submit(&late), Err(StoreError::Changed(CaseId(1001)))));
    assert_eq!(submit(&kept).unwrap().case.state, State::Submitted);
    assert_eq!(dead(store.redeem_link(&hash, NOW)), DeadLink::Used(NOW));
}
