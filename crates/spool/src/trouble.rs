//! What keeps the spool from writing, for those who watch over it.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// One thing that is written to, and why that failed the last time, if it did.
#[derive(Default)]
pub(crate) struct Trouble {
    failing: AtomicBool,
    why: Mutex<Option<String>>,
}

/// What may fail by itself.
#[derive(Default)]
pub(crate) struct Troubles {
    /// The log: nothing can be accepted and nothing settled.
    pub(crate) log: Trouble,
    /// Files of large messages: these cannot be accepted.
    pub(crate) files: Trouble,
}

impl Trouble {
    /// It failed; says whether that is news.
    pub(crate) fn began(&self, why: &impl Display) -> bool {
        *self.why.lock() = Some(why.to_string());
        !self.failing.swap(true, Ordering::Relaxed)
    }

    /// It went well; says whether that is news.
    pub(crate) fn ended(&self) -> bool {
        // Asked with every batch, and nearly always in vain.
        if !self.failing() {
            return false;
        }
        *self.why.lock() = None;
        self.failing.swap(false, Ordering::Relaxed)
    }

    /// Whether it has not gone well since it failed.
    pub(crate) fn failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    fn why(&self) -> Option<String> {
        self.why.lock().clone()
    }
}

impl Troubles {
    /// Whether there is any.
    pub(crate) fn any(&self) -> bool {
        self.log.failing() || self.files.failing()
    }

    /// All of them, in words.
    pub(crate) fn told(&self) -> Vec<String> {
        let log = self.log.why().map(|why| format!("nothing can be written: {why}"));
        let files = self
            .files
            .why()
            .map(|why| format!("nothing large can be written: {why}"));
        log.into_iter().chain(files).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_news_when_it_begins_and_when_it_ends() {
        let troubles = Troubles::default();
        assert!(!troubles.log.ended());
        assert!(troubles.log.began(&"no room"));
        assert!(!troubles.log.began(&"still no room"));
        assert_eq!(troubles.told(), ["nothing can be written: still no room"]);
        assert!(troubles.log.ended() && !troubles.log.ended());
        assert!(troubles.told().is_empty());
    }
}
