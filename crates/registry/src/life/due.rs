//! What time alone causes, and when.

use std::time::Duration;

use mail::Timestamp;

use super::{Deadline, State, Suspension, idle};
use crate::calendar::Calendar;
use crate::case::Case;
use crate::handover::Handover;
use crate::terms::Terms;

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// What has come due by now; where several things have, the one that narrows access most.
#[must_use]
pub fn due(
    case: &Case,
    now: Timestamp,
    terms: &Terms,
    calendar: &Calendar,
    gaps: &[(Timestamp, Timestamp)],
) -> Option<Deadline> {
    let all = deadlines(case, terms, calendar, gaps);
    all.into_iter()
        .flatten()
        .find(|(deadline, at)| is_reached(*deadline, *at, now))
        .map(|(deadline, _)| deadline)
}

/// What comes due next, and when; `None` where nothing does by itself.
#[must_use]
pub fn next_due(
    case: &Case,
    terms: &Terms,
    calendar: &Calendar,
    gaps: &[(Timestamp, Timestamp)],
) -> Option<(Deadline, Timestamp)> {
    let all = deadlines(case, terms, calendar, gaps);
    all.into_iter().flatten().min_by_key(|(_, at)| *at)
}

/// A grant holds at its last instant, and no longer; everything else is due when its time is there.
fn is_reached(deadline: Deadline, at: Timestamp, now: Timestamp) -> bool {
    if deadline == Deadline::Ended {
        now > at
    } else {
        now >= at
    }
}

/// What may come due in this state, what narrows access first.
fn deadlines(
    case: &Case,
    terms: &Terms,
    calendar: &Calendar,
    gaps: &[(Timestamp, Timestamp)],
) -> [Option<(Deadline, Timestamp)>; 5] {
    let ended = case.until.filter(|_| case.state.is_live());
    let drift = case.drift.filter(|_| case.state.admits_mail());
    let orphan = case.orphan.filter(|_| case.state.admits_mail());
    let contacts = case.handover.as_ref().map(Handover::until);
    [
        ended.map(|until| (Deadline::Ended, until)),
        drift.map(|since| (Deadline::DriftUnanswered, since.plus(HOUR * terms.drift_hours))),
        orphan.map(|since| (Deadline::OrphanUnanswered, since.plus(DAY * terms.orphan))),
        contacts.map(|until| (Deadline::ContactsUnconfirmed, until)),
        of_state(case, terms, calendar, gaps),
    ]
}

fn of_state(
    case: &Case,
    terms: &Terms,
    calendar: &Calendar,
    gaps: &[(Timestamp, Timestamp)],
) -> Option<(Deadline, Timestamp)> {
    use Deadline::{
        DraftForgotten, HeadReminder, HeadReminderBoth, HeadSilent, IdleHeadTold, IdleOver, IdleReminder,
        IdleUnanswered, InformationMissing, InformationReminder, NetworkNotReady, Unused, UnusedReminder,
    };
    let in_days =
        |steps: &[(Deadline, u32)]| step_of(case.reminded, case.entered, steps, |from, days| from.plus(DAY * days));
    match case.state {
        State::Draft => in_days(&[(DraftForgotten, terms.draft)]),
        State::NeedsInformation => in_days(&[
            (InformationReminder, terms.information.0),
            (InformationMissing, terms.information.1),
        ]),
        State::AwaitingHeadAck => step_of(
            case.reminded,
            case.entered,
            &[
                (HeadReminder, terms.head_business.0),
                (HeadReminderBoth, terms.head_business.1),
                (HeadSilent, terms.head_business.2),
            ],
            |from, days| calendar.business_days_after(from, days),
        ),
        State::WaitingNetwork => in_days(&[(NetworkNotReady, terms.network)]),
        State::Provisioned => in_days(&[
            (UnusedReminder, terms.unused.0),
            (UnusedReminder, terms.unused.1),
            (Unused, terms.unused.2),
        ]),
        State::IdleWarned => in_days(&[
            (IdleReminder, terms.idle_answer.0),
            (IdleReminder, terms.idle_answer.1),
            (IdleHeadTold, terms.idle_answer.2),
            (IdleUnanswered, terms.idle_answer.3),
        ]),
        State::Suspended(Suspension::Idle) => in_days(&[(IdleOver, terms.idle_over)]),
        State::Active => [idle::reached_at(case, terms, gaps), end_nears(case, terms)]
            .into_iter()
            .flatten()
            .min_by_key(|(_, at)| *at),
        State::ReviewDue => end_nears(case, terms),
        _ => None,
    }
}

/// The next of several steps behind something that was `entered`, `reminded` of so often and then last. Where one was
/// taken late, as nobody was there to take it, those behind it wait as well: two reminders never come together, and
/// nobody is suspended a moment after being asked.
pub(crate) fn step_of<D: Copy>(
    reminded: (u8, Timestamp),
    entered: Timestamp,
    steps: &[(D, u32)],
    after: impl Fn(Timestamp, u32) -> Timestamp,
) -> Option<(D, Timestamp)> {
    let (taken, at) = reminded;
    let taken = usize::from(taken);
    let (deadline, days) = *steps.get(taken)?;
    let (from, before) = match taken.checked_sub(1).and_then(|last| steps.get(last)) {
        Some((_, before)) => (at, *before),
        None => (entered, 0),
    };
    Some((deadline, after(from, days.saturating_sub(before))))
}

/// The next letter before the end.
fn end_nears(case: &Case, terms: &Terms) -> Option<(Deadline, Timestamp)> {
    let sent = match case.state {
        State::ReviewDue => usize::from(case.reminded.0),
        _ => 0,
    };
    let days = *terms.end_nears.get(sent)?;
    Some((Deadline::EndNears, case.until?.minus(DAY * days)))
}

/// How many of the letters before the end should have been sent by now: what was missed is not sent in a row.
pub(super) fn letters_before_end(until: Timestamp, now: Timestamp, terms: &Terms) -> u8 {
    let reached = terms.end_nears.iter().filter(|days| until.minus(DAY * **days) <= now);
    u8::try_from(reached.count()).unwrap_or(u8::MAX)
}
