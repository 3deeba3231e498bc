//! Connections that wait for their next message.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How connections are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Messages over one connection at most.
    pub messages: u32,
    /// How long one waits for its next message at most.
    pub idle: Duration,
    /// Connections that wait at most, all destinations together.
    pub waiting: usize,
}

impl Default for Reuse {
    fn default() -> Self {
        Self {
            messages: 100,
            idle: Duration::from_secs(300),
            waiting: 200,
        }
    }
}

/// A connection and what it has done.
pub(crate) struct Kept<C> {
    pub(crate) connection: C,
    /// Messages it has carried.
    pub(crate) messages: u32,
    since: Duration,
}

/// Waiting connections by destination. Each is used by one delivery at a time.
pub(crate) struct Pool<C> {
    reuse: Reuse,
    waiting: BTreeMap<Arc<str>, Vec<Kept<C>>>,
    count: usize,
}

impl<C> Pool<C> {
    pub(crate) fn new(reuse: Reuse) -> Self {
        Self {
            reuse,
            waiting: BTreeMap::new(),
            count: 0,
        }
    }

    /// The connection of this destination that waited least: the one most likely to be alive.
    pub(crate) fn take(&mut self, key: &str, now: Duration) -> Option<Kept<C>> {
        let waiting = self.waiting.get_mut(key)?;
        let fresh = |kept: &Kept<C>| now.saturating_sub(kept.since) < self.reuse.idle;
        let kept = if waiting.last().is_some_and(fresh) {
            waiting.pop()
        } else {
            None
        };
        if waiting.is_empty() {
            self.waiting.remove(key);
        }
        self.count -= usize::from(kept.is_some());
        kept
    }

    /// Keeps a connection for the next message; what is to be closed instead comes back.
    pub(crate) fn give(&mut self, key: &Arc<str>, connection: C, messages: u32, now: Duration) -> Option<C> {
        if messages >= self.reuse.messages || self.reuse.waiting == 0 {
            return Some(connection);
        }
        let spare = if self.count >= self.reuse.waiting {
            self.take_oldest()
        } else {
            None
        };
        self.waiting.entry(key.clone()).or_default().push(Kept {
            connection,
            messages,
            since: now,
        });
        self.count += 1;
        spare
    }

    /// Takes out what has waited too long.
    pub(crate) fn expired(&mut self, now: Duration) -> Vec<C> {
        let idle = self.reuse.idle;
        let mut expired = Vec::new();
        for waiting in self.waiting.values_mut() {
            let stale = waiting
                .iter()
                .take_while(|kept| now.saturating_sub(kept.since) >= idle)
                .count();
            expired.extend(waiting.drain(..stale).map(|kept| kept.connection));
        }
        self.waiting.retain(|_, waiting| !waiting.is_empty());
        self.count -= expired.len();
        expired
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Takes out everything.
    pub(crate) fn drain(&mut self) -> Vec<C> {
        self.count = 0;
        let all = std::mem::take(&mut self.waiting);
        all.into_values().flatten().map(|kept| kept.connection).collect()
    }

    fn take_oldest(&mut self) -> Option<C> {
        let (key, _) = self
            .waiting
            .iter()
            .filter_map(|(key, waiting)| Some((key, waiting.first()?.since)))
            .min_by_key(|(_, since)| *since)?;
        let key = key.clone();
        let waiting = self.waiting.get_mut(&key)?;
        let oldest = waiting.drain(..1).next();
        if waiting.is_empty() {
            self.waiting.remove(&key);
        }
        self.count -= usize::from(oldest.is_some());
        oldest.map(|kept| kept.connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Arc<str> {
        text.into()
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn the_last_one_given_is_the_first_one_taken_and_of_its_destination_only() {
        let mut pool = Pool::new(Reuse::default());
        assert!(pool.give(&key("a"), 1, 1, secs(0)).is_none());
        assert!(pool.give(&key("a"), 2, 7, secs(1)).is_none());
        assert!(pool.take("b", secs(2)).is_none());
        let kept = pool.take("a", secs(2)).unwrap();
        assert_eq!((kept.connection, kept.messages), (2, 7));
        assert_eq!(pool.take("a", secs(2)).unwrap().connection, 1);
        assert!(pool.take("a", secs(2)).is_none());
    }

    #[test]
    fn a_connection_carries_a_hundred_messages_and_no_more() {
        let mut pool = Pool::new(Reuse::default());
        assert_eq!(pool.give(&key("a"), 1, 100, secs(0)), Some(1));
        assert_eq!(pool.give(&key("a"), 1, 99, secs(0)), None);
    }

    #[test]
    fn what_waited_too_long_is_closed_and_not_used() {
        let mut pool = Pool::new(Reuse::default());
        pool.give(&key("a"), 1, 1, secs(0));
        pool.give(&key("a"), 2, 1, secs(100));
        assert_eq!(pool.expired(secs(299)), [0; 0]);
        assert_eq!(pool.expired(secs(300)), [1]);
        assert!(pool.take("a", secs(400)).is_none());
        assert_eq!(pool.expired(secs(400)), [2]);
        assert!(pool.is_empty());
    }

    #[test]
    fn where_too_many_wait_the_oldest_goes() {
        let mut pool = Pool::new(Reuse {
            waiting: 2,
            ..Reuse::default()
        });
        assert_eq!(pool.give(&key("b"), 1, 1, secs(0)), None);
        assert_eq!(pool.give(&key("a"), 2, 1, secs(1)), None);
        assert_eq!(pool.give(&key("c"), 3, 1, secs(2)), Some(1));
        assert_eq!(pool.drain(), [2, 3]);
    }
}
