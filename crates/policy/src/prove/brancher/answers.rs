//! Every question of judgement, answered every way that agrees with what was answered before.

use std::sync::Arc;

use ipnet::IpNet;
use mail::{DomainPattern, Timestamp};

use super::{Brancher, Detail, Question};
use crate::facts::{ContentClass, Fact, FromAnswer, LoginAnswer, Reader, RecipientForm};
use crate::model::{Recipients, Route, SenderPattern};
use crate::ports::Usage;
use crate::prove::cell::{Certificate, From, Login, Seen};
use crate::prove::names::{Forms, Names};
use crate::prove::ranges::Ranges;
use crate::prove::region::{Atom, Region};
use crate::prove::tables::Existence;
use crate::snapshot::{AddressTable, CertificateTable, DomainTable, ForwardTable, LoginTable};

/// The fact of a cell as an answer, where it cannot be known otherwise any more.
macro_rules! settled {
    ($seen:expr) => {
        match $seen {
            Seen::Unknown => return Fact::Unknown,
            Seen::NotYet => return Fact::NotYet,
            Seen::Unread | Seen::Known(_) => {}
        }
    };
}

/// Splits a fact of a cell in two.
macro_rules! split {
    ($self:ident, $question:ident, $field:ident, $whole:expr, $split:expr, $empty:expr) => {{
        settled!($self.cell.$field);
        let fresh = $self.cell.$field.is_unread();
        let (yes, no) = match $self.cell.$field.known() {
            Some(known) => $split(known),
            None => $split(&$whole),
        };
        let mut options = Vec::with_capacity(2);
        if !$empty(&yes) {
            options.push((true, yes));
        }
        if !$empty(&no) {
            options.push((false, no));
        }
        let (fact, seen) = $self.answer(Question::$question, fresh, options);
        $self.cell.$field = seen;
        $self.note(&fact);
        fact
    }};
}

impl Brancher<'_> {
    fn split_sender(&mut self, region: &Arc<Region>) -> Fact<bool> {
        let split = |names: &Names| (names.within(region), names.without(region));
        split!(self, Sender, sender, Names::all(), split, Names::is_empty)
    }

    fn split_recipient(&mut self, region: &Arc<Region>) -> Fact<bool> {
        let split = |names: &Names| (names.within(region), names.without(region));
        split!(self, Recipient, recipient, Names::all(), split, Names::is_empty)
    }
}

impl Reader for Brancher<'_> {
    fn listener(&mut self) -> u32 {
        if self.cell.listener.is_none() {
            let chosen = self.choose(self.snapshot.rulebook().listeners.len());
            self.cell.listener = u32::try_from(chosen).ok();
        }
        self.cell.listener.unwrap_or_default()
    }

    fn client_in(&mut self, networks: &[IpNet]) -> Fact<bool> {
        settled!(self.cell.client);
        let fresh = self.cell.client.is_unread();
        let whole = self.cell.client.known().cloned();
        let [inside, outside] = match &whole {
            Some(whole) => self.halves(whole, networks),
            None => self.inside(networks),
        };
        let mut options = vec![(true, inside), (false, outside)];
        options.retain(|(_, clients)| !clients.is_empty());
        let (fact, seen) = self.answer(Question::Client, fresh, options);
        self.cell.client = seen;
        self.note(&fact);
        fact
    }

    fn encrypted(&mut self) -> Fact<bool> {
        if let Some(known) = self.cell.encrypted.known() {
            return Fact::Known(*known);
        }
        settled!(self.cell.encrypted);
        let (fact, seen) = self.answer(Question::Encrypted, true, vec![(true, true), (false, false)]);
        self.cell.encrypted = seen;
        self.note(&fact);
        fact
    }

    fn login(&mut self, table: &LoginTable) -> Fact<LoginAnswer> {
        settled!(self.cell.login);
        if let Some(login) = self.cell.login.known() {
            let answer = match login {
                Login::None => LoginAnswer::None,
                Login::Named(name) => table.find(name).map_or(LoginAnswer::WithoutGrant, LoginAnswer::Grant),
                Login::Other => LoginAnswer::WithoutGrant,
            };
            if let LoginAnswer::Grant(index) = answer {
                self.grant = Some(index);
            }
            return Fact::Known(answer);
        }
        let doubts = self.detail != Detail::Possible && self.offer.others.no_login;
        let (none, other) = (
            usize::from(self.offer.others.no_login),
            usize::from(self.offer.others.ungranted_login),
        );
        let named = self.offer.logins.len();
        let doubtful = if doubts { 2 } else { 0 };
        let all = none + other + named + doubtful;
        if all == 0 {
            return self.dead();
        }
        let chosen = self.choose(all);
        if chosen < none {
            self.cell.login = Seen::Known(Login::None);
            return Fact::Known(LoginAnswer::None);
        }
        if chosen < none + other {
            self.cell.login = Seen::Known(Login::Other);
            return Fact::Known(LoginAnswer::WithoutGrant);
        }
        if let Some((name, grant)) = self.offer.logins.get(chosen - none - other) {
            self.cell.login = Seen::Known(Login::Named(name.clone()));
            self.grant = Some(*grant);
            return Fact::Known(LoginAnswer::Grant(*grant));
        }
        let unknown = chosen == none + other + named;
        let fact = if unknown { Fact::Unknown } else { Fact::NotYet };
        self.cell.login = if unknown { Seen::Unknown } else { Seen::NotYet };
        self.note(&fact);
        fact
    }

    fn certificate(&mut self, table: &CertificateTable) -> Fact<Option<u32>> {
        settled!(self.cell.certificate);
        if let Some(Certificate::Is(id)) = self.cell.certificate.known() {
            self.grant = table.find(std::slice::from_ref(id));
            return Fact::Known(self.grant);
        }
        let fresh = self.cell.certificate.is_unread();
        let doubtful = if fresh && self.detail != Detail::Possible && self.offer.others.no_certificate {
            2
        } else {
            0
        };
        let unbound = usize::from(self.offer.others.no_certificate);
        // A certificate that was unbound elsewhere may be bound here.
        let bound = if fresh || self.elsewhere.is_some() {
            self.offer.certificates.len()
        } else {
            0
        };
        if unbound + bound + doubtful == 0 {
            return self.dead();
        }
        let chosen = self.choose(unbound + bound + doubtful);
        if chosen < unbound {
            self.cell.certificate = Seen::Known(Certificate::Unbound);
            return Fact::Known(None);
        }
        if chosen - unbound < bound {
            let Some((id, grant)) = self.offer.certificates.get(chosen - unbound).cloned() else {
                return self.dead();
            };
            if !fresh
                && self
                    .elsewhere
                    .is_some_and(|table| table.find(std::slice::from_ref(&id)).is_some())
            {
                return self.dead();
            }
            self.cell.certificate = Seen::Known(Certificate::Is(id));
            self.grant = Some(grant);
            return Fact::Known(Some(grant));
        }
        let unknown = chosen == unbound + bound;
        let fact = if unknown { Fact::Unknown } else { Fact::NotYet };
        self.cell.certificate = if unknown { Seen::Unknown } else { Seen::NotYet };
        self.note(&fact);
        fact
    }

    fn address(&mut self, _: &AddressTable) -> Fact<Option<u32>> {
        settled!(self.cell.client);
        let fresh = self.cell.client.is_unread();
        let seen = self.cell.client.clone();
        let around = self.grants_around(&seen);
        let none = usize::from(self.offer.others.no_exception);
        let doubtful = if fresh && self.detail != Detail::Possible && none == 1 {
            2
        } else {
            0
        };
        if around.len() + none + doubtful == 0 {
            return self.dead();
        }
        let chosen = self.choose(around.len() + none + doubtful);
        let narrowed = |area: &Arc<Ranges>| match &seen {
            Seen::Known(known) => Arc::new(known.and(area)),
            _ => Arc::clone(area),
        };
        if let Some(grant) = around.get(chosen).copied() {
            let area = self.tables.areas.get(&grant).map(narrowed);
            let Some(area) = area.filter(|area| !area.is_empty()) else {
                return self.dead();
            };
            self.cell.client = Seen::Known(area);
            self.grant = Some(grant);
            return Fact::Known(Some(grant));
        }
        if chosen < around.len() + none {
            let area = self.without_exception(&seen);
            if area.is_empty() {
                return self.dead();
            }
            self.cell.client = Seen::Known(area);
            return Fact::Known(None);
        }
        let unknown = chosen == around.len() + none;
        let fact = if unknown { Fact::Unknown } else { Fact::NotYet };
        self.cell.client = if unknown { Seen::Unknown } else { Seen::NotYet };
        self.note(&fact);
        fact
    }

    fn now_before(&mut self, instant: Timestamp) -> bool {
        let before = self.cell.from_time < instant;
        let after = self.cell.until >= instant;
        let first = self.choose(usize::from(before) + usize::from(after)) == 0;
        if before && first {
            self.cell.until = self.cell.until.min(Timestamp(instant.0.saturating_sub(1)));
            return true;
        }
        self.cell.from_time = self.cell.from_time.max(instant);
        false
    }

    fn sender_in(&mut self, patterns: &[SenderPattern]) -> Fact<bool> {
        self.split_sender(&Arc::new(Region::of_senders(patterns)))
    }

    fn sender_domain_in(&mut self, _: &DomainTable<()>) -> Fact<bool> {
        let own = Arc::clone(&self.tables.own);
        self.split_sender(&own)
    }

    fn recipient_form(&mut self) -> Fact<RecipientForm> {
        use RecipientForm::{Literal, Plain, Role, Smuggled};
        settled!(self.cell.recipient);
        let fresh = self.cell.recipient.is_unread();
        let whole = self.recipients();
        let mut options = Vec::with_capacity(4);
        for form in [Plain, Role, Smuggled, Literal] {
            let names = whole.of_form(Forms::only(form));
            if whole.forms().has(form) && !names.is_empty() {
                options.push((form, names));
            }
        }
        let (fact, seen) = self.answer(Question::Recipient, fresh, options);
        self.cell.recipient = seen;
        self.note(&fact);
        fact
    }

    fn recipient_domain_in(&mut self, _: &DomainTable<()>) -> Fact<bool> {
        let own = Arc::clone(&self.tables.own_recipients);
        self.split_recipient(&own)
    }

    fn recipient_route(&mut self, _: &DomainTable<u32>) -> Fact<Option<u32>> {
        settled!(self.cell.recipient);
        let fresh = self.cell.recipient.is_unread();
        let whole = self.recipients();
        let mut options = Vec::new();
        let merged = self.detail != Detail::Full && self.grant.is_some();
        match self.tables.kinds.as_ref().filter(|_| merged) {
            Some(kinds) => {
                self.merged = true;
                let mut rest = whole.clone();
                for (kind, (route, region)) in kinds {
                    if *kind != Existence::Taken {
                        rest = rest.without(region);
                        options.push((Some(*route), whole.within(region)));
                    }
                }
                options.push((None, rest));
            }
            None => {
                for entry in &self.tables.routes {
                    options.push((Some(entry.route), whole.within(&entry.takes).without(&entry.holes)));
                }
                options.push((None, whole.without(&self.tables.routed)));
            }
        }
        options.retain(|(_, names)| !names.is_empty());
        let (fact, seen) = self.answer(Question::Recipient, fresh, options);
        self.cell.recipient = seen;
        self.note(&fact);
        fact
    }

    fn recipient_matches(&mut self, domains: &[DomainPattern]) -> Fact<bool> {
        self.split_recipient(&Arc::new(Region::of_domains(domains)))
    }

    fn recipient_forward(&mut self, _: &ForwardTable) -> Fact<Option<u32>> {
        settled!(self.cell.recipient);
        let fresh = self.cell.recipient.is_unread();
        let whole = self.recipients();
        let mut options = vec![(None, whole.without(&self.tables.forwarded))];
        options.extend(
            self.tables
                .forwards
                .iter()
                .map(|(index, one)| (Some(*index), whole.within(one))),
        );
        options.retain(|(_, names)| !names.is_empty());
        let (fact, seen) = self.answer(Question::Recipient, fresh, options);
        self.cell.recipient = seen;
        self.note(&fact);
        fact
    }

    fn recipient_exists(&mut self, route: &Route) -> Fact<bool> {
        match route.recipients {
            Recipients::Any => Fact::Known(true),
            Recipients::Listed(_) => {
                let mut list = (*self.listed(route)).clone();
                list = list.and_bare();
                self.split_recipient(&Arc::new(list))
            }
            Recipients::Asked => {
                if let Some(known) = self.cell.exists.known() {
                    return Fact::Known(*known);
                }
                settled!(self.cell.exists);
                let (fact, seen) = self.answer(Question::Exists, true, vec![(true, true), (false, false)]);
                self.cell.exists = seen;
                self.note(&fact);
                fact
            }
        }
    }

    fn header_from_in(&mut self, patterns: &[SenderPattern]) -> Fact<FromAnswer> {
        settled!(self.cell.from);
        let fresh = self.cell.from.is_unread();
        let granted = Arc::new(Region::of_senders(patterns));
        let bare = Arc::new(Region::new(vec![Atom::Bare]));
        let mut options = Vec::with_capacity(4);
        let mut of_names = |names: &Names| {
            let within = names.within(&granted).without(&bare);
            if !within.is_empty() {
                options.push((FromAnswer::Granted, From::One(within)));
            }
            let other = names.without(&granted).without(&bare);
            if !other.is_empty() {
                options.push((FromAnswer::Other, From::One(other)));
            }
        };
        match self.cell.from.known() {
            None => {
                of_names(&Names::all());
                options.push((FromAnswer::Missing, From::Missing));
                options.push((FromAnswer::Malformed, From::Malformed));
            }
            Some(From::One(names)) => of_names(names),
            Some(From::Missing) => options.push((FromAnswer::Missing, From::Missing)),
            Some(From::Malformed) => options.push((FromAnswer::Malformed, From::Malformed)),
        }
        let (fact, seen) = self.answer(Question::From, fresh, options);
        self.cell.from = seen;
        self.note(&fact);
        fact
    }

    fn larger_than(&mut self, octets: u64) -> Fact<bool> {
        let split = |(first, last): &(u64, u64)| above(*first, *last, octets);
        split!(self, Octets, octets, (0, u64::MAX), split, |(first, last): &(
            u64,
            u64
        )| first > last)
    }

    fn hops_above(&mut self, hops: u32) -> Fact<bool> {
        if self.cell.hops.is_unread() && !self.looks_at_tail() && self.early.is_none() {
            return Fact::Known(false);
        }
        let split = |(first, last): &(u64, u64)| above(*first, *last, u64::from(hops));
        split!(self, Hops, hops, (0, u64::from(u32::MAX)), split, |(first, last): &(
            u64,
            u64
        )| first
            > last)
    }

    fn usage(&mut self) -> Fact<Usage> {
        let seen = self.cell.usage.clone();
        let (fact, seen) = self.late(&seen, &[Usage::Within, Usage::Soft, Usage::Hard]);
        self.cell.usage = seen;
        self.note(&fact);
        fact
    }

    fn masked(&mut self) -> Fact<bool> {
        let seen = self.cell.masked.clone();
        let (fact, seen) = self.late(&seen, &[false, true]);
        self.cell.masked = seen;
        self.note(&fact);
        fact
    }

    fn content(&mut self) -> Fact<ContentClass> {
        use ContentClass::{Below, Quarantine, Refuse};
        let seen = self.cell.content.clone();
        let (fact, seen) = self.late(&seen, &[Below, Quarantine, Refuse]);
        self.cell.content = seen;
        self.note(&fact);
        fact
    }
}

/// What of an interval is above the bound, and what is not.
fn above(first: u64, last: u64, bound: u64) -> ((u64, u64), (u64, u64)) {
    let above = bound.checked_add(1).map_or((1, 0), |next| (first.max(next), last));
    (above, (first, last.min(bound)))
}
