//! What the life of a grant depends on: a request, and the grant it became.

use mail::Timestamp;

use crate::acknowledgement::Acknowledged;
use crate::actor::Person;
use crate::handover::Handover;
use crate::life::State;

/// Which way a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Track {
    /// A device that can authenticate.
    Authenticated,
    /// A device that cannot: somebody takes the risk, and security decides.
    Exception,
    /// An application or a server: talked over first.
    Consultation {
        /// Whether security decides too: bulk, or recipients everywhere.
        security: bool,
    },
}

/// Everything the next step depends on, and nothing else. What is asked for (addresses, senders, volume) is kept beside
/// it, and stands here as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Which way it goes.
    pub track: Track,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub entered: Timestamp,
    /// Which reminder of this state was the last, counted from 0; and when it was sent.
    pub reminded: (u8, Timestamp),
    /// Who asks.
    pub requestor: Person,
    /// Who is to take the risk.
    pub head: Option<Person>,
    /// SHA-256 of what is asked for.
    pub request: [u8; 32],
    /// That the risk was taken, where it was.
    pub acknowledged: Option<Acknowledged>,
    /// Who decided for security, where somebody did.
    pub decided_by: Option<Person>,
    /// The last instant at which it holds, once that is decided.
    pub until: Option<Timestamp>,
    /// When it was set up.
    pub provisioned: Option<Timestamp>,
    /// When the last message was accepted under it.
    pub last_accepted: Option<Timestamp>,
    /// When somebody last said that it is still needed.
    pub kept: Option<Timestamp>,
    /// Days it may rest, where that is more than usual; it has a season.
    pub seasonal: Option<u32>,
    /// Since when nobody answers for it.
    pub orphan: Option<Timestamp>,
    /// Since when the network is not what was registered.
    pub drift: Option<Timestamp>,
    /// Who is to operate it, or to answer for it, while not everybody has agreed.
    pub handover: Option<Handover>,
    /// Whether it served before there was a registry, and nobody has looked at it since.
    pub unreviewed: bool,
}

impl Case {
    /// A draft.
    #[must_use]
    pub fn draft(track: Track, requestor: Person, request: [u8; 32], now: Timestamp) -> Self {
        Self {
            track,
            state: State::Draft,
            entered: now,
            reminded: (0, now),
            requestor,
            head: None,
            request,
            acknowledged: None,
            decided_by: None,
            until: None,
            provisioned: None,
            last_accepted: None,
            kept: None,
            seasonal: None,
            orphan: None,
            drift: None,
            handover: None,
            unreviewed: false,
        }
    }

    /// Whether the risk was taken of exactly what is asked for now.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        self.acknowledged
            .as_ref()
            .is_some_and(|acknowledged| acknowledged.request == self.request)
    }

    /// Whether everything that its track demands before it may serve was said by people. What was imported serves until
    /// its end, which is near, and no longer without it.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        if self.unreviewed {
            return self.until.is_some();
        }
        let decided = match self.track {
            Track::Authenticated | Track::Consultation { security: false } => true,
            Track::Exception => self.is_acknowledged() && self.decided_by.is_some(),
            Track::Consultation { security: true } => self.decided_by.is_some(),
        };
        decided && self.until.is_some()
    }

    /// Whether mail may be sent under it at this time.
    #[must_use]
    pub fn admits_mail(&self, now: Timestamp) -> bool {
        self.state.admits_mail() && self.is_decided() && self.until.is_some_and(|until| now <= until)
    }
}
