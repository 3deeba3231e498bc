//! What each kind of client arranges for its session, and the letters it writes.

use std::net::IpAddr;

use super::crowd::Kind;
use super::letter::{Author, letter};
use super::{Letter, Login, Session};
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

/// Arranges the session for its kind, and writes one letter.
pub(super) fn arrange(dice: &Dice, kind: Kind, one: &mut Session, number: u32) -> Letter {
    let pen = Pen { dice, number };
    match kind {
        Kind::Program(name, from) => program(&pen, one, name, from),
        Kind::Device(name, ip, from) => device(&pen, one, name, ip, from),
        Kind::Stranger => stranger(&pen),
        Kind::Bouncer => {
            one.client = "bouncer";
            pen.write("", vec![pen.inside()])
        }
        Kind::Trickster => trickster(&pen, one),
        Kind::Forger => {
            one.client = "forger";
            pen.write("anna@example.edu", vec![pen.inside()])
        }
        Kind::Thief => {
            one.client = "thief";
            at_a_device_door(&pen, one, [10, 20, 9, 10]);
            pen.write("scan@example.edu", pen.several(|| pen.anybody()))
        }
        Kind::Guesser => guesser(&pen, one, "billing", "password1"),
        Kind::Nobody => guesser(&pen, one, "chancellor", SECRET),
        Kind::Campus => campus(&pen, one),
        Kind::Loginless => {
            one.client = "loginless";
            one.ip = IpAddr::from([10, 3, 0, 8]);
            one.door = Door::Submission;
            pen.write("billing@example.edu", vec![pen.anybody()])
        }
        Kind::Several => to_many(&pen, one),
    }
}

/// Writes one letter.
struct Pen<'a> {
    dice: &'a Dice,
    number: u32,
}

impl Pen<'_> {
    fn inside(&self) -> &'static str {
        self.dice.word(INSIDE)
    }

    fn anybody(&self) -> &'static str {
        if self.dice.chance(45) {
            self.dice.word(INSIDE)
        } else {
            self.dice.word(OUTSIDE)
        }
    }

    /// One recipient mostly, sometimes several; each once.
    fn several(&self, one: impl Fn() -> &'static str) -> Vec<&'static str> {
        let count = self.dice.weighted(&[(6, 1), (2, 2), (1, 3), (1, 5)]).unwrap_or(1);
        let mut all = Vec::new();
        for _ in 0..count {
            let to = one();
            if !all.contains(&to) {
                all.push(to);
            }
        }
        all
    }

    fn write(&self, from: &'static str, to: Vec<&'static str>) -> Letter {
        self.write_as(from, to, Author::Sender)
    }

    fn write_as(&self, from: &'static str, to: Vec<&'static str>, author: Author) -> Letter {
        letter(self.dice, self.number, from, to, author)
    }
}

fn program(pen: &Pen<'_>, one: &mut Session, name: &'static str, from: &'static str) -> Letter {
    let dice = pen.dice;
    one.client = name;
    one.ip = IpAddr::from([10, 3, 0, 7]);
    one.door = dice
        .weighted(&[(2, Door::Submission), (1, Door::Submissions)])
        .unwrap_or(Door::Submission);
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
    pen.write_as(from, pen.several(|| pen.anybody()), author)
}

fn device(pen: &Pen<'_>, one: &mut Session, name: &'static str, ip: &'static str, from: &'static str) -> Letter {
    let dice = pen.dice;
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
    pen.write_as(from, pen.several(|| pen.anybody()), author)
}

fn stranger(pen: &Pen<'_>) -> Letter {
    let to = if pen.dice.chance(20) {
        vec![
            pen.dice
                .word(&["alumni@example.edu", "guests@example.edu", "postmaster"]),
        ]
    } else {
        pen.several(|| pen.inside())
    };
    pen.write(pen.dice.word(STRANGERS), to)
}

fn trickster(pen: &Pen<'_>, one: &mut Session) -> Letter {
    let dice = pen.dice;
    one.client = "trickster";
    let from = dice.word(&["eve@example.net", "anna@example.edu", "postmaster@example.edu", ""]);
    if dice.chance(30) {
        at_a_device_door(pen, one, [10, 20, 9, 9]);
    }
    pen.write(from, pen.several(|| dice.word(TRICKS)))
}

fn at_a_device_door(pen: &Pen<'_>, one: &mut Session, ip: [u8; 4]) {
    one.ip = IpAddr::from(ip);
    one.door = if pen.dice.chance(50) {
        Door::Devices
    } else {
        Door::Campus
    };
}

fn guesser(pen: &Pen<'_>, one: &mut Session, name: &'static str, secret: &'static str) -> Letter {
    one.client = "guesser";
    one.ip = IpAddr::from([10, 3, 0, 66]);
    one.door = Door::Submission;
    one.manner.old = false;
    one.login = Some(Login {
        name,
        secret,
        two_steps: pen.dice.chance(30),
    });
    pen.write("billing@example.edu", pen.several(|| pen.anybody()))
}

fn campus(pen: &Pen<'_>, one: &mut Session) -> Letter {
    let dice = pen.dice;
    one.client = "campus";
    one.ip = IpAddr::from([10, 40, 0, 5]);
    one.door = Door::Campus;
    let to = || {
        if dice.chance(85) {
            dice.word(INSIDE)
        } else {
            dice.word(OUTSIDE)
        }
    };
    pen.write("staff@example.edu", pen.several(to))
}

fn to_many(pen: &Pen<'_>, one: &mut Session) -> Letter {
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
    pen.write("scan@example.edu", to)
}
