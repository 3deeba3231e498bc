//! The self-test against doors that are not ours: one that relays, one that refuses, one that says nothing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use mail::DomainPattern;
use policy::{By, Organisation, Rulebook};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use world::World;

use super::{Door, Finding, run};

fn book() -> Rulebook {
    Rulebook {
        organisation: Organisation {
            domains: vec![DomainPattern::parse("own.test").unwrap()],
            ..Organisation::default()
        },
        ..Rulebook::default()
    }
}

fn door(address: SocketAddr) -> Door {
    Door {
        name: "mx".into(),
        address,
        implicit_tls: false,
        proxies: Vec::new(),
    }
}

/// A server that answers each RCPT as `takes` says, and everything else with yes; and what it was told.
async fn server(takes: fn(&str) -> bool) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let told = told.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let _ = stream.write_all(b"220 hello\r\n").await;
                let mut line = Vec::new();
                while stream.read_until(b'\n', &mut line).await.is_ok_and(|octets| octets > 0) {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    let refuses = text.starts_with("RCPT") && !takes(&text);
                    let answer: &[u8] = if refuses { b"554 5.7.1 no\r\n" } else { b"250 ok\r\n" };
                    told.lock().unwrap().push(text);
                    line.clear();
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    (address, heard)
}

#[tokio::test]
async fn a_door_that_refuses_is_green_and_nothing_is_left_behind() {
    let (address, heard) = server(|_| false).await;
    let report = run(&World::real(), &book(), vec![door(address)], None).await;
    assert!(report.is_green() && report.missed.is_empty(), "{report}");
    assert!(report.refused >= 30, "{report}");
    let heard = heard.lock().unwrap();
    assert!(
        !heard
            .iter()
            .any(|line| line.starts_with("DATA") || line.starts_with("BDAT"))
    );
    assert!(
        heard.iter().any(|line| line == "EHLO own.test"),
        "it forges our name too"
    );
}

#[tokio::test]
async fn each_way_to_relay_is_found_where_it_is_open() {
    for takes in [
        |line: &str| line == "RCPT TO:<user@example.org>",
        |line: &str| line == "RCPT TO:<user%example.org@own.test>",
        |line: &str| line == "RCPT TO:<example.org!user@own.test>",
        |line: &str| line == "RCPT TO:<@own.test:user@example.org>",
        |line: &str| line == "RCPT TO:<\"user@example.org\"@own.test>",
        |line: &str| line.contains("[127.0.0.1]"),
        |line: &str| line.contains('\0'),
    ] {
        let (address, heard) = server(takes).await;
        let report = run(&World::real(), &book(), vec![door(address)], None).await;
        assert!(!report.is_green(), "{report}");
        assert!(
            report
                .found
                .iter()
                .all(|found| matches!(found.what, Finding::Relays { .. }))
        );
        let heard = heard.lock().unwrap();
        let after = heard
            .windows(2)
            .filter(|pair| pair[0].starts_with("RCPT") && takes(&pair[0]));
        assert!(after.clone().count() > 0);
        for pair in after {
            assert_eq!(pair[1], "RSET", "what was taken is taken back");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_door_where_nobody_answers_fails() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let report = run(&World::real(), &book(), vec![door(address)], None).await;
    assert!(matches!(report.found[0].what, Finding::Fails(_)), "{report}");
    assert!(report.to_string().starts_with("RED"), "{report}");
}

#[tokio::test]
async fn it_does_not_come_from_an_address_that_is_granted() {
    let mut book = book();
    let granted = |network: &str| {
        let mut grant = crate::control::rig::rulebook(1).grants.remove(0);
        grant.by = By::Address(vec![network.parse().unwrap()]);
        grant
    };
    book.grants = vec![granted("127.0.0.0/8")];
    let (address, heard) = server(|_| true).await;
    let report = run(&World::real(), &book, vec![door(address)], None).await;
    assert!(report.is_green() && report.missed.len() == 1, "{report}");
    assert!(heard.lock().unwrap().is_empty());
    book.grants = vec![granted("127.77.0.0/30")];
    let report = run(&World::real(), &book, vec![door(address)], None).await;
    assert!(!report.is_green(), "from another one it is tried: {report}");
}
