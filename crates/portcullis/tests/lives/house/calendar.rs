//! The calendar: the file that says how far ahead of the clock everything is.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// A drill's clock looks at its file more often than this.
const LOOKED_AT: Duration = Duration::from_millis(40);

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

    /// So much time goes by, at once: for whatever is asked from here on, it has.
    pub fn pass(&self, time: Duration) {
        self.ahead.set(self.ahead.get() + time);
        super::write_whole(&self.file, &format!("{}s", self.ahead.get().as_secs()));
        // Nobody can see whether a gate has looked at its calendar; that it does so is a matter of time alone.
        std::thread::sleep(LOOKED_AT);
    }

    /// It becomes this moment, and at most a second later.
    pub fn reach(&self, at: jiff::Timestamp) {
        let left = at.duration_since(self.now());
        assert!(left.is_positive(), "{at} is over");
        self.pass(Duration::from_secs(left.as_secs().unsigned_abs() + 1));
    }

    /// The present moment.
    pub fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now() + self.ahead.get()
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}
