//! What of the mail of grants is not as it was approved: the first of each kind, for each grant.

use std::collections::BTreeMap;

use admission::{Accepted, Refused};
use mail::{MessageId, Timestamp};
use policy::{Reason, Standing};
use registry::Trouble;

/// For each grant and kind of trouble what was said of it first, and when.
#[derive(Debug)]
pub struct Troubles<K>(BTreeMap<(K, Trouble), (String, Timestamp)>);

impl<K> Default for Troubles<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// Whether a message was accepted beyond what its grant may send, and is held for that.
pub(super) fn is_over_volume(accepted: &Accepted<'_>) -> bool {
    let held = Standing::Held(Reason::RateHeld);
    accepted.recipients.iter().any(|one| *one.permit.standing() == held)
}

/// What a refusal means to the people of a grant; nothing, where it is not theirs to set right.
fn trouble(reason: Reason) -> Option<Trouble> {
    Some(match reason {
        Reason::SenderNotGranted | Reason::FromNotGranted => Trouble::Sender,
        Reason::NetworkNotGranted => Trouble::Network,
        Reason::RecipientOutsideScope => Trouble::Recipient,
        Reason::RateExceeded => Trouble::Limit,
        _ => return None,
    })
}

impl<K: Ord + Clone> Troubles<K> {
    pub(super) fn held(&mut self, id: &K, message: MessageId, at: Timestamp) {
        let said =
            || format!("It has sent more than it may for now; what comes is accepted and held, {message} first.");
        self.note(id, Trouble::Volume, said, at);
    }

    pub(super) fn refused(&mut self, id: &K, refused: &Refused<'_>) {
        if let Some(trouble) = refused.rejection.and_then(|rejection| trouble(rejection.reason)) {
            self.note(id, trouble, || refused.reply.to_string(), refused.at);
        }
    }

    fn note(&mut self, id: &K, trouble: Trouble, said: impl FnOnce() -> String, at: Timestamp) {
        self.0.entry((id.clone(), trouble)).or_insert_with(|| (said(), at));
    }

    /// With what came later.
    pub(super) fn join(&mut self, former: Self) {
        self.0.extend(former.0);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of which this is so.
    pub fn retain(&mut self, mut is_so: impl FnMut(&K, Trouble, Timestamp) -> bool) {
        self.0.retain(|(id, trouble), (_, at)| is_so(id, *trouble, *at));
    }

    /// Each with what was said of it, and when.
    pub fn iter(&self) -> impl Iterator<Item = (&K, Trouble, &str, Timestamp)> {
        self.0
            .iter()
            .map(|((id, trouble), (said, at))| (id, *trouble, &**said, *at))
    }
}

#[cfg(test)]
mod tests {
    use registry::CaseId;

    use super::*;

    #[test]
    fn the_first_of_each_kind_is_remembered_also_where_it_could_not_be_written_down() {
        let (one, at) = (CaseId(1001), Timestamp::from_secs);
        let mut troubles = Troubles::default();
        for secs in [10, 12] {
            troubles.held(&one, MessageId::new(7), at(secs));
        }
        let former = std::mem::take(&mut troubles);
        troubles.held(&one, MessageId::new(8), at(14));
        troubles.held(&CaseId(1002), MessageId::new(9), at(15));
        troubles.join(former);
        let all: Vec<_> = troubles
            .iter()
            .map(|(id, _, said, at)| (id.0, said.contains(&MessageId::new(7).to_string()), at))
            .collect();
        assert_eq!(all, [(1001, true, at(10)), (1002, false, at(15))]);
    }

    #[test]
    fn what_its_people_cannot_set_right_is_none_of_theirs() {
        let theirs: Vec<_> = Reason::ALL
            .iter()
            .filter(|reason| trouble(**reason).is_some())
            .collect();
        assert_eq!(theirs.len(), 5, "{theirs:?}");
        assert_eq!(trouble(Reason::GrantSuspended), None);
    }
}
