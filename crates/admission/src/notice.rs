//! Notices about messages of ours: the one kind of mail that we write ourselves.

use std::collections::BTreeSet;

use bytes::Bytes;
use mail::{
    BodyType, ForwardPath, MailParams, Mailbox, MessageId, Notify, RcptParams, ReversePath, SessionId, Timestamp,
};
use parking_lot::Mutex;
use policy::{NoticeKind, Permit, notice_permit};
use spool::{Addressee, CommitError, Content, Lease, Letter};

use crate::admit::Admission;
use crate::facts::Learned;
use crate::witness::{Accepted, AcceptedRecipient};

/// What is remembered, so that a notice is posted once per parent, recipient, kind and turn.
const REMEMBERED: usize = 100_000;

/// A notice to be posted.
///
/// Its parent and its reader come from a lease, which only the spool makes. So there is no notice about a message that is
/// not ours, and none to anybody but the parent's recorded sender or the contact of its grant.
#[derive(Clone, Debug)]
pub struct Notice {
    parent: MessageId,
    to: Mailbox,
    telling: Telling,
}

/// What a notice tells.
#[derive(Clone, Debug)]
pub struct Telling {
    /// Of which kind it is.
    pub kind: NoticeKind,
    /// Which recipients of the parent it tells about, by their index in the letter; with parent and kind it names the
    /// notice.
    pub about: Vec<u32>,
    /// Which of several of its kind about the same recipients: a first warning and a second are two notices.
    pub turn: u8,
    /// The whole message, CRLF.
    pub message: Bytes,
    /// Whether its headers or addresses need SMTPUTF8.
    pub smtputf8: bool,
}

impl Notice {
    /// A notice about a leased message; `None` where `to` is neither its recorded sender nor the contact of its grant.
    #[must_use]
    pub fn new(parent: &Lease, to: &Mailbox, telling: Telling) -> Option<Self> {
        let is_concerned = parent.reverse.mailbox() == Some(to) || parent.grant_contact.as_ref() == Some(to);
        is_concerned.then(|| Self {
            parent: parent.id,
            to: to.clone(),
            telling,
        })
    }

    /// The message it tells about.
    #[must_use]
    pub fn parent(&self) -> MessageId {
        self.parent
    }

    /// To whom it goes.
    #[must_use]
    pub fn to(&self) -> &Mailbox {
        &self.to
    }

    /// What it tells.
    #[must_use]
    pub fn telling(&self) -> &Telling {
        &self.telling
    }
}

/// Why a notice was not posted.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The disk could not take it; post it again later.
    #[error("the notice could not be stored: {0}")]
    NotStored(#[from] CommitError),
    /// The draft could not take it; post it again later.
    #[error("the notice could not be written: {0}")]
    Draft(#[from] spool::DraftError),
}

/// Which notices were posted by this process. A restart forgets them; a notice may then be repeated, never lost.
#[derive(Default)]
pub(crate) struct Posted(Mutex<BTreeSet<Told>>);

/// One recipient of one message, told of in one way; `None` for a notice that is about no recipient in particular.
type Told = (MessageId, NoticeKind, u8, Option<u32>);

impl Posted {
    /// Whether everybody the notice is about was told of; a notice with news in it is posted.
    fn contains(&self, notice: &Notice) -> bool {
        let posted = self.0.lock();
        told(notice).all(|one| posted.contains(&one))
    }

    fn remember(&self, notice: &Notice) {
        let mut posted = self.0.lock();
        for one in told(notice) {
            while posted.len() >= REMEMBERED {
                posted.pop_first();
            }
            posted.insert(one);
        }
    }
}

fn told(notice: &Notice) -> impl Iterator<Item = Told> {
    let whole = notice.telling.about.is_empty().then_some(None);
    let each = notice.telling.about.iter().copied().map(Some);
    whole
        .into_iter()
        .chain(each)
        .map(|one| (notice.parent, notice.telling.kind, notice.telling.turn, one))
}

/// A letter about a grant, to those who are registered as its contacts. Whoever keeps the registry says who they are.
#[derive(Clone, Debug)]
pub struct ContactLetter {
    /// To whom.
    pub to: Vec<Mailbox>,
    /// Where reports of its delivery go; without it they go nowhere, and nothing answers it by itself.
    pub sender: Option<Mailbox>,
    /// What its `Message-ID` says, without the brackets: whoever writes may post one again, and is known by it.
    pub message_id: Box<str>,
    /// The whole message, CRLF.
    pub message: Bytes,
    /// Whether its headers or addresses need SMTPUTF8.
    pub smtputf8: bool,
}

impl Admission {
    /// Posts a notice with a null reverse-path; `None` where the same was posted before. Durable when it returns.
    pub async fn post_notice(&self, notice: Notice) -> Result<Option<MessageId>, NoticeError> {
        if self.0.posted.contains(&notice) {
            return Ok(None);
        }
        let Telling {
            kind,
            message,
            smtputf8,
            ..
        } = notice.telling.clone();
        let own = Own {
            id: self.0.intake.new_id(),
            parent: notice.parent,
            kind,
            reverse: ReversePath::Null,
            message_id: None,
            to: vec![ForwardPath::Mailbox(notice.to.clone())],
            message,
            smtputf8,
            source: format!("{kind} notice about {}", notice.parent),
        };
        let stored = self.store_own(&own).await?;
        for to in &own.to {
            self.0.witness.noticed(notice.parent, kind, stored, to);
        }
        self.0.posted.remember(&notice);
        Ok(Some(stored))
    }

    /// Posts a letter. Durable when it returns.
    pub async fn post_letter(&self, letter: ContactLetter) -> Result<MessageId, NoticeError> {
        let id = self.0.intake.new_id();
        let own = Own {
            id,
            parent: id,
            kind: NoticeKind::Letter,
            reverse: letter.sender.map_or(ReversePath::Null, ReversePath::Mailbox),
            message_id: Some(letter.message_id),
            to: letter.to.into_iter().map(ForwardPath::Mailbox).collect(),
            message: letter.message,
            smtputf8: letter.smtputf8,
            source: "the registry of grants".to_owned(),
        };
        self.store_own(&own).await
    }

    async fn store_own(&self, own: &Own) -> Result<MessageId, NoticeError> {
        let snapshot = self.snapshot();
        let permit = notice_permit(own.parent, own.kind, snapshot.generation(), snapshot.hash());
        let mut draft = self.0.intake.begin();
        draft.append(own.message.clone()).await?;
        let accepted = Accepted {
            id: own.id,
            at: self.now(),
            visitor: None,
            octets: draft.octets(),
            sender: &own.reverse,
            authors: &[],
            subject: None,
            message_id: own.message_id.as_deref(),
            generation: snapshot.generation(),
            rulebook: snapshot.hash(),
            recipients: own
                .to
                .iter()
                .map(|path| AcceptedRecipient {
                    path,
                    asked: None,
                    permit: &permit,
                })
                .collect(),
            learned: &Learned::NOTHING,
            mended: "",
        };
        let testimony = self.0.witness.testimony(&accepted);
        let letter = own.letter(accepted.at, &permit, testimony.clone());
        let stored = self.0.intake.commit(draft, letter).await?;
        self.0.witness.accepted(&accepted, testimony).await;
        Ok(stored.id)
    }
}

/// Mail of our own, about to be stored.
struct Own {
    id: MessageId,
    parent: MessageId,
    kind: NoticeKind,
    reverse: ReversePath,
    message_id: Option<Box<str>>,
    to: Vec<ForwardPath>,
    message: Bytes,
    smtputf8: bool,
    source: String,
}

impl Own {
    fn letter(&self, at: Timestamp, permit: &Permit, testimony: Bytes) -> Letter {
        let addressees = self.to.iter().map(|path| Addressee {
            path: path.clone(),
            // Nobody is told of a notice's own failure (RFC 3461 §4.1), but who asks for reports.
            params: RcptParams {
                notify: (self.reverse == ReversePath::Null).then_some(Notify::Never),
                orcpt: None,
            },
            permit: permit.clone(),
        });
        Letter {
            id: self.id,
            session: SessionId::new(0),
            received: at,
            reverse: self.reverse.clone(),
            params: MailParams {
                body: BodyType::SevenBit,
                smtputf8: self.smtputf8,
                ..MailParams::default()
            },
            prepend: Bytes::new(),
            edits: Vec::new(),
            subject: None,
            source: self.source.as_str().into(),
            grant_contact: None,
            content: Content {
                has_8bit: !self.message.is_ascii(),
                signed: false,
                originated: true,
            },
            testimony,
            recipients: addressees.collect(),
        }
    }
}
