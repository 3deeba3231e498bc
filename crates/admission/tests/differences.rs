//! Recipients that are judged differently, and judgement that changes while a message comes in.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod hall;

use admission::{Mending, Room};
use hall::{NOW, WHOLE, book, copier, hall, outsider, recipient, rejected, suspend};
use mail::{RcptParams, Timestamp};
use policy::{Generation, Reason, Scope, Verdict};
use spool::State;

#[tokio::test(start_paused = true)]
async fn a_suspension_between_mail_and_the_end_of_the_body_refuses() {
    let mut hall = hall(book());
    let transaction = hall.begun(&copier(), "scan@own.test", &["bob@foreign.test"]).unwrap();
    hall.publish(suspend);
    let admitted = hall.ended(&copier(), transaction, WHOLE).await;
    assert_eq!(rejected(admitted), Verdict::Refuse(Reason::GrantSuspended));
    hall.assert_untouched();
    let later = hall.envelope(&copier(), "scan@own.test", &[]).err().unwrap();
    assert_eq!(later.verdict, Verdict::Refuse(Reason::GrantSuspended));
    assert_eq!(later.grant.as_deref(), Some("copier"));
}

#[tokio::test(start_paused = true)]
async fn a_suspension_in_the_midst_of_judgement_is_noticed_before_anything_is_stored() {
    let mut hall = hall(book());
    let mut transaction = hall.begun(&copier(), "scan@own.test", &["bob@foreign.test"]).unwrap();
    transaction.append(WHOLE.into()).await;
    hall.publish_during_judgement(suspend);
    assert_eq!(
        hall.admission.snapshot().generation(),
        Generation(1),
        "not suspended when judgement begins"
    );
    let admitted = hall
        .admission
        .end_body(&copier(), transaction, Mending::default())
        .await;
    assert_eq!(rejected(admitted), Verdict::Refuse(Reason::GrantSuspended));
    hall.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_gone_refuses_the_sessions_it_began() {
    let mut hall = hall(book());
    let transaction = hall.begun(&copier(), "scan@own.test", &["bob@foreign.test"]).unwrap();
    hall.publish(|book| book.listeners.retain(|listener| &*listener.name != "devices"));
    let admitted = hall.ended(&copier(), transaction, WHOLE).await;
    assert_eq!(rejected(admitted), Verdict::Refuse(Reason::NoGrant));
    hall.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn a_change_that_changes_nothing_stores_under_the_new_generation() {
    let mut hall = hall(book());
    let transaction = hall.begun(&copier(), "scan@own.test", &["bob@foreign.test"]).unwrap();
    hall.publish(|book| book.organisation.name = "Owned".into());
    let admitted = hall.ended(&copier(), transaction, WHOLE).await;
    let admission::Admitted::Stored { id } = admitted else {
        panic!("{admitted:?}")
    };
    let story = hall.view.get(id).await.unwrap().unwrap();
    assert_eq!(
        (story.recipients[0].generation, story.recipients[0].rulebook),
        (Generation(2), 2)
    );
}

#[tokio::test(start_paused = true)]
async fn what_all_recipients_share_is_said() {
    let hall = hall(book());
    let forged = WHOLE.replace("scan@own.test", "chancellor@own.test");
    let to = ["bob@foreign.test", "eve@foreign.test"];
    let admitted = hall.send(&copier(), "scan@own.test", &to, &forged).await;
    assert_eq!(rejected(admitted), Verdict::Refuse(Reason::FromNotGranted));
    hall.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn a_difference_is_set_aside_and_never_sent_back() {
    let mut hall = hall(book());
    let to = ["bob@own.test", "eve@foreign.test"];
    let transaction = hall.begun(&copier(), "scan@own.test", &to).unwrap();
    hall.publish(|book| book.grants[0].scope = Scope::Internal);
    let admission::Admitted::Stored { id } = hall.ended(&copier(), transaction, WHOLE).await else {
        panic!("not stored");
    };
    let states = hall.states(id).await;
    assert_eq!(states[0], State::Ready);
    assert_eq!(
        states[1],
        State::Quarantined {
            reason: Reason::RecipientOutsideScope
        }
    );
    let lease = &hall.dispatch.lease(hall.admission.now(), 10)[0];
    assert_eq!(lease.recipients.len(), 1, "what is set aside is not delivered");
    assert!(hall.told.lines()[0].contains("<eve@foreign.test> by grant copier Quarantined(RecipientOutsideScope)"));
}

#[tokio::test(start_paused = true)]
async fn a_forward_that_ended_meanwhile_is_set_aside_beside_what_is_delivered() {
    let mut hall = hall(book());
    let to = ["bob@own.test", "fwd@own.test"];
    let transaction = hall.begun(&outsider(), "eve@foreign.test", &to).unwrap();
    hall.publish(|book| book.forwards[0].until = Timestamp(NOW.0 - 1));
    let admission::Admitted::Stored { id } = hall.ended(&outsider(), transaction, WHOLE).await else {
        panic!("not stored");
    };
    let aside = State::Quarantined {
        reason: Reason::NoSuchRecipient,
    };
    assert_eq!(hall.states(id).await, [State::Ready, aside]);
}

#[tokio::test(start_paused = true)]
async fn what_is_forwarded_goes_on_to_the_other_address_and_remembers_its_own() {
    let hall = hall(book());
    let admitted = hall
        .send(&outsider(), "eve@foreign.test", &["fwd@own.test"], WHOLE)
        .await;
    let admission::Admitted::Stored { id } = admitted else {
        panic!("{admitted:?}")
    };
    let story = hall.view.get(id).await.unwrap().unwrap();
    let recipient = &story.recipients[0];
    assert_eq!(recipient.path.to_string(), "<bob@foreign.test>");
    assert_eq!(recipient.params.orcpt.as_deref(), Some("rfc822;fwd@own.test"));
    assert_eq!(recipient.basis.to_string(), "forward away");
}

#[tokio::test(start_paused = true)]
async fn a_recipient_that_lost_its_ground_altogether_puts_the_whole_message_off() {
    let mut book = book();
    let mut other = book.routes[0].clone();
    other.name = "other".into();
    other.domains = vec![mail::DomainPattern::parse("other.test").unwrap()];
    book.routes.push(other);
    let mut hall = hall(book);
    let to = ["bob@own.test", "bob@other.test"];
    let transaction = hall.begun(&outsider(), "eve@foreign.test", &to).unwrap();
    hall.publish(|book| {
        book.routes.pop();
    });
    let admitted = hall.ended(&outsider(), transaction, WHOLE).await;
    // On the next try bob@other.test is refused by itself, at RCPT.
    assert_eq!(rejected(admitted), Verdict::Defer(Reason::NotOurDomain));
    hall.assert_untouched();
}

#[tokio::test(start_paused = true)]
async fn a_recipient_named_twice_is_one_even_when_there_is_no_more_room() {
    let mut book = book();
    book.grants[0].limits.recipients_per_message = 2;
    let hall = hall(book);
    let who = copier();
    let mut transaction = hall
        .envelope(
            &who,
            "scan@own.test",
            &["a@foreign.test", "b@foreign.test", "a@foreign.test"],
        )
        .unwrap();
    assert_eq!(transaction.recipients(), 2);
    let third = hall.admission.recipient(
        &who,
        &mut transaction,
        recipient("c@foreign.test"),
        RcptParams::default(),
    );
    assert_eq!(third.unwrap(), Room::Full);
    assert_eq!(transaction.recipients(), 2);
}
