//! How long a client may take.

use std::ops::Range;
use std::time::Duration;

use smtp::server::Timeouts;

use super::desk::Desk;
use crate::config::Problem;
use crate::config::file::{self, At, Lapse, Maybe, Text};

/// RFC 5321 §4.5.3.2.7 has a server wait this long for the next command.
const COMMAND_MIN: Duration = Duration::from_secs(5 * 60);
/// RFC 5321 §4.5.3.2.5 gives each block of a message this long.
const BODY_BLOCK_MIN: Duration = Duration::from_secs(3 * 60);
/// The delay grows to five times this; RFC 5321 §4.5.3.2 has clients wait five minutes for a reply.
const ERROR_DELAY_MAX: Duration = Duration::from_secs(30);

/// How long a client may take, everything that was not written as the dialogue has it by itself.
pub(super) fn timeouts(written: &file::Timeouts, desk: &mut Desk<'_>) -> Timeouts {
    let mut timeouts = Timeouts::default();
    take(&written.command, &mut timeouts.command, desk);
    take(&written.body_block, &mut timeouts.body_block, desk);
    take(&written.body_total, &mut timeouts.body_total, desk);
    take(&written.session_total, &mut timeouts.session_total, desk);
    take(&written.crowded, &mut timeouts.hurried, desk);
    take(&written.handshake, &mut timeouts.handshake, desk);
    if let Some(rate) = &written.minimum_rate {
        timeouts.rate_window = rate.window;
        timeouts.rate_window_octets = rate.octets;
    }
    if let Some(delay) = &written.error_delay {
        timeouts.error_delay = delay.0;
        error_delay(delay, desk);
    }
    too_short(written, desk);
    in_vain(written, &timeouts, desk);
    timeouts
}

fn take(written: &Maybe<Text<Lapse>>, time: &mut Duration, desk: &mut Desk<'_>) {
    let Some(lapse) = written else { return };
    if lapse.0.is_zero() {
        desk.say(Problem::error(lapse.span(), "nobody can do it in no time").advise("write a time such as 5m"));
    }
    *time = lapse.0;
}

fn error_delay(delay: &At<Text<Lapse>>, desk: &mut Desk<'_>) {
    if delay.0 > ERROR_DELAY_MAX {
        desk.say(
            Problem::error(delay.span(), "a refusal is held back for 30 seconds at first, at most")
                .why("the delay grows to five times as much, and clients give up waiting")
                .advise("a few seconds tire those who guess"),
        );
    }
}

/// Less than RFC 5321 lets clients rely on.
fn too_short(written: &file::Timeouts, desk: &mut Desk<'_>) {
    let below = |written: &Maybe<Text<Lapse>>, least: Duration| {
        let lapse = written.as_ref()?;
        (!lapse.0.is_zero() && lapse.0 < least).then(|| lapse.span())
    };
    if let Some(at) = below(&written.command, COMMAND_MIN) {
        desk.say(
            Problem::warning(at, "a server waits at least 5 minutes for the next command")
                .why("RFC 5321 §4.5.3.2.7 asks for it; a client that is busy elsewhere has to begin again"),
        );
    }
    if let Some(at) = below(&written.body_block, BODY_BLOCK_MIN) {
        desk.say(
            Problem::warning(at, "a block of a message has at least 3 minutes")
                .why("RFC 5321 §4.5.3.2.5 lets clients rely on it; a message that stalls has to be sent again"),
        );
    }
}

/// Times that never run out because another one ends first.
fn in_vain(written: &file::Timeouts, timeouts: &Timeouts, desk: &mut Desk<'_>) {
    let session = Time::new("session_total", timeouts.session_total, &written.session_total);
    let body = Time::new("body_total", timeouts.body_total, &written.body_total);
    let command = Time::new("command", timeouts.command, &written.command);
    let block = Time::new("body_block", timeouts.body_block, &written.body_block);
    let crowded = Time::new("crowded", timeouts.hurried, &written.crowded);
    over_before(&crowded, &command, desk);
    over_before(&command, &session, desk);
    over_before(&block, &body, desk);
    if timeouts.rate_window_octets > 0 {
        let rate = Time::new("minimum_rate", timeouts.rate_window, &written.minimum_rate);
        over_before(&rate, &body, desk);
    }
}

/// One of the times, as it will be.
struct Time {
    key: &'static str,
    lasts: Duration,
    at: Option<Range<usize>>,
}

impl Time {
    fn new<T>(key: &'static str, lasts: Duration, written: &Maybe<T>) -> Self {
        let at = written.as_ref().map(At::span);
        Self { key, lasts, at }
    }
}

fn over_before(inner: &Time, outer: &Time, desk: &mut Desk<'_>) {
    if inner.lasts <= outer.lasts {
        return;
    }
    // Defaults are in order, so one of the two was written.
    if let Some(at) = inner.at.clone().or(outer.at.clone()) {
        let (inner, outer) = (inner.key, outer.key);
        desk.say(
            Problem::warning(at, format!("`{inner}` never runs out: `{outer}` is over before"))
                .advise(format!("let `{outer}` be the longer one")),
        );
    }
}
