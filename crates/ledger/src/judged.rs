//! What judgement knew of a message: written down so that the message can be decided again, by other rules.
//!
//! Who sent it from where to whom stands beside it in the event; here is the rest. What is absent was not known *yet*,
//! what is `null` could not be known. Words are those of the record and stay as they are.

use mail::Timestamp;
use policy::{ContentClass, Fact, Usage};
use serde::{Deserialize, Serialize};

/// The facts of one judgement that the event does not tell by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The version of these facts.
    #[serde(rename = "v")]
    pub version: u8,
    /// When it was decided: milliseconds since 1970. The line itself may be written later.
    #[serde(rename = "at", with = "crate::text::millis")]
    pub now: Timestamp,
    /// What the From header is; its mailboxes are `header_from`.
    #[serde(default = "not_yet", skip_serializing_if = "is_not_yet", with = "word")]
    pub from: Fact<FromForm>,
    /// Received headers.
    #[serde(default = "not_yet", skip_serializing_if = "is_not_yet", with = "value")]
    pub hops: Fact<u32>,
    /// Where the grant's use stood.
    #[serde(default = "not_yet", skip_serializing_if = "is_not_yet", with = "word")]
    pub usage: Fact<Usage>,
    /// Whether several clients hid behind the address.
    #[serde(default = "not_yet", skip_serializing_if = "is_not_yet", with = "value")]
    pub masked: Fact<bool>,
    /// What content scanners said.
    #[serde(default = "not_yet", skip_serializing_if = "is_not_yet", with = "word")]
    pub content: Fact<ContentClass>,
}

/// What a From header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromForm {
    /// There is none, or none with a mailbox in it.
    Missing,
    /// It cannot be read safely.
    Malformed,
    /// It names mailboxes.
    Mailboxes,
}

impl Judged {
    /// What is written now.
    pub const VERSION: u8 = 1;

    /// Nothing was known yet.
    #[must_use]
    pub fn nothing_yet(now: Timestamp) -> Self {
        Self {
            version: Self::VERSION,
            now,
            from: Fact::NotYet,
            hops: Fact::NotYet,
            usage: Fact::NotYet,
            masked: Fact::NotYet,
            content: Fact::NotYet,
        }
    }

    /// Whether this version of the program knows all that these facts may say.
    #[must_use]
    pub fn is_understood(&self) -> bool {
        self.version == Self::VERSION
    }
}

fn not_yet<T>() -> Fact<T> {
    Fact::NotYet
}

fn is_not_yet<T>(fact: &Fact<T>) -> bool {
    matches!(fact, Fact::NotYet)
}

/// Classes, each with its word in the record.
pub(crate) trait Spoken: Copy + PartialEq + 'static {
    const WORDS: &'static [(Self, &'static str)];
}

impl Spoken for FromForm {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Missing, "missing"),
        (Self::Malformed, "malformed"),
        (Self::Mailboxes, "mailboxes"),
    ];
}

impl Spoken for Usage {
    const WORDS: &'static [(Self, &'static str)] =
        &[(Self::Within, "within"), (Self::Soft, "soft"), (Self::Hard, "hard")];
}

impl Spoken for ContentClass {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Below, "below"),
        (Self::Quarantine, "quarantine"),
        (Self::Refuse, "refuse"),
    ];
}

/// A fact that is one of a few words.
mod word {
    use policy::Fact;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Spoken;

    pub(super) fn serialize<T: Spoken, S: Serializer>(fact: &Fact<T>, to: S) -> Result<S::Ok, S::Error> {
        let word = match fact {
            Fact::Known(class) => T::WORDS.iter().find(|(one, _)| one == class),
            Fact::Unknown | Fact::NotYet => None,
        };
        match word {
            Some((_, word)) => to.serialize_str(word),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T: Spoken, D: Deserializer<'de>>(from: D) -> Result<Fact<T>, D::Error> {
        let Some(read) = Option::<String>::deserialize(from)? else {
            return Ok(Fact::Unknown);
        };
        let class = T::WORDS.iter().find(|(_, word)| *word == read);
        class
            .map(|(class, _)| Fact::Known(*class))
            .ok_or_else(|| D::Error::custom("not a word this ledger writes"))
    }
}

/// A fact that is a number or a yes or no.
mod value {
    use policy::Fact;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(fact: &Fact<T>, to: S) -> Result<S::Ok, S::Error> {
        match fact {
            Fact::Known(value) => value.serialize(to),
            Fact::Unknown | Fact::NotYet => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Fact<T>, D::Error> {
        Ok(Option::<T>::deserialize(from)?.map_or(Fact::Unknown, Fact::Known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_read_back_and_what_was_not_known_yet_is_told_from_what_nobody_knew() {
        let judged = Judged {
            from: Fact::Known(FromForm::Mailboxes),
            hops: Fact::Known(3),
            usage: Fact::Known(Usage::Soft),
            content: Fact::Unknown,
            ..Judged::nothing_yet(Timestamp(1000))
        };
        let text = serde_json::to_string(&judged).unwrap();
        assert_eq!(
            text,
            r#"{"v":1,"at":1000,"from":"mailboxes","hops":3,"usage":"soft","content":null}"#
        );
        assert_eq!(serde_json::from_str::<Judged>(&text).unwrap(), judged);
        assert!(serde_json::from_str::<Judged>(&text.replace("soft", "loud")).is_err());
        let later: Judged = serde_json::from_str(&text.replace(r#""v":1"#, r#""v":2"#)).unwrap();
        assert!(judged.is_understood() && !later.is_understood());
    }
}
