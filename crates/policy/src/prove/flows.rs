//! Properties of everything that judgement lets through, and what is asserted of it.

use super::cell::{Cell, Seen};
use super::described::Described;
use super::names::Names;
use super::property::{Breach, Judged, Property, Severity, ground_name};
use super::ranges::Ranges;
use super::subject::Subject;
use crate::decide::{Decision, Ground};
use crate::facts::RecipientForm;
use crate::intent::Must;
use crate::model::{By, Grant, Place, Role};

/// What is found while the cells pass by.
pub(crate) struct Flows<'p, 's> {
    subject: &'p Subject<'s>,
    ours: Ranges,
    relay: Judged,
    front: Judged,
    outsiders: Judged,
    clear: Judged,
    dates: Judged,
    unknown: Judged,
    nevers: Vec<(Described<'s>, Judged)>,
    /// By grant: whether any message at all is accepted on its ground.
    alive: Vec<bool>,
    /// How many cells passed by.
    pub(crate) cells: u64,
}

fn property(id: &'static str, sentence: &str) -> Judged {
    Judged::new(Property {
        id,
        sentence: sentence.to_owned(),
        severity: Severity::Blocking,
        place: None,
    })
}

impl<'p, 's> Flows<'p, 's> {
    pub(crate) fn new(subject: &'p Subject<'s>) -> Self {
        let book = subject.snapshot.rulebook();
        let nevers = book.intent.assertions.iter().filter(|one| one.must == Must::Never);
        Self {
            subject,
            ours: subject.our_clients(),
            relay: property("relay-by-grant", "nobody without a grant sends to other organisations"),
            front: property(
                "front-gate-relays-not",
                "the front gate takes mail for our own domains only",
            ),
            outsiders: property(
                "outsiders-not-as-us",
                "outsiders never send as one of us through the front gate, except to postmaster and abuse",
            ),
            clear: property(
                "no-login-in-clear",
                "no login and no certificate counts on a connection in clear",
            ),
            dates: property(
                "grants-within-dates",
                "no grant lets mail in before it begins, after it ends or while suspended",
            ),
            unknown: property(
                "unknown-widens-not",
                "where an authority fact is unknown, no grant lets mail in",
            ),
            nevers: nevers.map(|one| (Described::of(one, subject), asserted(one))).collect(),
            alive: vec![false; book.grants.len()],
            cells: 0,
        }
    }

    /// Looks at one cell.
    pub(crate) fn see(&mut self, cell: &Cell, decision: &Decision) {
        self.cells += 1;
        if !decision.verdict.accepts() || !decision.complete {
            return;
        }
        match decision.ground {
            Some(Ground::Grant(index)) => self.see_grant(index, cell, decision),
            _ => self.see_ungranted(cell, decision),
        }
        let subject = self.subject;
        for (described, judged) in &mut self.nevers {
            if let Some(both) = described.among(cell, decision) {
                let cause = cause_of(subject, described, &both, decision);
                // One message for each cause is enough: others differ in what nobody asked about.
                if judged.breaches.iter().all(|known| known.place != cause) {
                    judged.breach(|| broken_never(subject, described, &both, decision, cause));
                }
            }
        }
    }

    fn see_grant(&mut self, index: u32, cell: &Cell, decision: &Decision) {
        let subject = self.subject;
        let Some(grant) = subject.snapshot.grant(index) else {
            return;
        };
        if let Some(alive) = self.alive.get_mut(index as usize) {
            *alive = true;
        }
        let broken = |because: String| engine_breach(subject, cell, grant, because);
        if !matches!(grant.by, By::Address(_)) && cell.encrypted != Seen::Known(true) {
            self.clear
                .breach(|| broken("the session is not known to be encrypted".to_owned()));
        }
        let within = grant.from_time <= cell.from_time && cell.until <= grant.until;
        if !within || grant.state != crate::model::GrantState::Active {
            self.dates
                .breach(|| broken("the grant is not in force at that moment".to_owned()));
        }
        if has_unknown(cell) {
            self.unknown
                .breach(|| broken("what nobody knows was taken for good".to_owned()));
        }
        if self.role(cell) == Some(Role::Mx) {
            self.front
                .breach(|| broken("the front gate looked at a grant".to_owned()));
        }
        debug_assert!(decision.ground == Some(Ground::Grant(index)), "a grant's own cell");
    }

    fn see_ungranted(&mut self, cell: &Cell, decision: &Decision) {
        let subject = self.subject;
        let front = self.role(cell) == Some(Role::Mx);
        if let Some(external) = subject.external(&cell.recipient) {
            let judged = if front { &mut self.front } else { &mut self.relay };
            judged.breach(|| not_ours(subject, cell, external, decision));
        }
        let to_role = cell
            .recipient
            .known()
            .is_some_and(|names| names.forms() == super::names::Forms::only(RecipientForm::Role));
        if front && !to_role {
            self.see_outsiders(cell, decision);
        }
    }

    fn see_outsiders(&mut self, cell: &Cell, decision: &Decision) {
        let everybody = Names::all();
        let Seen::Known(senders) = (match &cell.sender {
            Seen::Unread => &Seen::Known(everybody),
            known => known,
        }) else {
            return;
        };
        let as_us = senders.within(&self.subject.tables.own);
        let clients = cell
            .client
            .known()
            .map_or_else(Ranges::all, |clients| (**clients).clone());
        let outside = clients.without(&self.ours);
        if as_us.is_empty() || outside.is_empty() {
            return;
        }
        let subject = self.subject;
        let narrowed = Cell {
            sender: Seen::Known(as_us),
            client: Seen::Known(outside.into()),
            ..cell.clone()
        };
        self.outsiders.breach(|| Breach {
            story: subject.story(&narrowed),
            because: "judgement takes an outsider for one of us".to_owned(),
            place: place_of(subject, decision),
            others: Vec::new(),
            remedy: "this is a fault of the program: do not serve this configuration, and tell its makers".to_owned(),
        });
    }

    fn role(&self, cell: &Cell) -> Option<Role> {
        Some(self.subject.snapshot.listener(cell.listener?)?.role)
    }

    /// What was found, and which grants let nobody in.
    pub(crate) fn finish(self) -> (Vec<Judged>, Vec<bool>) {
        let mut judged = vec![
            self.relay,
            self.front,
            self.outsiders,
            self.clear,
            self.dates,
            self.unknown,
        ];
        judged.extend(self.nevers.into_iter().map(|(_, judged)| judged));
        (judged, self.alive)
    }
}

pub(crate) fn asserted(assertion: &crate::intent::Assertion) -> Judged {
    let (id, word) = match assertion.must {
        Must::Never => ("never", "[[never]]"),
        Must::Always => ("always", "[[always]]"),
    };
    Judged::new(Property {
        id,
        sentence: format!("{word} \"{}\"", assertion.name),
        severity: Severity::Blocking,
        place: Some(assertion.place),
    })
}

fn has_unknown(cell: &Cell) -> bool {
    matches!(cell.client, Seen::Unknown)
        || matches!(cell.encrypted, Seen::Unknown)
        || matches!(cell.login, Seen::Unknown)
        || matches!(cell.certificate, Seen::Unknown)
        || matches!(cell.sender, Seen::Unknown)
        || matches!(cell.recipient, Seen::Unknown)
        || matches!(cell.exists, Seen::Unknown)
        || matches!(cell.from, Seen::Unknown)
        || matches!(cell.octets, Seen::Unknown)
        || matches!(cell.usage, Seen::Unknown)
}

fn engine_breach(subject: &Subject<'_>, cell: &Cell, grant: &Grant, because: String) -> Breach {
    Breach {
        story: subject.story(cell),
        because,
        place: grant.place,
        others: Vec::new(),
        remedy: "this is a fault of the program: do not serve this configuration, and tell its makers".to_owned(),
    }
}

fn not_ours(subject: &Subject<'_>, cell: &Cell, external: Names, decision: &Decision) -> Breach {
    let narrowed = Cell {
        recipient: Seen::Known(external),
        ..cell.clone()
    };
    let ground = decision
        .ground
        .map_or_else(|| "nothing".to_owned(), |ground| ground_name(ground, subject.snapshot));
    Breach {
        story: subject.story(&narrowed),
        because: format!("{ground} takes a domain that is not in organisation.domains"),
        place: place_of(subject, decision),
        others: vec![subject.snapshot.rulebook().organisation.place],
        remedy: "add the domain to organisation.domains if it is ours, or take it out there".to_owned(),
    }
}

pub(crate) fn place_of(subject: &Subject<'_>, decision: &Decision) -> Place {
    let snapshot = subject.snapshot;
    let place = match decision.ground {
        Some(Ground::Grant(index)) => snapshot.grant(index).map(|grant| grant.place),
        Some(Ground::Route(Some(index))) => snapshot.route(index).map(|route| route.place),
        Some(Ground::Forward(index)) => snapshot.forward(index).map(|forward| forward.place),
        Some(Ground::Route(None)) | None => None,
    };
    place.unwrap_or_default()
}

/// The declaration that lets a message in against an assertion: its grant or forward, the route at the front gate, and
/// elsewhere the listener, which says what clients without a grant may do.
fn cause_of(subject: &Subject<'_>, described: &Described<'_>, both: &Cell, decision: &Decision) -> Place {
    let listener = both.listener.and_then(|index| subject.snapshot.listener(index));
    let by_listener = matches!(decision.ground, Some(Ground::Route(_)) | None)
        && listener.is_some_and(|listener| listener.role != Role::Mx);
    match place_of(subject, decision) {
        place if place.line > 0 && !by_listener => place,
        _ => listener.map_or(described.assertion.place, |listener| listener.place),
    }
}

fn broken_never(
    subject: &Subject<'_>,
    described: &Described<'_>,
    both: &Cell,
    decision: &Decision,
    place: Place,
) -> Breach {
    let grant = decision.grant(subject.snapshot);
    let (because, remedy) = match grant {
        Some(grant) if described.clients.is_some() && !binds_clients(grant) => (
            format!("grant {} names no networks", grant.name),
            "add `networks = [...]` to the grant, or narrow the assertion, as with `identity = \"none\"`".to_owned(),
        ),
        Some(grant) => (
            format!("grant {} allows it", grant.name),
            "narrow the grant, or narrow the assertion to what you mean".to_owned(),
        ),
        None => (
            match decision.ground {
                Some(ground) => format!("{} takes it without a grant", ground_name(ground, subject.snapshot)),
                None => "it is taken without a grant".to_owned(),
            },
            "change what the listener takes from clients without a grant, or narrow the assertion".to_owned(),
        ),
    };
    Breach {
        story: subject.story(both),
        because,
        place,
        others: vec![described.assertion.place],
        remedy,
    }
}

fn binds_clients(grant: &Grant) -> bool {
    !grant.networks.is_empty() || grant.zone.is_some() || matches!(grant.by, By::Address(_))
}
