//! The words of each letter: plain text and HTML that an operator may replace, file by file.
//!
//! Words are templates, one for each [`Notice`], with a foot that stands below all of them, a digest of several and a
//! page around their HTML (`files.rs`). What an operator puts in their place is tried with every kind of case before it
//! is used (`trial.rs`), and runs with a bounded number of steps.

mod files;
mod html;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::BTreeMap;
use std::ops::Range;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use crate::notice::Notice;
use files::{DIGEST, FOOT, File, LAYOUT};

pub use files::{PLACEHOLDERS, own_words};

/// Steps a template may take: each does a dozen.
const FUEL: u64 = 20_000;
/// Octets a letter may have; a reason that somebody wrote is a few lines.
const OCTETS_MAX: usize = 64 * 1024;
/// Octets of several as one: somebody may head every department there is.
const GATHERED_OCTETS_MAX: usize = 4 * 1024 * 1024;

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
    /// The grants of a department, where it is about all of them.
    pub list: String,
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// What of it stands in the page: a digest puts it into another one.
    pub body: String,
}

/// A name that stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// As it was written.
    pub name: String,
    /// Those that stand for something.
    pub known: Vec<String>,
}

/// Why words cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {why}", .line.map_or_else(String::new, |line| format!(", line {line}")))]
pub struct WordsError {
    /// The file.
    pub file: String,
    /// The line.
    pub line: Option<usize>,
    /// Where in the file, by octets, where that is known more exactly.
    pub at: Option<Range<usize>>,
    /// What is wrong.
    pub why: String,
    /// A name that stands for nothing, and those that do.
    pub unknown: Option<Box<Unknown>>,
    /// What to do.
    pub advice: Option<String>,
}

impl WordsError {
    fn new(file: &str, why: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            at: None,
            why: why.into(),
            unknown: None,
            advice: None,
        }
    }

    fn of(file: &str, why: &minijinja::Error) -> Self {
        let detail = why.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        Self {
            line: why.line(),
            ..Self::new(file, format!("{}{detail}", why.kind()))
        }
    }
}

/// Every letter's words.
#[derive(Debug)]
pub struct Letters {
    words: Environment<'static>,
}

impl Letters {
    /// Our own words.
    pub fn ours() -> Result<Self, Vec<WordsError>> {
        Self::new(&BTreeMap::new())
    }

    /// Our own words, and an operator's in place of some, by the names of their files ([`own_words`]). Everything that is
    /// wrong is said at once.
    pub fn new(own: &BTreeMap<String, String>) -> Result<Self, Vec<WordsError>> {
        let mut words = Environment::new();
        words.set_fuel(Some(FUEL));
        // A word that is misspelt is an error, never a hole in a letter.
        words.set_undefined_behavior(UndefinedBehavior::Strict);
        words.set_auto_escape_callback(|name| {
            if name.ends_with(".html") {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        words.add_filter("paragraphs", |text: String| Value::from_safe_string(html::of(&text)));
        let mut letters = Self { words };
        let mut wrong = Vec::new();
        for (file, text) in chosen(own) {
            if let Err(why) = letters.add(&file, &text) {
                wrong.push(why);
            }
        }
        wrong.extend(letters.unknown_in_all(own));
        if wrong.is_empty() {
            wrong = letters.try_all();
        }
        if wrong.is_empty() { Ok(letters) } else { Err(wrong) }
    }

    fn add(&mut self, file: &str, text: &str) -> Result<(), WordsError> {
        let added = match File::of(file) {
            None => {
                return Err(WordsError {
                    unknown: Some(Box::new(Unknown {
                        name: file.to_owned(),
                        known: own_words().map(|(file, _)| file).collect(),
                    })),
                    ..WordsError::new(file, "there is no such letter")
                });
            }
            Some(File::Letter(_)) => {
                let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
                let subject = first.strip_prefix("Subject:").ok_or_else(|| WordsError {
                    line: Some(1),
                    ..WordsError::new(file, "the first line is to be `Subject: …`")
                })?;
                // Each for itself: what somebody wrote into a reason never moves from one to the other. The text begins
                // in its second line, so that errors name the line of the whole.
                self.words
                    .add_template_owned(subject_of(file), subject.to_owned())
                    .and_then(|()| self.words.add_template_owned(file.to_owned(), format!("\n{rest}")))
            }
            Some(File::Html(_) | File::Foot | File::Layout) => {
                self.words.add_template_owned(file.to_owned(), text.to_owned())
            }
        };
        added.map_err(|why| WordsError::of(file, &why))
    }

    /// Writes a letter.
    pub fn write(&self, notice: Notice, about: &About) -> Result<Written, WordsError> {
        self.write_code(notice.code(), about)
    }

    fn write_code(&self, code: &str, about: &About) -> Result<Written, WordsError> {
        let about_it = Value::from(Serde(about));
        let (subject, text) = self.render_letter(code, &about_it)?;
        let foot = self.render(FOOT, "txt", &about_it)?;
        let foot = format!("-- \n{}\n", foot.trim());
        let body = match self.has_html(code) {
            true => format!("{}{}", self.render(code, "html", &about_it)?, html::of(&foot)),
            false => html::of(&format!("{}\n\n{foot}", text.trim())),
        };
        let text = format!("{}\n\n{foot}", text.trim());
        self.in_page(subject, text, body, &about.organisation)
    }

    /// Several letters as one: what they are about, then each.
    pub fn digest(&self, letters: &[Written], organisation: &str) -> Result<Written, WordsError> {
        let each: Vec<Value> = letters
            .iter()
            .map(|letter| {
                context! {
                    subject => letter.subject.as_str(),
                    text => letter.text.as_str(),
                    body => Value::from_safe_string(letter.body.clone()),
                }
            })
            .collect();
        let of_all = context! { count => letters.len(), letters => each, organisation => organisation };
        let (subject, text) = self.render_letter(DIGEST, &of_all)?;
        let body = match self.has_html(DIGEST) {
            true => self.render(DIGEST, "html", &of_all)?,
            false => html::of(&text),
        };
        self.in_page(subject, text, body, organisation)
    }

    fn in_page(&self, subject: String, text: String, body: String, organisation: &str) -> Result<Written, WordsError> {
        let page = context! { body => Value::from_safe_string(body.clone()), subject => subject.as_str(), organisation => organisation };
        let html = self.render(LAYOUT, "html", &page)?;
        Ok(Written {
            subject,
            text,
            html,
            body,
        })
    }

    fn has_html(&self, code: &str) -> bool {
        self.words.get_template(&format!("{code}.html")).is_ok()
    }

    /// Its subject and its text.
    fn render_letter(&self, code: &str, about: &Value) -> Result<(String, String), WordsError> {
        let file = format!("{code}.txt");
        let subject = self.render_as(&subject_of(&file), &file, about)?;
        Ok((one_line(&subject), self.render_as(&file, &file, about)?))
    }

    fn render(&self, code: &str, end: &str, about: &Value) -> Result<String, WordsError> {
        let file = format!("{code}.{end}");
        self.render_as(&file, &file, about)
    }

    fn render_as(&self, template: &str, file: &str, about: &Value) -> Result<String, WordsError> {
        let template = self.words.get_template(template);
        let written = template.and_then(|template| template.render(about));
        let written = written.map_err(|why| WordsError::of(file, &why))?;
        let is_gathered = [DIGEST, LAYOUT].contains(&file.rsplit_once('.').map_or(file, |(code, _)| code));
        let most = if is_gathered { GATHERED_OCTETS_MAX } else { OCTETS_MAX };
        if written.len() > most {
            return Err(WordsError::new(file, "the letter is too long"));
        }
        Ok(written)
    }
}

/// The words that are used: ours, and in their place an operator's. Whose text is another has no HTML of ours.
fn chosen(own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_replaced = |file: &str| {
        let text = file.strip_suffix(".html").map(|code| format!("{code}.txt"));
        text.is_some_and(|text| own.contains_key(&text))
    };
    let ours = own_words().filter(|(file, _)| !is_replaced(file));
    let mut chosen: BTreeMap<String, String> = ours.map(|(file, text)| (file, text.to_owned())).collect();
    chosen.extend(
        own.iter()
            .map(|(file, text)| (file.clone(), text.replace("\r\n", "\n"))),
    );
    chosen
}

/// The name of a letter's subject, beside its text.
fn subject_of(file: &str) -> String {
    format!("{file} subject")
}

/// A subject is one line, whatever somebody wrote into a reason.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|char: char| char.is_whitespace() || char.is_control())
        .collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}
