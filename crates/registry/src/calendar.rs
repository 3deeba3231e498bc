//! Business days: Monday to Friday without holidays, where the organisation is.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use mail::Timestamp;

use crate::attestation::YearlyDay;

/// Which days the organisation works, and where.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    holidays: BTreeSet<Date>,
}

impl Calendar {
    /// Days in this time zone, without these.
    #[must_use]
    pub fn new(zone: TimeZone, holidays: impl IntoIterator<Item = Date>) -> Self {
        Self {
            zone,
            holidays: holidays.into_iter().collect(),
        }
    }

    /// The day of an instant, as people of the organisation write it: `2026-03-01`. Empty beyond the calendar's end.
    #[must_use]
    pub fn date(&self, at: Timestamp) -> String {
        jiff::Timestamp::from_millisecond(at.0).map_or_else(
            |_| String::new(),
            |at| at.to_zoned(self.zone.clone()).date().to_string(),
        )
    }

    /// When this day of the year began last.
    pub(crate) fn began_last(&self, day: YearlyDay, now: Timestamp) -> Option<Timestamp> {
        let year = self.year(now)?;
        let this = self.begin(day, year)?;
        if this <= now {
            Some(this)
        } else {
            self.begin(day, year - 1)
        }
    }

    /// When it begins next.
    #[must_use]
    pub fn begins_next(&self, day: YearlyDay, now: Timestamp) -> Option<Timestamp> {
        let year = self.year(now)?;
        let this = self.begin(day, year)?;
        if this > now {
            Some(this)
        } else {
            self.begin(day, year + 1)
        }
    }

    fn year(&self, now: Timestamp) -> Option<i16> {
        let now = jiff::Timestamp::from_millisecond(now.0).ok()?;
        // Beyond these nobody keeps grants, and a year more or less is one still.
        Some(now.to_zoned(self.zone.clone()).year()).filter(|year| (1..9_000).contains(year))
    }

    fn begin(&self, day: YearlyDay, year: i16) -> Option<Timestamp> {
        let begin = day.in_year(year)?.to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp(begin.timestamp().as_millisecond()))
    }

    /// Whether people are at work on this day.
    #[must_use]
    pub fn works_on(&self, day: Date) -> bool {
        !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !self.holidays.contains(&day)
    }

    /// The same time of day, so many business days later. What is beyond the calendar's end is never reached.
    #[must_use]
    pub fn business_days_after(&self, from: Timestamp, days: u32) -> Timestamp {
        let Ok(at) = jiff::Timestamp::from_millisecond(from.0) else {
            return Timestamp(i64::MAX);
        };
        let local = at.to_zoned(self.zone.clone()).datetime();
        let mut day = local.date();
        let mut left = days;
        while left > 0 {
            let Ok(next) = day.tomorrow() else {
                return Timestamp(i64::MAX);
            };
            day = next;
            if self.works_on(day) {
                left -= 1;
            }
        }
        match day.to_datetime(local.time()).to_zoned(self.zone.clone()) {
            Ok(then) => Timestamp(then.timestamp().as_millisecond()),
            Err(_) => Timestamp(i64::MAX),
        }
    }
}

impl Default for Calendar {
    /// Monday to Friday in UTC.
    fn default() -> Self {
        Self::new(TimeZone::UTC, [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn weekends_and_holidays_are_no_business_days() {
        let calendar = Calendar::default();
        // A Friday.
        assert_eq!(
            calendar.business_days_after(at("2026-11-20T15:00:00Z"), 1),
            at("2026-11-23T15:00:00Z")
        );
        assert_eq!(
            calendar.business_days_after(at("2026-11-20T15:00:00Z"), 20),
            at("2026-12-18T15:00:00Z")
        );
        // A Sunday.
        assert_eq!(
            calendar.business_days_after(at("2026-11-22T09:00:00Z"), 1),
            at("2026-11-23T09:00:00Z")
        );
        assert_eq!(
            calendar.business_days_after(at("2026-11-22T09:00:00Z"), 0),
            at("2026-11-22T09:00:00Z")
        );
        let thanksgiving = Calendar::new(TimeZone::UTC, [Date::constant(2026, 11, 26)]);
        assert_eq!(
            thanksgiving.business_days_after(at("2026-11-25T09:00:00Z"), 1),
            at("2026-11-27T09:00:00Z")
        );
    }

    #[test]
    fn the_time_of_day_is_that_of_the_place() {
        let zone = TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap();
        let calendar = Calendar::new(zone, []);
        // The Friday before the clocks go back.
        assert_eq!(
            calendar.business_days_after(at("2026-10-30T13:00:00Z"), 1),
            at("2026-11-02T14:00:00Z")
        );
    }
}
