//! The addresses relay testers try, and what a grant for everything does with them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

use std::net::IpAddr;

use mail::{ForwardPath, Mailbox, ReversePath};
use policy::{By, Fact, Live, Reason, Recipients, Role, Ungranted, Verdict, decide};
use world::{facts, from, grant, nets, route, rulebook, snapshot};

/// A second destination in the local part of our own domain, or a host that is a number.
const TRICKS: [&str; 12] = [
    "user%foreign.test@own.test",
    "user%foreign.test%other.test@own.test",
    "foreign.test!user@own.test",
    "other.test!foreign.test!user@own.test",
    "\"user@foreign.test\"@own.test",
    "\"user%foreign.test\"@own.test",
    "\"@foreign.test:user\"@own.test",
    "\"foreign.test!user\"@own.test",
    "user@[192.0.2.99]",
    "user@[10.0.0.1]",
    "user@[127.0.0.1]",
    "user@[IPv6:2001:db8::99]",
];

/// What no mailbox can be made of; the codec has these, and nothing of them reaches judgement.
const NO_MAILBOXES: [&str; 8] = [
    "@own.test:user@foreign.test",
    "@own.test,@foreign.test:user@foreign.test",
    "user@foreign.test@own.test",
    "user@own.test@foreign.test",
    "user @foreign.test",
    "user\u{0}@foreign.test",
    "user@foreign.test\u{0}@own.test",
    "user@192.0.2.1:own.test",
];

fn senders() -> [ReversePath; 5] {
    [
        ReversePath::Null,
        from("postmaster@own.test"),
        from("user@own.test"),
        from("user@foreign.test"),
        from("user@[127.0.0.1]"),
    ]
}

fn clients() -> [IpAddr; 8] {
    [
        "203.0.113.5",
        "::ffff:203.0.113.5",
        "2001:db8:1::5",
        "127.0.0.1",
        "::1",
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "10.0.0.9",
    ]
    .map(|text| text.parse().unwrap())
}

fn verdict(book: &policy::Rulebook, client: IpAddr, sender: &ReversePath, to: &ForwardPath) -> Verdict {
    let snapshot = snapshot(book.clone());
    let mut facts = facts(sender, to);
    facts.client = Fact::Known(client);
    decide(&snapshot, &mut Live::new(&facts)).verdict
}

#[test]
fn every_trick_is_refused_from_everywhere_as_everybody() {
    for role in [Role::Mx, Role::Relay, Role::Submission, Role::Submissions] {
        let mut book = rulebook(role);
        book.listeners[0].ungranted = Ungranted::InternalOnly;
        book.routes.push(route("own.test", Recipients::Any));
        for trick in TRICKS
            .iter()
            .chain(&["user@foreign.test", "postmaster@foreign.test", "user@sub.own.test"])
        {
            let to = ForwardPath::Mailbox(trick.parse().unwrap());
            for client in clients() {
                for sender in senders() {
                    let verdict = verdict(&book, client, &sender, &to);
                    assert!(
                        matches!(verdict, Verdict::Refuse(_)),
                        "{sender} to {trick} from {client} on {}: {verdict:?}",
                        role.name()
                    );
                }
            }
        }
    }
}

#[test]
fn not_even_a_grant_for_everybody_takes_a_second_destination_or_a_literal() {
    let mut book = rulebook(Role::Relay);
    let mut copier = grant("copier");
    copier.by = By::Address(nets(&["10.0.0.0/8"]));
    book.grants.push(copier);
    let scan = from("scan@own.test");
    let inside = "10.0.0.1".parse().unwrap();
    for trick in TRICKS {
        let to = ForwardPath::Mailbox(trick.parse().unwrap());
        assert_eq!(
            verdict(&book, inside, &scan, &to),
            Verdict::Refuse(Reason::AddressForm),
            "{trick}"
        );
    }
    let plain = ForwardPath::Mailbox("user@foreign.test".parse().unwrap());
    assert_eq!(verdict(&book, inside, &scan, &plain), Verdict::Accept);
}

#[test]
fn source_routes_double_hosts_spaces_and_nul_are_no_mailboxes_at_all() {
    for text in NO_MAILBOXES {
        assert!(Mailbox::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn our_own_recipients_hear_the_null_sender() {
    let mut book = rulebook(Role::Mx);
    book.routes.push(route("own.test", Recipients::Any));
    let bob = ForwardPath::Mailbox("bob@own.test".parse().unwrap());
    let outside = "203.0.113.5".parse().unwrap();
    assert_eq!(verdict(&book, outside, &ReversePath::Null, &bob), Verdict::Accept);
    assert_eq!(
        verdict(&book, outside, &from("eve@own.test"), &bob),
        Verdict::Refuse(Reason::SenderIsOurs)
    );
}
