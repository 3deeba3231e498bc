//! The three sentences somebody takes the risk of an exception with.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use mail::Timestamp;

use crate::actor::Person;

/// What is acknowledged, each by a tick of its own.
pub const ACKNOWLEDGEMENTS: [&str; 3] = [
    "Unauthenticated SMTP is a legacy and insecure method.",
    "Service may be interrupted.",
    "Support may be discontinued at any time.",
];

/// Which words were acknowledged: the SHA-256 over them, each ended by a line feed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextVersion(pub [u8; 32]);

impl TextVersion {
    /// The version of these words.
    #[must_use]
    pub fn of(words: &[&str]) -> Self {
        let mut text = String::new();
        for sentence in words {
            text.push_str(sentence);
            text.push('\n');
        }
        let mut version = [0; 32];
        for (into, octet) in version.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
            *into = *octet;
        }
        Self(version)
    }

    /// The version of [`ACKNOWLEDGEMENTS`].
    #[must_use]
    pub fn current() -> Self {
        Self::of(&ACKNOWLEDGEMENTS)
    }
}

impl fmt::Display for TextVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for TextVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextVersion({self})")
    }
}

/// What a head has sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Which of the sentences were ticked.
    pub ticked: [bool; 3],
    /// The name that was typed.
    pub name: Box<str>,
    /// The words that were shown.
    pub words: TextVersion,
    /// The request that was shown.
    pub request: [u8; 32],
}

impl Signature {
    /// The sentences that were not ticked, counted from 1.
    #[must_use]
    pub fn missing(&self) -> Vec<usize> {
        let ticked = self.ticked.iter().zip(1..);
        ticked
            .filter(|(ticked, _)| !**ticked)
            .map(|(_, number)| number)
            .collect()
    }
}

/// That somebody took the risk, of exactly this request. An edit of the request voids it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Who.
    pub by: Person,
    /// The name that was typed.
    pub name: Box<str>,
    /// The words.
    pub words: TextVersion,
    /// SHA-256 of the request as it was shown.
    pub request: [u8; 32],
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_word_is_another_version() {
        let shown = TextVersion::current().to_string();
        assert_eq!(shown.len(), 64);
        let mut words = ACKNOWLEDGEMENTS;
        words[1] = "Service may be interrupted!";
        assert_ne!(TextVersion::of(&words), TextVersion::current());
        assert_ne!(TextVersion::of(&["a", "b"]), TextVersion::of(&["ab"]));
    }
}
