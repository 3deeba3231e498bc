//! What an operator means, said apart from what is declared: the measure of every proof.

use ipnet::IpNet;
use mail::{DomainPattern, Host, Mailbox, Timestamp};

use crate::basis::Name;
use crate::model::{Class, Place, Role, SenderPattern};

/// What must be true of a rulebook, whatever it declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// What must never, and what must always be possible.
    pub assertions: Vec<Assertion>,
    /// How wide and how long an exception may be.
    pub bounds: Bounds,
    /// Where inbound routes lead, by the route's name. Judgement does not read it; it tells routes that were swapped.
    pub destinations: Vec<(Name, Host)>,
    /// Grants of which it is meant that they send as others than us, by name.
    pub foreign_senders: Vec<Name>,
    /// Addresses behind which others hide, beside those that the organisation names.
    pub hidden: Vec<Hidden>,
}

/// Addresses that name no client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The addresses.
    pub networks: Vec<IpNet>,
    /// What they are, as in `a proxy of listener mx`.
    pub what: String,
    /// Where that is declared.
    pub place: Place,
}

impl Intent {
    /// Whether what was proven of a declaration under this intent is proven under the other: it says the same,
    /// wherever its assertions stand, and measures ends from the same moment or a later one.
    #[must_use]
    pub fn carries_to(&self, other: &Self) -> bool {
        let same = |(own, theirs): (&Assertion, &Assertion)| {
            let place = own.place;
            *own == Assertion {
                place,
                ..theirs.clone()
            }
        };
        let bounds = |intent: &Self| Bounds {
            written: None,
            ..intent.bounds.clone()
        };
        self.bounds.written <= other.bounds.written
            && bounds(self) == bounds(other)
            && self.destinations == other.destinations
            && self.foreign_senders == other.foreign_senders
            && self.hidden.len() == other.hidden.len()
            && self
                .hidden
                .iter()
                .zip(&other.hidden)
                .all(|(own, theirs)| own.networks == theirs.networks)
            && self.assertions.len() == other.assertions.len()
            && self.assertions.iter().zip(&other.assertions).all(same)
    }
}

/// Whether something must not, or must, be possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Must {
    /// No message that is described is accepted, for anybody, at any time.
    Never,
    /// Every message that is described is accepted, where it is otherwise well-formed, within limits and clean, and
    /// comes while the grant or forward it needs is in force. What the assertion leaves open is as it should be: an
    /// encrypted session, a sender that may be used there, a recipient that exists, some listener.
    Always,
}

/// An operator's own property: `[[never]]` or `[[always]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Never or always.
    pub must: Must,
    /// What it says, in the operator's words.
    pub name: Name,
    /// Who sends.
    pub who: Who,
    /// From where; empty: from anywhere.
    pub sources: Vec<IpNet>,
    /// Over which listener; `None`: over any (`Never`), over at least one (`Always`).
    pub door: Option<Door>,
    /// As whom, any of these; empty: as anybody.
    pub senders: Vec<AsWhom>,
    /// To whom, any of these; empty: to anybody.
    pub recipients: Vec<ToWhom>,
    /// Whether the session is encrypted; `None`: either (`Never`), yes (`Always`).
    pub encrypted: Option<bool>,
    /// Where it is declared.
    pub place: Place,
}

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody. In an `Always` this is somebody who shows neither login nor certificate.
    Anybody,
    /// Somebody who shows neither login nor a certificate that has a grant.
    Nobody,
    /// Somebody who logged in with this name.
    Login(Name),
    /// Whoever is judged by this grant.
    Grant(Name),
}

/// Over which listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// The one of this name.
    Named(Name),
    /// Each with this role.
    Role(Role),
}

/// As whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsWhom {
    /// With the null sender.
    Null,
    /// As somebody of our own domains.
    Ours,
    /// As somebody of another domain, or with the null sender.
    Outside,
    /// As one of these.
    Pattern(SenderPattern),
}

/// To whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWhom {
    /// Our own domains.
    Ours,
    /// Every other domain.
    External,
    /// These domains.
    Domains(DomainPattern),
    /// One address.
    Exactly(Mailbox),
}

/// How wide an exception may be and how long anything may last. The defaults are [`WIDEST_V4`] and its neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The shortest prefixes of an address exception for v4 and v6, where a class has others than the default.
    pub widest: Vec<(Class, u8, u8)>,
    /// Days a grant of a class lasts at most, where it is another number than the default.
    pub longest: Vec<(Class, u32)>,
    /// Days an address exception lasts at most, whatever its class.
    pub longest_exception: Option<u32>,
    /// Days a forward lasts at most.
    pub longest_forward: Option<u32>,
    /// When these declarations were first shown to the gate. Ends are measured from here where a grant names no
    /// beginning. It is kept with the generation, so that the same file is judged the same at every start; without it
    /// an end is measured from the beginning of time, and is too late.
    pub written: Option<Timestamp>,
}

/// The shortest v4 prefix of an exception: sixteen addresses, as a farm of one kind may have.
pub const WIDEST_V4: u8 = 28;
/// The shortest v6 prefix of an exception: one link.
pub const WIDEST_V6: u8 = 64;
/// Days an address exception lasts at most: a year, a leap day, and the end of the last day.
pub const LONGEST_EXCEPTION: u32 = 367;
/// Days a forward lasts at most.
pub const LONGEST_FORWARD: u32 = 367;

impl Bounds {
    /// The shortest prefixes of an exception for v4 and v6.
    #[must_use]
    pub fn widest(&self, class: Class) -> (u8, u8) {
        let own = self.widest.iter().find(|(of, _, _)| *of == class);
        own.map_or((WIDEST_V4, WIDEST_V6), |(_, v4, v6)| (*v4, *v6))
    }

    /// Days a grant of this class lasts at most.
    #[must_use]
    pub fn longest(&self, class: Class, exception: bool) -> u32 {
        let default = match class {
            Class::Legacy | Class::Bulk => 367,
            Class::Device | Class::Application => 2 * 366,
            Class::Department | Class::User => 3 * 366,
        };
        let own = self.longest.iter().find(|(of, _)| *of == class);
        let days = own.map_or(default, |(_, days)| *days);
        if exception {
            days.min(self.longest_exception.unwrap_or(LONGEST_EXCEPTION))
        } else {
            days
        }
    }

    /// Days a forward lasts at most.
    #[must_use]
    pub fn longest_forward(&self) -> u32 {
        self.longest_forward.unwrap_or(LONGEST_FORWARD)
    }
}
