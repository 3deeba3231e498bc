//! Framing a body on its way out.
//!
//! Whatever was stored, what leaves has lines that end in CRLF and nowhere a CR or LF alone: a next hop with another
//! idea of line ends could otherwise find a second message inside the first.

use bytes::{BufMut, BytesMut};
use memchr::memchr2;

use super::Reframed;

/// How a line that begins with a dot is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dots {
    /// Doubled, for DATA (RFC 5321 §4.5.2).
    Doubled,
    /// As they are, for BDAT.
    Plain,
}

/// Mends and stuffs a body that comes in pieces cut anywhere.
#[derive(Debug)]
pub(super) struct Framer {
    dots: Dots,
    at_line_start: bool,
    /// A CR was the last octet; its LF may be in the next piece.
    held_cr: bool,
    reframed: Reframed,
}

impl Framer {
    pub(super) fn new(dots: Dots) -> Self {
        Self {
            dots,
            at_line_start: true,
            held_cr: false,
            reframed: Reframed::default(),
        }
    }

    /// Writes a piece.
    pub(super) fn write(&mut self, piece: &[u8], out: &mut BytesMut) {
        out.reserve(piece.len() + piece.len() / 64 + 2);
        let mut rest = piece;
        if self.held_cr && !rest.is_empty() {
            self.held_cr = false;
            rest = self.end_at_cr(rest, out);
        }
        while !rest.is_empty() {
            rest = self.write_line(rest, out);
        }
    }

    /// Ends the last line, if it is open.
    pub(super) fn finish(&mut self, out: &mut BytesMut) -> Reframed {
        if std::mem::take(&mut self.held_cr) {
            self.end_at_cr(&[], out);
        }
        if !self.at_line_start {
            self.reframed.open_end = true;
            self.end_line(out);
        }
        self.reframed
    }

    /// Writes up to the next line end or the end of the piece; returns what is left.
    fn write_line<'a>(&mut self, text: &'a [u8], out: &mut BytesMut) -> &'a [u8] {
        if self.at_line_start && self.dots == Dots::Doubled && text.first() == Some(&b'.') {
            out.put_u8(b'.');
        }
        let end = memchr2(b'\r', b'\n', text).unwrap_or(text.len());
        let (line, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
        out.put_slice(line);
        if !line.is_empty() {
            self.at_line_start = false;
        }
        match rest {
            [] => rest,
            [b'\n', rest @ ..] => {
                self.reframed.bare_lf += 1;
                self.end_line(out);
                rest
            }
            [_, rest @ ..] if rest.is_empty() => {
                self.held_cr = true;
                rest
            }
            [_, rest @ ..] => self.end_at_cr(rest, out),
        }
    }

    /// A CR was read; `rest` is what follows it.
    fn end_at_cr<'a>(&mut self, rest: &'a [u8], out: &mut BytesMut) -> &'a [u8] {
        self.end_line(out);
        if let [b'\n', rest @ ..] = rest {
            return rest;
        }
        self.reframed.bare_cr += 1;
        rest
    }

    fn end_line(&mut self, out: &mut BytesMut) {
        out.put_slice(b"\r\n");
        self.at_line_start = true;
    }

    pub(super) fn reframed(&self) -> Reframed {
        self.reframed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(pieces: &[&[u8]], dots: Dots) -> (String, Reframed) {
        let (mut framer, mut out) = (Framer::new(dots), BytesMut::new());
        for piece in pieces {
            framer.write(piece, &mut out);
        }
        let reframed = framer.finish(&mut out);
        (String::from_utf8_lossy(&out).into_owned(), reframed)
    }

    #[test]
    fn dots_are_doubled_at_the_start_of_lines_alone() {
        let (text, reframed) = frame(&[b".a\r\n..\r\nb.c\r\n."], Dots::Doubled);
        assert_eq!(text, "..a\r\n...\r\nb.c\r\n..\r\n");
        assert_eq!(
            reframed,
            Reframed {
                open_end: true,
                ..Reframed::default()
            }
        );
        assert_eq!(frame(&[b".a\r\n"], Dots::Plain).0, ".a\r\n");
    }

    #[test]
    fn lone_line_ends_are_mended_and_counted() {
        let (text, reframed) = frame(&[b"a\n.\nb\rc\r\r\nd\r"], Dots::Doubled);
        assert_eq!(text, "a\r\n..\r\nb\r\nc\r\n\r\nd\r\n");
        assert_eq!(
            reframed,
            Reframed {
                bare_lf: 2,
                bare_cr: 3,
                open_end: false
            }
        );
    }

    #[test]
    fn an_empty_body_stays_empty() {
        assert_eq!(frame(&[], Dots::Doubled), (String::new(), Reframed::default()));
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(body in "[a.\r\n]{0,60}", cuts in prop::collection::vec(0usize..60, 0..6)) {
            let whole = frame(&[body.as_bytes()], Dots::Doubled);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &body.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(&frame(&pieces, Dots::Doubled), &whole);
            prop_assert!(!whole.0.replace("\r\n", "").contains(['\r', '\n']), "{:?}", whole.0);
            prop_assert!(!format!("\r\n{}", whole.0).contains("\r\n.\r\n"), "{:?}", whole.0);
        }
    }
}
