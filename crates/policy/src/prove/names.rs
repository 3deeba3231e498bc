//! Sets of addresses in an envelope, held as what they lie in and what they lie outside of.
//!
//! What an operator can write about an address is laminar: of two patterns one holds the other, or they share nothing.
//! So a set is a conjunction of regions, and it is empty or not by looking for one address in it.

use std::sync::Arc;

use mail::{Domain, Mailbox};

use super::region::{Atom, Region};
use crate::facts::RecipientForm;
use crate::live::form_of;

/// Which forms of recipients are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forms(u8);

impl Forms {
    pub(crate) const ALL: Self = Self(15);

    pub(crate) const fn only(form: RecipientForm) -> Self {
        Self(1 << form as u8)
    }

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) const fn has(self, form: RecipientForm) -> bool {
        self.0 & Self::only(form).0 != 0
    }
}

/// A set of addresses: what lies in each of `within`, in none of `without`, and has one of the forms.
#[derive(Clone, Debug)]
pub struct Names {
    within: Vec<Arc<Region>>,
    without: Vec<Arc<Region>>,
    forms: Forms,
}

/// What an address in it may look like before anything is asked.
static EVERYTHING: [Atom; 3] = [Atom::Domains, Atom::Bare, Atom::Literals];

impl Names {
    /// Every address.
    #[must_use]
    pub fn all() -> Self {
        Self {
            within: Vec::new(),
            without: Vec::new(),
            forms: Forms::ALL,
        }
    }

    pub(crate) fn within(&self, region: &Arc<Region>) -> Self {
        let mut narrower = self.clone();
        narrower.within.push(Arc::clone(region));
        narrower
    }

    pub(crate) fn without(&self, region: &Arc<Region>) -> Self {
        let mut narrower = self.clone();
        narrower.without.push(Arc::clone(region));
        narrower
    }

    pub(crate) fn of_form(&self, forms: Forms) -> Self {
        let mut narrower = self.clone();
        narrower.forms = self.forms.and(forms);
        narrower
    }

    /// What lies in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.within.extend(other.within.iter().cloned());
        both.without.extend(other.without.iter().cloned());
        both.forms = self.forms.and(other.forms);
        both
    }

    pub(crate) fn forms(&self) -> Forms {
        self.forms
    }

    /// The narrowest region it lies in, for people to read; `None` where it lies in no named one.
    pub(crate) fn narrowest(&self) -> Option<&Region> {
        self.within
            .iter()
            .min_by_key(|region| region.atoms().len())
            .map(|region| &**region)
    }

    pub(crate) fn excluded(&self) -> &[Arc<Region>] {
        &self.without
    }

    /// Whether nothing of the atom is in it.
    pub(crate) fn excludes(&self, atom: &Atom) -> bool {
        !self.has_any(atom, &self.within)
    }

    /// Whether the address is in it; `None` is the bare one.
    #[must_use]
    pub fn holds(&self, address: Option<&Mailbox>) -> bool {
        self.forms.has(form_of(address))
            && self.within.iter().all(|region| region.holds(address))
            && !self.without.iter().any(|region| region.holds(address))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        if let ([only], [], Forms::ALL) = (&*self.within, &*self.without, self.forms) {
            return only.atoms().is_empty();
        }
        let start = self.narrowest().map_or(&EVERYTHING[..], |region| region.atoms());
        !start.iter().any(|atom| self.has_any(atom, &self.within))
    }

    /// Whether something of the atom is left: as `sample_of`, without making it up where there is always another one.
    fn has_any(&self, atom: &Atom, within: &[Arc<Region>]) -> bool {
        if let Some((region, rest)) = within.split_first() {
            if region.covers(atom) {
                return self.has_any(atom, rest);
            }
            let inside = region.atoms().iter().filter(|own| atom.covers(own));
            return inside.into_iter().any(|own| self.has_any(own, rest));
        }
        if self.without.iter().any(|region| region.covers(atom)) {
            return false;
        }
        let endless = self.forms.has(RecipientForm::Plain) || self.forms.has(RecipientForm::Smuggled);
        match atom {
            Atom::Domains | Atom::Below(_) if endless || self.forms.has(RecipientForm::Role) => true,
            Atom::At(_) if endless => true,
            Atom::Literals if self.forms.has(RecipientForm::Literal) => true,
            atom => self.fresh(atom).is_some(),
        }
    }

    /// One of them; the inner `None` is the bare address.
    #[must_use]
    pub fn sample(&self) -> Option<Option<Mailbox>> {
        let start = self.narrowest().map_or(&EVERYTHING[..], |region| region.atoms());
        start.iter().find_map(|atom| self.sample_of(atom, &self.within))
    }
    fn sample_of(&self, atom: &Atom, within: &[Arc<Region>]) -> Option<Option<Mailbox>> {
        let Some((region, rest)) = within.split_first() else {
            return self.fresh(atom);
        };
        if region.covers(atom) {
            return self.sample_of(atom, rest);
        }
        let inside = region.atoms().iter().filter(|own| atom.covers(own));
        inside.into_iter().find_map(|own| self.sample_of(own, rest))
    }

    /// An address of the atom that no excluded region holds.
    fn fresh(&self, atom: &Atom) -> Option<Option<Mailbox>> {
        if self.without.iter().any(|region| region.covers(atom)) {
            return None;
        }
        let fits = |mailbox: &Mailbox| {
            self.forms.has(form_of(Some(mailbox))) && !self.without.iter().any(|region| region.holds(Some(mailbox)))
        };
        // Each excluded atom takes at most one of these away, as none of them covers the whole.
        let tries = 2 * self.without.iter().map(|region| region.atoms().len()).sum::<usize>() + 4;
        let at = |host: &str| {
            (0..tries).find_map(|number| self.locals(number).find_map(|local| mailbox(&local, host)).filter(fits))
        };
        match atom {
            Atom::Bare => self.forms.has(RecipientForm::Role).then_some(None),
            Atom::One(one) => fits(one).then(|| Some(one.clone())),
            Atom::At(domain) => self.at_domain(domain.as_str(), tries, &fits).map(Some),
            Atom::Literals => at("[192.0.2.77]").map(Some),
            Atom::Below(parent) => (0..tries)
                .find_map(|number| self.at_domain(&format!("{}.{parent}", numbered("sub", number)), tries, &fits))
                .map(Some),
            Atom::Domains => (0..tries)
                .find_map(|number| self.at_domain(&foreign(number), tries, &fits))
                .map(Some),
        }
    }

    fn at_domain(&self, domain: &str, tries: usize, fits: &impl Fn(&Mailbox) -> bool) -> Option<Mailbox> {
        let at = Atom::At(Domain::parse(domain).ok()?);
        if self.without.iter().any(|region| region.covers(&at)) {
            return None;
        }
        (0..tries).find_map(|number| {
            self.locals(number)
                .filter_map(|local| mailbox(&local, domain))
                .find(fits)
        })
    }

    /// Local parts of each form that is meant.
    fn locals(&self, number: usize) -> impl Iterator<Item = String> {
        // There is always another plain one, so the others are for sets without.
        let plain = self.forms.has(RecipientForm::Plain) || self.forms.has(RecipientForm::Literal);
        let role = self.forms.has(RecipientForm::Role) && !plain;
        let smuggled = self.forms.has(RecipientForm::Smuggled) && !plain;
        let role = ["postmaster", "abuse"]
            .get(number)
            .filter(|_| role)
            .map(|local| (*local).to_owned());
        let plain = plain.then(|| numbered("someone", number));
        let smuggled = smuggled.then(|| format!("{}%elsewhere.example", numbered("someone", number)));
        plain.into_iter().chain(role).chain(smuggled)
    }
}

fn numbered(word: &str, number: usize) -> String {
    if number == 0 {
        word.to_owned()
    } else {
        format!("{word}{number}")
    }
}

/// Domains nobody declares, and others should somebody do.
fn foreign(number: usize) -> String {
    if number.is_multiple_of(2) {
        format!("{}.example", numbered("elsewhere", number))
    } else {
        format!("elsewhere.example{number}")
    }
}

fn mailbox(local: &str, host: &str) -> Option<Mailbox> {
    Mailbox::parse(&format!("{local}@{host}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SenderPattern;

    fn senders(texts: &[&str]) -> Arc<Region> {
        let patterns: Vec<_> = texts.iter().map(|text| SenderPattern::parse(text).unwrap()).collect();
        Arc::new(Region::of_senders(&patterns))
    }

    fn sample(names: &Names) -> Option<String> {
        names
            .sample()
            .map(|found| found.map_or_else(|| "<>".into(), |mailbox| mailbox.to_string()))
    }

    #[test]
    fn a_set_is_empty_only_where_nothing_is_left() {
        let all = Names::all();
        let own = senders(&["*@own.test", "*@*.own.test"]);
        assert_eq!(sample(&all.without(&own)), Some("someone@elsewhere.example".into()));
        assert_eq!(sample(&all.within(&own)), Some("someone@own.test".into()));
        assert!(all.within(&own).without(&own).is_empty());
        let one = senders(&["someone@own.test"]);
        assert_eq!(
            sample(&all.within(&own).without(&one)),
            Some("someone1@own.test".into())
        );
        assert!(all.within(&one).without(&own).is_empty());
        assert_eq!(sample(&all.within(&own).within(&one)), Some("someone@own.test".into()));
        assert!(all.within(&senders(&["<>"])).within(&own).is_empty());
        let roles = all
            .within(&senders(&["*@own.test"]))
            .of_form(Forms::only(RecipientForm::Role));
        assert_eq!(sample(&roles), Some("postmaster@own.test".into()));
        assert!(
            roles
                .without(&senders(&["Postmaster@own.test", "abuse@own.test"]))
                .is_empty()
        );
    }
}
