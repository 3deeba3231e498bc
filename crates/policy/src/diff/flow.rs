//! One flow that a change makes possible or impossible.

use std::collections::BTreeMap;
use std::fmt;

use mail::Timestamp;

use crate::basis::Name;
use crate::decide::{Decision, Ground};
use crate::facts::RecipientForm;
use crate::model::Place;
use crate::prove::{
    Cell, Certificate, Forms, Login, Names, Ranges, Seen, Side, Story, Subject, breadth, ground_name, words,
};
use crate::reason::Reason;

/// How wide a flow is; the widest is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Width {
    /// Whether it leaves the organisation.
    pub external: bool,
    /// Whether nobody has to show who they are.
    pub anonymous: bool,
    /// Bits of the number of client addresses.
    pub clients: u32,
    /// Senders: one address, a domain, domains, anybody.
    pub senders: u32,
    /// Recipients likewise.
    pub recipients: u32,
}

/// A flow: who may send what, in words, and a message that shows it. All fields are plain, so that it can be written
/// in whatever form is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The listeners.
    pub listeners: Vec<Name>,
    /// From which addresses.
    pub source: String,
    /// Under which identity.
    pub identity: String,
    /// As whom.
    pub senders: String,
    /// To whom.
    pub recipients: String,
    /// Whether only postmaster and abuse are meant of those.
    pub roles_only: bool,
    /// From when, where that is bounded.
    pub from_time: Option<Timestamp>,
    /// Until when, where that is bounded.
    pub until: Option<Timestamp>,
    /// More octets than this, where only larger messages are meant.
    pub larger_than: Option<u64>,
    /// What lets it in: `grant erp`.
    pub ground: String,
    /// Where that is declared.
    pub place: Place,
    /// Why the other side refuses it; `None` where it has no such listener.
    pub refused: Option<Reason>,
    /// How wide it is.
    pub width: Width,
    /// A message of it, as judged where it is let in.
    pub example: Option<Story>,
}

/// What makes two parts one flow: all but the listener and the example.
pub(super) type Key = (
    String,
    String,
    String,
    String,
    Option<i64>,
    Option<i64>,
    Option<u64>,
    String,
);

/// Adds a part of a cell to the flows.
pub(super) fn note(
    flows: &mut BTreeMap<Key, Flow>,
    here: &Subject<'_>,
    part: &Cell,
    decision: &Decision,
    refused: Option<&Decision>,
) {
    if part.until.0 < 0 {
        return; // No clock tells a time before 1970.
    }
    let flow = Flow::of(here, part, decision, refused.map(|refused| refused.reason));
    let key = flow.key();
    let known = flows.entry(key).or_insert_with(|| Flow {
        example: here.story(part),
        listeners: Vec::new(),
        ..flow.clone()
    });
    known.roles_only &= flow.roles_only;
    for listener in flow.listeners {
        if !known.listeners.contains(&listener) {
            known.listeners.push(listener);
        }
    }
}

impl Flow {
    fn of(here: &Subject<'_>, part: &Cell, decision: &Decision, refused: Option<Reason>) -> Self {
        let snapshot = here.snapshot;
        let all = Names::all();
        let senders = part.sender.known().unwrap_or(&all);
        let recipients = part.recipient.known().unwrap_or(&all);
        let clients = part.client.known();
        let (ground, place) = ground(here, decision);
        Self {
            listeners: part
                .listener
                .and_then(|index| snapshot.listener(index))
                .map(|one| one.name.clone())
                .into_iter()
                .collect(),
            source: clients.map_or_else(|| "anywhere".to_owned(), ToString::to_string),
            identity: identity(part),
            senders: words(senders, &here.tables.own, Side::Sender),
            recipients: words(recipients, &here.tables.own, Side::Recipient),
            roles_only: recipients.forms() == Forms::only(RecipientForm::Role),
            from_time: (part.from_time.0 > 0).then_some(part.from_time),
            until: (part.until.0 < i64::MAX).then_some(part.until),
            larger_than: part.octets.known().and_then(|(first, _)| first.checked_sub(1)),
            ground,
            place,
            refused,
            width: Width {
                external: here.external(&part.recipient).is_some(),
                anonymous: !matches!(part.login, Seen::Known(Login::Named(_)))
                    && !matches!(part.certificate, Seen::Known(Certificate::Is(_))),
                clients: clients.map_or(128, |clients| Ranges::breadth(clients)),
                senders: breadth(senders),
                recipients: breadth(recipients),
            },
            example: None,
        }
    }

    fn key(&self) -> Key {
        (
            self.source.clone(),
            self.identity.clone(),
            self.senders.clone(),
            self.recipients.clone(),
            self.from_time.map(|at| at.0),
            self.until.map(|at| at.0),
            self.larger_than,
            self.ground.clone(),
        )
    }
}

fn ground(here: &Subject<'_>, decision: &Decision) -> (String, Place) {
    let snapshot = here.snapshot;
    let place = match decision.ground {
        Some(Ground::Grant(index)) => snapshot.grant(index).map(|one| one.place),
        Some(Ground::Route(Some(index))) => snapshot.route(index).map(|one| one.place),
        Some(Ground::Forward(index)) => snapshot.forward(index).map(|one| one.place),
        Some(Ground::Route(None)) | None => None,
    };
    let name = decision
        .ground
        .map_or_else(String::new, |ground| ground_name(ground, snapshot));
    (name, place.unwrap_or_default())
}

fn identity(part: &Cell) -> String {
    match (&part.login, &part.certificate) {
        (Seen::Known(Login::Named(name)), _) => format!("login `{name}`"),
        (_, Seen::Known(Certificate::Is(id))) => format!("certificate {id}"),
        _ => "no login".to_owned(),
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {}", self.source)?;
        let listeners: Vec<String> = self.listeners.iter().map(|name| format!("`{name}`")).collect();
        write!(f, " on {}, {}", listeners.join(", "), self.identity)?;
        let roles = if self.roles_only {
            "postmaster and abuse of "
        } else {
            ""
        };
        write!(f, ", as {}, to {roles}{}", self.senders, self.recipients)?;
        if let Some(octets) = self.larger_than {
            write!(f, ", more than {octets} octets")?;
        }
        match (self.from_time, self.until) {
            (Some(from), Some(until)) => write!(f, ", {} to {}", from.to_date(), until.to_date())?,
            (Some(from), None) => write!(f, ", from {} on", from.to_date())?,
            (None, Some(until)) => write!(f, ", until {}", until.to_date())?,
            (None, None) => {}
        }
        write!(f, ": {}", self.ground)
    }
}
