//! What was seen: states, verdicts, faults, recoveries. A run that never met a fault proves nothing about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::town::Door;
use crate::weather::{ORDERS, all_faults};

/// Marks by kind, with how many runs set each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<(&'static str, String), u64>);

const STATES: &[&str] = &[
    "ready",
    "deferred",
    "held-by-judgement",
    "held-by-suspension",
    "held-by-operator",
    "bouncing",
    "delivered",
    "failed",
    "expired",
    "removed",
];
const VERDICTS: &[&str] = &["accept", "hold", "defer", "refuse"];
const GROUNDS: &[&str] = &["grant", "route", "forward", "notice"];
const NOTICES: &[&str] = &["failure", "delay"];
const RECOVERIES: &[&str] = &[
    "checkpoint",
    "tail",
    "torn-end",
    "adopted",
    "abandoned-files",
    "testimony",
    "start-failed",
];
const LOGINS: &[&str] = &["proved", "unknown-login", "wrong-secret"];
const RULES: &[&str] = &["suspend", "restore", "end", "remove"];
const REASONS: &[&str] = &[
    "no-grant",
    "not-our-domain",
    "auth-required",
    "grant-not-yet",
    "grant-expired",
    "grant-suspended",
    "sender-not-granted",
    "from-not-granted",
    "recipient-outside-scope",
    "no-such-recipient",
    "address-form",
    "source-route",
    "bad-recipient-address",
    "rate-exceeded",
    "sender-is-ours",
    "disk-full",
];

/// All marks there are to be set.
#[must_use]
pub fn wanted() -> BTreeSet<(&'static str, String)> {
    let fixed: [(&'static str, &[&'static str]); 9] = [
        ("state", STATES),
        ("verdict", VERDICTS),
        ("ground", GROUNDS),
        ("notice", NOTICES),
        ("recovery", RECOVERIES),
        ("rules", RULES),
        ("login", LOGINS),
        ("reason", REASONS),
        ("operator", ORDERS),
    ];
    let fixed = fixed
        .iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| (*kind, (*name).to_owned())));
    let faults = all_faults().map(|fault| ("fault", fault.to_owned()));
    let roles = Door::ALL.iter().map(|door| ("role", door.role().to_owned()));
    fixed.chain(faults).chain(roles).collect()
}

impl Marks {
    /// Sets one.
    pub fn add(&mut self, kind: &'static str, name: impl Into<String>) {
        *self.0.entry((kind, name.into())).or_default() = 1;
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        for (mark, count) in &other.0 {
            *self.0.entry(mark.clone()).or_default() += count;
        }
    }

    /// What is still to be seen.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let missing = wanted().into_iter().filter(|mark| !self.0.contains_key(mark));
        missing.map(|(kind, name)| format!("{kind} {name}")).collect()
    }

    /// The table: what was seen in how many runs.
    #[must_use]
    pub fn table(&self) -> String {
        let mut all = wanted();
        all.extend(self.0.keys().cloned());
        let mut text = String::new();
        let mut kind = "";
        for mark in all {
            if mark.0 != kind {
                kind = mark.0;
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{kind}");
            }
            let count = self.0.get(&mark).copied().unwrap_or_default();
            let shown = if count == 0 { "-".to_owned() } else { count.to_string() };
            let _ = writeln!(text, "  {:<28} {shown:>6}", mark.1);
        }
        text
    }
}
