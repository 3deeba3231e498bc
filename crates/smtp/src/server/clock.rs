//! The instants from which the timers of a connection run.

use std::time::Duration;

use super::{Pace, Timeouts, Timer};

/// What is measured.
#[derive(Debug)]
pub(super) struct Clock {
    /// The latest instant told.
    pub(super) now: Duration,
    /// When the connection began.
    pub(super) begun: Duration,
    /// When something was last completed: the connection accepted, or a message.
    pub(super) completed: Duration,
    /// Since when we wait for a line.
    pub(super) line_awaited: Duration,
    /// Until when a refusal is held back.
    pub(super) held_until: Option<Duration>,
    /// How patient we are.
    pub(super) pace: Pace,
    /// The body that is coming in.
    pub(super) body: BodyClock,
}

/// What is measured of a body.
#[derive(Debug, Default)]
pub(super) struct BodyClock {
    begun: Duration,
    last_octets: Duration,
    window_begun: Duration,
    window_octets: u64,
}

impl Clock {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            now,
            begun: now,
            completed: now,
            line_awaited: now,
            held_until: None,
            pace: Pace::Usual,
            body: BodyClock::default(),
        }
    }

    /// Told the time, which never goes back.
    pub(super) fn tell(&mut self, now: Duration) {
        self.now = self.now.max(now);
    }

    pub(super) fn await_line(&mut self) {
        self.line_awaited = self.now;
    }

    pub(super) fn complete(&mut self) {
        self.completed = self.now;
    }

    pub(super) fn begin_body(&mut self) {
        self.body = BodyClock {
            begun: self.now,
            last_octets: self.now,
            window_begun: self.now,
            window_octets: 0,
        };
    }

    /// Another chunk of a body begun before: what its client did between the chunks is not held against its rate.
    pub(super) fn resume_body(&mut self) {
        self.body.last_octets = self.now;
        self.begin_window();
    }

    pub(super) fn note_body_octets(&mut self, octets: usize) {
        if octets > 0 {
            self.body.last_octets = self.now;
            self.body.window_octets += octets as u64;
        }
    }

    pub(super) fn begin_window(&mut self) {
        self.body.window_begun = self.now;
        self.body.window_octets = 0;
    }

    pub(super) fn window_was_too_slow(&self, timeouts: &Timeouts) -> bool {
        self.body.window_octets < timeouts.rate_window_octets
    }

    /// What is left of a time in a hurry.
    fn bounded(&self, usual: Duration, timeouts: &Timeouts) -> Duration {
        match self.pace {
            Pace::Usual => usual,
            Pace::Hurried => usual.min(timeouts.hurried),
        }
    }

    /// Which timer rings first while a line is awaited.
    pub(super) fn line_deadline(&self, timeouts: &Timeouts) -> (Duration, Timer) {
        earliest([
            (
                self.line_awaited
                    .saturating_add(self.bounded(timeouts.command, timeouts)),
                Timer::Command,
            ),
            (
                self.completed.saturating_add(timeouts.session_total),
                Timer::SessionTotal,
            ),
        ])
    }

    /// Which timer rings first while a body comes in.
    pub(super) fn body_deadline(&self, timeouts: &Timeouts) -> (Duration, Timer) {
        earliest([
            (
                self.body
                    .last_octets
                    .saturating_add(self.bounded(timeouts.body_block, timeouts)),
                Timer::BodyBlock,
            ),
            (self.body.begun.saturating_add(timeouts.body_total), Timer::BodyTotal),
            (
                self.body.window_begun.saturating_add(timeouts.rate_window),
                Timer::MinimumRate,
            ),
        ])
    }
}

fn earliest<const N: usize>(timers: [(Duration, Timer); N]) -> (Duration, Timer) {
    timers
        .into_iter()
        .min_by_key(|(at, _)| *at)
        .unwrap_or((Duration::MAX, Timer::Command))
}
