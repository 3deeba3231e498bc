//! Drills: with `PORTCULLIS_CLOCK=FILE` everything happens as many days later as the file says, so that what takes a
//! year can be watched within minutes. Only ever later: what has ended stays ended.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use mail::Timestamp;
use world::{DrillClock, World};

/// Names the file that says how far ahead time is: `400d`, `36h`, `90s`.
pub const VARIABLE: &str = "PORTCULLIS_CLOCK";

/// The world as the operating system shows it, or ahead of it in a drill.
pub fn world() -> anyhow::Result<World> {
    let world = World::real();
    let Some(file) = std::env::var_os(VARIABLE) else {
        return Ok(world);
    };
    let clock = DrillClock::new(Path::new(&file)).with_context(|| format!("a drill is asked for by {VARIABLE}"))?;
    Ok(World {
        clock: Arc::new(clock),
        ..world
    })
}

/// The time by the wall clock, or later in a drill.
pub fn now() -> anyhow::Result<Timestamp> {
    Ok(Timestamp(world()?.clock.wall()))
}

/// Whether this is a drill.
#[must_use]
pub fn is_on() -> bool {
    std::env::var_os(VARIABLE).is_some()
}
