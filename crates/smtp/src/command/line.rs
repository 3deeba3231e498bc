//! Where a line ends.
//!
//! Only CRLF ends a line (RFC 5321 §2.3.8). Two programs that disagree on where a line ends can be made to disagree on
//! where a message ends, so CR alone, LF alone and NUL are faults of their own kind, never skipped.

use bytes::{Buf, BytesMut};
use memchr::memchr3;

/// A fault of framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineFault {
    BareCr,
    BareLf,
    Nul,
}

/// What was found at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// No end of line yet.
    Wait,
    /// A line without its end, and how many octets it has with it: as many are to be taken off the input.
    Whole(&'a [u8], usize),
    /// No end within the limit.
    TooLong,
    Fault(LineFault),
}

/// Looks for one line of at most `octets_max` octets, its end included.
pub(crate) fn find_line(input: &[u8], octets_max: usize, bare_lf_ends: bool) -> Line<'_> {
    let window = input.get(..octets_max).unwrap_or(input);
    let Some(at) = memchr3(b'\r', b'\n', 0, window) else {
        return if input.len() > octets_max {
            Line::TooLong
        } else {
            Line::Wait
        };
    };
    let end = match (window.get(at), input.get(at + 1)) {
        (Some(b'\n'), _) if bare_lf_ends => 1,
        (Some(b'\n'), _) => return Line::Fault(LineFault::BareLf),
        // Before its successor is looked at, so that it does not matter how the input was cut.
        (Some(b'\r'), _) if at + 2 > octets_max => return Line::TooLong,
        (Some(b'\r'), Some(b'\n')) => 2,
        (Some(b'\r'), Some(_)) => return Line::Fault(LineFault::BareCr),
        (Some(b'\r'), None) => return Line::Wait,
        _ => return Line::Fault(LineFault::Nul),
    };
    Line::Whole(input.get(..at).unwrap_or_default(), at + end)
}

/// What came of skipping a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    /// This many octets are gone, and the end is not in sight.
    More(usize),
    /// The line is over.
    Over,
    /// More than was to be skipped.
    TooMuch,
    Fault(LineFault),
}

/// Throws away what is left of a line that was too long, `octets_max` octets at most.
pub(crate) fn skip_line(input: &mut BytesMut, octets_max: usize, bare_lf_ends: bool) -> Skip {
    let window = input.get(..octets_max).unwrap_or(input);
    let Some(at) = memchr3(b'\r', b'\n', 0, window) else {
        let skipped = input.len();
        if skipped >= octets_max {
            return Skip::TooMuch;
        }
        input.clear();
        return Skip::More(skipped);
    };
    let end = match (input.get(at), input.get(at + 1)) {
        (Some(b'\n'), _) if bare_lf_ends => 1,
        (Some(b'\n'), _) => return Skip::Fault(LineFault::BareLf),
        (Some(b'\r'), Some(b'\n')) => 2,
        (Some(b'\r'), Some(_)) => return Skip::Fault(LineFault::BareCr),
        (Some(b'\r'), None) => {
            input.advance(at);
            return Skip::More(at);
        }
        _ => return Skip::Fault(LineFault::Nul),
    };
    input.advance(at + end);
    Skip::Over
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], octets_max: usize) -> Line<'_> {
        find_line(text, octets_max, false)
    }

    #[test]
    fn only_crlf_ends_a_line() {
        assert_eq!(read(b"NOOP\r\nQUIT\r", 512), Line::Whole(b"NOOP", 6));
        assert_eq!(read(b"QUIT\r", 512), Line::Wait);
        assert_eq!(read(b"NOOP\nQUIT\r\n", 512), Line::Fault(LineFault::BareLf));
        assert_eq!(read(b"NO\rOP\r\n", 512), Line::Fault(LineFault::BareCr));
        assert_eq!(read(b"NO\0OP\r\n", 512), Line::Fault(LineFault::Nul));
    }

    #[test]
    fn lf_ends_a_line_only_where_it_is_tolerated_and_cr_never_does() {
        assert_eq!(find_line(b"NOOP\nQUIT\n", 512, true), Line::Whole(b"NOOP", 5));
        assert_eq!(find_line(b"NO\rOP\n", 512, true), Line::Fault(LineFault::BareCr));
    }

    #[test]
    fn the_limit_counts_the_end_of_the_line() {
        assert_eq!(read(b"12345678\r\n", 10), Line::Whole(b"12345678", 10));
        assert_eq!(read(b"123456789\r\n", 10), Line::TooLong);
        assert_eq!(read(b"123456789\r", 10), Line::TooLong);
        assert_eq!(read(b"1234567890", 10), Line::Wait);
        assert_eq!(read(b"12345678901", 10), Line::TooLong);
    }

    #[test]
    fn a_long_line_is_skipped_to_its_end_and_no_further() {
        let mut input = BytesMut::from(&b"xxxx"[..]);
        assert_eq!(skip_line(&mut input, 100, false), Skip::More(4));
        input.extend_from_slice(b"yy\r");
        assert_eq!(skip_line(&mut input, 100, false), Skip::More(2));
        input.extend_from_slice(b"\nNOOP\r\n");
        assert_eq!(skip_line(&mut input, 100, false), Skip::Over);
        assert_eq!(&input[..], b"NOOP\r\n");
        assert_eq!(skip_line(&mut input, 4, false), Skip::TooMuch);
    }
}
