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
        let mut text = *b"Thu, 00 Jan 0000 00:00:00 +0000";
        put_text(text.get_mut(..3), at.weekday);
        put_number(text.get_mut(5..7), at.day);
        put_text(text.get_mut(8..11), at.month_name());
        put_number(text.get_mut(12..16), at.year);
        at.put_clock(text.get_mut(17..25));
        shown(&text).to_owned()
    }

    /// As logs and JSON write it: `2026-11-21T12:00:00.000Z` (RFC 3339).
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        shown(&self.rfc3339()).to_owned()
    }

    /// The date alone, in UTC: `2026-11-21`.
    #[must_use]
    pub fn to_date(self) -> String {
        shown(self.rfc3339().get(..10).unwrap_or_default()).to_owned()
    }

    /// As [`to_rfc3339`](Self::to_rfc3339), in US-ASCII.
    #[must_use]
    pub fn rfc3339(self) -> [u8; 24] {
        let at = self.civil();
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put_number(text.get_mut(..4), at.year);
        put_number(text.get_mut(5..7), at.month);
        put_number(text.get_mut(8..10), at.day);
        at.put_clock(text.get_mut(11..19));
        put_number(text.get_mut(20..23), at.milli);
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

    /// Into `00:00:00`.
    fn put_clock(&self, place: Option<&mut [u8]>) {
        let Some(place) = place else { return };
        put_number(place.get_mut(..2), self.second / 3600);
        put_number(place.get_mut(3..5), self.second / 60 % 60);
        put_number(place.get_mut(6..8), self.second % 60);
    }
}

/// Fills the place with the last digits of a number that is not negative.
fn put_number(place: Option<&mut [u8]>, number: i64) {
    let mut rest = u32::try_from(number).unwrap_or_default();
    for digit in place.into_iter().flatten().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
}

fn put_text(place: Option<&mut [u8]>, text: &str) {
    for (octet, character) in place.into_iter().flatten().zip(text.bytes()) {
        *octet = character;
    }
}

fn shown(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(shown(&self.rfc3339()))
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
