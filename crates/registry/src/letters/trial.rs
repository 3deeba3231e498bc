//! Words are tried before they are used: what they speak of is there, and they can be written about any case.

use std::collections::BTreeMap;
use std::ops::Range;

use super::files::{File, texts};
use super::{About, Letters, Unknown, WordsError, Written, subject_of};
use crate::notice::Notice;

impl Letters {
    /// What an operator's words speak of that is nowhere.
    pub(super) fn unknown_in_all(&self, own: &BTreeMap<String, String>) -> Vec<WordsError> {
        own.iter()
            .filter_map(|(file, text)| self.unknown_in(file, text))
            .collect()
    }

    /// Every letter, about a case of which everything is known and one of which nothing is; and several as one.
    pub(super) fn try_all(&self) -> Vec<WordsError> {
        let mut wrong = Vec::new();
        for (code, _) in texts() {
            if Notice::of(code).is_some() {
                let tried = [About::default(), everything()]
                    .iter()
                    .find_map(|about| self.write_code(code, about).err());
                wrong.extend(tried);
            }
        }
        let letter = Written {
            subject: "pc-1001: a matter".to_owned(),
            ..Written::default()
        };
        for organisation in ["", "Example University"] {
            let tried = self.digest(&[letter.clone(), letter.clone()], organisation);
            wrong.extend(tried.err());
        }
        // A foot, a digest or a page that is wrong is so in every letter.
        wrong.dedup();
        wrong
    }

    /// The first name in it that stands for nothing.
    fn unknown_in(&self, file: &str, text: &str) -> Option<WordsError> {
        let kind = File::of(file)?;
        let known = kind.placeholders();
        let templates = [file.to_owned(), subject_of(file)];
        let spoken: Vec<String> = templates
            .iter()
            .filter_map(|name| self.words.get_template(name).ok())
            .flat_map(|template| template.undeclared_variables(false))
            .collect();
        let is_known = |name: &str| known.contains(&name) || self.words.globals().any(|(global, _)| global == name);
        let unknown = spoken
            .iter()
            .filter(|name| !is_known(name))
            .map(|name| (place(text, name), name))
            .min_by_key(|(at, name)| (at.as_ref().map_or(usize::MAX, |at| at.start), (*name).clone()));
        if let Some((at, name)) = unknown {
            let line = at.as_ref().and_then(|at| text.get(..at.start));
            return Some(WordsError {
                line: line.map(|before| before.matches('\n').count() + 1),
                at,
                unknown: Some(Box::new(Unknown {
                    name: name.clone(),
                    known: known.iter().map(|name| (*name).to_owned()).collect(),
                })),
                advice: Some(format!("its words may speak of {}", known.join(", "))),
                ..WordsError::new(file, format!("nothing is called `{name}` here"))
            });
        }
        let holds_nothing = kind == File::Layout && !spoken.iter().any(|name| name == "body");
        holds_nothing.then(|| WordsError {
            advice: Some("write {{ body }} where it belongs".to_owned()),
            ..WordsError::new(file, "the letter does not stand in it")
        })
    }
}

/// A case of which everything is known.
fn everything() -> About {
    let words = || "words".to_owned();
    About {
        id: "pc-1001".to_owned(),
        what: words(),
        requestor: words(),
        head: words(),
        justification: words(),
        said: words(),
        by: words(),
        until: words(),
        since: words(),
        days: words(),
        message: words(),
        recipe: words(),
        list: words(),
        action: "https://gate.example/answer".to_owned(),
        link: "https://gate.example/case".to_owned(),
        help: words(),
        organisation: words(),
    }
}

/// Where a template speaks of a name first.
fn place(text: &str, name: &str) -> Option<Range<usize>> {
    let is_of_a_name = |char: char| char.is_alphanumeric() || char == '_';
    let is_alone = |at: usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let behind = text.get(at + name.len()..).and_then(|behind| behind.chars().next());
        !before.is_some_and(|char| is_of_a_name(char) || char == '.') && !behind.is_some_and(is_of_a_name)
    };
    let is_spoken = |at: usize| {
        let before = text.get(..at).unwrap_or_default();
        let opened = before.rfind("{{").max(before.rfind("{%"));
        opened.is_some() && opened > before.rfind("}}").max(before.rfind("%}"))
    };
    text.match_indices(name)
        .map(|(at, _)| at)
        .find(|at| is_alone(*at) && is_spoken(*at))
        .map(|at| at..at + name.len())
}
