//! A clock for drills: the real one, ahead by as much as a file says.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::{BoxFuture, Clock, SystemClock};

/// How often the file is looked at, at most.
const LOOKED_AT: Duration = Duration::from_millis(20);
const DAY: u64 = 86_400;

/// A wall clock that shows a later day, so that a year passes in seconds. It is never set back while it runs: that
/// could only let a grant live again whose time was over. The stopwatch is the real one.
pub struct DrillClock {
    real: SystemClock,
    file: PathBuf,
    seen: Mutex<Seen>,
}

struct Seen {
    at: Duration,
    ahead: Duration,
}

/// Why a file does not say how far ahead a drill is.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// It cannot be read.
    #[error("{}: {why}", .file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// It says something else.
    #[error("{}: `{text}` is no time ahead; write `0d`, `400d`, `36h` or `90s`", .file.display())]
    Text {
        /// Which file.
        file: PathBuf,
        /// What it says.
        text: String,
    },
}

impl DrillClock {
    /// Ahead by what `file` says: `400d`, `36h`, `90s`. What it says later holds from then on, where it is more.
    pub fn new(file: &Path) -> Result<Self, DrillError> {
        let real = SystemClock::new();
        let seen = Seen {
            at: real.monotonic(),
            ahead: read(file)?,
        };
        Ok(Self {
            real,
            file: file.to_owned(),
            seen: Mutex::new(seen),
        })
    }

    fn ahead(&self) -> Duration {
        let now = self.real.monotonic();
        // What is guarded is whole at any moment.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(seen.at) >= LOOKED_AT {
            seen.at = now;
            // Half a file, or none, leaves the drill where it is.
            if let Ok(ahead) = read(&self.file) {
                seen.ahead = seen.ahead.max(ahead);
            }
        }
        seen.ahead
    }
}

impl Clock for DrillClock {
    fn wall(&self) -> i64 {
        let ahead = i64::try_from(self.ahead().as_millis()).unwrap_or(i64::MAX);
        self.real.wall().saturating_add(ahead)
    }

    fn monotonic(&self) -> Duration {
        self.real.monotonic()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        self.real.sleep_until(at)
    }
}

fn read(file: &Path) -> Result<Duration, DrillError> {
    let text = std::fs::read_to_string(file).map_err(|why| DrillError::File {
        file: file.to_owned(),
        why,
    })?;
    parse(text.trim()).ok_or_else(|| DrillError::Text {
        file: file.to_owned(),
        text: text.trim().chars().take(40).collect(),
    })
}

fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "h" => 3600,
        "d" => DAY,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_ahead_is_a_number_and_a_unit() {
        assert_eq!(parse("400d"), Some(Duration::from_secs(400 * DAY)));
        assert_eq!(parse("36h"), Some(Duration::from_secs(36 * 3600)));
        assert_eq!(parse("0s"), Some(Duration::ZERO));
        for wrong in ["", "d", "-1d", "1", "1w", "1.5d", "99999999999d", "1ä"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_clock_follows_its_file_forward_and_never_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ahead");
        std::fs::write(&file, "10d\n").unwrap();
        let clock = DrillClock::new(&file).unwrap();
        let days = |clock: &DrillClock| (clock.wall() - clock.real.wall()) / (DAY as i64 * 1000);
        assert_eq!(days(&clock), 10);
        std::fs::write(&file, "400d").unwrap();
        clock.sleep_until(clock.monotonic() + LOOKED_AT).await;
        assert_eq!(days(&clock), 400);
        for less in ["3d", "nonsense"] {
            std::fs::write(&file, less).unwrap();
            clock.sleep_until(clock.monotonic() + LOOKED_AT).await;
            assert_eq!(days(&clock), 400, "{less}");
        }
        assert!(DrillClock::new(&folder.path().join("none")).is_err());
    }
}
