//! How long a text is, and its longest line.

/// Counts octets and line lengths over pieces cut anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    octets: u64,
    longest: u64,
    /// Octets of the line that has not ended yet.
    open: u64,
    after_cr: bool,
}

impl Shape {
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.octets += piece.len() as u64;
        let mut rest = piece;
        loop {
            rest = self.pass_short_lines(rest);
            let Some(end) = memchr::memchr(b'\n', rest) else { break };
            let (line, behind) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let ends_in_cr = line.last().map_or(self.after_cr, |last| *last == b'\r');
            self.longest = self.longest.max(self.open + line.len() as u64 - u64::from(ends_in_cr));
            self.begin_line();
            rest = behind.get(1..).unwrap_or_default();
        }
        self.open += rest.len() as u64;
        if let Some(last) = rest.last() {
            self.after_cr = *last == b'\r';
        }
    }

    /// What is behind the lines that are not longer than the longest. Whatever ends within so many octets and a CR need
    /// not be measured, so the end is looked for from behind, and short lines are not seen one by one.
    fn pass_short_lines<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let mut rest = text;
        while let Some(room) = self.longest.checked_sub(self.open) {
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let window = rest.get(..room.saturating_add(2)).unwrap_or(rest);
            let Some(end) = memchr::memrchr(b'\n', window) else {
                break;
            };
            // The last octet of room was for a CR.
            if end > room && rest.get(room) != Some(&b'\r') {
                break;
            }
            self.begin_line();
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        rest
    }

    fn begin_line(&mut self) {
        self.open = 0;
        self.after_cr = false;
    }

    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// The longest line without its end; one that is still open counts.
    pub(crate) fn longest_line(&self) -> u64 {
        self.longest.max(self.open)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_longest_line_is_the_longest_of_all(text in "[ab\r\n]{0,60}", piece_octets in 1..20_usize) {
            let mut shape = Shape::default();
            for piece in text.as_bytes().chunks(piece_octets) {
                shape.feed(piece);
            }
            let mut lines: Vec<&str> = text.split('\n').collect();
            let open = lines.pop().map_or(0, str::len);
            let ended = lines.iter().map(|line| line.strip_suffix('\r').unwrap_or(line).len()).max();
            prop_assert_eq!(shape.longest_line(), ended.unwrap_or(0).max(open) as u64);
        }
    }

    #[test]
    fn lines_are_measured_across_pieces() {
        for piece_octets in 1..9 {
            let mut shape = Shape::default();
            for piece in b"ab\r\nabcd\r\n\nabc".chunks(piece_octets) {
                shape.feed(piece);
            }
            assert_eq!((shape.octets(), shape.longest_line()), (14, 4), "{piece_octets}");
        }
    }
}
