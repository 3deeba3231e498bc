//! What somebody learns who tries names: how long the gate takes over a login that exists and over one that does not.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::sender::{Door, LOGIN, plain};

/// Tries at once: few enough that they hardly wait for each other.
const AT_ONCE: usize = 8;

/// A try that failed: whether the login exists, how long it took, and what was said, without the event's id.
type Try = (bool, Duration, String);

/// Tries both kinds of names so many times each, taking turns, each try from an address of its own.
pub async fn compare(door: &Door, times: usize) -> [Vec<(Duration, String)>; 2] {
    let mut kinds = [Vec::new(), Vec::new()];
    let mut tries: JoinSet<Try> = JoinSet::new();
    for number in 0..2 * times {
        if tries.len() == AT_ONCE {
            sort(&mut kinds, tries.join_next().await.unwrap().unwrap());
        }
        tries.spawn(fail(door.clone(), number));
    }
    while let Some(done) = tries.join_next().await {
        sort(&mut kinds, done.unwrap());
    }
    kinds
}

fn sort(kinds: &mut [Vec<(Duration, String)>; 2], (exists, took, said): Try) {
    kinds[usize::from(!exists)].push((took, said));
}

async fn fail(door: Door, number: usize) -> Try {
    let exists = number.is_multiple_of(2);
    let login = if exists { LOGIN } else { "nobodies" };
    let mut stream = door
        .enter([127, 90, (number / 20) as u8, (number % 20) as u8 + 1])
        .await
        .unwrap();
    let began = Instant::now();
    let line = plain(login, &format!("guess {number}"));
    stream.write_all(line.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_line(&mut reply).await.unwrap();
    let took = began.elapsed();
    let (said, _) = reply.split_once(" See ").unwrap_or_else(|| panic!("{reply:?}"));
    (exists, took, said.to_owned())
}

/// Prints the medians and how far the distributions are apart, and adds that to `storms-logins.md`.
pub fn print(kinds: &[Vec<(Duration, String)>; 2]) {
    let sorted = |kind: usize| {
        let mut times: Vec<f64> = kinds[kind]
            .iter()
            .map(|(took, _)| took.as_secs_f64() * 1000.0)
            .collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (exists, none) = (sorted(0), sorted(1));
    let at = |times: &[f64], share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let shown = |times: &[f64]| {
        let [least, middle, most] = [0.05, 0.5, 0.95].map(|share| at(times, share));
        format!("{least:.1} / {middle:.1} / {most:.1} ms")
    };
    // Kolmogorov and Smirnov: how far the shares of tries that took no longer than some time are apart at most.
    let share = |times: &[f64], limit: f64| times.partition_point(|time| *time <= limit) as f64 / times.len() as f64;
    let apart = exists
        .iter()
        .chain(&none)
        .map(|limit| (share(&exists, *limit) - share(&none, *limit)).abs());
    let apart = apart.fold(0.0, f64::max);
    let chance = 1.36 * (2.0 / exists.len() as f64).sqrt();
    let line = format!(
        "\n{} tries of a login that exists took {} (5 %, median, 95 %), of one that does not {}: medians {:+.2} % apart. The \
         distributions are {apart:.3} apart (Kolmogorov-Smirnov); of equal ones one in twenty would be more than {chance:.3}.\n",
        exists.len(),
        shown(&exists),
        shown(&none),
        (at(&none, 0.5) / at(&exists, 0.5) - 1.0) * 100.0,
    );
    print!("{line}");
    let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/storms-logins.md");
    let mut table = File::options().create(true).append(true).open(path).unwrap();
    table.write_all(line.as_bytes()).unwrap();
}
