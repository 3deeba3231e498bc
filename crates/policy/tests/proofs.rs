//! What is proven of a sound configuration, and what is found in each of many that are not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "house/mod.rs"]
mod house;

use house::{
    DAY, WRITTEN, always, assertion, book, copier, domains, grant, nets, never_from, route, senders, snapshot,
};
use mail::{Host, Timestamp};
use policy::prove::{Breach, Proof, Severity, prove, prove_change};
use policy::{
    AsWhom, Assertion, By, CertificateId, Class, Door, GrantState, Live, Must, Role, Rulebook, Scope, Snapshot, ToWhom,
    Ungranted, Who, decide,
};

/// The first breach of a property of a spoiled configuration; its counterexample is what live judgement does.
fn breach_of(id: &str, spoil: impl FnOnce(&mut Rulebook)) -> Breach {
    let mut book = book();
    spoil(&mut book);
    let snapshot = snapshot(book);
    let proof = prove(&snapshot, None);
    let judged = proof.broken().find(|judged| judged.property.id == id);
    let Some(judged) = judged else {
        panic!(
            "{id} is not broken; broken are {:#?}",
            proof.broken().collect::<Vec<_>>()
        );
    };
    let blocks = judged.property.severity == Severity::Blocking;
    assert_eq!(blocks, !proof.may_serve() && blocks);
    told(&snapshot, &proof);
    judged.breaches[0].clone()
}

/// Live judgement says of each counterexample what the story says.
fn told(snapshot: &Snapshot, proof: &Proof) {
    for breach in proof.broken().flat_map(|judged| &judged.breaches) {
        assert!(!breach.because.is_empty() && !breach.remedy.is_empty());
        if let Some(story) = &breach.story {
            assert_eq!(decide(snapshot, &mut Live::new(&story.witness.facts())), story.decision);
        }
    }
}

/// As `breach_of`, where a message shows it and is accepted.
fn accepted(id: &str, spoil: impl FnOnce(&mut Rulebook)) -> String {
    let breach = breach_of(id, spoil);
    let story = breach
        .story
        .as_ref()
        .unwrap_or_else(|| panic!("{id} without a story: {breach:?}"));
    assert!(story.decision.verdict.accepts() && story.decision.complete, "{breach}");
    breach.to_string()
}

fn exceptions(book: &mut Rulebook, networks: &[&str]) {
    book.grants[1].by = By::Address(nets(networks));
}

#[test]
fn everything_is_proven_of_a_sound_configuration() {
    let snapshot = snapshot(book());
    let proof = prove(&snapshot, Some(WRITTEN));
    assert_eq!(proof.broken().collect::<Vec<_>>(), Vec::<&policy::prove::Judged>::new());
    assert!(proof.may_serve() && proof.cells > 100, "{}", proof.cells);
}

#[test]
fn exceptions_stand_inside_hide_nobody_and_stay_put() {
    let text = accepted("exceptions-inside", |book| exceptions(book, &["198.51.100.4/32"]));
    assert!(
        text.contains("198.51.100.4, listener ") && text.contains("accepted by grant copier"),
        "{text}"
    );
    accepted("exceptions-inside", |book| {
        book.organisation.networks.clear();
    });
    let text = accepted("exceptions-name-machines", |book| exceptions(book, &["10.255.3.14/32"]));
    assert!(text.contains("never_a_client"), "{text}");
    // A proxy in the middle of an exception is enough.
    accepted("exceptions-name-machines", |book| {
        book.organisation.never_a_client = nets(&["10.20.3.20/32"]);
        exceptions(book, &["10.20.3.16/28"]);
    });
    accepted("exceptions-stay-put", |book| exceptions(book, &["10.77.1.1/32"]));
}

#[test]
fn exceptions_are_narrow_and_end_in_time() {
    let text = accepted("exceptions-narrow", |book| exceptions(book, &["10.20.0.0/16"]));
    assert!(text.contains("a /28"), "{text}");
    accepted("exceptions-narrow", |book| exceptions(book, &["2001:db8:1::/56"]));
    let text = accepted("ends-in-time", |book| {
        book.grants[1].until = Timestamp(WRITTEN.0 + 3650 * DAY)
    });
    assert!(text.contains("367 days"), "{text}");
    accepted("ends-in-time", |book| {
        book.grants[0].until = Timestamp(WRITTEN.0 + 800 * DAY)
    });
    accepted("ends-in-time", |book| book.intent.bounds.written = None);
    breach_of("ends-in-time", |book| {
        book.forwards[0].until = Timestamp(WRITTEN.0 + 400 * DAY)
    });
    // A beginning that is declared counts, so a grant for next year may be prepared.
    let mut later = book();
    later.grants[1].from_time = Timestamp(WRITTEN.0 + 365 * DAY);
    later.grants[1].until = Timestamp(WRITTEN.0 + 700 * DAY);
    assert!(prove(&snapshot(later), None).may_serve());
}

#[test]
fn networks_are_written_as_what_they_are() {
    let text = accepted("networks-as-they-are", |book| {
        exceptions(book, &["::ffff:10.20.3.14/128"])
    });
    assert!(
        text.contains("write 10.20.3.14/32") && text.contains("10.20.3.14, listener"),
        "{text}"
    );
    breach_of("networks-as-they-are", |book| {
        book.organisation.never_a_client = nets(&["::ffff:10.255.0.0/112"]);
    });
    breach_of("networks-as-they-are", |book| {
        book.zones[0].networks = nets(&["::ffff:10.20.0.0/112"])
    });
}

#[test]
fn grants_send_as_our_own_domains_and_no_wider_than_their_owner() {
    accepted("senders-are-ours", |book| {
        book.grants[0].senders = senders(&["billing@other.test"])
    });
    accepted("senders-are-ours", |book| {
        book.organisation.domains = domains(&["own.test"]);
        book.grants[1].senders = senders(&["*@*.own.test"]);
    });
    let text = accepted("senders-not-wider", |book| {
        book.grants[1].senders = senders(&["*@*.own.test"])
    });
    assert!(text.contains("its owner is at it@chem.own.test"), "{text}");
    accepted("senders-not-wider", |book| {
        book.grants[1].senders = senders(&["*@own.test"])
    });
    let other = breach_of("senders-of-the-owner", |book| {
        book.grants[1].senders = senders(&["*@phys.own.test"])
    });
    assert_eq!(other.place.line, 50);
    // One address of another department is somebody's decision, and so is the whole of one's own.
    let mut fine = book();
    fine.grants[1].senders = senders(&["scan@phys.own.test", "*@chem.own.test", "*@*.chem.own.test", "<>"]);
    assert!(prove(&snapshot(fine), None).broken().next().is_none());
}

#[test]
fn somebody_answers_for_everything() {
    breach_of("somebody-answers", |book| book.grants[1].owner = "  ".into());
    breach_of("somebody-answers", |book| book.grants[0].reason = String::new());
    breach_of("somebody-answers", |book| book.forwards[0].owner = String::new());
    breach_of("somebody-answers", |book| book.forwards[0].reason = String::new());
}

#[test]
fn two_owners_do_not_share_an_address() {
    let second = |owner: &str| {
        let mut second = grant("second", By::Address(nets(&["10.20.3.0/28"])), 70);
        second.owner = owner.into();
        second
    };
    let text = accepted("exceptions-apart", |book| book.grants.extend([second("Physics")]));
    assert!(!text.is_empty());
    let nested = |book: &mut Rulebook| {
        exceptions(book, &["10.20.3.4/32"]);
        book.grants.push(second("Chemistry"));
    };
    let breach = breach_of("exceptions-nested", nested);
    assert_eq!((breach.place.line, breach.others[0].line), (50, 70));
    let mut both = book();
    nested(&mut both);
    assert!(
        prove(&snapshot(both), None).may_serve(),
        "one owner may nest on purpose"
    );
}

#[test]
fn own_domains_are_declared_routed_and_not_swapped() {
    let text = accepted("front-gate-relays-not", |book| {
        book.routes.push(route("forgotten", "other.test", 38))
    });
    assert!(
        text.contains("to someone@other.test: accepted by route forgotten"),
        "{text}"
    );
    accepted("front-gate-relays-not", |book| {
        book.forwards[0].from = "bob@other.test".parse().unwrap()
    });
    accepted("relay-by-grant", |book| {
        book.routes.push(route("forgotten", "other.test", 38))
    });
    let breach = breach_of("own-domains-have-routes", |book| {
        book.organisation.domains = domains(&["own.test", "*.own.test", "lost.test"])
    });
    assert!(breach.because.contains("lost.test"));
    let nested = breach_of("routes-apart", |book| book.routes.push(route("rest", "*.own.test", 39)));
    assert_eq!(nested.others[0].line, 39);
    let host = |text| Host::parse(text).unwrap();
    let swapped = breach_of("routes-not-swapped", |book| {
        book.intent.destinations[1].1 = host("mail.phys.own.test");
        book.intent.destinations[2].1 = host("mail.chem.own.test");
    });
    assert_eq!((swapped.place.line, swapped.others[0].line), (32, 34));
    breach_of("routes-lead-home", |book| {
        book.intent.destinations[1].1 = host("mail.phys.own.test")
    });
    let mut central = book();
    central.intent.destinations[1].1 = host("mail.own.test");
    assert!(
        prove(&snapshot(central), None).broken().next().is_none(),
        "a parent's server is home"
    );
}

#[test]
fn never_is_broken_by_a_forgotten_grant() {
    let text = accepted("never", |book| book.grants[0].networks.clear());
    assert_eq!(
        text,
        "10.66.0.1, listener submission, TLS, login `erp`, from billing@own.test, to someone@elsewhere.example: \
         accepted by grant erp\nbecause grant erp names no networks (line 41)\nadd `networks = [...]` to the grant, or \
         narrow the assertion, as with `identity = \"none\"`"
    );
    let never = |change: fn(&mut Assertion)| {
        accepted("never", |book| {
            let mut one = assertion(Must::Never, "what must not be");
            change(&mut one);
            book.intent.assertions = vec![one];
        })
    };
    never(|one| one.who = Who::Grant("erp".into()));
    never(|one| one.who = Who::Login("ERP".into()));
    never(|one| {
        one.who = Who::Nobody;
        one.door = Some(Door::Named("devices".into()));
    });
    never(|one| one.door = Some(Door::Role(Role::Relay)));
    never(|one| one.senders = vec![AsWhom::Ours]);
    never(|one| one.recipients = vec![ToWhom::Exactly("bob@own.test".parse().unwrap())]);
    never(|one| {
        one.senders = vec![AsWhom::Null, AsWhom::Outside];
        one.recipients = vec![ToWhom::Ours];
        one.encrypted = Some(false);
    });
}

#[test]
fn never_holds_where_nothing_of_it_is_possible() {
    let holds = |change: &dyn Fn(&mut Assertion)| {
        let mut book = book();
        let mut one = assertion(Must::Never, "what must not be");
        change(&mut one);
        book.intent.assertions = vec![one];
        let proof = prove(&snapshot(book), None);
        assert!(proof.may_serve(), "{:#?}", proof.broken().collect::<Vec<_>>());
    };
    holds(&|one| {
        one.who = Who::Nobody;
        one.recipients = vec![ToWhom::External];
    });
    holds(&|one| {
        one.who = Who::Grant("erp".into());
        one.encrypted = Some(false);
    });
    holds(&|one| {
        one.door = Some(Door::Role(Role::Mx));
        one.senders = vec![AsWhom::Ours];
        one.sources = nets(&["203.0.113.0/24"]);
        one.recipients = vec![ToWhom::Exactly("alice@own.test".parse().unwrap())];
    });
    holds(&|one| {
        one.who = Who::Grant("copier".into());
        one.recipients = vec![ToWhom::External];
    });
    holds(&|one| *one = never_from("10.30.1.0/24"));
}

#[test]
fn always_is_broken_by_whatever_stands_in_the_way() {
    let refused = |spoil: fn(&mut Rulebook)| {
        let breach = breach_of("always", spoil);
        if let Some(story) = &breach.story {
            assert!(!story.decision.verdict.accepts(), "{breach}");
        }
        breach
    };
    assert!(refused(|book| drop(book.routes.remove(0))).because.contains("no route"));
    refused(|book| book.listeners[0].zone = Some("moderate".into()));
    refused(|book| book.listeners[0].name = "front".into());
    refused(|book| book.grants[0].scope = Scope::Internal);
    refused(|book| book.grants[0].networks = nets(&["10.30.0.0/25"]));
    refused(|book| book.grants[0].senders = senders(&["other@own.test"]));
    refused(|book| drop(book.grants.remove(0)));
    refused(|book| {
        book.intent.assertions = vec![Assertion {
            sources: nets(&["10.66.0.0/16"]),
            recipients: vec![ToWhom::External],
            ..assertion(Must::Always, "guests send outside")
        }];
    });
    // A suspension or an end is no breach: neither is for the file to say.
    let mut paused = book();
    paused.grants[0].until = Timestamp(WRITTEN.0 + DAY);
    paused.forwards[0].until = Timestamp(0);
    assert!(prove(&snapshot(paused), None).may_serve());
}

#[test]
fn what_is_dead_or_out_of_date_is_told_and_blocks_nothing() {
    let told = |spoil: fn(&mut Rulebook), id: &str, now| {
        let mut book = book();
        spoil(&mut book);
        book.intent.assertions.clear();
        let proof = prove(&snapshot(book), Some(now));
        assert!(proof.may_serve());
        assert!(
            proof.broken().any(|judged| judged.property.id == id),
            "{:#?}",
            proof.broken().collect::<Vec<_>>()
        );
    };
    told(
        |book| book.grants[0].zone = Some("moderate".into()),
        "grants-alive",
        WRITTEN,
    );
    told(
        |book| book.grants[1].listeners = vec!["submission".into()],
        "grants-alive",
        WRITTEN,
    );
    told(|book| book.grants[1].senders = Vec::new(), "grants-alive", WRITTEN);
    told(|_| {}, "everything-in-force", Timestamp(WRITTEN.0 + 301 * DAY));
    told(
        |book| book.grants[1].state = GrantState::Suspended("spam".into()),
        "everything-in-force",
        WRITTEN,
    );
    told(
        |book| book.grants[1].from_time = Timestamp(WRITTEN.0 + DAY),
        "everything-in-force",
        WRITTEN,
    );
}

#[test]
fn what_may_serve_does_not_depend_on_the_present_moment() {
    for spoil in [
        |_: &mut Rulebook| {},
        |book: &mut Rulebook| exceptions(book, &["10.20.0.0/16"]),
    ] {
        let mut book = book();
        spoil(&mut book);
        let snapshot = snapshot(book);
        let first = prove(&snapshot, None).may_serve();
        for years in [0, 1, 30] {
            let now = Timestamp(WRITTEN.0 + years * 365 * DAY);
            assert_eq!(prove(&snapshot, Some(now)).may_serve(), first);
        }
    }
}

#[test]
fn a_change_is_proven_by_looking_at_what_it_touches() {
    let former = snapshot(book());
    let mut book = book();
    book.grants.extend((0..50u8).map(|number| {
        let network = format!("10.20.4.{number}/32");
        grant(&format!("c{number}"), By::Address(nets(&[&network])), 100)
    }));
    let many = snapshot(book.clone());
    let whole = prove(&many, None);
    let mut changed = book.clone();
    changed.grants[7].scope = Scope::Any;
    changed.grants[9].place.line = 4;
    changed.intent = book.intent.clone();
    let part = prove_change(&many, &snapshot(changed.clone()), None).unwrap();
    assert!(
        part.partial && part.cells * 4 < whole.cells,
        "{} of {}",
        part.cells,
        whole.cells
    );
    assert!(part.may_serve());
    // Breaches of the changed grant are found, and so are those that its going uncovers.
    changed.intent.assertions.push(Assertion {
        sources: nets(&["10.20.4.4/32"]),
        ..never_from("10.20.4.4/32")
    });
    let mut before = book.clone();
    before.intent = changed.intent.clone();
    assert!(prove(&snapshot(before.clone()), None).may_serve());
    let part = prove_change(&snapshot(before.clone()), &snapshot(changed.clone()), None).unwrap();
    assert!(!part.may_serve(), "grant c4 sends anywhere now");
    let outer = |book: &mut Rulebook| {
        let mut outer = copier();
        outer.name = "farm".into();
        outer.by = By::Address(nets(&["10.20.4.0/28"]));
        outer.scope = Scope::Any;
        book.grants.push(outer);
    };
    outer(&mut before);
    let with_outer = snapshot(before.clone());
    assert!(prove(&with_outer, None).may_serve(), "the narrower one is selected");
    before.grants.remove(7);
    let part = prove_change(&with_outer, &snapshot(before), None).unwrap();
    assert!(!part.may_serve(), "what it had displaced is selected now");
    // Whatever else changes is proven as a whole.
    assert!(prove_change(&former, &many, None).is_some());
    let mut other = book;
    other.listeners[3].ungranted = Ungranted::InternalOnly;
    other.intent.assertions.push(always());
    assert!(prove_change(&many, &snapshot(other), None).is_none());
}

#[test]
fn bounds_can_be_set_by_class() {
    let mut wide = book();
    exceptions(&mut wide, &["10.20.3.0/24"]);
    assert!(!prove(&snapshot(wide.clone()), None).may_serve());
    wide.intent.bounds.widest = vec![(Class::Device, 24, 64)];
    assert!(prove(&snapshot(wide.clone()), None).may_serve());
    wide.intent.bounds.longest_exception = Some(90);
    assert!(!prove(&snapshot(wide), None).may_serve());
}

#[test]
fn senders_of_others_may_be_meant() {
    let mut foreign = book();
    foreign.grants[0].senders = senders(&["billing@partner.example"]);
    foreign.intent.assertions.pop();
    assert!(!prove(&snapshot(foreign.clone()), None).may_serve());
    foreign.intent.foreign_senders = vec!["erp".into()];
    assert!(prove(&snapshot(foreign), None).may_serve());
}

#[test]
fn a_later_file_is_proven_on_top_of_an_earlier_one_and_not_the_other_way_round() {
    let at = |day: i64| {
        let mut book = book();
        book.intent.bounds.written = Some(Timestamp(WRITTEN.0 + day * DAY));
        snapshot(book)
    };
    let part = prove_change(&at(0), &at(7), None).unwrap();
    assert!(part.partial && part.may_serve());
    assert!(
        prove_change(&at(7), &at(0), None).is_none(),
        "its ends may be too far away by now"
    );
}

#[test]
fn ten_times_the_grants_are_not_much_more_than_ten_times_the_cells() {
    let cells = |count: u32| {
        let mut book = book();
        book.grants.extend((0..count).map(|number| {
            let by = match number % 3 {
                0 => By::Login(format!("login{number}").as_str().into()),
                1 => By::Certificate(vec![CertificateId::Key([u8::try_from(number).unwrap() + 100; 32])]),
                _ => By::Address(nets(&[&format!("10.21.0.{number}/32")])),
            };
            grant(&format!("g{number}"), by, 100)
        }));
        prove(&snapshot(book), None).cells
    };
    let (few, many) = (cells(6), cells(60) - cells(6));
    assert!(many < 10 * few, "{few}, then {many} more");
}
