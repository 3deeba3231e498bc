//! What the reader of live traffic answers, comparison by comparison, and what it digests.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

use std::collections::BTreeSet;

use mail::{DomainPattern, ForwardPath};
use policy::{
    CertificateId, ContentClass, Decision, Fact, FactDigest, Facts, FromHeader, Ground, Live, Reader, Reason,
    Recipients, Role, Standing, Ungranted, Usage, Verdict, decide, digest,
};
use world::{NOW, facts, forward, from, route, rulebook, snapshot, to};

fn domains(texts: &[&str]) -> Vec<DomainPattern> {
    texts.iter().map(|text| DomainPattern::parse(text).unwrap()).collect()
}

#[test]
fn a_recipient_is_in_a_scope_where_one_of_its_domains_is_theirs() {
    let sender = from("scan@own.test");
    let matches = |to: &ForwardPath, texts: &[&str]| Live::new(&facts(&sender, to)).recipient_matches(&domains(texts));
    let bob = to("bob@foreign.test");
    assert_eq!(matches(&bob, &["other.test", "foreign.test"]), Fact::Known(true));
    assert_eq!(matches(&bob, &["other.test"]), Fact::Known(false));
    assert_eq!(matches(&bob, &[]), Fact::Known(false));
    assert_eq!(
        matches(&to("bob@[192.0.2.1]"), &["foreign.test"]),
        Fact::Known(false),
        "a literal has no domain"
    );
    assert_eq!(matches(&ForwardPath::Postmaster, &["foreign.test"]), Fact::Known(false));
}

#[test]
fn a_listed_recipient_exists_whatever_its_case_and_another_does_not() {
    let sender = from("scan@own.test");
    let listed = route(
        "own.test",
        Recipients::Listed(vec!["anna@own.test".parse().unwrap(), "bert@own.test".parse().unwrap()]),
    );
    let exists = |to: &ForwardPath, by: &policy::Route| Live::new(&facts(&sender, to)).recipient_exists(by);
    assert_eq!(exists(&to("anna@own.test"), &listed), Fact::Known(true));
    assert_eq!(exists(&to("BERT@own.test"), &listed), Fact::Known(true));
    assert_eq!(exists(&to("carl@own.test"), &listed), Fact::Known(false));
    assert_eq!(exists(&to("anna@other.test"), &listed), Fact::Known(false));
    assert_eq!(exists(&ForwardPath::Postmaster, &listed), Fact::Known(true));
    let any = route("own.test", Recipients::Any);
    let asked = route("own.test", Recipients::Asked);
    let unknown = to("anna@own.test");
    let mut without = facts(&sender, &unknown);
    without.exists = Fact::Unknown;
    assert_eq!(Live::new(&without).recipient_exists(&any), Fact::Known(true));
    assert_eq!(Live::new(&without).recipient_exists(&asked), Fact::Unknown);
}

#[test]
fn a_literal_is_in_no_domain_of_ours_and_the_bare_postmaster_is() {
    let sender = from("scan@own.test");
    let own = snapshot(rulebook(Role::Mx));
    let book = decide_on(&own, &facts(&sender, &ForwardPath::Postmaster));
    assert_eq!((book.verdict, book.reason), (Verdict::Accept, Reason::RoleAddress));
    let literal = decide_on(&own, &facts(&sender, &to("postmaster@[192.0.2.1]")));
    assert_eq!(literal.verdict, Verdict::Refuse(Reason::AddressForm));
}

fn decide_on(snapshot: &policy::Snapshot, facts: &Facts<'_>) -> Decision {
    decide(snapshot, &mut Live::new(facts))
}

#[test]
fn what_is_refused_beside_others_that_are_accepted_is_set_aside_and_never_delivered_by_itself() {
    let mut book = rulebook(Role::Mx);
    book.routes = vec![route("own.test", Recipients::Any)];
    let own = snapshot(book);
    let (sender, recipient) = (from("alice@foreign.test"), to("anna@own.test"));
    let mut looping = facts(&sender, &recipient);
    looping.hops = Fact::Known(1000);
    let refused = decide_on(&own, &looping);
    assert_eq!(refused.verdict, Verdict::Refuse(Reason::MailLoop));
    let permit = refused.permit_aside(&own, FactDigest(1)).unwrap();
    assert_eq!(*permit.standing(), Standing::Quarantined(Reason::MailLoop));
    assert!(refused.permit(&own, FactDigest(1)).is_none());
    let accepted = decide_on(&own, &facts(&sender, &recipient));
    assert!(matches!(accepted.ground, Some(Ground::Route(Some(0)))));
    assert!(accepted.permit_aside(&own, FactDigest(1)).is_none());
    assert_eq!(
        *accepted.permit(&own, FactDigest(1)).unwrap().standing(),
        Standing::Ready
    );
}

#[test]
fn what_a_forward_takes_what_nobody_can_verify_and_what_is_not_named_yet_have_their_own_reasons() {
    let sender = from("alice@foreign.test");
    let mut book = rulebook(Role::Mx);
    book.routes = vec![route("own.test", Recipients::Asked)];
    book.forwards = vec![forward(NOW)];
    let front = snapshot(book);
    let forwarded = decide_on(&front, &facts(&sender, &to("fwd@own.test")));
    assert_eq!(
        (forwarded.verdict, forwarded.reason),
        (Verdict::Accept, Reason::ForwardTakes)
    );
    let anna = to("anna@own.test");
    let mut unknown = facts(&sender, &anna);
    unknown.exists = Fact::Unknown;
    let deferred = decide_on(&front, &unknown);
    assert_eq!(deferred.verdict, Verdict::Defer(Reason::RecipientUnverifiable));
    assert_eq!(deferred.reason, Reason::RecipientUnverifiable);

    let mut book = rulebook(Role::Relay);
    book.listeners[0].ungranted = Ungranted::InternalOnly;
    let inside = from("scan@own.test");
    let mut unnamed = facts(&inside, &anna);
    unnamed.recipient = Fact::NotYet;
    let so_far = decide_on(&snapshot(book), &unnamed);
    assert_eq!(
        (so_far.verdict, so_far.reason, so_far.complete),
        (Verdict::Accept, Reason::RouteTakes, false)
    );
}

#[test]
fn every_fact_counts_in_the_digest() {
    let (sender, other) = (from("scan@own.test"), from("boss@own.test"));
    let (recipient, another) = (to("anna@own.test"), to("bert@own.test"));
    let plain = facts(&sender, &recipient);
    let changed: [fn(&mut Facts<'_>); 15] = [
        |facts| facts.listener = 1,
        |facts| facts.client = Fact::Known("10.0.0.2".parse().unwrap()),
        |facts| facts.encrypted = Fact::Known(false),
        |facts| facts.login = Fact::Known(Some("copier")),
        |facts| facts.certificate = Fact::Known(&[CertificateId::Key([7; 32])]),
        |facts| facts.now = NOW.plus(std::time::Duration::from_secs(1)),
        |facts| facts.exists = Fact::Known(false),
        |facts| facts.octets = Fact::Known(2),
        |facts| facts.hops = Fact::Known(1),
        |facts| facts.usage = Fact::Known(Usage::Soft),
        |facts| facts.masked = Fact::Known(true),
        |facts| facts.content = Fact::Known(ContentClass::Quarantine),
        |facts| facts.from = Fact::Known(FromHeader::Missing),
        |facts| facts.from = Fact::Known(FromHeader::Malformed),
        |facts| facts.from = Fact::Unknown,
    ];
    let mut digests = BTreeSet::from([digest(&plain).0]);
    for change in changed {
        let mut facts = plain.clone();
        change(&mut facts);
        assert!(digests.insert(digest(&facts).0), "{facts:?}");
    }
    let not_yet = Facts {
        from: Fact::NotYet,
        ..plain.clone()
    };
    let from_other = Facts {
        sender: Fact::Known(&other),
        ..plain.clone()
    };
    let to_another = Facts {
        recipient: Fact::Known(&another),
        ..plain.clone()
    };
    for facts in [not_yet, from_other, to_another] {
        assert!(digests.insert(digest(&facts).0), "{facts:?}");
    }
    assert_eq!(digest(&plain), digest(&plain.clone()));
}
