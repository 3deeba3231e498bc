//! A case in words, and as JSON.

use mail::Timestamp;
use registry::{Deadline, Handover, Kept, Person, State, Suspension, Track};
use serde_json::{Value, json};

use crate::story::Printable;

/// A time as RFC 3339, or nothing.
pub(super) fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| at.to_rfc3339().into())
}

/// A time to the minute.
pub(super) fn minute(at: Timestamp) -> String {
    at.to_rfc3339().get(..16).unwrap_or_default().replacen('T', " ", 1)
}

/// What it is, and where: `copier 10.1.2.3 (copier.example.edu)`.
pub(super) fn what(kept: &Kept) -> String {
    let form = &kept.form;
    let mut text = if form.device.trim().is_empty() {
        "something"
    } else {
        form.device.trim()
    }
    .to_owned();
    if !form.address.trim().is_empty() {
        text.push_str(&format!(" {}", form.address.trim()));
    }
    if !form.host.trim().is_empty() {
        text.push_str(&format!(" ({})", form.host.trim()));
    }
    Printable(&text).to_string()
}

/// Who answers for it: the requestor, where nobody is named.
pub(super) fn owner(kept: &Kept) -> &str {
    let owner = kept.form.owner.email.trim();
    if owner.is_empty() {
        kept.case.requestor.address()
    } else {
        owner
    }
}

/// The track, as it is stored and shown.
pub(super) const fn track(kept: &Kept) -> &'static str {
    match kept.case.track {
        Track::Authenticated => "authenticated",
        Track::Exception => "exception",
        Track::Consultation { security: false } => "consultation",
        Track::Consultation { security: true } => "consultation with security",
    }
}

/// What a track means.
pub(super) const fn track_means(kept: &Kept) -> &'static str {
    match kept.case.track {
        Track::Authenticated => "it can log in: an administrator approves",
        Track::Exception => "it cannot log in over TLS: somebody takes the risk, and security decides",
        Track::Consultation { security: false } => "it is talked over, then an administrator approves",
        Track::Consultation { security: true } => "it is talked over, and security decides",
    }
}

/// What has to happen next, by whom, and the command for it.
pub(super) fn next(kept: &Kept) -> Option<String> {
    let id = kept.id;
    let case = &kept.case;
    let head = case.head.as_ref().map_or("the head", |head| head.address());
    let for_security = matches!(case.track, Track::Exception | Track::Consultation { security: true });
    Some(match case.state {
        State::Draft => format!("its requestor asks for it: portcullis access request --case {id} --submit"),
        State::Submitted => format!(
            "an administrator finds it complete: portcullis access approve {id} (or portcullis access reject {id} --ask ...)"
        ),
        State::NeedsInformation => {
            format!("its people answer: portcullis access request --case {id} --form FILE")
        }
        State::AwaitingHeadAck => format!("{head} takes the risk, or declines: portcullis access ack {id} --as {head}"),
        State::SecurityReview => {
            format!("security decides: portcullis access approve {id} --risk low --control ... --until DATE")
        }
        State::Approved => format!("the network is checked, and it is set up: portcullis access provision {id}"),
        State::WaitingNetwork => format!(
            "the network has to change first: portcullis access checks {id} says what; portcullis access provision {id} \
             tries again"
        ),
        State::Provisioned => "its first message".to_owned(),
        _ if case.unreviewed && case.state.admits_mail() => match case.track {
            Track::Exception if !case.is_acknowledged() => format!(
                "it is reviewed before its end: {head} takes the risk (portcullis access ack {id}), then security decides \
                 (portcullis access approve {id} --risk ...)"
            ),
            _ if for_security => {
                format!("security reviews it before its end: portcullis access approve {id} --risk ...")
            }
            _ => format!("an administrator reviews it before its end: portcullis access approve {id}"),
        },
        State::IdleWarned => format!(
            "its people say whether it is still needed: portcullis access renew {id} --keep WHY, or portcullis access revoke \
             {id}"
        ),
        State::ReviewDue if case.track == Track::Exception => format!(
            "it goes on where {head} takes the risk again (portcullis access ack {id}) and security decides (portcullis \
             access approve {id} --risk ...)"
        ),
        State::ReviewDue => format!("its owner renews it, or it ends: portcullis access renew {id}"),
        State::Suspended(Suspension::Abuse) => format!(
            "security looks at it: portcullis access reinstate {id} --reason ..., or portcullis access revoke {id}"
        ),
        State::Suspended(_) => format!(
            "an administrator lets it serve again: portcullis access reinstate {id} --reason ..., or portcullis access \
             revoke {id}"
        ),
        State::Expired if case.track == Track::Exception => {
            format!("for a while {head} may take the risk anew: portcullis access ack {id}; then it is a new request")
        }
        State::Expired => {
            format!("for a while its owner may renew it: portcullis access renew {id}; then it is a new request")
        }
        State::Active => return None,
        State::Revoked(_) | State::Rejected | State::Withdrawn | State::Superseded => return None,
    })
}

/// What time does next, in words.
pub(super) const fn deadline(deadline: Deadline) -> &'static str {
    match deadline {
        Deadline::DraftForgotten => "the draft is put away",
        Deadline::InformationReminder => "its people are reminded of the question",
        Deadline::InformationMissing => "it is withdrawn, as nobody answered",
        Deadline::HeadReminder => "the head is reminded",
        Deadline::HeadReminderBoth => "head and requestor are reminded",
        Deadline::HeadSilent => "it is withdrawn, as the head did not answer",
        Deadline::NetworkNotReady => "it is withdrawn, as the network did not become ready",
        Deadline::UnusedReminder => "its people are told that it is unused",
        Deadline::Unused => "it is suspended, as it was never used",
        Deadline::Idle => "its people are asked whether it is still needed",
        Deadline::IdleReminder => "its people are asked again",
        Deadline::IdleHeadTold => "the head is asked as well",
        Deadline::IdleUnanswered => "it is suspended, as nobody answered",
        Deadline::IdleOver => "it ends, as nobody missed it",
        Deadline::EndNears => "its people are told that its end is near",
        Deadline::Ended => "it ends",
        Deadline::OrphanUnanswered => "it is suspended, as nobody answers for it",
        Deadline::ContactsUnconfirmed => "its contacts stay as they are, as not everybody agreed to others",
        Deadline::DriftUnanswered => "it is suspended, as the network is not what was registered",
    }
}

/// What is proposed of its contacts, for programs.
fn contacts(proposed: &Handover) -> Value {
    let change = |change: &Option<registry::Change>| {
        let change = change.as_ref()?;
        Some(json!({ "from": change.from.email, "to": change.to.email }))
    };
    json!({
        "technical": change(&proposed.technical),
        "owner": change(&proposed.owner),
        "waits_for": proposed.waits_for().iter().map(Person::address).collect::<Vec<_>>(),
        "until": proposed.until().to_rfc3339(),
    })
}

/// A case with everything that is known of it.
pub(super) fn case(kept: &Kept, next_due: Option<(Deadline, Timestamp)>) -> Value {
    let (form, case) = (&kept.form, &kept.case);
    let acknowledged = case.acknowledged.as_ref().map(|ack| {
        json!({
            "by": ack.by.address(),
            "name": ack.name,
            "version": ack.words.to_string(),
            "at": ack.at.to_rfc3339(),
        })
    });
    json!({
        "id": kept.id.to_string(),
        "owner": owner(kept),
        "state": case.state.code(),
        "until": time(case.until),
        "since": case.entered.to_rfc3339(),
        "pinned": false,
        "unreviewed": case.unreviewed,
        "scope": kept.scope,
        "track": track(kept),
        "requestor": case.requestor.address(),
        "technical": form.technical.email,
        "head": case.head.as_ref().map(|head| head.address().to_owned()),
        "department": form.department,
        "device": form.device,
        "address": form.address,
        "host": form.host,
        "senders": form.senders,
        "recipients": form.recipients,
        "authentication": form.authentication,
        "purpose": form.purpose,
        "acknowledged": acknowledged,
        "decided_by": case.decided_by.as_ref().map(|who| who.address().to_owned()),
        "provisioned": time(case.provisioned),
        "last_accepted": time(case.last_accepted),
        "orphan_since": time(case.orphan),
        "drift_since": time(case.drift),
        "contacts": case.handover.as_ref().map(contacts),
        "next": next(kept),
        "due": next_due.map(|(what, at)| json!({
            "at": at.to_rfc3339(),
            "rule": what.rule(),
            "what": deadline(what),
        })),
    })
}

/// Where a case stands now, and what comes next: the end of most answers.
pub(super) fn outcome(kept: &Kept, next_due: Option<(Deadline, Timestamp)>) -> String {
    let mut text = format!("{}  {}: {}\n", kept.id, kept.case.state, kept.case.state.in_words());
    if let Some(until) = kept.case.until.filter(|_| !kept.case.state.is_over()) {
        text.push_str(&format!("  until  {}\n", until.to_date()));
    }
    if let Some(next) = next(kept) {
        text.push_str(&format!("  next   {}\n", Printable(&next)));
    }
    if let Some(proposed) = &kept.case.handover {
        let waits_for: Vec<String> = proposed.waits_for().iter().map(ToString::to_string).collect();
        let (id, waits_for) = (kept.id, waits_for.join(" and "));
        text.push_str(&format!("  asked  {}\n", Printable(&proposed.words())));
        text.push_str(&format!(
            "  waits  for {} to agree, until {}",
            Printable(&waits_for),
            proposed.until().to_date()
        ));
        text.push_str(&format!(
            ": by the link in the letter, or portcullis access confirm {id}\n"
        ));
    }
    if let Some((what, at)) = next_due {
        text.push_str(&format!("  then   {}: {}\n", at.to_date(), deadline(what)));
    }
    text
}
