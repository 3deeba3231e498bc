//! Opens the pages behind the links in letters.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::task::JoinHandle;
use wire::{Asking, Shutdown, TlsServer};
use world::World;

use super::front;
use crate::answers::{Answers, Pages};
use crate::config::{AnswersSettings, Config, RegistrySettings};
use crate::http;
use crate::registrar::{self, House};

/// Serves them, where the configuration wants them; where they listen, and what has to be awaited.
pub(super) async fn open(
    config: &Config,
    world: &World,
    shutdown: &Shutdown,
) -> anyhow::Result<Vec<(SocketAddr, JoinHandle<()>)>> {
    let Some(registry) = &config.registry else {
        return Ok(Vec::new());
    };
    let Some(settings) = &registry.answers else {
        return Ok(Vec::new());
    };
    let pages = Pages(Arc::new(answers(config, registry, world)?));
    let mut open = Vec::new();
    for at in &settings.listen {
        let tls = match AnswersSettings::is_plain(*at) {
            true => None,
            false => Some(tls(settings, world)?),
        };
        let listening = world.net.listen(*at).await;
        let listener = listening.with_context(|| format!("cannot listen on {at}"))?;
        let address = listener.local_addr()?;
        let serving = http::serve(listener, tls, pages.clone(), world.clock.clone(), shutdown.clone());
        open.push((address, serving));
    }
    Ok(open)
}

/// The pages have a way of their own into the registry, as every command has.
fn answers(config: &Config, registry: &RegistrySettings, world: &World) -> anyhow::Result<Answers> {
    let (desk, _) = registrar::open(registry, House::of(config)).context("the pages for answers cannot be served")?;
    let organisation = config.rulebook.organisation.name.clone();
    Ok(Answers::new(desk, world.clock.clone(), world.rng.clone(), organisation))
}

fn tls(settings: &AnswersSettings, world: &World) -> anyhow::Result<Arc<TlsServer>> {
    let identities = front::identities(&settings.certificates)?;
    Ok(Arc::new(TlsServer::new(identities, Asking::No, world.clock.clone())?))
}
