//! What a person on the telephone is told: which grant came nearest, and what it lacked.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

use mail::Timestamp;
use policy::{
    Check, Explanation, Fact, Facts, Finding, Grant, GrantState, Live, Reason, Role, Rulebook, Scope, SenderPattern,
    Snapshot, Verdict, decide, explain,
};
use proptest::prelude::*;
use world::{BOOK, FACTS, GRANT, NOW, chosen_facts, chosen_rulebook, facts, from, grant, nets, rulebook, snapshot, to};

/// A copier's grant as `change` leaves it, beside the grant of another department.
fn two_grants(change: impl FnOnce(&mut Grant)) -> Snapshot {
    let mut copier = grant("copier");
    change(&mut copier);
    let mut payroll = grant("payroll");
    payroll.senders = vec![SenderPattern::parse("payroll@own.test").unwrap()];
    let book = Rulebook {
        grants: vec![payroll, copier],
        ..rulebook(Role::Relay)
    };
    snapshot(book)
}

/// Explains mail of the logged-in copier from `sender` to `recipient`.
fn copier_sends<'s>(snapshot: &'s Snapshot, sender: &str, recipient: &str) -> Explanation<'s> {
    let (sender, recipient) = (from(sender), to(recipient));
    let facts = Facts {
        login: Fact::Known(Some("copier")),
        ..facts(&sender, &recipient)
    };
    explain(snapshot, &facts)
}

/// The nearest miss as it would be read out: the grant, whether the client showed it, and what is missing.
fn told(explanation: &Explanation<'_>) -> (String, bool, Vec<Check>) {
    let miss = explanation.nearest.as_ref().unwrap();
    (miss.grant.name.to_string(), miss.selected, miss.missing.clone())
}

fn lacks(check: Check) -> (String, bool, Vec<Check>) {
    ("copier".to_owned(), true, vec![check])
}

#[test]
fn an_expired_grant_is_named_as_expired() {
    let snapshot = two_grants(|grant| grant.until = Timestamp(NOW.0 - 1));
    let explanation = copier_sends(&snapshot, "scan@own.test", "bob@foreign.test");
    assert_eq!(explanation.decision.reason, Reason::GrantExpired);
    assert_eq!(told(&explanation), lacks(Check::GrantNotEnded));
}

#[test]
fn a_suspended_grant_is_named_as_suspended() {
    let snapshot = two_grants(|grant| grant.state = GrantState::Suspended("spam".into()));
    let explanation = copier_sends(&snapshot, "scan@own.test", "bob@foreign.test");
    assert_eq!(explanation.decision.reason, Reason::GrantSuspended);
    assert_eq!(told(&explanation), lacks(Check::GrantActive));
}

#[test]
fn a_wrong_sender_is_named_with_the_grant_the_client_showed_though_another_has_that_sender() {
    let snapshot = two_grants(|_| {});
    let explanation = copier_sends(&snapshot, "payroll@own.test", "bob@foreign.test");
    assert_eq!(explanation.decision.reason, Reason::SenderNotGranted);
    let (name, selected, missing) = told(&explanation);
    assert_eq!((&*name, selected, missing[0]), ("copier", true, Check::SenderGranted));
}

#[test]
fn a_wrong_network_is_named() {
    let snapshot = two_grants(|grant| grant.networks = nets(&["192.0.2.0/24"]));
    let explanation = copier_sends(&snapshot, "scan@own.test", "bob@foreign.test");
    assert_eq!(explanation.decision.reason, Reason::NetworkNotGranted);
    assert_eq!(told(&explanation), lacks(Check::GrantNetwork));
}

#[test]
fn a_recipient_outside_of_the_scope_is_named() {
    let snapshot = two_grants(|grant| grant.scope = Scope::Internal);
    let explanation = copier_sends(&snapshot, "scan@own.test", "bob@foreign.test");
    assert_eq!(explanation.decision.reason, Reason::RecipientOutsideScope);
    assert_eq!(told(&explanation), lacks(Check::RecipientInScope));
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let snapshot = two_grants(|grant| {
        grant.until = Timestamp(NOW.0 - 1);
        grant.scope = Scope::Internal;
    });
    let explanation = copier_sends(&snapshot, "scan@own.test", "bob@foreign.test");
    let (_, _, missing) = told(&explanation);
    assert_eq!(missing, [Check::GrantNotEnded, Check::RecipientInScope]);
}

#[test]
fn a_device_that_did_not_log_in_is_shown_the_grant_it_should_have_shown() {
    let snapshot = two_grants(|_| {});
    let (sender, recipient) = (from("scan@own.test"), to("bob@foreign.test"));
    let explanation = explain(&snapshot, &facts(&sender, &recipient));
    assert_eq!(explanation.decision.reason, Reason::NoGrant);
    assert_eq!(told(&explanation), ("copier".to_owned(), false, vec![]));
}

#[test]
fn without_any_grant_of_that_sender_no_grant_is_named() {
    let snapshot = two_grants(|_| {});
    let (sender, recipient) = (from("eve@own.test"), to("bob@foreign.test"));
    let explanation = explain(&snapshot, &facts(&sender, &recipient));
    assert_eq!(explanation.decision.verdict, Verdict::Refuse(Reason::NoGrant));
    assert_eq!(explanation.nearest, None);
}

#[test]
fn what_is_accepted_has_no_nearest_miss_and_its_path_ends_well() {
    let snapshot = two_grants(|_| {});
    let explanation = copier_sends(&snapshot, "scan@own.test", "bob@foreign.test");
    assert_eq!(explanation.decision.verdict, Verdict::Accept);
    assert_eq!(explanation.nearest, None);
    assert!(explanation.steps.iter().all(|step| step.finding == Finding::Pass));
    let checks: Vec<Check> = explanation.steps.iter().map(|step| step.check).collect();
    for check in [
        Check::Login,
        Check::GrantActive,
        Check::SenderGranted,
        Check::RecipientInScope,
        Check::Usage,
    ] {
        assert!(checks.contains(&check), "{check:?}");
    }
}

#[test]
fn the_path_of_a_refusal_ends_with_what_refused() {
    let snapshot = two_grants(|grant| grant.scope = Scope::Internal);
    let explanation = copier_sends(&snapshot, "scan@own.test", "bob@foreign.test");
    let last = explanation.steps.last().unwrap();
    assert_eq!(last.check, Check::RecipientInScope);
    assert_eq!(
        last.finding,
        Finding::Stop(explanation.decision.verdict, explanation.decision.reason)
    );
}

fn choices<const N: usize>(sizes: [usize; N]) -> impl Strategy<Value = [usize; N]> {
    prop::array::uniform::<_, N>(any::<prop::sample::Index>())
        .prop_map(move |picks| std::array::from_fn(|at| picks[at].index(sizes[at])))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn explaining_never_changes_the_decision(
        book in choices(BOOK),
        grant in choices(GRANT),
        facts in choices(FACTS),
    ) {
        let snapshot = snapshot(chosen_rulebook(book, &[grant]));
        let facts = chosen_facts(facts);
        let explanation = explain(&snapshot, &facts);
        prop_assert_eq!(explanation.decision, decide(&snapshot, &mut Live::new(&facts)));
        prop_assert_eq!(explanation.nearest.is_some() && explanation.decision.verdict.accepts(), false);
    }
}
