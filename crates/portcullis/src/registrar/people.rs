//! Who somebody is: by `[registry.roles]`, and by what a case says of them.

use registry::{Kept, Person, Role};

/// Who has which role.
#[derive(Clone, Debug, Default)]
pub struct People(Vec<(Role, Person)>);

impl People {
    /// These have these roles.
    #[must_use]
    pub fn new(roles: &[(Role, Person)]) -> Self {
        Self(roles.to_vec())
    }

    /// Everybody in a role.
    pub fn in_role(&self, role: Role) -> impl Iterator<Item = &Person> {
        self.0
            .iter()
            .filter(move |(of, _)| *of == role)
            .map(|(_, person)| person)
    }

    /// What somebody is to the house.
    #[must_use]
    pub fn roles(&self, who: &Person) -> Vec<Role> {
        let own = self.0.iter().filter(|(_, person)| person == who);
        own.map(|(role, _)| *role).collect()
    }

    /// What somebody is to a case: what they are to the house, and what its form calls them.
    #[must_use]
    pub fn roles_in(&self, who: &Person, kept: &Kept) -> Vec<Role> {
        let form = &kept.form;
        let is = |address: &str| !address.trim().is_empty() && Person::new(address) == *who;
        let mut roles = self.roles(who);
        let named = [
            (Role::Requestor, kept.case.requestor == *who),
            (Role::Technical, is(&form.technical.email)),
            // Whoever asks answers for it where nobody else is named.
            (
                Role::Owner,
                is(&form.owner.email) || (form.owner.email.trim().is_empty() && kept.case.requestor == *who),
            ),
            (Role::Head, kept.case.head.as_ref() == Some(who)),
        ];
        roles.extend(named.into_iter().filter(|(_, is)| *is).map(|(role, _)| role));
        roles
    }

    /// The one who runs the relay, where it is one.
    #[must_use]
    pub fn only_admin(&self) -> Option<&Person> {
        let mut admins = self.in_role(Role::Admin);
        let first = admins.next()?;
        admins.all(|other| other == first).then_some(first)
    }
}
