//! Whether a change altered what share of attempts is refused. It is told, and nothing is done about it: a share that
//! rises may be just what was wanted.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use policy::Generation;
use wire::{Phase, Shutdown};

use super::Live;
use crate::metrics::Tally;

/// How often it is counted.
const EVERY: Duration = Duration::from_secs(60);
/// Minutes before a change, and behind it, that are compared.
const SPAN: usize = 5;
/// With fewer attempts than this on either side nothing is said.
const ATTEMPTS_MIN: u64 = 20;
/// By so many of a hundred the share has to change.
const POINTS: u64 = 25;

/// Counts and compares, until the shutdown.
pub(super) async fn watch(live: Arc<Live>, mut shutdown: Shutdown) {
    let clock = live.world.clock.clone();
    let mut mix = Mix::default();
    loop {
        let generation = live.admission.snapshot().generation();
        if let Some(Changed { before, after }) = mix.see(generation, live.recorder.metrics.tally()) {
            tracing::warn!(
                event = "config.mix_changed",
                generation = generation.0,
                refused_percent_before = before,
                refused_percent_after = after,
                "since the change another share of attempts is refused; `config diff` shows what it changed"
            );
        }
        tokio::select! {
            biased;
            _ = shutdown.beyond(Phase::Running) => return,
            () = clock.sleep_until(clock.monotonic() + EVERY) => {}
        }
    }
}

/// Of a hundred attempts so many are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Changed {
    before: u64,
    after: u64,
}

/// What was counted, minute by minute, under which generation; the newest last.
#[derive(Default)]
struct Mix(VecDeque<(Generation, Tally)>);

impl Mix {
    /// Notes one minute. Says something once a change is `SPAN` minutes old.
    fn see(&mut self, generation: Generation, total: Tally) -> Option<Changed> {
        self.0.push_back((generation, total));
        if self.0.len() > 2 * SPAN + 2 {
            self.0.pop_front();
        }
        let since = self.0.iter().rev().take_while(|(one, _)| *one == generation).count();
        if since != SPAN + 1 {
            return None;
        }
        // The minute in which the change came belongs to neither side.
        let first_after = self.0.len() - since;
        let at = |index: usize| self.0.get(index).map(|(_, tally)| *tally);
        let last_before = at(first_after.checked_sub(1)?)?;
        let first_before = at(first_after.saturating_sub(1 + SPAN))?;
        let before = share(first_before, last_before)?;
        let after = share(at(first_after)?, total)?;
        (before.abs_diff(after) >= POINTS).then_some(Changed { before, after })
    }
}

/// The share that was refused between two counts; `None` where too little happened.
fn share(from: Tally, to: Tally) -> Option<u64> {
    let refused = to.refused.saturating_sub(from.refused);
    let all = refused + to.accepted.saturating_sub(from.accepted);
    (all >= ATTEMPTS_MIN).then(|| refused * 100 / all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes with so many accepted and refused each, the second half under another generation; what was said.
    fn said(before: (u64, u64), after: (u64, u64)) -> Vec<Changed> {
        let (mut mix, mut total) = (Mix::default(), Tally::default());
        let mut said = Vec::new();
        for minute in 0..30 {
            let (generation, (accepted, refused)) = if minute < 10 { (1, before) } else { (2, after) };
            total.accepted += accepted;
            total.refused += refused;
            said.extend(mix.see(Generation(generation), total));
        }
        said
    }

    #[test]
    fn a_share_that_changes_with_a_generation_is_told_once() {
        let told = [Changed { before: 10, after: 60 }];
        assert_eq!(said((9, 1), (4, 6)), told);
        assert_eq!(said((4, 6), (9, 1)).len(), 1, "less refused is told as well");
    }

    #[test]
    fn more_of_the_same_is_not_told_nor_is_what_a_few_do() {
        assert_eq!(said((90, 10), (900, 100)), []);
        assert_eq!(said((9, 1), (8, 2)), []);
        assert_eq!(said((2, 0), (0, 2)), [], "ten attempts in five minutes are too few");
    }

    #[test]
    fn a_gate_that_has_just_started_has_nothing_to_compare() {
        let (mut mix, mut total) = (Mix::default(), Tally::default());
        for _ in 0..30 {
            total.refused += 100;
            assert_eq!(mix.see(Generation(1), total), None);
        }
    }
}
