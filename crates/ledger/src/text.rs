//! Text of strangers, made fit for one line of a record; and ids as text.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// A short text: at most [`Words::OCTETS_MAX`] octets, no control characters. What does not fit is cut and marked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Words(String);

impl Words {
    /// Octets at most; long enough for every address we take.
    pub const OCTETS_MAX: usize = 1200;

    /// Room for almost every address, so that it is written without moving.
    const OCTETS_USUAL: usize = 64;

    /// Cleans and bounds a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if is_clean(text) {
            return Self(text.into());
        }
        let mut clean = String::with_capacity(text.len().min(Self::OCTETS_MAX));
        for c in text.chars() {
            let c = if c.is_control() { ' ' } else { c };
            if clean.len() + c.len_utf8() + '…'.len_utf8() > Self::OCTETS_MAX {
                clean.push('…');
                break;
            }
            clean.push(c);
        }
        Self(clean)
    }

    /// The text of something that can be shown.
    pub fn of(shown: &impl fmt::Display) -> Self {
        Self::put(|text| write!(text, "{shown}"))
    }

    /// The text that somebody writes, such as an address itself.
    pub fn put(write: impl FnOnce(&mut String) -> fmt::Result) -> Self {
        let mut text = String::with_capacity(Self::OCTETS_USUAL);
        // Writing to a String cannot fail.
        let _ = write(&mut text);
        if is_clean(&text) { Self(text) } else { Self::new(&text) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text may be kept as it is; almost all are.
fn is_clean(text: &str) -> bool {
    text.len() + '…'.len_utf8() <= Words::OCTETS_MAX && text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(from)?))
    }
}

/// Things that are written as they show themselves and read back by `FromStr`: ids, reasons.
pub(crate) mod shown {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        text.parse()
            .map_err(|_| D::Error::custom("not a text this ledger writes"))
    }
}

/// The same for values that may be absent; to be used with `default` and `skip_serializing_if`.
pub(crate) mod shown_if_any {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        super::shown::deserialize(from).map(Some)
    }
}

/// The same for a list of them.
pub(crate) mod shown_each {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<T: Display, S: Serializer>(values: &[T], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(ToString::to_string))
    }

    pub(crate) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let values = texts.iter().map(|text| text.parse());
        let values = values.collect::<Result<_, _>>();
        values.map_err(|_| D::Error::custom("not texts this ledger writes"))
    }
}

/// A moment as milliseconds since 1970.
pub(crate) mod millis {
    use mail::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_i64(at.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_strangers_stays_on_one_line_and_within_bounds() {
        assert_eq!(Words::new("a\r\nb\0").as_str(), "a  b ");
        let long = Words::new(&"é".repeat(5000));
        assert!(long.as_str().len() <= Words::OCTETS_MAX);
        assert!(long.as_str().ends_with('…'));
        assert_eq!(Words::new(long.as_str()), long);
    }
}
