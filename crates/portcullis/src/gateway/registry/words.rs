//! The words of letters that are used now: an operator's where there are some, read again when they change.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use registry::Letters;

use super::office::{Changed, changed_at};
use crate::config::Problem;
use crate::config::letters;

/// Words, and the files in which they stand.
#[derive(Default)]
pub(super) struct Words {
    used: Option<Arc<Letters>>,
    /// The folder's files as they were when they were read.
    files: Option<(PathBuf, Vec<(PathBuf, Changed)>)>,
    /// What is wrong with them.
    pub(super) wrong: Vec<String>,
}

impl Words {
    /// What letters are written with.
    pub(super) fn used(&mut self) -> Option<Arc<Letters>> {
        if self.used.is_none() {
            match Letters::ours() {
                Ok(ours) => self.used = Some(Arc::new(ours)),
                Err(why) => {
                    let why: Vec<String> = why.iter().map(ToString::to_string).collect();
                    tracing::error!(
                        event = "registry.words_wrong",
                        why = why.join("; "),
                        "no letter is written"
                    );
                }
            }
        }
        self.used.clone()
    }

    /// Looks whether others are to be used. Words that are wrong are told of, and the former ones stay.
    pub(super) fn look(&mut self, folder: Option<&Path>) {
        let files = folder.map(|folder| (folder.to_owned(), found(folder)));
        if files == self.files {
            return;
        }
        self.files = files;
        match folder.map(letters::read) {
            None => *self = Self::default(),
            Some(Ok(read)) => {
                self.used = Some(Arc::new(read));
                self.wrong.clear();
            }
            Some(Err(problems)) => self.refuse(&problems),
        }
    }

    fn refuse(&mut self, problems: &[Problem]) {
        let line = |problem: &Problem| {
            let at = problem.at.as_ref().zip(problem.within.as_ref());
            let line = at.map(|(at, source)| format!(" (line {})", source.place(at.start).line));
            format!("{}{}", problem.message, line.unwrap_or_default())
        };
        self.wrong = problems.iter().map(line).collect();
        for why in &self.wrong {
            tracing::warn!(event = "registry.words_wrong", %why, "letters are written with the former words");
        }
    }
}

/// The files of a folder, and when each was changed last; one that cannot be read has none.
fn found(folder: &Path) -> Vec<(PathBuf, Changed)> {
    let files = letters::files(folder).unwrap_or_default();
    files
        .into_iter()
        .map(|file| {
            let changed = changed_at(&file);
            (file, changed)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_changed_are_used_and_wrong_ones_leave_the_former_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("M13.txt");
        let subject = |words: &mut Words| {
            let about = registry::About::default();
            let written = words.used().unwrap().write(registry::Notice::Works, &about);
            written.unwrap().subject
        };
        let mut words = Words::default();
        words.look(Some(folder.path()));
        assert!(subject(&mut words).ends_with("works"));
        std::fs::write(&file, "Subject: Er druckt\n").unwrap();
        words.look(Some(folder.path()));
        assert_eq!(subject(&mut words), "Er druckt");
        std::fs::write(&file, "Subject: Er druckt nicht\n\n{{ wann }}\n").unwrap();
        words.look(Some(folder.path()));
        assert_eq!(subject(&mut words), "Er druckt");
        assert_eq!(words.wrong, ["M13.txt: nothing is called `wann` here (line 3)"]);
        std::fs::remove_file(&file).unwrap();
        words.look(Some(folder.path()));
        assert!(words.wrong.is_empty() && subject(&mut words).ends_with("works"));
        words.look(None);
        assert!(words.wrong.is_empty() && subject(&mut words).ends_with("works"));
    }
}
