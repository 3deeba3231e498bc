//! With a server of their own, on a socket in a folder of its own; a database for each store.

mod server;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use super::super::{Store, StoreError, contract};
use super::*;
use crate::life::{Event, step};
use crate::terms::Terms;
use server::Server;

/// The server of this test program: tests that run at the same time share it, the last one stops it.
fn server() -> Option<Arc<Server>> {
    static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = running.upgrade() {
        return Some(server);
    }
    let server = Arc::new(Server::start()?);
    *running = Arc::downgrade(&server);
    Some(server)
}

/// A fresh database: where it is.
fn database(server: &Server) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let line = Line::open(PostgresOptions::read(&server.url("postgres")).unwrap()).unwrap();
    let create = format!("CREATE DATABASE test{number} STRATEGY file_copy");
    let made = line.ask(Request::Script(create));
    if made.is_err() {
        // Before version 15 there is one strategy, without a name.
        line.ask(Request::Script(format!("CREATE DATABASE test{number}")))
            .map(drop)
            .unwrap();
    }
    server.url(&format!("test{number}"))
}

fn connect(url: &str) -> PostgresStore {
    PostgresStore::connect(PostgresOptions::read(url).unwrap()).unwrap()
}

#[test]
fn it_keeps_the_contract() {
    let Some(server) = server() else { return };
    contract::keeps(|| connect(&database(&server)));
}

#[test]
fn a_change_is_heard_at_once_by_whoever_has_it_open() {
    let Some(server) = server() else { return };
    let url = database(&server);
    let (mut one, mut other) = (connect(&url), connect(&url));
    let before = other.revision().unwrap();
    let (rung, heard) = mpsc::channel();
    other.ring(Arc::new(move || rung.send(()).unwrap_or_default()));
    let kept = contract::create(&mut one, "chemistry");
    heard.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(other.changed(before).unwrap(), [kept]);
}

#[test]
fn of_several_who_take_a_step_at_the_same_time_one_does_and_numbers_are_given_once() {
    let Some(server) = server() else { return };
    let url = database(&server);
    let kept = contract::create(&mut connect(&url), "chemistry");
    let actor = contract::ann();
    let next = step(&kept.case, &Event::Submit, &actor, contract::NOW, &Terms::default()).unwrap();
    let taken = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut store = connect(&url);
                    contract::create(&mut store, "physics");
                    match store.take(&kept, &contract::taking(&next, &Event::Submit, &actor)) {
                        Ok(_) => 1,
                        Err(StoreError::Changed(_)) => 0,
                        Err(why) => panic!("{why}"),
                    }
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).sum::<u32>()
    });
    assert_eq!(taken, 1);
    let mut store = connect(&url);
    let numbers: Vec<u32> = store.list(None).unwrap().iter().map(|kept| kept.id.0).collect();
    assert_eq!(numbers, [1001, 1002, 1003, 1004, 1005]);
    let sequences: Vec<u64> = store
        .steps(0, 100)
        .unwrap()
        .iter()
        .map(|(_, taken)| taken.sequence)
        .collect();
    assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.waiting(contract::NOW).unwrap().len(), 2);
}

#[test]
fn of_several_who_claim_the_same_letters_one_posts_them() {
    let Some(server) = server() else { return };
    let url = database(&server);
    contract::of_many_one_claims(|| connect(&url));
}

#[test]
fn one_of_the_first_version_is_brought_to_this_one_by_whoever_comes_first() {
    let Some(server) = server() else { return };
    let url = database(&server);
    let mut first = Postgres {
        line: Line::open(PostgresOptions::read(&url).unwrap()).unwrap(),
    };
    first.script(&VERSIONS[0].replace("OCTETS", "BYTEA")).unwrap();
    let marked = "CREATE TABLE schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL);
                  INSERT INTO schema_version VALUES (1, 1);
                  INSERT INTO cases (id, version, scope, form, track, state, entered, reminders, reminded, requestor, request)
                  VALUES (1001, 1, '', '{}', 'exception', 'draft', 0, 0, 0, 'a@b', decode(repeat('00', 32), 'hex'));
                  INSERT INTO steps (case_id, number, at, actor, event, to_state) VALUES (1001, 1, 5, 'x', 'create', 'draft'),
                  (1001, 2, 6, 'x', 'amend', 'draft');
                  UPDATE revision SET value = 2;";
    first.script(marked).unwrap();
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| connect(&url).untold(9).unwrap()))
            .collect();
        for one in all {
            let told: Vec<u64> = one.join().unwrap().iter().map(|(_, taken)| taken.sequence).collect();
            assert_eq!(told, [1, 2]);
        }
    });
    first.script("UPDATE schema_version SET version = 99").unwrap();
    let why = PostgresStore::connect(PostgresOptions::read(&url).unwrap()).unwrap_err();
    assert!(matches!(why, StoreError::Newer { found: 99, .. }), "{why}");
}

#[test]
fn a_connection_that_was_lost_is_made_again_and_half_a_step_is_none() {
    let Some(server) = server() else { return };
    let url = database(&server);
    let (mut store, mut other) = (connect(&url), connect(&url));
    let kept = contract::create(&mut store, "chemistry");
    let lose = "SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    other.database.query(lose, &[]).unwrap();
    assert_eq!(store.get(kept.id).unwrap(), Some(kept));

    store.database.begin().unwrap();
    store
        .database
        .execute("UPDATE revision SET value = 77 WHERE one = 1", &[])
        .unwrap();
    other.database.query(lose, &[]).unwrap();
    let half = store
        .database
        .execute("UPDATE revision SET value = 78 WHERE one = 1", &[]);
    assert!(half.is_err());
    store.database.rollback();
    assert_eq!(store.revision().unwrap(), 1);
}

#[test]
fn a_server_that_is_not_there_is_named_without_the_password() {
    let url = "postgresql://gate:sesame@%2Fno%2Fsuch%2Ffolder/registry";
    let why = PostgresStore::connect(PostgresOptions::read(url).unwrap())
        .unwrap_err()
        .to_string();
    assert!(
        why.starts_with("the registry: the database registry on /no/such/folder cannot be reached"),
        "{why}"
    );
    assert!(!why.contains("sesame"));
    assert!(!Path::new("/no/such/folder").exists());
}
