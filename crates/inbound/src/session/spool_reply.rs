//! What a client is told when the disk could not take its message.

use admission::CommitError;
use mail::EnhancedCode;

/// Reply code, enhanced code, sentence and reason code.
pub(crate) fn not_stored(error: &CommitError) -> (u16, EnhancedCode, &'static str, &'static str) {
    match error {
        CommitError::Full => (
            452,
            EnhancedCode::new(4, 3, 1),
            "Not enough storage at the moment; try again later",
            "disk-full",
        ),
        CommitError::TooLarge(_) => (552, EnhancedCode::new(5, 3, 4), "The message is too large", "too-large"),
        CommitError::Closed => (
            421,
            EnhancedCode::new(4, 3, 2),
            "Shutting down; try again in a moment",
            "shutting-down",
        ),
        CommitError::Broken(_) | CommitError::Invalid(_) => (
            451,
            EnhancedCode::new(4, 3, 0),
            "The message could not be stored; try again later",
            "not-stored",
        ),
    }
}
