//! Ways to prove who one is.

/// A SASL mechanism that we speak, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// SCRAM-SHA-256-PLUS (RFC 7677): no secret is sent, and the exchange is bound to the TLS session it happens in.
    ScramSha256Plus,
    /// SCRAM-SHA-256 (RFC 7677): no secret is sent.
    ScramSha256,
    /// OAUTHBEARER (RFC 7628): a token that somebody else issued.
    OAuthBearer,
    /// XOAUTH2: the same in the form that came before the RFC, and that copiers speak.
    XOAuth2,
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN, which no RFC describes and every device speaks. Its challenges must be exactly `Username:` and
    /// `Password:`.
    Login,
}

impl Mechanism {
    /// All of them, the strongest first.
    pub const ALL: [Self; 6] = [
        Self::ScramSha256Plus,
        Self::ScramSha256,
        Self::OAuthBearer,
        Self::XOAuth2,
        Self::Plain,
        Self::Login,
    ];

    /// As EHLO lists it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::OAuthBearer => "OAUTHBEARER",
            Self::XOAuth2 => "XOAUTH2",
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}

/// A set of mechanisms.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mechanisms(u8);

impl Mechanisms {
    /// No mechanism at all.
    pub const NONE: Self = Self(0);

    /// With this one too.
    #[must_use]
    pub const fn with(self, mechanism: Mechanism) -> Self {
        Self(self.0 | 1 << mechanism as u8)
    }

    /// But not with this one.
    #[must_use]
    pub const fn without(self, mechanism: Mechanism) -> Self {
        Self(self.0 & !(1 << mechanism as u8))
    }

    /// Those that are in the other set too.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it is among them.
    #[must_use]
    pub const fn contains(self, mechanism: Mechanism) -> bool {
        self.0 & 1 << mechanism as u8 != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, the strongest first.
    pub fn iter(self) -> impl Iterator<Item = Mechanism> {
        Mechanism::ALL
            .into_iter()
            .filter(move |mechanism| self.contains(*mechanism))
    }
}

impl FromIterator<Mechanism> for Mechanisms {
    fn from_iter<T: IntoIterator<Item = Mechanism>>(mechanisms: T) -> Self {
        mechanisms.into_iter().fold(Self::NONE, Self::with)
    }
}

impl<const N: usize> From<[Mechanism; N]> for Mechanisms {
    fn from(mechanisms: [Mechanism; N]) -> Self {
        mechanisms.into_iter().collect()
    }
}

impl std::fmt::Debug for Mechanisms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_its_mechanisms_the_strongest_first_however_it_was_made() {
        let some = Mechanisms::from([Mechanism::Login, Mechanism::ScramSha256Plus, Mechanism::Plain]);
        let names: Vec<_> = some.iter().map(Mechanism::name).collect();
        assert_eq!(names, ["SCRAM-SHA-256-PLUS", "PLAIN", "LOGIN"]);
        assert_eq!(
            some.without(Mechanism::ScramSha256Plus).without(Mechanism::ScramSha256),
            Mechanisms::from([Mechanism::Plain, Mechanism::Login])
        );
        assert!(Mechanisms::NONE.is_empty() && !some.is_empty());
    }
}
