//! When mail of a grant looks like abuse: one phish or one malware is enough, spam has to come three times.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use mail::Timestamp;

/// The score from which on a message is spam beyond doubt.
const SPAM_SCORE: f64 = 10.0;
/// So many of them, within the time below.
const SPAM_TIMES: usize = 3;
const SPAM_WITHIN: Duration = Duration::from_secs(30 * 60);

/// How long mail that a grant had queued is kept, held back, when the grant has ended for abuse; then it is taken out.
pub const ABUSED_MAIL_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// What a scanner, or a person, says of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It wants secrets.
    Phish,
    /// It carries a program that does harm.
    Malware,
    /// It is unwanted, by so much.
    Spam {
        /// The scanner's score; 10 and more counts.
        score: f64,
    },
}

/// That a grant has to be stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The rule, as an actor: `abuse-phish`, `abuse-malware`, `abuse-spam`.
    pub rule: &'static str,
    /// Why, in words.
    pub said: String,
    /// The messages it was seen in, oldest first.
    pub samples: Vec<Box<str>>,
}

/// Counts what was said of each grant's mail. What is past its time is forgotten; three messages of a grant are the
/// most that is remembered.
#[derive(Debug, Default)]
pub struct Abuse {
    spam: BTreeMap<Box<str>, VecDeque<(Timestamp, Box<str>)>>,
}

impl Abuse {
    /// Hears of one message of a grant, and says whether the grant has to be stopped for it.
    pub fn heard(&mut self, grant: &str, message: &str, verdict: Verdict, now: Timestamp) -> Option<Alert> {
        let at_once = |rule, said: &str| {
            Some(Alert {
                rule,
                said: said.to_owned(),
                samples: vec![message.into()],
            })
        };
        match verdict {
            Verdict::Phish => at_once("abuse-phish", "a message that asks for secrets"),
            Verdict::Malware => at_once("abuse-malware", "a message with malware"),
            Verdict::Spam { score } if score >= SPAM_SCORE => self.spam(grant, message, now),
            Verdict::Spam { .. } => None,
        }
    }

    fn spam(&mut self, grant: &str, message: &str, now: Timestamp) -> Option<Alert> {
        let since = now.minus(SPAM_WITHIN);
        self.spam.retain(|_, seen| {
            seen.retain(|(at, _)| *at >= since);
            !seen.is_empty()
        });
        let seen = self.spam.entry(grant.into()).or_default();
        // The same message told twice, by two scanners or for two recipients, is one.
        if seen.iter().all(|(_, known)| **known != *message) {
            seen.push_back((now, message.into()));
        }
        if seen.len() < SPAM_TIMES {
            return None;
        }
        // What is heard after it was stopped and reinstated begins anew.
        let samples = self.spam.remove(grant).unwrap_or_default();
        Some(Alert {
            rule: "abuse-spam",
            said: format!("{SPAM_TIMES} messages of spam within half an hour"),
            samples: samples.into_iter().map(|(_, message)| message).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAM: Verdict = Verdict::Spam { score: 10.0 };

    fn minute(minute: u64) -> Timestamp {
        Timestamp(0).plus(Duration::from_secs(minute * 60))
    }

    #[test]
    fn one_phish_or_one_malware_is_enough() {
        let mut abuse = Abuse::default();
        let phish = abuse.heard("pc-1", "A", Verdict::Phish, minute(0)).unwrap();
        assert_eq!((phish.rule, phish.samples.len()), ("abuse-phish", 1));
        let malware = abuse.heard("pc-1", "B", Verdict::Malware, minute(0)).unwrap();
        assert_eq!(malware.rule, "abuse-malware");
    }

    #[test]
    fn the_third_spam_within_half_an_hour_is_enough_and_names_all_three() {
        let mut abuse = Abuse::default();
        assert_eq!(abuse.heard("pc-1", "A", SPAM, minute(0)), None);
        assert_eq!(abuse.heard("pc-1", "B", SPAM, minute(15)), None);
        let alert = abuse.heard("pc-1", "C", SPAM, minute(30)).unwrap();
        assert_eq!(alert.rule, "abuse-spam");
        assert_eq!(alert.samples, ["A".into(), "B".into(), "C".into()]);
        // It begins anew.
        assert_eq!(abuse.heard("pc-1", "D", SPAM, minute(30)), None);
    }

    #[test]
    fn spam_that_comes_slowly_faintly_or_through_different_grants_stops_nobody() {
        let mut abuse = Abuse::default();
        for (minute_of, message) in [(0, "A"), (16, "B"), (32, "C"), (48, "D")] {
            assert_eq!(abuse.heard("pc-1", message, SPAM, minute(minute_of)), None, "{message}");
        }
        let faint = Verdict::Spam { score: 9.9 };
        assert!((0..9).all(|n| abuse.heard("pc-2", &n.to_string(), faint, minute(50)).is_none()));
        assert!((0..9).all(|n| abuse.heard(&format!("pc-{}", n + 10), "E", SPAM, minute(50)).is_none()));
    }

    #[test]
    fn a_message_that_is_told_of_three_times_is_one() {
        let mut abuse = Abuse::default();
        assert!((0..9).all(|_| abuse.heard("pc-1", "A", SPAM, minute(0)).is_none()));
    }

    #[test]
    fn a_score_that_is_no_number_counts_for_nothing() {
        let mut abuse = Abuse::default();
        let strange = Verdict::Spam { score: f64::NAN };
        assert!((0..9).all(|n| abuse.heard("pc-1", &n.to_string(), strange, minute(0)).is_none()));
    }

    #[test]
    fn what_is_past_its_time_is_forgotten() {
        let mut abuse = Abuse::default();
        for n in 0..1000 {
            assert_eq!(abuse.heard(&format!("pc-{n}"), "A", SPAM, minute(0)), None);
        }
        assert_eq!(abuse.heard("pc-1", "B", SPAM, minute(31)), None);
        assert_eq!(abuse.spam.len(), 1);
    }
}
