//! The same of letters to the people of grants that stand in the configuration file.

use mail::{Mailbox, Timestamp};
use registry::{Claim, DeskError, Letters, PinnedPosting, about_pinned, pinned_postings};
use world::Rng;

use super::{CLAIMED_FOR, Ready, fresh_id, together, unreachable, written};
use crate::gateway::registry::setup::Setup;
use crate::registrar;

/// Writes those that are to be written now, and are ours to post.
pub(super) fn write_all(
    desk: &mut registrar::Registry,
    setup: &Setup,
    words: &Letters,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<Vec<Ready>, DeskError> {
    let waiting = desk.store().waiting_of_pinned(now)?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let bad = unreachable(desk)?;
    let last = desk.store().written_to(now)?;
    let mut ready = Vec::new();
    for posting in pinned_postings(&waiting, &setup.pinned, &setup.addresses(), &last, &bad, now) {
        ready.extend(write(desk, setup, words, posting, (now, rng))?);
    }
    Ok(ready)
}

fn write(
    desk: &mut registrar::Registry,
    setup: &Setup,
    words: &Letters,
    posting: PinnedPosting,
    (now, rng): (Timestamp, &dyn Rng),
) -> Result<Option<Ready>, DeskError> {
    let numbers: Vec<u64> = posting.letters.iter().map(|letter| letter.number).collect();
    let message_id = match &posting.again {
        Some(before) => before.to_string(),
        None => fresh_id(setup, rng),
    };
    let claim = Claim {
        letters: &numbers,
        message: &message_id,
        daily: &posting.daily,
        now,
        until: now.plus(CLAIMED_FOR),
    };
    if !desk.store().claim_of_pinned(&claim)? {
        return Ok(None);
    }
    let relay = setup.relay();
    let mut texts = Vec::new();
    for letter in &posting.letters {
        let about = about_pinned(&relay, &setup.pinned, letter);
        texts.extend(written(words, letter.notice, &about));
    }
    let to = posting.to.iter().filter_map(|to| Mailbox::parse(to).ok()).collect();
    Ok(together(words, texts, setup).map(|written| Ready {
        message_id,
        to,
        written,
        numbers,
        of_pinned: true,
    }))
}
