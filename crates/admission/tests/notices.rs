//! Notices: the mail we write ourselves, once per parent, recipient and kind.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod hall;

use admission::{Notice, NoticeError, Telling};
use bytes::Bytes;
use hall::{Hall, WHOLE, book, copier, hall, outsider};
use mail::{Notify, ReversePath};
use policy::{Basis, NoticeKind};
use spool::{Lease, State};
use world::sim::disk::{Fault, Kind};

const TEXT: &str = "From: MAILER-DAEMON@own.test\r\nSubject: not delivered\r\n\r\nSorry.\r\n";

/// A message of the copier's, as a worker has it: only that can be told about.
async fn parent(hall: &Hall) -> Lease {
    hall.stored(&copier(), "scan@own.test", &["bob@foreign.test"], WHOLE)
        .await;
    hall.dispatch.lease(hall.admission.now(), 1).remove(0)
}

fn telling(kind: NoticeKind, about: &[u32]) -> Telling {
    Telling {
        kind,
        turn: 0,
        about: about.to_vec(),
        message: Bytes::from_static(TEXT.as_bytes()),
        smtputf8: false,
    }
}

fn notice(parent: &Lease, kind: NoticeKind, about: &[u32]) -> Notice {
    let to = "scan@own.test".parse().unwrap();
    Notice::new(parent, &to, telling(kind, about)).unwrap()
}

async fn posted(hall: &Hall, notice: Notice) -> bool {
    hall.admission.post_notice(notice).await.unwrap().is_some()
}

#[tokio::test(start_paused = true)]
async fn a_notice_has_no_sender_a_basis_of_its_own_and_never_a_notice_itself() {
    let hall = hall(book());
    let lease = parent(&hall).await;
    let (parent, kind) = (lease.id, NoticeKind::Failure);
    let id = hall
        .admission
        .post_notice(notice(&lease, kind, &[0]))
        .await
        .unwrap()
        .unwrap();
    let story = hall.view.get(id).await.unwrap().unwrap();
    assert_eq!(story.reverse, ReversePath::Null);
    let recipient = &story.recipients[0];
    assert_eq!(recipient.basis, Basis::Notice { parent, kind });
    assert_eq!(recipient.params.notify, Some(Notify::Never));
    assert_eq!(recipient.state, State::Ready);
    assert_eq!(
        hall.delivered().await,
        TEXT,
        "nothing is added to what we wrote ourselves"
    );
    let accepted =
        format!("accepted <> for us [<scan@own.test> by failure notice of {parent} Ready] generation 1 mended \"\"");
    assert_eq!(
        hall.told.lines()[1..],
        [accepted, format!("noticed failure of {parent} to <scan@own.test>")]
    );
}

#[tokio::test(start_paused = true)]
async fn only_the_recorded_sender_and_the_contact_of_its_grant_are_told() {
    let hall = hall(book());
    let lease = parent(&hall).await;
    let to = |lease: &Lease, who: &str| Notice::new(lease, &who.parse().unwrap(), telling(NoticeKind::Failure, &[0]));
    for concerned in ["scan@own.test", "facilities@own.test"] {
        assert!(to(&lease, concerned).is_some(), "{concerned}");
    }
    for other in ["bob@foreign.test", "postmaster@own.test", "scan@foreign.test"] {
        assert!(to(&lease, other).is_none(), "{other}");
    }
    hall.stored(&outsider(), "", &["bob@own.test"], WHOLE).await;
    let lease = hall.dispatch.lease(hall.admission.now(), 1).remove(0);
    for nobody in ["scan@own.test", "facilities@own.test", "bob@own.test"] {
        assert!(to(&lease, nobody).is_none(), "{nobody}: a bounce has no reader");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_recipient_is_told_of_once_in_each_kind() {
    let hall = hall(book());
    let (lease, other) = (parent(&hall).await, parent(&hall).await);
    assert!(posted(&hall, notice(&lease, NoticeKind::Delay, &[0])).await);
    assert!(!posted(&hall, notice(&lease, NoticeKind::Delay, &[0])).await);
    assert!(posted(&hall, notice(&lease, NoticeKind::Failure, &[0])).await);
    assert!(posted(&hall, notice(&other, NoticeKind::Delay, &[0])).await);
    assert_eq!(hall.messages(), 2 + 3);
}

#[tokio::test(start_paused = true)]
async fn who_was_told_of_together_is_not_told_of_again_alone() {
    let hall = hall(book());
    let lease = parent(&hall).await;
    assert!(posted(&hall, notice(&lease, NoticeKind::Failure, &[0, 1])).await);
    assert!(!posted(&hall, notice(&lease, NoticeKind::Failure, &[1])).await);
    assert!(!posted(&hall, notice(&lease, NoticeKind::Failure, &[1, 0])).await);
    assert!(
        posted(&hall, notice(&lease, NoticeKind::Failure, &[1, 2])).await,
        "of 2 nobody has heard"
    );
    assert_eq!(hall.messages(), 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_notice_the_disk_did_not_take_can_be_posted_again() {
    let hall = hall(book());
    let lease = parent(&hall).await;
    let (messages, told) = (hall.messages(), hall.told.lines());
    // The spool tries once more, in another segment.
    for nth in 0..2 {
        hall.disk.fail(Kind::Sync, nth, Fault::Io);
    }
    let failed = hall
        .admission
        .post_notice(notice(&lease, NoticeKind::Failure, &[0]))
        .await;
    assert!(matches!(failed, Err(NoticeError::NotStored(_))), "{failed:?}");
    assert_eq!((hall.messages(), hall.told.lines()), (messages, told));
    assert!(posted(&hall, notice(&lease, NoticeKind::Failure, &[0])).await);
}

#[tokio::test(start_paused = true)]
async fn a_second_warning_is_another_notice() {
    let hall = hall(book());
    let lease = parent(&hall).await;
    let to = "scan@own.test".parse().unwrap();
    let warning = |turn| {
        let telling = Telling {
            turn,
            ..telling(NoticeKind::Delay, &[0])
        };
        Notice::new(&lease, &to, telling).unwrap()
    };
    assert!(posted(&hall, warning(0)).await);
    assert!(!posted(&hall, warning(0)).await);
    assert!(posted(&hall, warning(1)).await);
}
