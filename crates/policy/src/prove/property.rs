//! What is proven, and what breaks it.

use std::fmt;
use std::net::IpAddr;

use mail::{ForwardPath, ReversePath, Timestamp};

use super::cell::Witness;
use crate::basis::Name;
use crate::decide::{Decision, Ground, Verdict, decide};
use crate::facts::Fact;
use crate::live::Live;
use crate::model::{Place, Role};
use crate::snapshot::Snapshot;

/// Whether a broken property keeps a configuration from serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// It does. Such a property does not turn false by time alone.
    Blocking,
    /// It is told, and nothing more.
    Finding,
}

/// Something that is to be true of every message, or of every declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// A stable name.
    pub id: &'static str,
    /// What is to be true.
    pub sentence: String,
    /// What becomes of a configuration that breaks it.
    pub severity: Severity,
    /// Where it is declared, if the operator did.
    pub place: Option<Place>,
}

/// A property and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What was to be true.
    pub property: Property,
    /// What breaks it, the first few; none: it is proven.
    pub breaches: Vec<Breach>,
    /// How many more there are.
    pub more: usize,
}

impl Judged {
    pub(crate) const fn new(property: Property) -> Self {
        Self {
            property,
            breaches: Vec::new(),
            more: 0,
        }
    }

    /// Whether it is proven.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.breaches.is_empty()
    }

    /// Notes a breach; behind the first few it is counted only, and not made.
    pub(crate) fn breach(&mut self, make: impl FnOnce() -> Breach) {
        const KEPT: usize = 20;
        if self.breaches.len() < KEPT {
            self.breaches.push(make());
        } else {
            self.more += 1;
        }
    }
}

/// A counterexample with its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// What would happen: a message that is judged against the property. None where no message shows it, as with
    /// forms that are missing.
    pub story: Option<Story>,
    /// Why it is possible.
    pub because: String,
    /// The declaration that causes it.
    pub place: Place,
    /// Other declarations that have a part in it.
    pub others: Vec<Place>,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(story) = &self.story {
            writeln!(f, "{story}")?;
        }
        write!(f, "because {}", self.because)?;
        if self.place.line > 0 {
            write!(f, " (line {})", self.place.line)?;
        }
        write!(f, "\n{}", self.remedy)
    }
}

/// A message and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The message, with every fact.
    pub witness: Witness,
    /// The listener's name.
    pub listener: Name,
    /// What the listener is for.
    pub role: Option<Role>,
    /// What becomes of it: live judgement's own answer.
    pub decision: Decision,
    /// The ground, as people say it: `grant erp`, `route inside`, `forward away`.
    pub ground: Option<String>,
}

impl Story {
    /// Asks live judgement about the witness.
    #[must_use]
    pub fn of(witness: Witness, snapshot: &Snapshot) -> Self {
        let decision = decide(snapshot, &mut Live::new(&witness.facts()));
        let listener = snapshot.listener(witness.listener);
        Self {
            listener: listener.map_or_else(|| Name::from("-"), |listener| listener.name.clone()),
            role: listener.map(|listener| listener.role),
            ground: decision.ground.map(|ground| ground_name(ground, snapshot)),
            decision,
            witness,
        }
    }
}

pub(crate) fn ground_name(ground: Ground, snapshot: &Snapshot) -> String {
    match ground {
        Ground::Grant(index) => named("grant", snapshot.grant(index).map(|grant| &grant.name)),
        Ground::Route(Some(index)) => named("route", snapshot.route(index).map(|route| &route.name)),
        Ground::Route(None) => "the rule for postmaster and abuse".to_owned(),
        Ground::Forward(index) => named("forward", snapshot.forward(index).map(|forward| &forward.name)),
    }
}

fn named(what: &str, name: Option<&Name>) -> String {
    format!("{what} {}", name.map_or("?", |name| name))
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.witness;
        match message.client {
            Fact::Known(client) => write!(f, "{client}")?,
            _ => f.write_str("an address nobody knows")?,
        }
        write!(f, ", listener {}", self.listener)?;
        match message.encrypted {
            Fact::Known(true) => f.write_str(", TLS")?,
            Fact::Known(false) => f.write_str(", no TLS")?,
            _ => {}
        }
        match (&message.login, &message.certificate) {
            (Fact::Known(Some(login)), _) => write!(f, ", login `{login}`")?,
            (_, Fact::Known(shown)) if let Some(id) = shown.first() => write!(f, ", certificate {id}")?,
            _ => f.write_str(", no login")?,
        }
        match &message.sender {
            Fact::Known(ReversePath::Null) => f.write_str(", from the null sender")?,
            Fact::Known(ReversePath::Mailbox(sender)) => write!(f, ", from {sender}")?,
            _ => {}
        }
        match &message.recipient {
            Fact::Known(ForwardPath::Postmaster) => f.write_str(", to postmaster")?,
            Fact::Known(ForwardPath::Mailbox(recipient)) => write!(f, ", to {recipient}")?,
            _ => {}
        }
        if message.now != Timestamp(0) {
            write!(f, ", on {}", message.now.to_date())?;
        }
        match self.decision.verdict {
            Verdict::Accept => f.write_str(": accepted")?,
            Verdict::Hold(reason) => write!(f, ": accepted and held ({reason})")?,
            Verdict::Quarantine(reason) => write!(f, ": accepted and set aside ({reason})")?,
            Verdict::Defer(reason) => write!(f, ": deferred ({reason})")?,
            Verdict::Refuse(reason) => write!(f, ": refused ({reason})")?,
        }
        match (&self.ground, self.decision.verdict.accepts()) {
            (Some(ground), true) => write!(f, " by {ground}"),
            (Some(ground), false) => write!(f, ", judged by {ground}"),
            (None, _) => Ok(()),
        }
    }
}

impl Story {
    /// The client's address, where it is known.
    #[must_use]
    pub fn client(&self) -> Option<IpAddr> {
        match self.witness.client {
            Fact::Known(client) => Some(client),
            _ => None,
        }
    }
}
