//! The registry's own letters, and what comes of them.

use std::time::Duration;

use registry::State;

use crate::gateway_house::{self, Client, Peer};
use crate::office::Office;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_comes_back_marks_its_reader_and_the_grant_is_somebodys_to_look_after() {
    let mut office = Office::new().await;
    office.inside = Peer::answering(|line| line.contains("tom@").then_some("550 5.1.1 no such user")).await;
    office.house.inside = office.inside.address;
    office.write("");
    let running = office.house.start_judged().await;
    let id = office.approved("10.1.2.3");
    office.stands(id, State::Provisioned).await;
    gateway_house::eventually("the contact is marked", || {
        let unreachable = office.desk().store().unreachable().unwrap();
        unreachable.iter().any(|(address, _)| &**address == "tom@example.edu")
    })
    .await;
    gateway_house::eventually("nobody answers for it", || office.get(id).case.orphan.is_some()).await;
    running.stop().await;
}

/// A mail server reports that it could not deliver a letter, after it had taken it.
fn came_back(message: &str, to: &str) -> String {
    format!(
        "From: <MAILER-DAEMON@mail.example.org>\r\nSubject: Undelivered\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\r\n\r\n\
         --B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mail.example.org\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --B\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message}\r\n\r\n--B--\r\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_comes_back_later_marks_its_reader_and_an_answer_is_noted_in_its_case() {
    let office = Office::new().await;
    let text = std::fs::read_to_string(office.house.file()).unwrap();
    office
        .house
        .write(&text.replace("[registry]\n", "[registry]\npost = \"grants@example.edu\"\n"));
    let running = office.house.start_judged().await;
    let id = office.approved("10.1.2.3");
    office.stands(id, State::Provisioned).await;
    let to_tom = || {
        let letters = office.inside.letters();
        letters
            .into_iter()
            .find(|letter| letter.to.iter().any(|to| to.contains("tom@")))
    };
    gateway_house::eventually("the settings are there", || to_tom().is_some()).await;
    let letter = to_tom().unwrap();
    assert!(letter.from.contains("grants@example.edu"), "{}", letter.from);
    let text = letter.text();
    let message = text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();

    let arrives = async |from: &str, octets: &str| {
        let mut server = Client::connect(running.address("mx"), "127.0.0.1").await;
        server.expect("220").await;
        server.ask("EHLO mail.example.org", "250").await;
        server.ask(&format!("MAIL FROM:<{from}>"), "250").await;
        server.ask("RCPT TO:<Grants@example.edu>", "250").await;
        server.ask("DATA", "354").await;
        server.say(octets.as_bytes()).await;
        server.ask(".", "250").await;
    };
    let unreachable = || -> Vec<String> {
        let all = office.desk().store().unreachable().unwrap();
        all.into_iter().map(|(address, _)| address.into()).collect()
    };
    let answer = |more: &str| {
        format!(
            "From: Tom <tom@example.org>\r\nSubject: Re: it works\r\nIn-Reply-To: {message}\r\n{more}\r\nThank you.\r\n"
        )
    };
    // A report about a letter that we never wrote, one about somebody who is no contact of the case, and a program's word.
    arrives("", &came_back("<letter-0@gate.example.edu>", "olga@example.edu")).await;
    arrives("", &came_back(message, "president@example.edu")).await;
    arrives("tom@example.org", &answer("Auto-Submitted: auto-replied\r\n")).await;
    arrives("", &came_back(message, "tom@example.edu")).await;
    arrives("tom@example.org", &answer("")).await;
    gateway_house::eventually("both are noted", || {
        office.clock.advance_wall(Duration::from_secs(1));
        let history = office.desk().store().history(id).unwrap();
        !unreachable().is_empty() && history.iter().any(|step| step.event == "answer")
    })
    .await;
    assert_eq!(unreachable(), ["tom@example.edu"]);
    let history = office.desk().store().history(id).unwrap();
    let answers: Vec<_> = history.iter().filter(|step| step.event == "answer").collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].said.as_deref(), Some("Tom <tom@example.org>: Re: it works"));
    // People read all of it: it goes on to their mailbox.
    let to_people = || {
        let letters = office.inside.letters();
        letters
            .iter()
            .filter(|letter| letter.to.iter().any(|to| to.contains("Grants@")))
            .count()
    };
    gateway_house::eventually("it arrives", || to_people() == 5).await;
    running.stop().await;
}
