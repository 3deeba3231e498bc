//! Where decisions wait for the shadow: bounded, and never waited for.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

/// Decisions that may wait.
pub(super) const WAITING_MAX: usize = 4096;
/// Octets of them; an acceptance with very many recipients is long.
const OCTETS_MAX: usize = 16 << 20;
/// How long the first may wait for others to be looked at with.
const LATE_MAX: Duration = Duration::from_millis(20);

/// Decisions on their way to the shadow.
#[derive(Default)]
pub(super) struct Tray {
    inner: Mutex<Inner>,
    /// Told with the first that is put down, and at the end.
    put: Condvar,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Bytes>,
    octets: usize,
    skipped: u64,
    closed: bool,
}

impl Tray {
    /// Puts one down; `false` where there is no room, which is counted.
    pub(super) fn offer(&self, entry: &Bytes) -> bool {
        let octets = entry.len();
        let mut inner = self.inner.lock();
        if inner.closed {
            // It ended in this moment.
            return true;
        }
        if inner.waiting.len() >= WAITING_MAX || inner.octets.saturating_add(octets) > OCTETS_MAX {
            inner.skipped += 1;
            return false;
        }
        let is_first = inner.waiting.is_empty();
        inner.octets += octets;
        inner.waiting.push_back(entry.clone());
        drop(inner);
        // Nobody is charged with waking the thread for each of them.
        if is_first {
            self.put.notify_one();
        }
        true
    }

    /// Everything that waits, once there is something; `None` when it is closed and empty.
    pub(super) fn take(&self) -> Option<VecDeque<Bytes>> {
        let mut inner = self.inner.lock();
        while inner.waiting.is_empty() && !inner.closed {
            self.put.wait(&mut inner);
        }
        if !inner.closed {
            self.put.wait_for(&mut inner, LATE_MAX);
        }
        inner.octets = 0;
        let taken = std::mem::take(&mut inner.waiting);
        (!taken.is_empty()).then_some(taken)
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.inner.lock().closed = true;
        self.put.notify_one();
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.inner.lock().waiting.len()
    }

    /// How many found no room.
    pub(super) fn skipped(&self) -> u64 {
        self.inner.lock().skipped
    }
}
