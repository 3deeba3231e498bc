//! Who comes, when, and with what.

use std::net::IpAddr;
use std::time::Duration;

use super::letter::{Author, letter};
use super::{Letter, Login, Manner, Session};
use crate::dice::Dice;
use crate::town::{Door, SECRET};

/// Recipients of ours.
const INSIDE: &[&str] = &[
    "anna@example.edu",
    "bert@example.edu",
    "head@chem.example.edu",
    "it@chem.example.edu",
    "postmaster@example.edu",
    "late@example.edu",
    "nobody@example.edu",
    "ghost@chem.example.edu",
];
/// Recipients elsewhere.
const OUTSIDE: &[&str] = &[
    "bob@example.org",
    "carl@example.net",
    "pat@partner.example",
    "mo@moving.example",
    "nobody@example.org",
    "full@example.net",
    "late@example.org",
    "x@silent.example",
    "y@no-such.example",
    "zoe@example.org",
    "office@alumni.example.org",
];
/// Senders elsewhere.
const STRANGERS: &[&str] = &[
    "eve@example.net",
    "mallory@example.org",
    "ghost@no-such.example",
    "tim@silent.example",
    "late@example.net",
];
/// What relay testers ask for, at the front gate.
const TRICKS: &[&str] = &[
    "bob@example.org",
    "bob%example.org@example.edu",
    "@gate.example.edu:bob@example.org",
    "example.org!bob@example.edu",
    "\"bob@example.org\"@example.edu",
    "bob@example.org@example.edu",
    "bob@[198.51.100.1]",
    "bob@example.org.",
    "postmaster@example.org",
    "anna@EXAMPLE.edu%example.org",
];

/// A kind of client and how often it comes.
#[derive(Clone, Copy)]
enum Kind {
    Program(&'static str, &'static str),
    Device(&'static str, &'static str, &'static str),
    Stranger,
    Bouncer,
    Trickster,
    Forger,
    Thief,
    Guesser,
    Campus,
    Loginless,
    Several,
}

const KINDS: &[(u64, Kind)] = &[
    (14, Kind::Program("billing", "billing@example.edu")),
    (6, Kind::Program("crm", "news@example.edu")),
    (6, Kind::Program("anna", "anna@example.edu")),
    (4, Kind::Program("erp", "erp@example.edu")),
    (10, Kind::Device("copier", "10.20.3.14", "scan@example.edu")),
    (5, Kind::Device("fax", "10.20.3.15", "fax@example.edu")),
    (7, Kind::Device("ups", "10.20.3.16", "ups@example.edu")),
    (4, Kind::Device("ending", "10.20.3.17", "scan@example.edu")),
    (3, Kind::Device("coming", "10.20.3.18", "scan@example.edu")),
    (16, Kind::Stranger),
    (3, Kind::Bouncer),
    (6, Kind::Trickster),
    (2, Kind::Forger),
    (3, Kind::Thief),
    (1, Kind::Guesser),
    (5, Kind::Campus),
    (1, Kind::Loginless),
    (3, Kind::Several),
];

/// Sessions over this span, about as many as are asked for.
#[must_use]
pub fn crowd(seed: u64, sessions: u64, span: Duration) -> Vec<Session> {
    let dice = Dice::of(seed, "crowd");
    let mut numbers = 0;
    (0..sessions)
        .filter_map(|_| {
            let kind = dice.weighted(KINDS)?;
            let at = dice.moment(span);
            Some(session(&dice, kind, at, &mut numbers))
        })
        .collect()
}

fn session(dice: &Dice, kind: Kind, at: Duration, numbers: &mut u32) -> Session {
    let outsider = IpAddr::from([203, 0, 113, u8::try_from(dice.within(1, 30)).unwrap_or(1)]);
    let manner = manner(dice);
    let mut one = Session {
        client: "stranger",
        at,
        ip: outsider,
        door: Door::Mx,
        login: None,
        manner,
        letters: Vec::new(),
    };
    let count = dice.weighted(&[(7, 1), (2, 2), (1, 3)]).unwrap_or(1);
    for _ in 0..count {
        *numbers += 1;
        let letter = arrange(dice, kind, &mut one, *numbers);
        one.letters.push(letter);
    }
    one
}

/// Arranges the session for its kind, and writes one letter.
fn arrange(dice: &Dice, kind: Kind, one: &mut Session, number: u32) -> Letter {
    let inside = || dice.word(INSIDE);
    let both = || {
        if dice.chance(45) {
            dice.word(INSIDE)
        } else {
            dice.word(OUTSIDE)
        }
    };
    match kind {
        Kind::Program(name, from) => {
            one.client = name;
            one.ip = IpAddr::from([10, 3, 0, 7]);
            one.door = *dice
                .pick(&[Door::Submission, Door::Submissions, Door::Campus])
                .unwrap_or(&Door::Submission);
            if one.door == Door::Campus {
                one.door = Door::Submission;
            }
            one.manner.bare_lf = false;
            one.manner.old = false;
            one.login = Some(Login {
                name,
                secret: SECRET,
                two_steps: dice.chance(30),
            });
            let author = if dice.chance(4) {
                Author::Other("boss@example.edu")
            } else {
                Author::Sender
            };
            let from = if dice.chance(4) { "boss@example.org" } else { from };
            letter(dice, number, from, several(dice, both), author)
        }
        Kind::Device(name, ip, from) => {
            one.client = name;
            one.ip = ip.parse().unwrap_or(one.ip);
            one.door = if dice.chance(70) { Door::Devices } else { Door::Campus };
            one.manner.bare_lf = dice.chance(20) && !one.manner.chunks;
            let author = if dice.chance(25) {
                Author::Nobody
            } else {
                Author::Sender
            };
            let from = if dice.chance(4) { "anna@example.edu" } else { from };
            letter(dice, number, from, several(dice, both), author)
        }
        Kind::Stranger => {
            one.client = "stranger";
            let to = if dice.chance(20) {
                vec![dice.word(&["alumni@example.edu", "guests@example.edu", "postmaster"])]
            } else {
                several(dice, inside)
            };
            letter(dice, number, dice.word(STRANGERS), to, Author::Sender)
        }
        Kind::Bouncer => {
            one.client = "bouncer";
            letter(dice, number, "", vec![inside()], Author::Sender)
        }
        Kind::Trickster => {
            one.client = "trickster";
            let from = dice.word(&["eve@example.net", "anna@example.edu", "postmaster@example.edu", ""]);
            if dice.chance(30) {
                one.ip = IpAddr::from([10, 20, 9, 9]);
                one.door = if dice.chance(50) { Door::Devices } else { Door::Campus };
            }
            letter(dice, number, from, several(dice, || dice.word(TRICKS)), Author::Sender)
        }
        Kind::Forger => {
            one.client = "forger";
            letter(dice, number, "anna@example.edu", vec![inside()], Author::Sender)
        }
        Kind::Thief => {
            one.client = "thief";
            one.ip = IpAddr::from([10, 20, 9, 10]);
            one.door = if dice.chance(50) { Door::Devices } else { Door::Campus };
            letter(dice, number, "scan@example.edu", several(dice, both), Author::Sender)
        }
        Kind::Guesser => {
            one.client = "guesser";
            one.ip = IpAddr::from([10, 3, 0, 66]);
            one.door = Door::Submission;
            one.manner.old = false;
            one.login = Some(Login {
                name: "billing",
                secret: "password1",
                two_steps: dice.chance(30),
            });
            letter(dice, number, "billing@example.edu", several(dice, both), Author::Sender)
        }
        Kind::Campus => {
            one.client = "campus";
            one.ip = IpAddr::from([10, 40, 0, 5]);
            one.door = Door::Campus;
            letter(
                dice,
                number,
                "staff@example.edu",
                several(dice, || {
                    if dice.chance(85) {
                        dice.word(INSIDE)
                    } else {
                        dice.word(OUTSIDE)
                    }
                }),
                Author::Sender,
            )
        }
        Kind::Loginless => {
            one.client = "loginless";
            one.ip = IpAddr::from([10, 3, 0, 8]);
            one.door = Door::Submission;
            letter(dice, number, "billing@example.edu", vec![both()], Author::Sender)
        }
        Kind::Several => {
            one.client = "copier";
            one.ip = IpAddr::from([10, 20, 3, 14]);
            one.door = Door::Devices;
            one.manner.breaks_off = None;
            let to = vec![
                "anna@example.edu",
                "head@chem.example.edu",
                "bob@example.org",
                "carl@example.net",
                "mo@moving.example",
                "nobody@example.org",
            ];
            letter(dice, number, "scan@example.edu", to, Author::Sender)
        }
    }
}

fn manner(dice: &Dice) -> Manner {
    Manner {
        old: dice.chance(10),
        pipelines: dice.chance(40),
        chunks: dice.chance(15),
        slow: dice.chance(10),
        breaks_off: dice.chance(12).then(|| dice.within(1, 3000)),
        bare_lf: false,
        rude: dice.chance(15),
    }
}

/// One recipient mostly, sometimes several; each once.
fn several(dice: &Dice, one: impl Fn() -> &'static str) -> Vec<&'static str> {
    let count = dice.weighted(&[(6, 1), (2, 2), (1, 3), (1, 5)]).unwrap_or(1);
    let mut all = Vec::new();
    for _ in 0..count {
        let to = one();
        if !all.contains(&to) {
            all.push(to);
        }
    }
    all
}
