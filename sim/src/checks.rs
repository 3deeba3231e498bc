//! The four checkers. Each has a plain model of its own, reads the story and what the gateway left behind, and knows
//! nothing of the others and nothing of how the gateway decides.

pub mod basis;
mod cut;
pub mod duplicates;
pub mod ledger;
pub mod loss;
mod reading;

use std::fmt;

use crate::chronicle::{Arrival, Story};
use crate::marks::Marks;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which checker says so.
    pub checker: &'static str,
    /// The number of the message it is about, where it is about one.
    pub number: Option<u32>,
    /// What is wrong.
    pub what: String,
}

impl Finding {
    /// A finding.
    #[must_use]
    pub fn new(checker: &'static str, number: Option<u32>, what: impl Into<String>) -> Self {
        Self {
            checker,
            number,
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{}: message {number}: {}", self.checker, self.what),
            None => write!(f, "{}: {}", self.checker, self.what),
        }
    }
}

/// All four, one behind the other.
#[must_use]
pub fn all(story: &Story) -> Vec<Finding> {
    let mut findings = loss::check(story);
    findings.extend(basis::check(story));
    findings.extend(duplicates::check(story));
    findings.extend(ledger::check(story));
    findings
}

/// Whether an arrival is this message, or a notice about it.
#[must_use]
pub fn is_about(arrival: &Arrival, number: u32) -> bool {
    match reading::kind(arrival) {
        reading::Kind::Letter(is) | reading::Kind::Notice(Some(is)) => is == number,
        _ => false,
    }
}

/// What the ledger says of a message.
#[must_use]
pub fn testimony(story: &Story, id: &str) -> Vec<String> {
    let lines = reading::lines(story);
    let about = lines.iter().filter(|line| line.text("qid") == id);
    about
        .map(|line| String::from_utf8_lossy(&line.octets).into_owned())
        .collect()
}

/// What the ledger and the story show of verdicts, grounds, reasons and roles.
pub fn marks(story: &Story, marks: &mut Marks) {
    for blow in &story.blows {
        marks.add("fault", blow.kind);
    }
    for one in story.transmissions.iter().filter(|one| one.is_taken()) {
        marks.add("role", one.door.role());
    }
    for line in reading::lines(story) {
        match line.event() {
            "data.accept" => {
                for recipient in line.list("recipients") {
                    let held = recipient.get("held").is_some();
                    let aside = recipient.get("quarantined").is_some();
                    marks.add(
                        "verdict",
                        if aside {
                            "quarantine"
                        } else if held {
                            "hold"
                        } else {
                            "accept"
                        },
                    );
                    let ground = recipient
                        .get("basis")
                        .and_then(|basis| basis.as_object()?.keys().next().cloned());
                    marks.add("ground", ground.unwrap_or_default());
                }
            }
            "refuse" => {
                let code = line.number("code").unwrap_or_default();
                marks.add("verdict", if code < 500 { "defer" } else { "refuse" });
                marks.add("reason", line.text("rule"));
            }
            "refuse.many" => {
                marks.add("reason", line.text("rule"));
                for sample in line.list("samples") {
                    let code = sample
                        .get("code")
                        .and_then(serde_json::Value::as_u64)
                        .unwrap_or_default();
                    marks.add("verdict", if code < 500 { "defer" } else { "refuse" });
                }
            }
            "auth" => marks.add("login", line.text("outcome")),
            "notice" => marks.add("notice", line.text("kind")),
            "deliver.ok" => marks.add("state", "delivered"),
            // Whose life time is over failed for a reason that was not for good.
            "deliver.fail" if line.text("enh").starts_with('4') => marks.add("state", "expired"),
            "deliver.fail" => marks.add("state", "failed"),
            "queue.remove" => marks.add("state", "removed"),
            _ => {}
        }
    }
}
