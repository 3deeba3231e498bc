//! Octets on their way in, not yet a message.

use bytes::Bytes;

use crate::DraftError;

/// A message while it is being received: in memory while small, in a file of its own when large. Dropping it abandons it.
pub struct Draft {}

impl Draft {
    /// Takes more octets.
    pub async fn append(&mut self, octets: Bytes) -> Result<(), DraftError> {
        let _ = octets;
        Err(DraftError::Full)
    }

    /// Octets taken so far.
    #[must_use]
    pub fn octets(&self) -> u64 {
        0
    }

    /// Octets from `offset` on, at most `most` and at least one unless the end is reached: what a scanner reads.
    pub async fn read_at(&self, offset: u64, most: usize) -> Result<Bytes, DraftError> {
        let _ = (offset, most);
        Err(DraftError::Full)
    }

    /// Forgets it; its file, where it has one, is removed.
    pub fn abandon(self) {}
}
