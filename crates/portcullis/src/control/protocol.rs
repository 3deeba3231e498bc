//! What is said over the control socket.

use mail::{Domain, Mailbox, MessageId};
use policy::Name;
use serde::{Deserialize, Serialize};
use spool::{Filter, Selector, StateKind, Summary};

use crate::story::{bare, standing};

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Who asks, by name. The name is a courtesy; the user id comes from the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// What is asked.
    #[serde(flatten)]
    pub asked: Asked,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Asked {
    /// Items: [`Mail`]. Done: `{"more": bool}`.
    List(Listing),
    /// Done: [`Mail`] with everything that is known.
    Show {
        /// The message.
        id: String,
    },
    /// Done: how much is in the queue, and what is suspended.
    Counts,
    /// Items: what was left alone and why. Done: `{"changed": n, "kept": n}`.
    Change {
        /// What to change.
        select: Select,
        /// How.
        act: Act,
        /// An operator's words for the ledger.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Stops delivering what is selected.
    Suspend {
        /// What.
        select: Select,
    },
    /// Ends a suspension.
    Resume {
        /// Which.
        select: Select,
    },
    /// Done: a [`Tale`](crate::story::Tale).
    Trace {
        /// A message, a session or a refusal.
        id: String,
    },
    /// Done: an [`Account`](crate::why::Account) of the last decisions.
    Why {
        /// An id, an address of a machine or a person, a grant or a login.
        about: String,
        /// How many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<usize>,
    },
    /// Reads the configuration again. Done: what came of it, in words.
    Reload,
    /// Reads the configuration again, into which the text of an earlier generation was written. Done: what came of it, in
    /// words.
    Rollback {
        /// Whose text it is.
        of: u64,
        /// What serves: another one by now has carried other things over.
        from: u64,
    },
    /// Tries to relay through every listener, as a stranger. Done: a [`Report`](crate::selftest::Report).
    SelfTest,
    /// Lets a configuration decide beside the one that serves. Done: what came of it, in words.
    ShadowStart {
        /// Where it is, as the gate finds it.
        file: std::path::PathBuf,
        /// How long.
        for_secs: u64,
        /// An operator's words for the ledger.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Done: a [`Report`](crate::shadow::Report); null where there was none.
    ShadowStatus,
    /// Ends it. Done: its last [`Report`](crate::shadow::Report).
    ShadowStop {
        /// An operator's words for the ledger.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Something was seen in the mail of a grant of the registry. Done: whether it is suspended for that, and what was
    /// kept.
    Report(Seen),
    /// Done: the [`KeptOut`](crate::identities::KeptOut).
    Logins,
    /// Lets somebody log in again. Done: whether they were kept out.
    ReleaseLogin {
        /// A login, an address or a network.
        who: String,
        /// An operator's words for the ledger.
        reason: String,
    },
    /// Done: name, generation, queue, ledger, and what is wrong.
    Status,
    /// Starts a successor and waits until it serves. Done: its `pid` and `version`.
    Upgrade {
        /// What to run; the file this gate was started from, unless named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        binary: Option<std::path::PathBuf>,
        /// How long sessions that are open may go on.
        grace_secs: u64,
    },
    /// A successor asks for our listening sockets. Items: where each listens, the socket beside it. Done: who we are.
    HandOver {
        /// Its process.
        pid: u32,
        /// Its version.
        version: String,
    },
    /// The successor of this connection serves.
    Relieve {
        /// How long our sessions may go on.
        grace_secs: u64,
    },
    /// The successor of this connection will not serve.
    GiveUp {
        /// Why.
        why: String,
    },
}

/// What a scanner, or a person, saw in the mail of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Whose mail: `pc-1042`.
    pub grant: String,
    /// What it is.
    pub verdict: SeenAs,
    /// The scanner's score, where it is spam.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<serde_json::Number>,
    /// The message's id, or whatever tells it from others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The message itself, in Base64; it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
}

/// As what it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeenAs {
    /// It wants secrets.
    Phish,
    /// It does harm.
    Malware,
    /// It is unwanted.
    Spam,
}

/// Which messages to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Listing {
    /// Some recipient is in this state.
    pub state: Option<String>,
    /// Of this sender.
    pub sender: Option<String>,
    /// Some recipient was accepted on this grant.
    pub grant: Option<String>,
    /// Some recipient is in this domain.
    pub domain: Option<String>,
    /// Later than this message.
    pub after: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// These messages.
    Ids(Vec<String>),
    /// Messages of this sender.
    Sender(String),
    /// Recipients accepted on this grant.
    Grant(String),
    /// Recipients in this domain.
    Domain(String),
    /// Everything.
    All,
}

/// How the queue is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Holds it back, for so many seconds or until it is released.
    Hold {
        /// Seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_secs: Option<u64>,
    },
    /// Frees what operators hold; what judgement holds or set aside, on a new decision.
    Release,
    /// Tries deferred ones now.
    Retry,
    /// Takes them out; nobody is told.
    Remove,
    /// Gives them back to their sender.
    Bounce,
}

/// A message of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The message.
    pub id: String,
    /// When it was accepted, RFC 3339.
    pub received: String,
    /// The envelope sender; `<>` for none.
    pub from: String,
    /// Octets as delivered.
    pub octets: u64,
    /// How long it has been here, in seconds.
    pub age_secs: u64,
    /// The subject, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where it came from, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its recipients.
    pub recipients: Vec<Recipient>,
}

/// A recipient of a queued message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// To whom.
    pub to: String,
    /// Its state.
    pub state: String,
    /// What that means.
    pub text: String,
    /// On what ground it was accepted, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// Attempts made, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// What the last host said, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// Words that mean nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Not an id.
    #[error("`{0}` is no id; ids have twelve letters and digits, such as 06M3K8FQ2XRA")]
    Id(String),
    /// Not an address.
    #[error("`{0}` is no address: {1}; write it as user@example.edu")]
    Address(String, String),
    /// Not a domain.
    #[error("`{0}` is no domain: {1}")]
    Domain(String, String),
    /// Not a state.
    #[error("`{0}` is no state; there are ready, deferred, held, quarantined, bouncing and done")]
    State(String),
    /// Nothing selected.
    #[error("no message is named")]
    Nothing,
}

/// Reads an id.
pub(crate) fn id(text: &str) -> Result<MessageId, WordsError> {
    text.trim().parse().map_err(|_| WordsError::Id(text.to_owned()))
}

fn mailbox(text: &str) -> Result<Mailbox, WordsError> {
    Mailbox::parse(text).map_err(|why| WordsError::Address(text.to_owned(), why.to_string()))
}

fn domain(text: &str) -> Result<Domain, WordsError> {
    Domain::parse(text).map_err(|why| WordsError::Domain(text.to_owned(), why.to_string()))
}

impl Select {
    /// As the spool knows it.
    pub fn selector(&self) -> Result<Selector, WordsError> {
        Ok(match self {
            Self::Ids(ids) if ids.is_empty() => return Err(WordsError::Nothing),
            Self::Ids(ids) => Selector::Ids(ids.iter().map(|text| id(text)).collect::<Result<_, _>>()?),
            Self::Sender(sender) => Selector::Sender(mailbox(sender)?),
            Self::Grant(grant) => Selector::Grant(Name::from(grant.as_str())),
            Self::Domain(name) => Selector::RecipientDomain(domain(name)?),
            Self::All => Selector::All,
        })
    }

    /// Back from the spool, for showing what is suspended.
    #[must_use]
    pub fn of(selector: &Selector) -> Self {
        match selector {
            Selector::Ids(ids) => Self::Ids(ids.iter().map(ToString::to_string).collect()),
            Selector::Sender(sender) => Self::Sender(sender.to_string()),
            Selector::Grant(grant) => Self::Grant(grant.to_string()),
            Selector::RecipientDomain(domain) => Self::Domain(domain.to_string()),
            Selector::All => Self::All,
        }
    }
}

impl std::fmt::Display for Select {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ids(ids) => f.write_str(&ids.join(", ")),
            Self::Sender(sender) => write!(f, "mail from {sender}"),
            Self::Grant(grant) => write!(f, "mail on grant {grant}"),
            Self::Domain(domain) => write!(f, "mail to {domain}"),
            Self::All => f.write_str("everything"),
        }
    }
}

impl Listing {
    /// As the spool knows it.
    pub fn filter(&self) -> Result<Filter, WordsError> {
        Ok(Filter {
            state: self.state.as_deref().map(state_kind).transpose()?,
            sender: self.sender.as_deref().map(mailbox).transpose()?,
            grant: self.grant.as_deref().map(Name::from),
            recipient_domain: self.domain.as_deref().map(domain).transpose()?,
            after: self.after.as_deref().map(id).transpose()?,
        })
    }
}

fn state_kind(text: &str) -> Result<StateKind, WordsError> {
    Ok(match text {
        "ready" => StateKind::Ready,
        "deferred" => StateKind::Deferred,
        "held" => StateKind::Held,
        "quarantined" => StateKind::Quarantined,
        "bouncing" => StateKind::Bouncing,
        "done" => StateKind::Done,
        other => return Err(WordsError::State(other.to_owned())),
    })
}

impl Mail {
    /// One line of a list.
    pub(crate) fn summary(summary: &Summary, now: mail::Timestamp) -> Self {
        let recipients = summary.recipients.iter().map(|(path, state)| {
            let (word, text) = standing(state);
            Recipient {
                to: bare(&path.to_string()),
                state: word.to_owned(),
                text,
                ..Recipient::default()
            }
        });
        Self {
            id: summary.id.to_string(),
            received: summary.received.to_rfc3339(),
            from: bare_or_null(&summary.reverse),
            octets: summary.octets,
            age_secs: now.since(summary.received).as_secs(),
            subject: None,
            source: None,
            recipients: recipients.collect(),
        }
    }

    /// Everything.
    pub(crate) fn whole(story: &spool::Story, now: mail::Timestamp) -> Self {
        let recipients = story.recipients.iter().map(|one| {
            let (word, text) = standing(&one.state);
            Recipient {
                to: bare(&one.path.to_string()),
                state: word.to_owned(),
                text,
                basis: Some(one.basis.to_string()),
                attempts: Some(one.attempts_made),
                last: one.attempts.last().map(|last| format!("{}: {}", last.host, last.reply)),
            }
        });
        Self {
            id: story.id.to_string(),
            received: story.received.to_rfc3339(),
            from: bare_or_null(&story.reverse),
            octets: story.octets,
            age_secs: now.since(story.received).as_secs(),
            subject: story.subject.as_deref().map(str::to_owned),
            source: Some(story.source.to_string()),
            recipients: recipients.collect(),
        }
    }
}

fn bare_or_null(path: &mail::ReversePath) -> String {
    path.mailbox().map_or_else(|| "<>".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod protocol_tests {
    use super::*;

    #[test]
    fn a_request_is_one_readable_line() {
        let request = Request {
            operator: Some("anna".to_owned()),
            asked: Asked::Change {
                select: Select::Domain("example.org".to_owned()),
                act: Act::Hold { for_secs: Some(60) },
                reason: None,
            },
        };
        let line = serde_json::to_string(&request).unwrap();
        assert_eq!(
            line,
            r#"{"operator":"anna","do":"change","select":{"domain":"example.org"},"act":{"hold":{"for_secs":60}}}"#
        );
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
        let counts: Request = serde_json::from_str(r#"{"do":"counts"}"#).unwrap();
        assert_eq!(counts.asked, Asked::Counts);
    }

    #[test]
    fn words_that_mean_nothing_are_named() {
        let wrong = Select::Ids(vec!["nope".to_owned()]).selector().unwrap_err();
        assert!(wrong.to_string().contains("`nope` is no id"), "{wrong}");
        assert_eq!(Select::Ids(Vec::new()).selector(), Err(WordsError::Nothing));
        let listing = Listing {
            state: Some("lost".to_owned()),
            ..Listing::default()
        };
        assert!(listing.filter().is_err());
    }
}
