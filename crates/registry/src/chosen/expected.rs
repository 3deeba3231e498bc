//! Passwords that are expected, as a whole: whoever guesses tries them first.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::Weakness;

/// Letters of a word at least, and at most.
const WORD_MIN: usize = 2;
const LETTERS_MAX: usize = 64;
/// Words that a password may be made of and still be one that is expected.
const WORDS_MAX: usize = 2;
/// Rows on a keyboard or in a book. A password that is three of them or fewer is a row.
const ROWS: [&str; 8] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
];
const ROWS_MAX: usize = 3;
/// What repeats itself after so many characters at most is little.
const PERIOD_MAX: usize = 5;
/// Beside its words a password may have a year and a row, and is expected all the same.
const OTHERS_MAX: usize = 6;

static COMMON: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("common.txt").lines();
    lines
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect()
});

pub(super) fn check(password: &str, context: &BTreeSet<String>) -> Result<(), Weakness> {
    let lower: Vec<char> = password.chars().flat_map(char::to_lowercase).collect();
    if is_row(&lower) {
        return Err(Weakness::Row);
    }
    let lower: String = lower.iter().collect();
    if COMMON.contains(&*lower) {
        return Err(Weakness::Common);
    }
    if runs(&beside_letters(&lower)) > OTHERS_MAX {
        return Ok(());
    }
    // As it was written, and with figures inside read as the letters they stand for.
    let inside = lower.trim_matches(|c: char| !c.is_alphabetic());
    [letters(&lower), letters(&plain(inside))]
        .iter()
        .try_for_each(|letters| made_of(letters, context))
}

/// In lower case, figures that stand for letters as these letters.
fn plain(text: &str) -> String {
    let meant = |c: char| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c => c,
    };
    text.chars().flat_map(char::to_lowercase).map(meant).collect()
}

/// The words that a text gives to whoever guesses: its parts, and all of it.
pub(super) fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).chain([text]);
    let both = parts.flat_map(|part| [part.to_lowercase(), plain(part)]);
    let words = both.map(|word| letters(&word).into_iter().collect::<String>());
    words.filter(|word| word.chars().count() >= WORD_MIN).collect()
}

fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|c| c.is_alphabetic()).collect()
}

/// What is no letter: a year, a row, the same over and over again, or more.
fn beside_letters(text: &str) -> Vec<char> {
    text.chars().filter(|c| !c.is_alphabetic() && *c != ' ').collect()
}

/// Whether that is nothing but common words, or those of here, once or over and over again.
fn made_of(letters: &[char], context: &BTreeSet<String>) -> Result<(), Weakness> {
    // What is longer is not tried by whoever guesses.
    let short = Some(letters).filter(|letters| letters.len() <= LETTERS_MAX);
    match short.and_then(|letters| used_in(letters, context, &mut Vec::new())) {
        Some(true) => Err(Weakness::OfContext),
        Some(false) => Err(Weakness::Common),
        None => Ok(()),
    }
}

/// Takes words from the front until nothing is left; whether one of them is of here.
fn used_in(letters: &[char], context: &BTreeSet<String>, used: &mut Vec<String>) -> Option<bool> {
    let of_here = |word: &String| context.contains(word);
    if letters.is_empty() {
        return (!used.is_empty()).then(|| used.iter().any(of_here));
    }
    // The longest first: it is the likeliest.
    for end in (WORD_MIN..=letters.len().min(LETTERS_MAX)).rev() {
        let (front, rest) = letters.split_at_checked(end)?;
        let word: String = front.iter().collect();
        let known = used.contains(&word);
        if !known && (used.len() == WORDS_MAX || !(COMMON.contains(&*word) || of_here(&word))) {
            continue;
        }
        if !known {
            used.push(word);
        }
        if let Some(found) = used_in(rest, context, used) {
            return Some(found);
        }
        if !known {
            used.pop();
        }
    }
    None
}

/// Whether it is a few rows, or little over and over again.
fn is_row(text: &[char]) -> bool {
    let repeats = |period: usize| text.iter().zip(text.iter().skip(period)).all(|(a, b)| a == b);
    runs(text) <= ROWS_MAX || (1..=PERIOD_MAX).any(repeats)
}

/// Of how many rows, there or back, and repetitions of one character a text is made.
fn runs(text: &[char]) -> usize {
    let mut runs = usize::from(!text.is_empty());
    let mut way = None;
    for (a, b) in text.iter().zip(text.iter().skip(1)) {
        let next = way_between(*a, *b);
        if next.is_none() || way.is_some_and(|way| Some(way) != next) {
            runs += 1;
            way = None;
        } else {
            way = next;
        }
    }
    runs
}

/// How one character leads to the other: again, on, or back.
fn way_between(a: char, b: char) -> Option<i8> {
    let on = |a: char, b: char| {
        ROWS.iter()
            .any(|row| row.chars().zip(row.chars().skip(1)).any(|pair| pair == (a, b)))
    };
    match (a == b, on(a, b), on(b, a)) {
        (true, ..) => Some(0),
        (_, true, _) => Some(1),
        (_, _, true) => Some(-1),
        _ => None,
    }
}
