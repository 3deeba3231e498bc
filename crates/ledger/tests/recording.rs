//! Recording is quick, bounded and late by at most what was promised; what was said is found again.
#![allow(clippy::unwrap_used)]

mod house;

use std::time::Duration;

use house::{DIR, House, accepted, delivered, refused};
use ledger::{
    Change, Config, ConfigLoaded, Deferred, Event, GrantLeftOut, GrantStepped, Key, LoadedBy, Login, LoginOutcome,
    LoginReleased, NoticeSent, OpenError, SelfTested, ShadowEnded, ShadowStarted, Tls, Writer, open,
};
use mail::{EventId, MessageId, SessionId, Timestamp};
use policy::NoticeKind;
use world::Clock;
use world::sim::disk::{Fault, Kind};

#[tokio::test(start_paused = true)]
async fn events_that_come_together_share_one_sync_and_none_waits_for_it() {
    let house = House::new();
    let opening = house.open();
    let syncs = house.disk.count(Kind::Sync);
    let began = house.clock.monotonic();
    for number in 0..200 {
        opening.ledger.record(delivered(number)).await;
    }
    assert_eq!(house.clock.monotonic(), began, "nobody waited");
    house.clock.sleep_until(began + Duration::from_secs(1)).await;
    assert_eq!(
        opening.ledger.status().written,
        200,
        "a second later all of it is on disk"
    );
    assert_eq!(house.disk.count(Kind::Sync), syncs + 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_since_a_moment_is_read_in_order_across_days_and_nothing_older() {
    let house = House::new();
    let opening = house.open();
    for number in 0..6 {
        opening.ledger.record(delivered(number)).await;
        opening.ledger.flush().await.unwrap();
        let later = house.clock.monotonic() + Duration::from_secs(12 * 3600);
        house.clock.sleep_until(later).await;
    }
    opening.closer.close().await.unwrap();
    let read = |since: Timestamp| {
        let (mut found, mut last) = (Vec::new(), 0);
        let look = |line: &ledger::Line, progress: ledger::Progress| {
            assert!(last < progress.read && progress.read <= progress.of);
            last = progress.read;
            found.extend(line.event.message().map(MessageId::number));
        };
        opening.reader.each_since(since, look).unwrap();
        found
    };
    assert_eq!(read(Timestamp(0)), [0, 1, 2, 3, 4, 5]);
    let now = Timestamp(house.clock.wall());
    assert_eq!(read(now.minus(Duration::from_secs(30 * 3600))), [4, 5]);
    assert!(read(now).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_refusals_aloud_and_lets_acceptances_wait() {
    let house = House::new();
    let config = Config {
        queue: 10,
        ..Config::new(DIR)
    };
    let opening = open(config, &house.world, Writer::Task).unwrap();
    house.disk.fail(Kind::Write, 0, Fault::NoSpace);
    for number in 0..100 {
        opening.ledger.record(refused(number)).await;
    }
    let dropped = opening.ledger.status().dropped;
    assert_eq!(dropped, 90);
    for number in 0..20 {
        opening.ledger.record(Event::Accepted(Box::new(accepted(number)))).await;
    }
    opening.closer.close().await.unwrap();
    for number in 0..20 {
        assert_eq!(
            opening
                .reader
                .events_of(&Key::Message(MessageId::new(number)))
                .unwrap()
                .len(),
            1
        );
    }
    let lines = house
        .disk
        .names()
        .iter()
        .map(|name| house.disk.contents(name).unwrap())
        .collect::<Vec<_>>()
        .concat();
    assert!(
        String::from_utf8(lines)
            .unwrap()
            .contains("\"event\":\"ledger.dropped\",\"refusals\":90")
    );
    assert_eq!(house.verify().first_broken(), None);
}

#[tokio::test(start_paused = true)]
async fn a_message_a_session_and_an_event_id_are_found() {
    let house = House::new();
    let opening = house.open();
    for number in 1..50 {
        opening.ledger.record(Event::Accepted(Box::new(accepted(number)))).await;
        opening.ledger.record(refused(number)).await;
    }
    opening.ledger.flush().await.unwrap();
    // The rest of the story is told on other days.
    for day in 1..4 {
        house.clock.sleep_until(Duration::from_secs(86_400 * day)).await;
        opening.ledger.record(delivered(7)).await;
        opening.ledger.flush().await.unwrap();
    }
    let kinds = |key| -> Vec<String> {
        let found = opening.reader.events_of(&key).unwrap();
        found
            .iter()
            .map(|line| format!("{:?}", line.event).split('(').next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        kinds(Key::Message(MessageId::new(7))),
        ["Accepted", "Delivered", "Delivered", "Delivered"]
    );
    assert_eq!(kinds(Key::Session(SessionId::new(7))), ["Accepted", "Refused"]);
    assert_eq!(kinds(Key::Event(EventId::new(7))), ["Refused"]);
    assert_eq!(kinds(Key::Event(EventId::new(77))), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_event_reads_back_as_it_was_recorded() {
    let (message, at) = (MessageId::new(5), Timestamp(1_795_262_400_123));
    let attempt = |event: Event| match event {
        Event::Delivered(attempt) => *attempt,
        other => panic!("{other:?}"),
    };
    let change = Change {
        message,
        change: Some(mail::EventId::new(9)),
        rcpt: None,
        by: "root".into(),
        reason: "held-by-operator".into(),
    };
    let mut origin = house::origin(5);
    origin.tls = Some(Tls {
        version: "TLSv1.3".into(),
        cipher: "TLS13_AES_256".into(),
        verified: Some(true),
        client_cert: None,
        client_names: Vec::new(),
        client_doubt: None,
    });
    let login = Login {
        origin,
        tried: None,
        mechanism: "PLAIN".into(),
        event: None,
        outcome: LoginOutcome::Proved,
    };
    let failed = Login {
        event: Some(EventId::new(3)),
        outcome: LoginOutcome::WrongSecret,
        ..login.clone()
    };
    let mut bare = attempt(delivered(5));
    (bare.attempt, bare.ip, bare.enhanced) = (None, None, None);
    let loaded = ConfigLoaded {
        generation: 2,
        hash: u64::MAX,
        how: Some(LoadedBy::Return),
        of: Some(1),
        by: None,
        author: Some("eve".into()),
        reason: None,
    };
    let tested = SelfTested {
        generation: 2,
        green: false,
        after: "change".into(),
        helo: "selftest.invalid".into(),
        listeners: 1,
        tried: 34,
        refused: 33,
        put_off: 0,
        red: vec!["listener mx relays".into()],
        missed: Vec::new(),
        done: Some("generation 1 serves again".into()),
        took_ms: 12,
    };
    let started = ShadowStarted {
        file: "/etc/next.toml".into(),
        sha256: "00".into(),
        rulebook: 7,
        generation: 2,
        until: at,
        by: "ann (uid 0)".into(),
        reason: None,
    };
    let ended = ShadowEnded {
        file: "/etc/next.toml".into(),
        rulebook: 7,
        why: "its time was over".into(),
        decided: 12,
        differ: 1,
        skipped: 0,
    };
    let stepped = GrantStepped {
        grant: "pc-1042".into(),
        step: 3,
        taken: at,
        what: "abuse".into(),
        from: Some("active".into()),
        to: "suspended(abuse)".into(),
        by: "rule abuse-phish".into(),
        reason: Some("a phish".into()),
    };
    let left_out = GrantLeftOut {
        grant: "pc-1042".into(),
        generation: 2,
        why: Some("copier claims the same client".into()),
    };
    let events = vec![
        Event::Accepted(Box::new(accepted(5))),
        delivered(5),
        Event::Deferred(Box::new(Deferred {
            attempt: attempt(delivered(5)),
            until: at,
        })),
        Event::Failed(Box::new(bare)),
        Event::Held(Box::new(change.clone())),
        Event::Released(Box::new(change.clone())),
        Event::Removed(Box::new(Change {
            rcpt: Some("a@b.example".into()),
            ..change
        })),
        Event::NoticeSent(Box::new(NoticeSent::new(
            message,
            MessageId::new(6),
            NoticeKind::Failure,
            "a@b".into(),
        ))),
        Event::Login(Box::new(login)),
        Event::Login(Box::new(failed)),
        Event::LoginReleased(Box::new(LoginReleased {
            who: "erp".into(),
            by: "ann (uid 0)".into(),
            reason: "INC-77".into(),
        })),
        refused(5),
        Event::ConfigLoaded(Box::new(loaded)),
        Event::SelfTested(Box::new(tested)),
        Event::ShadowStarted(Box::new(started)),
        Event::ShadowEnded(Box::new(ended)),
        Event::GrantStepped(Box::new(stepped)),
        Event::GrantLeftOut(Box::new(left_out)),
    ];
    let house = House::new();
    let opening = house.open();
    for event in &events {
        opening.ledger.record(event.clone()).await;
    }
    opening.closer.close().await.unwrap();
    assert_eq!(
        house.verify().lines,
        events.len() as u64 + 1,
        "each of them can be read"
    );
    let mut found = opening.reader.events_of(&Key::Message(message)).unwrap();
    found.extend(opening.reader.events_of(&Key::Session(SessionId::new(5))).unwrap());
    let of_mail = |event: &&Event| event.message().or(event.session().map(|_| message)).is_some();
    for event in events.iter().filter(of_mail) {
        assert!(found.iter().any(|line| line.event == *event), "{event:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_runs_leave_the_same_octets() {
    let (a, b) = (house::a_day().await, house::a_day().await);
    assert_eq!(a.disk.log(), b.disk.log());
    assert_eq!(a.lines(house::FIRST), b.lines(house::FIRST));
}

#[tokio::test(start_paused = true)]
async fn two_writers_of_one_name_are_one_too_many() {
    let house = House::new();
    let _first = house.open();
    let second = open(Config::new(DIR), &house.world, Writer::Task);
    assert!(matches!(second, Err(OpenError::Busy(_))));
    let other = Config {
        writer: "other".into(),
        ..Config::new(DIR)
    };
    assert!(open(other, &house.world, Writer::Task).is_ok());
    let bad = Config {
        writer: "../x".into(),
        ..Config::new(DIR)
    };
    assert!(matches!(
        open(bad, &house.world, Writer::Task),
        Err(OpenError::Writer(_))
    ));
}

#[tokio::test]
async fn a_real_disk_keeps_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = world::World::real();
    for number in 0..2 {
        let opening = open(Config::new(folder.path()), &world, Writer::Thread).unwrap();
        opening.ledger.record(delivered(number)).await;
        let completed = opening
            .ledger
            .complete(vec![(
                Timestamp(world.clock.wall()),
                Event::Accepted(Box::new(accepted(9))),
            )])
            .await
            .unwrap();
        assert_eq!(completed.added, 1 - number);
        opening.closer.close().await.unwrap();
    }
    let report = ledger::verify(world.disk.as_ref(), folder.path(), &ledger::Anchors::default()).unwrap();
    assert_eq!((report.first_broken(), report.files, report.lines), (None, 2, 5));
}
