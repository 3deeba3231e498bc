//! The files in which words stand: ours, and where an operator keeps others in their place.

use crate::notice::Notice;

/// Our own words: sections of `=== NAME`, then the text of the file `NAME.txt`.
const WORDS: &str = include_str!("words.txt");
const DIGEST_HTML: &str = include_str!("digest.html");
const LAYOUT_HTML: &str = include_str!("layout.html");

/// What stands below every letter.
pub(super) const FOOT: &str = "foot";
/// Several letters as one.
pub(super) const DIGEST: &str = "digest";
/// The page around each letter's HTML.
pub(super) const LAYOUT: &str = "layout";

/// What a letter's words may speak of, and what that is. What does not apply to a letter is empty in it.
pub const PLACEHOLDERS: [(&str, &str); 17] = [
    ("id", "the case, as in pc-1042"),
    ("what", "what it is, and where: the copier 10.1.2.3 (Chemistry)"),
    ("requestor", "who asked"),
    ("head", "who is to take the risk, or took it"),
    ("justification", "why an exception is asked for"),
    ("said", "what somebody, or a check, said"),
    ("by", "until when something is to be done, as a date"),
    ("until", "the last day of the grant"),
    ("since", "since when it was set up, or is silent, as a date"),
    ("days", "how many days"),
    ("message", "the id of the first message"),
    ("recipe", "the settings of the device"),
    ("list", "the grants of a department, where it is about all of them"),
    ("action", "the link that answers without a login, where there is one"),
    ("link", "the page of the case, where there is one"),
    ("help", "who helps"),
    ("organisation", "whose relay it is"),
];
const OF_A_DIGEST: [&str; 3] = ["count", "letters", "organisation"];
const OF_A_LAYOUT: [&str; 3] = ["body", "subject", "organisation"];

/// A file of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File<'a> {
    /// A first line `Subject: …`, then plain text.
    Letter(&'a str),
    /// The same as HTML, to stand in a page.
    Html(&'a str),
    /// Plain text alone.
    Foot,
    /// The page.
    Layout,
}

impl<'a> File<'a> {
    /// The file of this name, where there is such a letter.
    pub(super) fn of(name: &'a str) -> Option<Self> {
        let (code, end) = name.rsplit_once('.')?;
        let is_letter = code == DIGEST || Notice::of(code).is_some();
        match end {
            "txt" if is_letter => Some(Self::Letter(code)),
            "html" if is_letter => Some(Self::Html(code)),
            "txt" if code == FOOT => Some(Self::Foot),
            "html" if code == LAYOUT => Some(Self::Layout),
            _ => None,
        }
    }

    /// What its words may speak of.
    pub(super) fn placeholders(self) -> Vec<&'static str> {
        match self {
            Self::Letter(DIGEST) | Self::Html(DIGEST) => OF_A_DIGEST.to_vec(),
            Self::Layout => OF_A_LAYOUT.to_vec(),
            Self::Letter(_) | Self::Html(_) | Self::Foot => PLACEHOLDERS.iter().map(|(name, _)| *name).collect(),
        }
    }
}

/// Our own words, by the names of their files: what an operator may begin from.
pub fn own_words() -> impl Iterator<Item = (String, &'static str)> {
    let pages = [(DIGEST, DIGEST_HTML), (LAYOUT, LAYOUT_HTML)];
    texts()
        .map(|(name, text)| (format!("{name}.txt"), text))
        .chain(pages.map(|(name, html)| (format!("{name}.html"), html)))
}

/// Names and texts, without their HTML.
pub(super) fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    WORDS
        .split("=== ")
        .filter_map(|section| section.split_once('\n'))
        .map(|(name, text)| (name.trim(), text))
}
