//! The row of `decide`.

use super::{Extent, Series, tell, turn};
use crate::decide;
use crate::report::Measured;
use crate::server::Contender;

/// The row.
pub(super) const WORK: &str = "decide-10000";

const GRANTS: u32 = 10_000;

pub(super) fn measure(extent: &Extent) -> Measured {
    let mut series = Series::default();
    for round in 0..extent.runs {
        match decide::measure(GRANTS) {
            Ok(micros) => {
                let turn = turn(extent, round, Contender::Portcullis);
                tell(WORK, &format!("{turn} {micros:>9.3} microseconds"));
                series.add(Contender::Portcullis, micros);
            }
            Err(why) => series.fail(WORK, Contender::Portcullis, &why),
        }
    }
    series.into_row(WORK)
}
