//! The checks that every octet of a body passes, whichever way it comes.
//!
//! INVARIANT: what leaves here has CRLF line ends only, no NUL, and no line above the limit. The next hop cannot be made
//! to see another end of the message than we did.

use bytes::{Buf, Bytes, BytesMut};
use mail::Tolerances;
use memchr::memchr3;

use super::Mended;
use crate::command::LineFault;

const CRLF: &[u8] = b"\r\n";
/// How a header line is broken: the next line goes on with a blank (RFC 5322 §2.2.3).
const FOLD: &[u8] = b"\r\n ";

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyFault {
    /// Framing: the connection cannot go on.
    Line(LineFault),
    /// A line above the limit.
    LongLine,
    /// More octets than the listener takes.
    TooBig,
}

/// What is at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Nothing that can be judged yet.
    Wait,
    /// Octets of the message.
    Octets(Bytes),
    /// A dot at the beginning of a line; not taken. Only where dots matter.
    Dot,
    Fault(BodyFault),
}

/// How the line before this octet ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// At the beginning of the message.
    Start,
    BehindCrlf,
    BehindLf,
    Inside,
}

/// Reads lines of a body.
#[derive(Debug)]
pub(super) struct Lines {
    tolerances: Tolerances,
    line_octets_max: usize,
    place: Place,
    /// Octets of the present line that were given out.
    column: usize,
    /// Whether a CRLF was seen in this message: a device that uses LF throughout has none.
    crlf_seen: bool,
    in_header: bool,
    /// Whether the present line has been counted among the long ones.
    broken: bool,
    /// Whether a CR ended the chunk before (BDAT alone).
    held_cr: bool,
    mended: Mended,
}

impl Lines {
    pub(super) fn new(tolerances: Tolerances, line_octets_max: usize) -> Self {
        Self {
            tolerances,
            line_octets_max: line_octets_max.max(1),
            place: Place::Start,
            column: 0,
            crlf_seen: false,
            in_header: true,
            broken: false,
            held_cr: false,
            mended: Mended::default(),
        }
    }

    pub(super) fn mended(&self) -> Mended {
        self.mended
    }

    /// Whether a dot here would be the first octet of a line.
    ///
    /// Behind a tolerated LF only while the message has no CRLF at all: to a sender that writes CRLF, an LF is an octet
    /// like any other, and it stuffs no dot behind it.
    fn at_line_start(&self) -> bool {
        match self.place {
            Place::Start | Place::BehindCrlf => true,
            Place::BehindLf => !self.crlf_seen,
            Place::Inside => false,
        }
    }

    /// Whether LF alone may end this message: a granted device that has used nothing else in it.
    pub(super) fn lf_throughout(&self) -> bool {
        self.tolerances.bare_lf && !self.crlf_seen
    }

    /// Lines are no longer measured: the body is refused, only its end is looked for.
    pub(super) fn stop_measuring(&mut self) {
        self.line_octets_max = usize::MAX;
    }

    /// The dot in front was stuffed and has been taken away: what follows is text, be it another dot.
    pub(super) fn dot_taken(&mut self) {
        self.place = Place::Inside;
    }

    /// A dot ended the message with LF alone.
    pub(super) fn count_bare_lf(&mut self) {
        self.mended.bare_lf += 1;
    }

    /// Takes one piece off a body ended by a dot.
    pub(super) fn take_dotted(&mut self, input: &mut BytesMut) -> Piece {
        let available = input.len();
        self.take(input, available, true)
    }

    /// Takes one piece off the `left` octets of a chunk; the input may hold more, or less. Returns what was used.
    pub(super) fn take_counted(&mut self, input: &mut BytesMut, left: u64) -> (Piece, u64) {
        let before = input.len();
        let chunk_here = usize::try_from(left).map_or(before, |left| left.min(before));
        let chunk_ends_here = chunk_here as u64 == left;
        let piece = match input.first() {
            Some(b'\n') if self.held_cr && chunk_here > 0 => {
                input.advance(1);
                self.held_cr = false;
                self.end_line(Place::BehindCrlf);
                Piece::Octets(Bytes::from_static(CRLF))
            }
            Some(_) if self.held_cr && chunk_here > 0 => Piece::Fault(BodyFault::Line(LineFault::BareCr)),
            Some(b'\r') if chunk_here == 1 && chunk_ends_here => {
                input.advance(1);
                self.held_cr = true;
                Piece::Wait
            }
            _ => self.take(input, chunk_here, false),
        };
        (piece, (before - input.len()) as u64)
    }

    /// The last chunk is over: its last line gets an end if it has none.
    pub(super) fn finish(&mut self) -> Result<Option<Bytes>, BodyFault> {
        if self.held_cr {
            return Err(BodyFault::Line(LineFault::BareCr));
        }
        if self.place != Place::Inside {
            return Ok(None);
        }
        self.mended.last_line_ended = true;
        self.end_line(Place::BehindCrlf);
        Ok(Some(Bytes::from_static(CRLF)))
    }

    fn take(&mut self, input: &mut BytesMut, available: usize, dots: bool) -> Piece {
        let (clean, stop) = self.run(input.get(..available).unwrap_or(input), dots);
        if clean > 0 {
            return Piece::Octets(input.split_to(clean).freeze());
        }
        match stop {
            Stop::End => Piece::Wait,
            Stop::Dot => Piece::Dot,
            Stop::Fault(LineFault::BareLf) if self.tolerances.bare_lf => {
                input.advance(1);
                self.mended.bare_lf += 1;
                self.end_line(Place::BehindLf);
                Piece::Octets(Bytes::from_static(CRLF))
            }
            Stop::Fault(fault) => Piece::Fault(BodyFault::Line(fault)),
            Stop::LineFull if self.tolerances.long_lines => Piece::Octets(self.break_line()),
            Stop::LineFull => Piece::Fault(BodyFault::LongLine),
        }
    }

    /// How many octets at the front of `text` may go out as they are, and what comes behind them.
    fn run(&mut self, text: &[u8], dots: bool) -> (usize, Stop) {
        let mut at = 0;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            if dots && self.at_line_start() && rest.first() == Some(&b'.') {
                return (at, Stop::Dot);
            }
            let hit = memchr3(b'\r', b'\n', 0, rest);
            let plain = hit.unwrap_or(rest.len());
            let room = self.line_octets_max.saturating_sub(self.column);
            self.pass(plain.min(room));
            if plain > room {
                return (at + room, Stop::LineFull);
            }
            at += plain;
            let Some(hit) = hit else { return (at, Stop::End) };
            match (rest.get(hit), rest.get(hit + 1)) {
                (Some(b'\r'), Some(b'\n')) => {
                    at += 2;
                    self.end_line(Place::BehindCrlf);
                }
                (Some(b'\r'), Some(_)) => return (at, Stop::Fault(LineFault::BareCr)),
                // It may be the first half of a CRLF.
                (Some(b'\r'), None) => return (at, Stop::End),
                (Some(b'\n'), _) => return (at, Stop::Fault(LineFault::BareLf)),
                _ => return (at, Stop::Fault(LineFault::Nul)),
            }
        }
    }

    fn pass(&mut self, octets: usize) {
        if octets > 0 {
            self.column += octets;
            self.place = Place::Inside;
        }
    }

    fn end_line(&mut self, place: Place) {
        if self.column == 0 {
            self.in_header = false;
        }
        self.crlf_seen |= place == Place::BehindCrlf;
        self.place = place;
        self.column = 0;
        self.broken = false;
    }

    fn break_line(&mut self) -> Bytes {
        if !self.broken {
            self.mended.long_lines += 1;
            self.broken = true;
        }
        // The next octet is text of the same line to the sender, who stuffs no dot there: the place stays as it is.
        let (text, column) = if self.in_header { (FOLD, 1) } else { (CRLF, 0) };
        self.column = column;
        Bytes::from_static(text)
    }
}

enum Stop {
    End,
    Dot,
    LineFull,
    Fault(LineFault),
}
