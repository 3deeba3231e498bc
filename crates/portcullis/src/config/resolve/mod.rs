//! What the file means.
use std::path::Path;

use super::file::Read;
use super::{Config, Machine, Problem, Source};

/// Placeholder.
#[must_use]
pub fn resolve(_source: &Source, read: Read, _folder: &Path, _machine: &Machine) -> (Vec<Problem>, Option<Config>) {
    (read.problems, None)
}
