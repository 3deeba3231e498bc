//! The simulated world: ports that tests hand to a gateway so that a whole run replays from a seed.
//!
//! A gateway cannot tell these ports from the real ones. Run on a current-thread runtime with paused time, the same
//! seed gives the same run, octet for octet.

mod clock;
pub mod disk;
mod link;
mod net;
mod rng;

pub use clock::{GENESIS, SimClock};
pub use net::{Fault, SimNet};
pub use rng::SeedRng;

use std::sync::Arc;

use crate::World;

/// The hands that move a simulated world.
pub struct Handles {
    /// Time.
    pub clock: Arc<SimClock>,
    /// The network and its faults.
    pub net: SimNet,
    /// The disk and its faults.
    pub disk: disk::SimDisk,
}

/// A world that begins at [`GENESIS`] and whose chance is `seed`. To be made inside a runtime with paused time.
#[must_use]
pub fn world(seed: u64) -> (World, Handles) {
    let handles = Handles {
        clock: Arc::new(SimClock::new(GENESIS)),
        net: SimNet::new(),
        disk: disk::SimDisk::new(),
    };
    let world = World {
        clock: handles.clock.clone(),
        rng: Arc::new(SeedRng::new(seed)),
        net: Arc::new(handles.net.clone()),
        disk: Arc::new(handles.disk.clone()),
    };
    (world, handles)
}
