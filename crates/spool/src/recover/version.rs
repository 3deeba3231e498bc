//! Whether a programme of another version was at work here, or an octet of a checkpoint's version is damaged.

use world::OpenMode;

use super::{Reading, failed, read_exact_or_less};
use crate::OpenError;
use crate::layout::{FileName, RECORDS_START, SegmentHeader};

impl Reading<'_> {
    /// Each start begins a segment of its own, in its own version and with a checksum over that. So where every segment is
    /// known to be of ours, nobody else was here. In doubt somebody was: it is not for us to tidy up after a version that
    /// we do not know.
    pub(super) fn another_version_was_here(&self, names: &[FileName]) -> Result<bool, OpenError> {
        let mut segments = 0;
        for name in names {
            if !matches!(name, FileName::Segment { .. }) {
                continue;
            }
            let path = name.path(self.dir);
            let file = self.disk.open(&path, OpenMode::Read).map_err(failed(&path))?;
            let front = read_exact_or_less(file.as_ref(), 0, RECORDS_START as usize).map_err(failed(&path))?;
            if SegmentHeader::decode(&front).is_err() {
                return Ok(true);
            }
            segments += 1;
        }
        Ok(segments == 0)
    }
}
