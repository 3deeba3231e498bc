//! A complete small organisation on loopback: what `portcullis demo` runs.
//!
//! It makes its own authority and certificates, an ordinary configuration that `serve --config` accepts too, a stand-in
//! for the internet and a department's own server; sends a message along each way, tells its story, explains one refusal,
//! and lets a request become a credential that works.

mod client;
mod house;
mod names;
mod pki;
mod request;
mod told;
mod ways;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use dns::Resolver;
use mail::Domain;
use wire::ShutdownTrigger;
use world::{OpenMode, World};

use crate::commands::say;
use crate::config::{self, Config, LogFormat, Machine};
use crate::gateway::{Gateway, Setting, Writers};
use crate::journal::Journal;
use crate::signals::{Asked, Ear};
use crate::sink::{Sink, SinkConfig};
use house::House;

pub use house::Ports;

/// How a demo is run.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its folder.
    pub dir: PathBuf,
    /// Where ports are counted from.
    pub base_port: u16,
    /// End after one message along each way.
    pub once: bool,
}

/// Runs the demo; says whether every message arrived intact.
pub async fn run(wish: &Wish) -> anyhow::Result<bool> {
    std::fs::create_dir_all(&wish.dir).with_context(|| format!("{} cannot be made", wish.dir.display()))?;
    let dir = std::fs::canonicalize(&wish.dir)?;
    let ports = Ports::from(wish.base_port)?;
    let world = World::real();
    nobody_is_in(&dir, &world)?;
    let house = House::build(&dir, ports)?;
    let (trigger, shutdown) = ShutdownTrigger::new();
    let outside = sink(
        &house,
        "outside.example.net",
        &house.outside_dir,
        ports.sink,
        &world,
        &shutdown,
    )
    .await?;
    let inside = sink(
        &house,
        "mail.inside.example.edu",
        &house.inside_dir,
        ports.inside,
        &world,
        &shutdown,
    )
    .await?;
    let names = Arc::new(names::names()?);
    let (gateway, config) = open(&house, names.clone(), &world).await?;
    house.announce()?;

    told::introduce(&house);
    let sent = ways::send_all(&house, &gateway, &world).await?;
    let mut intact = true;
    for way in &sent {
        intact &= way.intact();
        told::way(way);
    }
    let refusal = ways::try_refused(&house, &world).await?;
    intact &= refusal.is_right();
    told::refusal(&house, &config, gateway.admission().now(), &refusal);
    let tale = request::grant(&house, &gateway, names, &world).await?;
    intact &= tale.is_right();
    told::request(&tale);
    told::hints(&house, &tale);
    if !wish.once {
        told::running();
        let mut ear = Ear::new()?;
        while ear.hear().await != Asked::End {}
    }
    gateway.stop().await;
    trigger.drain();
    outside.stopped().await;
    inside.stopped().await;
    told::verdict(intact, sent.len() + 1);
    Ok(intact)
}

/// Refuses to write into the folder of a gate that is open: its secrets and certificates would be gone.
fn nobody_is_in(dir: &Path, world: &World) -> anyhow::Result<()> {
    let lock = match world.disk.open(&dir.join("ledger/gate.lock"), OpenMode::ReadWrite) {
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    anyhow::ensure!(
        lock.try_lock()?,
        "another gate is open in {}; stop it first, or give another --dir",
        dir.display()
    );
    Ok(())
}

async fn sink(
    house: &House,
    name: &str,
    dir: &Path,
    port: u16,
    world: &World,
    shutdown: &wire::Shutdown,
) -> anyhow::Result<Sink> {
    let tls = house.sink_tls(&world.clock)?;
    let config = SinkConfig {
        hostname: Domain::parse(name)?,
        dir: dir.to_owned(),
        tls: Some(tls),
    };
    let at = house::loopback(port);
    Sink::start(config, at, world, shutdown.clone())
        .await
        .with_context(|| format!("cannot listen on {at}; give another --base-port"))
}

/// Reads the configuration that was just written as anybody else's would be read.
async fn open(house: &House, names: Arc<dyn Resolver>, world: &World) -> anyhow::Result<(Gateway, Config)> {
    let reading = config::load(&house.config, &Machine::look(mail::Timestamp(world.clock.wall())))?;
    let Some(config) = reading.config else {
        say(&reading.report.render());
        anyhow::bail!("the demo's own configuration has errors; this is a fault of ours");
    };
    let log = std::fs::File::create(&house.log)?;
    let setting = Setting {
        world: world.clone(),
        resolver: names,
        journal: Journal::new(LogFormat::Json, config.hostname.as_str(), log)?,
        writers: Writers::Threads,
        file: Some(house.config.clone()),
        keeper: None,
    };
    Ok((Gateway::start(config.clone(), setting).await?, config))
}
