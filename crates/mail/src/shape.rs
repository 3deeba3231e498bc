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
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', piece) {
            let line = piece.get(from..end).unwrap_or_default();
            let ends_in_cr = line.last().map_or(self.after_cr, |last| *last == b'\r');
            self.longest = self.longest.max(self.open + line.len() as u64 - u64::from(ends_in_cr));
            self.open = 0;
            self.after_cr = false;
            from = end + 1;
        }
        let rest = piece.get(from..).unwrap_or_default();
        self.open += rest.len() as u64;
        if let Some(last) = rest.last() {
            self.after_cr = *last == b'\r';
        }
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
    use super::*;

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
