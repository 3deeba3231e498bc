//! Words of letters that an operator keeps in a folder, read and tried.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use registry::{Letters, WordsError};

use super::file::nearest;
use super::{Problem, Source};

/// Octets of such a file at most; a letter is a page.
const OCTETS_MAX: u64 = 64 << 10;
/// What becomes of words that are wrong.
const WHY: &str = "a letter that cannot be written tells nobody anything: no words are used that were not tried";

/// The files of a folder that have words in them: what ends otherwise is left alone.
pub fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let all = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut files: Vec<PathBuf> = all.collect::<Result<_, _>>()?;
    files.retain(|file| is_of_words(file));
    files.sort();
    Ok(files)
}

fn is_of_words(file: &Path) -> bool {
    let ends = file.extension().is_some_and(|end| end == "txt" || end == "html");
    ends && !name(file).starts_with('.')
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Reads the words of a folder, and tries each; everything that is wrong with them, each with its place.
pub fn read(folder: &Path) -> Result<Letters, Vec<Problem>> {
    let cannot = |path: &Path, why: &std::io::Error| {
        Problem::error(None, format!("{} cannot be read: {why}", path.display())).why(WHY)
    };
    let files = files(folder).map_err(|why| vec![cannot(folder, &why)])?;
    let mut own = BTreeMap::new();
    let mut problems = Vec::new();
    for file in &files {
        match text(file) {
            Ok(text) => {
                own.insert(name(file), text);
            }
            Err(why) => problems.push(cannot(file, &why)),
        }
    }
    match Letters::new(&own) {
        Ok(letters) if problems.is_empty() => return Ok(letters),
        Ok(_) => {}
        Err(wrong) => problems.extend(wrong.iter().map(|why| problem(folder, &own, why))),
    }
    Err(problems)
}

fn text(file: &Path) -> std::io::Result<String> {
    if std::fs::metadata(file)?.len() > OCTETS_MAX {
        return Err(std::io::Error::other("it is larger than 64 KiB"));
    }
    std::fs::read_to_string(file)
}

fn problem(folder: &Path, own: &BTreeMap<String, String>, why: &WordsError) -> Problem {
    let text = own.get(&why.file).cloned().unwrap_or_default();
    let source = Source::new(&folder.join(&why.file).display().to_string(), text);
    let at = why.at.clone().or_else(|| source.line(why.line.unwrap_or(1)));
    let problem = Problem::error(at, format!("{}: {}", why.file, why.why))
        .why(WHY)
        .within(Arc::new(source));
    match advice(why) {
        Some(advice) => problem.advise(advice),
        None => problem,
    }
}

fn advice(why: &WordsError) -> Option<String> {
    let near = why.unknown.as_ref().and_then(|unknown| {
        let known: Vec<&str> = unknown.known.iter().map(String::as_str).collect();
        nearest(&unknown.name, &known).map(str::to_owned)
    });
    let near = near.map(|near| format!("did you mean `{near}`?"));
    let shown = || "`portcullis access letters` shows which there are".to_owned();
    let more = why.advice.clone().or_else(|| why.unknown.as_ref().map(|_| shown()));
    let both: Vec<String> = near.into_iter().chain(more).collect();
    (!both.is_empty()).then(|| both.join(" "))
}
