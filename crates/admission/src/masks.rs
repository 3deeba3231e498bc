//! Noticing that several clients hide behind one address exception.
//!
//! Three or more HELO names *and* three or more senders within an hour mean that somebody put a NAT, a proxy or a whole
//! server behind an exception meant for one device. That is how most open relays are born.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use mail::ReversePath;
use parking_lot::Mutex;
use policy::Name;

const WINDOW: Duration = Duration::from_secs(3600);
const NAMES_THAT_MASK: usize = 3;

/// What each exception's clients called themselves lately.
#[derive(Default)]
pub struct Masks(Mutex<HashMap<Name, Faces>>);

#[derive(Default)]
struct Faces {
    hellos: Recent,
    senders: Recent,
}

impl Masks {
    /// Whether this message would be the one that shows several clients behind the exception, or several have shown.
    #[must_use]
    pub fn is_masked(&self, grant: &Name, hello: &str, sender: &ReversePath, now: Duration) -> bool {
        let mut all = self.0.lock();
        let faces = all.entry(grant.clone()).or_default();
        faces.hellos.see(digest(&hello.to_ascii_lowercase()), now);
        faces.senders.see(digest(sender), now);
        faces.are_several(now)
    }

    /// Whether several clients have shown behind the exception within the last hour.
    #[must_use]
    pub fn was_masked(&self, grant: &Name, now: Duration) -> bool {
        self.0.lock().get(grant).is_some_and(|faces| faces.are_several(now))
    }
}

impl Faces {
    fn are_several(&self, now: Duration) -> bool {
        self.hellos.recent(now) >= NAMES_THAT_MASK && self.senders.recent(now) >= NAMES_THAT_MASK
    }
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The last few distinct things seen within the window.
#[derive(Default)]
struct Recent(Vec<(u64, Duration)>);

impl Recent {
    fn recent(&self, now: Duration) -> usize {
        self.0.iter().filter(|(_, at)| now.saturating_sub(*at) < WINDOW).count()
    }

    fn see(&mut self, what: u64, now: Duration) {
        self.0
            .retain(|(seen, at)| *seen != what && now.saturating_sub(*at) < WINDOW);
        // Three distinct ones decide; remembering more would only cost memory.
        if self.0.len() >= NAMES_THAT_MASK {
            self.0.remove(0);
        }
        self.0.push((what, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ReversePath {
        ReversePath::Mailbox(text.parse().unwrap())
    }

    #[test]
    fn three_names_and_three_senders_within_an_hour_mean_a_mask() {
        let masks = Masks::default();
        let grant = Name::from("copier");
        let minute = Duration::from_secs(60);
        assert!(!masks.is_masked(&grant, "a", &path("a@x.y"), minute));
        assert!(!masks.is_masked(&grant, "b", &path("b@x.y"), minute * 2));
        assert!(!masks.is_masked(&grant, "c", &path("b@x.y"), minute * 3));
        assert!(masks.is_masked(&grant, "c", &path("c@x.y"), minute * 4));
        assert!(
            !masks.is_masked(&grant, "c", &path("c@x.y"), minute * 70),
            "an hour later they are forgotten"
        );
    }

    #[test]
    fn many_names_with_one_sender_are_one_moody_device() {
        let masks = Masks::default();
        let grant = Name::from("copier");
        for name in ["a", "b", "c", "d"] {
            assert!(!masks.is_masked(&grant, name, &path("a@x.y"), Duration::ZERO));
        }
    }
}
