//! From testimony and records to moments.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ledger::{Accepted, Attempt, Event, Ground, Line, LoginOutcome, Origin, Refused, RefusedMany};
use mail::Timestamp;
use policy::Reason;
use spool::{AttemptRecord, Holder, Outcome, RecipientStory, State, Story};

use super::{Moment, Tale, Waiting};

/// The kind of a notice that tells about no message.
const LETTER: &str = "letter";

/// Received, judged, stored.
pub(super) fn arrival(tale: &mut Tale, story: Option<&Story>, accepted: Option<(Timestamp, &Accepted)>) {
    let received = story.map(|story| story.received).or(accepted.map(|(at, _)| at));
    let Some(received) = received else { return };
    let source = match (accepted, story) {
        (Some((_, facts)), _) => describe(&facts.origin),
        (None, Some(story)) => story.source.to_string(),
        (None, None) => return,
    };
    tale.moments.push(Moment::new(received, "received", source));
    match (accepted, story) {
        (Some((_, facts)), _) => judged_by_testimony(tale, received, facts),
        (None, Some(story)) => judged_by_record(tale, received, story),
        (None, None) => {}
    }
    // The ledger hears of an acceptance when the sync has returned; the spool alone knows only when it began.
    let durable = accepted.map_or(received, |(at, _)| at.max(received));
    let took = accepted
        .map(|(at, _)| super::millis(at.since(received)))
        .filter(|_| story.is_some());
    let text = match tale.session {
        Some(_) => "durable on disk before the client was told 250",
        None => "durable on disk",
    };
    let stored = Moment::new(durable, "stored", text);
    tale.moments.push(Moment {
        took_ms: took,
        ..stored
    });
}

fn judged_by_testimony(tale: &mut Tale, at: Timestamp, facts: &Accepted) {
    for one in &facts.recipients {
        let fate = match (&one.held, one.quarantined) {
            (None, _) => String::new(),
            (Some(reason), false) => format!("; accepted and held ({reason})"),
            (Some(reason), true) => format!("; accepted and set aside ({reason})"),
        };
        let mended = facts
            .mended
            .as_ref()
            .map(|what| format!("; tolerated: {what}"))
            .unwrap_or_default();
        let text = format!("{}, rulebook {}{fate}{mended}", ground(&one.basis), facts.generation);
        tale.moments
            .push(Moment::new(at, "judged", text).to(bare(one.rcpt.as_str())));
    }
}

fn judged_by_record(tale: &mut Tale, at: Timestamp, story: &Story) {
    for one in &story.recipients {
        let text = format!("{}, rulebook {}", one.basis, one.generation);
        tale.moments
            .push(Moment::new(at, "judged", text).to(bare(&one.path.to_string())));
    }
}

/// Everything behind the acceptance.
pub(super) fn afterwards(tale: &mut Tale, story: Option<&Story>, lines: &[Line]) {
    let mut testified = BTreeSet::new();
    for line in lines {
        if let Some((attempt, rcpt)) = attempt_of(&line.event) {
            testified.insert((attempt, rcpt));
        }
        if let Some(moment) = after_acceptance(&tale.id, line) {
            tale.moments.push(moment);
        }
    }
    for recipient in story.iter().flat_map(|story| &story.recipients) {
        let to = recipient.path.to_string();
        let last = recipient.attempts.len().saturating_sub(1);
        for (place, attempt) in recipient.attempts.iter().enumerate() {
            if !testified.contains(&(attempt.id.to_string(), bare(&to))) {
                tale.moments.push(recorded_attempt(recipient, attempt, place == last));
            }
        }
        if let State::Done {
            outcome: Outcome::Removed,
            at,
        } = recipient.state
            && !lines.iter().any(|line| matches!(line.event, Event::Removed(_)))
        {
            tale.moments
                .push(Moment::new(at, "removed", "by an operator; nobody was told").to(bare(&to)));
        }
    }
}

fn attempt_of(event: &Event) -> Option<(String, String)> {
    let attempt = match event {
        Event::Delivered(attempt) | Event::Failed(attempt) => attempt,
        Event::Deferred(deferred) => &deferred.attempt,
        _ => return None,
    };
    Some((attempt.attempt?.to_string(), bare(attempt.rcpt.as_str())))
}

/// `id` is the message the tale is about: a notice is told of differently in its own tale and in its parent's.
fn after_acceptance(id: &str, line: &Line) -> Option<Moment> {
    let at = line.at;
    Some(match &line.event {
        Event::Delivered(attempt) => tried(at, "delivered", attempt, None),
        Event::Failed(attempt) => tried(at, "failed", attempt, None),
        Event::Deferred(deferred) => tried(at, "deferred", &deferred.attempt, Some(deferred.until)),
        Event::Held(change) => changed(at, "held", change),
        Event::Released(change) => changed(at, "released", change),
        Event::Removed(change) => changed(at, "removed", change),
        Event::NoticeSent(notice) if notice.notice.to_string() == id => Moment::new(
            at,
            "notice",
            format!("this is a {} notice about message {}", notice.kind, notice.parent),
        )
        .to(bare(notice.rcpt.as_str())),
        Event::NoticeSent(notice) => Moment::new(
            at,
            "notice",
            format!("told of the {} as message {}", notice.kind, notice.notice),
        )
        .to(bare(notice.rcpt.as_str())),
        Event::Refused(_)
        | Event::RefusedMany(_)
        | Event::Accepted(_)
        | Event::Login(_)
        | Event::LoginReleased(_)
        | Event::ConfigLoaded(_)
        | Event::SelfTested(_)
        | Event::ShadowStarted(_)
        | Event::ShadowEnded(_)
        | Event::GrantStepped(_)
        | Event::GrantLeftOut(_)
        | Event::Opened(_)
        | Event::Dropped(_)
        | Event::Anchored(_)
        | Event::Pruned(_)
        | Event::HoldAdded(_)
        | Event::HoldReleased(_) => return None,
    })
}

fn tried(at: Timestamp, what: &str, attempt: &Attempt, until: Option<Timestamp>) -> Moment {
    let mut text = String::new();
    if !attempt.host.as_str().is_empty() {
        text.push_str(&host(attempt.host.as_str(), attempt.ip));
        let tls = attempt.tls.as_ref().map(|tls| match tls.verified {
            Some(true) => format!("{} verified", tls.version),
            Some(false) => format!("{} not verified", tls.version),
            None => tls.version.to_string(),
        });
        text.push_str(&format!(", {}, ", tls.as_deref().unwrap_or("no TLS")));
    }
    text.push_str(&said(attempt.text.as_str()));
    if let Some(until) = until {
        text.push_str(&format!("; next try at {}", until.to_rfc3339()));
    }
    let moment = Moment::new(at, what, text).to(bare(attempt.rcpt.as_str()));
    // Where nothing was tried nothing took time.
    if attempt.attempt.is_some() {
        moment.took(attempt.took_ms)
    } else {
        moment
    }
}

/// The host that was spoken to, with its address where the name does not say it.
fn host(name: &str, ip: Option<IpAddr>) -> String {
    match ip {
        Some(ip) if name.trim_matches(['[', ']']).trim_start_matches("IPv6:") != ip.to_string() => {
            format!("via {name} [{ip}]")
        }
        _ => format!("via {name}"),
    }
}

/// An attempt the ledger has not told of yet. Only the last one can have ended the matter.
fn recorded_attempt(recipient: &RecipientStory, attempt: &AttemptRecord, last: bool) -> Moment {
    let what = match &recipient.state {
        State::Done {
            outcome: Outcome::Delivered,
            ..
        } if last => "delivered",
        State::Done {
            outcome: Outcome::Failed | Outcome::Expired,
            ..
        } if last => "failed",
        _ => "deferred",
    };
    let tls = if attempt.tls.is_empty() { "no TLS" } else { &attempt.tls };
    let text = format!("{}, {tls}, {}", host(&attempt.host, attempt.ip), said(&attempt.reply));
    let ended = attempt
        .at
        .plus(std::time::Duration::from_millis(attempt.took_ms.into()));
    Moment::new(ended, what, text)
        .to(bare(&recipient.path.to_string()))
        .took(attempt.took_ms.into())
}

fn changed(at: Timestamp, what: &str, change: &ledger::Change) -> Moment {
    let moment = Moment::new(at, what, format!("by {}: {}", change.by, change.reason));
    match &change.rcpt {
        Some(rcpt) => moment.to(bare(rcpt.as_str())),
        None => moment,
    }
}

/// What happened in a session.
pub(super) fn in_session(tale: &mut Tale, lines: &[Line]) {
    let mut origin_told = None;
    for line in lines {
        if let Event::RefusedMany(many) = &line.event {
            refused_many(tale, many);
            continue;
        }
        let (origin, moment) = match &line.event {
            Event::Refused(facts) => (&facts.origin, refused(line.at, facts)),
            Event::Login(facts) => (&facts.origin, Moment::new(line.at, "login", login(facts))),
            Event::Accepted(facts) => {
                let text = format!("message {} from {}", facts.message, facts.from);
                let mut moment = Moment::new(line.at, "accepted", text);
                moment.to = facts.recipients.iter().map(|one| bare(one.rcpt.as_str())).collect();
                (&facts.origin, moment)
            }
            _ => continue,
        };
        // HELO, TLS and login come one by one; each new picture of the client is told once.
        let picture = describe(origin);
        if origin_told.as_ref() != Some(&picture) {
            tale.moments.push(Moment::new(line.at, "client", picture.clone()));
            origin_told = Some(picture);
        }
        tale.moments.push(moment);
    }
}

/// Of refusals that are told of together, the one that was asked for, or the first; and how many were like it.
fn refused_many(tale: &mut Tale, many: &RefusedMany) {
    let Some(sample) = many.sample_of(&tale.id) else { return };
    let client = Moment::new(many.first, "client", describe(&sample.origin));
    tale.moments.extend([client, refused(many.first, sample)]);
    let more = Moment::new(many.last, "refused", crate::why::more(many));
    tale.moments.push(more);
}

fn refused(at: Timestamp, facts: &Refused) -> Moment {
    let mut text = facts.code.to_string();
    if let Some(enhanced) = facts.enhanced {
        text.push_str(&format!(" {enhanced}"));
    }
    text.push_str(&format!(" {}", facts.text));
    if let Some(from) = &facts.from {
        text.push_str(&format!("; sender {from}"));
    }
    let moment = Moment::new(at, if facts.code < 500 { "not now" } else { "refused" }, text);
    match &facts.rcpt {
        Some(rcpt) => moment.to(bare(rcpt.as_str())),
        None => moment,
    }
}

fn login(facts: &ledger::Login) -> String {
    let how = match facts.outcome {
        LoginOutcome::Proved => "proved who it is",
        LoginOutcome::UnknownLogin => "refused: there is no such login",
        LoginOutcome::WrongSecret => "refused: the password is wrong",
        LoginOutcome::WithoutGrant => "refused: the password is right, but no grant is bound to this login here",
        LoginOutcome::Malformed => "refused: the response does not follow the mechanism",
        LoginOutcome::OtherMechanism => "refused: SCRAM failed, and it was asked to come again with another mechanism",
        LoginOutcome::Stopped => "refused: the login is stopped after a hundred wrong passwords in a row",
        LoginOutcome::LockedOut => "refused: too many failures before",
        LoginOutcome::Unavailable => "refused: nobody could be asked",
    };
    let mut text = format!("{} {how}", facts.mechanism);
    if let Some(name) = &facts.tried {
        text.push_str(&format!(": {name}"));
    }
    if let Some(event) = facts.event {
        text.push_str(&format!(" [{event}]"));
    }
    text
}

/// Listener, client, TLS, HELO, login.
fn describe(origin: &Origin) -> String {
    if origin.session.number() == 0 {
        return "written by this gate itself".to_owned();
    }
    let mut text = format!("{}, {} port {}", origin.listener, origin.client, origin.port);
    if let Some(name) = &origin.ptr {
        text.push_str(&format!(" ({name})"));
    }
    match &origin.tls {
        Some(tls) => text.push_str(&format!(", {} {}", tls.version, tls.cipher)),
        None => text.push_str(", no TLS"),
    }
    if let Some(helo) = &origin.helo {
        text.push_str(&format!(", HELO \"{helo}\""));
    }
    if let Some(login) = &origin.login {
        text.push_str(&format!(", login {login}"));
    }
    if let Some(shown) = origin.tls.as_ref().and_then(ledger::Tls::shown) {
        text.push_str(&format!(", {shown}"));
    }
    text
}

fn ground(basis: &Ground) -> String {
    match basis {
        Ground::Grant(name) => format!("grant {name}"),
        Ground::Route(name) => format!("route {name}"),
        Ground::Forward(name) => format!("forward {name}"),
        Ground::Notice { kind, .. } if kind.as_str() == LETTER => "a letter of the registry to a contact".to_owned(),
        Ground::Notice { parent, kind } => format!("{kind} notice of {parent}"),
    }
}

/// Where the recipients that are not done stand.
pub(super) fn waiting(story: &Story) -> Vec<Waiting> {
    let open = story.recipients.iter().filter(|recipient| !recipient.state.is_done());
    open.map(|recipient| {
        let (state, text) = standing(&recipient.state);
        let text = if recipient.leased {
            "a worker is busy with it".to_owned()
        } else {
            text
        };
        Waiting {
            to: bare(&recipient.path.to_string()),
            state: state.to_owned(),
            text,
        }
    })
    .collect()
}

/// A state, in a word and in a sentence that says what to do.
#[must_use]
pub(crate) fn standing(state: &State) -> (&'static str, String) {
    match state {
        State::Ready => ("ready", "to be delivered as soon as there is room".to_owned()),
        State::Deferred { until } => ("deferred", format!("next try at {}", until.to_rfc3339())),
        State::Held { reason, by, until } => ("held", held(*reason, by, *until)),
        State::Quarantined { reason } => ("quarantined", format!("set aside for review: {reason}")),
        State::Bouncing => ("bouncing", "to be given back to its sender".to_owned()),
        State::Done { outcome, at } => {
            let how = match outcome {
                Outcome::Delivered => "delivered",
                Outcome::Failed => "failed",
                Outcome::Expired => "given up",
                Outcome::Removed => "removed",
            };
            ("done", format!("{how} at {}", at.to_rfc3339()))
        }
    }
}

fn held(reason: Reason, by: &Holder, until: Option<Timestamp>) -> String {
    let until = until.map(|until| until.to_rfc3339());
    match (by, until) {
        (Holder::Operator(name), None) => format!("{name} holds it; `portcullis queue release` frees it"),
        (Holder::Operator(name), Some(until)) => {
            format!("{name} holds it until {until}; `portcullis queue release` frees it now")
        }
        (Holder::Judgement, None) => format!("held when it was accepted: {reason}"),
        (Holder::Judgement, Some(until)) => format!("held when it was accepted: {reason}; decided again at {until}"),
        (Holder::Suspension, _) => format!("its grant is suspended: {reason}"),
    }
}

/// An address without its brackets, as people write it.
pub(crate) fn bare(path: &str) -> String {
    path.strip_prefix('<')
        .and_then(|path| path.strip_suffix('>'))
        .unwrap_or(path)
        .to_owned()
}

fn said(reply: &str) -> String {
    format!("\"{reply}\"")
}
