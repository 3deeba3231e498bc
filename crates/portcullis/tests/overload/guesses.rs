//! Strangers who guess passwords: each session from an address of its own, as a botnet's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::time::sleep;

use crate::sender::{Door, LOGIN, plain};
use crate::storm::{Storm, Tally};

/// How long one who was turned away rests before it comes back, from elsewhere.
const RESTS: Duration = Duration::from_millis(100);

/// So many guessers, until they are cut off.
pub fn begin(runtime: &Runtime, door: &Door, guessers: usize) -> Storm {
    let tally = Arc::new(Tally::default());
    let addresses = Arc::new(AtomicU32::new(0));
    let tasks = (0..guessers)
        .map(|_| {
            let (door, tally, addresses) = (door.clone(), tally.clone(), addresses.clone());
            runtime.spawn(async move {
                loop {
                    let number = addresses.fetch_add(1, Ordering::Relaxed);
                    // However it ends: a guesser comes back.
                    let _ = guess(&door, number, &tally).await;
                    sleep(RESTS).await;
                }
            })
        })
        .collect();
    Storm::of(tasks, tally)
}

/// One session: guesses until it is closed.
async fn guess(door: &Door, number: u32, tally: &Tally) -> std::io::Result<()> {
    // From 127.16.0.0 on, a few in each network.
    let [_, b, c, d] = (number * 61).to_be_bytes();
    let entered = door.enter([127, 16 + b % 200, c, d]).await;
    tally.came.fetch_add(1, Ordering::Relaxed);
    let mut stream = entered?;
    tally.inside.fetch_add(1, Ordering::Relaxed);
    for guess in 0.. {
        let login = if guess % 2 == 0 { LOGIN } else { "administrator" };
        let line = plain(login, &format!("guess {number} {guess}"));
        stream.write_all(line.as_bytes()).await?;
        let mut reply = String::new();
        if stream.read_line(&mut reply).await? == 0 {
            break;
        }
        let counter: Option<&AtomicUsize> = match reply.get(..3) {
            Some("235") => Some(&tally.proved),
            Some("454") => Some(&tally.turned_away),
            _ => None,
        };
        counter.map(|counter| counter.fetch_add(1, Ordering::Relaxed));
    }
    Ok(())
}
