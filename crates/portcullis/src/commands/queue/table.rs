//! Answers about the queue, as people read them.

use serde_json::Value;

use crate::control::{Act, Answer, Mail, Recipient};
use crate::story::{Printable, size};

/// Characters of an address in a list; `show` has all of it.
const ADDRESS_CHARS: usize = 36;

/// One line a message.
pub(super) fn list(mails: &[Mail], more: bool) -> String {
    if mails.is_empty() {
        return "Nothing in the queue that this is about.\n".to_owned();
    }
    let head = ["ID", "AGE", "SIZE", "FROM", "TO", "STATE"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(mails.iter().map(row));
    let mut text = aligned(&rows);
    if more {
        let last = mails.last().map_or("", |mail| &mail.id);
        text.push_str(&format!("There are more: --after {last}, or a higher --limit.\n"));
    }
    text
}

fn row(mail: &Mail) -> [String; 6] {
    let first = mail
        .recipients
        .iter()
        .find(|one| one.state != "done")
        .or(mail.recipients.first());
    let others = mail.recipients.len().saturating_sub(1);
    let mut to = first.map(|one| short(&one.to)).unwrap_or_default();
    if others > 0 {
        to.push_str(&format!(" +{others}"));
    }
    [
        mail.id.clone(),
        age(mail.age_secs),
        size(mail.octets),
        short(&mail.from),
        to,
        states(&mail.recipients),
    ]
}

/// The state all share, or how many are in each.
fn states(recipients: &[Recipient]) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for one in recipients {
        match counted.iter_mut().find(|(state, _)| *state == one.state) {
            Some((_, count)) => *count += 1,
            None => counted.push((&one.state, 1)),
        }
    }
    match counted.as_slice() {
        [(state, _)] => (*state).to_owned(),
        several => several
            .iter()
            .map(|(state, count)| format!("{count} {state}"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn short(address: &str) -> String {
    let clean = Printable(address).to_string();
    if clean.chars().count() <= ADDRESS_CHARS {
        return clean;
    }
    let head: String = clean.chars().take(ADDRESS_CHARS - 1).collect();
    format!("{head}…")
}

pub(in crate::commands) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// An age in its largest unit.
fn age(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs}s"),
        120..7200 => format!("{}m", secs / 60),
        7200..172_800 => format!("{}h", secs / 3600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// One message with everything.
pub(super) fn show(mail: &Mail) -> String {
    let mut text = format!("{}  {}, {} ago\n", mail.id, size(mail.octets), age(mail.age_secs));
    let mut field = |name: &str, value: &str| text.push_str(&format!("  {name:<9} {}\n", Printable(value)));
    if let Some(subject) = &mail.subject {
        field("subject", subject);
    }
    field("from", &mail.from);
    if let Some(source) = &mail.source {
        field("came by", source);
    }
    field("received", &mail.received);
    for one in &mail.recipients {
        field("to", &one.to);
        field("", &format!("{}: {}", one.state, one.text));
        if let Some(basis) = &one.basis {
            let attempts = one.attempts.unwrap_or(0);
            field(
                "",
                &format!(
                    "accepted on {basis}; {attempts} attempt{}",
                    if attempts == 1 { "" } else { "s" }
                ),
            );
        }
        if let Some(last) = &one.last {
            field("", &format!("last answer from {last}"));
        }
    }
    text.push_str(&format!("Its story: portcullis trace {}\n", mail.id));
    text
}

/// How much is in the queue.
pub(super) fn counts(counts: &Value) -> String {
    let number = |path: &str| counts.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let mut rows = vec![
        [
            "messages".to_owned(),
            number("/messages").to_string(),
            size(number("/octets")),
        ],
        ["recipients".to_owned(), String::new(), String::new()],
    ];
    for state in ["ready", "deferred", "held", "quarantined", "bouncing"] {
        rows.push([
            format!("  {state}"),
            number(&format!("/recipients/{state}")).to_string(),
            String::new(),
        ]);
    }
    let mut text = aligned(&rows);
    if let Some(secs) = counts.get("oldest_age_secs").and_then(Value::as_u64) {
        text.push_str(&format!("The oldest is here for {}.\n", age(secs)));
    }
    for one in counts.get("suspended").and_then(Value::as_array).into_iter().flatten() {
        if let Ok(select) = serde_json::from_value::<crate::control::Select>(one.clone()) {
            text.push_str(&format!("Suspended: {}.\n", Printable(&select.to_string())));
        }
    }
    if number("/damaged") > 0 {
        text.push_str(&format!(
            "Damaged and kept for you to look at: {}.\n",
            number("/damaged")
        ));
    }
    text
}

/// What a change changed, and what it left alone.
pub(super) fn changed(act: Act, answer: &Answer) -> String {
    let number = |name| answer.done.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (changed, kept) = (number("changed"), number("kept"));
    let what = match act {
        Act::Hold { .. } => "held",
        Act::Release => "released",
        Act::Retry => "to be tried now",
        Act::Remove => "removed",
        Act::Bounce => "given back to the sender",
    };
    let mut text = match changed {
        0 if kept > 0 => format!("Nothing was {what}.\n"),
        0 => format!("Nothing was {what}: no recipient is in a state for it.\n"),
        1 => format!("1 recipient {what}.\n"),
        many => format!("{many} recipients {what}.\n"),
    };
    for item in &answer.items {
        let word = |name| Printable(item.get(name).and_then(Value::as_str).unwrap_or_default()).to_string();
        text.push_str(&format!(
            "Left alone: {} to {}: {}.\n",
            word("id"),
            word("to"),
            word("kept")
        ));
    }
    let explained = answer.items.len() as u64;
    if kept > explained {
        text.push_str(&format!("Left alone for such reasons: {} more.\n", kept - explained));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(from: &str, states: &[&str]) -> Mail {
        let recipient = |state: &&str| Recipient {
            to: "bob@example.org".to_owned(),
            state: (*state).to_owned(),
            ..Recipient::default()
        };
        Mail {
            id: "06M3K8FQ2XRA".to_owned(),
            received: "2026-11-21T12:00:00.000Z".to_owned(),
            from: from.to_owned(),
            octets: 2100,
            age_secs: 240,
            subject: None,
            source: None,
            recipients: states.iter().map(recipient).collect(),
        }
    }

    #[test]
    fn a_list_is_aligned_and_tells_each_state() {
        let text = list(
            &[
                mail("<>", &["ready"]),
                mail("billing@example.edu", &["held", "done", "held"]),
            ],
            true,
        );
        let expected = "\
ID            AGE  SIZE    FROM                 TO                  STATE
06M3K8FQ2XRA  4m   2.1 kB  <>                   bob@example.org     ready
06M3K8FQ2XRA  4m   2.1 kB  billing@example.edu  bob@example.org +2  2 held, 1 done
There are more: --after 06M3K8FQ2XRA, or a higher --limit.
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_change_that_changed_nothing_says_so() {
        let answer = Answer {
            items: vec![
                serde_json::json!({ "id": "06M3K8FQ2XRA", "to": "bob@example.org", "kept": "held by judgement" }),
            ],
            done: serde_json::json!({ "changed": 0, "kept": 3 }),
        };
        let text = changed(Act::Release, &answer);
        assert!(text.starts_with("Nothing was released"), "{text}");
        assert!(
            text.contains("Left alone: 06M3K8FQ2XRA to bob@example.org: held by judgement."),
            "{text}"
        );
        assert!(text.ends_with("2 more.\n"), "{text}");
    }
}
