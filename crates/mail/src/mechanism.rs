//! Ways to prove who one is.

/// A SASL mechanism that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mechanism {
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN, which no RFC describes and every device speaks. Its challenges must be exactly `Username:` and
    /// `Password:`.
    Login,
}

impl Mechanism {
    /// As EHLO lists it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }
}
