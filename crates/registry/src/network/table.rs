//! Small tables that others write: CSV with a line of names first, read whole or not at all.

/// Why such a table cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {why}")]
pub struct TableError {
    /// Where.
    pub line: u64,
    /// What is wrong.
    pub why: String,
}

/// The values of the columns that are asked for, line by line. Columns are found by their names, in any order; others
/// are passed over.
pub(super) fn rows<const N: usize>(text: &str, columns: [&str; N]) -> Result<Vec<(u64, [String; N])>, TableError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let broken = |why: &csv::Error| TableError {
        line: why.position().map_or(1, csv::Position::line),
        why: "cannot be read as CSV with as many values as the first line has names".to_owned(),
    };
    let names = reader.headers().map_err(|why| broken(&why))?.clone();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let found = names.iter().position(|own| own.eq_ignore_ascii_case(column));
        *place = found.ok_or_else(|| TableError {
            line: 1,
            why: format!("names no column {column:?}; needed are {}", columns.join(", ")),
        })?;
    }
    let records = reader.records().map(|record| {
        let record = record.map_err(|why| broken(&why))?;
        let line = record.position().map_or(0, csv::Position::line);
        Ok((line, places.map(|at| record.get(at).unwrap_or_default().to_owned())))
    });
    records.collect()
}

/// A value of a line, or what is wrong with it.
pub(super) fn value<T>(
    line: u64,
    text: &str,
    what: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, TableError> {
    read(text).ok_or_else(|| TableError {
        line,
        why: format!("{text:?} is no {what}"),
    })
}
