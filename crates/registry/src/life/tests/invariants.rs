//! What holds for every life, however it goes.

use proptest::prelude::*;

use super::*;

/// Something that is tried, after how many hours.
#[derive(Clone, Debug)]
struct Try {
    hours: u32,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// Whatever it is.
    Any(Actor, Event),
    /// One of those things that lead on from where the life stands.
    Usual(usize),
}

impl Try {
    fn of(&self, case: &Case, now: Timestamp) -> (Actor, Event) {
        match &self.what {
            What::Any(actor, event) => (actor.clone(), event.clone()),
            What::Usual(which) => {
                let mut usual = usual(case, now);
                usual.swap_remove(which % usual.len())
            }
        }
    }
}

/// What people and rules usually do with a case, so that random lives go far.
fn usual(case: &Case, now: Timestamp) -> Vec<(Actor, Event)> {
    let until = now.plus(days(90));
    let sign = Event::Acknowledge(Signature {
        request: case.request,
        ..signature()
    });
    let decide = || Event::Decide {
        risk: Risk::High,
        controls: said("pins"),
        until,
    };
    let rule = || Actor::rule("a-rule");
    match case.state {
        State::Draft if case.unreviewed => vec![(admin(), Event::Import { until, recipe: false })],
        State::Draft => vec![(ann(), Event::Submit)],
        State::Submitted => vec![(
            admin(),
            Event::Complete {
                until: now.plus(days(366)),
            },
        )],
        State::NeedsInformation => vec![(ann(), Event::Answer { request: case.request })],
        State::AwaitingHeadAck => vec![(dean(), sign)],
        State::SecurityReview => vec![(officer(), decide())],
        State::Approved | State::WaitingNetwork => vec![(rule(), Event::Checked { red: Vec::new() })],
        State::IdleWarned => vec![(rule(), Event::Matches)],
        State::Provisioned | State::Active => vec![
            (rule(), Event::Matches),
            (rule(), mail()),
            (rule(), Event::Abandoned),
            (rule(), Event::Matches),
            (admin(), Event::Suspend { reason: said("audit") }),
            (rule(), Event::Abuse { alert: said("phish") }),
        ],
        State::ReviewDue => vec![
            (
                owner(),
                Event::Renew {
                    until: now.plus(days(366)),
                },
            ),
            (dean(), sign),
            (officer(), decide()),
        ],
        State::Suspended(_) => vec![
            (
                officer(),
                Event::Reinstate {
                    conditions: said("none"),
                },
            ),
            (officer(), Event::Revoke { reason: said("no") }),
        ],
        _ => vec![(owner(), Event::Renew { until }), (dean(), sign)],
    }
}

fn actors() -> impl Strategy<Value = Actor> {
    let people = [
        "ann@example.edu",
        "dean@example.edu",
        "iso@example.edu",
        "postmaster@example.edu",
    ];
    prop_oneof![
        4 => (prop::sample::select(people.to_vec()), prop::sample::select(Role::ALL.to_vec()))
            .prop_map(|(who, role)| Actor::human(who, role)),
        2 => Just(Actor::rule("a-rule")),
        // Those who usually do it, so that lives go far.
        8 => prop::sample::select(vec![ann(), owner(), admin(), dean(), officer(), contacts::tom(), contacts::tina()]),
    ]
}

fn requests() -> impl Strategy<Value = [u8; 32]> {
    prop_oneof![3 => Just(REQUEST), 1 => Just([9; 32])]
}

fn untils() -> impl Strategy<Value = Timestamp> {
    (0u32..1200).prop_map(|day| BEGIN.plus(days(day)))
}

fn events() -> impl Strategy<Value = Event> {
    let risks = prop::sample::select(vec![Risk::Low, Risk::Medium, Risk::High]);
    let ticks = prop_oneof![6 => Just([true; 3]), 1 => any::<[bool; 3]>()];
    prop_oneof![
        4 => Just(Event::Submit),
        1 => Just(Event::Ask { what: said("what?") }),
        1 => requests().prop_map(|request| Event::Answer { request }),
        1 => Just(Event::Withdraw),
        2 => untils().prop_map(|until| Event::Import { until, recipe: false }),
        2 => untils().prop_map(|until| Event::Review { until }),
        6 => untils().prop_map(|until| Event::Complete { until }),
        6 => (ticks, requests()).prop_map(|(ticked, request)| Event::Acknowledge(Signature {
            ticked,
            request,
            ..signature()
        })),
        1 => Just(Event::Decline { reason: said("no") }),
        6 => (risks, untils()).prop_map(|(risk, until)| Event::Decide { risk, controls: said("pins"), until }),
        1 => Just(Event::Reject { reason: said("no") }),
        1 => requests().prop_map(|request| Event::Amend { request }),
        6 => prop::bool::weighted(0.2).prop_map(|red| Event::Checked {
            red: if red { vec![Check::Static] } else { Vec::new() },
        }),
        6 => any::<bool>().prop_map(|counts| Event::Accepted { message: said("m"), counts }),
        1 => prop::sample::select(Trouble::ALL.to_vec()).prop_map(|trouble| Event::Troubled { trouble, said: said("553") }),
        1 => Just(Event::Keep { reason: said("yes") }),
        1 => Just(Event::Remove { reason: said("no") }),
        4 => Just(Event::Attest { list: said("list-1") }),
        1 => Just(Event::NotAttested { reason: said("list-1") }),
        3 => untils().prop_map(|until| Event::Renew { until }),
        1 => Just(Event::Abuse { alert: said("phish") }),
        1 => any::<bool>().prop_map(|dynamic| Event::Drifted { observed: said("else"), dynamic }),
        1 => Just(Event::Matches),
        1 => Just(Event::Abandoned),
        1 => any::<bool>().prop_map(contacts::proposed_by),
        2 => Just(Event::Confirm { request: contacts::agreed_to() }),
        1 => Just(Event::StandIn { gone: vec![Person::new(contacts::TOM)], why: said("retired") }),
        1 => Just(Event::Dissent { request: contacts::agreed_to(), reason: said("no") }),
        1 => Just(Event::Suspend { reason: said("audit") }),
        3 => Just(Event::Reinstate { conditions: said("none") }),
        1 => Just(Event::Revoke { reason: said("no") }),
        1 => Just(Event::Supersede { by: said("other") }),
    ]
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let hours = prop_oneof![12 => 0u32..48, 4 => 0u32..800, 1 => 0u32..9000];
    let what = prop_oneof![
        (actors(), events()).prop_map(|(actor, event)| {
            // What only rules may cause is caused by one.
            let actor = if event.people().is_empty() {
                Actor::rule("a-rule")
            } else {
                actor
            };
            What::Any(actor, event)
        }),
        any::<usize>().prop_map(What::Usual),
    ];
    let one = (hours, what).prop_map(|(hours, what)| Try { hours, what });
    prop::collection::vec(one, 0..40)
}

fn tracks() -> impl Strategy<Value = Track> {
    prop::sample::select(vec![
        Track::Authenticated,
        Track::Exception,
        Track::Consultation { security: false },
        Track::Consultation { security: true },
    ])
}

/// A draft, or a grant that was set up, or one in use: most of a life comes behind that.
fn begun() -> impl Strategy<Value = Life> {
    let long_unused = |track| {
        let mut life = Life::active(track);
        life.now = BEGIN.plus(days(355));
        life.case.until = Some(life.now.plus(days(366)));
        life
    };
    let to_import = |track| {
        let mut life = Life::draft(track);
        life.case.unreviewed = true;
        life
    };
    let begins: [fn(Track) -> Life; 5] = [Life::draft, Life::provisioned, Life::active, long_unused, to_import];
    (tracks(), prop::sample::select(begins.to_vec())).prop_map(|(track, begin)| begin(track))
}

/// What must never be, of a step that was taken.
fn holds(before: &Case, after: &Case, event: &Event, actor: &Actor, now: Timestamp) {
    // Nobody without a basis: all that the track demands was said, of exactly this request, by different people.
    if after.state.admits_mail() {
        assert!(after.is_decided(), "{after:?}");
        if after.track == Track::Exception && !after.unreviewed {
            let acknowledged = after.acknowledged.as_ref().unwrap();
            assert_eq!(acknowledged.request, after.request);
            assert_ne!(acknowledged.by, after.requestor);
            assert_ne!(Some(&acknowledged.by), after.decided_by.as_ref());
        }
        if after.track != Track::Authenticated || before.unreviewed {
            assert_ne!(after.decided_by.as_ref(), Some(&after.requestor));
        }
        assert!(after.provisioned.is_some());
        assert!(after.until.unwrap() >= now || !after.admits_mail(now));
    }
    // Nothing of what is asked for changes while it serves, but its contacts, and these when all have agreed.
    if before.state.is_live() && !before.unreviewed && before.request != after.request {
        let proposed = before.handover.as_ref().unwrap();
        assert_eq!((after.request, &after.handover), (proposed.request, &None));
        assert!(matches!(event, Event::Confirm { .. } | Event::StandIn { .. }));
    }
    if after.handover.is_some() {
        assert!(after.state.is_live());
    }
    // What is over stays over; only an expired grant may be taken up again, and never straight into service by an
    // exception's owner.
    if before.state.is_over() && before.state != State::Expired {
        assert_eq!(before, after);
    }
    if before.state == State::Expired && after.state.admits_mail() {
        assert!(matches!(event, Event::Renew { .. }) && before.track != Track::Exception);
    }
    // Only a review makes an ordinary grant of what was imported, and nothing makes the contrary.
    if before.unreviewed != after.unreviewed {
        assert!(before.unreviewed);
        assert!(match event {
            Event::Review { .. } | Event::Decide { .. } => true,
            // What had expired begins anew.
            Event::Acknowledge(_) => !after.state.admits_mail(),
            _ => false,
        });
    }
    // Whoever attests a grant gives it nothing: not a day, not a state, not a word that others had to say.
    if matches!(event, Event::Attest { .. }) {
        assert_eq!(before, after);
        assert_ne!(actor.person(), Some(&before.requestor));
    }
    // And whoever does not, ends it.
    if matches!(event, Event::NotAttested { .. }) {
        assert_eq!(after.state, State::Revoked(Revocation::Owner));
    }
    // Nothing but an approval makes mail flow that did not.
    if !before.state.admits_mail() && after.state.admits_mail() {
        assert!(matches!(
            (event, actor),
            (Event::Checked { .. }, Actor::Rule(_))
                | (
                    Event::Reinstate { .. } | Event::Renew { .. } | Event::Import { .. },
                    Actor::Human { .. }
                )
        ));
    }
    // Abuse is left by security's word alone, or for good.
    if before.state == State::Suspended(Suspension::Abuse) && after.state != before.state {
        let officer = matches!(
            actor,
            Actor::Human {
                role: Role::Security,
                ..
            }
        );
        assert!(officer || after.state == State::Revoked(Revocation::Abuse));
    }
    // The end moves by a decision only, and never beyond what is possible.
    if let Some(until) = after.until.filter(|_| after.until != before.until) {
        assert!(matches!(
            event,
            Event::Complete { .. }
                | Event::Decide { .. }
                | Event::Renew { .. }
                | Event::Import { .. }
                | Event::Review { .. }
        ));
        assert!(until <= now.plus(days(366)));
    }
}

proptest! {
    #[test]
    fn no_life_breaks_the_rules(mut life in begun(), tries in tries()) {
        for one in tries {
            life.now = life.now.plus(Duration::from_secs(3600) * one.hours);
            // Time first, as the gate does it; bounded, for nothing comes due for ever at one moment.
            let mut moments = 0;
            while let Some(deadline) = due(&life.case, life.now, &life.terms, &life.calendar, &[]) {
                let before = life.case.clone();
                let actor = Actor::rule(deadline.rule());
                let event = Event::Elapsed(deadline);
                life.does(&actor, event.clone());
                holds(&before, &life.case, &event, &actor, life.now);
                prop_assert!(!life.case.state.admits_mail() || before.state.admits_mail());
                moments += 1;
                prop_assert!(moments < 10, "{:?}", life.case);
            }
            let before = life.case.clone();
            let (actor, event) = one.of(&life.case, life.now);
            if life.attempt(&actor, &event).is_ok() {
                holds(&before, &life.case, &event, &actor, life.now);
            } else {
                prop_assert_eq!(&before, &life.case);
            }
        }
    }

    #[test]
    fn what_is_announced_as_next_is_what_comes(mut life in begun(), tries in tries()) {
        for one in tries {
            let (actor, event) = one.of(&life.case, life.now);
            let _ = life.attempt(&actor, &event);
            let Some((_, at)) = next_due(&life.case, &life.terms, &life.calendar, &[]) else { continue };
            let early = Timestamp(at.0 - 1);
            if early >= life.now {
                prop_assert_eq!(due(&life.case, early, &life.terms, &life.calendar, &[]), None);
            }
            let then = Timestamp(at.0 + 1).max(life.now);
            prop_assert!(due(&life.case, then, &life.terms, &life.calendar, &[]).is_some());
        }
    }
}
