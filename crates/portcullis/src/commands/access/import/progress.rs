//! How far a long import is.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::commands::say_aside;

/// Tells people at a terminal how far a long import is, on a line that is gone when it is done.
pub(super) struct Progress {
    begun: Instant,
    told: Option<Duration>,
    done: usize,
    all: usize,
    watched: bool,
}

impl Progress {
    /// Work that takes no longer than this needs no word.
    const PATIENCE: Duration = Duration::from_millis(500);
    const EVERY: Duration = Duration::from_millis(200);
    const WIDTH: usize = 30;

    pub(super) fn of(all: usize) -> Self {
        Self {
            begun: Instant::now(),
            told: None,
            done: 0,
            all,
            watched: std::io::stderr().is_terminal(),
        }
    }

    /// So many more are done.
    pub(super) fn advance(&mut self, by: usize) {
        self.done += by;
        let passed = self.begun.elapsed();
        let due = self.told.map_or(Self::PATIENCE, |told| told + Self::EVERY);
        if self.watched && passed >= due {
            self.told = Some(passed);
            say_aside(&bar(self.done, self.all, passed));
        }
    }

    pub(super) fn end(self) {
        if self.told.is_some() {
            say_aside("\r\u{1b}[K");
        }
    }
}

/// `importing [######      ] 1200 of 3000, 12 s left`
fn bar(done: usize, all: usize, passed: Duration) -> String {
    let width = Progress::WIDTH;
    let full = (width * done).checked_div(all).unwrap_or(width).min(width);
    let left = match u32::try_from(done) {
        Ok(0) | Err(_) => String::new(),
        Ok(count) => {
            let each = passed / count;
            let secs = each
                .saturating_mul(u32::try_from(all - done.min(all)).unwrap_or(u32::MAX))
                .as_secs();
            format!(", {secs} s left")
        }
    };
    format!(
        "\r  importing [{}{}] {done} of {all}{left} ",
        "#".repeat(full),
        " ".repeat(width - full)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_far_it_is_and_how_long_it_takes_yet() {
        let half = bar(50, 100, Duration::from_secs(10));
        assert_eq!(
            half,
            format!(
                "\r  importing [{}{}] 50 of 100, 10 s left ",
                "#".repeat(15),
                " ".repeat(15)
            )
        );
        assert!(bar(0, 100, Duration::from_secs(1)).contains("] 0 of 100 "));
        assert!(bar(100, 100, Duration::from_secs(1)).contains(&"#".repeat(30)));
    }
}
