//! The yearly lists of departments: when each is made, whom it asks, and what time does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mail::Timestamp;

use super::{Desk, DeskError};
use crate::actor::{Actor, Person};
use crate::attestation::{
    Attestation, ListDeadline, ListLetter, ListTaking, Lists, NewList, NoAnswer, Outcome, Shown, Standing, department,
    list_due,
};
use crate::notice::{Audience, Notice};
use crate::store::{CaseId, Kept, Store, StoreError};

/// For how long the day is made up for where no gate was there on it; the next one comes soon enough after that.
const MADE_UP_FOR: Duration = Duration::from_secs(90 * 86_400);
/// What happens to lists is a matter of days: they are not read at each change of a registry.
const LOOKED_EVERY: Duration = Duration::from_secs(60);
/// The rule that makes lists.
const THE_DAY: &str = "attestation";

/// A department: its scope, and its name as it is compared.
type Unit = (Box<str>, String);

impl<S: Store> Desk<S> {
    /// Makes the lists of the yearly day, and lets time do what it does to those that wait.
    pub(super) fn look_after_lists(&mut self, now: Timestamp) -> Result<(), DeskError> {
        let looked = self.lists_looked_at;
        if looked.is_some_and(|looked| looked <= now && now.since(looked) < LOOKED_EVERY) {
            return Ok(());
        }
        self.make_yearly_lists(now)?;
        self.look(now)?;
        for list in self.store.lists(Lists::Open)? {
            match self.look_after(list, now) {
                // Somebody answered in this moment: it is looked at again with the next tick.
                Ok(()) | Err(DeskError::Store(StoreError::ListChanged(_))) => {}
                Err(why) => return Err(why),
            }
        }
        self.lists_looked_at = Some(now);
        Ok(())
    }

    /// Every department that had grants on the day gets its list, once; what was set up since waits a year.
    fn make_yearly_lists(&mut self, now: Timestamp) -> Result<(), DeskError> {
        let rules = &self.rules;
        let day = rules.attestation.and_then(|day| rules.calendar.began_last(day, now));
        let Some(day) = day.filter(|day| now < day.plus(MADE_UP_FOR) && self.listed != Some(*day)) else {
            return Ok(());
        };
        let units = self.units(|kept| kept.case.provisioned.is_some_and(|since| since < day))?;
        for cases in units.values() {
            self.make_list(cases, Some(day), &Actor::rule(THE_DAY), now)?;
        }
        self.listed = Some(day);
        Ok(())
    }

    /// Makes the list of one department now, whatever the day is.
    pub fn ask_head(&mut self, scope: &str, of: &str, actor: &Actor, now: Timestamp) -> Result<Attestation, DeskError> {
        let unit: Unit = (scope.into(), department(of));
        let units = self.units(|_| true)?;
        let Some(cases) = units.get(&unit) else {
            return Err(NoAnswer::NoGrants(of.trim().into()).into());
        };
        if let Some(made) = self.make_list(cases, None, actor, now)? {
            return Ok(made);
        }
        let open = self.store.lists(Lists::Open)?.into_iter();
        let mut same = open.filter(|list| (list.scope.clone(), department(&list.department)) == unit);
        Err(match same.next() {
            Some(list) => NoAnswer::OpenAlready {
                department: list.whose().into(),
                id: list.id,
            }
            .into(),
            // Answered in this moment.
            None => NoAnswer::NoGrants(of.trim().into()).into(),
        })
    }

    /// The departments that have grants, with their scopes, as their grants spell them.
    pub fn departments(&mut self) -> Result<Vec<(Box<str>, String)>, DeskError> {
        let units = self.units(|_| true)?;
        let first = units.values().filter_map(|cases| cases.first());
        Ok(first
            .map(|kept| (kept.scope.clone(), kept.form.department.trim().to_owned()))
            .collect())
    }

    /// The grants that are set up, of each department.
    fn units(&mut self, counts: impl Fn(&Kept) -> bool) -> Result<BTreeMap<Unit, Vec<Kept>>, DeskError> {
        let mut units: BTreeMap<Unit, Vec<Kept>> = BTreeMap::new();
        for kept in self.store.list(None)? {
            if kept.case.state.is_live() && counts(&kept) {
                let unit = (kept.scope.clone(), department(&kept.form.department));
                units.entry(unit).or_default().push(kept);
            }
        }
        Ok(units)
    }

    fn make_list(
        &mut self,
        cases: &[Kept],
        unless_since: Option<Timestamp>,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Attestation>, DeskError> {
        let Some(first) = cases.first() else { return Ok(None) };
        let head = self.head_of(cases)?.filter(|head| asked_something(head, cases));
        let calendar = &self.rules.calendar;
        let shown = |kept: &Kept| {
            (
                kept.id,
                Shown::of(kept, self.understood(kept, now).0.as_ref(), calendar),
            )
        };
        let new = NewList {
            scope: first.scope.clone(),
            department: first.form.department.trim().into(),
            said: whom(head.as_ref(), Standing::Open),
            head,
            now,
            unless_since,
            entries: cases.iter().map(shown).collect(),
        };
        let letters = [(asks(new.head.as_ref()), NOBODY_ELSE)];
        Ok(self.store.make_list(&new, actor, &letters)?)
    }

    /// The head of a department: whom the configuration names, or on whom all its exceptions agree. Who is not in the
    /// directory, or not reached by mail, is not asked.
    fn head_of(&mut self, cases: &[Kept]) -> Result<Option<Person>, DeskError> {
        let Some(first) = cases.first() else { return Ok(None) };
        let named = self.rules.heads.of(&first.scope, &first.form.department).cloned();
        let head = match named {
            Some(named) => Some(named),
            None => self.head_of_exceptions(cases),
        };
        match head {
            Some(head) if self.is_there(&head)? => Ok(Some(head)),
            _ => Ok(None),
        }
    }

    fn head_of_exceptions(&self, cases: &[Kept]) -> Option<Person> {
        let mut heads = cases.iter().filter_map(|kept| kept.case.head.as_ref());
        let first = heads.next()?;
        let agreed = heads.all(|other| other == first);
        let people = self.rules.network.people.known();
        let is_head = people.is_none_or(|people| people.is_head(first.address()));
        (agreed && is_head).then(|| first.clone())
    }

    /// Whether mail reaches them, and the directory has them as far as it can be read.
    fn is_there(&mut self, who: &Person) -> Result<bool, DeskError> {
        let people = self.rules.network.people.known();
        let is_known = people.is_none_or(|people| people.has(who.address()));
        let unreachable = self.store.unreachable()?;
        Ok(is_known && !unreachable.iter().any(|(address, _)| Person::new(address) == *who))
    }

    fn look_after(&mut self, list: Attestation, now: Timestamp) -> Result<(), DeskError> {
        if list.waiting().all(|entry| !self.known.is_live(entry.case)) {
            return self.nothing_is_left(&list, now);
        }
        let list = self.asked_of_whom_it_is_now(list, now)?;
        let Some(deadline) = list_due(&list, now, &self.rules.terms) else {
            return Ok(());
        };
        let mut next = list.clone();
        self.pass_over_what_ended(&mut next);
        next.reminded = (list.reminded.0.saturating_add(1), now);
        let asks = asks(list.head.as_ref());
        let letters: &[ListLetter] = match deadline {
            ListDeadline::Reminder => &[(asks, NOBODY_ELSE)],
            ListDeadline::ReminderBoth if list.head.is_some() => {
                &[(asks, NOBODY_ELSE), (Notice::ListUnanswered, NOBODY_ELSE)]
            }
            ListDeadline::ReminderBoth => &[(asks, NOBODY_ELSE)],
            ListDeadline::Unanswered => {
                next.standing = Standing::Overdue;
                &[(Notice::ListUnanswered, &[Audience::Security])]
            }
        };
        let event = match deadline {
            ListDeadline::Reminder | ListDeadline::ReminderBoth => "reminded",
            ListDeadline::Unanswered => "unanswered",
        };
        let said = whom(next.head.as_ref(), next.standing);
        let taking = ListTaking {
            next: &next,
            event,
            said: Some(&said),
            actor: &Actor::rule(deadline.rule()),
            now,
            steps: &[],
            letters,
            link: None,
        };
        self.store.take_list(&list, &taking)?;
        Ok(())
    }

    /// What has ended by itself is nobody's to answer for.
    fn pass_over_what_ended(&self, list: &mut Attestation) {
        let waiting = list.entries.iter_mut().filter(|entry| entry.outcome.is_none());
        for entry in waiting.filter(|entry| !self.known.is_live(entry.case)) {
            entry.outcome = Some(Outcome::Ended);
        }
    }

    /// Every grant of which nobody has said anything has ended: nobody is asked any more.
    fn nothing_is_left(&mut self, list: &Attestation, now: Timestamp) -> Result<(), DeskError> {
        let mut next = list.clone();
        self.pass_over_what_ended(&mut next);
        next.standing = Standing::Answered;
        let taking = ListTaking {
            next: &next,
            event: "ended",
            said: Some("what was left on it has ended by itself"),
            actor: &Actor::rule(THE_DAY),
            now,
            steps: &[],
            letters: &[],
            link: None,
        };
        self.store.take_list(list, &taking)?;
        Ok(())
    }

    /// Where the configuration names another head meanwhile, or the one who was asked is gone, the list is theirs to answer
    /// who answer for it now, and their time begins.
    fn asked_of_whom_it_is_now(&mut self, list: Attestation, now: Timestamp) -> Result<Attestation, DeskError> {
        let named = self.rules.heads.of(&list.scope, &list.department).cloned();
        let head = match (named.or_else(|| list.head.clone()), &list.head) {
            (None, None) => return Ok(list),
            (Some(head), Some(former)) if head == *former && self.is_there(&head)? => return Ok(list),
            (Some(head), _) if self.is_there(&head)? => Some(head),
            _ => None,
        };
        let head = match head {
            Some(head) if asked_something(&head, &self.waiting_on(&list)?) => Some(head),
            _ => None,
        };
        if head == list.head {
            return Ok(list);
        }
        self.ask_another(&list, head, now)
    }

    /// The list is somebody else's to answer.
    fn ask_another(
        &mut self,
        list: &Attestation,
        head: Option<Person>,
        now: Timestamp,
    ) -> Result<Attestation, DeskError> {
        let next = Attestation {
            asked: now,
            reminded: (0, now),
            standing: Standing::Open,
            head,
            ..list.clone()
        };
        let said = whom(next.head.as_ref(), next.standing);
        let taking = ListTaking {
            next: &next,
            event: "handed-over",
            said: Some(&said),
            actor: &Actor::rule(THE_DAY),
            now,
            steps: &[],
            letters: &[(asks(next.head.as_ref()), NOBODY_ELSE)],
            link: None,
        };
        Ok(self.store.take_list(list, &taking)?)
    }

    /// The grants of a list of which nobody has said anything.
    fn waiting_on(&mut self, list: &Attestation) -> Result<Vec<Kept>, DeskError> {
        let waiting: BTreeSet<CaseId> = list.waiting().map(|entry| entry.case).collect();
        let mut cases = Vec::with_capacity(waiting.len());
        for id in waiting {
            cases.push(self.get(id)?);
        }
        Ok(cases)
    }
}

const NOBODY_ELSE: &[Audience] = &[];

/// The letter that asks: the head, or whoever has to find one.
const fn asks(head: Option<&Person>) -> Notice {
    match head {
        Some(_) => Notice::ListAsked,
        None => Notice::ListUnanswered,
    }
}

/// Whether a head can attest any of these: nobody attests what they asked for themselves.
fn asked_something(head: &Person, cases: &[Kept]) -> bool {
    cases.iter().any(|kept| kept.case.requestor != *head)
}

/// Whom a list asks, in words; or why nobody is asked.
fn whom(head: Option<&Person>, standing: Standing) -> String {
    match (head, standing) {
        (Some(head), Standing::Overdue) => format!("{head} was asked, and has not answered in time"),
        (Some(head), _) => format!("{head} is asked"),
        (None, _) => "no head is known who could answer for all of it".to_owned(),
    }
}
