//! From a configuration to a gateway that takes mail, readable from top to bottom: first whatever may fail, then the doors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use admission::{Admission, LocalLimits};
use anyhow::Context;
use inbound::{Gate, Listening};
use mail::Timestamp;
use outbound::Outbound;
use parking_lot::Mutex;
use policy::{Generation, Name, Snapshot};
use tokio::task::{JoinHandle, JoinSet};
use wire::{Authorities, Shutdown, ShutdownTrigger};
use world::World;

use super::anchoring::Anchoring;
use super::deliveries::Deliveries;
use super::recorded::{self, Recorded};
use super::registry::{self, First, Registry, Setup};
use super::retention::Retention;
use super::rulebooks::{self, Rulebooks};
use super::stores::Stores;
use super::succeed::{self, Heritage};
use super::upkeep::Upkeep;
use super::{
    Ends, Gateway, Live, Setting, Writers, adopt, back, front, held, logins, mix, pages, reload, shadow, tested,
};
use crate::config::Config;
use crate::control::{self, Desk, Storage};
use crate::generations::{Came, Wish};
use crate::health;
use crate::identities::Logins;
use crate::succession::Succession;
use crate::uses::Uses;
use crate::witness::{Recorder, watch_refusals};

/// See [`Gateway::succeed`].
pub(super) async fn start(config: Config, setting: Setting, heritage: Heritage) -> anyhow::Result<Gateway> {
    let Heritage {
        place,
        predecessor,
        grace,
    } = heritage;
    let Setting {
        world,
        resolver,
        journal,
        writers,
        file,
        keeper,
    } = setting;
    let authorities = Authorities::default();
    let certificates = front::certificates(&config, &authorities, &world.clock)?;
    let back_config = back::config(&config, &world.clock)?;

    let claim = succeed::claim(&config, &world, writers, predecessor.as_ref())?;
    let wish = Wish::of(match &predecessor {
        Some(_) => Came::Upgrade,
        None => Came::Start,
    });
    let (keeper, started) = recorded::begin(keeper, wish.clone(), &world).await?;
    let declared = declared(&config, started.as_ref())?;
    let uses = Arc::new(Uses::default());
    let registry = Registry::new(
        Setup::of(&config),
        uses.clone(),
        world.disk.clone(),
        config.spool.dir.clone(),
    );
    let First {
        said,
        logins: registered,
    } = registry.first(now(&world)).await;
    let (rulebooks, snapshot) = Rulebooks::first(declared, said, now(&world)).await?;
    let said = rulebooks.said();
    let stores = Stores::open(
        &config,
        (&snapshot, &said.abused),
        &wish,
        &world,
        (journal, uses),
        writers,
    )
    .await?;

    rulebooks::tell_left_out(&stores.recorder, &snapshot, &rulebooks.left_out(), &BTreeMap::new()).await;

    let (ends, told) = ends();
    let admission = admission(&config, snapshot, stores.intake, &stores.recorder, &world);
    let logins = Arc::new(logins::open(&config, &world, writers).vouching_through(authorities));
    logins.register(registered);
    logins.trust(&config.vouching, &world, &resolver);
    logins.pinned_by(logins::pins(&admission));
    let ends_of_gate = (told.everything.clone(), told.doors);
    let gate = gate(&config, admission.clone(), logins.clone(), &world, ends_of_gate).naming_clients(resolver.clone());
    let bound = inbound::bind(&*world.net, front::listeners(&config, &certificates)).await?;
    let deliveries = Arc::new(Deliveries::new(stores.recorder.clone()));
    let ports = outbound::Ports {
        dispatch: stores.dispatch.clone(),
        resolver: resolver.clone(),
        world: world.clone(),
        desk: Arc::new(admission.clone()),
        watcher: deliveries.clone(),
    };

    let live = Arc::new(Live {
        admission,
        rulebooks,
        registry,
        resolver,
        samples: config.spool.dir.join("samples"),
        gate: gate.clone(),
        back: Outbound::new(back_config, ports),
        logins,
        certificates: Mutex::new(certificates),
        listeners: bound.iter().map(|one| (one.name(), one.settings())).collect(),
        bound: bound.iter().map(|one| one.address).collect(),
        recorder: stores.recorder,
        world: world.clone(),
        file,
        keeper,
        testing: Mutex::default(),
        shadowing: tokio::sync::Mutex::default(),
        reloading: tokio::sync::Mutex::default(),
        view: stores.view,
        dispatch: stores.dispatch,
        reader: stores.reader,
    });
    let succession = Succession::new(place);
    let desk = desk(&config, &live, succession.clone());

    let adopter = Arc::new(stores.adopter);
    let suspended = predecessor
        .as_ref()
        .map_or(&[][..], |predecessor| predecessor.suspended());
    succeed::suspend_as(suspended, &live.dispatch, &adopter).await?;
    let pages = pages::open(&config, &world, &told.monitors).await?;
    let (health, mut watchers) = watch_health(&config, &world, desk.clone(), told.monitors).await?;
    let (answers, serving): (Vec<_>, Vec<_>) = pages.into_iter().unzip();
    watchers.extend(serving);

    // From here on nothing fails but the word to the predecessor: who is let in is served.
    let (entrances, addresses) = open_doors(&gate, bound);
    let mut tasks = run(&live, adopter, &told.everything);
    let anchoring = match writers {
        Writers::Threads => keep_house(&config, &live, &told.everything, &mut tasks),
        Writers::Tasks => None,
    };
    let mut gateway = Gateway {
        live,
        addresses,
        health,
        answers,
        ends,
        entrances,
        tasks,
        watchers,
        succession,
        deliveries,
        spool: stores.spool,
        ledger: stores.ledger,
        anchoring,
        desk: desk.clone(),
        left: false,
        recovery: stores.recovery,
    };
    match succeed::relieve(claim, predecessor, grace).await {
        Ok(Some(socket)) => gateway.watchers.push(control::serve_at(socket, desk, told.everything)),
        Ok(None) => {}
        Err(why) => {
            // Whoever came through our door in this moment is served to the end.
            gateway.stop().await;
            return Err(why);
        }
    }
    serves(&gateway.live, started).await;
    Ok(gateway)
}

/// It serves: what was tried beside goes on, the generation is noted as the one that serves, and tries itself.
async fn serves(live: &Arc<Live>, started: Option<Recorded>) {
    shadow::resume(live).await;
    if let Some(started) = started {
        recorded::serves(live, started).await;
        tested::begin(live, tested::After::Start);
    }
}

fn now(world: &World) -> Timestamp {
    Timestamp(world.clock.wall())
}

/// What the file declares.
fn declared(config: &Config, started: Option<&Recorded>) -> anyhow::Result<Arc<Snapshot>> {
    let generation = started.map_or(Generation(1), |started| started.number);
    let snapshot = config
        .snapshot(generation)
        .map_err(|_| anyhow::anyhow!("the configuration contradicts itself; `portcullis check` says where"))?;
    Ok(Arc::new(snapshot))
}

/// What hears of the end, beside what tells it.
struct Told {
    everything: Shutdown,
    doors: Shutdown,
    monitors: Shutdown,
}

fn ends() -> (Ends, Told) {
    let (everything, heard_by_everything) = ShutdownTrigger::new();
    let (doors, heard_by_doors) = ShutdownTrigger::new();
    let (monitors, heard_by_monitors) = ShutdownTrigger::new();
    let ends = Ends {
        everything,
        doors,
        monitors,
    };
    let told = Told {
        everything: heard_by_everything,
        doors: heard_by_doors,
        monitors: heard_by_monitors,
    };
    (ends, told)
}

/// Who judges, and takes mail in.
fn admission(
    config: &Config,
    snapshot: Arc<Snapshot>,
    intake: spool::Intake,
    recorder: &Recorder,
    world: &World,
) -> Admission {
    let settings = admission::Config {
        hostname: config.hostname.clone(),
        snapshot,
    };
    let limits = Arc::new(LocalLimits::new(world.clock.clone()));
    Admission::new(settings, intake, limits, Arc::new(recorder.clone()), world)
}

/// Who serves clients until the first of the ends, and lets nobody in any more after the second.
fn gate(
    config: &Config,
    admission: Admission,
    logins: Arc<Logins>,
    world: &World,
    (everything, doors): (Shutdown, Shutdown),
) -> Gate {
    Gate::new(front::doors(&config.limits), admission, logins, world, everything).closing_on(doors)
}

/// What operators and monitors may use.
fn desk(config: &Config, live: &Arc<Live>, succession: Succession) -> Desk {
    let control = live.back.control();
    Desk {
        view: live.view.clone(),
        dispatch: live.dispatch.clone(),
        reader: live.reader.clone(),
        recorder: live.recorder.clone(),
        admission: live.admission.clone(),
        storage: Storage {
            disk: live.world.disk.clone(),
            dir: config.spool.dir.clone(),
            keep_free_octets: config.spool.keep_free_octets,
        },
        reload: reload::callback(live),
        selftest: tested::callback(live),
        shadow: shadow::callback(live),
        registry: registry::callback(live),
        logins: live.logins.clone(),
        succession,
        wake: Arc::new(move || control.wake_destinations()),
    }
}

/// Opens health for monitors.
async fn watch_health(
    config: &Config,
    world: &World,
    desk: Desk,
    shutdown: Shutdown,
) -> anyhow::Result<(Vec<SocketAddr>, Vec<JoinHandle<()>>)> {
    let (mut addresses, mut watchers) = (Vec::new(), Vec::new());
    for at in &config.health {
        let listening = world.net.listen(*at).await;
        let listener = listening.with_context(|| format!("cannot listen on {at}"))?;
        addresses.push(listener.local_addr()?);
        watchers.push(health::serve(listener, desk.clone(), shutdown.clone()));
    }
    Ok((addresses, watchers))
}

/// Lets clients in, at every listener.
fn open_doors(gate: &Gate, bound: Vec<Listening>) -> (JoinSet<()>, BTreeMap<Name, Vec<SocketAddr>>) {
    let mut entrances = JoinSet::new();
    let mut addresses: BTreeMap<Name, Vec<SocketAddr>> = BTreeMap::new();
    for listening in bound {
        addresses.entry(listening.name()).or_default().push(listening.address);
        entrances.spawn(gate.clone().serve(listening));
    }
    (entrances, addresses)
}

/// Starts what goes on beside the sessions: deliveries, what is held, what other processes left, the mix that is watched.
fn run(live: &Arc<Live>, adopter: Arc<spool::Adopter>, shutdown: &Shutdown) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (back, until) = (live.back.clone(), shutdown.clone());
    tasks.spawn(async move { back.run(until).await });
    tasks.spawn(held::watch(live.clone(), shutdown.clone()));
    tasks.spawn(watch_refusals(live.recorder.clone(), shutdown.clone()));
    tasks.spawn(adopt::watch(adopter, live.clone(), shutdown.clone()));
    if live.keeper.is_some() {
        tasks.spawn(mix::watch(live.clone(), shutdown.clone()));
    }
    tasks
}

/// Starts what keeps the house in order, in threads of its own or with clocks of others: keys, ledger, registry, shadow.
fn keep_house(
    config: &Config,
    live: &Arc<Live>,
    shutdown: &Shutdown,
    tasks: &mut JoinSet<()>,
) -> Option<Arc<Anchoring>> {
    tasks.spawn(live.logins.clone().keep_keys(shutdown.clone()));
    tasks.spawn(upkeep(config, live).watch(shutdown.clone()));
    tasks.spawn(retention(config, live).watch(shutdown.clone()));
    tasks.spawn(registry::watch(live.clone(), shutdown.clone()));
    tasks.spawn(shadow::watch(live.clone(), shutdown.clone()));
    let anchoring = Anchoring::of(config, live.recorder.ledger.clone(), &live.world).map(Arc::new)?;
    tasks.spawn(anchoring.clone().watch(shutdown.clone()));
    Some(anchoring)
}

/// Who removes what the ledger keeps no longer.
fn retention(config: &Config, live: &Live) -> Retention {
    Retention {
        ledger: live.recorder.ledger.clone(),
        reader: live.reader.clone(),
        clock: live.world.clock.clone(),
        keep: config.ledger.keep,
    }
}

/// Who keeps the ledger's index.
fn upkeep(config: &Config, live: &Live) -> Upkeep {
    Upkeep {
        disk: live.world.disk.clone(),
        dir: config.ledger.dir.clone(),
        reader: live.reader.clone(),
        clock: live.world.clock.clone(),
    }
}
