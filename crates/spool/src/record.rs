//! The heads of records: a letter's envelope and facts, changes of state.

mod field;

use bytes::Bytes;
use mail::{ForwardPath, MailParams, Mailbox, MessageId, RcptParams, ReversePath, SessionId, Timestamp};
use policy::{Basis, FactDigest, Generation, Permit};

use crate::codec::{Decoder, Encoder, Malformed};
use crate::{AttemptRecord, Content, Edit, Holder, Letter, Selector, State, Testimony};
pub(crate) use field::*;

/// Room for the change of one recipient beside its testimony, so that it is written without moving.
const CHANGE_OCTETS_USUAL: usize = 192;

/// What a permit leaves in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grounds {
    pub(crate) basis: Basis,
    pub(crate) generation: Generation,
    pub(crate) rulebook: u64,
    pub(crate) digest: FactDigest,
}

impl Grounds {
    pub(crate) fn of(permit: &Permit) -> Self {
        Self {
            basis: permit.basis().clone(),
            generation: permit.generation(),
            rulebook: permit.rulebook(),
            digest: permit.digest(),
        }
    }
}

/// A recipient as its letter's head has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecipientHead {
    pub(crate) path: ForwardPath,
    pub(crate) params: RcptParams,
    pub(crate) grounds: Grounds,
    pub(crate) standing: Standing,
}

/// Where a recipient stands, with what goes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: State,
    pub(crate) delay_told: bool,
    pub(crate) attempts_made: u32,
    pub(crate) attempts: Vec<AttemptRecord>,
}

/// The head of a letter: everything about it but the octets that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LetterHead {
    pub(crate) id: MessageId,
    pub(crate) session: SessionId,
    pub(crate) received: Timestamp,
    pub(crate) reverse: ReversePath,
    pub(crate) params: MailParams,
    pub(crate) subject: Option<Box<str>>,
    pub(crate) source: Box<str>,
    pub(crate) grant_contact: Option<Mailbox>,
    pub(crate) content: Content,
    pub(crate) testimony: Bytes,
    pub(crate) prepend: Bytes,
    pub(crate) edits: Vec<Edit>,
    pub(crate) raw_octets: u64,
    pub(crate) raw_crc: u32,
    /// The number of the file that holds the octets, where they are not behind the head.
    pub(crate) own_file: Option<u64>,
    pub(crate) recipients: Vec<RecipientHead>,
}

impl LetterHead {
    /// The head of a letter that is being accepted.
    pub(crate) fn of(letter: Letter, raw_octets: u64, raw_crc: u32, own_file: Option<u64>) -> Self {
        let recipients = letter.recipients.into_iter().map(|addressee| RecipientHead {
            grounds: Grounds::of(&addressee.permit),
            standing: Standing {
                state: entry_state(&addressee.permit),
                delay_told: false,
                attempts_made: 0,
                attempts: Vec::new(),
            },
            path: addressee.path,
            params: addressee.params,
        });
        Self {
            id: letter.id,
            session: letter.session,
            received: letter.received,
            reverse: letter.reverse,
            params: letter.params,
            subject: letter.subject.map(|text| cut_text(&text, Letter::SUBJECT_OCTETS_MAX)),
            source: cut_text(&letter.source, 500),
            grant_contact: letter.grant_contact,
            content: letter.content,
            testimony: letter.testimony,
            prepend: letter.prepend,
            edits: letter.edits,
            raw_octets,
            raw_crc,
            own_file,
            recipients: recipients.collect(),
        }
    }

    /// What the ledger is told of its acceptance.
    pub(crate) fn testimony(&self) -> Option<Testimony> {
        (!self.testimony.is_empty()).then(|| Testimony {
            id: self.id,
            at: self.received,
            octets: self.testimony.clone(),
        })
    }

    /// The same of a letter that was read back, in octets of its own: those it came in are part of something larger.
    pub(crate) fn told(&self) -> Option<Testimony> {
        self.testimony().map(|testimony| Testimony {
            octets: Bytes::copy_from_slice(&testimony.octets),
            ..testimony
        })
    }

    /// Octets as delivered.
    pub(crate) fn octets(&self) -> u64 {
        // Lengths that were read from a disk are claims, and may be more than fits.
        let inserted: u64 = self.edits.iter().map(|edit| edit.insert.len() as u64).sum();
        let dropped = self
            .edits
            .iter()
            .fold(0, |sum: u64, edit| sum.saturating_add(edit.drop));
        let all = (self.prepend.len() as u64 + inserted).saturating_add(self.raw_octets);
        all.saturating_sub(dropped)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder(Vec::with_capacity(512 + self.prepend.len() + self.testimony.len()));
        out.u64(self.id.number());
        out.u64(self.session.number());
        out.i64(self.received.0);
        put_reverse(&mut out, &self.reverse);
        put_mail_params(&mut out, &self.params);
        out.option(self.subject.as_deref(), Encoder::text);
        out.text(&self.source);
        out.option(self.grant_contact.as_ref(), put_mailbox);
        put_content(&mut out, self.content);
        out.octets(&self.testimony);
        out.octets(&self.prepend);
        out.count(self.edits.len());
        for edit in &self.edits {
            out.u64(edit.at);
            out.u64(edit.drop);
            out.octets(&edit.insert);
        }
        out.u64(self.raw_octets);
        out.u32(self.raw_crc);
        out.option(self.own_file, Encoder::u64);
        out.count(self.recipients.len());
        for recipient in &self.recipients {
            put_forward(&mut out, &recipient.path);
            put_rcpt_params(&mut out, &recipient.params);
            put_grounds(&mut out, &recipient.grounds);
            put_standing(&mut out, &recipient.standing);
        }
        out.0
    }

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let mut from = Decoder::new(octets);
        let head = Self {
            id: MessageId::new(from.u64()?),
            session: SessionId::new(from.u64()?),
            received: Timestamp(from.i64()?),
            reverse: take_reverse(&mut from)?,
            params: take_mail_params(&mut from)?,
            subject: from.option(|from| from.text().map(Box::from))?,
            source: from.text()?.into(),
            grant_contact: from.option(take_mailbox)?,
            content: take_content(&mut from)?,
            testimony: from.octets()?,
            prepend: from.octets()?,
            edits: from.list(|from| {
                Ok(Edit {
                    at: from.u64()?,
                    drop: from.u64()?,
                    insert: from.octets()?,
                })
            })?,
            raw_octets: from.u64()?,
            raw_crc: from.u32()?,
            own_file: from.option(Decoder::u64)?,
            recipients: from.list(|from| {
                Ok(RecipientHead {
                    path: take_forward(from)?,
                    params: take_rcpt_params(from)?,
                    grounds: take_grounds(from)?,
                    standing: take_standing(from)?,
                })
            })?,
        };
        from.end()?;
        Ok(head)
    }
}

/// The state an accepted recipient enters with.
pub(crate) fn entry_state(permit: &Permit) -> State {
    match permit.standing() {
        policy::Standing::Ready => State::Ready,
        policy::Standing::Held(reason) => State::Held {
            reason: *reason,
            by: Holder::Judgement,
            until: None,
        },
        policy::Standing::Quarantined(reason) => State::Quarantined { reason: *reason },
    }
}

/// Who changes a state: what a worker reports never undoes what was decided meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Author {
    Worker,
    Operator,
}

/// The change of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecipientChange {
    pub(crate) recipient: u32,
    pub(crate) state: State,
    pub(crate) attempt: Option<AttemptRecord>,
    pub(crate) delay_told: bool,
    /// On a new decision: its grounds.
    pub(crate) grounds: Option<Grounds>,
    /// What the ledger is told of it; empty where it is told nothing.
    pub(crate) testimony: Bytes,
}

/// Changes of recipients of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangeHead {
    pub(crate) id: MessageId,
    /// When it was asked for.
    pub(crate) at: Timestamp,
    pub(crate) author: Author,
    pub(crate) recipients: Vec<RecipientChange>,
}

impl ChangeHead {
    /// What the ledger is told of it, recipient by recipient.
    pub(crate) fn testimony(&self) -> impl Iterator<Item = Testimony> {
        let told = self.recipients.iter().filter(|change| !change.testimony.is_empty());
        told.map(|change| Testimony {
            id: self.id,
            at: self.at,
            octets: change.testimony.clone(),
        })
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let testimony: usize = self.recipients.iter().map(|change| change.testimony.len()).sum();
        let mut out = Encoder(Vec::with_capacity(CHANGE_OCTETS_USUAL + testimony));
        out.u64(self.id.number());
        out.i64(self.at.0);
        out.u8(u8::from(self.author == Author::Operator));
        out.count(self.recipients.len());
        for change in &self.recipients {
            out.u32(change.recipient);
            put_state(&mut out, &change.state);
            out.option(change.attempt.as_ref(), put_attempt);
            out.u8(u8::from(change.delay_told));
            out.option(change.grounds.as_ref(), put_grounds);
            out.octets(&change.testimony);
        }
        out.0
    }

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let mut from = Decoder::new(octets);
        let head = Self {
            id: MessageId::new(from.u64()?),
            at: Timestamp(from.i64()?),
            author: if from.u8()? == 0 {
                Author::Worker
            } else {
                Author::Operator
            },
            recipients: from.list(|from| {
                Ok(RecipientChange {
                    recipient: from.u32()?,
                    state: take_state(from)?,
                    attempt: from.option(take_attempt)?,
                    delay_told: from.u8()? != 0,
                    grounds: from.option(take_grounds)?,
                    testimony: from.octets()?,
                })
            })?,
        };
        from.end()?;
        Ok(head)
    }
}

/// Where segments end: what lies behind was never acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    pub(crate) sequence: u32,
    pub(crate) end: u32,
}

pub(crate) fn encode_sealed(ends: &[SegmentEnd]) -> Vec<u8> {
    let mut out = Encoder::default();
    out.count(ends.len());
    for end in ends {
        out.u32(end.sequence);
        out.u32(end.end);
    }
    out.0
}

pub(crate) fn decode_sealed(octets: &[u8]) -> Result<Vec<SegmentEnd>, Malformed> {
    let mut from = Decoder::new(octets);
    let ends = from.list(|from| {
        Ok(SegmentEnd {
            sequence: from.u32()?,
            end: from.u32()?,
        })
    })?;
    from.end()?;
    Ok(ends)
}

pub(crate) fn put_suspended<'a>(out: &mut Encoder, suspended: impl ExactSizeIterator<Item = &'a Selector>) {
    out.count(suspended.len());
    for selector in suspended {
        match selector {
            // Never suspended; written as nothing in particular.
            Selector::Ids(_) => out.u8(0),
            Selector::Sender(sender) => {
                out.u8(1);
                out.shown(sender);
            }
            Selector::Grant(name) => {
                out.u8(2);
                out.text(name);
            }
            Selector::RecipientDomain(domain) => {
                out.u8(3);
                out.text(domain.as_str());
            }
            Selector::All => out.u8(4),
        }
    }
}

pub(crate) fn take_suspended(from: &mut Decoder<'_>) -> Result<Vec<Selector>, Malformed> {
    from.list(|from| {
        Ok(match from.u8()? {
            0 => Selector::Ids(Vec::new()),
            1 => Selector::Sender(take_mailbox(from)?),
            2 => Selector::Grant(from.text()?.into()),
            3 => Selector::RecipientDomain(mail::Domain::parse(from.text()?).map_err(|_| Malformed)?),
            4 => Selector::All,
            _ => return Err(Malformed),
        })
    })
}

/// The front of `text`, at most `most` octets, cut between characters.
pub(crate) fn cut_text(text: &str, most: usize) -> Box<str> {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default().into()
}
