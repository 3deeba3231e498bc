//! From verdicts to what the spool records, what senders are told and what the watcher hears, in the one order that a
//! crash cannot turn into a failure nobody heard of: notice, then settlement, then report.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mail::{Action, AttemptId, DsnReturn, Mailbox, Timestamp};
use policy::NoticeKind;
use spool::{AttemptRecord, ChangeError, Lease, LeasedRecipient, Outcome, Settlement, State};

use crate::body::excerpt;
use crate::config::Config;
use crate::gate::Gate;
use crate::notice::{self, Item, Occasion};
use crate::outcome::{Fate, Verdict};
use crate::report::{Event, Report};
use crate::schedule::{Delayed, Next};

/// A warning behind the first is sent at most this long after its time: after a restart the gate does not know what it
/// has sent, and an old warning repeated is worse than one missing.
const WARNING_FRESH: Duration = Duration::from_secs(8 * 3600);

/// How soon a settlement of what was delivered is tried again, when the disk does not take it; doubled each time.
const SETTLE_AGAIN: Duration = Duration::from_secs(1);
/// The longest such pause.
const SETTLE_AGAIN_MAX: Duration = Duration::from_secs(60);

/// One try with one host, for some recipients of a message.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) at: Timestamp,
    pub(crate) begun: Duration,
    pub(crate) route: Arc<str>,
    pub(crate) host: Box<str>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) tls: Box<str>,
    /// Whether the host sends notices of its own (RFC 3461).
    pub(crate) dsn: bool,
}

/// What became of the recipient at a place of the lease.
pub(crate) struct Finding {
    pub(crate) place: usize,
    pub(crate) verdict: Verdict,
}

/// A finding with what follows from it.
struct Decided<'a> {
    recipient: &'a LeasedRecipient,
    /// The verdict; where the life time is over, the failure it has become.
    verdict: Verdict,
    follows: Follows,
    attempts: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Follows {
    Delivered,
    /// Handed to a host that will tell the sender nothing, though the sender wants to hear.
    Relayed,
    Again {
        until: Timestamp,
        /// The warning that is now due: 1 for the first.
        warning: Option<usize>,
    },
    Failed,
    Expired,
}

impl Follows {
    fn is_delivery(self) -> bool {
        matches!(self, Self::Delivered | Self::Relayed)
    }

    fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Expired)
    }
}

/// Some of the findings could not be recorded; the lease is to be given back.
#[derive(Debug)]
pub(crate) struct NotRecorded;

/// Records findings about recipients of the lease. `attempt` is `None` where an operator decided.
pub(crate) async fn conclude(
    gate: &Gate,
    config: &Config,
    lease: &Lease,
    attempt: Option<&Attempt>,
    findings: Vec<Finding>,
) -> Result<(), NotRecorded> {
    if findings.is_empty() {
        return Ok(());
    }
    let now = gate.now();
    let mut decided: Vec<Decided<'_>> = findings
        .into_iter()
        .filter_map(|finding| decide(gate, config, lease, attempt, finding, now))
        .collect();
    let mut result = Ok(());
    let somebody_hears = decided.iter().any(|it| notice_due(lease, it).is_some());
    if somebody_hears
        && Box::pin(tell(gate, config, lease, attempt, &mut decided, now))
            .await
            .is_err()
    {
        // INVARIANT: no failure is settled before its notice is durable.
        decided.retain(|decided| !decided.follows.is_failure());
        result = Err(NotRecorded);
    }
    if decided.is_empty() {
        return result;
    }
    let reports = decided.iter().map(|decided| report(gate, lease, attempt, decided, now));
    let fates: Vec<Event<'_>> = reports.collect();
    let watcher = &gate.ports.watcher;
    let told: Vec<Bytes> = fates.iter().map(|fate| watcher.testimony(fate)).collect();
    settle(gate, lease, attempt, &decided, &told, now).await?;
    for (fate, told) in fates.iter().zip(told) {
        watcher.settled(fate, told);
    }
    result
}

/// Makes it durable.
///
/// What was delivered would be delivered again if it could not be settled: on a disk that takes no more, every few
/// minutes, for days. So it is not let go of before it is settled; as letters wait here no others are begun in their
/// place, and a crash repeats no more than those.
async fn settle(
    gate: &Gate,
    lease: &Lease,
    attempt: Option<&Attempt>,
    decided: &[Decided<'_>],
    told: &[Bytes],
    now: Timestamp,
) -> Result<(), NotRecorded> {
    let delivered = decided.iter().any(|decided| decided.follows.is_delivery());
    let mut pause = SETTLE_AGAIN;
    let mut first = true;
    loop {
        let settlements = decided.iter().zip(told);
        let settlements = settlements.map(|(decided, told)| settlement(gate, attempt, decided, told.clone(), now));
        let Err(error) = gate.ports.dispatch.settle(lease, settlements.collect()).await else {
            return Ok(());
        };
        if first {
            gate.note(&Event::Trouble {
                message: Some(lease.id),
                what: &error.to_string(),
            });
        }
        if !delivered || !matches!(error, ChangeError::Broken(_)) {
            return Err(NotRecorded);
        }
        first = false;
        gate.ports.world.clock.sleep_until(gate.monotonic() + pause).await;
        pause = (pause * 2).min(SETTLE_AGAIN_MAX);
    }
}

fn decide<'a>(
    gate: &Gate,
    config: &Config,
    lease: &'a Lease,
    attempt: Option<&Attempt>,
    finding: Finding,
    now: Timestamp,
) -> Option<Decided<'a>> {
    let recipient = lease.recipients.get(finding.place)?;
    let attempts = recipient.attempts.saturating_add(u32::from(attempt.is_some()));
    let verdict = finding.verdict;
    let (verdict, follows) = match verdict.fate {
        Fate::Delivered => {
            let silent = attempt.is_some_and(|attempt| !attempt.dsn);
            (verdict, if silent { Follows::Relayed } else { Follows::Delivered })
        }
        Fate::Failed => (verdict, Follows::Failed),
        Fate::Deferred => {
            let delayed = Delayed {
                received: lease.received,
                reverse: &lease.reverse,
                attempts,
                now,
            };
            match config.schedule.next(delayed, &*gate.ports.world.rng) {
                Next::GiveUp => (Verdict::expired(&verdict), Follows::Expired),
                Next::Again(until) => {
                    let warning = warning_due(gate, config, lease, recipient, now);
                    (verdict, Follows::Again { until, warning })
                }
            }
        }
    };
    Some(Decided {
        recipient,
        verdict,
        follows,
        attempts,
    })
}

/// Which warning is to be sent now. Those behind the first count as sent from here on.
fn warning_due(
    gate: &Gate,
    config: &Config,
    lease: &Lease,
    recipient: &LeasedRecipient,
    now: Timestamp,
) -> Option<usize> {
    notice::reader(lease, recipient, NoticeKind::Delay)?;
    let due = config.schedule.warnings_due(lease.received, now);
    if due == 0 {
        return None;
    }
    let earned = config.schedule.warnings.get(due - 1).copied().unwrap_or_default();
    let fresh = now.since(lease.received.plus(earned)) < WARNING_FRESH;
    let wanted = if recipient.delay_told { due > 1 && fresh } else { true };
    (wanted && gate.remember_told(lease.id, recipient.index, due)).then_some(due)
}

/// Posts the notices that are due. An error means that a failure could not be told; other notices that could not be
/// posted are left for the next time (delays) or let go (success: nothing may depend on it).
async fn tell(
    gate: &Gate,
    config: &Config,
    lease: &Lease,
    attempt: Option<&Attempt>,
    decided: &mut [Decided<'_>],
    now: Timestamp,
) -> Result<(), NotRecorded> {
    let due = |kind| decided.iter().any(|decided| notice_kind(decided) == Some(kind));
    let wants_full = lease.params.ret == Some(DsnReturn::Full) && due(NoticeKind::Failure);
    let excerpt = excerpt(&gate.ports.dispatch, lease, wants_full).await;
    let occasion = Occasion {
        reporter: &config.hostname,
        from: &config.postmaster,
        help: config.help.as_deref(),
        at: now,
        lease,
        remote: attempt.map(|attempt| &*attempt.host),
        header: &excerpt.header,
        full: excerpt.full.as_deref(),
    };
    let until = lease.received.plus(config.schedule.life_of(&lease.reverse));
    let mut result = Ok(());
    for kind in [NoticeKind::Failure, NoticeKind::Delay, NoticeKind::Success] {
        let posted = post(gate, &occasion, kind, decided, until).await;
        match kind {
            NoticeKind::Failure if !posted => result = Err(NotRecorded),
            NoticeKind::Delay if !posted => untell(gate, lease, decided),
            _ => {}
        }
    }
    result
}

/// Posts the notice of one kind; `true` where there is none, or it is durable.
async fn post(
    gate: &Gate,
    occasion: &Occasion<'_>,
    kind: NoticeKind,
    decided: &[Decided<'_>],
    until: Timestamp,
) -> bool {
    let lease = occasion.lease;
    let mut to: Option<&Mailbox> = None;
    let mut turn = 0;
    let mut items = Vec::new();
    for decided in decided.iter().filter(|decided| notice_kind(decided) == Some(kind)) {
        let Some(reader) = notice::reader(lease, decided.recipient, kind) else {
            continue;
        };
        to = Some(reader);
        let action = match decided.follows {
            Follows::Again { warning, .. } => {
                turn = warning
                    .and_then(|warning| u8::try_from(warning).ok())
                    .unwrap_or(u8::MAX)
                    .max(turn);
                Action::Delayed { until }
            }
            Follows::Failed | Follows::Expired => Action::Failed,
            Follows::Delivered | Follows::Relayed => Action::Relayed,
        };
        items.push(Item {
            recipient: decided.recipient,
            verdict: &decided.verdict,
            action,
        });
    }
    let Some(to) = to else { return true };
    let Some(notice) = notice::write(occasion, kind, to, &items, turn) else {
        gate.note(&Event::Trouble {
            message: Some(lease.id),
            what: "a notice was to go to somebody who is neither the sender nor the contact of the grant",
        });
        return false;
    };
    match gate.ports.desk.post(notice).await {
        Ok(()) => {
            gate.note(&Event::NoticePosted {
                parent: lease.id,
                kind,
                to,
            });
            true
        }
        Err(error) => {
            gate.note(&Event::Trouble {
                message: Some(lease.id),
                what: &error.to_string(),
            });
            false
        }
    }
}

/// The notice that is due about this recipient, where somebody is to hear it.
fn notice_due(lease: &Lease, decided: &Decided<'_>) -> Option<NoticeKind> {
    notice_kind(decided).filter(|kind| notice::reader(lease, decided.recipient, *kind).is_some())
}

fn notice_kind(decided: &Decided<'_>) -> Option<NoticeKind> {
    match decided.follows {
        Follows::Failed | Follows::Expired => Some(NoticeKind::Failure),
        Follows::Again { warning: Some(_), .. } => Some(NoticeKind::Delay),
        Follows::Relayed => Some(NoticeKind::Success),
        Follows::Again { warning: None, .. } | Follows::Delivered => None,
    }
}

/// The warnings were not sent; they are due again at the next try.
fn untell(gate: &Gate, lease: &Lease, decided: &mut [Decided<'_>]) {
    for decided in decided {
        if let Follows::Again {
            until,
            warning: Some(warning),
        } = decided.follows
        {
            gate.forget_told(lease.id, decided.recipient.index, warning);
            decided.follows = Follows::Again { until, warning: None };
        }
    }
}

fn settlement(
    gate: &Gate,
    attempt: Option<&Attempt>,
    decided: &Decided<'_>,
    testimony: Bytes,
    now: Timestamp,
) -> Settlement {
    let done = |outcome| State::Done { outcome, at: now };
    let state = match decided.follows {
        Follows::Delivered | Follows::Relayed => done(Outcome::Delivered),
        Follows::Failed => done(Outcome::Failed),
        Follows::Expired => done(Outcome::Expired),
        Follows::Again { until, .. } => State::Deferred { until },
    };
    Settlement {
        recipient: decided.recipient.index,
        state,
        attempt: attempt.map(|attempt| AttemptRecord {
            id: attempt.id,
            at: attempt.at,
            took_ms: u32::try_from(took(gate, attempt).as_millis()).unwrap_or(u32::MAX),
            host: attempt.host.clone(),
            ip: attempt.ip,
            tls: attempt.tls.clone(),
            reply: decided.verdict.text.clone(),
        }),
        delay_told: matches!(decided.follows, Follows::Again { warning: Some(_), .. }),
        testimony,
    }
}

fn took(gate: &Gate, attempt: &Attempt) -> Duration {
    gate.monotonic().saturating_sub(attempt.begun)
}

fn report<'a>(
    gate: &Gate,
    lease: &'a Lease,
    attempt: Option<&'a Attempt>,
    decided: &'a Decided<'_>,
    now: Timestamp,
) -> Event<'a> {
    let report = Report {
        message: lease.id,
        attempt: attempt.map(|attempt| attempt.id),
        at: now,
        received: lease.received,
        from: &lease.reverse,
        recipient: &decided.recipient.path,
        basis: &decided.recipient.basis,
        octets: lease.octets,
        attempts: decided.attempts,
        route: attempt.map_or("", |attempt| &*attempt.route),
        host: attempt.map_or("", |attempt| &*attempt.host),
        ip: attempt.and_then(|attempt| attempt.ip),
        tls: attempt.map_or("", |attempt| &*attempt.tls),
        code: decided.verdict.reply.as_ref().map(|reply| reply.code),
        enhanced: decided.verdict.code,
        text: &decided.verdict.text,
        took: attempt.map(|attempt| took(gate, attempt)).unwrap_or_default(),
    };
    match decided.follows {
        Follows::Delivered | Follows::Relayed => Event::Delivered(report),
        Follows::Again { until, .. } => Event::Deferred { report, until },
        Follows::Failed => Event::Failed { report, expired: false },
        Follows::Expired => Event::Failed { report, expired: true },
    }
}
