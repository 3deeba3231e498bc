//! Reads the files that others keep, and says what is wrong with one as `portcullis check` does: line, caret, advice.

use std::ops::Range;
use std::path::Path;

use registry::{DhcpError, RegisterError, Reservations, TableError, ZonesError};

use crate::config::{Problem, Report, Source};

/// Octets of such a file at most: a register of a million addresses has about 100 MB.
const OCTETS_MAX: u64 = 256 << 20;
/// What becomes of a file that is wrong.
const WHY: &str = "a file that is half understood would take grants away from machines that are registered: until it can \
                   be read whole, it opens nothing and closes nothing";

/// A file that cannot be used.
pub(super) struct Unusable {
    /// In one line.
    pub said: String,
    /// For people.
    pub report: Box<Report>,
}

/// Reads a file whole, or says what is wrong with it.
pub(super) fn read<T, E: std::fmt::Display>(
    file: &Path,
    parse: impl FnOnce(&str) -> Result<T, E>,
    explain: impl FnOnce(&Source, &E) -> Problem,
) -> Result<T, Unusable> {
    let name = file.display().to_string();
    let unusable = |source, said: String, problem: Problem| Unusable {
        said: format!("{name}: {said}"),
        report: Box::new(Report::new(source, vec![problem.why(WHY)])),
    };
    let text = text(file).map_err(|why| {
        let problem = Problem::error(None, format!("{name} cannot be read: {why}"))
            .advise("correct its path in [registry], or see why its keepers do not write it");
        unusable(Source::new(&name, String::new()), why.to_string(), problem)
    })?;
    let parsed = parse(&text);
    parsed.map_err(|why| {
        let source = Source::new(&name, text);
        let problem = explain(&source, &why);
        unusable(source, why.to_string(), problem)
    })
}

fn text(file: &Path) -> std::io::Result<String> {
    if std::fs::metadata(file)?.len() > OCTETS_MAX {
        return Err(std::io::Error::other("it is larger than 256 MiB"));
    }
    std::fs::read_to_string(file)
}

/// A configuration of DHCP: Kea's begins with a brace, behind comments; that of ISC never does.
pub(super) fn dhcp(text: &str) -> Result<Reservations, DhcpError> {
    if first_word(text).starts_with('{') {
        Reservations::read_kea(text)
    } else {
        Reservations::read_isc(text)
    }
}

/// What stands behind blanks and comments of either kind.
fn first_word(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let end = match rest {
            _ if rest.starts_with('#') || rest.starts_with("//") => rest.find('\n'),
            _ if rest.starts_with("/*") => rest.find("*/").map(|at| at + 1),
            _ => return rest,
        };
        rest = end.and_then(|end| rest.get(end + 1..)).unwrap_or_default().trim_start();
    }
}

pub(super) fn of_register(source: &Source, why: &RegisterError) -> Problem {
    match why {
        RegisterError::NoColumn(name) => {
            Problem::error(line(source, 1), format!("the first line names no column {name:?}")).advise(
                "needed are `ip` and `type`; `mac`, `fqdn`, `zone`, `owner`, `department`, `registered_until` are read",
            )
        }
        RegisterError::Csv { line: number, why } => Problem::error(line(source, *number), why.as_str())
            .advise("have its keepers export it again; a value with a comma in it stands in quotes"),
        RegisterError::Value {
            line: number,
            what,
            value,
        } => {
            let place = word(source, *number, value);
            Problem::error(place, format!("{value:?} is no {what}"))
                .advise("correct the row, or have its keepers do it")
        }
        RegisterError::Twice {
            line: number,
            address,
            before,
        } => {
            let place = word(source, *number, &address.to_string());
            let problem = Problem::error(place, format!("{address} stands here twice"))
                .label("again")
                .advise("take one of the rows out: nobody can tell which of them counts");
            match word(source, *before, &address.to_string()) {
                Some(before) => problem.also(before, "here first"),
                None => problem,
            }
        }
    }
}

pub(super) fn of_zones(source: &Source, why: &ZonesError) -> Problem {
    let number = u64::try_from(why.line).unwrap_or(u64::MAX);
    let place = quoted(&why.why).and_then(|value| word(source, number, value));
    Problem::error(place.or_else(|| line(source, number)), why.why.as_str())
        .advise("each line is a network, a comma and the name of a zone, as in 10.20.0.0/16,MOD")
}

pub(super) fn of_table(source: &Source, why: &TableError) -> Problem {
    let place = quoted(&why.why).and_then(|value| word(source, why.line, value));
    Problem::error(place.or_else(|| line(source, why.line)), why.why.as_str())
        .advise("have its keepers export it again, with a first line that names the columns")
}

pub(super) fn of_dhcp(source: &Source, why: &DhcpError) -> Problem {
    let number = why.line.and_then(|line| u64::try_from(line).ok());
    let value = quoted(&why.why);
    let place = match (number, value) {
        (Some(number), Some(value)) => word(source, number, value).or_else(|| line(source, number)),
        (Some(number), None) => line(source, number),
        // Its reader has lost the line by then; the value itself is found again.
        (None, Some(value)) => source.text().find(value).map(|at| at..at + value.len()),
        (None, None) => None,
    };
    Problem::error(place, why.why.as_str())
        .advise("`dhcpd -t -cf FILE` or `kea-dhcp4 -t FILE` says whether the server itself can read it")
}

/// The value that a message quotes first.
fn quoted(said: &str) -> Option<&str> {
    said.split('"').nth(1).filter(|value| !value.is_empty())
}

/// A line, without the blanks around it.
fn line(source: &Source, number: u64) -> Option<Range<usize>> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    let line = source.text().split_inclusive('\n').nth(index)?;
    let start: usize = source.text().split_inclusive('\n').take(index).map(str::len).sum();
    let begin = start + (line.len() - line.trim_start().len());
    Some(begin..begin + line.trim().len())
}

/// A word in a line, or the line where it is written otherwise.
fn word(source: &Source, number: u64, value: &str) -> Option<Range<usize>> {
    let whole = line(source, number)?;
    let found = source.text().get(whole.clone())?.find(value);
    match found {
        Some(at) if !value.is_empty() => Some(whole.start + at..whole.start + at + value.len()),
        _ => Some(whole),
    }
}
