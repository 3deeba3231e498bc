//! Changes to a stored message, applied when it is read.
//!
//! What arrived stays as it arrived; a list beside it says which ranges are dropped and what is inserted where.
//!
//! ```text
//! prepend | raw ... raw | inserted | raw ... (dropped) ... raw
//! ```

use std::ops::Range;

/// Ranges of a message that are dropped, and octets that are inserted.
///
/// Offsets count octets of the raw message, before any edit. Inserts at one place keep the order in which they were
/// made, and come before what stands there; an insert inside a dropped range stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    /// Sorted; neither empty, nor touching each other.
    drops: Vec<Range<u64>>,
    /// Sorted by place.
    inserts: Vec<(u64, Vec<u8>)>,
}

/// A part of an edited message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// These octets of the raw message.
    Raw(Range<u64>),
    /// These octets, which came with an edit.
    Inserted(&'a [u8]),
}

impl Edits {
    /// No change.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Inserts octets before the raw octet at `at`.
    pub fn insert_at(&mut self, at: u64, octets: impl Into<Vec<u8>>) {
        let octets = octets.into();
        if octets.is_empty() {
            return;
        }
        let place = self.inserts.partition_point(|(earlier, _)| *earlier <= at);
        self.inserts.insert(place, (at, octets));
    }

    /// Drops a range of raw octets; dropped twice is dropped once.
    pub fn drop_range(&mut self, range: Range<u64>) {
        if range.start >= range.end {
            return;
        }
        let first = self.drops.partition_point(|drop| drop.end < range.start);
        let behind = self.drops.partition_point(|drop| drop.start <= range.end);
        let touched = self.drops.get(first..behind).unwrap_or_default();
        let start = touched.first().map_or(range.start, |drop| drop.start.min(range.start));
        let end = touched.last().map_or(range.end, |drop| drop.end.max(range.end));
        self.drops.splice(first..behind, std::iter::once(start..end));
    }

    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.drops.is_empty() && self.inserts.is_empty()
    }

    /// What is dropped: sorted, disjoint ranges.
    #[must_use]
    pub fn drops(&self) -> &[Range<u64>] {
        &self.drops
    }

    /// What is inserted, and before which raw octet; sorted.
    #[must_use]
    pub fn inserts(&self) -> &[(u64, Vec<u8>)] {
        &self.inserts
    }

    /// The parts of a message of `raw_octets`, in order. What lies behind its end is inserted there.
    pub fn pieces(&self, raw_octets: u64) -> Pieces<'_> {
        Pieces {
            drops: &self.drops,
            inserts: &self.inserts,
            at: 0,
            raw_octets,
        }
    }

    /// Octets of the edited message.
    #[must_use]
    pub fn applied_octets(&self, prepend_octets: u64, raw_octets: u64) -> u64 {
        let octets = |piece| match piece {
            Piece::Raw(range) => range.end - range.start,
            Piece::Inserted(text) => text.len() as u64,
        };
        prepend_octets + self.pieces(raw_octets).map(octets).sum::<u64>()
    }

    /// The edited message as slices of what is there; nothing is copied.
    pub fn apply<'a>(&'a self, prepend: &'a [u8], raw: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let pieces = self.pieces(raw.len() as u64).map(move |piece| match piece {
            Piece::Inserted(octets) => octets,
            Piece::Raw(range) => {
                // Both ends lie inside `raw`, so they are good as usize.
                let at = |octet: u64| usize::try_from(octet).unwrap_or(raw.len());
                raw.get(at(range.start)..at(range.end)).unwrap_or_default()
            }
        });
        std::iter::once(prepend).chain(pieces).filter(|slice| !slice.is_empty())
    }
}

/// Walks the parts of an edited message.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    drops: &'a [Range<u64>],
    inserts: &'a [(u64, Vec<u8>)],
    at: u64,
    raw_octets: u64,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            if let Some(((place, octets), rest)) = self.inserts.split_first()
                && (*place <= self.at || self.at >= self.raw_octets)
            {
                self.inserts = rest;
                return Some(Piece::Inserted(octets));
            }
            if self.at >= self.raw_octets {
                return None;
            }
            let insert = self.inserts.first().map_or(self.raw_octets, |(place, _)| *place);
            let stop = insert.min(self.raw_octets);
            match self.drops.first() {
                Some(drop) if drop.end <= self.at => self.drops = self.drops.get(1..).unwrap_or_default(),
                Some(drop) if drop.start <= self.at => self.at = drop.end.min(stop),
                next => {
                    let end = next.map_or(stop, |drop| drop.start.min(stop));
                    let range = self.at..end;
                    self.at = end;
                    return Some(Piece::Raw(range));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn applied(edits: &Edits, raw: &str) -> String {
        let octets: Vec<u8> = edits.apply(b">", raw.as_bytes()).flatten().copied().collect();
        assert_eq!(octets.len() as u64, edits.applied_octets(1, raw.len() as u64));
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn without_edits_nothing_is_copied_or_changed() {
        let raw = &b"abc"[..];
        let edits = Edits::new();
        let slices: Vec<&[u8]> = edits.apply(b"", raw).collect();
        assert!(slices.len() == 1 && std::ptr::eq(slices[0], raw));
        assert_eq!(applied(&Edits::new(), "abc"), ">abc");
    }

    #[test]
    fn inserts_keep_their_order_and_stay_inside_drops() {
        let mut edits = Edits::new();
        edits.insert_at(3, "1");
        edits.insert_at(3, "2");
        edits.insert_at(0, "0");
        edits.insert_at(99, "end");
        edits.drop_range(2..5);
        assert_eq!(applied(&edits, "abcdefg"), ">0ab12fgend");
    }

    #[test]
    fn drops_that_touch_become_one() {
        let mut edits = Edits::new();
        for range in [4..6, 0..1, 1..2, 5..8, 3..3] {
            edits.drop_range(range);
        }
        assert_eq!(edits.drops(), [0..2, 4..8]);
        edits.drop_range(1..5);
        assert!(matches!(edits.drops(), [Range { start: 0, end: 8 }]));
    }

    proptest! {
        /// Compared with the same edits made one octet at a time.
        #[test]
        fn edits_do_what_their_words_say(
            octets in 0usize..12,
            drops in prop::collection::vec((0u64..14, 0u64..14), 0..5),
            inserts in prop::collection::vec((0u64..14, "[A-Z]{0,2}"), 0..5),
        ) {
            let raw = &"abcdefghijkl"[..octets];
            let mut edits = Edits::new();
            for (start, end) in &drops {
                edits.drop_range(*start..*end);
            }
            for (at, text) in &inserts {
                edits.insert_at(*at, text.as_bytes());
            }
            let mut expected = String::from(">");
            for (at, c) in raw.chars().enumerate() {
                inserts.iter().filter(|(place, _)| *place == at as u64).for_each(|(_, text)| expected += text);
                if !drops.iter().any(|(start, end)| (*start..*end).contains(&(at as u64))) {
                    expected.push(c);
                }
            }
            let mut late: Vec<_> = inserts.iter().filter(|(place, _)| *place >= raw.len() as u64).collect();
            late.sort_by_key(|(place, _)| *place);
            late.iter().for_each(|(_, text)| expected += text);
            prop_assert_eq!(applied(&edits, raw), expected);
        }
    }
}
