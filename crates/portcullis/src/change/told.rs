//! Proofs and changes in words, for people and for scripts.

use std::fmt::Write;
use std::time::Duration;

use mail::Timestamp;
use policy::Place;
use policy::diff::{Diff, Flow};
use policy::prove::{ASSUMPTIONS, Breach, Judged, Proof, Severity};
use serde_json::{Value, json};

use crate::config::Change;

/// Flows that are shown of each kind, before the rest is counted.
const SHOWN: usize = 10;
/// Where the place of a declaration stands on its line.
const COLUMN: usize = 96;

/// The whole proof: each property, with what breaks it.
#[must_use]
pub fn proof(file: &str, proof: &Proof, took: Duration) -> String {
    let mut text = format!(
        "{} properties, {} cells, {} ms\n",
        proof.properties.len(),
        grouped(proof.cells),
        took.as_millis()
    );
    for judged in &proof.properties {
        text.push_str(&property(file, judged));
    }
    text.push_str("\nAssumed:\n");
    for assumption in ASSUMPTIONS {
        let _ = writeln!(text, "  {assumption}");
    }
    text
}

/// Why a configuration that breaks a property does not serve.
#[must_use]
pub fn broken(file: &str, proof: &Proof, took: Duration) -> String {
    let mut text = format!(
        "the configuration may not serve: {} of {} properties broken ({} cells, {} ms)\n",
        blocking(proof).count(),
        proof.properties.len(),
        grouped(proof.cells),
        took.as_millis()
    );
    for judged in blocking(proof) {
        text.push_str(&property(file, judged));
    }
    text
}

/// The broken properties that keep a configuration from serving.
pub fn blocking(proof: &Proof) -> impl Iterator<Item = &Judged> {
    proof
        .broken()
        .filter(|judged| judged.property.severity == Severity::Blocking)
}

fn property(file: &str, judged: &Judged) -> String {
    let word = match (judged.holds(), judged.property.severity) {
        (true, _) => "proven",
        (false, Severity::Blocking) => "BROKEN",
        (false, Severity::Finding) => "found ",
    };
    let place = judged.property.place.filter(|_| !judged.holds());
    let mut text = at_line(&format!("  {word}   {}", judged.property.sentence), file, place);
    for breach in &judged.breaches {
        text.push_str(&breach_told(file, breach));
    }
    if judged.more > 0 {
        let _ = writeln!(text, "           and {} more of the kind", judged.more);
    }
    text
}

fn breach_told(file: &str, breach: &Breach) -> String {
    let mut text = String::new();
    if let Some(story) = &breach.story {
        let _ = writeln!(text, "           {story}");
    }
    text += &at_line(
        &format!("           because {}", breach.because),
        file,
        Some(breach.place),
    );
    let _ = writeln!(text, "           {}", breach.remedy);
    text
}

/// A line with the place of a declaration at its end, in a column of its own where there is room.
fn at_line(line: &str, file: &str, place: Option<Place>) -> String {
    match place.filter(|place| place.line > 0) {
        Some(place) => format!("{line:COLUMN$}  {file}:{}\n", place.line),
        None => format!("{line}\n"),
    }
}

/// Why a change that nobody answers for does not serve. `change` is what the file says and said before.
#[must_use]
pub fn widens(file: &str, diff: &Diff, change: Option<&Change>) -> String {
    let mut text = match change {
        None => "the configuration lets in what was refused before, and nobody answers for that\n".to_owned(),
        Some(Change { author, reason }) => format!(
            "the configuration lets in what was refused before, and its `change` is still that of the former one \
             ({author}: {reason})\n"
        ),
    };
    text += &flows("newly possible", file, &diff.gained);
    text + ANSWER
}

const ANSWER: &str = "  say who wants it, and why, at the beginning of the file:\n    \
    change = { author = \"you@example.edu\", reason = \"what for, with the number of the change\" }\n";

/// Why a change that cannot be compared with what served does not serve.
#[must_use]
pub fn incomparable(why: &str) -> String {
    format!(
        "what served last cannot be compared with this configuration ({why}), so it may let in more, and nobody answers \
         for that\n{ANSWER}"
    )
}

/// Both sides of a change, for people.
#[must_use]
pub fn change(before: &str, after: &str, diff: &Diff) -> String {
    if diff.gained.is_empty() && diff.lost.is_empty() {
        return "Nothing changes: what the one lets in, the other lets in.\n".to_owned();
    }
    flows("newly possible", after, &diff.gained) + &flows("no longer possible", before, &diff.lost)
}

fn flows(title: &str, file: &str, flows: &[Flow]) -> String {
    if flows.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "  {title} ({}{})\n",
        flows.len(),
        if flows.len() > 1 { ", the widest first" } else { "" }
    );
    for flow in flows.iter().take(SHOWN) {
        text += &at_line(&format!("    {flow}"), file, Some(flow.place));
    }
    if let Some(more) = flows.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(text, "    and {more} more, none of them wider");
    }
    text
}

/// `18,204`
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The whole proof for scripts.
#[must_use]
pub fn proof_json(file: &str, proof: &Proof, took: Duration) -> Value {
    json!({
        "file": file,
        "may_serve": proof.may_serve(),
        "cells": proof.cells,
        "millis": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "engine": policy::ENGINE,
        "assumed": ASSUMPTIONS,
        "properties": proof.properties.iter().map(property_json).collect::<Vec<_>>(),
    })
}

fn property_json(judged: &Judged) -> Value {
    json!({
        "id": judged.property.id,
        "sentence": judged.property.sentence,
        "blocking": judged.property.severity == Severity::Blocking,
        "line": judged.property.place.and_then(line),
        "holds": judged.holds(),
        "breaches": judged.breaches.iter().map(breach_json).collect::<Vec<_>>(),
        "more": judged.more,
    })
}

fn breach_json(breach: &Breach) -> Value {
    json!({
        "story": breach.story.as_ref().map(ToString::to_string),
        "because": breach.because,
        "line": line(breach.place),
        "others": breach.others.iter().copied().filter_map(line).collect::<Vec<_>>(),
        "do": breach.remedy,
    })
}

/// Both sides of a change for scripts.
#[must_use]
pub fn change_json(before: &str, after: &str, diff: &Diff) -> Value {
    json!({
        "before": before,
        "after": after,
        "widens": diff.widens(),
        "gained": diff.gained.iter().map(flow_json).collect::<Vec<_>>(),
        "lost": diff.lost.iter().map(flow_json).collect::<Vec<_>>(),
    })
}

fn flow_json(flow: &Flow) -> Value {
    let day = |at: Timestamp| at.to_date();
    json!({
        "sentence": flow.to_string(),
        "listeners": flow.listeners.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "source": flow.source,
        "identity": flow.identity,
        "senders": flow.senders,
        "recipients": flow.recipients,
        "postmaster_and_abuse_only": flow.roles_only,
        "from": flow.from_time.map(day),
        "until": flow.until.map(day),
        "larger_than": flow.larger_than,
        "ground": flow.ground,
        "line": line(flow.place),
        "refused": flow.refused.map(|reason| reason.to_string()),
        "leaves_us": flow.width.external,
        "anonymous": flow.width.anonymous,
        "example": flow.example.as_ref().map(ToString::to_string),
    })
}

fn line(place: Place) -> Option<u32> {
    (place.line > 0).then_some(place.line)
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_grouped_by_thousands() {
        let told: Vec<String> = [0, 12, 999, 1_000, 18_204, 1_234_567].map(super::grouped).into();
        assert_eq!(told, ["0", "12", "999", "1,000", "18,204", "1,234,567"]);
    }
}
