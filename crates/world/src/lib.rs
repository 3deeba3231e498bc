//! The ports through which Portcullis sees the world, and the real ones.
//!
//! Responsible for: [`Clock`], [`Rng`], [`Net`] and [`Disk`], their real implementations, and (feature `sim`) the
//! simulated ones that tests hand to a gateway instead.
//!
//! Refuses to know: mail. Nothing here imports another room, and no letter comes here; whoever carries one asks here what
//! time it is, for chance, for a connection, for a file.

mod clock;
mod disk;
mod drill;
mod net;
mod rng;
#[cfg(feature = "sim")]
pub mod sim;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

pub use clock::{Clock, SystemClock};
pub use disk::{Disk, DiskFile, OpenMode, OsDisk};
pub use drill::{DrillClock, DrillError};
pub use net::{Listener, Net, OsNet, Stream};
pub use rng::{Rng, SystemRng};

/// A future behind a pointer, so that ports can be handed around as trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// All four ports together; cloning shares them.
#[derive(Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// The network.
    pub net: Arc<dyn Net>,
    /// Storage.
    pub disk: Arc<dyn Disk>,
}

impl World {
    /// The world as the operating system shows it.
    #[must_use]
    pub fn real() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
            net: Arc::new(OsNet),
            disk: Arc::new(OsDisk),
        }
    }
}
