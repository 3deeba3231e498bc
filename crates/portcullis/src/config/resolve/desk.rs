//! Where problems are noted while a file is resolved.

use std::ops::Range;
use std::path::{Path, PathBuf};

use policy::{Name, Place};

use crate::config::file::{At, Maybe, Named, Read};
use crate::config::{Machine, Problem, Source};

/// Octets of a name at most; names stand in logs, replies and metrics.
const NAME_OCTETS_MAX: usize = 64;

/// What every section needs at hand: the text, the machine, and a place to note problems.
pub(super) struct Desk<'a> {
    source: &'a Source,
    read: &'a Read,
    folder: &'a Path,
    pub(super) machine: &'a Machine,
    problems: Vec<Problem>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(source: &'a Source, machine: &'a Machine, folder: &'a Path, read: &'a Read) -> Self {
        Self {
            source,
            read,
            folder,
            machine,
            problems: read.problems.clone(),
        }
    }

    pub(super) fn say(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn finish(self) -> Vec<Problem> {
        self.problems
    }

    /// Whether something at this path was written and could not be read; it is not missing then.
    pub(super) fn is_spoiled(&self, path: &[&str]) -> bool {
        self.read.is_spoiled(path)
    }

    pub(super) fn place(&self, at: &Range<usize>) -> Place {
        self.source.place(at.start)
    }

    /// A path of the file, relative to the folder it lies in.
    pub(super) fn path(&self, written: &Path) -> PathBuf {
        self.folder.join(written)
    }

    /// The declaration's name, as the rulebook keeps it.
    pub(super) fn name(&mut self, written: &At<String>) -> Name {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if written.is_empty() || written.len() > NAME_OCTETS_MAX || !written.chars().all(plain) {
            self.say(
                Problem::error(written.span(), format!("{:?} is no name", written.get()))
                    .why("names stand in logs, replies and metrics")
                    .advise("use up to 64 letters, digits, dots, hyphens and underscores"),
            );
        }
        Name::from(written.as_str())
    }

    /// A value that must be there.
    pub(super) fn need<'v, T>(
        &mut self,
        path: &[&str],
        value: &'v Maybe<T>,
        at: &Range<usize>,
        missing: impl Into<String>,
        why: &str,
    ) -> Option<&'v At<T>> {
        if value.is_none() && !self.is_spoiled(path) {
            let key = path.last().copied().unwrap_or_default();
            self.say(
                Problem::error(at.clone(), missing)
                    .why(why)
                    .advise(format!("add `{key} = ...`")),
            );
        }
        value.as_ref()
    }

    /// Words that must be there and say something.
    pub(super) fn words<'v>(
        &mut self,
        path: &[&str],
        value: &'v Maybe<String>,
        at: &Range<usize>,
        missing: impl Into<String>,
        why: &str,
    ) -> Option<&'v str> {
        let missing = missing.into();
        let written = self.need(path, value, at, missing.clone(), why)?;
        if written.trim().is_empty() {
            self.say(
                Problem::error(written.span(), missing)
                    .label("this says nothing")
                    .why(why),
            );
            return None;
        }
        Some(written.trim())
    }
}

/// Declarations in the order in which they were written.
pub(super) fn in_order<T>(named: &Named<T>) -> Vec<(&At<String>, &T)> {
    let mut list: Vec<_> = named.iter().collect();
    list.sort_by_key(|(name, _)| name.span().start);
    list
}

/// The values of a list, without their places.
pub(super) fn values<T: Clone>(list: &[At<crate::config::file::Text<T>>]) -> Vec<T> {
    list.iter().map(|value| T::clone(value)).collect()
}

/// The value of a word that need not be there, without its place.
pub(super) fn value<T: Clone>(written: &Maybe<crate::config::file::Text<T>>) -> Option<T> {
    written.as_ref().map(|value| (***value).clone())
}
