//! Records and moments put together: which generation served when.

use mail::Timestamp;
use serde::Serialize;

use super::record::Record;
use super::served::{Moment, What};

/// A time in which a generation served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// From when.
    #[serde(with = "super::at")]
    pub from: Timestamp,
    /// Until when; `None` while it serves, or where nobody was left to say that it ended.
    #[serde(serialize_with = "maybe", skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What came of a self-test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Test {
    /// When it ended.
    #[serde(with = "super::at")]
    pub at: Timestamp,
    /// Whether nothing was wrong.
    pub green: bool,
    /// In words.
    pub text: String,
}

/// A generation and when it served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// What is told of it.
    #[serde(flatten)]
    pub record: Record,
    /// When it served; empty where it never did.
    pub served: Vec<Span>,
    /// What came of its self-tests; the last one counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<Test>,
}

/// All that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Every generation, the oldest first.
    pub entries: Vec<Entry>,
    /// What cannot be read, in words.
    pub damage: Vec<String>,
    /// Whether some of what was noted of their times cannot be read.
    pub(super) moments_torn: bool,
    serving: Option<u64>,
}

impl Test {
    fn of(moment: &Moment) -> Option<Self> {
        match &moment.what {
            What::Tested { green, text } => Some(Self {
                at: moment.at,
                green: *green,
                text: text.clone(),
            }),
            What::Serves | What::Stopped => None,
        }
    }
}

impl History {
    pub(super) fn of(records: Vec<Record>, moments: &[Moment], damage: Vec<String>) -> Self {
        let spans = spans(moments);
        let entries = records.into_iter().map(|record| {
            let own = spans.iter().filter(|(number, _)| *number == record.generation);
            let tests = moments
                .iter()
                .rev()
                .filter(|moment| moment.generation == record.generation);
            Entry {
                test: tests.into_iter().find_map(Test::of),
                served: own.map(|(_, span)| *span).collect(),
                record,
            }
        });
        Self {
            entries: entries.collect(),
            damage,
            moments_torn: false,
            serving: spans.last().map(|(number, _)| *number),
        }
    }

    /// The number of what served last, or serves now.
    #[must_use]
    pub fn serving(&self) -> Option<u64> {
        self.serving
    }

    /// The entry of a number.
    #[must_use]
    pub fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.record.generation == number)
    }

    /// The newest, as long as it serves or never did: who comes with the same text is the same generation.
    pub(super) fn newest_unless_followed(&self) -> Option<&Entry> {
        let newest = self.entries.last()?;
        let number = newest.record.generation;
        (newest.served.is_empty() || self.serving == Some(number)).then_some(newest)
    }
}

/// One generation follows another; only one serves at a time. A gate that starts again behind a crash, with the same
/// generation, goes on with its span.
fn spans(moments: &[Moment]) -> Vec<(u64, Span)> {
    let mut spans: Vec<(u64, Span)> = Vec::new();
    for moment in moments {
        let last = spans.last_mut().filter(|(_, span)| span.until.is_none());
        match (&moment.what, last) {
            (What::Serves, Some((number, _))) if *number == moment.generation => {}
            (What::Serves, last) => {
                if let Some((_, span)) = last {
                    span.until = Some(moment.at);
                }
                let span = Span {
                    from: moment.at,
                    until: None,
                };
                spans.push((moment.generation, span));
            }
            (What::Stopped, Some((number, span))) if *number == moment.generation => span.until = Some(moment.at),
            (What::Stopped | What::Tested { .. }, _) => {}
        }
    }
    spans
}

fn maybe<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => super::at::serialize(at, serializer),
        None => serializer.serialize_none(),
    }
}
