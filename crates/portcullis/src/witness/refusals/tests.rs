use std::collections::BTreeMap;

use ledger::{Origin, Words};
use proptest::prelude::*;

use super::*;

const REASONS: [&str; 4] = ["no-grant", "not-our-domain", "bare-lf", "rate-exceeded"];

fn refused(number: u64, session: u64, client: IpAddr, reason: &str) -> Box<Refused> {
    Box::new(Refused {
        event: EventId::new(number),
        origin: Origin {
            session: SessionId::new(session),
            listener: "mx".into(),
            client,
            port: 40_000,
            helo: None,
            ptr: None,
            tls: None,
            login: None,
            grant: None,
        },
        from: Some("<eve@bulk.example>".into()),
        rcpt: Some(Words::new(&format!("<r{number}@own.test>"))),
        recipients: Vec::new(),
        size: None,
        header_from: Vec::new(),
        code: 550,
        enhanced: None,
        reason: reason.into(),
        text: "no".into(),
        generation: None,
        rulebook: None,
        judged: None,
    })
}

/// One of a few v4 clients, or of a few /64s with many addresses each.
fn client(number: u64) -> IpAddr {
    match number % 2 {
        0 => IpAddr::from([10, 0, 0, (number % 7) as u8]),
        _ => IpAddr::from([0x2001, 0xdb8, 0, (number % 5) as u16, 0, 0, 0, number as u16]),
    }
}

fn flood(refusals: &Refusals, of: impl Iterator<Item = (u64, IpAddr)>) -> u64 {
    let mut times = 0;
    for (session, client) in of {
        times += 1;
        let at = Timestamp(times as i64);
        refusals.put(at, "no-grant", refused(times, session, client, "no-grant"));
    }
    times
}

fn counted(records: &[Record]) -> u64 {
    records.iter().map(|(_, event)| event.refusals()).sum()
}

fn many(records: &[Record]) -> Vec<&RefusedMany> {
    let many = records.iter().filter_map(|(_, event)| match event {
        Event::RefusedMany(many) => Some(&**many),
        _ => None,
    });
    many.collect()
}

#[test]
fn what_a_session_is_refused_for_one_reason_is_one_record_however_often() {
    let refusals = Refusals::default();
    let client = client(0);
    assert_eq!(flood(&refusals, (0..10_000).map(|_| (7, client))), 10_000);
    refusals.put(Timestamp(5), "bare-lf", refused(1, 7, client, "bare-lf"));
    refusals.put(Timestamp(5), "bare-lf", refused(2, 8, client, "bare-lf"));
    let records = refusals.of_session(SessionId::new(7));
    let [(_, Event::Refused(one)), (at, Event::RefusedMany(all))] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(one.reason.as_str(), "bare-lf");
    assert_eq!((all.times, all.sessions, all.source), (10_000, 1, Some(client)));
    assert_eq!(
        (all.first, all.last, *at),
        (Timestamp(1), Timestamp(10_000), Timestamp(10_000))
    );
    assert_eq!((all.samples.len(), all.ids.len()), (SAMPLES, IDS));
    assert_eq!(counted(&refusals.of_minute()), 1, "the other session's");
    assert!(refusals.of_minute().is_empty());
}

#[test]
fn sessions_of_one_source_become_one_record_above_its_rate() {
    for source in [client(0), client(1)] {
        let refusals = Refusals::default();
        flood(&refusals, (0..10_000).map(|session| (session, source)));
        let records = refusals.of_minute();
        assert_eq!(records.len(), RECORDS_OF_SOURCE as usize + 1);
        assert_eq!(counted(&records), 10_000);
        let [all] = many(&records)[..] else {
            panic!("{records:?}")
        };
        assert_eq!(all.times, 10_000 - u64::from(RECORDS_OF_SOURCE));
        assert_eq!(all.sessions, RefusedMany::SESSIONS_COUNTED);
        assert_eq!(all.source, Some(RefusedMany::source_of(source)));
    }
}

#[test]
fn addresses_of_one_64_are_one_source() {
    let refusals = Refusals::default();
    let within = |number: u64| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, number as u16]);
    flood(&refusals, (0..1000).map(|session| (session, within(session))));
    let records = refusals.of_minute();
    assert_eq!(records.len(), RECORDS_OF_SOURCE as usize + 1);
    assert_eq!(counted(&records), 1000);
}

#[test]
fn a_botnet_of_any_size_is_counted_in_a_bounded_number_of_records() {
    let refusals = Refusals::default();
    let anywhere = |number: u64| IpAddr::from((number as u32).wrapping_mul(2_654_435_761).to_be_bytes());
    let times = flood(&refusals, (0..100_000).map(|session| (session, anywhere(session))));
    {
        let pending = refusals.0.lock();
        let held = pending.sessions.len() + pending.sources.len() + pending.others.len();
        assert_eq!(held, RECORDS + SOURCES + 1);
        assert!(pending.of_sources.len() <= RECORDS);
    }
    let records = refusals.of_minute();
    assert_eq!(records.len(), RECORDS + SOURCES + 1);
    assert_eq!(counted(&records), times);
    let beyond: Vec<_> = many(&records).into_iter().filter(|all| all.source.is_none()).collect();
    assert_eq!(beyond.len(), 1, "the rest, of sources nobody counted apart");
}

#[test]
fn sessions_that_end_at_once_do_not_get_around_the_rate() {
    let refusals = Refusals::default();
    let mut records = Vec::new();
    for session in 0..5000 {
        refusals.put(
            Timestamp(1),
            "no-grant",
            refused(session, session, client(0), "no-grant"),
        );
        records.extend(refusals.of_session(SessionId::new(session)));
    }
    assert_eq!(records.len(), RECORDS_OF_SOURCE as usize);
    records.extend(refusals.of_minute());
    assert_eq!(
        (records.len(), counted(&records)),
        (RECORDS_OF_SOURCE as usize + 1, 5000)
    );
    // A new minute, a new beginning.
    refusals.put(Timestamp(1), "no-grant", refused(1, 1, client(0), "no-grant"));
    assert!(matches!(&refusals.of_minute()[..], [(_, Event::Refused(_))]));
}

proptest! {
    #[test]
    fn counts_of_all_records_are_the_refusals_that_happened(
        steps in proptest::collection::vec((0u8..40, 0u64..60, 0usize..4, 0i64..1000), 0..600),
    ) {
        let refusals = Refusals::default();
        let mut happened: BTreeMap<&str, u64> = BTreeMap::new();
        let mut records = Vec::new();
        for (number, (what, session, reason, at)) in (0..).zip(steps) {
            match what {
                0 => records.extend(refusals.of_minute()),
                1 => records.extend(refusals.so_far()),
                2..5 => records.extend(refusals.of_session(SessionId::new(session))),
                _ => {
                    let reason = REASONS[reason];
                    *happened.entry(reason).or_default() += 1;
                    refusals.put(Timestamp(at), reason, refused(number, session, client(session), reason));
                }
            }
        }
        records.extend(refusals.of_minute());
        let mut told: BTreeMap<&str, u64> = BTreeMap::new();
        for (at, event) in &records {
            let reason = match event {
                Event::Refused(one) => one.reason.as_str(),
                Event::RefusedMany(many) => {
                    prop_assert!(many.times > 1 && many.sessions > 0 && many.sessions <= many.times);
                    prop_assert!(many.first <= many.last && many.last == *at);
                    prop_assert!(!many.samples.is_empty() && many.samples.len() <= many.ids.len());
                    prop_assert!(many.samples.iter().zip(&many.ids).all(|(one, id)| one.event == *id));
                    let source = many.source.unwrap();
                    prop_assert!(many.samples.iter().all(|one| RefusedMany::source_of(one.origin.client) == source));
                    many.reason.as_str()
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            *told.entry(reason).or_default() += event.refusals();
        }
        prop_assert_eq!(told, happened);
    }
}
