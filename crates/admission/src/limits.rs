//! Counting what grants use, in this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use policy::{Demand, LimitSpec, Limits, Name, Usage};
use world::Clock;

use crate::window::Window;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Names whose use is remembered; beyond that the ones idle for a day are forgotten.
const NAMES_MAX: usize = 100_000;

/// Limits counted in memory. A restart forgets what was used; that errs towards delivering mail.
pub struct LocalLimits {
    clock: Arc<dyn Clock>,
    used: Mutex<HashMap<Name, Used>>,
}

impl LocalLimits {
    /// Nothing used yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            used: Mutex::new(HashMap::new()),
        }
    }
}

impl Limits for LocalLimits {
    fn reserve(&self, who: &Name, limits: &LimitSpec, demand: Demand) -> Usage {
        let now = self.clock.monotonic();
        let mut used = self.used.lock();
        if used.len() >= NAMES_MAX {
            used.retain(|_, one| now.saturating_sub(one.touched) < DAY);
        }
        used.entry(who.clone()).or_default().reserve(now, limits, demand)
    }

    fn release(&self, who: &Name, demand: Demand, usage: Usage) {
        if let Some(one) = self.used.lock().get_mut(who) {
            one.add(demand, usage, Sign::Back);
        }
    }
}

/// What one name used.
#[derive(Default)]
struct Used {
    touched: Duration,
    minute: Window,
    hour: Window,
    day: Window,
    recipients: Window,
    over_messages: Window,
    over_octets: Window,
}

#[derive(Clone, Copy)]
enum Sign {
    Take,
    Back,
}

impl Sign {
    fn apply(self, window: &mut Window, count: u64) {
        match self {
            Self::Take => window.add(count),
            Self::Back => window.take_back(count),
        }
    }
}

impl Used {
    fn reserve(&mut self, now: Duration, limits: &LimitSpec, demand: Demand) -> Usage {
        self.touched = now;
        let messages = u64::from(demand.messages);
        let recipients = u64::from(demand.recipients);
        let within = self
            .minute
            .fits(now, MINUTE, messages, u64::from(limits.messages_per_minute))
            & self.hour.fits(now, HOUR, messages, u64::from(limits.messages_per_hour))
            & self.day.fits(now, DAY, messages, u64::from(limits.messages_per_day))
            & self
                .recipients
                .fits(now, DAY, recipients, u64::from(limits.recipients_per_day));
        if within {
            self.add(demand, Usage::Within, Sign::Take);
            return Usage::Within;
        }
        let held = self
            .over_messages
            .fits(now, DAY, messages, u64::from(limits.held_messages))
            & self.over_octets.fits(now, DAY, demand.octets, limits.held_octets);
        if !held {
            return Usage::Hard;
        }
        self.add(demand, Usage::Soft, Sign::Take);
        Usage::Soft
    }

    fn add(&mut self, demand: Demand, usage: Usage, sign: Sign) {
        let messages = u64::from(demand.messages);
        if usage == Usage::Hard {
            return;
        }
        for window in [&mut self.minute, &mut self.hour, &mut self.day] {
            sign.apply(window, messages);
        }
        sign.apply(&mut self.recipients, u64::from(demand.recipients));
        if usage == Usage::Soft {
            sign.apply(&mut self.over_messages, messages);
            sign.apply(&mut self.over_octets, demand.octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::Class;
    use world::BoxFuture;

    struct Hand(Mutex<Duration>);

    impl Clock for Hand {
        fn wall(&self) -> i64 {
            0
        }
        fn monotonic(&self) -> Duration {
            *self.0.lock()
        }
        fn sleep_until(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    const ONE: Demand = Demand {
        messages: 1,
        recipients: 1,
        octets: 1000,
    };

    fn limits() -> (Arc<Hand>, LocalLimits, Name) {
        let hand = Arc::new(Hand(Mutex::new(Duration::from_secs(86_400))));
        (hand.clone(), LocalLimits::new(hand), Name::from("copier"))
    }

    #[test]
    fn a_device_passes_its_rate_and_is_held_then_refused() {
        let (_, limits, who) = limits();
        let spec = LimitSpec {
            held_messages: 2,
            ..Class::Device.limits()
        };
        for _ in 0..10 {
            assert_eq!(limits.reserve(&who, &spec, ONE), Usage::Within);
        }
        assert_eq!(limits.reserve(&who, &spec, ONE), Usage::Soft);
        assert_eq!(limits.reserve(&who, &spec, ONE), Usage::Soft);
        assert_eq!(limits.reserve(&who, &spec, ONE), Usage::Hard);
        assert_eq!(limits.reserve(&Name::from("other"), &spec, ONE), Usage::Within);
    }

    #[test]
    fn what_was_reserved_and_not_used_comes_back() {
        let (_, limits, who) = limits();
        let spec = Class::Device.limits();
        for _ in 0..10 {
            limits.reserve(&who, &spec, ONE);
        }
        limits.release(&who, ONE, Usage::Within);
        assert_eq!(limits.reserve(&who, &spec, ONE), Usage::Within);
    }

    #[test]
    fn a_place_among_the_held_comes_back_too() {
        let (_, limits, who) = limits();
        let spec = LimitSpec {
            messages_per_minute: 0,
            held_messages: 1,
            ..Class::Device.limits()
        };
        for _ in 0..3 {
            assert_eq!(limits.reserve(&who, &spec, ONE), Usage::Soft);
            assert_eq!(limits.reserve(&who, &spec, ONE), Usage::Hard);
            limits.release(&who, ONE, Usage::Soft);
        }
    }

    #[test]
    fn a_window_slides_and_does_not_jump() {
        let (hand, limits, who) = limits();
        let spec = Class::Device.limits();
        for _ in 0..10 {
            limits.reserve(&who, &spec, ONE);
        }
        *hand.0.lock() += Duration::from_secs(60);
        assert_eq!(
            limits.reserve(&who, &spec, ONE),
            Usage::Soft,
            "the whole former minute still counts"
        );
        *hand.0.lock() += Duration::from_secs(120);
        assert_eq!(limits.reserve(&who, &spec, ONE), Usage::Within);
    }
}
