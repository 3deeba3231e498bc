//! Grants of the file, stopped from the registry.

use registry::{Event, State};

use crate::gateway_house::{self, LETTER, Peer, grant};
use crate::office::{Office, admin, greeted, is_answered, officer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_file_has_already_is_left_out_alone_and_both_sources_stay_whatever_changes() {
    let office = Office::new().await;
    office.write(&grant("scanner", "10.1.2.4"));
    let running = office.house.start_judged().await;
    let (one, taken) = (office.approved("10.1.2.3"), office.approved("10.1.2.4"));
    let mut copier = greeted(&running, "10.1.2.3").await;
    is_answered(&mut copier, "250").await;
    office.stands(taken, State::Provisioned).await;
    let left_out = running.logs("grant.left_out", 1).await;
    assert_eq!(left_out[0]["grant"], taken.to_string());
    assert!(
        left_out[0]["why"]
            .as_str()
            .unwrap()
            .contains("scanner claims the same client"),
        "{left_out:?}"
    );
    let troubles = running.gateway.desk().troubles().await;
    assert!(
        troubles.iter().any(|what| what.contains("pc-1002 does not serve")),
        "{troubles:?}"
    );

    // The file changes, and the registry's grants stay; then the registry changes, and the file's stay.
    office.write("");
    assert_eq!(running.gateway.reload().await.unwrap(), "generation 2 serves");
    copier.ask("MAIL FROM:<scan@example.edu>", "250").await;
    copier.ask("RSET", "250").await;
    let mut second = greeted(&running, "10.1.2.4").await;
    second.ask("MAIL FROM:<scan@example.edu>", "250").await;
    second.ask("RSET", "250").await;
    assert_eq!(
        running.logs("grant.left_out", 2).await[1]["why"],
        serde_json::Value::Null
    );
    let reason = "moved".into();
    office.act(taken, Event::Revoke { reason }, &admin());
    is_answered(&mut second, "554").await;
    copier.ask("MAIL FROM:<scan@example.edu>", "250").await;
    assert_eq!(running.gateway.admission().snapshot().generation().0, 2);
    assert!(office.state(one).admits_mail());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_of_the_file_is_stopped_from_the_registry_in_an_open_session_and_its_queue_is_held() {
    let mut office = Office::new().await;
    let away = Peer::answering(|line| (line == "connect").then_some("421 4.3.2 later")).await;
    office.house.outside = away.address;
    office.write(&(grant("scanner", "10.1.2.4") + &grant("second", "10.1.2.5")));
    let running = office.house.start_judged().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.deliver("bob@example.org", LETTER.as_bytes()).await;

    let now = office.now();
    let stopped = office.desk().suspend_pinned("scanner", "phish", &officer(), now);
    stopped.unwrap();
    is_answered(&mut scanner, "554 5.7.1").await;
    gateway_house::eventually("its queue is held", || running.gateway.view().counts().held == 1).await;
    let told = running.logs("grant.step", 1).await;
    let said = |line: &serde_json::Value| {
        ["grant", "what", "to", "by", "reason"].map(|key| line[key].as_str().unwrap().to_owned())
    };
    let officer_said = "iso@example.edu (security officer)";
    assert_eq!(
        said(&told[0]),
        ["scanner", "suspend", "suspended(operator)", officer_said, "phish"]
    );

    // Whatever the file says meanwhile.
    office.write(&grant("scanner", "10.1.2.4"));
    running.gateway.reload().await.unwrap();
    scanner.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    let again = office.desk().reinstate_pinned("scanner", "mended", &admin(), now);
    again.unwrap();
    is_answered(&mut scanner, "250").await;
    let told = running.logs("grant.step", 2).await;
    assert_eq!(told[1]["to"], "active");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stopped_stays_so_at_a_start_at_which_the_registry_cannot_be_read() {
    let office = Office::new().await;
    office.write(&grant("scanner", "10.1.2.4"));
    let running = office.house.start_judged().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    let now = office.now();
    office
        .desk()
        .suspend_pinned("scanner", "phish", &officer(), now)
        .unwrap();
    is_answered(&mut scanner, "554 5.7.1").await;
    running.stop().await;

    let text = std::fs::read_to_string(office.house.file()).unwrap();
    let elsewhere = text.replace("registry.sqlite", "gate.toml/registry.sqlite");
    office.house.write(&elsewhere);
    let running = office.house.start().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.ask("MAIL FROM:<scan@example.edu>", "554 5.7.1").await;
    running.stop().await;

    // What was let go on is not stopped by what was remembered.
    office.house.write(&text);
    office
        .desk()
        .reinstate_pinned("scanner", "mended", &officer(), now)
        .unwrap();
    let running = office.house.start().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.ask("MAIL FROM:<scan@example.edu>", "250").await;
    running.stop().await;
    office.house.write(&elsewhere);
    let running = office.house.start().await;
    let mut scanner = greeted(&running, "10.1.2.4").await;
    scanner.ask("MAIL FROM:<scan@example.edu>", "250").await;
    running.stop().await;
}
