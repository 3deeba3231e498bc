//! The relay self-test: a client of our own that tries to relay through our own doors, as strangers do.
//!
//! It speaks SMTP to every listener from an address that no exception names, without a login, and tries the forms
//! relay testers know. It rests on intent alone and asks judgement nothing: who has no grant relays nowhere, whatever
//! the rulebook says. It goes as far as RCPT and takes it back, so that it never leaves a message. A listener that does
//! not greet, or shows a certificate that has ended, fails too: whoever comes through it would be without mail.
//!
//! It says who it is in its HELO, so that refusals in log and ledger are known as its own.

mod client;
mod forms;
mod report;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use inbound::Gate;
use policy::{Name, Rulebook};
use tokio::task::JoinSet;
use world::World;

use client::{Client, Reply};
use forms::Form;
pub use report::{Finding, Found, Report};
use source::Sources;
pub use source::is_own_source;

/// The name it gives in HELO.
pub const HELLO: &str = "selftest.portcullis.invalid";
/// Forms tried on one connection: many errors on one are slowed down, and then ended.
const FORMS_A_CONNECTION: usize = 3;
/// The same where there is but one address to come from, and honest programs come from it as well: fewer connections
/// leave them their own.
const FORMS_FROM_ONE: usize = 8;
/// Connections tried before a listener is said not to answer.
const TRIES: usize = 3;
/// How long to wait between two of them.
const PAUSE: Duration = Duration::from_secs(1);

/// A listener, as strangers find it.
#[derive(Clone, Debug)]
pub struct Door {
    /// Its name.
    pub name: Name,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether TLS comes first.
    pub implicit_tls: bool,
    /// Who speaks for others there; no stranger comes from these.
    pub proxies: Vec<ipnet::IpNet>,
}

/// Tries every door. The gate they belong to, where it is given, counts it against nobody.
pub async fn run(world: &World, book: &Rulebook, doors: Vec<Door>, gate: Option<&Gate>) -> Report {
    let begun = world.clock.monotonic();
    let forms = Arc::new(forms::all(book));
    let mut tests = JoinSet::new();
    for door in doors {
        let sources = Sources::outside(book, &door);
        let test = Test {
            world: world.clone(),
            forms: forms.clone(),
            gate: gate.cloned(),
            door,
        };
        tests.spawn(test.run(sources));
    }
    let mut report = Report::default();
    while let Some(tested) = tests.join_next().await {
        match tested {
            Ok(one) => report.add(one),
            Err(why) => report
                .missed
                .push(format!("a part of the self-test ended early: {why}")),
        }
    }
    report.sort();
    report.took = world.clock.monotonic().saturating_sub(begun);
    report
}

/// Tries one door from wherever this runs: another machine, or a network namespace. All connections come from one
/// address there, so that a gate which counts may put some of them off.
pub async fn run_from_here(world: &World, book: &Rulebook, door: Door) -> Report {
    let begun = world.clock.monotonic();
    let test = Test {
        world: world.clone(),
        forms: Arc::new(forms::all(book)),
        gate: None,
        door,
    };
    let mut report = test.run(Some(Sources::Here)).await;
    report.took = world.clock.monotonic().saturating_sub(begun);
    report
}

/// The doors that let nobody in.
pub async fn failing(world: &World, book: &Rulebook, doors: Vec<Door>) -> BTreeSet<(Name, SocketAddr)> {
    let mut tests = JoinSet::new();
    for door in doors {
        let (sources, world) = (Sources::outside(book, &door), world.clone());
        tests.spawn(async move {
            let greeted = match sources {
                Some(mut sources) => client::greeted(&world, &door, reached(door.address), sources.next()).await,
                None => Ok(()),
            };
            greeted.err().map(|_| (door.name, door.address))
        });
    }
    let mut failing = BTreeSet::new();
    while let Some(tested) = tests.join_next().await {
        failing.extend(tested.ok().flatten());
    }
    failing
}

/// Where it is reached from this machine.
fn reached(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// One door under test.
struct Test {
    world: World,
    forms: Arc<Vec<Form>>,
    gate: Option<Gate>,
    door: Door,
}

impl Test {
    async fn run(self, sources: Option<Sources>) -> Report {
        let mut report = Report {
            doors: 1,
            ..Report::default()
        };
        let Some(mut sources) = sources else {
            let why = "every address it could be tried from is granted or a proxy's";
            report
                .missed
                .push(format!("{} at {}: {why}", self.door.name, self.door.address));
            return report;
        };
        if let Err(why) = self.answers(&mut sources).await {
            report.found.push(self.found(Finding::Fails(why)));
            return report;
        }
        let mut left = self.forms.as_slice();
        while !left.is_empty() {
            match self.session(sources.next(), left, &mut report).await {
                Ok(tried) => left = left.get(tried..).unwrap_or_default(),
                Err(why) => {
                    report
                        .missed
                        .push(format!("{} at {}: {why}", self.door.name, self.door.address));
                    break;
                }
            }
        }
        report
    }

    fn found(&self, what: Finding) -> Found {
        Found {
            listener: self.door.name.clone(),
            address: self.door.address,
            what,
        }
    }

    /// Whether it greets, and its certificate is in force.
    async fn answers(&self, sources: &mut Sources) -> Result<(), String> {
        let mut why = String::new();
        for turn in 0..TRIES {
            if turn > 0 {
                let clock = &self.world.clock;
                clock.sleep_until(clock.monotonic() + PAUSE).await;
            }
            match client::greeted(&self.world, &self.door, reached(self.door.address), sources.next()).await {
                Ok(()) => return Ok(()),
                Err(said) => why = said,
            }
        }
        Err(why)
    }

    /// Tries some forms on one connection; says how many.
    async fn session(&self, from: Option<IpAddr>, forms: &[Form], report: &mut Report) -> Result<usize, String> {
        let mut client = Client::open(&self.world, &self.door, from, self.gate.as_ref()).await?;
        let most = match from {
            Some(IpAddr::V4(_)) => FORMS_A_CONNECTION,
            Some(IpAddr::V6(_)) | None => FORMS_FROM_ONE,
        };
        let (mut tried, mut called) = (0, "");
        for form in forms.iter().take(most) {
            tried += 1;
            let greeted = called == form.hello || client.ask(&format!("EHLO {}", form.hello)).await.is_some();
            called = &form.hello;
            let reply = match greeted {
                true => client.tries(form).await,
                false => Reply::Gone,
            };
            match reply {
                Reply::Taken(said) => report.found.push(self.found(Finding::Relays {
                    form: form.to_string(),
                    said,
                })),
                Reply::Refused => report.refused += 1,
                Reply::NotNow => report.put_off += 1,
                // It would hear nothing more; whoever closes refuses.
                Reply::Gone => {
                    report.refused += 1;
                    break;
                }
            }
        }
        client.quit().await;
        Ok(tried)
    }
}
