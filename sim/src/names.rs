//! The names of the town, with name servers that the weather takes away or confuses.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dns::{Answer, Literal, MxAnswer, Resolver, Trouble};
use mail::Domain;
use world::BoxFuture;

use crate::chronicle::Chronicle;
use crate::dice::Dice;
use crate::town::{PLACES, Place};

/// How long a name server is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name servers. Cloning shares them.
#[derive(Clone)]
pub struct Names {
    inner: Arc<Inner>,
}

struct Inner {
    before: Literal,
    after: Literal,
    moved: AtomicU8,
    /// Questions out of a hundred that are not answered.
    trouble: AtomicU64,
    dice: Mutex<Dice>,
    chronicle: Chronicle,
}

impl Names {
    /// As they are at the beginning, in fine weather.
    pub fn new(seed: u64, chronicle: Chronicle) -> anyhow::Result<Self> {
        Ok(Self {
            inner: Arc::new(Inner {
                before: table("old.moving.example")?,
                after: table("new.moving.example")?,
                moved: AtomicU8::new(0),
                trouble: AtomicU64::new(0),
                dice: Mutex::new(Dice::of(seed, "names")),
                chronicle,
            }),
        })
    }

    /// So many questions out of a hundred are answered by nobody, or with a failure.
    pub fn trouble(&self, percent: u64) {
        self.inner.trouble.store(percent, Ordering::SeqCst);
    }

    /// A domain moves to another server.
    pub fn move_on(&self) {
        self.inner.moved.store(1, Ordering::SeqCst);
        self.inner.chronicle.blow("dns-changed", None);
    }

    fn table(&self) -> &Literal {
        if self.inner.moved.load(Ordering::SeqCst) == 0 {
            &self.inner.before
        } else {
            &self.inner.after
        }
    }

    /// Whether the weather strikes this question, and how; takes its time.
    async fn weather(&self) -> Option<Trouble> {
        let trouble = {
            let dice = self.inner.dice.lock().unwrap_or_else(PoisonError::into_inner);
            if !dice.chance(self.inner.trouble.load(Ordering::SeqCst)) {
                return None;
            }
            dice.pick(&[Trouble::Timeout, Trouble::ServerFailure, Trouble::Unreachable])
                .copied()?
        };
        self.inner.chronicle.blow(fault_name(trouble), None);
        if trouble == Trouble::Timeout {
            tokio::time::sleep(PATIENCE).await;
        }
        Some(trouble)
    }
}

const fn fault_name(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Timeout => "dns-timeout",
        Trouble::ServerFailure => "dns-servfail",
        Trouble::Refused | Trouble::Unreachable | Trouble::Malformed => "dns-unreachable",
    }
}

fn table(moving: &str) -> anyhow::Result<Literal> {
    let mut names = Literal::new().with_null_mx(Domain::parse("silent.example")?);
    for place in PLACES {
        names = with_place(names, place, moving)?;
    }
    Ok(names)
}

fn with_place(mut names: Literal, place: &Place, moving: &str) -> anyhow::Result<Literal> {
    let host = Domain::parse(place.host)?;
    names = names.with_address(host.clone(), place.ip.parse()?);
    let stands_aside = place.host.ends_with("moving.example") && place.host != moving;
    for domain in place.domains.iter().filter(|_| !place.inside && !stands_aside) {
        names = names.with_mx(Domain::parse(domain)?, 10, host.clone());
    }
    Ok(names)
}

impl Resolver for Names {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, MxAnswer> {
        Box::pin(async move {
            match self.weather().await {
                Some(trouble) => MxAnswer::Temporary(trouble),
                None => self.table().mx(domain).await,
            }
        })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Answer<IpAddr>> {
        Box::pin(async move {
            match self.weather().await {
                Some(trouble) => Answer::Temporary(trouble),
                None => self.table().addresses(host).await,
            }
        })
    }

    fn txt<'a>(&'a self, name: &'a Domain) -> BoxFuture<'a, Answer<Vec<u8>>> {
        Box::pin(async move {
            match self.weather().await {
                Some(trouble) => Answer::Temporary(trouble),
                None => self.table().txt(name).await,
            }
        })
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Answer<Domain>> {
        Box::pin(async move {
            match self.weather().await {
                Some(trouble) => Answer::Temporary(trouble),
                None => self.table().ptr(address).await,
            }
        })
    }
}
