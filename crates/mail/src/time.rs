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

    /// This long before.
    #[must_use]
    pub fn minus(self, duration: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)),
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
        let at = self.civil();
        let mut text = String::with_capacity(31);
        text.push_str(at.weekday);
        text.push_str(", ");
        push_digits(&mut text, at.day, 2);
        text.push(' ');
        text.push_str(at.month_name());
        text.push(' ');
        push_digits(&mut text, at.year, 4);
        text.push(' ');
        at.push_clock(&mut text);
        text.push_str(" +0000");
        text
    }

    /// As logs and JSON write it: `2026-11-21T12:00:00.000Z` (RFC 3339).
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let at = self.civil();
        let mut text = String::with_capacity(24);
        at.push_date(&mut text);
        text.push('T');
        at.push_clock(&mut text);
        text.push('.');
        push_digits(&mut text, at.milli, 3);
        text.push('Z');
        text
    }

    /// The date alone, in UTC: `2026-11-21`.
    #[must_use]
    pub fn to_date(self) -> String {
        let mut text = String::with_capacity(10);
        self.civil().push_date(&mut text);
        text
    }

    /// Times outside of what a calendar with four digits for a year holds are shown as the epoch; no input of ours
    /// reaches them.
    fn civil(self) -> Civil {
        let shown = if (YEAR_0_MS..YEAR_10000_MS).contains(&self.0) {
            self.0
        } else {
            0
        };
        Civil::of(shown)
    }
}

/// 0000-01-01T00:00:00Z.
const YEAR_0_MS: i64 = -62_167_219_200_000;
/// 10000-01-01T00:00:00Z.
const YEAR_10000_MS: i64 = 253_402_300_800_000;
const DAY_MS: i64 = 86_400_000;
/// Days from 0000-03-01 to 1970-01-01. Years are counted from March, so that a leap day is the last of its year.
const EPOCH_DAY: i64 = 719_468;
/// Days of 400 years, after which the calendar repeats itself.
const CYCLE_DAYS: i64 = 146_097;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// From the weekday of the epoch on.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// A moment in the Gregorian calendar, in UTC. Every message is written two or three of these.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    weekday: &'static str,
    /// Of the day.
    second: i64,
    milli: i64,
}

impl Civil {
    fn of(millis: i64) -> Self {
        let (days, in_day) = (millis.div_euclid(DAY_MS), millis.rem_euclid(DAY_MS));
        let since_march = days + EPOCH_DAY;
        let (cycle, day) = (since_march.div_euclid(CYCLE_DAYS), since_march.rem_euclid(CYCLE_DAYS));
        // Leap days before `day` are taken out, so that every year left has 365.
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // Months from March on have 31, 30, 31, 30, 31 days, twice, and the rest: 153 days in five months.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let weekday = usize::try_from(days.rem_euclid(7)).ok();
        Self {
            year: cycle * 400 + year + next_year,
            month,
            day,
            weekday: weekday.and_then(|day| WEEKDAYS.get(day)).unwrap_or(&"Thu"),
            second: in_day / 1000,
            milli: in_day % 1000,
        }
    }

    fn month_name(&self) -> &'static str {
        let index = usize::try_from(self.month - 1).ok();
        index.and_then(|index| MONTHS.get(index)).unwrap_or(&"Jan")
    }

    fn push_date(&self, text: &mut String) {
        push_digits(text, self.year, 4);
        text.push('-');
        push_digits(text, self.month, 2);
        text.push('-');
        push_digits(text, self.day, 2);
    }

    fn push_clock(&self, text: &mut String) {
        push_digits(text, self.second / 3600, 2);
        text.push(':');
        push_digits(text, self.second / 60 % 60, 2);
        text.push(':');
        push_digits(text, self.second % 60, 2);
    }
}

/// The last `count` decimal digits of a number that is not negative.
fn push_digits(text: &mut String, number: i64, count: u32) {
    for place in (0..count).rev() {
        let digit = number / 10_i64.pow(place) % 10;
        text.push(char::from(b'0' + u8::try_from(digit).unwrap_or_default()));
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_time_is_as_the_calendar_has_it(millis in YEAR_0_MS..YEAR_10000_MS) {
            let calendar = jiff::Timestamp::from_millisecond(millis).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
            let (header, json) = ("%a, %d %b %Y %H:%M:%S +0000", "%Y-%m-%dT%H:%M:%S%.3fZ");
            prop_assert_eq!(Timestamp(millis).to_rfc5322(), calendar.strftime(header).to_string());
            prop_assert_eq!(Timestamp(millis).to_rfc3339(), calendar.strftime(json).to_string());
        }
    }

    #[test]
    fn the_same_instant_in_both_notations() {
        let noon = Timestamp::from_secs(1_795_262_400);
        assert_eq!(noon.to_rfc5322(), "Sat, 21 Nov 2026 12:00:00 +0000");
        assert_eq!(noon.to_rfc3339(), "2026-11-21T12:00:00.000Z");
        assert_eq!(noon.to_date(), "2026-11-21");
        assert!(Timestamp(i64::MAX).to_rfc5322().contains("1970"));
    }
}
