//! A point of calendar time.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z. Calendar rules, trace headers and the queue use it; dialogue timers do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From seconds since the epoch.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This long after.
    #[must_use]
    pub fn plus(self, duration: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// The time from `earlier` to this; zero where this lies before.
    #[must_use]
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As a mail header writes it, in UTC: `Sat, 21 Nov 2026 12:00:00 +0000` (RFC 5322 §3.3).
    #[must_use]
    pub fn to_rfc5322(self) -> String {
        self.zoned().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
    }

    /// As logs and JSON write it: `2026-11-21T12:00:00.000Z` (RFC 3339).
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        self.zoned().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// The date alone, in UTC: `2026-11-21`.
    #[must_use]
    pub fn to_date(self) -> String {
        self.zoned().strftime("%Y-%m-%d").to_string()
    }

    fn zoned(self) -> jiff::Zoned {
        // Times outside of what a calendar holds are shown as the epoch; no input of ours reaches them.
        jiff::Timestamp::from_millisecond(self.0)
            .unwrap_or_default()
            .to_zoned(jiff::tz::TimeZone::UTC)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_instant_in_both_notations() {
        let noon = Timestamp::from_secs(1_795_262_400);
        assert_eq!(noon.to_rfc5322(), "Sat, 21 Nov 2026 12:00:00 +0000");
        assert_eq!(noon.to_rfc3339(), "2026-11-21T12:00:00.000Z");
        assert_eq!(noon.to_date(), "2026-11-21");
        assert!(Timestamp(i64::MAX).to_rfc5322().contains("1970"));
    }
}
