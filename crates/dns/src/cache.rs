//! A small memory in front of any resolver.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::Domain;
use parking_lot::Mutex;
use world::{BoxFuture, Clock};

use crate::{Answer, MxAnswer, Resolver};

/// Names that each of two generations of one table holds.
const GENERATION_NAMES: usize = 8 * 1024;
/// A record that asks to be remembered longer is asked for again after this.
const TTL_MAX: Duration = Duration::from_secs(3600);
/// For how long an absence is remembered. Short: somebody may just be repairing it.
const ABSENCE_TTL: Duration = Duration::from_secs(60);

/// Remembers answers for as long as they allow. Failures are never remembered.
pub struct Cached<R> {
    inner: R,
    clock: Arc<dyn Clock>,
    mx: Table<Domain, MxAnswer>,
    addresses: Table<Domain, Answer<IpAddr>>,
    txt: Table<Domain, Answer<Vec<u8>>>,
    ptr: Table<IpAddr, Answer<Domain>>,
}

impl<R: Resolver> Cached<R> {
    /// A memory in front of `inner`.
    pub fn new(inner: R, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner,
            clock,
            mx: Table::default(),
            addresses: Table::default(),
            txt: Table::default(),
            ptr: Table::default(),
        }
    }
}

/// For how long an answer may be remembered.
trait Lasting {
    fn ttl(&self) -> Option<Duration>;
}

impl<T> Lasting for Answer<T> {
    fn ttl(&self) -> Option<Duration> {
        match self {
            Self::Found { ttl, .. } => Some((*ttl).min(TTL_MAX)),
            Self::NoRecords | Self::NoDomain => Some(ABSENCE_TTL),
            Self::Temporary(_) => None,
        }
    }
}

impl Lasting for MxAnswer {
    fn ttl(&self) -> Option<Duration> {
        match self {
            Self::Found { ttl, .. } | Self::Null { ttl } => Some((*ttl).min(TTL_MAX)),
            Self::NoRecords | Self::NoDomain => Some(ABSENCE_TTL),
            Self::Temporary(_) => None,
        }
    }
}

/// Two generations: when the young one is full it becomes the old one, whose names are forgotten. So the table is
/// bounded, and what is asked for often stays.
struct Table<K, V> {
    generations: Mutex<Generations<K, V>>,
}

struct Generations<K, V> {
    young: HashMap<K, (Duration, V)>,
    old: HashMap<K, (Duration, V)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            generations: Mutex::new(Generations {
                young: HashMap::new(),
                old: HashMap::new(),
            }),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone + Lasting> Table<K, V> {
    fn get(&self, key: &K, now: Duration) -> Option<V> {
        let mut generations = self.generations.lock();
        if let Some((until, value)) = generations.young.get(key) {
            return (*until > now).then(|| value.clone());
        }
        let (until, value) = generations.old.remove(key)?;
        if until <= now {
            return None;
        }
        generations.insert(key.clone(), until, value.clone());
        Some(value)
    }

    fn put(&self, key: K, value: &V, now: Duration) {
        if let Some(ttl) = value.ttl().filter(|ttl| !ttl.is_zero()) {
            self.generations.lock().insert(key, now + ttl, value.clone());
        }
    }
}

impl<K: Hash + Eq, V> Generations<K, V> {
    fn insert(&mut self, key: K, until: Duration, value: V) {
        if self.young.len() >= GENERATION_NAMES {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, (until, value));
    }
}

impl<R: Resolver> Cached<R> {
    async fn through<K, V>(&self, table: &Table<K, V>, key: &K, ask: BoxFuture<'_, V>) -> V
    where
        K: Hash + Eq + Clone,
        V: Clone + Lasting,
    {
        if let Some(known) = table.get(key, self.clock.monotonic()) {
            return known;
        }
        let answer = ask.await;
        table.put(key.clone(), &answer, self.clock.monotonic());
        answer
    }
}

impl<R: Resolver> Resolver for Cached<R> {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, MxAnswer> {
        Box::pin(self.through(&self.mx, domain, self.inner.mx(domain)))
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Answer<IpAddr>> {
        Box::pin(self.through(&self.addresses, host, self.inner.addresses(host)))
    }

    fn txt<'a>(&'a self, name: &'a Domain) -> BoxFuture<'a, Answer<Vec<u8>>> {
        Box::pin(self.through(&self.txt, name, self.inner.txt(name)))
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Answer<Domain>> {
        Box::pin(async move { self.through(&self.ptr, &address, self.inner.ptr(address)).await })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use world::sim::{GENESIS, SimClock};

    use super::*;
    use crate::Trouble;

    /// Counts questions; answers with a TTL of 100 s, or fails for `broken.example`.
    #[derive(Default)]
    struct Counting(Arc<AtomicU32>);

    impl Resolver for Counting {
        fn mx<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, MxAnswer> {
            Box::pin(async { MxAnswer::NoRecords })
        }
        fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Answer<IpAddr>> {
            Box::pin(async move {
                self.0.fetch_add(1, Ordering::SeqCst);
                if host.as_str() == "broken.example" {
                    return Answer::Temporary(Trouble::Timeout);
                }
                let records = vec!["192.0.2.1".parse().unwrap()];
                Answer::Found {
                    records,
                    ttl: Duration::from_secs(100),
                    secure: false,
                }
            })
        }
        fn txt<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Answer<Vec<u8>>> {
            Box::pin(async { Answer::NoRecords })
        }
        fn ptr(&self, _: IpAddr) -> BoxFuture<'_, Answer<Domain>> {
            Box::pin(async { Answer::NoRecords })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_remembered_until_they_expire_and_failures_never() {
        let clock = Arc::new(SimClock::new(GENESIS));
        let asked = Arc::new(AtomicU32::new(0));
        let dns = Cached::new(Counting(asked.clone()), clock.clone());
        let (host, broken) = (
            Domain::parse("a.example").unwrap(),
            Domain::parse("broken.example").unwrap(),
        );
        for _ in 0..3 {
            assert_eq!(dns.addresses(&host).await.records().len(), 1);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        clock.sleep_until(Duration::from_secs(100)).await;
        dns.addresses(&host).await;
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        dns.addresses(&broken).await;
        dns.addresses(&broken).await;
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_table_is_bounded_and_keeps_what_is_asked_for() {
        let table = Table::<u32, Answer<u8>>::default();
        let now = Duration::ZERO;
        for key in 0..(4 * GENERATION_NAMES as u32) {
            table.put(key, &Answer::NoRecords, now);
            assert!(
                table.get(&0, now).is_some(),
                "asked for all the time, forgotten at {key}"
            );
        }
        let generations = table.generations.lock();
        assert!(generations.young.len() + generations.old.len() <= 2 * GENERATION_NAMES);
    }
}
