//! Medians and ranges.

use serde::Serialize;

/// What several runs of one contender gave.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// Half of the runs are above, half below.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Range {
    /// Of nothing there is no median.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            median: quantile(&sorted, 0.5)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

/// The value below which this part of the sorted values lies; between two values, in proportion.
pub fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let position = part * (sorted.len().checked_sub(1)?) as f64;
    let (below, above) = (
        *sorted.get(position.floor() as usize)?,
        *sorted.get(position.ceil() as usize)?,
    );
    Some(below + (above - below) * position.fract())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_in_the_middle_of_what_was_measured_in_any_order() {
        let range = Range::of(&[3.0, 1.0, 2.0, 9.0]).unwrap();
        assert_eq!((range.median, range.min, range.max), (2.5, 1.0, 9.0));
        assert_eq!(Range::of(&[]), None);
    }

    #[test]
    fn the_tail_is_found_where_it_is() {
        let sorted: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(quantile(&sorted, 0.99), Some(99.0));
    }
}
