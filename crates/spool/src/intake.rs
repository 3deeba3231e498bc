//! The handle that writes.

use mail::MessageId;

use crate::{CommitError, Draft, Letter, Stored};

/// Takes messages in. Only `admission` holds one.
#[derive(Clone)]
pub struct Intake {}

impl Intake {
    /// An id no message has had: later than all before it.
    #[must_use]
    pub fn new_id(&self) -> MessageId {
        MessageId::new(0)
    }

    /// Begins to take octets.
    #[must_use]
    pub fn begin(&self) -> Draft {
        Draft {}
    }

    /// Stores the letter. When this has returned `Ok`, and not before, the client may be told 250.
    pub async fn commit(&self, draft: Draft, letter: Letter) -> Result<Stored, CommitError> {
        let _ = (draft, letter);
        Err(CommitError::Closed)
    }
}
