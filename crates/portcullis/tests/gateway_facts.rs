//! What the ledger keeps of a decision is enough to decide again: by the same rules it comes to the same.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod gateway_house;

use gateway_house::{Client, House, LETTER, Peer, Running, grant};
use ledger::{Event, Line};
use mail::SessionId;
use policy::{Live, Snapshot, decide, digest};
use portcullis::control::{AskError, Asked};
use portcullis::recollection::Recollection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A former student's address, whose mail goes on to the outside.
fn forward() -> String {
    grant("old", "127.0.0.1")
        .lines()
        .filter(|line| ["owner", "reason", "until"].iter().any(|key| line.starts_with(key)))
        .fold(
            "[forwards.old]\nfrom = \"old@example.edu\"\nto = \"new@elsewhere.example\"\n".to_owned(),
            |text, line| text + line + "\n",
        )
}

/// Where a portal asks.
const HEALTH: &str = "[listeners.health]\nrole = \"health\"\nlisten = [\"127.0.0.1:0\"]\n";

/// What is answered over HTTP, as JSON.
async fn over_http(running: &Running, path: &str) -> serde_json::Value {
    let mut stream = TcpStream::connect(running.gateway.health()[0]).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    serde_json::from_str(body).unwrap_or_else(|why| panic!("{why}: {answer}"))
}

/// What the ledger has of the sessions, in their order.
async fn recorded(running: &Running, sessions: &[SessionId]) -> Vec<Line> {
    running.gateway.recorder().catch_up().await;
    let read = |session: &SessionId| {
        running
            .gateway
            .reader()
            .events_of(&ledger::Key::Session(*session))
            .unwrap()
    };
    sessions.iter().flat_map(read).collect()
}

/// Decides again what a line tells; how many decisions that were.
fn decided_again(line: &Line, snapshot: &Snapshot) -> usize {
    let again = Recollection::of(&line.event);
    let decisions = again
        .iter()
        .map(|one| decide(snapshot, &mut Live::new(&one.facts(snapshot))));
    match &line.event {
        Event::Accepted(facts) => {
            assert_eq!(again.len(), facts.recipients.len());
            for ((recipient, one), decision) in facts.recipients.iter().zip(&again).zip(decisions) {
                assert_eq!(digest(&one.facts(snapshot)).0, recipient.digest, "{recipient:?}");
                assert_eq!(decision.verdict.accepts(), recipient.held.is_none(), "{recipient:?}");
            }
        }
        Event::Refused(facts) => {
            let reasons: Vec<&str> = decisions.map(|decision| decision.reason.code()).collect();
            let judged = facts.judged.is_some();
            assert_eq!(
                reasons.contains(&facts.reason.as_str()),
                judged,
                "{facts:?}: {reasons:?}"
            );
        }
        _ => {}
    }
    again.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_decision_in_the_ledger_can_be_made_again_and_comes_to_the_same() {
    let (outside, inside) = (Peer::usual().await, Peer::usual().await);
    let house = House::new(outside.address, inside.address);
    house.write(&(house.text() + &forward() + HEALTH));
    let running = house.start().await;

    // Accepted, for two, from a granted copier; then each way to be refused, from the door to the end of the body.
    let mut copier = running.copier().await;
    copier.ask("MAIL FROM:<scan@example.edu>", "250").await;
    copier.ask("RCPT TO:<bob@example.org>", "250").await;
    copier.ask("RCPT TO:<POSTMASTER>", "250").await;
    copier.ask("RCPT TO:<bob%example.org@example.edu>", "55").await;
    copier.ask("DATA", "354").await;
    copier.ask(&format!("{LETTER}."), "250").await;
    copier.ask("MAIL FROM:<ceo@example.edu>", "55").await;
    copier.ask("MAIL FROM:<scan@example.edu> SIZE=999999999999", "55").await;
    copier.ask("MAIL FROM:<scan@example.edu>", "250").await;
    copier.ask("RCPT TO:<bob@example.org>", "250").await;
    copier.ask("RCPT TO:<eve@example.org>", "250").await;
    copier.ask("DATA", "354").await;
    copier
        .ask("From: <ceo@example.edu>, \"a, b\" <x@example.edu>\r\n\r\nx\r\n.", "55")
        .await;
    copier.ask("WHAT", "5").await;
    let mut stranger = Client::connect(running.address("mx"), "127.0.0.9").await;
    stranger.expect("220").await;
    stranger.ask("EHLO stranger.example", "250").await;
    stranger.ask("MAIL FROM:<>", "250").await;
    stranger.ask("RCPT TO:<x@elsewhere.example>", "55").await;
    stranger.ask("RCPT TO:<anna@example.edu>", "250").await;
    stranger.ask("RCPT TO:<old@example.edu>", "250").await;
    stranger.ask("DATA", "354").await;
    stranger.ask("Subject: no author\r\n\r\nx\r\n.", "250").await;

    let mut unknown = Client::connect(running.address("devices"), "127.0.0.9").await;
    unknown.expect("220").await;
    unknown.ask("EHLO unknown.example", "250").await;
    unknown.ask("MAIL FROM:<x@example.edu>", "5").await;

    let sessions: Vec<SessionId> = running
        .logged("smtp.connect")
        .iter()
        .map(|line| line["sess"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(sessions.len(), 3);
    let lines = recorded(&running, &sessions).await;
    let snapshot = running.gateway.admission().snapshot();
    let again: Vec<usize> = lines.iter().map(|line| decided_again(line, &snapshot)).collect();
    let told: Vec<&str> = lines
        .iter()
        .map(|line| match &line.event {
            Event::Refused(facts) => facts.reason.as_str(),
            Event::Accepted(_) => "accepted",
            _ => "other",
        })
        .collect();
    // What happened within one millisecond has no order in the ledger: refusals are written when their session ends.
    let mut expected = [
        ("address-form", 1),
        ("accepted", 2),
        ("sender-not-granted", 1),
        ("message-too-big", 0),
        ("from-not-granted", 2),
        ("unknown-command", 0),
        ("not-our-domain", 1),
        ("accepted", 2),
        ("no-grant", 1),
    ];
    let mut decided: Vec<(&str, usize)> = told.into_iter().zip(again).collect();
    let when = |line: &Line| {
        (
            sessions.iter().position(|one| line.event.session() == Some(*one)),
            line.at,
        )
    };
    assert!(lines.is_sorted_by_key(when));
    decided.sort_unstable();
    expected.sort_unstable();
    assert_eq!(decided, expected);

    // What the help desk is told of it, and what would be decided once the rules have changed.
    house.write(&(house.text() + HEALTH + &grant("unknown", "127.0.0.9").replace("scan@", "x@")));
    running.gateway.reload().await.unwrap();
    let why = |about: &str| Asked::Why {
        about: about.to_owned(),
        last: Some(3),
    };
    let told = running.ask(why("127.0.0.9")).await.unwrap().done;
    let last = &told["decisions"][0];
    assert_eq!(
        (last["what"].as_str(), last["rule"].as_str()),
        (Some("refused"), Some("no-grant")),
        "{told:#}"
    );
    assert!(last["reply"].as_str().unwrap().starts_with("554 5.7.1 "), "{told:#}");
    assert_eq!(last["now"], "it would be accepted now, by grant unknown");
    let told = running.ask(why("COPIER")).await.unwrap().done;
    assert_eq!(told["decisions"].as_array().unwrap().len(), 3, "{told:#}");
    assert!(
        told["decisions"][0]["now"]
            .as_str()
            .unwrap()
            .contains("refused again: from-not-granted"),
        "{told:#}"
    );
    assert_eq!(over_http(&running, "/why?about=COPIER&last=3").await, told);
    let told = running.ask(why("bob@example.org")).await.unwrap().done;
    assert_eq!(told["decisions"].as_array().unwrap().len(), 3, "{told:#}");
    assert!(matches!(
        running.ask(why("nobody@example.org")).await,
        Err(AskError::Refused(_))
    ));
    running.stop().await;
}
