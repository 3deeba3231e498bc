//! What happens to a grant.

use mail::Timestamp;

use super::Trouble;
use crate::acknowledgement::Signature;
use crate::actor::{Person, Role};
use crate::check::Check;
use crate::handover::Handover;

/// How much is risked by an exception; it limits how long one may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Risk {
    /// A year.
    Low,
    /// Half a year.
    Medium,
    /// A quarter.
    High,
}

/// Something that happens to a request or a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The form is filled in, and the requestor's address verified.
    Submit,
    /// Something is missing or wrong.
    Ask {
        /// What, field by field.
        what: Box<str>,
    },
    /// What was asked for is there.
    Answer {
        /// SHA-256 of what is asked for now.
        request: [u8; 32],
    },
    /// It is given up by whoever asked.
    Withdraw,
    /// Nothing is missing. Where nobody else decides, this approves.
    Complete {
        /// The last instant at which it shall hold; read where this approves.
        until: Timestamp,
    },
    /// The risk is taken.
    Acknowledge(Signature),
    /// The risk is not taken.
    Decline {
        /// Why.
        reason: Box<str>,
    },
    /// Security approves.
    Decide {
        /// How much is risked.
        risk: Risk,
        /// What makes up for it.
        controls: Box<str>,
        /// The last instant at which it shall hold.
        until: Timestamp,
    },
    /// It is refused.
    Reject {
        /// Why.
        reason: Box<str>,
    },
    /// What is asked for was changed.
    Amend {
        /// SHA-256 of what is asked for now.
        request: [u8; 32],
    },
    /// It served before there was a registry.
    Import {
        /// The last instant at which it shall hold.
        until: Timestamp,
        /// Whether its people are told how it logs in from now on, and where its secret is.
        recipe: bool,
    },
    /// Somebody has looked at what was imported, and it may go on.
    Review {
        /// The last instant at which it shall hold.
        until: Timestamp,
    },
    /// The technical checks were made.
    Checked {
        /// Those that hinder.
        red: Vec<Check>,
    },
    /// A message was accepted under it.
    Accepted {
        /// Its id.
        message: Box<str>,
        /// Whether it is use: a test by a button is none.
        counts: bool,
    },
    /// Something of its mail is not as it was approved.
    Troubled {
        /// What.
        trouble: Trouble,
        /// What it was answered, or what became of the message.
        said: Box<str>,
    },
    /// It is still needed.
    Keep {
        /// What for.
        reason: Box<str>,
    },
    /// It is no longer needed.
    Remove {
        /// Why.
        reason: Box<str>,
    },
    /// The head of its department, or somebody in their place, has looked at it and lets it be.
    Attest {
        /// On which list, and whose.
        list: Box<str>,
    },
    /// Its department no longer needs it: so its head said, or somebody in their place.
    NotAttested {
        /// On which list, and why.
        reason: Box<str>,
    },
    /// It shall go on.
    Renew {
        /// The last instant at which it shall hold.
        until: Timestamp,
    },
    /// Spam, phish or malware came through it.
    Abuse {
        /// The alert, with its samples.
        alert: Box<str>,
    },
    /// The network is not what was registered.
    Drifted {
        /// What is there instead.
        observed: Box<str>,
        /// Whether the address is given out dynamically now: the next machine there is anybody's.
        dynamic: bool,
    },
    /// The network is what was registered, again.
    Matches,
    /// Nobody answers for it any more.
    Abandoned,
    /// Those who answer for it are there again.
    Found,
    /// Others shall operate it, or answer for it, once those who go and those who come agree.
    Contacts {
        /// Who, and who has to agree.
        to: Box<Handover>,
        /// Whether an administrator stands in for some who go and cannot be asked.
        stands_in: bool,
        /// The same in words, with why somebody cannot be asked.
        said: Box<str>,
    },
    /// One of them agrees.
    Confirm {
        /// SHA-256 of what they were asked about.
        request: [u8; 32],
    },
    /// An administrator stands in for those who have left and cannot agree.
    StandIn {
        /// Who has left.
        gone: Vec<Person>,
        /// How that is known.
        why: Box<str>,
    },
    /// One of them does not agree, or it was proposed by mistake.
    Dissent {
        /// SHA-256 of what they were asked about.
        request: [u8; 32],
        /// Why.
        reason: Box<str>,
    },
    /// It shall not serve for now.
    Suspend {
        /// Why.
        reason: Box<str>,
    },
    /// It shall serve again.
    Reinstate {
        /// Under which conditions.
        conditions: Box<str>,
    },
    /// It shall end.
    Revoke {
        /// Why.
        reason: Box<str>,
    },
    /// Another one takes its place.
    Supersede {
        /// Which.
        by: Box<str>,
    },
    /// Time went by.
    Elapsed(Deadline),
}

/// What time alone causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Deadline {
    /// Nobody touched a draft.
    DraftForgotten,
    /// A question is not answered yet.
    InformationReminder,
    /// A question was not answered.
    InformationMissing,
    /// The head has not answered yet.
    HeadReminder,
    /// Nor by now; the requestor is told as well.
    HeadReminderBoth,
    /// The head did not answer.
    HeadSilent,
    /// The network did not become ready.
    NetworkNotReady,
    /// Set up, and not used yet.
    UnusedReminder,
    /// Set up, and never used.
    Unused,
    /// Not used for long.
    Idle,
    /// And nobody has answered yet.
    IdleReminder,
    /// Nor by now; the head is told.
    IdleHeadTold,
    /// Nobody answered.
    IdleUnanswered,
    /// Nobody missed it.
    IdleOver,
    /// Its end is near.
    EndNears,
    /// Its end is here.
    Ended,
    /// Nobody answers for it, and nobody was found.
    OrphanUnanswered,
    /// The network did not become again what was registered.
    DriftUnanswered,
    /// Not everybody agreed to other contacts.
    ContactsUnconfirmed,
}

impl Deadline {
    /// The rule's name, as an actor.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::DraftForgotten => "draft-forgotten",
            Self::InformationReminder => "information-reminder",
            Self::InformationMissing => "information-missing",
            Self::HeadReminder => "head-reminder",
            Self::HeadReminderBoth => "head-reminder-both",
            Self::HeadSilent => "head-silent",
            Self::NetworkNotReady => "network-not-ready",
            Self::UnusedReminder => "unused-reminder",
            Self::Unused => "unused",
            Self::Idle => "idle",
            Self::IdleReminder => "idle-reminder",
            Self::IdleHeadTold => "idle-head-told",
            Self::IdleUnanswered => "idle-unanswered",
            Self::IdleOver => "idle-over",
            Self::EndNears => "end-nears",
            Self::Ended => "ended",
            Self::OrphanUnanswered => "orphan-unanswered",
            Self::DriftUnanswered => "drift-unanswered",
            Self::ContactsUnconfirmed => "contacts-unconfirmed",
        }
    }
}

impl Event {
    /// Its name, as it is stored and shown.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Ask { .. } => "ask",
            Self::Answer { .. } => "answer",
            Self::Withdraw => "withdraw",
            Self::Complete { .. } => "complete",
            Self::Acknowledge(_) => "acknowledge",
            Self::Decline { .. } => "decline",
            Self::Decide { .. } => "decide",
            Self::Reject { .. } => "reject",
            Self::Amend { .. } => "amend",
            Self::Import { .. } => "import",
            Self::Review { .. } => "review",
            Self::Checked { .. } => "checked",
            Self::Accepted { .. } => "accepted",
            Self::Troubled { trouble, .. } => trouble.code(),
            Self::Keep { .. } => "keep",
            Self::Remove { .. } => "remove",
            Self::Attest { .. } => "attest",
            Self::NotAttested { .. } => "not-attested",
            Self::Renew { .. } => "renew",
            Self::Abuse { .. } => "abuse",
            Self::Drifted { .. } => "drifted",
            Self::Matches => "matches",
            Self::Abandoned => "abandoned",
            Self::Found => "found",
            Self::Contacts { .. } => "contacts",
            Self::Confirm { .. } => "contacts-confirmed",
            Self::StandIn { .. } => "contacts-stood-in",
            Self::Dissent { .. } => "contacts-declined",
            Self::Suspend { .. } => "suspend",
            Self::Reinstate { .. } => "reinstate",
            Self::Revoke { .. } => "revoke",
            Self::Supersede { .. } => "supersede",
            Self::Elapsed(deadline) => deadline.rule(),
        }
    }

    /// The roles in which people may cause it; nobody where only rules may.
    #[must_use]
    pub const fn people(&self) -> &'static [Role] {
        use Role::{Admin, Head, HelpDesk, Owner, Requestor, Security, Technical};
        match self {
            Self::Submit | Self::Withdraw => &[Requestor, Owner],
            Self::Answer { .. } | Self::Amend { .. } => &[Requestor, Owner, Technical, HelpDesk],
            Self::Ask { .. } | Self::Reject { .. } | Self::Suspend { .. } | Self::Abuse { .. } => &[Admin, Security],
            Self::Complete { .. } | Self::Import { .. } | Self::Review { .. } => &[Admin],
            Self::Acknowledge(_) | Self::Decline { .. } => &[Head],
            Self::Decide { .. } => &[Security],
            Self::Keep { .. } => &[Requestor, Owner, Technical],
            Self::Remove { .. } => &[Requestor, Owner, Technical, Head],
            Self::Attest { .. } | Self::NotAttested { .. } => &[Head, Admin, Security],
            Self::Renew { .. } => &[Owner, Requestor],
            Self::Contacts { .. } | Self::Dissent { .. } => &[Owner, Requestor, Technical, Admin],
            Self::Confirm { .. } => &[Technical, Owner],
            Self::StandIn { .. } => &[Admin],
            Self::Reinstate { .. } | Self::Revoke { .. } => &[Admin, Security],
            Self::Checked { .. }
            | Self::Accepted { .. }
            | Self::Troubled { .. }
            | Self::Drifted { .. }
            | Self::Matches
            | Self::Abandoned
            | Self::Found
            | Self::Supersede { .. }
            | Self::Elapsed(_) => &[],
        }
    }

    /// Whether a rule of ours may cause it.
    #[must_use]
    pub const fn by_rule(&self) -> bool {
        matches!(self, Self::Abuse { .. }) || self.people().is_empty()
    }

    /// What was said with it, where something has to be said.
    #[must_use]
    pub fn said(&self) -> Option<&str> {
        match self {
            Self::Ask { what: said }
            | Self::Decline { reason: said }
            | Self::Reject { reason: said }
            | Self::Troubled { said, .. }
            | Self::Keep { reason: said }
            | Self::Remove { reason: said }
            | Self::Attest { list: said }
            | Self::NotAttested { reason: said }
            | Self::Suspend { reason: said }
            | Self::Revoke { reason: said }
            | Self::Decide { controls: said, .. }
            | Self::Reinstate { conditions: said }
            | Self::Abuse { alert: said }
            | Self::Drifted { observed: said, .. }
            | Self::Supersede { by: said }
            | Self::Contacts { said, .. }
            | Self::StandIn { why: said, .. }
            | Self::Dissent { reason: said, .. }
            | Self::Accepted { message: said, .. } => Some(said),
            Self::Submit
            | Self::Answer { .. }
            | Self::Withdraw
            | Self::Complete { .. }
            | Self::Acknowledge(_)
            | Self::Amend { .. }
            | Self::Import { .. }
            | Self::Review { .. }
            | Self::Checked { .. }
            | Self::Renew { .. }
            | Self::Matches
            | Self::Abandoned
            | Self::Found
            | Self::Confirm { .. }
            | Self::Elapsed(_) => None,
        }
    }
}
