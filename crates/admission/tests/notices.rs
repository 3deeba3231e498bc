//! Notices: the mail we write ourselves, once per parent, recipient and kind.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod hall;

use admission::{Notice, NoticeError};
use bytes::Bytes;
use hall::{Hall, book, hall};
use mail::{MessageId, Notify, ReversePath};
use policy::{Basis, NoticeKind};
use spool::State;
use world::sim::disk::{Fault, Kind};

const PARENT: MessageId = MessageId::new(42);
const TEXT: &str = "From: MAILER-DAEMON@own.test\r\nSubject: not delivered\r\n\r\nSorry.\r\n";

fn notice(kind: NoticeKind, about: &[u32]) -> Notice {
    Notice {
        parent: PARENT,
        kind,
        about: about.to_vec(),
        to: "scan@own.test".parse().unwrap(),
        message: Bytes::from_static(TEXT.as_bytes()),
        smtputf8: false,
    }
}

async fn posted(hall: &Hall, notice: Notice) -> bool {
    hall.admission.post_notice(notice).await.unwrap().is_some()
}

#[tokio::test(start_paused = true)]
async fn a_notice_has_no_sender_a_basis_of_its_own_and_never_a_notice_itself() {
    let hall = hall(book());
    let id = hall
        .admission
        .post_notice(notice(NoticeKind::Failure, &[0]))
        .await
        .unwrap()
        .unwrap();
    let story = hall.view.get(id).await.unwrap().unwrap();
    assert_eq!(story.reverse, ReversePath::Null);
    let recipient = &story.recipients[0];
    let kind = NoticeKind::Failure;
    assert_eq!(recipient.basis, Basis::Notice { parent: PARENT, kind });
    assert_eq!(recipient.params.notify, Some(Notify::Never));
    assert_eq!(recipient.state, State::Ready);
    assert_eq!(
        hall.delivered().await,
        TEXT,
        "nothing is added to what we wrote ourselves"
    );
    let accepted =
        format!("accepted <> for us [<scan@own.test> by failure notice of {PARENT} Ready] generation 1 mended \"\"");
    assert_eq!(
        hall.told.lines(),
        [accepted, format!("noticed failure of {PARENT} to <scan@own.test>")]
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_recipient_is_told_of_once_in_each_kind() {
    let hall = hall(book());
    assert!(posted(&hall, notice(NoticeKind::Delay, &[0])).await);
    assert!(!posted(&hall, notice(NoticeKind::Delay, &[0])).await);
    assert!(posted(&hall, notice(NoticeKind::Failure, &[0])).await);
    let mut other = notice(NoticeKind::Delay, &[0]);
    other.parent = MessageId::new(43);
    assert!(posted(&hall, other).await);
    assert_eq!(hall.messages(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_was_told_of_together_is_not_told_of_again_alone() {
    let hall = hall(book());
    assert!(posted(&hall, notice(NoticeKind::Failure, &[0, 1])).await);
    assert!(!posted(&hall, notice(NoticeKind::Failure, &[1])).await);
    assert!(!posted(&hall, notice(NoticeKind::Failure, &[1, 0])).await);
    assert!(
        posted(&hall, notice(NoticeKind::Failure, &[1, 2])).await,
        "of 2 nobody has heard"
    );
    assert_eq!(hall.messages(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_notice_the_disk_did_not_take_can_be_posted_again() {
    let hall = hall(book());
    // The spool tries once more, in another segment.
    for nth in 0..2 {
        hall.disk.fail(Kind::Sync, nth, Fault::Io);
    }
    let failed = hall.admission.post_notice(notice(NoticeKind::Failure, &[0])).await;
    assert!(matches!(failed, Err(NoticeError::NotStored(_))), "{failed:?}");
    hall.assert_untouched();
    assert!(posted(&hall, notice(NoticeKind::Failure, &[0])).await);
}
