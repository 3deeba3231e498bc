//! Which lines differ between two texts.
//!
//! Lines that are alike at both ends are set aside; between them, lines that stand once in each text are matched as far
//! as they keep their order, and the same is done again between the matches ("patience diff"). Declarations are mostly
//! lines that stand once, so a grant that moved or went shows as itself and not as a shuffle of its neighbours.

use std::collections::BTreeMap;
use std::fmt;

/// How many unchanged lines are shown around a change.
const AROUND: usize = 2;

/// A line of one of the texts, or of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Both(usize, usize, &'a str),
    Gone(usize, &'a str),
    New(usize, &'a str),
}

/// The difference of two texts; shows itself as changed lines with a little around them, each with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines<'a>(Vec<Line<'a>>);

impl<'a> Lines<'a> {
    /// From one text to the other.
    #[must_use]
    pub fn between(before: &'a str, after: &'a str) -> Self {
        let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
        let mut lines = Vec::new();
        walk(
            &mut lines,
            Part {
                lines: &before,
                first: 1,
            },
            Part {
                lines: &after,
                first: 1,
            },
        );
        Self(lines)
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|line| matches!(line, Line::Both(..)))
    }

    /// How many lines are new, and how many are gone.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let count = |is: fn(&Line<'_>) -> bool| self.0.iter().filter(|line| is(line)).count();
        (
            count(|line| matches!(line, Line::New(..))),
            count(|line| matches!(line, Line::Gone(..))),
        )
    }
}

/// Some lines of a text, and the number of the first.
#[derive(Clone, Copy)]
struct Part<'p, 'a> {
    lines: &'p [&'a str],
    first: usize,
}

impl<'p, 'a> Part<'p, 'a> {
    fn cut(self, from: usize, to: usize) -> Self {
        Self {
            lines: self.lines.get(from..to).unwrap_or_default(),
            first: self.first + from,
        }
    }

    fn numbered(self) -> impl Iterator<Item = (usize, &'a str)> + 'p
    where
        'a: 'p,
    {
        (self.first..).zip(self.lines.iter().copied())
    }
}

fn walk<'a>(out: &mut Vec<Line<'a>>, before: Part<'_, 'a>, after: Part<'_, 'a>) {
    let both = |out: &mut Vec<Line<'a>>, one: Part<'_, 'a>, other: Part<'_, 'a>| {
        let pairs = one.numbered().zip(other.numbered());
        out.extend(pairs.map(|((old, text), (new, _))| Line::Both(old, new, text)));
    };
    let head = alike(before.lines.iter(), after.lines.iter());
    let (old, new) = (before.lines.len(), after.lines.len());
    let most = old.min(new) - head;
    let tail = alike(before.lines.iter().rev(), after.lines.iter().rev()).min(most);
    both(out, before.cut(0, head), after.cut(0, head));
    middle(out, before.cut(head, old - tail), after.cut(head, new - tail));
    both(out, before.cut(old - tail, old), after.cut(new - tail, new));
}

fn alike<'s>(one: impl Iterator<Item = &'s &'s str>, other: impl Iterator<Item = &'s &'s str>) -> usize {
    one.zip(other).take_while(|(one, other)| one == other).count()
}

/// Between matches there is less to look at, so this ends.
fn middle<'a>(out: &mut Vec<Line<'a>>, before: Part<'_, 'a>, after: Part<'_, 'a>) {
    let matches = matches(before.lines, after.lines);
    if matches.is_empty() {
        out.extend(before.numbered().map(|(number, text)| Line::Gone(number, text)));
        out.extend(after.numbered().map(|(number, text)| Line::New(number, text)));
        return;
    }
    let (mut old, mut new) = (0, 0);
    let end = (before.lines.len(), after.lines.len());
    for (at_old, at_new) in matches.into_iter().chain([end]) {
        walk(out, before.cut(old, at_old), after.cut(new, at_new));
        if (at_old, at_new) != end {
            walk(out, before.cut(at_old, at_old + 1), after.cut(at_new, at_new + 1));
        }
        (old, new) = (at_old + 1, at_new + 1);
    }
}

/// Lines that stand once in each text, as many as keep their order in both.
fn matches(before: &[&str], after: &[&str]) -> Vec<(usize, usize)> {
    let (old, new) = (standing_once(before), standing_once(after));
    let mut pairs: Vec<(usize, usize)> = old
        .iter()
        .filter_map(|(text, at)| Some((*at, *new.get(text)?)))
        .collect();
    pairs.sort_unstable();
    longest_rising(&pairs)
}

fn standing_once<'a>(lines: &[&'a str]) -> BTreeMap<&'a str, usize> {
    let mut seen: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        seen.entry(line)
            .and_modify(|(_, once)| *once = false)
            .or_insert((at, true));
    }
    let once = seen.into_iter().filter(|(_, (_, once))| *once);
    once.map(|(line, (at, _))| (line, at)).collect()
}

/// The longest choice of pairs whose second numbers rise, as the first do already.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // The last pair of the best choice of each length, and what stands before each pair in its best choice.
    let mut best: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    let second = |at: usize| pairs.get(at).map_or(0, |pair| pair.1);
    for (at, pair) in pairs.iter().enumerate() {
        let length = best.partition_point(|last| second(*last) < pair.1);
        before.push(length.checked_sub(1).and_then(|shorter| best.get(shorter).copied()));
        match best.get_mut(length) {
            Some(last) => *last = at,
            None => best.push(at),
        }
    }
    let mut chosen = Vec::with_capacity(best.len());
    let mut next = best.last().copied();
    while let Some(at) = next {
        chosen.extend(pairs.get(at).copied());
        next = before.get(at).copied().flatten();
    }
    chosen.reverse();
    chosen
}

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed: Vec<usize> = (0..)
            .zip(&self.0)
            .filter(|(_, line)| !matches!(line, Line::Both(..)))
            .map(|(at, _)| at)
            .collect();
        let is_near = |at: usize| {
            let next = changed.partition_point(|one| *one + AROUND < at);
            changed.get(next).is_some_and(|one| at + AROUND >= *one)
        };
        let mut skipped = false;
        for (at, line) in self.0.iter().enumerate() {
            if !is_near(at) {
                skipped = at > 0;
                continue;
            }
            if std::mem::take(&mut skipped) {
                writeln!(f, "           ...")?;
            }
            match line {
                Line::Both(_, new, text) => writeln!(f, "  {new:>6}   {}", masked(text))?,
                Line::Gone(old, text) => writeln!(f, "  {old:>6} - {}", masked(text))?,
                Line::New(new, text) => writeln!(f, "  {new:>6} + {}", masked(text))?,
            }
        }
        Ok(())
    }
}

/// How what a secret is checked by begins, and what is shown of it.
const CHECKED_BY: [(&str, &str); 2] = [("$argon2", "$argon2id$"), ("SCRAM-SHA-256$", "SCRAM-SHA-256$")];

/// What a secret is checked by does not belong into a ticket; that it is another one shows by the first letters of a
/// digest.
fn masked(line: &str) -> String {
    let found = CHECKED_BY
        .iter()
        .filter_map(|(begin, shown)| Some((line.find(begin)?, shown)));
    let Some((from, shown)) = found.min() else {
        return line.to_owned();
    };
    let (head, rest) = line.split_at(from);
    let to = rest.find(['"', '\'', ' ']).unwrap_or(rest.len());
    let (hash, tail) = rest.split_at(to);
    let digest = super::record::sha256(hash);
    format!(
        "{head}{shown}...{}{}",
        digest.get(..6).unwrap_or_default(),
        masked(tail)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_that_went_shows_as_itself() {
        let grant =
            |name: &str| format!("[grants.{name}]\nowner = \"Chemistry\"\nby = {{ password = \"{name}\" }}\n\n");
        let before = ["a", "b", "c"].map(grant).concat();
        let after = ["a", "c"].map(grant).concat();
        let lines = Lines::between(&before, &after);
        assert_eq!(lines.counts(), (0, 4));
        let text = lines.to_string();
        assert!(
            text.contains("- [grants.b]") && !text.contains("- [grants.c]"),
            "{text}"
        );
        assert!(!text.contains("[grants.a]"), "what is far away is left out: {text}");
    }

    #[test]
    fn whatever_is_said_of_two_texts_makes_the_one_of_the_other() {
        let words = ["a", "b", "c", "a", ""];
        let texts: Vec<String> = (0..625_usize)
            .map(|number| {
                let mut rest = number;
                let mut text = String::new();
                for _ in 0..4 {
                    text.push_str(words[rest % 5]);
                    text.push('\n');
                    rest /= 5;
                }
                text
            })
            .step_by(7)
            .collect();
        for before in &texts {
            for after in &texts {
                let lines = Lines::between(before, after);
                let mut one = String::new();
                let mut other = String::new();
                for line in &lines.0 {
                    let (Line::Both(_, _, text) | Line::Gone(_, text) | Line::New(_, text)) = line;
                    if !matches!(line, Line::New(..)) {
                        one.push_str(&format!("{text}\n"));
                    }
                    if !matches!(line, Line::Gone(..)) {
                        other.push_str(&format!("{text}\n"));
                    }
                }
                assert_eq!((&one, &other), (before, after));
                assert_eq!(lines.is_empty(), before == after);
            }
        }
    }

    #[test]
    fn the_hash_of_a_secret_is_not_shown_but_that_it_is_another() {
        let line = |hash: &str| format!("by = {{ password = \"erp\", hash = \"{hash}\" }}\n");
        let (before, after) = (line("$argon2id$v=19$m=1$abc"), line("$argon2id$v=19$m=1$abd"));
        let text = Lines::between(&before, &after).to_string();
        assert!(!text.contains("v=19"), "{text}");
        let shown: Vec<&str> = text.lines().map(|line| &line[9..]).collect();
        assert_eq!(shown.len(), 2);
        assert_ne!(shown[0][2..], shown[1][2..]);
        assert!(shown[0].ends_with("\" }"), "{text}");
    }

    #[test]
    fn neither_is_what_scram_checks() {
        let line = |key: &str| {
            format!(
                "by = {{ password = \"erp\", scram = \"SCRAM-SHA-256$15000:c2FsdA==${key}:c2VydmVy\", hash = \"$argon2id$v=19\" }}\n"
            )
        };
        let text = Lines::between(&line("b25l"), &line("dHdv")).to_string();
        for secret in ["15000", "c2FsdA", "b25l", "dHdv", "c2VydmVy", "v=19"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}
