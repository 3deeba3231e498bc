//! The built program while everybody comes at once, and while nobody takes its mail.
//!
//! A granted sender goes on sending, a connection for each message. All of its messages must be taken, and arrive while
//! the storm still blows; how many a second, with and without the storm, and what the gate needs for it, is printed and
//! never asserted. Behind each storm the gate has to become what it was before by itself.
//!
//! `PORTCULLIS_LONG` comes with ten thousand connections and a million messages; `PORTCULLIS_BINARY` names another
//! binary, as a release. `storms.md` and `storms-logins.md` in cargo's `tmp` folder gather what was seen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, missing_docs, unreachable_pub)]

#[path = "../peers/house/mod.rs"]
mod house;

mod backlog;
mod crowd;
mod enumeration;
mod gauge;
mod guesses;
mod names;
mod scene;
mod sender;
mod sink;
mod storm;
mod table;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crowd::Crowd;
use gauge::{Gauge, Seen};
use house::eventually_within;
use scene::Scene;
use sender::{Door, LOGIN, Proof, Sender, heard, plain};
use sink::Arrivals;
use storm::{Kind, Storm};
use table::Row;

/// Where mail arrives.
const ALIVE: &str = "bob@example.edu";
/// Where nobody says a word.
const DEAD: &str = "bob@dead.example.edu";
/// How long a destination that was dead may be left alone before it is tried again, and then take what waited for it.
const REVIVES_WITHIN: Duration = Duration::from_secs(300);
/// How long a crowd may take until the last of it is let in: each takes a core for some time, and half of them compute.
const ALL_INSIDE_WITHIN: Duration = Duration::from_secs(600);

#[test]
fn granted_senders_are_served_in_every_storm_and_it_passes_by_itself() {
    let scene = Scene::open();
    let strangers = scene.scale.sessions * 3 / 2;
    let begin = |kind| Storm::of_strangers(&scene.storms, kind, scene.front, strangers);
    for kind in [
        Kind::Silent,
        Kind::SlowCommands,
        Kind::SlowBodies,
        Kind::Resets,
        Kind::NeverPausing,
    ] {
        scene.endure(kind.title(), &scene.sender(ALIVE), || begin(kind));
    }
    // All this while the name server never answered. Now neither does the destination of the sender's mail.
    let title = "the same, the sender's mail for a dead host";
    scene.endure(title, &scene.sender(DEAD), || begin(Kind::Silent));
    let counts = scene.gate.command(&["queue", "counts"]);
    counts.expect_ok("an operator is heard");
}

#[test]
fn a_storm_of_guessed_passwords_stops_neither_mail_nor_who_knows_the_password() {
    let scene = Scene::open();
    let door = Door::of(&scene.gate);
    let begin = || guesses::begin(&scene.storms, &door, scene.scale.guessers);
    let program = Sender {
        to: ALIVE.to_owned(),
        proof: Proof::Password(door.clone()),
    };
    scene.endure("guessed passwords, a sender by password", &program, || {
        let storm = begin();
        storm.wait_until_it_blows();
        // What was proved is forgotten, so that its next login needs a hash in the midst of all the others.
        let reloaded = scene.gate.log().matches("config.reloaded").count();
        scene.gate.signal("HUP");
        house::eventually("the configuration to be read again", || {
            (scene.gate.log().matches("config.reloaded").count() > reloaded).then_some(())
        });
        storm
    });
    scene.endure("guessed passwords, a sender by address", &scene.sender(ALIVE), begin);
    // A hundred guesses in a row stop the login for whoever it does not know, until somebody has looked.
    let kept_out = scene.gate.command(&["logins", "list", "--json"]);
    let kept_out: serde_json::Value = serde_json::from_str(&kept_out.out).unwrap();
    let newcomer = |hears: &str| {
        scene.senders.block_on(async {
            let mut stream = door.enter([127, 0, 0, 77]).await.unwrap();
            heard(&mut stream, &plain(LOGIN, house::PASSWORD), hears).await.unwrap();
        });
    };
    if kept_out["stopped"].get(LOGIN).is_some() {
        newcomer("535");
        let release = scene
            .gate
            .command(&["logins", "release", LOGIN, "--reason", "its owner was asked"]);
        release.expect_ok("it is let go");
    }
    // Who never logged in before finds room again by itself.
    newcomer("235");
}

#[test]
fn people_who_log_in_all_at_once_get_in_and_keep_nobody_waiting_who_is_at_work() {
    let scene = Scene::open();
    let (door, people) = (Door::of(&scene.gate), scene.scale.people);
    for right in [true, false] {
        let stop = AtomicBool::new(false);
        let watching = |while_this: &mut (dyn FnMut() -> bool + Send)| {
            stop.store(false, Ordering::Relaxed);
            std::thread::scope(|threads| {
                let watch = || scene.senders.block_on(crowd::watch(&door, scene.front, &stop));
                let watch = threads.spawn(watch);
                eventually_within(ALL_INSIDE_WITHIN, "everybody to be let in", || {
                    (!while_this()).then_some(())
                });
                stop.store(true, Ordering::Relaxed);
                watch.join().unwrap()
            })
        };
        let began = Instant::now();
        let before = watching(&mut || began.elapsed() < scene.scale.watched);
        let began = Instant::now();
        let crowd = Crowd::gather(&scene.storms, &door, people, right);
        let during = watching(&mut || match right {
            true => crowd.inside() < people,
            false => began.elapsed() < scene.scale.watched,
        });
        let lasted = began.elapsed().as_secs_f64();
        assert_eq!(crowd.inside(), if right { people } else { 0 });
        let told = format!("{}, in {lasted:.0} s", crowd.end(&scene.storms));
        let title = format!("{people} with the {} password", if right { "right" } else { "wrong" });
        crowd::print(&title, &before, &during, &told);
    }
}

#[test]
fn who_tries_names_hears_the_same_of_those_that_exist_and_of_others() {
    let scene = Scene::open();
    let door = Door::of(&scene.gate);
    let kinds = scene.senders.block_on(enumeration::compare(&door, scene.scale.tries));
    let all = kinds.iter().flatten();
    let said: std::collections::BTreeSet<_> = all.map(|(_, said)| said).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    enumeration::print(&kinds);
}

#[test]
fn a_destination_that_hangs_holds_up_nobody_else_and_gets_its_mail_when_it_wakes_up() {
    let mut scene = Scene::open();
    let messages = scene.scale.dead;
    let revived = Arrivals::default();
    let title = format!("{messages} messages for a host that hangs");
    let mute = scene.mute.take().unwrap();
    outlast(
        &scene,
        &title,
        messages,
        |_| DEAD.to_owned(),
        || {
            revived.serve(&scene.servers, mute);
            let revived = &revived;
            move || revived.count()
        },
    );
}

#[test]
fn a_name_server_that_never_answers_holds_up_only_whom_it_is_asked_about() {
    let mut scene = Scene::open();
    let messages = scene.scale.nameless;
    let title = format!("{messages} messages for names nobody tells");
    let deaf = scene.deaf.take().unwrap();
    outlast(
        &scene,
        &title,
        messages,
        |number| format!("bob@d{number}.example"),
        || {
            let before = scene.inside.count();
            names::wake(&scene.servers, deaf);
            // There are no such names, and the sender of each message hears of it.
            let inside = &scene.inside;
            move || inside.count() - before
        },
    );
}

/// Fills the queue with mail that nobody takes, and watches the sender before and then; then `wake` wakes up whoever
/// slept, and says how to see how many of the messages came to an end.
fn outlast<F: Fn() -> usize>(
    scene: &Scene,
    title: &str,
    messages: usize,
    to: fn(usize) -> String,
    wake: impl FnOnce() -> F,
) {
    let gauge = Gauge::of(&scene.gate);
    let sender = scene.sender(ALIVE);
    let before = scene.watch(&sender);
    scene.arrives(&before);
    let rest = gauge.look();
    let looking = gauge.watch();
    scene.senders.block_on(backlog::fill(scene.relay(), messages, to));
    let during = scene.watch(&sender);
    scene.arrives(&during);
    let worst = looking.worst();
    let ended = wake();
    let waited_for = scene.scale.revived.min(messages);
    eventually_within(REVIVES_WITHIN, "what waited to go out", || {
        (ended() >= waited_for).then_some(())
    });
    let behind: Seen = gauge.look();
    let row = Row {
        storm: title,
        before: &before,
        during: &during,
        rest,
        worst,
        behind,
        told: format!("{waited_for} waited for when it woke up, {} seen", ended()),
    };
    row.print();
    scene.judge(&row, messages);
}
