//! Who comes, when, and with what.

use std::net::IpAddr;
use std::time::Duration;

use super::arrange::arrange;
use super::{Manner, Session};
use crate::dice::Dice;
use crate::town::Door;

/// A kind of client.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A program of ours: its login, and as whom it writes.
    Program(&'static str, &'static str),
    /// A device: its name, its address, and as whom it writes.
    Device(&'static str, &'static str, &'static str),
    /// Somebody from elsewhere who writes to us.
    Stranger,
    /// A server from elsewhere with a notice.
    Bouncer,
    /// Somebody who tries what open relays fall for.
    Trickster,
    /// Somebody from elsewhere who says to be one of us.
    Forger,
    /// A machine of ours that says to be another.
    Thief,
    /// Somebody with a wrong secret for a login that exists.
    Guesser,
    /// Somebody with a login that does not exist, and the right secret.
    Nobody,
    /// A machine of ours without a grant.
    Campus,
    /// Somebody who does not log in where that is asked.
    Loginless,
    /// A device that writes to many at once.
    Several,
}

/// How often each comes.
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
    (2, Kind::Guesser),
    (2, Kind::Nobody),
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
