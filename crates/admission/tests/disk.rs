//! A disk that is full or failing: the client is told so, and nothing is said to be stored.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod hall;

use admission::{Admitted, CommitError};
use hall::{Hall, WHOLE, book, copier, hall};
use world::sim::disk::{Fate, Fault, Kind};

const BOB: [&str; 1] = ["bob@foreign.test"];

async fn not_stored(hall: &Hall) -> CommitError {
    match hall.send(&copier(), "scan@own.test", &BOB, WHOLE).await {
        Admitted::NotStored(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_said_to_be_full() {
    let hall = hall(book());
    hall.disk.set_free(Some(0));
    assert_eq!(not_stored(&hall).await, CommitError::Full);
    hall.assert_untouched();
    hall.disk.set_free(None);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fills_up_during_the_write_is_said_to_be_full() {
    let hall = hall(book());
    hall.disk.fail(Kind::Write, 0, Fault::NoSpace);
    assert_eq!(not_stored(&hall).await, CommitError::Full);
    hall.assert_untouched();
    hall.stored(&copier(), "scan@own.test", &BOB, WHOLE).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_be_stored_after_a_failed_sync_is_there_after_a_crash() {
    let hall = hall(book());
    hall.disk.fail(Kind::Sync, 0, Fault::Io);
    let id = hall.stored(&copier(), "scan@own.test", &BOB, WHOLE).await;
    // The power goes at once, and whatever no returned sync covered is gone.
    let after = hall.after(Fate::Forget);
    let story = after.view.get(id).await.unwrap().unwrap();
    assert_eq!(story.recipients[0].path.to_string(), "<bob@foreign.test>");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_fails_again_elsewhere_is_said_to_be_broken_and_holds_nothing() {
    let hall = hall(book());
    for nth in 0..2 {
        hall.disk.fail(Kind::Sync, nth, Fault::Io);
    }
    assert!(matches!(not_stored(&hall).await, CommitError::Broken(_)));
    hall.assert_untouched();
    assert_eq!(hall.after(Fate::Forget).view.counts().messages, 0);
    hall.stored(&copier(), "scan@own.test", &BOB, WHOLE).await;
    assert_eq!(hall.told.lines().len(), 1, "only what is durable is witnessed");
}

#[tokio::test(start_paused = true)]
async fn a_body_without_a_beginning_is_no_message() {
    let hall = hall(book());
    let transaction = hall.envelope(&copier(), "scan@own.test", &BOB).unwrap();
    let admitted = hall.ended(&copier(), transaction, WHOLE).await;
    assert!(
        matches!(admitted, Admitted::NotStored(CommitError::Invalid(_))),
        "{admitted:?}"
    );
    hall.assert_untouched();
}
