//! What of a grant's mail is not as it was approved: nothing changes by it, but its people should know.

use crate::notice::Notice;

/// What of a grant's mail is not as it was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Trouble {
    /// It sends as somebody it may not send as.
    Sender,
    /// It sends from an address that is not its own.
    Network,
    /// It sends to somebody it may not send to.
    Recipient,
    /// It sends more than was approved, and that is held.
    Volume,
    /// It sends more than can be held.
    Limit,
}

impl Trouble {
    /// Every trouble.
    pub const ALL: [Self; 5] = [Self::Sender, Self::Network, Self::Recipient, Self::Volume, Self::Limit];

    /// As it is stored and shown.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Sender => "sent-as-another",
            Self::Network => "sent-from-elsewhere",
            Self::Recipient => "sent-too-far",
            Self::Volume => "sent-much",
            Self::Limit => "sent-too-much",
        }
    }

    /// The letter about it.
    #[must_use]
    pub const fn notice(self) -> Notice {
        match self {
            Self::Sender | Self::Network | Self::Recipient => Notice::Refused,
            Self::Volume | Self::Limit => Notice::OverVolume,
        }
    }
}
