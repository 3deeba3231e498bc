//! Abuse of a grant.

use portcullis::control::{Asked, Seen, SeenAs};
use registry::{CaseId, State, Suspension};

use crate::gateway_house::{self, LETTER, Peer};
use crate::letters;
use crate::office::{Office, greeted, is_answered};

fn report(id: CaseId, verdict: SeenAs, score: Option<f64>, message: &str) -> Asked {
    Asked::Report(Seen {
        grant: id.to_string(),
        verdict,
        score: score.and_then(serde_json::Number::from_f64),
        message: Some(message.to_owned()),
        sample: Some("RnJvbTogbWUNCg0KZ2l2ZSBtZSB5b3VyIHBhc3N3b3Jk".to_owned()),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spam_suspends_a_grant_in_an_open_session_holds_its_queue_and_tells_four_people() {
    let mut office = Office::new().await;
    // Nothing leaves: what is queued can be held.
    let away = Peer::answering(|line| (line == "connect").then_some("421 4.3.2 later")).await;
    office.house.outside = away.address;
    office.write("");
    let running = office.house.start_judged().await;
    let mut copier = greeted(&running, "10.1.2.3").await;
    let id = office.approved("10.1.2.3");
    is_answered(&mut copier, "250").await;
    copier.deliver("bob@example.org", LETTER.as_bytes()).await;

    for (message, stops) in [("A", false), ("B", false), ("B", false), ("C", true)] {
        let answer = running
            .ask(report(id, SeenAs::Spam, Some(12.5), message))
            .await
            .unwrap();
        assert_eq!(answer.done["suspended"], stops, "{message}: {:?}", answer.done);
    }
    // Live when it is told, not a second later.
    copier.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    assert_eq!(office.state(id), State::Suspended(Suspension::Abuse));
    assert_eq!(running.gateway.view().counts().held, 1);
    let told = running.logs("grant.step", 8).await;
    let last = told.last().unwrap();
    assert_eq!(
        (last["grant"].as_str(), last["to"].as_str()),
        (Some("pc-1001"), Some("suspended(abuse)"))
    );
    assert_eq!(last["by"], "rule abuse-spam");
    assert!(last["reason"].as_str().unwrap().ends_with("A, B, C"), "{last}");
    let samples = std::fs::read_dir(office.house.dir.path().join("spool/samples")).unwrap();
    assert_eq!(samples.count(), 4);

    gateway_house::eventually("four people are told", || {
        let told = letters(&office.inside);
        let alarmed = |who: &str| {
            told.iter()
                .any(|(to, subject)| to == who && subject.contains("suspended"))
        };
        [
            "tom@example.edu",
            "ann@example.edu",
            "dean@example.edu",
            "iso@example.edu",
        ]
        .into_iter()
        .all(alarmed)
    })
    .await;
    let one = &office.inside.letters()[0];
    assert_eq!(one.from, "");
    assert!(
        one.text().contains("\r\nAuto-Submitted: auto-generated\r\n"),
        "{}",
        one.text()
    );
    running.stop().await;
}
