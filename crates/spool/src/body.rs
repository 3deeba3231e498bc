//! Octets on their way out.

use bytes::Bytes;

use crate::BodyError;

/// Reads one message as it is to be delivered: our header lines, then what came, changed as its edits say. CRLF lines
/// are as they were committed. Memory use does not depend on its length.
pub struct Body {}

impl Body {
    /// Octets in all.
    #[must_use]
    pub fn octets(&self) -> u64 {
        0
    }

    /// The next piece; `None` at the end. The last piece is given only after the checksum of the whole was right, so
    /// that damage is known before the message could be ended towards a peer.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        Ok(None)
    }
}
