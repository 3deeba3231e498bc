//! The calendar: the file that says how far ahead of the clock everything is.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// How far ahead it is.
pub struct Calendar {
    file: PathBuf,
    ahead: Cell<Duration>,
}

impl Calendar {
    pub(super) fn begin(file: &Path) -> Self {
        let calendar = Self {
            file: file.to_owned(),
            ahead: Cell::default(),
        };
        calendar.pass(Duration::ZERO);
        calendar
    }

    /// So much time goes by, at once.
    pub fn pass(&self, time: Duration) {
        self.ahead.set(self.ahead.get() + time);
        super::write_whole(&self.file, &format!("{}s", self.ahead.get().as_secs()));
    }

    /// The present moment.
    pub fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now() + self.ahead.get()
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}
