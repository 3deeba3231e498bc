//! Reads the text into the raw layer and finds every fault of form on the way, not only the first.
//!
//! serde stops at the first fault. So the faulty node is noted, taken out of the tree, and the tree is read again:
//! what is left is whole, and the checks of meaning can go on beside what was found.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::File;
use crate::config::{Problem, Source};

/// Faults of form after which reading stops; nobody mends more in one go.
const FAULTS_MAX: usize = 100;

/// Names that are recognised so that the answer is clear, and never offered.
const NOT_BUILT_YET: [&str; 4] = ["acme", "dane", "sts", "dane-or-sts-or-opportunistic"];

/// A file that was read, and what had to be left out of it.
#[derive(Debug, Default)]
pub struct Read {
    /// What was written.
    pub file: File,
    /// What was left out, and why.
    pub problems: Vec<Problem>,
    /// The keys left out, each with its path, so that nobody complains that they are missing.
    pub spoiled: Vec<Vec<String>>,
}

impl Read {
    /// Whether what stands at this path, or something in it, was left out.
    #[must_use]
    pub fn is_spoiled(&self, path: &[&str]) -> bool {
        self.spoiled
            .iter()
            .any(|left_out| left_out.iter().zip(path).all(|(a, b)| a == b))
    }
}

/// Reads the text. Faults of TOML itself end the reading, all of them reported; others are left out and reported.
pub fn read(source: &Source) -> Result<Read, Vec<Problem>> {
    let (mut tree, faults) = DeTable::parse_recoverable(source.text());
    if !faults.is_empty() {
        return Err(faults.iter().map(broken).collect());
    }
    let mut read = Read::default();
    while read.problems.len() < FAULTS_MAX {
        let fault = match File::deserialize(toml::Deserializer::from(tree.clone())) {
            Ok(file) => {
                read.file = file;
                return Ok(read);
            }
            Err(fault) => fault,
        };
        let removed = fault.span().and_then(|span| remove(tree.get_mut(), &span));
        read.problems.push(explain(&fault, removed.as_deref()));
        match removed {
            Some(path) => read.spoiled.push(path),
            None => break,
        }
    }
    Err(read.problems)
}

fn broken(fault: &toml::de::Error) -> Problem {
    Problem::error(fault.span(), format!("this is not TOML: {}", fault.message()))
        .why("nothing behind a broken line can be read with certainty")
        .advise("mend this line and check again")
}

/// Takes the innermost entry around `span` out of the table; returns its path.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    let mut unwanted = None;
    for (key, value) in table.iter_mut() {
        if covers(&key.span(), span) && !is_container_of_keys(value, span) {
            unwanted = Some(key.clone());
            break;
        }
        let inner = match value.get_mut() {
            DeValue::Table(inner) => remove(inner, span),
            DeValue::Array(list) => remove_from_list(list, span),
            _ => None,
        };
        if let Some(mut path) = inner {
            path.insert(0, key.get_ref().to_string());
            return Some(path);
        }
        if covers(&value.span(), span) {
            unwanted = Some(key.clone());
            break;
        }
    }
    let key = unwanted?;
    table.remove(key.get_ref().as_ref())?;
    Some(vec![key.into_inner().into_owned()])
}

/// The header `[grants.erp]` covers its own keys only; a fault inside of them lies deeper.
fn is_container_of_keys(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    let DeValue::Table(table) = value.get_ref() else {
        return false;
    };
    table
        .iter()
        .any(|(key, value)| covers(&key.span(), span) || is_container_of_keys(value, span))
}

fn remove_from_list(list: &mut DeArray<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    for (index, value) in list.iter_mut().enumerate() {
        let inner = match value.get_mut() {
            DeValue::Table(inner) => remove(inner, span),
            DeValue::Array(inner) => remove_from_list(inner, span),
            _ => None,
        };
        if let Some(mut path) = inner {
            path.insert(0, index.to_string());
            return Some(path);
        }
        if covers(&value.span(), span) {
            leave_out(list, index);
            return Some(vec![index.to_string()]);
        }
    }
    None
}

fn leave_out(list: &mut DeArray<'_>, index: usize) {
    let all = std::mem::replace(list, DeArray::new());
    *list = all
        .into_iter()
        .enumerate()
        .filter(|(at, _)| *at != index)
        .map(|(_, value)| value)
        .collect();
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Says in our words what serde says in its own.
fn explain(fault: &toml::de::Error, path: Option<&[String]>) -> Problem {
    let message = fault.message();
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let found = names.first().copied().unwrap_or_default();
    let known = names.iter().skip(1).copied();
    let expected: Vec<&str> = known.filter(|name| !NOT_BUILT_YET.contains(name)).collect();
    let problem = if message.starts_with("unknown field") {
        Problem::error(fault.span(), format!("there is no key `{found}` here"))
            .why("a key nobody reads would be a promise nobody keeps")
    } else if message.starts_with("unknown variant") {
        let is_name = |key: &&String| key.parse::<usize>().is_err();
        let key = path
            .and_then(|path| path.iter().rfind(is_name))
            .map_or("this", String::as_str);
        Problem::error(fault.span(), format!("`{found}` is nothing that `{key}` can be"))
    } else {
        return Problem::error(fault.span(), wording(message));
    };
    let advice = match nearest(found, &expected) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("one of: {}", expected.join(", ")),
    };
    problem.advise(advice)
}

/// `invalid type: integer `5`, expected a string` in plainer words.
fn wording(message: &str) -> String {
    let rest = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = rest.and_then(|rest| rest.split_once(", expected ")) else {
        return message.to_owned();
    };
    format!(
        "this is {}, and should be {}",
        plain_found(found),
        plain_expected(expected)
    )
}

fn plain_found(found: &str) -> String {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    let value = value.trim_matches('`');
    match kind {
        "string" => format!("the text {value}"),
        "integer" | "float" | "floating" => format!("the number {value}"),
        "boolean" => value.to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a section".to_owned(),
        _ => found.to_owned(),
    }
}

fn plain_expected(expected: &str) -> &str {
    match expected {
        "u32" | "u64" => "a whole number",
        "a boolean" => "true or false",
        "a string" | "path string" => "text in quotes",
        "a sequence" => "a list in brackets",
        "a map" => "a section of its own",
        _ if expected.starts_with("struct ") => "a section of its own, or `{ ... }`",
        _ => expected,
    }
}

/// The expected name that is nearest to what was written, if it is near at all.
pub(crate) fn nearest<'a>(written: &str, expected: &[&'a str]) -> Option<&'a str> {
    let near = 1 + written.len() / 3;
    expected
        .iter()
        .map(|name| (distance(written, name), *name))
        .filter(|(distance, _)| *distance <= near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let value = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, value);
            left = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let source = Source::new("t.toml", text.to_owned());
        match read(&source) {
            Ok(read) => read.problems.into_iter().map(|problem| problem.message).collect(),
            Err(problems) => problems.into_iter().map(|problem| problem.message).collect(),
        }
    }

    #[test]
    fn every_fault_of_form_is_found_and_the_rest_is_read() {
        let text = "version = 1\ncolour = 1\n[grants.erp]\nowner = 5\nuntill = 2027-01-01\nfrom = [\"a@b\", \"nobody\"]\n\
                    [listeners.mx]\nrole = \"mxx\"\nlisten = [\"1.2.3.4:25\"]\n";
        let source = Source::new("t.toml", text.to_owned());
        let read = read(&source).unwrap();
        assert_eq!(read.problems.len(), 5, "{:#?}", read.problems);
        assert!(read.is_spoiled(&["grants", "erp", "owner"]));
        assert!(read.is_spoiled(&["grants", "erp", "from", "1"]));
        assert!(!read.is_spoiled(&["grants", "erp", "contact"]));
        let grant = read.file.grants.get("erp").unwrap();
        assert_eq!(grant.from.len(), 1);
        assert_eq!(read.file.listeners.get("mx").unwrap().listen.len(), 1);
        let advice = read.problems.iter().filter_map(|problem| problem.do_next.as_deref());
        assert!(advice.clone().any(|advice| advice == "did you mean `until`?"));
        assert!(advice.clone().any(|advice| advice == "did you mean `mx`?"));
    }

    #[test]
    fn faults_of_toml_are_found_all_at_once() {
        assert!(faults("version = = 1\n[grants\nx = 1\n").len() >= 2);
    }

    #[test]
    fn names_keep_their_places() {
        let source = Source::new("t.toml", "version = 1\n[grants.erp]\n".to_owned());
        let read = read(&source).unwrap();
        let (name, _) = read.file.grants.first_key_value().unwrap();
        assert_eq!(source.text().get(name.span()), Some("erp"));
    }

    #[test]
    fn any_text_is_answered() {
        for text in [
            "",
            "=",
            "[",
            "grants = 1",
            "[[grants]]",
            "grants.erp = 1",
            "version = \"1\"",
            "a.b.c.d = 1",
            "\u{0}",
        ] {
            let _ = faults(text);
        }
    }
}
