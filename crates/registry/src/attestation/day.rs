//! A day that comes once a year.

use std::fmt;
use std::str::FromStr;

/// A day of every year, as in `11-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct YearlyDay {
    month: i8,
    day: i8,
}

impl YearlyDay {
    /// The first of November: the year's grants are there, and the year's end is far enough.
    pub const USUAL: Self = Self { month: 11, day: 1 };

    /// In this year.
    pub(crate) fn in_year(self, year: i16) -> Option<jiff::civil::Date> {
        jiff::civil::Date::new(year, self.month, self.day).ok()
    }
}

impl fmt::Display for YearlyDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

/// It is no day of every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no day of every year; write it as 11-01, month first")]
pub struct NoSuchDay;

impl FromStr for YearlyDay {
    type Err = NoSuchDay;

    fn from_str(text: &str) -> Result<Self, NoSuchDay> {
        let (month, day) = text.trim().split_once('-').ok_or(NoSuchDay)?;
        let number = |text: &str| {
            let is_plain = matches!(text.len(), 1 | 2) && text.bytes().all(|octet| octet.is_ascii_digit());
            text.parse::<i8>().ok().filter(|_| is_plain).ok_or(NoSuchDay)
        };
        let (month, day) = (number(month)?, number(day)?);
        // A year without the 29th of February: what is a day in it is one in every year.
        jiff::civil::Date::new(2027, month, day).map_err(|_| NoSuchDay)?;
        Ok(Self { month, day })
    }
}
