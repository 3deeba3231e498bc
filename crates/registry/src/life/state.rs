//! Where a grant stands.

use std::fmt;

/// Why a grant does not serve for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suspension {
    /// It was never used.
    Unused,
    /// It was not used for long, and nobody answered.
    Idle,
    /// Spam, phish or malware came through it.
    Abuse,
    /// The network is not what was registered.
    Drift,
    /// Nobody answers for it.
    Orphan,
    /// An operator said so.
    Operator,
}

/// Why a grant ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Revocation {
    /// Its people no longer need it.
    Owner,
    /// Nobody answered for long.
    Idle,
    /// Spam, phish or malware came through it.
    Abuse,
    /// An operator said so.
    Operator,
    /// Its time ran out while it was suspended.
    Ended,
}

/// Where a request, or the grant it became, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Being written.
    Draft,
    /// Waiting for a look at its completeness.
    Submitted,
    /// Waiting for its people.
    NeedsInformation,
    /// Waiting for whoever takes the risk.
    AwaitingHeadAck,
    /// Waiting for security.
    SecurityReview,
    /// People have approved it; the technical checks come next.
    Approved,
    /// Approved, and the network is not ready.
    WaitingNetwork,
    /// Set up, and not used yet.
    Provisioned,
    /// In use.
    Active,
    /// Unused for long; its people were asked.
    IdleWarned,
    /// In use; its end is near.
    ReviewDue,
    /// Does not serve for now.
    Suspended(Suspension),
    /// Ended before its time.
    Revoked(Revocation),
    /// Its time is over.
    Expired,
    /// Refused.
    Rejected,
    /// Given up.
    Withdrawn,
    /// Another one took its place.
    Superseded,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 26] = [
        Self::Draft,
        Self::Submitted,
        Self::NeedsInformation,
        Self::AwaitingHeadAck,
        Self::SecurityReview,
        Self::Approved,
        Self::WaitingNetwork,
        Self::Provisioned,
        Self::Active,
        Self::IdleWarned,
        Self::ReviewDue,
        Self::Suspended(Suspension::Unused),
        Self::Suspended(Suspension::Idle),
        Self::Suspended(Suspension::Abuse),
        Self::Suspended(Suspension::Drift),
        Self::Suspended(Suspension::Orphan),
        Self::Suspended(Suspension::Operator),
        Self::Revoked(Revocation::Owner),
        Self::Revoked(Revocation::Idle),
        Self::Revoked(Revocation::Abuse),
        Self::Revoked(Revocation::Operator),
        Self::Revoked(Revocation::Ended),
        Self::Expired,
        Self::Rejected,
        Self::Withdrawn,
        Self::Superseded,
    ];

    /// Whether mail may be sent in it.
    #[must_use]
    pub const fn admits_mail(self) -> bool {
        matches!(
            self,
            Self::Provisioned | Self::Active | Self::IdleWarned | Self::ReviewDue
        )
    }

    /// Whether nothing follows but another request. An expired grant may be renewed for a while.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(
            self,
            Self::Revoked(_) | Self::Expired | Self::Rejected | Self::Withdrawn | Self::Superseded
        )
    }

    /// Whether it was set up and has not ended.
    #[must_use]
    pub const fn is_live(self) -> bool {
        self.admits_mail() || matches!(self, Self::Suspended(_))
    }

    /// As people say it.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Draft => "it is being written",
            Self::Submitted => "it waits for a look at its completeness",
            Self::NeedsInformation => "something is missing; its people were asked",
            Self::AwaitingHeadAck => "it waits for whoever takes the risk",
            Self::SecurityReview => "it waits for security",
            Self::Approved => "people have approved it; the network is checked next",
            Self::WaitingNetwork => "people have approved it; the network is not ready",
            Self::Provisioned => "it is set up, and was not used yet",
            Self::Active => "it is in use",
            Self::IdleWarned => "it was not used for long; its people were asked",
            Self::ReviewDue => "it is in use; its end is near",
            Self::Suspended(Suspension::Unused) => "suspended: it was never used",
            Self::Suspended(Suspension::Idle) => "suspended: it was not used for long, and nobody answered",
            Self::Suspended(Suspension::Abuse) => "suspended: spam, phish or malware came through it",
            Self::Suspended(Suspension::Drift) => "suspended: the network is not what was registered",
            Self::Suspended(Suspension::Orphan) => "suspended: nobody answers for it",
            Self::Suspended(Suspension::Operator) => "suspended by an operator",
            Self::Revoked(Revocation::Owner) => "ended: its people no longer need it",
            Self::Revoked(Revocation::Idle) => "ended: nobody missed it",
            Self::Revoked(Revocation::Abuse) => "ended for abuse",
            Self::Revoked(Revocation::Operator) => "ended by an operator",
            Self::Revoked(Revocation::Ended) => "ended while it was suspended",
            Self::Expired => "its time is over",
            Self::Rejected => "refused",
            Self::Withdrawn => "given up",
            Self::Superseded => "another one took its place",
        }
    }

    /// As it is stored and shown.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::NeedsInformation => "needs_information",
            Self::AwaitingHeadAck => "awaiting_head_ack",
            Self::SecurityReview => "security_review",
            Self::Approved => "approved",
            Self::WaitingNetwork => "waiting_network",
            Self::Provisioned => "provisioned",
            Self::Active => "active",
            Self::IdleWarned => "idle_warned",
            Self::ReviewDue => "review_due",
            Self::Suspended(Suspension::Unused) => "suspended(unused)",
            Self::Suspended(Suspension::Idle) => "suspended(idle)",
            Self::Suspended(Suspension::Abuse) => "suspended(abuse)",
            Self::Suspended(Suspension::Drift) => "suspended(drift)",
            Self::Suspended(Suspension::Orphan) => "suspended(orphan)",
            Self::Suspended(Suspension::Operator) => "suspended(operator)",
            Self::Revoked(Revocation::Owner) => "revoked(owner)",
            Self::Revoked(Revocation::Idle) => "revoked(idle)",
            Self::Revoked(Revocation::Abuse) => "revoked(abuse)",
            Self::Revoked(Revocation::Operator) => "revoked(operator)",
            Self::Revoked(Revocation::Ended) => "revoked(ended)",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Superseded => "superseded",
        }
    }

    /// The state of this code.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_code_of_its_own() {
        for state in State::ALL {
            assert_eq!(State::of_code(state.code()), Some(state));
        }
        assert_eq!(State::of_code("suspended"), None);
    }
}
