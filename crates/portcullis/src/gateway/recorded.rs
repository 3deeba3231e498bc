//! What serves is kept first, under a number that goes on over restarts.

use std::io;
use std::sync::Arc;

use mail::Timestamp;
use policy::Generation;
use world::World;

use super::{Live, Passed};
use crate::change::{Decided, Keeper};
use crate::generations::{What, Wish};

/// A configuration with its number, about to serve.
pub(super) struct Recorded {
    pub(super) number: Generation,
    decided: Arc<Decided>,
}

/// Gives what is started a number. That it cannot be kept is no reason not to serve: the queue has to be delivered.
pub(super) async fn begin(
    passed: Option<Passed>,
    wish: Wish,
    world: &World,
) -> anyhow::Result<(Option<Arc<Keeper>>, Option<Recorded>)> {
    let Some(Passed { keeper, decided }) = passed else {
        return Ok((None, None));
    };
    let now = Timestamp(world.clock.wall());
    let decided = Arc::new(decided);
    let number = match keep(&keeper, &decided, wish, 0, now).await {
        Ok(number) => number,
        Err(error) => {
            tell_unkept(&error);
            keeper.generations().highest().unwrap_or(0) + 1
        }
    };
    let number = Generation(number);
    Ok((Some(keeper), Some(Recorded { number, decided })))
}

/// Gives what was loaded a number, above the one that serves unless it is the same text. What cannot be kept serves all
/// the same where it lets in nothing new: a suspension does not wait for room on a disk. What widens has to be on record.
pub(super) async fn next(live: &Live, decided: Decided, wish: Wish) -> io::Result<Recorded> {
    let serving = live.admission.snapshot().generation().0;
    let decided = Arc::new(decided);
    let number = match &live.keeper {
        None => serving + 1,
        Some(keeper) => match keep(keeper, &decided, wish, serving, live.admission.now()).await {
            Ok(number) => number,
            Err(error) if decided.passed.diff.as_ref().is_some_and(|diff| !diff.widens()) => {
                tell_unkept(&error);
                serving + 1
            }
            Err(error) => return Err(error),
        },
    };
    let number = Generation(number);
    Ok(Recorded { number, decided })
}

async fn keep(keeper: &Arc<Keeper>, decided: &Arc<Decided>, wish: Wish, above: u64, now: Timestamp) -> io::Result<u64> {
    let (keeper, decided) = (keeper.clone(), decided.clone());
    tokio::task::spawn_blocking(move || keeper.keep(&decided, &wish, above, now)).await?
}

fn tell_unkept(error: &io::Error) {
    tracing::error!(
        event = "config.not_kept",
        %error,
        "what serves from now on is not kept as a generation: `config history` will not show it"
    );
}

/// Notes that it serves now.
pub(super) async fn serves(live: &Live, recorded: Recorded) {
    let Some(keeper) = live.keeper.clone() else { return };
    let now = live.admission.now();
    let Recorded { number, decided } = recorded;
    told(tokio::task::spawn_blocking(move || keeper.serves(&decided, number.0, now)).await);
}

/// Notes that the gate stops in good order.
pub(super) async fn stopped(live: &Live) {
    note(live, live.admission.snapshot().generation(), What::Stopped).await;
}

/// Notes what happened to a generation.
pub(super) async fn note(live: &Live, number: Generation, what: What) {
    let Some(keeper) = live.keeper.clone() else { return };
    let now = live.admission.now();
    told(tokio::task::spawn_blocking(move || keeper.generations().note(number.0, now, what)).await);
}

fn told(noted: Result<io::Result<()>, tokio::task::JoinError>) {
    if let Ok(Err(error)) = noted {
        tracing::warn!(event = "config.not_noted", %error, "what happened to the configuration is not noted");
    }
}
