//! Messages that were sent away because too many waited already. They are called back as soon as there is room, so that
//! a destination that takes mail never stands idle, and a long queue is not asked about again and again.

use std::collections::VecDeque;
use std::time::Duration;

use mail::MessageId;

/// Messages of one destination that are remembered; those beyond come back by themselves.
const REMEMBERED_MAX: usize = 10_000;
/// Whoever was called and has not come after this is not coming.
const COMES_WITHIN: Duration = Duration::from_secs(1);

/// Those of one destination, in the order in which they asked.
#[derive(Default)]
pub(super) struct Away {
    messages: VecDeque<MessageId>,
    /// How many were called and have not asked yet, and since when.
    called: (usize, Duration),
}

impl Away {
    /// Remembers a message; `false` where there are too many.
    pub(super) fn remember(&mut self, message: MessageId) -> bool {
        let room = self.messages.len() < REMEMBERED_MAX;
        if room {
            self.messages.push_back(message);
        }
        room
    }

    /// Somebody asks.
    pub(super) fn came(&mut self) {
        self.called.0 = self.called.0.saturating_sub(1);
    }

    /// Whom to call, when `waiting` wait and `most` may: nobody as long as a quarter of these wait or were called.
    pub(super) fn call(&mut self, waiting: usize, most: usize, now: Duration) -> Vec<MessageId> {
        let (called, since) = self.called;
        let coming = if now.saturating_sub(since) < COMES_WITHIN {
            called
        } else {
            0
        };
        let there = waiting + coming;
        if self.messages.is_empty() || there > most / 4 {
            return Vec::new();
        }
        let many = (most - there).clamp(1, self.messages.len());
        self.called = (coming + many, now);
        self.messages.drain(..many).collect()
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Forgets them: they come back by themselves.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn away(many: u64) -> Away {
        let mut away = Away::default();
        for number in 0..many {
            assert!(away.remember(MessageId::new(number)));
        }
        away
    }

    #[test]
    fn they_are_called_in_their_order_and_no_more_than_may_wait() {
        let mut away = away(100);
        let called = away.call(3, 40, NOW);
        assert_eq!(called, (0..37).map(MessageId::new).collect::<Vec<_>>());
        assert_eq!(away.len(), 63);
    }

    #[test]
    fn nobody_is_called_while_those_called_before_are_on_their_way() {
        let mut away = away(100);
        assert_eq!(away.call(0, 40, NOW).len(), 40);
        assert!(away.call(0, 40, NOW).is_empty());
        for _ in 0..30 {
            away.came();
        }
        // Ten are on their way still, and nobody waits.
        assert_eq!(away.call(0, 40, NOW).len(), 30);
        assert!(away.call(11, 40, NOW).is_empty());
        // Whoever does not come does not keep others away.
        assert_eq!(away.call(0, 40, NOW + COMES_WITHIN).len(), 30);
    }

    #[test]
    fn one_who_may_wait_alone_is_called_when_nobody_waits() {
        let mut away = away(3);
        assert_eq!(away.call(0, 1, NOW).len(), 1);
        assert!(away.call(1, 1, NOW).is_empty());
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let mut away = away(REMEMBERED_MAX as u64);
        assert!(!away.remember(MessageId::new(0)));
    }
}
