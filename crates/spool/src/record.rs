//! The heads of records: a letter's envelope and facts, changes of state.

use bytes::Bytes;
use mail::{
    AttemptId, BodyType, DsnReturn, ForwardPath, MailParams, Mailbox, MessageId, Notify, RcptParams, ReversePath,
    SessionId, Timestamp,
};
use policy::{Basis, FactDigest, Generation, NoticeKind, Permit, Reason};

use crate::codec::{Decoder, Encoder, Malformed};
use crate::{AttemptRecord, Content, Edit, Holder, Letter, Outcome, Selector, State};

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

    /// Octets as delivered.
    pub(crate) fn octets(&self) -> u64 {
        let inserted: u64 = self.edits.iter().map(|edit| edit.insert.len() as u64).sum();
        let dropped: u64 = self.edits.iter().map(|edit| edit.drop).sum();
        (self.prepend.len() as u64 + self.raw_octets + inserted).saturating_sub(dropped)
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
        out.option(self.grant_contact.as_ref(), Encoder::shown);
        out.u8(content_bits(self.content));
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
            content: content_of(from.u8()?),
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
}

/// Changes of recipients of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangeHead {
    pub(crate) id: MessageId,
    pub(crate) author: Author,
    pub(crate) recipients: Vec<RecipientChange>,
}

impl ChangeHead {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::default();
        out.u64(self.id.number());
        out.u8(u8::from(self.author == Author::Operator));
        out.count(self.recipients.len());
        for change in &self.recipients {
            out.u32(change.recipient);
            put_state(&mut out, &change.state);
            out.option(change.attempt.as_ref(), put_attempt);
            out.u8(u8::from(change.delay_told));
            out.option(change.grounds.as_ref(), put_grounds);
        }
        out.0
    }

    pub(crate) fn decode(octets: &[u8]) -> Result<Self, Malformed> {
        let mut from = Decoder::new(octets);
        let head = Self {
            id: MessageId::new(from.u64()?),
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

fn content_bits(content: Content) -> u8 {
    u8::from(content.has_8bit) | u8::from(content.signed) << 1 | u8::from(content.originated) << 2
}

fn content_of(bits: u8) -> Content {
    Content {
        has_8bit: bits & 1 != 0,
        signed: bits & 2 != 0,
        originated: bits & 4 != 0,
    }
}

pub(crate) fn put_content(out: &mut Encoder, content: Content) {
    out.u8(content_bits(content));
}

pub(crate) fn take_content(from: &mut Decoder<'_>) -> Result<Content, Malformed> {
    from.u8().map(content_of)
}

pub(crate) fn take_mailbox(from: &mut Decoder<'_>) -> Result<Mailbox, Malformed> {
    Mailbox::parse(from.text()?).map_err(|_| Malformed)
}

pub(crate) fn put_reverse(out: &mut Encoder, path: &ReversePath) {
    out.option(path.mailbox(), Encoder::shown);
}

pub(crate) fn take_reverse(from: &mut Decoder<'_>) -> Result<ReversePath, Malformed> {
    Ok(from
        .option(take_mailbox)?
        .map_or(ReversePath::Null, ReversePath::Mailbox))
}

pub(crate) fn put_forward(out: &mut Encoder, path: &ForwardPath) {
    out.option(path.mailbox(), Encoder::shown);
}

pub(crate) fn take_forward(from: &mut Decoder<'_>) -> Result<ForwardPath, Malformed> {
    Ok(from
        .option(take_mailbox)?
        .map_or(ForwardPath::Postmaster, ForwardPath::Mailbox))
}

pub(crate) fn put_mail_params(out: &mut Encoder, params: &MailParams) {
    let ret = match params.ret {
        None => 0,
        Some(DsnReturn::Full) => 4,
        Some(DsnReturn::Headers) => 8,
    };
    out.u8(u8::from(params.body == BodyType::EightBitMime) | u8::from(params.smtputf8) << 1 | ret);
    out.option(params.size, Encoder::u64);
    out.option(params.envid.as_deref(), Encoder::text);
}

pub(crate) fn take_mail_params(from: &mut Decoder<'_>) -> Result<MailParams, Malformed> {
    let bits = from.u8()?;
    Ok(MailParams {
        body: if bits & 1 == 0 {
            BodyType::SevenBit
        } else {
            BodyType::EightBitMime
        },
        smtputf8: bits & 2 != 0,
        ret: match bits & 12 {
            0 => None,
            4 => Some(DsnReturn::Full),
            8 => Some(DsnReturn::Headers),
            _ => return Err(Malformed),
        },
        size: from.option(Decoder::u64)?,
        envid: from.option(|from| from.text().map(Box::from))?,
    })
}

pub(crate) fn put_rcpt_params(out: &mut Encoder, params: &RcptParams) {
    out.u8(match params.notify {
        None => 0,
        Some(Notify::Never) => 1,
        Some(Notify::On {
            success,
            failure,
            delay,
        }) => 2 | u8::from(success) << 2 | u8::from(failure) << 3 | u8::from(delay) << 4,
    });
    out.option(params.orcpt.as_deref(), Encoder::text);
}

pub(crate) fn take_rcpt_params(from: &mut Decoder<'_>) -> Result<RcptParams, Malformed> {
    let notify = match from.u8()? {
        0 => None,
        1 => Some(Notify::Never),
        bits => Some(Notify::On {
            success: bits & 4 != 0,
            failure: bits & 8 != 0,
            delay: bits & 16 != 0,
        }),
    };
    Ok(RcptParams {
        notify,
        orcpt: from.option(|from| from.text().map(Box::from))?,
    })
}

pub(crate) fn put_grounds(out: &mut Encoder, grounds: &Grounds) {
    match &grounds.basis {
        Basis::Grant(name) => {
            out.u8(0);
            out.text(name);
        }
        Basis::Route(name) => {
            out.u8(1);
            out.text(name);
        }
        Basis::Forward(name) => {
            out.u8(2);
            out.text(name);
        }
        Basis::Notice { parent, kind } => {
            out.u8(match kind {
                NoticeKind::Failure => 3,
                NoticeKind::Delay => 4,
                NoticeKind::Success => 5,
            });
            out.u64(parent.number());
        }
    }
    out.u64(grounds.generation.0);
    out.u64(grounds.rulebook);
    out.u64(grounds.digest.0);
}

pub(crate) fn take_grounds(from: &mut Decoder<'_>) -> Result<Grounds, Malformed> {
    let basis = match from.u8()? {
        0 => Basis::Grant(from.text()?.into()),
        1 => Basis::Route(from.text()?.into()),
        2 => Basis::Forward(from.text()?.into()),
        kind @ 3..=5 => {
            let kind = match kind {
                3 => NoticeKind::Failure,
                4 => NoticeKind::Delay,
                _ => NoticeKind::Success,
            };
            Basis::Notice {
                parent: MessageId::new(from.u64()?),
                kind,
            }
        }
        _ => return Err(Malformed),
    };
    Ok(Grounds {
        basis,
        generation: Generation(from.u64()?),
        rulebook: from.u64()?,
        digest: FactDigest(from.u64()?),
    })
}

fn take_reason(from: &mut Decoder<'_>) -> Result<Reason, Malformed> {
    from.text()?.parse().map_err(|()| Malformed)
}

pub(crate) fn put_state(out: &mut Encoder, state: &State) {
    match state {
        State::Ready => out.u8(0),
        State::Deferred { until } => {
            out.u8(1);
            out.i64(until.0);
        }
        State::Held { reason, by, until } => {
            match by {
                Holder::Judgement => out.u8(2),
                Holder::Suspension => out.u8(3),
                Holder::Operator(name) => {
                    out.u8(4);
                    out.text(name);
                }
            }
            out.text(reason.code());
            out.option(*until, |out, until| out.i64(until.0));
        }
        State::Quarantined { reason } => {
            out.u8(5);
            out.text(reason.code());
        }
        State::Bouncing => out.u8(6),
        State::Done { outcome, at } => {
            out.u8(match outcome {
                Outcome::Delivered => 7,
                Outcome::Failed => 8,
                Outcome::Expired => 9,
                Outcome::Removed => 10,
            });
            out.i64(at.0);
        }
    }
}

pub(crate) fn take_state(from: &mut Decoder<'_>) -> Result<State, Malformed> {
    let held = |by: Holder, from: &mut Decoder<'_>| {
        Ok(State::Held {
            reason: take_reason(from)?,
            by,
            until: from.option(Decoder::i64)?.map(Timestamp),
        })
    };
    Ok(match from.u8()? {
        0 => State::Ready,
        1 => State::Deferred {
            until: Timestamp(from.i64()?),
        },
        2 => held(Holder::Judgement, from)?,
        3 => held(Holder::Suspension, from)?,
        4 => {
            let name = from.text()?.into();
            held(Holder::Operator(name), from)?
        }
        5 => State::Quarantined {
            reason: take_reason(from)?,
        },
        6 => State::Bouncing,
        done @ 7..=10 => State::Done {
            outcome: match done {
                7 => Outcome::Delivered,
                8 => Outcome::Failed,
                9 => Outcome::Expired,
                _ => Outcome::Removed,
            },
            at: Timestamp(from.i64()?),
        },
        _ => return Err(Malformed),
    })
}

fn put_attempt(out: &mut Encoder, attempt: &AttemptRecord) {
    out.u64(attempt.id.number());
    out.i64(attempt.at.0);
    out.u32(attempt.took_ms);
    for text in [&attempt.host, &attempt.tls, &attempt.reply] {
        out.text(&cut_text(text, AttemptRecord::TEXT_OCTETS_MAX));
    }
    out.option(attempt.ip.as_ref(), Encoder::shown);
}

fn take_attempt(from: &mut Decoder<'_>) -> Result<AttemptRecord, Malformed> {
    Ok(AttemptRecord {
        id: AttemptId::new(from.u64()?),
        at: Timestamp(from.i64()?),
        took_ms: from.u32()?,
        host: from.text()?.into(),
        tls: from.text()?.into(),
        reply: from.text()?.into(),
        ip: from.option(|from| from.text()?.parse().map_err(|_| Malformed))?,
    })
}

pub(crate) fn put_standing(out: &mut Encoder, standing: &Standing) {
    put_state(out, &standing.state);
    out.u8(u8::from(standing.delay_told));
    out.u32(standing.attempts_made);
    out.count(standing.attempts.len());
    for attempt in &standing.attempts {
        put_attempt(out, attempt);
    }
}

pub(crate) fn take_standing(from: &mut Decoder<'_>) -> Result<Standing, Malformed> {
    Ok(Standing {
        state: take_state(from)?,
        delay_told: from.u8()? != 0,
        attempts_made: from.u32()?,
        attempts: from.list(take_attempt)?,
    })
}
