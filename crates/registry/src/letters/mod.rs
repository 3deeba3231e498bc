//! The words of each letter: plain text that an operator may replace, and the same as HTML.
//!
//! Words are templates, one for each [`Notice`]; they stand in `words.txt`. What an operator puts in their place is
//! tried with every kind of case before it is used, and runs with a bounded number of steps.

mod html;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;

use crate::notice::Notice;

/// Our own words.
const WORDS: &str = include_str!("words.txt");
/// Steps a template may take: each does a dozen.
const FUEL: u64 = 20_000;
/// Octets a letter may have; a reason that somebody wrote is a few lines.
const OCTETS_MAX: usize = 64 * 1024;

/// Between two letters in one.
const RULE: &str = "----------------------------------------------------------------------";

/// What the words may speak of. What does not apply is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct About {
    /// The case: `pc-1042`.
    pub id: String,
    /// What it is, and where: `the copier 10.1.2.3 (Chemistry)`.
    pub what: String,
    /// Who asked.
    pub requestor: String,
    /// Who is to take the risk, or took it.
    pub head: String,
    /// Why an exception is asked for.
    pub justification: String,
    /// What somebody, or a check, said.
    pub said: String,
    /// Until when something is to be done, as a date.
    pub by: String,
    /// The last day of the grant.
    pub until: String,
    /// Since when.
    pub since: String,
    /// How many days.
    pub days: String,
    /// The id of a message.
    pub message: String,
    /// The settings of the device.
    pub recipe: String,
    /// The link that answers.
    pub action: String,
    /// The page of the case.
    pub link: String,
    /// Who helps.
    pub help: String,
    /// Whose relay it is.
    pub organisation: String,
}

/// A letter, written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// Why words cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{code}{}: {why}", .line.map_or_else(String::new, |line| format!(", line {line}")))]
pub struct WordsError {
    /// The letter.
    pub code: String,
    /// The line.
    pub line: Option<usize>,
    /// What is wrong.
    pub why: String,
}

/// Every letter's words.
#[derive(Debug)]
pub struct Letters {
    words: Environment<'static>,
}

impl Letters {
    /// Our own words, and an operator's in place of some: by code, a first line `Subject: …`, then the text.
    pub fn new(own: &BTreeMap<String, String>) -> Result<Self, WordsError> {
        let mut words = Environment::new();
        words.set_fuel(Some(FUEL));
        // A word that is misspelt is an error, never a hole in a letter.
        words.set_undefined_behavior(UndefinedBehavior::Strict);
        words.set_auto_escape_callback(|_| AutoEscape::None);
        for (code, text) in sections(WORDS) {
            let text = own.get(code).map_or(text, String::as_str);
            let (first, text) = text.split_once('\n').unwrap_or((text, ""));
            let subject = first.strip_prefix("Subject:").ok_or_else(|| WordsError {
                code: code.to_owned(),
                line: Some(1),
                why: "the first line is to be `Subject: …`".to_owned(),
            })?;
            // Each for itself: what somebody wrote into a reason never moves from one to the other. The text begins in
            // its second line, so that errors name the line of the whole.
            for (name, template) in [
                (subject_of(code), subject.to_owned()),
                (code.to_owned(), format!("\n{text}")),
            ] {
                words
                    .add_template_owned(name, template)
                    .map_err(|why| error(code, &why))?;
            }
        }
        if let Some(code) = own.keys().find(|code| words.get_template(code).is_err()) {
            return Err(WordsError {
                code: code.clone(),
                line: None,
                why: "there is no such letter".to_owned(),
            });
        }
        let letters = Self { words };
        letters.try_all()?;
        Ok(letters)
    }

    /// Every letter, about a case of which everything is known and one of which nothing is.
    fn try_all(&self) -> Result<(), WordsError> {
        let full = About {
            id: "pc-1001".to_owned(),
            action: "https://gate.example/answer".to_owned(),
            ..About::default()
        };
        for (code, _) in sections(WORDS) {
            self.write_code(code, &About::default())?;
            self.write_code(code, &full)?;
        }
        Ok(())
    }

    /// Writes a letter.
    pub fn write(&self, notice: Notice, about: &About) -> Result<Written, WordsError> {
        self.write_code(notice.code(), about)
    }

    fn write_code(&self, code: &str, about: &About) -> Result<Written, WordsError> {
        let subject = self.render(code, &subject_of(code), about)?;
        let body = self.render(code, code, about)?;
        let text = format!("{}\n{}", body.trim(), foot(about));
        Ok(Written {
            subject: one_line(&subject),
            html: html::of(&text),
            text,
        })
    }

    fn render(&self, code: &str, name: &str, about: &About) -> Result<String, WordsError> {
        let template = self.words.get_template(name).map_err(|why| error(code, &why))?;
        let written = template.render(Serde(about)).map_err(|why| error(code, &why))?;
        if written.len() > OCTETS_MAX {
            return Err(WordsError {
                code: code.to_owned(),
                line: None,
                why: "the letter is too long".to_owned(),
            });
        }
        Ok(written)
    }
}

/// Several letters as one: what they are about, then each.
#[must_use]
pub fn digest(letters: &[Written], organisation: &str) -> Written {
    let mut text = format!("{} matters about the mail relay:\n\n", letters.len());
    for letter in letters {
        text.push_str(&format!("* {}\n", letter.subject));
    }
    for letter in letters {
        text.push_str(&format!("\n{RULE}\n{}\n\n{}", letter.subject, letter.text));
    }
    let whose = if organisation.is_empty() {
        String::new()
    } else {
        format!("{organisation}: ")
    };
    Written {
        subject: one_line(&format!("{whose}{} matters about the mail relay", letters.len())),
        html: html::of(&text),
        text,
    }
}

/// The name of a letter's subject, beside its text.
fn subject_of(code: &str) -> String {
    format!("{code} subject")
}

/// What stands below every letter.
fn foot(about: &About) -> String {
    let mut foot = String::from("\n-- \n");
    if !about.link.is_empty() {
        foot.push_str(&format!("The case: {}\n", about.link));
    }
    if !about.help.is_empty() {
        foot.push_str(&format!("Help: {}; please name {}.\n", about.help, about.id));
    }
    if !about.organisation.is_empty() {
        foot.push_str(&format!(
            "{}, mail relay. Answers to this letter reach those who run it.\n",
            about.organisation
        ));
    }
    foot
}

/// A subject is one line, whatever somebody wrote into a reason.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|char: char| char.is_whitespace() || char.is_control())
        .collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

fn error(code: &str, why: &minijinja::Error) -> WordsError {
    let detail = why.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    WordsError {
        code: code.to_owned(),
        line: why.line(),
        why: format!("{}{detail}", why.kind()),
    }
}

/// The sections of our own words: `=== CODE`, then text.
fn sections(words: &str) -> impl Iterator<Item = (&str, &str)> {
    words
        .split("=== ")
        .filter_map(|section| section.split_once('\n'))
        .map(|(code, text)| (code.trim(), text))
}
