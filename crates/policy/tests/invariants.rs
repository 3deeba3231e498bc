//! What holds for every rulebook, by name.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "world/mod.rs"]
mod world;

use mail::{ForwardPath, Mailbox};
use policy::{
    By, Decision, Fact, Facts, Generation, GrantState, Ground, Live, Reason, Role, Rulebook, Scope, Snapshot, Verdict,
    contains, decide, digest,
};
use proptest::prelude::*;
use world::{BOOK, FACTS, GRANT, NOW, chosen_facts, chosen_rulebook};

/// Places of the lists in a choice of facts.
const LISTS: [(&str, usize); 13] = [
    ("client", 0),
    ("encrypted", 1),
    ("login", 2),
    ("pin", 3),
    ("sender", 4),
    ("recipient", 5),
    ("exists", 6),
    ("from", 7),
    ("octets", 8),
    ("hops", 9),
    ("usage", 10),
    ("masked", 11),
    ("content", 12),
];

fn choices<const N: usize>(sizes: [usize; N]) -> impl Strategy<Value = [usize; N]> {
    // The plain choice half of the time, or hardly any world would accept anything.
    let list = prop_oneof![Just(None), any::<prop::sample::Index>().prop_map(Some)];
    prop::array::uniform::<_, N>(list)
        .prop_map(move |picks| std::array::from_fn(|at| picks[at].map_or(0, |pick| pick.index(sizes[at]))))
}

fn rulebooks() -> impl Strategy<Value = Rulebook> {
    (choices(BOOK), prop::collection::vec(choices(GRANT), 0..=4)).prop_map(|(book, grants)| {
        let mut rulebook = chosen_rulebook(book, &grants);
        // Two grants for one client are no rulebook; the first stays.
        while build(&rulebook).is_none() {
            rulebook.grants.pop();
        }
        rulebook
    })
}

fn build(rulebook: &Rulebook) -> Option<Snapshot> {
    Snapshot::build(rulebook.clone(), Generation(1), 1).ok()
}

fn judge(snapshot: &Snapshot, facts: &Facts<'_>) -> Decision {
    decide(snapshot, &mut Live::new(facts))
}

fn recipient<'a>(facts: &Facts<'a>) -> Option<&'a ForwardPath> {
    match facts.recipient {
        Fact::Known(path) => Some(path),
        _ => None,
    }
}

fn is_foreign(path: &ForwardPath) -> bool {
    path.mailbox()
        .is_some_and(|mailbox| !mailbox.host().to_string().ends_with("own.test"))
}

/// How far a verdict goes. What is held and what is set aside both leave only on a new decision.
fn permissive(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Accept => 2,
        Verdict::Hold(_) | Verdict::Quarantine(_) => 1,
        Verdict::Defer(_) | Verdict::Refuse(_) => 0,
    }
}

fn with(mut choice: [usize; 13], list: usize, value: usize) -> Facts<'static> {
    choice[list] = value;
    chosen_facts(choice)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_reason_is_that_of_the_verdict_and_of_an_acceptance_that_of_its_ground(book in rulebooks(), choice in choices(FACTS)) {
        let snapshot = build(&book).unwrap();
        let facts = chosen_facts(choice);
        let decision = judge(&snapshot, &facts);
        let is_role = || recipient(&facts).is_some_and(|path| path.mailbox().is_none_or(|mailbox| {
            mailbox.local().is("postmaster") || mailbox.local().is("abuse")
        }));
        let expected = match decision.verdict {
            Verdict::Hold(why) | Verdict::Quarantine(why) | Verdict::Defer(why) | Verdict::Refuse(why) => why,
            Verdict::Accept => match decision.ground {
                Some(Ground::Grant(_)) => Reason::GrantAllows,
                Some(Ground::Forward(_)) => Reason::ForwardTakes,
                Some(Ground::Route(_)) if is_role() && book.listeners[0].role == Role::Mx => Reason::RoleAddress,
                Some(Ground::Route(_)) => Reason::RouteTakes,
                // Not enough is known to say on what it will stand.
                None if book.listeners[0].role == Role::Mx => Reason::RouteTakes,
                None => {
                    prop_assert!(matches!(decision.reason, Reason::GrantAllows | Reason::RouteTakes));
                    decision.reason
                }
            },
        };
        prop_assert_eq!(decision.reason, expected);
    }

    #[test]
    fn nobody_relays_to_a_foreign_domain_without_a_live_grant(book in rulebooks(), choice in choices(FACTS)) {
        let snapshot = build(&book).unwrap();
        let facts = chosen_facts(choice);
        let decision = judge(&snapshot, &facts);
        let accepted = decision.verdict.accepts() && decision.complete;
        if accepted && recipient(&facts).is_some_and(is_foreign) {
            let Some(Ground::Grant(index)) = decision.ground else {
                return Err(TestCaseError::fail(format!("relayed without a grant: {decision:?}")));
            };
            let grant = &book.grants[index as usize];
            prop_assert_eq!(&grant.state, &GrantState::Active);
            prop_assert!(grant.from_time <= NOW && NOW <= grant.until);
        }
    }

    #[test]
    fn a_grant_sends_only_as_its_senders_from_its_networks_to_its_scope(book in rulebooks(), choice in choices(FACTS)) {
        let snapshot = build(&book).unwrap();
        let facts = chosen_facts(choice);
        let decision = judge(&snapshot, &facts);
        if let (true, true, Some(Ground::Grant(index))) = (decision.verdict.accepts(), decision.complete, decision.ground) {
            let grant = &book.grants[index as usize];
            let (Fact::Known(sender), Some(to)) = (facts.sender, recipient(&facts)) else {
                return Err(TestCaseError::fail("complete, and sender or recipient are not known"));
            };
            prop_assert!(grant.senders.iter().any(|pattern| pattern.matches_path(sender)));
            let within = |networks: &[_]| matches!(facts.client, Fact::Known(client) if contains(networks, client));
            prop_assert!(grant.networks.is_empty() || within(&grant.networks));
            if let By::Address(networks) = &grant.by {
                prop_assert!(within(networks));
            }
            if let Some(name) = &grant.zone {
                prop_assert!(book.zones.iter().any(|zone| zone.name == *name && within(&zone.networks)));
            }
            prop_assert!(grant.listeners.is_empty() || grant.listeners.contains(&book.listeners[0].name));
            let named = match &grant.scope {
                Scope::Any => true,
                Scope::Internal => false,
                Scope::Domains(domains) => to
                    .mailbox()
                    .and_then(Mailbox::domain)
                    .is_some_and(|domain| domains.iter().any(|one| one.matches(domain))),
            };
            prop_assert!(named || !is_foreign(to));
        }
    }

    #[test]
    fn the_front_gate_never_relays_whatever_the_login_says(book in rulebooks(), choice in choices(FACTS)) {
        let mut book = book;
        book.listeners[0].role = Role::Mx;
        let snapshot = build(&book).unwrap();
        let first = judge(&snapshot, &chosen_facts(choice));
        if first.verdict.accepts() && first.complete {
            let ours = matches!(first.ground, Some(Ground::Route(_) | Ground::Forward(_)));
            prop_assert!(ours, "{:?}", first.ground);
            prop_assert!(!is_foreign(recipient(&chosen_facts(choice)).unwrap()));
        }
        for list in [2, 3] {
            for value in 0..FACTS[list] {
                prop_assert_eq!(judge(&snapshot, &with(choice, list, value)), first);
            }
        }
    }

    #[test]
    fn authentication_in_clear_is_worth_nothing(book in rulebooks(), choice in choices(FACTS)) {
        let snapshot = build(&book).unwrap();
        let mut facts = chosen_facts(choice);
        facts.encrypted = Fact::Known(false);
        let decision = judge(&snapshot, &facts);
        if let Some(Ground::Grant(index)) = decision.ground
            && decision.verdict.accepts()
        {
            prop_assert!(matches!(book.grants[index as usize].by, By::Address(_)), "{:?}", decision);
        }
        if book.listeners[0].role != Role::Mx && matches!(facts.login, Fact::Known(Some(_))) {
            prop_assert!(!decision.verdict.accepts(), "a login does not fall back on the address either");
        }
    }

    #[test]
    fn unknown_authority_is_never_more_permissive_than_the_strictest_known(
        book in rulebooks(),
        choice in choices(FACTS),
    ) {
        let snapshot = build(&book).unwrap();
        // Hops and content are suspicion: there Unknown is no evidence.
        for (name, list) in LISTS.into_iter().filter(|(name, _)| !["hops", "content"].contains(name)) {
            let unknown = judge(&snapshot, &with(choice, list, FACTS[list] - 2)).verdict;
            let strictest = (0..FACTS[list] - 2).map(|value| permissive(judge(&snapshot, &with(choice, list, value)).verdict));
            prop_assert!(permissive(unknown) <= strictest.min().unwrap(), "{name}: {unknown:?}");
        }
    }

    #[test]
    fn what_is_refused_early_would_be_refused_whatever_came_later(book in rulebooks(), choice in choices(FACTS)) {
        let snapshot = build(&book).unwrap();
        for (name, list) in LISTS {
            let early = judge(&snapshot, &with(choice, list, FACTS[list] - 1));
            if early.verdict.accepts() {
                continue;
            }
            for value in 0..FACTS[list] - 1 {
                let late = judge(&snapshot, &with(choice, list, value));
                prop_assert!(!late.verdict.accepts(), "{name} {value}: {early:?}, then {late:?}");
            }
        }
    }

    #[test]
    fn permits_exist_only_for_accepting_and_complete_decisions(book in rulebooks(), choice in choices(FACTS)) {
        let facts = chosen_facts(choice);
        let snapshot = build(&book).unwrap();
        let decision = judge(&snapshot, &facts);
        let permit = decision.permit(&snapshot, digest(&facts));
        prop_assert_eq!(permit.is_some(), decision.verdict.accepts() && decision.complete);
        let aside = decision.permit_aside(&snapshot, digest(&facts));
        if let Some(aside) = aside {
            prop_assert!(!decision.verdict.accepts() && decision.complete);
            prop_assert!(matches!(aside.standing(), policy::Standing::Quarantined(_)));
        }
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps(book in rulebooks(), choice in choices(FACTS)) {
        let snapshot = build(&book).unwrap();
        prop_assert_eq!(judge(&snapshot, &with(choice, 0, 0)), judge(&snapshot, &with(choice, 0, 1)));
    }

    #[test]
    fn a_rulebook_without_grants_relays_for_nobody(book in rulebooks(), choice in choices(FACTS)) {
        let mut book = book;
        book.grants.clear();
        for role in [Role::Relay, Role::Mx, Role::Submission, Role::Submissions] {
            book.listeners[0].role = role;
            let snapshot = build(&book).unwrap();
            for client in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "192.0.2.1", "2001:db8::1"] {
                let mut facts = chosen_facts(choice);
                facts.client = Fact::Known(client.parse().unwrap());
                let decision = judge(&snapshot, &facts);
                if recipient(&facts).is_some_and(is_foreign) && decision.complete {
                    prop_assert!(!decision.verdict.accepts(), "{client} on {}: {decision:?}", role.name());
                }
            }
        }
    }

    #[test]
    fn role_addresses_of_own_domains_are_reachable_for_everybody(book in rulebooks(), choice in choices(FACTS)) {
        let mut book = book;
        book.listeners[0].role = Role::Mx;
        book.listeners[0].zone = None;
        let snapshot = build(&book).unwrap();
        for value in [6, 7, 8] {
            let mut facts = with(choice, 5, value);
            facts.hops = Fact::Known(100);
            let decision = judge(&snapshot, &facts);
            prop_assert_eq!(decision.verdict, Verdict::Accept, "{:?}", facts.recipient);
            prop_assert!(decision.complete && matches!(decision.ground, Some(Ground::Route(_))));
        }
    }
}

#[test]
fn the_worlds_of_these_tests_do_accept_mail() {
    let facts = chosen_facts({
        let mut choice = [0; 13];
        choice[2] = 1;
        choice
    });
    assert_eq!(
        judge(&build(&chosen_rulebook([0; 4], &[[0; 6]])).unwrap(), &facts).verdict,
        Verdict::Accept
    );
}
