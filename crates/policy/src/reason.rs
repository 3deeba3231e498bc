//! Why: the closed list of reason codes. They are stable; logs, replies, metrics and help pages name them.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal),+ $(,)?) => {
        /// Why something was decided. The code is stable; the wording around it is not.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $name),+ }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable code, as in `no-grant`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }
        }
    };
}

reasons! {
    /// A grant allows it.
    GrantAllows = "grant-allows",
    /// The recipient is ours and a route takes it.
    RouteTakes = "route-takes",
    /// A declared forward takes it.
    ForwardTakes = "forward-takes",
    /// postmaster and abuse of our own domains are always reachable.
    RoleAddress = "role-address",
    /// A notice about a message of ours.
    Notice = "notice",
    /// Nobody without a grant relays.
    NoGrant = "no-grant",
    /// The listener takes mail for our own domains only.
    NotOurDomain = "not-our-domain",
    /// The listener demands a login first.
    LoginRequired = "login-required",
    /// A login or certificate was shown over a connection in clear.
    LoginInClear = "login-in-clear",
    /// The login is bound to no grant that is valid here.
    LoginWithoutGrant = "login-without-grant",
    /// The grant has not begun.
    GrantNotYet = "grant-not-yet",
    /// The grant has ended.
    GrantExpired = "grant-expired",
    /// The grant is suspended.
    GrantSuspended = "grant-suspended",
    /// The grant does not reach to this listener.
    GrantNotHere = "grant-not-here",
    /// The client's address is not among the grant's networks.
    NetworkNotGranted = "network-not-granted",
    /// The client's address is outside of the listener's zone.
    OutsideZone = "outside-zone",
    /// The envelope sender is not among the grant's.
    SenderNotGranted = "sender-not-granted",
    /// The From header is not among the grant's.
    FromNotGranted = "from-not-granted",
    /// The message has no usable From header.
    FromMissing = "from-missing",
    /// The recipient lies outside of the grant's scope.
    RecipientOutsideScope = "recipient-outside-scope",
    /// The recipient does not exist.
    NoSuchRecipient = "no-such-recipient",
    /// Nobody knows at the moment whether the recipient exists.
    RecipientUnverifiable = "recipient-unverifiable",
    /// An address in a form that only relay testers use.
    AddressForm = "address-form",
    /// The message is larger than the grant allows.
    TooLarge = "too-large",
    /// More than the grant's rate, and a person: try later.
    RateExceeded = "rate-exceeded",
    /// More than the grant's rate, and a device: accepted and held.
    RateHeld = "rate-held",
    /// Several clients hide behind one exception: accepted and held.
    MaskedSource = "masked-source",
    /// A fact that authority rests on is not known now.
    AuthorityUnknown = "authority-unknown",
    /// Outsiders do not send as us on the front gate.
    SenderIsOurs = "sender-is-ours",
    /// The message has been through here too often.
    MailLoop = "mail-loop",
    /// The content scanners say refuse.
    ContentRefused = "content-refused",
    /// The content scanners say set aside.
    ContentQuarantined = "content-quarantined",
    /// An operator held it.
    HeldByOperator = "held-by-operator",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::str::FromStr for Reason {
    type Err = ();
    fn from_str(code: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        let codes: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(reason.code().parse(), Ok(*reason));
        }
    }
}
