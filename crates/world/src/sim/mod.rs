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
