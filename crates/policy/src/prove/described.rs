//! What an assertion describes, as a set of messages.

use std::sync::Arc;

use super::cell::{Cell, Certificate, Login, Seen};
use super::names::Names;
use super::ranges::Ranges;
use super::region::{Atom, Region};
use super::subject::Subject;
use crate::decide::{Decision, Ground};
use crate::intent::{AsWhom, Assertion, Door, ToWhom, Who};
use crate::model::By;

/// An assertion's sets; `None` where it leaves something open.
pub(crate) struct Described<'s> {
    pub(crate) assertion: &'s Assertion,
    /// The listeners, by index.
    pub(crate) listeners: Vec<u32>,
    pub(crate) clients: Option<Arc<Ranges>>,
    pub(crate) senders: Vec<Names>,
    pub(crate) recipients: Vec<Names>,
    /// The grant of `who`; the inner `None` where there is none of that name.
    pub(crate) grant: Option<Option<u32>>,
}

impl<'s> Described<'s> {
    pub(crate) fn of(assertion: &'s Assertion, subject: &Subject<'s>) -> Self {
        let book = subject.snapshot.rulebook();
        let fits = |name: &str, role| match &assertion.door {
            None => true,
            Some(Door::Named(wanted)) => **wanted == *name,
            Some(Door::Role(wanted)) => *wanted == role,
        };
        let listeners = (0u32..)
            .zip(&book.listeners)
            .filter(|(_, listener)| fits(&listener.name, listener.role))
            .map(|(index, _)| index)
            .collect();
        let clients = (!assertion.sources.is_empty()).then(|| Arc::new(Ranges::of(&assertion.sources)));
        let grant = match &assertion.who {
            Who::Grant(name) => {
                let index = book.grants.iter().position(|grant| grant.name == *name);
                Some(index.and_then(|index| u32::try_from(index).ok()))
            }
            Who::Anybody | Who::Nobody | Who::Login(_) => None,
        };
        Self {
            assertion,
            listeners,
            clients,
            senders: assertion.senders.iter().map(|one| senders(one, subject)).collect(),
            recipients: assertion
                .recipients
                .iter()
                .map(|one| recipients(one, subject))
                .collect(),
            grant,
        }
    }

    /// The messages of an accepting cell that are described; `None` where there are none.
    pub(crate) fn among(&self, cell: &Cell, decision: &Decision) -> Option<Cell> {
        let mut both = cell.clone();
        if !cell.listener.is_some_and(|listener| self.listeners.contains(&listener)) {
            return None;
        }
        if let Some(wanted) = self.assertion.encrypted {
            both.encrypted = meet(&cell.encrypted, &wanted, |own, wanted| (own == wanted).then_some(*own))?;
        }
        self.who(&mut both, decision)?;
        both.sender = any_of(&cell.sender, &self.senders)?;
        both.recipient = any_of(&cell.recipient, &self.recipients)?;
        if let Some(clients) = &self.clients {
            both.client = meet(&cell.client, clients, |own, wanted| {
                let met = own.and(wanted);
                (!met.is_empty()).then(|| Arc::new(met))
            })?;
        }
        Some(both)
    }

    fn who(&self, both: &mut Cell, decision: &Decision) -> Option<()> {
        match &self.assertion.who {
            Who::Anybody => {}
            Who::Nobody => {
                both.login = meet(&both.login, &Login::None, |own, _| {
                    (*own == Login::None).then_some(Login::None)
                })?;
                both.certificate = meet(&both.certificate, &Certificate::Unbound, |own, _| {
                    (*own == Certificate::Unbound).then_some(Certificate::Unbound)
                })?;
            }
            Who::Login(name) => {
                let wanted = Login::Named(name.clone());
                let same = |own: &Login| matches!(own, Login::Named(own) if own.eq_ignore_ascii_case(name));
                both.login = meet(&both.login, &wanted, |own, _| same(own).then(|| own.clone()))?;
            }
            Who::Grant(_) => {
                let ground = decision.ground?;
                (self.grant?.map(Ground::Grant) == Some(ground)).then_some(())?;
            }
        }
        Some(())
    }

    /// The described messages on one listener, to be walked for `always`: one cell for each sender and recipient.
    pub(crate) fn starts(&self, listener: u32, subject: &Subject<'_>) -> Vec<Cell> {
        let mut start = Cell {
            listener: Some(listener),
            encrypted: Seen::Known(self.assertion.encrypted.unwrap_or(true)),
            login: Seen::Known(Login::None),
            certificate: Seen::Known(Certificate::Unbound),
            client: self
                .clients
                .as_ref()
                .map_or(Seen::Unread, |clients| Seen::Known(Arc::clone(clients))),
            ..Cell::everything()
        };
        match (&self.assertion.who, self.grant.flatten()) {
            (Who::Login(name), _) => start.login = Seen::Known(Login::Named(name.clone())),
            (_, Some(index)) => match subject.snapshot.grant(index).map(|grant| &grant.by) {
                Some(By::Login(name)) => start.login = Seen::Known(Login::Named(name.clone())),
                // Each of them opens the same.
                Some(By::Certificate(ids)) if let Some(id) = ids.first() => {
                    start.certificate = Seen::Known(Certificate::Is(id.clone()));
                }
                Some(By::Address(_)) if self.clients.is_none() => {
                    let area = subject.tables.areas.get(&index).cloned();
                    start.client = Seen::Known(area.unwrap_or_else(|| Arc::new(Ranges::none())));
                }
                _ => {}
            },
            _ => {}
        }
        let senders = open_or(&self.senders);
        let recipients = open_or(&self.recipients);
        senders
            .iter()
            .flat_map(|sender| recipients.iter().map(move |recipient| (sender, recipient)))
            .map(|(sender, recipient)| Cell {
                sender: sender.clone(),
                recipient: recipient.clone(),
                ..start.clone()
            })
            .collect()
    }
}

fn open_or(names: &[Names]) -> Vec<Seen<Names>> {
    if names.is_empty() {
        return vec![Seen::Unread];
    }
    names.iter().cloned().map(Seen::Known).collect()
}

/// What a cell says, narrowed; `None` where nothing is left or nobody knows.
fn meet<T: Clone>(own: &Seen<T>, wanted: &T, both: impl FnOnce(&T, &T) -> Option<T>) -> Option<Seen<T>> {
    match own {
        Seen::Unread => Some(Seen::Known(wanted.clone())),
        Seen::Known(own) => both(own, wanted).map(Seen::Known),
        Seen::Unknown | Seen::NotYet => None,
    }
}

fn any_of(own: &Seen<Names>, wanted: &[Names]) -> Option<Seen<Names>> {
    if wanted.is_empty() {
        return Some(own.clone());
    }
    wanted.iter().find_map(|wanted| {
        meet(own, wanted, |own, wanted| {
            let both = own.and(wanted);
            (!both.is_empty()).then_some(both)
        })
    })
}

fn senders(whom: &AsWhom, subject: &Subject<'_>) -> Names {
    let all = Names::all();
    match whom {
        AsWhom::Null => all.within(&Arc::new(Region::new(vec![Atom::Bare]))),
        AsWhom::Ours => all.within(&subject.tables.own),
        AsWhom::Outside => all.without(&subject.tables.own),
        AsWhom::Pattern(pattern) => all.within(&Arc::new(Region::of_senders(std::slice::from_ref(pattern)))),
    }
}

fn recipients(whom: &ToWhom, subject: &Subject<'_>) -> Names {
    let all = Names::all();
    match whom {
        ToWhom::Ours => all.within(&subject.tables.own_recipients),
        ToWhom::External => all.without(&subject.tables.own_recipients),
        ToWhom::Domains(pattern) => all.within(&Arc::new(Region::of_domains([pattern]))),
        ToWhom::Exactly(mailbox) => all.within(&Arc::new(Region::of_mailboxes(std::slice::from_ref(mailbox)))),
    }
}
