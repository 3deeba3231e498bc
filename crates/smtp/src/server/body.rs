//! A body on its way in: DATA up to its dot, BDAT up to its count.

use bytes::{Buf, Bytes, BytesMut};
use mail::Tolerances;

use super::framing::{BodyFault, Lines, Piece};
use super::{Limits, Mended};

/// What is at the front of a body.
#[derive(Debug)]
pub(super) enum BodyStep {
    Wait,
    Octets(Bytes),
    /// The message is refused; what is left of it is read and thrown away. Said once.
    Spoilt,
    /// The body, or the chunk, is over.
    End,
    /// Nothing can follow.
    Broken(BodyFault),
}

/// One message's octets, whichever way they come.
#[derive(Debug)]
pub(super) struct Body {
    lines: Lines,
    octets: u64,
    octets_max: u64,
    spoilt: Option<BodyFault>,
    /// How much more is read of a spoilt message.
    swallow_left: u64,
}

impl Body {
    pub(super) fn new(tolerances: Tolerances, octets_max: u64, limits: &Limits) -> Self {
        Self {
            lines: Lines::new(tolerances, limits.text_line_octets),
            octets: 0,
            octets_max,
            spoilt: None,
            swallow_left: limits.swallow_octets,
        }
    }

    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    pub(super) fn mended(&self) -> Mended {
        self.lines.mended()
    }

    /// Why the message is refused, once it is.
    pub(super) fn spoilt(&self) -> Option<BodyFault> {
        self.spoilt
    }

    /// Reads up to the dot.
    pub(super) fn read_dotted(&mut self, input: &mut BytesMut) -> BodyStep {
        loop {
            let step = match self.lines.take_dotted(input) {
                Piece::Dot => match self.read_dot(input) {
                    DotStep::Text => continue,
                    DotStep::Wait => return BodyStep::Wait,
                    DotStep::End => return BodyStep::End,
                },
                piece => self.weigh(piece),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// Reads up to `left` octets of a chunk, which it counts down.
    pub(super) fn read_counted(&mut self, input: &mut BytesMut, left: &mut u64) -> BodyStep {
        while *left > 0 {
            let (piece, used) = self.lines.take_counted(input, *left);
            *left = left.saturating_sub(used);
            if piece == Piece::Wait && *left == 0 {
                break;
            }
            if let Some(step) = self.weigh(piece) {
                return step;
            }
        }
        BodyStep::End
    }

    /// Behind the last chunk: the end of an unended line.
    pub(super) fn finish_counted(&mut self) -> BodyStep {
        match self.lines.finish() {
            Ok(None) => BodyStep::End,
            Ok(Some(end)) => self.weigh(Piece::Octets(end)).unwrap_or(BodyStep::End),
            Err(fault) => BodyStep::Broken(fault),
        }
    }

    /// What a piece means for the message; `None` where it is thrown away.
    fn weigh(&mut self, piece: Piece) -> Option<BodyStep> {
        match piece {
            Piece::Wait | Piece::Dot => Some(BodyStep::Wait),
            Piece::Octets(octets) => self.count(octets),
            Piece::Fault(fault @ BodyFault::Line(_)) => Some(BodyStep::Broken(fault)),
            Piece::Fault(fault) => Some(self.spoil(fault)),
        }
    }

    fn count(&mut self, octets: Bytes) -> Option<BodyStep> {
        let more = octets.len() as u64;
        if let Some(fault) = self.spoilt {
            return self.swallow(more, fault);
        }
        let room = self.octets_max.saturating_sub(self.octets);
        if more > room {
            return self
                .swallow(more - room, BodyFault::TooBig)
                .or_else(|| Some(self.spoil(BodyFault::TooBig)));
        }
        self.octets += more;
        Some(BodyStep::Octets(octets))
    }

    fn swallow(&mut self, octets: u64, fault: BodyFault) -> Option<BodyStep> {
        match self.swallow_left.checked_sub(octets) {
            Some(left) => {
                self.swallow_left = left;
                None
            }
            None => Some(BodyStep::Broken(fault)),
        }
    }

    fn spoil(&mut self, fault: BodyFault) -> BodyStep {
        self.spoilt = Some(fault);
        self.lines.stop_measuring();
        BodyStep::Spoilt
    }

    /// A dot stands at the beginning of a line: the end of the message, or one to be taken away (RFC 5321 §4.5.2).
    fn read_dot(&mut self, input: &mut BytesMut) -> DotStep {
        let behind = match input.get(1..3).or_else(|| input.get(1..2)).unwrap_or_default() {
            b"\r\n" => Some(3),
            [b'\n', ..] if self.lines.lf_throughout() => {
                self.lines.count_bare_lf();
                Some(2)
            }
            // Without the tolerance this is the attack that smuggles messages; with it, and CRLF seen before, it is text.
            [] | [b'\r'] => return DotStep::Wait,
            _ => None,
        };
        match behind {
            Some(octets) => {
                input.advance(octets);
                DotStep::End
            }
            None => {
                input.advance(1);
                self.lines.dot_taken();
                DotStep::Text
            }
        }
    }
}

enum DotStep {
    Wait,
    Text,
    End,
}
