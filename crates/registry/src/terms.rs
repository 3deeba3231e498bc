//! How long everything may take.

/// The organisation's terms, in days unless the name says otherwise. The defaults are what organisations that publish
/// theirs do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// A draft nobody touches.
    pub draft: u32,
    /// A question that is not answered: reminder, end.
    pub information: (u32, u32),
    /// A head who does not answer, in business days: reminder, reminder with the requestor, end.
    pub head_business: (u32, u32, u32),
    /// Waiting for the network.
    pub network: u32,
    /// A grant that was set up and never used: nudge, nudge, suspension.
    pub unused: (u32, u32, u32),
    /// Consecutive days without a message until somebody is asked.
    pub idle: u32,
    /// After that question: reminder, reminder, the head is told, suspension.
    pub idle_answer: (u32, u32, u32, u32),
    /// From that suspension to the end.
    pub idle_over: u32,
    /// A department's yearly list: reminder, reminder, the administrators are told, the house is told that nobody answered.
    pub attestation: (u32, u32, u32, u32),
    /// Before the end of a grant, widest first.
    pub end_nears: [u32; 5],
    /// After its end in which it may still be renewed.
    pub grace: u32,
    /// Without anybody who answers for it.
    pub orphan: u32,
    /// An address that is no longer what was registered, in hours.
    pub drift_hours: u32,
    /// A grant that was imported and not reviewed.
    pub imported: u32,
    /// The longest a grant may hold.
    pub longest: u32,
    /// The longest an exception of low, medium and high risk may hold.
    pub longest_by_risk: (u32, u32, u32),
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            draft: 30,
            information: (7, 14),
            head_business: (5, 10, 20),
            network: 30,
            unused: (14, 28, 90),
            idle: 365,
            idle_answer: (7, 14, 21, 30),
            idle_over: 30,
            attestation: (7, 14, 21, 30),
            end_nears: [60, 30, 14, 7, 1],
            grace: 30,
            orphan: 30,
            drift_hours: 24,
            imported: 90,
            longest: 366,
            longest_by_risk: (366, 183, 92),
        }
    }
}
