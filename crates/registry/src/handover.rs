//! Others who are to operate a grant, or to answer for it: those who go and those who come agree first.

use mail::Timestamp;
use serde::{Deserialize, Serialize};

use crate::actor::{Person, Role};
use crate::form::{Contact, Form};

/// What is proposed of a grant's contacts, and who has not agreed yet. Until all have, the former ones stay in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// Who is to operate it.
    pub technical: Option<Change>,
    /// Who is to answer for it.
    pub owner: Option<Change>,
    /// SHA-256 of the form with them in it.
    pub request: [u8; 32],
    /// The last instant at which somebody may agree, in milliseconds; it is set when it is proposed.
    until: i64,
}

/// One contact, who is to be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Until then.
    pub from: Contact,
    /// From then on.
    pub to: Contact,
    /// Whether the former has still to agree.
    pub waits_for_former: bool,
    /// Whether the next one has.
    pub waits_for_next: bool,
}

impl Change {
    /// One by another name at the same address is nobody else, and is not asked.
    fn between(from: &Contact, to: &Contact) -> Self {
        let is_another = person(from) != person(to);
        Self {
            from: from.clone(),
            to: to.clone(),
            waits_for_former: is_another,
            waits_for_next: is_another,
        }
    }
}

impl Handover {
    /// What changes from one form to another; `None` where their contacts are the same.
    #[must_use]
    pub fn between(form: &Form, next: &Form) -> Option<Self> {
        let technical = (form.technical != next.technical).then(|| Change::between(&form.technical, &next.technical));
        let owner = (form.owner != next.owner).then(|| Change::between(answering(form), answering(next)));
        if technical.is_none() && owner.is_none() {
            return None;
        }
        let mut handover = Self {
            technical,
            owner,
            request: [0; 32],
            until: i64::MAX,
        };
        handover.request = handover.applied(form).hash();
        Some(handover)
    }

    /// The form with the next ones in it.
    #[must_use]
    pub fn applied(&self, form: &Form) -> Form {
        let or = |change: &Option<Change>, former: &Contact| match change {
            Some(change) => change.to.clone(),
            None => former.clone(),
        };
        Form {
            technical: or(&self.technical, &form.technical),
            owner: or(&self.owner, &form.owner),
            ..form.clone()
        }
    }

    /// The last instant at which somebody may agree.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        Timestamp(self.until)
    }

    pub(crate) fn ends(&mut self, until: Timestamp) {
        self.until = until.0;
    }

    /// What changes, by the role it is about.
    pub fn changes(&self) -> impl Iterator<Item = (Role, &Change)> {
        let technical = self.technical.iter().map(|change| (Role::Technical, change));
        technical.chain(self.owner.iter().map(|change| (Role::Owner, change)))
    }

    fn changes_mut(&mut self) -> impl Iterator<Item = &mut Change> {
        self.technical.iter_mut().chain(self.owner.iter_mut())
    }

    /// The role in which somebody is asked, or was: as one who goes, or one who comes.
    #[must_use]
    pub fn role_of(&self, who: &Person) -> Option<Role> {
        let mut changes = self.changes();
        let found = changes.find(|(_, change)| person(&change.from) == *who || person(&change.to) == *who);
        found.map(|(role, _)| role)
    }

    /// Whether it is somebody of whom nobody knows yet that mail reaches them.
    #[must_use]
    pub fn comes(&self, who: &Person) -> bool {
        self.changes().any(|(_, change)| person(&change.to) == *who)
    }

    /// Those who go and have not agreed yet.
    #[must_use]
    pub fn former(&self) -> Vec<Person> {
        let waited = self.changes().filter(|(_, change)| change.waits_for_former);
        of_each(waited.map(|(_, change)| person(&change.from)))
    }

    /// Everybody who has not agreed yet.
    #[must_use]
    pub fn waits_for(&self) -> Vec<Person> {
        let next = self.changes().filter(|(_, change)| change.waits_for_next);
        let next = next.map(|(_, change)| person(&change.to));
        of_each(self.former().into_iter().chain(next))
    }

    /// Notes that one who goes agrees, or that somebody stands in for them; whether they were waited for.
    pub(crate) fn lets_go(&mut self, who: &Person) -> bool {
        let mut heard = false;
        for change in self.changes_mut().filter(|change| person(&change.from) == *who) {
            heard |= std::mem::take(&mut change.waits_for_former);
        }
        heard
    }

    /// Notes that one who comes agrees; whether they were waited for.
    pub(crate) fn takes_over(&mut self, who: &Person) -> bool {
        let mut heard = false;
        for change in self.changes_mut().filter(|change| person(&change.to) == *who) {
            heard |= std::mem::take(&mut change.waits_for_next);
        }
        heard
    }

    /// In words: `technical contact: tina@example.edu in place of tom@example.edu`.
    #[must_use]
    pub fn words(&self) -> String {
        let one = |(role, change): (Role, &Change)| {
            let (from, to) = (change.from.email.trim(), change.to.email.trim());
            match person(&change.from) == person(&change.to) {
                true => format!("{role}: {to}, by another name"),
                false => format!("{role}: {to} in place of {from}"),
            }
        };
        let all: Vec<String> = self.changes().map(one).collect();
        all.join("; ")
    }
}

/// Who answers for it: who asked, where nobody is named.
fn answering(form: &Form) -> &Contact {
    match form.owner.email.trim().is_empty() {
        true => &form.requestor,
        false => &form.owner,
    }
}

fn person(contact: &Contact) -> Person {
    Person::new(&contact.email)
}

fn of_each(people: impl Iterator<Item = Person>) -> Vec<Person> {
    let mut all: Vec<Person> = Vec::new();
    for person in people {
        if !all.contains(&person) {
            all.push(person);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(email: &str) -> Contact {
        Contact {
            name: String::new(),
            email: email.to_owned(),
        }
    }

    fn form() -> Form {
        Form {
            requestor: contact("ann@example.edu"),
            technical: contact("tom@example.edu"),
            ..Form::default()
        }
    }

    fn who(addresses: &[&str]) -> Vec<Person> {
        addresses.iter().map(|address| Person::new(address)).collect()
    }

    #[test]
    fn who_goes_and_who_comes_is_asked_and_the_form_with_them_is_what_they_agree_to() {
        let next = Form {
            technical: contact("tina@example.edu"),
            owner: contact("otto@example.edu"),
            ..form()
        };
        let handover = Handover::between(&form(), &next).unwrap();
        assert_eq!(
            handover.waits_for(),
            who(&[
                "tom@example.edu",
                "ann@example.edu",
                "tina@example.edu",
                "otto@example.edu"
            ])
        );
        assert_eq!(
            (handover.applied(&form()), handover.request),
            (next.clone(), next.hash())
        );
        assert_eq!(
            handover.words(),
            "technical contact: tina@example.edu in place of tom@example.edu; owner: otto@example.edu in place of \
             ann@example.edu"
        );
        assert_eq!(Handover::between(&form(), &form()), None);
    }

    #[test]
    fn another_name_at_the_same_address_is_nobody_else() {
        let mut next = form();
        next.technical = Contact {
            name: "Tom T.".to_owned(),
            email: "Tom@Example.edu".to_owned(),
        };
        next.owner = contact("ann@example.edu");
        let handover = Handover::between(&form(), &next).unwrap();
        assert_eq!(handover.waits_for(), []);
    }

    #[test]
    fn two_who_change_places_are_asked_once_each() {
        let mut before = form();
        before.owner = contact("olga@example.edu");
        let mut next = before.clone();
        std::mem::swap(&mut next.technical, &mut next.owner);
        let mut handover = Handover::between(&before, &next).unwrap();
        assert_eq!(handover.waits_for(), who(&["tom@example.edu", "olga@example.edu"]));
        let tom = Person::new("tom@example.edu");
        assert!(handover.lets_go(&tom) && handover.takes_over(&tom));
        assert!(!handover.lets_go(&tom), "he has said so");
        assert_eq!(handover.waits_for(), who(&["olga@example.edu"]));
    }
}
