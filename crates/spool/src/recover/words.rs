//! What is wrong with what cannot be read, in words; a checkpoint keeps them and knows them again.

pub(crate) const UNREADABLE: &str = "the stored message cannot be read";
pub(super) const RECORD_DAMAGED: &str = "a record is damaged";
pub(super) const CHECKPOINT_DAMAGED: &str = "a checkpoint is damaged; an older one or the log was read instead";
pub(super) const SEGMENT_DAMAGED: &str = "the header of a segment is damaged; nothing in it can be read";
pub(super) const BODY_DAMAGED: &str = "the octets of a message are damaged";
pub(super) const SEGMENT_MISSING: &str = "the segment of a message is missing";
pub(super) const TAIL_MISSING: &str = "a segment is missing; what only it knew is lost";
pub(super) const FILE_MISSING: &str = "the file of a large message is missing or too short";
pub(super) const UNKNOWN: &str = "damage of a kind this programme does not name";

/// The words for a damage, as a checkpoint has them.
pub(crate) fn known_words(text: &str) -> &'static str {
    let all = [
        UNREADABLE,
        RECORD_DAMAGED,
        CHECKPOINT_DAMAGED,
        SEGMENT_DAMAGED,
        BODY_DAMAGED,
        SEGMENT_MISSING,
        TAIL_MISSING,
        FILE_MISSING,
    ];
    all.into_iter().find(|known| *known == text).unwrap_or(UNKNOWN)
}
