//! What one line of the ledger tells of a decision.

use std::net::IpAddr;

use ledger::{
    Attempt, Event, GrantLeftOut, GrantStepped, Ground, Key, Line, LoginOutcome, LoginReleased, Origin, Refused,
    RefusedMany,
};
use mail::Timestamp;

use super::advice::{self, Advice};
use super::{Decision, Present, again};
use crate::story::bare;

/// What a line tells; `None` where nothing was decided about anybody.
pub(super) fn told(line: &Line, key: &Key, present: Option<Present<'_>>) -> Option<Decision> {
    let at = line.at.to_rfc3339();
    Some(match &line.event {
        Event::Refused(facts) => refused(at, facts, again(&line.event, present)),
        Event::RefusedMany(many) => refused_many(at, many, key, present)?,
        Event::Accepted(facts) => accepted(at, facts),
        Event::Login(facts) => login(at, facts),
        Event::LoginReleased(facts) => let_in(at, facts),
        Event::Delivered(attempt) => tried(at, "delivered", attempt, "The next server has it; ask there"),
        Event::Failed(attempt) => tried(
            at,
            "failed",
            attempt,
            "Its sender (or the contact of its grant) was told; mend what the other server names and send it again",
        ),
        Event::Deferred(facts) => {
            let next = format!("Nothing: it is tried again at {}", facts.until.to_rfc3339());
            tried(at, "deferred", &facts.attempt, &next)
        }
        Event::Held(change) => changed(at, "held", change, "`portcullis queue release` lets it go"),
        Event::Released(change) => changed(at, "released", change, "Nothing"),
        Event::Removed(change) => changed(at, "removed", change, "Ask who removed it; it is not delivered"),
        Event::GrantStepped(step) => stepped(step),
        Event::GrantLeftOut(facts) => left_out(at, facts),
        _ => return None,
    })
}

/// Somebody has looked, and lets a login, or an address, in again.
fn let_in(at: String, facts: &LoginReleased) -> Decision {
    blank(
        at,
        "let in again",
        format!("{} said so: {}; its failures are forgotten", facts.by, facts.reason),
        "Nothing".to_owned(),
    )
}

/// A step of a case, at the time it was taken.
fn stepped(step: &GrantStepped) -> Decision {
    let (case, to) = (&step.grant, &step.to);
    let from = step.from.as_ref().filter(|from| *from != to);
    let stands = from.map_or_else(|| format!("it is {to}"), |from| format!("it was {from} and is {to}"));
    let said = step.reason.as_ref().map(|said| format!(": {said}")).unwrap_or_default();
    let tells = match case.starts_with("list-") {
        true => format!("`portcullis access attest {case}` tells the whole list"),
        false => format!("`portcullis access show {case}` tells the whole case"),
    };
    Decision {
        grant: Some(case.to_string()),
        ..blank(
            step.taken.to_rfc3339(),
            step.what.as_str(),
            format!("{} did so{said}; {stands} since", step.by),
            tells,
        )
    }
}

fn left_out(at: String, facts: &GrantLeftOut) -> Decision {
    let case = &facts.grant;
    let (what, because, next) = match &facts.why {
        Some(why) => (
            "left out",
            format!(
                "beside generation {} of the configuration it does not serve: {why}",
                facts.generation
            ),
            format!("Change {case}, or the declaration it is in conflict with"),
        ),
        None => (
            "serves",
            format!(
                "nothing in generation {} of the configuration is against it any more",
                facts.generation
            ),
            "Nothing".to_owned(),
        ),
    };
    Decision {
        grant: Some(case.to_string()),
        ..blank(at, what, because, next)
    }
}

fn blank(at: String, what: &str, because: String, next: String) -> Decision {
    Decision {
        at,
        what: what.to_owned(),
        id: None,
        source: None,
        listener: None,
        login: None,
        certificate: None,
        grant: None,
        from: None,
        to: Vec::new(),
        rule: None,
        because,
        reply: None,
        more: None,
        next,
        now: None,
    }
}

impl Decision {
    fn from(self, origin: &Origin) -> Self {
        if origin.session.number() == 0 {
            return self;
        }
        Self {
            source: Some(origin.client.to_string()),
            listener: Some(origin.listener.to_string()),
            login: origin.login.as_ref().map(ToString::to_string),
            certificate: origin.tls.as_ref().and_then(ledger::Tls::shown),
            grant: origin.grant.as_ref().map(ToString::to_string),
            ..self
        }
    }
}

fn refused(at: String, facts: &Refused, now: Option<String>) -> Decision {
    let Advice { because, next } = advice::of(facts.reason.as_str());
    let enhanced = facts.enhanced.map(|code| format!(" {code}")).unwrap_or_default();
    let to = facts.rcpt.iter().chain(&facts.recipients);
    let what = if facts.code < 500 { "not now" } else { "refused" };
    Decision {
        id: Some(facts.event.to_string()),
        from: facts.from.as_ref().map(|from| path(from.as_str())),
        to: to.map(|one| path(one.as_str())).collect(),
        rule: Some(facts.reason.to_string()),
        reply: Some(format!("{}{enhanced} {}", facts.code, facts.text)),
        now,
        ..blank(at, what, because.to_owned(), next.to_owned())
    }
    .from(&facts.origin)
}

/// Of refusals that are told of together, the one that was asked about, or the first.
fn refused_many(at: String, many: &RefusedMany, key: &Key, present: Option<Present<'_>>) -> Option<Decision> {
    let mut samples = many.samples.iter().map(|one| Event::Refused(Box::new(one.clone())));
    let event = samples.clone().find(|event| key.fits(event)).or(samples.next())?;
    let Event::Refused(facts) = &event else { return None };
    let one = refused(at, facts, again(&event, present));
    Some(Decision {
        more: Some(more(many)),
        ..one
    })
}

/// How many more there were like the one that is told.
pub(crate) fn more(many: &RefusedMany) -> String {
    let (times, first, last) = (many.times.saturating_sub(1), clock(many.first), clock(many.last));
    let sessions = match many.sessions {
        1 => "the same session".to_owned(),
        all if all >= RefusedMany::SESSIONS_COUNTED => format!("{all} sessions or more"),
        all => format!("{all} sessions"),
    };
    let whose = match many.source {
        None => ", of many sources",
        Some(IpAddr::V6(_)) if many.sessions > 1 => ", of its /64",
        Some(_) => "",
    };
    format!(
        "and {} more like this between {first} and {last}, in {sessions}{whose}",
        grouped(times)
    )
}

/// Hours, minutes and seconds.
fn clock(at: Timestamp) -> String {
    let text = at.to_rfc3339();
    text.get(11..19).unwrap_or_default().to_owned()
}

/// 4312 as 4,312.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn accepted(at: String, facts: &ledger::Accepted) -> Decision {
    let held = facts
        .recipients
        .iter()
        .find_map(|one| Some((one.held.as_ref()?, one.quarantined)));
    let ground = facts.recipients.first().map(|one| match &one.basis {
        Ground::Grant(name) => format!("grant {name} allows it"),
        Ground::Route(name) => format!("route {name} takes it"),
        Ground::Forward(name) => format!("forward {name} takes it"),
        Ground::Notice { parent, .. } if *parent == facts.message => "it is a letter of the registry".to_owned(),
        Ground::Notice { parent, kind } => format!("it is the {kind} notice about {parent}"),
    });
    let ground = ground.unwrap_or_default();
    let id = facts.message.to_string();
    let (what, because, next) = match held {
        Some((reason, quarantined)) => {
            let Advice { because, next } = advice::of(reason.as_str());
            let what = if quarantined { "set aside" } else { "held" };
            (what, format!("{ground}, but {because}"), next.to_owned())
        }
        None => (
            "accepted",
            ground,
            format!("`portcullis trace {id}` tells what became of it"),
        ),
    };
    Decision {
        id: Some(id),
        from: Some(path(facts.from.as_str())),
        to: facts
            .recipients
            .iter()
            .map(|one| path(one.asked.as_ref().unwrap_or(&one.rcpt).as_str()))
            .collect(),
        rule: held.map(|(reason, _)| reason.to_string()),
        ..blank(at, what, because, next)
    }
    .from(&facts.origin)
}

fn login(at: String, facts: &ledger::Login) -> Decision {
    let (because, next) = match facts.outcome {
        LoginOutcome::Proved => ("it proved who it is", "Nothing"),
        LoginOutcome::UnknownLogin => (
            "there is no such login",
            "Compare the user name on the machine with its grant",
        ),
        LoginOutcome::WrongSecret => ("the password is wrong", "Set the password on the machine again"),
        LoginOutcome::WithoutGrant => (
            "the password is right, but no grant is bound to this login here",
            "Ask for a grant for this login",
        ),
        LoginOutcome::Malformed => (
            "the program does not follow the login mechanism",
            "Choose another mechanism on the machine, or a newer program",
        ),
        LoginOutcome::OtherMechanism => (
            "SCRAM cannot prove every login here, and failed for this one; the next session offers the others",
            "See whether the next login worked; else set the password on the machine again",
        ),
        LoginOutcome::Stopped => (
            "the login is stopped: a hundred wrong passwords came in a row",
            "See who guesses, then `portcullis logins release`, or give the login another secret",
        ),
        LoginOutcome::LockedOut => (
            "too many failures came before it",
            "Stop the machine that tries a wrong password, and wait for the lock to end",
        ),
        LoginOutcome::Unavailable => (
            "nobody could be asked for the password",
            "Try again; tell who runs this gate",
        ),
    };
    let what = if facts.outcome == LoginOutcome::Proved {
        "login"
    } else {
        "login refused"
    };
    let because = match &facts.tried {
        Some(name) => format!("{because}: {name}"),
        None => because.to_owned(),
    };
    Decision {
        id: facts.event.map(|event| event.to_string()),
        ..blank(at, what, because, next.to_owned())
    }
    .from(&facts.origin)
}

fn tried(at: String, what: &str, attempt: &Attempt, next: &str) -> Decision {
    let because = match attempt.host.as_str() {
        "" => "no server was reached".to_owned(),
        host => format!("{host} answered so"),
    };
    Decision {
        id: Some(attempt.message.to_string()),
        to: vec![path(attempt.rcpt.as_str())],
        reply: Some(attempt.text.to_string()),
        ..blank(at, what, because, next.to_owned())
    }
}

fn changed(at: String, what: &str, change: &ledger::Change, next: &str) -> Decision {
    Decision {
        id: Some(change.message.to_string()),
        to: change.rcpt.iter().map(|rcpt| path(rcpt.as_str())).collect(),
        ..blank(
            at,
            what,
            format!("{} did so: {}", change.by, change.reason),
            next.to_owned(),
        )
    }
}

fn path(text: &str) -> String {
    match bare(text) {
        empty if empty.is_empty() => "<>".to_owned(),
        address => address,
    }
}
