//! What a command finds around it: the time, chance, and what name service says.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use mail::{Domain, Timestamp};
use registry::{Names, Source};
use world::{Rng, World};
use zeroize::Zeroizing;

use crate::commands::password;
use crate::config::DnsSettings;
use crate::drill;
use crate::gateway::resolver;
use crate::registrar;

/// Asks name service about a machine.
type AskNames = dyn Fn(&DnsSettings, Option<&Domain>, Option<IpAddr>) -> Names;

/// Time, chance, and name service.
pub struct Around {
    /// The present moment.
    pub now: Timestamp,
    /// Where secrets come from.
    pub rng: Arc<dyn Rng>,
    /// What names and addresses say of each other.
    pub names: Box<AskNames>,
    /// Asks for a password that a person chose.
    pub typed: Box<dyn Fn() -> io::Result<Zeroizing<String>>>,
}

impl std::fmt::Debug for Around {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Around").field("now", &self.now).finish_non_exhaustive()
    }
}

impl Around {
    /// As it really is, or later in a drill.
    pub fn real() -> anyhow::Result<Self> {
        let world = drill::world()?;
        Ok(Self {
            now: Timestamp(world.clock.wall()),
            rng: world.rng.clone(),
            names: Box::new(move |settings, host, address| {
                asked(settings, &world, host, address).unwrap_or_else(|why| unknown(&why.to_string()))
            }),
            typed: Box::new(password::typed),
        })
    }
}

fn asked(
    settings: &DnsSettings,
    world: &World,
    host: Option<&Domain>,
    address: Option<IpAddr>,
) -> anyhow::Result<Names> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let resolver = resolver(settings, world)?;
        Ok(registrar::names(&*resolver, host, address).await)
    })
}

fn unknown(why: &str) -> Names {
    Names {
        forward: Source::Unknown(why.to_owned()),
        reverse: Source::Unknown(why.to_owned()),
    }
}
