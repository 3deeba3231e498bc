//! The rows of proofs.

use super::{Extent, Series, tell, turn};
use crate::prove;
use crate::report::Measured;
use crate::server::Contender;

/// The rows of whole configurations, with their grants.
const WHOLE: [(&str, u32); 3] = [("prove-100", 100), ("prove-1000", 1_000), ("prove-10000", 10_000)];
/// The row of one changed grant.
const ONE: &str = "prove-one-grant";
const GRANTS: u32 = 10_000;

/// All that are wanted.
pub(super) fn measure(extent: &Extent) -> Vec<Measured> {
    let wanted = WHOLE.into_iter().filter(|(work, _)| extent.wants(work));
    let mut rows: Vec<_> = wanted.map(|(work, grants)| whole(extent, work, grants)).collect();
    if extent.wants(ONE) {
        rows.push(one(extent));
    }
    rows
}

/// As many of the grants as the whole bench takes of everything.
fn part(extent: &Extent, grants: u32) -> u32 {
    u32::try_from(extent.scaled(grants as usize)).unwrap_or(grants)
}

fn whole(extent: &Extent, work: &'static str, grants: u32) -> Measured {
    let mut series = Series::default();
    let mut cells = 0;
    for round in 0..extent.runs {
        match prove::whole(part(extent, grants)) {
            Ok(proof) => {
                let turn = turn(extent, round, Contender::Portcullis);
                tell(work, &format!("{turn} {:>9.3} s, {} cells", proof.seconds, proof.cells));
                series.add(Contender::Portcullis, proof.seconds);
                cells = proof.cells;
            }
            Err(why) => series.fail(work, Contender::Portcullis, &why),
        }
    }
    let mut row = series.into_row(work);
    row.note = Some(format!("{cells} cells"));
    row
}

fn one(extent: &Extent) -> Measured {
    let mut series = Series::default();
    for round in 0..extent.runs {
        match prove::one_grant(part(extent, GRANTS)) {
            Ok(millis) => {
                let turn = turn(extent, round, Contender::Portcullis);
                tell(ONE, &format!("{turn} {millis:>9.3} ms"));
                series.add(Contender::Portcullis, millis);
            }
            Err(why) => series.fail(ONE, Contender::Portcullis, &why),
        }
    }
    series.into_row(ONE)
}
