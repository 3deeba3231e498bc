//! The letters of a grant's life: which there are, and who gets them.

/// A letter, by what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Notice {
    /// M01: the request is there; what happens next, and by when.
    Received,
    /// M02: a draft was put away.
    DraftForgotten,
    /// M03: something is missing.
    MoreNeeded,
    /// M04: the answer is there.
    AnswerReceived,
    /// M05: nobody answered; the request ends, or will.
    NoAnswer,
    /// M06: the link by which the head acknowledges.
    HeadAsked,
    /// M07: the head was asked.
    HeadWasAsked,
    /// M08: security is to decide.
    SecurityAsked,
    /// M09: rejected, and how to appeal.
    Rejected,
    /// M10: approved.
    Approved,
    /// M11: how to set the device up.
    Recipe,
    /// M12: what the network has to change.
    NetworkAsked,
    /// M13: the first message arrived.
    Works,
    /// M14: set up, and still unused.
    Unused,
    /// M15: suspended, as it was never used.
    SuspendedUnused,
    /// M16: its mail is refused, as it is not as it was approved.
    Refused,
    /// M17: it sends more than was approved.
    OverVolume,
    /// M20: a year without mail; keep it or remove it?
    StillNeeded,
    /// M21: mail came; nothing has to be answered.
    InUseAgain,
    /// M22: it is kept.
    Kept,
    /// M23: it is removed, as asked.
    Removed,
    /// M24: suspended, as nobody answered.
    SuspendedIdle,
    /// M25: it ended, as nobody answered for long.
    EndedIdle,
    /// M30: it ends soon; the link to renew it.
    EndNears,
    /// M31: renewed.
    Renewed,
    /// M32: it has ended.
    Ended,
    /// M40: suspended for abuse.
    SuspendedAbuse,
    /// M41: the network no longer is what was registered.
    Drifted,
    /// M42: suspended for that.
    SuspendedDrift,
    /// M43: nobody answers for it any more.
    Orphaned,
    /// M44: it serves again, under these conditions.
    Reinstated,
    /// M45: it ended for abuse.
    EndedAbuse,
    /// M46: another one takes its place.
    Superseded,
    /// M47: suspended by an operator.
    SuspendedByOperator,
    /// M48: ended by an operator.
    EndedByOperator,
    /// M49: others operate it, or answer for it, from now on.
    ContactsChanged,
    /// M50: the yearly list of a department's grants, and the link by which its head answers.
    ListAsked,
    /// M51: no head answers for such a list; somebody has to.
    ListUnanswered,
    /// M52: it is removed, as its department no longer needs it.
    NotAttested,
    /// M53: others are to operate it, or to answer for it; do you agree?
    ContactsAsked,
    /// M54: that came to nothing; the former ones stay.
    ContactsStay,
}

/// Who gets a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// Who asked.
    Requestor,
    /// Who operates.
    Technical,
    /// Who answers for it.
    Owner,
    /// Who took the risk.
    Head,
    /// Information security.
    Security,
    /// The network team.
    Network,
    /// The department, where nobody else is left.
    Department,
    /// Who runs the relay.
    Admin,
    /// Who is to operate it.
    NextTechnical,
    /// Who is to answer for it.
    NextOwner,
}

impl Audience {
    /// As it is stored.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Requestor => "requestor",
            Self::Technical => "technical",
            Self::Owner => "owner",
            Self::Head => "head",
            Self::Security => "security",
            Self::Network => "network",
            Self::Department => "department",
            Self::Admin => "admin",
            Self::NextTechnical => "next-technical",
            Self::NextOwner => "next-owner",
        }
    }

    /// Every audience.
    pub const ALL: [Self; 10] = [
        Self::Requestor,
        Self::Technical,
        Self::Owner,
        Self::Head,
        Self::Security,
        Self::Network,
        Self::Department,
        Self::Admin,
        Self::NextTechnical,
        Self::NextOwner,
    ];

    /// Reads what [`code`](Self::code) wrote.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audience| audience.code() == code)
    }
}

impl Notice {
    /// Every letter.
    pub const ALL: [Self; 41] = [
        Self::Received,
        Self::DraftForgotten,
        Self::MoreNeeded,
        Self::AnswerReceived,
        Self::NoAnswer,
        Self::HeadAsked,
        Self::HeadWasAsked,
        Self::SecurityAsked,
        Self::Rejected,
        Self::Approved,
        Self::Recipe,
        Self::NetworkAsked,
        Self::Works,
        Self::Unused,
        Self::SuspendedUnused,
        Self::Refused,
        Self::OverVolume,
        Self::StillNeeded,
        Self::InUseAgain,
        Self::Kept,
        Self::Removed,
        Self::SuspendedIdle,
        Self::EndedIdle,
        Self::EndNears,
        Self::Renewed,
        Self::Ended,
        Self::SuspendedAbuse,
        Self::Drifted,
        Self::SuspendedDrift,
        Self::Orphaned,
        Self::Reinstated,
        Self::EndedAbuse,
        Self::Superseded,
        Self::SuspendedByOperator,
        Self::EndedByOperator,
        Self::ContactsChanged,
        Self::ListAsked,
        Self::ListUnanswered,
        Self::NotAttested,
        Self::ContactsAsked,
        Self::ContactsStay,
    ];

    /// `M01` to `M54`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Received => "M01",
            Self::DraftForgotten => "M02",
            Self::MoreNeeded => "M03",
            Self::AnswerReceived => "M04",
            Self::NoAnswer => "M05",
            Self::HeadAsked => "M06",
            Self::HeadWasAsked => "M07",
            Self::SecurityAsked => "M08",
            Self::Rejected => "M09",
            Self::Approved => "M10",
            Self::Recipe => "M11",
            Self::NetworkAsked => "M12",
            Self::Works => "M13",
            Self::Unused => "M14",
            Self::SuspendedUnused => "M15",
            Self::Refused => "M16",
            Self::OverVolume => "M17",
            Self::StillNeeded => "M20",
            Self::InUseAgain => "M21",
            Self::Kept => "M22",
            Self::Removed => "M23",
            Self::SuspendedIdle => "M24",
            Self::EndedIdle => "M25",
            Self::EndNears => "M30",
            Self::Renewed => "M31",
            Self::Ended => "M32",
            Self::SuspendedAbuse => "M40",
            Self::Drifted => "M41",
            Self::SuspendedDrift => "M42",
            Self::Orphaned => "M43",
            Self::Reinstated => "M44",
            Self::EndedAbuse => "M45",
            Self::Superseded => "M46",
            Self::SuspendedByOperator => "M47",
            Self::EndedByOperator => "M48",
            Self::ContactsChanged => "M49",
            Self::ListAsked => "M50",
            Self::ListUnanswered => "M51",
            Self::NotAttested => "M52",
            Self::ContactsAsked => "M53",
            Self::ContactsStay => "M54",
        }
    }

    /// Reads what [`code`](Self::code) wrote.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|notice| notice.code() == code)
    }

    /// Who gets it as a rule; a step may name others beside them.
    #[must_use]
    pub const fn audience(self) -> &'static [Audience] {
        use Audience::{Admin, Department, Head, Network, Owner, Requestor, Security, Technical};
        match self {
            Self::DraftForgotten | Self::AnswerReceived | Self::HeadWasAsked => &[Requestor],
            Self::MoreNeeded | Self::NoAnswer | Self::Received | Self::Rejected | Self::Approved => {
                &[Requestor, Technical]
            }
            Self::HeadAsked | Self::ListAsked => &[Head],
            Self::ListUnanswered => &[Admin],
            Self::SecurityAsked => &[Security, Requestor],
            Self::Recipe | Self::Unused => &[Technical],
            Self::Refused | Self::OverVolume => &[Technical, Owner],
            Self::NetworkAsked => &[Network, Technical],
            Self::Works | Self::SuspendedUnused | Self::InUseAgain | Self::Kept => &[Requestor, Technical],
            Self::StillNeeded | Self::Removed | Self::SuspendedIdle | Self::EndedIdle => &[Requestor, Technical, Owner],
            Self::EndNears | Self::Renewed | Self::Reinstated | Self::Superseded => &[Requestor, Technical, Owner],
            Self::SuspendedByOperator | Self::EndedByOperator | Self::NotAttested => &[Requestor, Technical, Owner],
            Self::ContactsChanged | Self::ContactsStay => &[Requestor, Technical, Owner],
            // Those whose contact it is about: the step names them.
            Self::ContactsAsked => &[],
            Self::Ended => &[Requestor, Technical, Head],
            Self::SuspendedAbuse | Self::EndedAbuse => &[Technical, Requestor, Head, Security],
            Self::Drifted | Self::SuspendedDrift => &[Technical, Network],
            Self::Orphaned => &[Department],
        }
    }

    /// Whether it is sent at once. All others wait for the one letter a day that each contact gets.
    #[must_use]
    pub const fn is_urgent(self) -> bool {
        matches!(
            self,
            Self::SuspendedAbuse
                | Self::EndedAbuse
                | Self::SuspendedDrift
                | Self::Drifted
                | Self::HeadAsked
                | Self::ContactsAsked
                | Self::Recipe
        )
    }
}
