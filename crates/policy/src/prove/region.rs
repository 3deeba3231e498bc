//! Unions of what an operator can write about an address.

use std::collections::HashSet;

use mail::{Domain, DomainPattern, Host, Mailbox};

use crate::model::SenderPattern;

/// The smallest thing a region is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Atom {
    /// `<>` of a sender, `<postmaster>` of a recipient.
    Bare,
    /// Every mailbox at an address literal.
    Literals,
    /// Every mailbox at a domain.
    Domains,
    /// Every mailbox at a domain below.
    Below(Domain),
    /// Every mailbox at the domain.
    At(Domain),
    /// One mailbox, whatever the case of its local part.
    One(Mailbox),
}

impl Atom {
    /// Whether everything in `other` is in this.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bare, Self::Bare) | (Self::Literals, Self::Literals) | (Self::Domains, Self::Domains) => true,
            (Self::Domains, Self::Below(_) | Self::At(_)) => true,
            (Self::Below(parent), Self::Below(domain)) => domain == parent || domain.is_below(parent),
            (Self::Below(parent), Self::At(domain)) => domain.is_below(parent),
            (Self::At(own), Self::At(domain)) => own == domain,
            (_, Self::One(mailbox)) => self.holds(Some(mailbox)),
            _ => false,
        }
    }

    /// Whether the address is in it; `None` is the bare one.
    fn holds(&self, address: Option<&Mailbox>) -> bool {
        let Some(mailbox) = address else {
            return *self == Self::Bare;
        };
        match (self, mailbox.host()) {
            (Self::Literals, Host::Literal(_)) | (Self::Domains, Host::Domain(_)) => true,
            (Self::Below(parent), Host::Domain(domain)) => domain.is_below(parent),
            (Self::At(own), Host::Domain(domain)) => own == domain,
            (Self::One(one), host) => one.host() == host && one.local().is(mailbox.local().as_str()),
            _ => false,
        }
    }
}

/// Above this many atoms a region is looked up by hash.
const INDEXED_FROM: usize = 12;

/// A union of atoms.
#[derive(Clone, Debug, Default)]
pub(crate) struct Region {
    atoms: Vec<Atom>,
    index: Option<Index>,
}

#[derive(Clone, Debug, Default)]
struct Index {
    plain: Vec<Atom>,
    at: HashSet<Domain>,
    below: HashSet<Domain>,
    ones: HashSet<(Host, String)>,
}

fn key(mailbox: &Mailbox) -> (Host, String) {
    (mailbox.host().clone(), mailbox.local().as_str().to_ascii_lowercase())
}

impl Region {
    pub(crate) fn new(atoms: Vec<Atom>) -> Self {
        let index = (atoms.len() > INDEXED_FROM).then(|| Index::of(&atoms));
        Self { atoms, index }
    }

    pub(crate) fn of_senders(patterns: &[SenderPattern]) -> Self {
        let atom = |pattern: &SenderPattern| match pattern {
            SenderPattern::Null => Atom::Bare,
            SenderPattern::Exactly(mailbox) => Atom::One(mailbox.clone()),
            SenderPattern::AnyAt(domain) => Atom::At(domain.clone()),
            SenderPattern::AnyBelow(parent) => Atom::Below(parent.clone()),
        };
        Self::new(patterns.iter().map(atom).collect())
    }

    pub(crate) fn of_domains<'d>(patterns: impl IntoIterator<Item = &'d DomainPattern>) -> Self {
        Self::new(patterns.into_iter().map(atom_of).collect())
    }

    /// With the bare address besides.
    pub(crate) fn and_bare(mut self) -> Self {
        self.atoms.push(Atom::Bare);
        Self::new(self.atoms)
    }

    pub(crate) fn of_mailboxes(mailboxes: &[Mailbox]) -> Self {
        Self::new(mailboxes.iter().cloned().map(Atom::One).collect())
    }

    pub(crate) fn atoms(&self) -> &[Atom] {
        &self.atoms
    }

    /// Whether everything in the atom is here. An atom that several cover only together is of no kind that is written.
    pub(crate) fn covers(&self, atom: &Atom) -> bool {
        match &self.index {
            None => self.atoms.iter().any(|own| own.covers(atom)),
            Some(index) => index.covers(atom),
        }
    }

    pub(crate) fn holds(&self, address: Option<&Mailbox>) -> bool {
        match (&self.index, address) {
            (Some(index), Some(mailbox)) => index.covers(&Atom::One(mailbox.clone())),
            (Some(index), None) => index.covers(&Atom::Bare),
            (None, _) => self.atoms.iter().any(|own| own.holds(address)),
        }
    }
}

/// The mailboxes of a domain pattern.
pub(crate) fn atom_of(pattern: &DomainPattern) -> Atom {
    match pattern {
        DomainPattern::Exactly(domain) => Atom::At(domain.clone()),
        DomainPattern::Below(parent) => Atom::Below(parent.clone()),
    }
}

impl Index {
    fn of(atoms: &[Atom]) -> Self {
        let mut index = Self::default();
        for atom in atoms {
            match atom {
                Atom::At(domain) => drop(index.at.insert(domain.clone())),
                Atom::Below(domain) => drop(index.below.insert(domain.clone())),
                Atom::One(mailbox) => drop(index.ones.insert(key(mailbox))),
                plain => index.plain.push(plain.clone()),
            }
        }
        index
    }

    fn covers(&self, atom: &Atom) -> bool {
        let listed = match atom {
            Atom::At(domain) => self.at.contains(domain) || self.is_below(domain),
            Atom::Below(domain) => self.below.contains(domain) || self.is_below(domain),
            Atom::One(mailbox) => {
                let at = |domain: &Domain| self.at.contains(domain) || self.is_below(domain);
                mailbox.domain().is_some_and(at) || self.ones.contains(&key(mailbox))
            }
            _ => false,
        };
        listed || self.plain.iter().any(|own| own.covers(atom))
    }

    fn is_below(&self, domain: &Domain) -> bool {
        let mut rest = domain.as_str();
        while let Some((_, parent)) = rest.split_once('.') {
            if self.below.contains(parent) {
                return true;
            }
            rest = parent;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senders(texts: &[&str]) -> Region {
        let patterns: Vec<_> = texts.iter().map(|text| SenderPattern::parse(text).unwrap()).collect();
        Region::of_senders(&patterns)
    }

    #[test]
    fn many_patterns_are_covered_as_few_are() {
        let texts: Vec<String> = (0..20).map(|n| format!("*@*.d{n}.test")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let many = senders(&texts);
        assert!(many.covers(&Atom::At(Domain::parse("a.b.d7.test").unwrap())));
        assert!(!many.covers(&Atom::At(Domain::parse("d7.test").unwrap())));
        assert!(many.covers(&Atom::Below(Domain::parse("b.d7.test").unwrap())));
        assert!(!many.covers(&Atom::Domains) && !many.holds(None));
    }
}
