//! Stories of letters that get through, and of those that do not at first.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod house;

use std::time::Duration;

use house::*;
use mail::{BodyType, ForwardPath, Notify};
use outbound::route::{Endpoint, Route, Routes, Target, TlsPolicy};
use outbound::{Concurrency, Config};
use spool::{Outcome, State};
use world::sim::Fault;

fn outcome(state: &State) -> Option<Outcome> {
    match state {
        State::Done { outcome, .. } => Some(*outcome),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_letter_goes_to_the_best_host_of_its_domain() {
    let house = House::usual().await;
    let (mx1, mx2) = (Peer::usual(), Peer::usual());
    mx1.listen(&house.world, MX1).await;
    mx2.listen(&house.world, MX2).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
    let letters = mx1.letters();
    assert_eq!(letters.len(), 1);
    assert!(letters[0].from.starts_with("<erp@example.edu>"), "{}", letters[0].from);
    assert_eq!(letters[0].to, ["<bob@example.org>"]);
    assert_eq!(
        letters[0].body,
        "From: erp@example.edu\r\nSubject: Invoice 7\r\n\r\nHello.\r\n"
    );
    assert!(mx2.letters().is_empty());
    assert!(house.desk.texts().is_empty(), "nobody asked to hear of success");
    assert_eq!(house.events.count("delivered"), 1);
    house.close().await;
}

#[tokio::test(start_paused = true)]
async fn where_the_first_host_is_away_the_second_gets_it() {
    let house = House::usual().await;
    let mx2 = Peer::usual();
    mx2.listen(&house.world, MX2).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
    assert_eq!(mx2.letters().len(), 1);
    let attempts = house.story(id).await.recipients[0].attempts.clone();
    assert_eq!(
        (&*attempts[0].host, attempts[0].ip),
        ("mx2.example.org", Some("192.0.2.2".parse().unwrap()))
    );
}

#[tokio::test(start_paused = true)]
async fn where_the_first_host_breaks_off_the_second_gets_it() {
    let house = House::usual().await;
    let mx1 = Peer::answering(|_, line| (line == "DATA").then(|| "drop".into()));
    let mx2 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    mx2.listen(&house.world, MX2).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
    assert_eq!((mx1.letters().len(), mx2.letters().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_4yz_is_tried_again_on_schedule_until_it_is_taken() {
    let house = House::usual().await;
    let times = std::sync::atomic::AtomicUsize::new(0);
    let mx1 = Peer::answering(move |_, line| {
        let refuse = line.starts_with("RCPT") && times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 3;
        refuse.then(|| "450 4.2.1 Greylisted, come back".into())
    });
    mx1.listen(&house.world, MX1).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(3 * HOUR).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
    let attempts = house.story(id).await.recipients[0].attempts.clone();
    assert_eq!(attempts.len(), 4);
    assert!(attempts[0].reply.contains("Greylisted"), "{}", attempts[0].reply);
    let pauses: Vec<i64> = attempts
        .windows(2)
        .map(|two| (two[1].at.0 - two[0].at.0) / 1000)
        .collect();
    for (pause, regular) in pauses.iter().zip([300, 900, 1800]) {
        assert!(
            (regular * 9 / 10 - 1..=regular * 11 / 10 + 1).contains(pause),
            "{pauses:?}"
        );
    }
    assert_eq!(house.events.count("deferred"), 3);
}

#[tokio::test(start_paused = true)]
async fn recipients_fare_each_by_their_own() {
    let house = House::usual().await;
    let mx1 = Peer::answering(|_, line| match line {
        line if line.starts_with("RCPT TO:<gone@") => Some("550 5.1.1 No such user".into()),
        line if line.starts_with("RCPT TO:<late@") => Some("450 4.2.1 Later".into()),
        _ => None,
    });
    mx1.listen(&house.world, MX1).await;
    let id = house
        .send(&["bob@example.org", "gone@example.org", "late@example.org"])
        .await;
    house.pass(MINUTE).await;
    let story = house.story(id).await;
    assert_eq!(outcome(&story.recipients[0].state), Some(Outcome::Delivered));
    assert_eq!(outcome(&story.recipients[1].state), Some(Outcome::Failed));
    assert!(matches!(story.recipients[2].state, State::Deferred { .. }));
    assert_eq!(mx1.letters()[0].to, ["<bob@example.org>"]);
    assert_eq!(mx1.notes().said("MAIL"), 1, "all in one transaction");
    let texts = house.desk.texts();
    assert_eq!(texts.len(), 1);
    assert!(texts[0].2.contains("gone@example.org") && !texts[0].2.contains("late@example.org"));
}

#[tokio::test(start_paused = true)]
async fn domains_with_the_same_hosts_share_a_transaction_and_large_lists_are_split() {
    let dns = usual_dns()
        .with_mx(name("example.net"), 10, name("mx1.example.org"))
        .with_mx(name("example.net"), 20, name("mx2.example.org"));
    let house = House::open(usual_config(), dns).await;
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    let mut to: Vec<String> = (0..150).map(|n| format!("u{n}@example.org")).collect();
    to.push("x@example.net".into());
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    house.send(&to).await;
    house.pass(MINUTE).await;
    let sizes: Vec<usize> = mx1.letters().iter().map(|letter| letter.to.len()).collect();
    assert_eq!(sizes, [100, 51]);
    assert_eq!(mx1.notes().connections.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_few_recipients_gets_the_rest_at_once() {
    let house = House::usual().await;
    let limited = Peer::with(&["PIPELINING", "LIMITS RCPTMAX=2"], |_, _| None);
    limited.listen(&house.world, MX1).await;
    let grudging = Peer::answering({
        let seen = std::sync::Mutex::new(0);
        move |_, line| {
            let mut seen = seen.lock().unwrap();
            *seen = if line.starts_with("MAIL") {
                0
            } else {
                *seen + usize::from(line.starts_with("RCPT"))
            };
            (line.starts_with("RCPT") && *seen > 2).then(|| "452 4.5.3 Too many recipients".into())
        }
    });
    grudging.listen(&house.world, INSIDE).await;
    let id = house.send(&["a@example.org", "b@example.org", "c@example.org"]).await;
    let other = house.send(&["a@example.edu", "b@example.edu", "c@example.edu"]).await;
    house.pass(MINUTE).await;
    for id in [id, other] {
        let story = house.story(id).await;
        assert!(
            story
                .recipients
                .iter()
                .all(|it| outcome(&it.state) == Some(Outcome::Delivered))
        );
    }
    let sizes = |peer: &Peer| peer.letters().iter().map(|letter| letter.to.len()).collect::<Vec<_>>();
    assert_eq!((sizes(&limited), sizes(&grudging)), (vec![2, 1], vec![2, 1]));
}

#[tokio::test(start_paused = true)]
async fn letters_that_follow_each_other_share_a_connection() {
    let house = House::usual().await;
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    for _ in 0..5 {
        house.send(&["bob@example.org"]).await;
        house.pass(Duration::from_secs(10)).await;
    }
    assert_eq!((mx1.letters().len(), mx1.notes().connections.len()), (5, 1));
    assert_eq!(mx1.notes().said("QUIT"), 0);
    house.pass(6 * MINUTE).await;
    assert_eq!(mx1.notes().said("QUIT"), 1, "an idle connection is ended");
    house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert_eq!((mx1.letters().len(), mx1.notes().connections.len()), (6, 2));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_connection_that_died_costs_no_attempt() {
    let house = House::usual().await;
    // The first connection closes behind its first letter, as a server with a short patience does.
    let mx1 = Peer::answering(|connection, line| {
        (connection == 0 && line.starts_with("MAIL FROM:<second")).then(|| "drop".into())
    });
    mx1.listen(&house.world, MX1).await;
    house.send(&["bob@example.org"]).await;
    house.pass(Duration::from_secs(10)).await;
    let id = house
        .send_letter(&["bob@example.org"], |letter| {
            letter.reverse = mail::ReversePath::Mailbox(mailbox("second@example.edu"));
        })
        .await;
    house.pass(Duration::from_secs(10)).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
    assert_eq!(mx1.notes().connections.len(), 2);
    assert_eq!(house.events.count("deferred"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_carries_a_hundred_letters() {
    let config = Config {
        concurrency: Concurrency {
            first: 1,
            most: 1,
            ..Concurrency::default()
        },
        ..usual_config()
    };
    let house = House::open(config, usual_dns()).await;
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    for _ in 0..150 {
        house.send(&["bob@example.org"]).await;
    }
    house.pass(10 * MINUTE).await;
    let notes = mx1.notes();
    assert_eq!(notes.letters.len(), 150);
    assert_eq!(
        notes.letters.iter().filter(|letter| letter.connection == 0).count(),
        100
    );
    assert_eq!(notes.connections.len(), 2);
    assert_eq!(notes.open_most, 1, "one at a time");
}

#[tokio::test(start_paused = true)]
async fn a_burst_drains_as_fast_as_the_destination_takes_it() {
    let house = House::usual().await;
    house.handles.net.set_latency(Duration::from_millis(1));
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    for _ in 0..3000 {
        house.send(&["bob@example.org"]).await;
    }
    let begun = house.world.clock.monotonic();
    while mx1.notes().letters.len() < 3000 {
        house.pass(Duration::from_millis(10)).await;
    }
    // Twenty at a time with some milliseconds each; what is lost by waiting for turns stays small beside that.
    let took = house.world.clock.monotonic() - begun;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(mx1.notes().open_most <= 20);
    assert_eq!(house.events.count("deferred"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_login_is_never_said_in_the_clear() {
    let login = smtp::client::Login::new("gate", "not for everybody").unwrap();
    let route = Route {
        login: Some(login),
        ..Route::new("smart", vec![], Target::Mx)
    };
    let house = House::open(
        Config {
            routes: Routes::new(vec![route], None),
            ..usual_config()
        },
        usual_dns(),
    )
    .await;
    let mx1 = Peer::with(&["AUTH PLAIN LOGIN"], |_, _| None);
    mx1.listen(&house.world, MX1).await;
    let id = house.send(&["bob@example.org"]).await;
    house.pass(MINUTE).await;
    assert!(matches!(house.state(id).await, State::Deferred { .. }));
    let notes = mx1.notes();
    assert_eq!((notes.said("AUTH"), notes.said("MAIL")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dead_destination_with_much_mail_is_asked_a_few_times_only() {
    let house = House::usual().await;
    house.handles.net.set_fault(at(MX1), Some(Fault::Hang));
    house.handles.net.set_fault(at(MX2), Some(Fault::Hang));
    for _ in 0..500 {
        house.send(&["bob@example.org"]).await;
    }
    house.pass(HOUR).await;
    assert_eq!(house.events.count("attempted"), 0);
    assert_eq!(house.outbound.control().resting_destinations().len(), 1);
    let tried = house
        .events
        .heard()
        .iter()
        .filter(|line| line.starts_with("deferred"))
        .filter(|line| !line.contains("not tried"))
        .count();
    assert!(tried < 30, "{tried} tries for 500 letters");
    let told = house
        .events
        .heard()
        .iter()
        .filter(|line| line.contains("not tried"))
        .count();
    assert!(told >= 500, "every letter's story says why: {told}");

    // It comes back; within the longest pause and the pauses of the schedule everything is delivered.
    house.handles.net.set_fault(at(MX1), None);
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    house.pass(6 * HOUR).await;
    assert_eq!(mx1.letters().len(), 500);
}

#[tokio::test(start_paused = true)]
async fn a_421_halves_what_a_destination_gets() {
    let config = Config {
        concurrency: Concurrency {
            first: 8,
            ..Concurrency::default()
        },
        ..usual_config()
    };
    let house = House::open(config, usual_dns()).await;
    let mx1 = Peer::answering(|_, line| match line {
        line if line.starts_with("MAIL FROM:<bulk") => Some("421 4.7.0 Slow down".into()),
        _ => None,
    });
    mx1.listen(&house.world, MX1).await;
    for _ in 0..3 {
        house
            .send_letter(&["bob@example.org"], |letter| {
                letter.reverse = mail::ReversePath::Mailbox(mailbox("bulk@example.edu"));
            })
            .await;
    }
    house.pass(Duration::from_secs(2)).await;
    assert_eq!(house.events.count("deferred"), 3);
    let slow = Peer::usual();
    mx1.notes().open_most = 0;
    drop(slow);
    house.handles.net.set_latency(Duration::from_millis(100));
    for _ in 0..20 {
        house.send(&["bob@example.org"]).await;
    }
    house.pass(Duration::from_millis(500)).await;
    assert!(mx1.notes().open_most <= 1, "8, then 4, 2, 1: {}", mx1.notes().open_most);
    house.pass(5 * MINUTE).await;
    assert!(mx1.notes().open_most > 1, "and more again while it goes well");
}

#[tokio::test(start_paused = true)]
async fn tls_that_is_required_and_not_offered_never_leads_to_mail() {
    for policy in [TlsPolicy::Require, TlsPolicy::Verify] {
        let route = Route {
            tls: policy,
            ..Route::new("internet", vec![], Target::Mx)
        };
        let config = Config {
            routes: Routes::new(vec![route], None),
            ..usual_config()
        };
        let house = House::open(config, usual_dns()).await;
        let mx1 = Peer::usual();
        mx1.listen(&house.world, MX1).await;
        let id = house.send(&["bob@example.org"]).await;
        house.pass(4 * HOUR).await;
        assert!(
            matches!(house.state(id).await, State::Deferred { .. }),
            "it waits for the operator"
        );
        assert_eq!(mx1.notes().said("MAIL"), 0);
        assert!(mx1.notes().connections.len() > 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_route_goes_to_its_hosts_and_asks_no_dns() {
    let host = |port| Endpoint {
        host: mail::Host::parse("[192.0.2.99]").unwrap(),
        port,
    };
    let pattern = mail::DomainPattern::parse("chem.example.edu").unwrap();
    let route = Route::new("chemistry", vec![pattern], Target::Hosts(vec![host(2500), host(2501)]));
    let config = Config {
        routes: Routes::new(vec![route], None),
        ..usual_config()
    };
    let house = House::open(config, usual_dns()).await;
    let second = Peer::usual();
    second.listen(&house.world, "192.0.2.99:2501").await;
    let id = house.send(&["bob@chem.example.edu"]).await;
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
}

#[tokio::test(start_paused = true)]
async fn a_suspended_route_waits_and_goes_on_when_resumed() {
    let house = House::usual().await;
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    let control = house.outbound.control();
    control.suspend_route("internet".into());
    house.send(&["bob@example.org"]).await;
    house.pass(HOUR).await;
    assert!(mx1.letters().is_empty());
    assert!(control.resume_route(&"internet".into()));
    house.pass(2 * MINUTE).await;
    assert_eq!(mx1.letters().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn eight_bit_mail_is_converted_for_old_peers_only_where_that_is_allowed() {
    let text = "From: erp@example.edu\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                Content-Transfer-Encoding: 8bit\r\n\r\nGr\u{fc}\u{df}e\r\n";
    let eight_bit = |letter: &mut spool::Letter| letter.content.has_8bit = true;
    let house = House::usual().await;
    let old = Peer::with(&["SIZE 1000000"], |_, _| None);
    old.listen(&house.world, MX1).await;
    let granted = house.send_text(text, &["bob@example.org"], eight_bit).await;
    let signed = house
        .send_text(text, &["bob@example.org"], |letter| {
            eight_bit(letter);
            letter.content.signed = true;
        })
        .await;
    let foreign = house
        .send_text(text, &["bob@example.org"], |letter| {
            eight_bit(letter);
            letter.recipients[0].permit = permit(false);
        })
        .await;
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(granted).await), Some(Outcome::Delivered));
    assert_eq!(outcome(&house.state(signed).await), Some(Outcome::Failed));
    assert_eq!(outcome(&house.state(foreign).await), Some(Outcome::Failed));
    let letters = old.letters();
    assert_eq!(letters.len(), 1);
    assert!(
        letters[0].body.is_ascii() && letters[0].body.contains("Content-Transfer-Encoding: base64"),
        "{}",
        letters[0].body
    );
    assert!(
        house
            .events
            .heard()
            .iter()
            .any(|line| line.starts_with("failed") && line.contains("5.6.3"))
    );

    let modern = Peer::usual();
    modern.listen(&house.world, INSIDE).await;
    house
        .send_text(text, &["bob@example.edu"], |letter| {
            eight_bit(letter);
            letter.params.body = BodyType::EightBitMime;
        })
        .await;
    house.pass(MINUTE).await;
    assert!(modern.letters()[0].from.contains("BODY=8BITMIME"));
    assert_eq!(modern.letters()[0].body, text);
}

#[tokio::test(start_paused = true)]
async fn internationalised_mail_is_never_downgraded() {
    let house = House::usual().await;
    let old = Peer::with(&["8BITMIME"], |_, _| None);
    old.listen(&house.world, MX1).await;
    let wide = |letter: &mut spool::Letter| {
        letter.params.smtputf8 = true;
        letter.content.has_8bit = true;
    };
    let needs = house
        .send_text("Subject: Gr\u{fc}\u{df}e\r\n\r\n\r\n", &["bob@example.org"], wide)
        .await;
    let asked_on_the_chance = house
        .send_letter(&["bob@example.org"], |letter| {
            letter.params.smtputf8 = true;
        })
        .await;
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(needs).await), Some(Outcome::Failed));
    assert_eq!(
        outcome(&house.state(asked_on_the_chance).await),
        Some(Outcome::Delivered)
    );
    assert!(house.events.heard().iter().any(|line| line.contains("5.6.7")));
}

#[tokio::test(start_paused = true)]
async fn postmaster_without_a_domain_is_ours() {
    let house = House::usual().await;
    let inside = Peer::usual();
    inside.listen(&house.world, INSIDE).await;
    let id = house.send(&["postmaster"]).await;
    house.pass(MINUTE).await;
    assert_eq!(outcome(&house.state(id).await), Some(Outcome::Delivered));
    assert_eq!(house.story(id).await.recipients[0].path, ForwardPath::Postmaster);
}

#[tokio::test(start_paused = true)]
async fn what_the_sender_wants_to_hear_is_passed_on() {
    let house = House::usual().await;
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    house
        .send_letter(&["bob@example.org"], |letter| {
            letter.recipients[0].params.notify = Some(Notify::On {
                success: true,
                failure: false,
                delay: false,
            });
        })
        .await;
    house.pass(MINUTE).await;
    assert!(
        mx1.letters()[0].to[0].contains("NOTIFY=SUCCESS"),
        "{:?}",
        mx1.letters()[0].to
    );
    assert!(house.desk.texts().is_empty(), "the next hop tells it");
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_ends_finishes_what_is_under_way() {
    let house = House::usual().await;
    house.handles.net.set_latency(Duration::from_secs(1));
    let mx1 = Peer::usual();
    mx1.listen(&house.world, MX1).await;
    house.send(&["bob@example.org"]).await;
    house.pass(Duration::from_secs(3)).await;
    assert!(mx1.letters().is_empty());
    house.close().await;
    assert_eq!(mx1.letters().len(), 1);
}

#[test]
fn the_same_seed_gives_the_same_story() {
    async fn story() -> Vec<String> {
        let house = House::usual().await;
        let mx1 = Peer::answering(|_, line| line.starts_with("RCPT TO:<late").then(|| "450 4.2.1 Later".into()));
        mx1.listen(&house.world, MX1).await;
        for n in 0..30 {
            house
                .send(&[&format!("u{n}@example.org"), "late@example.org", "x@nowhere.example"])
                .await;
        }
        house.pass(DAY).await;
        house.events.heard()
    }
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(story())
    };
    let (one, other) = (run(), run());
    let parting = one.iter().zip(&other).position(|(a, b)| a != b);
    assert_eq!((parting, one.len()), (None, other.len()));
}
