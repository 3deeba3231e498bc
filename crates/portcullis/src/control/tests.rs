use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use ledger::{Event, Key};
use mail::{AttemptId, MessageId, Timestamp};
use spool::{AttemptRecord, Outcome, Settlement, State};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::rig::Rig;
use super::*;

fn change(select: Select, act: Act) -> Asked {
    Asked::Change {
        select,
        act,
        reason: Some("CHG-7".to_owned()),
    }
}

fn ids(id: MessageId) -> Select {
    Select::Ids(vec![id.to_string()])
}

fn number(answer: &Answer, name: &str) -> u64 {
    answer.done[name].as_u64().unwrap()
}

/// Settles the one message that is due.
async fn settle(rig: &Rig, state: State, reply: &str) {
    let now = rig.desk.recorder.now();
    let lease = rig.desk.dispatch.lease(now, 10).pop().expect("a message is due");
    let attempt = AttemptRecord {
        id: AttemptId::new(5),
        at: now,
        took_ms: 12,
        host: "mx.example.org".into(),
        ip: Some([192, 0, 2, 25].into()),
        tls: "TLSv1.3".into(),
        reply: reply.into(),
    };
    let settlement = Settlement {
        attempt: Some(attempt),
        ..Settlement::new(lease.recipients[0].index, state)
    };
    rig.desk.dispatch.settle(&lease, vec![settlement]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_holds_and_releases_and_both_are_testified_to() {
    let rig = Rig::new(100);
    rig.open();
    let id = rig.store(&["bob@example.org", "eve@example.net"]).await;

    let held = rig
        .ask(change(
            Select::Domain("example.org".to_owned()),
            Act::Hold { for_secs: None },
        ))
        .await
        .unwrap();
    assert_eq!((number(&held, "changed"), number(&held, "kept")), (1, 0));
    let states = rig.states(id).await;
    assert!(
        matches!((&states[0], &states[1]), (State::Held { .. }, State::Ready)),
        "{states:?}"
    );

    let released = rig.ask(change(ids(id), Act::Release)).await.unwrap();
    assert_eq!(number(&released, "changed"), 1);
    assert_eq!(rig.states(id).await, [State::Ready, State::Ready]);

    rig.desk.recorder.catch_up().await;
    let lines = rig.desk.reader.events_of(&Key::Message(id)).unwrap();
    let changes: Vec<_> = lines
        .iter()
        .filter_map(|line| match &line.event {
            Event::Held(facts) => Some(("held", facts)),
            Event::Released(facts) => Some(("released", facts)),
            _ => None,
        })
        .collect();
    assert_eq!(
        changes.iter().map(|(what, _)| *what).collect::<Vec<_>>(),
        ["held", "released"]
    );
    for (_, facts) in &changes {
        assert_eq!(facts.rcpt.as_ref().unwrap().as_str(), "bob@example.org");
        assert!(facts.by.as_str().contains("uid "), "{}", facts.by);
        assert_eq!(facts.reason.as_str(), "CHG-7");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_judgement_holds_is_not_freed_by_a_release_of_everything() {
    let rig = Rig::new(1);
    rig.open();
    rig.store(&["bob@example.org"]).await;
    let id = rig.store(&["bob@example.org"]).await;
    assert!(matches!(
        rig.states(id).await[0],
        State::Held {
            by: spool::Holder::Judgement,
            ..
        }
    ));

    let answer = rig.ask(change(Select::All, Act::Release)).await.unwrap();
    assert_eq!((number(&answer, "changed"), number(&answer, "kept")), (0, 1));
    let kept = &answer.items[0];
    assert_eq!(kept["id"], id.to_string());
    let why = kept["kept"].as_str().unwrap();
    assert!(
        why.contains("rate-held") && why.contains(&format!("queue release --id {id}")),
        "{why}"
    );
    assert!(matches!(rig.states(id).await[0], State::Held { .. }));
}

/// Who freed which recipients of a message, as the ledger has it.
async fn releases(rig: &Rig, id: MessageId) -> Vec<(String, String)> {
    rig.desk.recorder.catch_up().await;
    let lines = rig.desk.reader.events_of(&Key::Message(id)).unwrap();
    let released = lines.into_iter().filter_map(|line| match line.event {
        Event::Released(facts) => Some(facts),
        _ => None,
    });
    released
        .map(|facts| {
            assert!(facts.by.as_str().contains("uid "), "{}", facts.by);
            (facts.rcpt.unwrap().to_string(), facts.reason.to_string())
        })
        .collect()
}

/// Why the one recipient that a release was about stays.
fn only_kept(answer: &Answer) -> &str {
    assert_eq!((number(answer, "changed"), number(answer, "kept")), (0, 1));
    answer.items[0]["kept"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_rate_holds_is_freed_by_its_id_in_the_operators_name() {
    let rig = Rig::new(1);
    rig.open();
    rig.store(&["bob@example.org"]).await;
    let id = rig.store(&["bob@example.org"]).await;
    let answer = rig.ask(change(ids(id), Act::Release)).await.unwrap();
    assert_eq!((number(&answer, "changed"), number(&answer, "kept")), (1, 0));
    assert_eq!(rig.states(id).await, [State::Ready]);
    assert_eq!(
        releases(&rig, id).await,
        [("bob@example.org".to_owned(), "CHG-7".to_owned())]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_masked_source_sent_is_freed_by_its_id() {
    let rig = Rig::new(100);
    rig.open();
    rig.publish(|book| {
        book.grants[0].by = policy::By::Address(vec!["10.20.3.14/32".parse().unwrap()]);
        book.grants[0].senders = vec![policy::SenderPattern::parse("*@own.test").unwrap()];
    });
    let mut last = MessageId::new(0);
    for name in ["a", "b", "c"] {
        let who = admission::Visitor {
            hello: name.into(),
            login: None,
            ..super::rig::visitor()
        };
        last = rig
            .store_from(&who, &format!("{name}@own.test"), &["bob@example.org"], || ())
            .await;
    }
    assert!(matches!(
        rig.states(last).await[0],
        State::Held {
            reason: policy::Reason::MaskedSource,
            ..
        }
    ));
    let all = rig.ask(change(Select::All, Act::Release)).await.unwrap();
    assert!(only_kept(&all).contains("give each its own grant"), "{all:?}");
    let one = rig.ask(change(ids(last), Act::Release)).await.unwrap();
    assert_eq!(number(&one, "changed"), 1);
    assert_eq!(rig.states(last).await, [State::Ready]);
}

fn narrow(book: &mut policy::Rulebook) {
    let inside = mail::DomainPattern::parse("example.net").unwrap();
    book.grants[0].scope = policy::Scope::Domains(vec![inside]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_set_aside_is_freed_by_its_id_once_authority_allows_it() {
    let rig = Rig::new(100);
    rig.open();
    let to = ["bob@example.org", "eve@example.net"];
    let id = rig
        .store_from(&super::rig::visitor(), "scan@own.test", &to, || rig.publish(narrow))
        .await;
    let aside = State::Quarantined {
        reason: policy::Reason::RecipientOutsideScope,
    };
    assert_eq!(rig.states(id).await, [aside.clone(), State::Ready]);

    let answer = rig.ask(change(ids(id), Act::Release)).await.unwrap();
    let why = only_kept(&answer);
    assert!(
        why.contains("recipient-outside-scope") && why.contains("reload"),
        "no operator overrules authority: {why}"
    );
    rig.publish(|_| ());
    let answer = rig.ask(change(Select::All, Act::Release)).await.unwrap();
    let why = only_kept(&answer);
    assert!(why.contains("it was set aside") && why.contains("queue show"), "{why}");
    assert_eq!(rig.states(id).await, [aside, State::Ready]);
    assert_eq!(releases(&rig, id).await, []);

    let answer = rig.ask(change(ids(id), Act::Release)).await.unwrap();
    assert_eq!((number(&answer, "changed"), number(&answer, "kept")), (1, 0));
    assert_eq!(rig.states(id).await, [State::Ready, State::Ready]);
    assert_eq!(releases(&rig, id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_of_a_grant_that_ended_or_is_suspended_stays() {
    let rig = Rig::new(1);
    rig.open();
    rig.store(&["bob@example.org"]).await;
    let id = rig.store(&["bob@example.org"]).await;
    let release = || rig.ask(change(ids(id), Act::Release));
    let held = rig.states(id).await;

    rig.publish(|book| book.grants[0].until = Timestamp(1));
    let ended = release().await.unwrap();
    let why = only_kept(&ended);
    assert!(why.contains("grant-expired") && why.contains("`until`"), "{why}");
    rig.publish(|book| book.grants[0].state = policy::GrantState::Suspended("spam".into()));
    let suspended = release().await.unwrap();
    let why = only_kept(&suspended);
    assert!(
        why.contains("grant-suspended") && why.contains("end the suspension"),
        "{why}"
    );
    rig.publish(|book| book.grants.clear());
    let gone = release().await.unwrap();
    assert!(only_kept(&gone).contains("no grant covers"), "{gone:?}");
    assert_eq!(rig.states(id).await, held);
    assert_eq!(releases(&rig, id).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_suspension_holds_goes_when_the_suspension_has_ended() {
    let rig = Rig::new(100);
    rig.open();
    let id = rig.store(&["bob@example.org"]).await;
    let hold = spool::Change::Hold {
        reason: policy::Reason::GrantSuspended,
        by: spool::Holder::Suspension,
        until: None,
    };
    rig.desk.dispatch.change(spool::Selector::All, hold).await.unwrap();
    rig.publish(|book| book.grants[0].state = policy::GrantState::Suspended("spam".into()));
    let grant = || Select::Grant("copier-3f".to_owned());
    let answer = rig.ask(change(grant(), Act::Release)).await.unwrap();
    assert!(only_kept(&answer).contains("grant-suspended"), "{answer:?}");
    rig.publish(|_| ());
    let answer = rig.ask(change(grant(), Act::Release)).await.unwrap();
    assert_eq!(number(&answer, "changed"), 1);
    assert_eq!(rig.states(id).await, [State::Ready]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_is_retried_given_back_and_removed() {
    let rig = Rig::new(100);
    rig.open();
    let id = rig.store(&["bob@example.org"]).await;
    let until = rig.desk.recorder.now().plus(Duration::from_secs(3600));
    settle(&rig, State::Deferred { until }, "450 later").await;
    let retried = rig
        .ask(change(Select::Grant("copier-3f".to_owned()), Act::Retry))
        .await
        .unwrap();
    assert_eq!(number(&retried, "changed"), 1);
    assert_eq!(rig.states(id).await, [State::Ready]);

    let bounced = rig.ask(change(ids(id), Act::Bounce)).await.unwrap();
    assert_eq!(number(&bounced, "changed"), 1);
    assert_eq!(rig.states(id).await, [State::Bouncing]);

    let removed = rig
        .ask(change(Select::Sender("scan@own.test".to_owned()), Act::Remove))
        .await
        .unwrap();
    assert_eq!(number(&removed, "changed"), 1);
    assert!(matches!(
        rig.states(id).await[0],
        State::Done {
            outcome: Outcome::Removed,
            ..
        }
    ));
    assert_eq!(
        number(&rig.ask(change(Select::All, Act::Remove)).await.unwrap(), "changed"),
        0
    );
    rig.desk.recorder.catch_up().await;
    let lines = rig.desk.reader.events_of(&Key::Message(id)).unwrap();
    let removals = lines
        .iter()
        .filter(|line| matches!(line.event, Event::Removed(_)))
        .count();
    assert_eq!(removals, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_filtered_and_paged_beyond_one_look_at_the_queue() {
    let rig = Rig::new(100_000);
    rig.open();
    let mut stored = Vec::new();
    for _ in 0..205 {
        stored.push(rig.store(&["bob@example.org"]).await.to_string());
    }
    let list = |listing| rig.ask(Asked::List(listing));
    let all = list(Listing {
        limit: Some(1000),
        ..Listing::default()
    })
    .await
    .unwrap();
    let found: Vec<Mail> = all
        .items
        .into_iter()
        .map(|item| serde_json::from_value(item).unwrap())
        .collect();
    assert_eq!(found.iter().map(|mail| mail.id.clone()).collect::<Vec<_>>(), stored);
    assert_eq!(all.done["more"], false);
    assert_eq!(
        (found[0].from.as_str(), found[0].recipients[0].state.as_str()),
        ("scan@own.test", "ready")
    );

    let some = list(Listing {
        limit: Some(3),
        after: Some(stored[9].clone()),
        ..Listing::default()
    })
    .await
    .unwrap();
    assert_eq!(
        (some.items.len(), &some.done["more"]),
        (3, &serde_json::Value::Bool(true))
    );
    assert_eq!(some.items[0]["id"], stored[10]);
    let none = list(Listing {
        state: Some("held".to_owned()),
        ..Listing::default()
    })
    .await
    .unwrap();
    assert!(none.items.is_empty());
    let wrong = list(Listing {
        state: Some("lost".to_owned()),
        ..Listing::default()
    })
    .await
    .unwrap_err();
    assert!(wrong.to_string().contains("`lost` is no state"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_is_shown_and_ended() {
    let rig = Rig::new(100);
    rig.open();
    rig.store(&["bob@example.org"]).await;
    let select = Select::Domain("example.org".to_owned());
    rig.ask(Asked::Suspend { select: select.clone() }).await.unwrap();
    assert!(rig.desk.dispatch.lease(rig.desk.recorder.now(), 10).is_empty());
    let counts = rig.ask(Asked::Counts).await.unwrap().done;
    assert_eq!(
        (counts["messages"].as_u64(), &counts["suspended"][0]["domain"]),
        (Some(1), &"example.org".into())
    );

    let other = rig.ask(Asked::Resume { select: Select::All }).await.unwrap_err();
    assert!(other.to_string().contains("everything is not suspended"), "{other}");
    rig.ask(Asked::Resume { select }).await.unwrap();
    // The schedule of a long queue follows a slice at a time.
    rig.desk.dispatch.work().await;
    assert_eq!(rig.desk.dispatch.lease(rig.desk.recorder.now(), 10).len(), 1);
    let single = rig
        .ask(Asked::Suspend {
            select: ids(MessageId::new(5)),
        })
        .await
        .unwrap_err();
    assert!(single.to_string().contains("queue hold --id"), "{single}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_told_by_the_gateway_and_by_the_files_alone() {
    let rig = Rig::new(100);
    let served = rig.open();
    let id = rig.store(&["bob@example.org"]).await;
    settle(
        &rig,
        State::Done {
            outcome: Outcome::Delivered,
            at: Timestamp(0),
        },
        "250 2.0.0 Ok",
    )
    .await;
    let answer = rig
        .ask(Asked::Trace {
            id: id.to_string().to_lowercase(),
        })
        .await
        .unwrap();
    let tale: crate::story::Tale = serde_json::from_value(answer.done).unwrap();
    assert_eq!(
        (tale.id, tale.subject.as_deref()),
        (id.to_string(), Some("Scan from 3rd floor"))
    );
    let whats: Vec<&str> = tale.moments.iter().map(|moment| moment.what.as_str()).collect();
    assert_eq!(whats, ["received", "judged", "stored", "delivered"]);

    let session = rig
        .ask(Asked::Trace {
            id: tale.session.unwrap(),
        })
        .await
        .unwrap();
    assert!(
        session.done["moments"]
            .as_array()
            .unwrap()
            .iter()
            .any(|moment| moment["what"] == "accepted")
    );
    let nothing = rig
        .ask(Asked::Trace {
            id: "000000000007".to_owned(),
        })
        .await
        .unwrap_err();
    assert!(nothing.to_string().contains("nothing is known"), "{nothing}");

    rig.trigger.stop();
    served.await.unwrap();
    let gone = rig.ask(Asked::Counts).await.unwrap_err();
    assert!(
        matches!(gone, AskError::Nobody(_)) && gone.to_string().contains("portcullis serve"),
        "{gone}"
    );
    let reader = ledger::Reader::new(rig.world.disk.clone(), rig.dir.path().join("ledger"));
    let alone = trace_files(&reader, &id.to_string()).unwrap();
    assert!(alone.has("received") && alone.has("stored") && alone.subject.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_socket_is_the_owners_and_replaces_only_a_dead_one() {
    let rig = Rig::new(100);
    std::os::unix::net::UnixListener::bind(rig.socket()).unwrap();
    let served = rig.open();
    let mode = std::fs::metadata(rig.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = serve(&rig.socket(), rig.desk.clone(), rig.shutdown.clone()).unwrap_err();
    assert_eq!(second.kind(), std::io::ErrorKind::AddrInUse);
    assert!(rig.ask(Asked::Status).await.unwrap().done["generation"] == 7);
    rig.trigger.drain();
    assert!(
        rig.ask(Asked::Counts).await.is_ok(),
        "an operator may look while the gateway drains"
    );
    rig.trigger.stop();
    served.await.unwrap();
    assert!(!rig.socket().exists());

    std::fs::write(rig.socket(), "mine").unwrap();
    let in_the_way = serve(&rig.socket(), rig.desk.clone(), rig.shutdown.clone()).unwrap_err();
    assert!(in_the_way.to_string().contains("no socket"), "{in_the_way}");
    assert_eq!(std::fs::read(rig.socket()).unwrap(), b"mine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nonsense_is_refused_in_words_and_the_connection_goes_on() {
    let rig = Rig::new(100);
    rig.open();
    let stream = tokio::net::UnixStream::connect(rig.socket()).await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut answers = Vec::new();
    for line in ["{\"do\":\"dance\"}\n", "{\"do\":\"reload\"}\n", "{\"do\":\"counts\"}\n"] {
        stream.write_all(line.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_line(&mut answer).await.unwrap();
        answers.push(answer);
    }
    assert!(
        answers[0].contains("refused") && answers[0].contains("no request"),
        "{answers:?}"
    );
    assert_eq!(answers[1], "{\"refused\":\"line 3 is wrong\"}\n");
    assert!(answers[2].starts_with("{\"done\":"), "{answers:?}");

    stream.write_all(&vec![b'x'; 300 << 10]).await.unwrap_or_default();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap_or_default();
    assert!(answer.is_empty() || answer.contains("256 KiB"), "{answer}");
}
