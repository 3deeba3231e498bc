//! Reading what was left behind, without the rooms that wrote it: the ledger as lines of JSON, a message as lines.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::chronicle::{Arrival, Story};

/// One line of the ledger.
pub(super) struct Line {
    /// Its file.
    pub(super) file: String,
    /// What it says.
    pub(super) value: Value,
    /// Its octets, without the line end.
    pub(super) octets: Vec<u8>,
}

impl Line {
    pub(super) fn text(&self, field: &str) -> &str {
        self.value.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn number(&self, field: &str) -> Option<u64> {
        self.value.get(field).and_then(Value::as_u64)
    }

    pub(super) fn event(&self) -> &str {
        self.text("event")
    }

    pub(super) fn list(&self, field: &str) -> &[Value] {
        self.value
            .get(field)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }
}

/// Every line of the ledger that is one, file by file. What a crash left of a line is none.
pub(super) fn lines(story: &Story) -> Vec<Line> {
    let mut all = Vec::new();
    for (file, octets) in &story.ledger {
        for octets in octets.split(|octet| *octet == b'\n') {
            if let Ok(value @ Value::Object(_)) = serde_json::from_slice(octets) {
                all.push(Line {
                    file: file.clone(),
                    value,
                    octets: octets.to_vec(),
                });
            }
        }
    }
    all
}

/// An address without brackets.
pub(super) fn bare(path: &str) -> &str {
    path.strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .unwrap_or(path)
}

/// What an arrival is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The message of this number.
    Letter(u32),
    /// A notice about the message of this number; `None` where it repeats nothing of it.
    Notice(Option<u32>),
    /// Nobody sent it.
    Unknown,
}

/// Tells what arrived: by the number in its header, or, for a notice, in what it repeats.
pub(super) fn kind(arrival: &Arrival) -> Kind {
    let text = String::from_utf8_lossy(&arrival.octets);
    let (header, _) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let is_report = header.to_ascii_lowercase().contains("multipart/report");
    match (is_report, number(header), number(&text)) {
        (true, _, parent) => Kind::Notice(parent),
        (false, Some(number), _) => Kind::Letter(number),
        (false, None, _) => Kind::Unknown,
    }
}

fn number(text: &str) -> Option<u32> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(crate::clients::NUMBER_FIELD))?;
    line.trim().parse().ok()
}

/// The ids of messages, by their numbers, as their clients heard them.
pub(super) fn ids(story: &Story) -> BTreeMap<u32, &str> {
    story
        .transmissions
        .iter()
        .filter_map(|one| Some((one.number, one.id()?)))
        .collect()
}

/// Where mail for this address of ours goes on to.
pub(super) fn destination(to: &str) -> &str {
    match to {
        "alumni@example.edu" => "office@alumni.example.org",
        "guests@example.edu" => "guests@example.net",
        "postmaster" => "postmaster@example.edu",
        other => other,
    }
}

/// Where a recipient's mail goes, as the ledger writes it.
pub(super) fn place(path: &str) -> &str {
    destination(bare(path))
}
