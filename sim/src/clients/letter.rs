//! What is in a message.

use std::fmt::Write as _;

use super::Letter;
use crate::dice::Dice;

/// The field that says which message it is.
pub(crate) const NUMBER_FIELD: &str = "X-Sim-Number: ";

/// What a message says of its author.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// Its sender.
    Sender,
    /// Nobody.
    Nobody,
    /// Somebody else.
    Other(&'static str),
}

pub(super) fn letter(dice: &Dice, number: u32, from: &'static str, to: Vec<&'static str>, author: Author) -> Letter {
    let eight_bit = dice.chance(20);
    let mut text = String::new();
    let author = match author {
        Author::Sender if from.is_empty() => Some("postmaster@elsewhere.example"),
        Author::Sender => Some(from),
        Author::Other(author) => Some(author),
        Author::Nobody => None,
    };
    // Writing to a String cannot fail.
    if let Some(author) = author {
        let _ = write!(text, "From: <{author}>\r\n");
    }
    let _ = write!(text, "Subject: number {number}\r\n{NUMBER_FIELD}{number}\r\n");
    if dice.chance(50) {
        let _ = write!(
            text,
            "Message-ID: <{number}@client.test>\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
        );
    }
    if eight_bit {
        text.push_str(
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n",
        );
    }
    text.push_str("\r\n");
    for line in 0..lines(dice) {
        match dice.below(12) {
            0 => text.push_str(".\r\n"),
            1 => text.push_str("..dots\r\n"),
            2 => text.push_str("\r\n"),
            3 if eight_bit => text.push_str("Grüße aus dem Café, 5 €\r\n"),
            4 => {
                let _ = write!(text, "{}\r\n", "long ".repeat(180));
            }
            _ => {
                let _ = write!(
                    text,
                    "line {line} of number {number}: {:016x}\r\n",
                    dice.below(u64::MAX)
                );
            }
        }
    }
    Letter {
        number,
        from,
        to,
        octets: text.into_bytes(),
        eight_bit,
        quiet: dice.chance(5),
    }
}

/// Mostly short ones, some long ones, a few very long ones.
fn lines(dice: &Dice) -> u64 {
    match dice.below(20) {
        0 => 0,
        1..=12 => dice.within(1, 20),
        13..=17 => dice.within(20, 300),
        18 => dice.within(300, 1500),
        _ => dice.within(1500, 4000),
    }
}
