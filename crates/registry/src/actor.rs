//! Who causes what, and who must not be the same person.

use std::fmt;

/// What somebody is to a grant, or to the house.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Asks for the grant.
    Requestor,
    /// Sets the device up and gets its operational mail.
    Technical,
    /// Answers for the device.
    Owner,
    /// Dean, department head or director: takes the risk of an exception.
    Head,
    /// Answers the telephone; decides nothing.
    HelpDesk,
    /// Runs the relay.
    Admin,
    /// Information security: exceptions, abuse.
    Security,
    /// Addresses and zones.
    Network,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Requestor,
        Self::Technical,
        Self::Owner,
        Self::Head,
        Self::HelpDesk,
        Self::Admin,
        Self::Security,
        Self::Network,
    ];

    /// As people say it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requestor => "requestor",
            Self::Technical => "technical contact",
            Self::Owner => "owner",
            Self::Head => "head",
            Self::HelpDesk => "help desk",
            Self::Admin => "relay administrator",
            Self::Security => "security officer",
            Self::Network => "network team",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A person, by the address that was verified. Two spellings of one address are one person.
#[derive(Clone, Debug)]
pub struct Person(Box<str>);

impl Person {
    /// By a mail address.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self(address.trim().into())
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Person {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Person {}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who caused a step: somebody in a role, or a rule of ours with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person.
    Human {
        /// Who.
        who: Person,
        /// As what.
        role: Role,
    },
    /// A rule, by its name: `idle-365`, `checks`, `abuse-phish`.
    Rule(Box<str>),
}

impl Actor {
    /// Somebody in a role.
    #[must_use]
    pub fn human(address: &str, role: Role) -> Self {
        Self::Human {
            who: Person::new(address),
            role,
        }
    }

    /// A rule.
    #[must_use]
    pub fn rule(name: &str) -> Self {
        Self::Rule(name.into())
    }

    /// The person, where it is one.
    #[must_use]
    pub const fn person(&self) -> Option<&Person> {
        match self {
            Self::Human { who, .. } => Some(who),
            Self::Rule(_) => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Human { who, role } => write!(f, "{who} ({role})"),
            Self::Rule(name) => write!(f, "rule {name}"),
        }
    }
}
