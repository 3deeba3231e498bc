//! The technical checks a grant has to stand.

/// A check of the network's view of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Check {
    /// C1: the address is ours, and none behind which several machines hide.
    Ours,
    /// C2: it is registered, and the registration has not ended.
    Registered,
    /// C3: it is static, or reserved for exactly this machine outside of the dynamic pool.
    Static,
    /// C4: name and address point at each other, as the registry says.
    Named,
    /// C5: the device stands in the zone its kind has to stand in.
    Zoned,
    /// C6: the machine that is seen at the address is the one that is registered.
    SameMachine,
    /// C7: no other live grant has the address, and none is wider than allowed.
    Exclusive,
    /// C8: one machine speaks through the grant, not several behind one address.
    OneMachine,
    /// C9: the device's own services are not reachable from the internet.
    NotExposed,
    /// C10: the zone's firewall lets the device reach the relay and nothing else on port 25.
    ZoneEgress,
}

impl Check {
    /// What has to be green before a grant serves.
    pub const BEFORE_SERVING: &'static [Self] = &[
        Self::Ours,
        Self::Registered,
        Self::Static,
        Self::Named,
        Self::Zoned,
        Self::Exclusive,
    ];
    /// What has to stay green while it serves, and what its people are told of beside.
    pub const WHILE_SERVING: &'static [Self] = &[
        Self::Ours,
        Self::Registered,
        Self::Static,
        Self::Named,
        Self::Zoned,
        Self::SameMachine,
        Self::Exclusive,
        Self::OneMachine,
        Self::NotExposed,
        Self::ZoneEgress,
    ];
    /// What a requestor is told of at once.
    pub const AT_SUBMISSION: &'static [Self] = &[Self::Ours, Self::Registered, Self::Static, Self::Named, Self::Zoned];

    /// `C1` to `C10`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Ours => "C1",
            Self::Registered => "C2",
            Self::Static => "C3",
            Self::Named => "C4",
            Self::Zoned => "C5",
            Self::SameMachine => "C6",
            Self::Exclusive => "C7",
            Self::OneMachine => "C8",
            Self::NotExposed => "C9",
            Self::ZoneEgress => "C10",
        }
    }
}
