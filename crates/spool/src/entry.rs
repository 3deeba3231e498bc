//! One queued message as memory keeps it: small, for there may be a million.

use std::num::NonZeroI64;
use std::sync::Arc;

use mail::{BodyType, Domain, DsnReturn, ForwardPath, MailParams, Mailbox, Notify, RcptParams, ReversePath, Timestamp};
use policy::{Basis, Generation};

use crate::codec::{Decoder, Encoder, Malformed};
use crate::layout::RECORD_HEADER;
use crate::names::{Ground, Interner, Kept, To, Try};
use crate::record::{
    self, Grounds, LetterHead, RecipientHead, Standing, put_content, put_forward, put_grounds, put_mail_params,
    put_rcpt_params, put_reverse, put_standing,
};
use crate::{AttemptRecord, Content, State, StateKind};

/// Attempts of one recipient whose particulars are kept.
pub(crate) const ATTEMPTS_KEPT: usize = 5;

/// Where a letter's record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u32,
    pub(crate) head_len: u32,
    pub(crate) body_len: u32,
}

impl Place {
    /// Octets of the whole record.
    pub(crate) fn record_len(&self) -> u64 {
        RECORD_HEADER as u64 + u64::from(self.head_len) + u64::from(self.body_len)
    }
}

/// What few messages have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extras {
    pub(crate) envid: Option<Box<str>>,
    pub(crate) own_file: Option<u64>,
}

/// One message. What many have in common is shared.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) received: Timestamp,
    pub(crate) octets: u64,
    pub(crate) reverse: Arc<ReversePath>,
    contact: Option<Arc<Mailbox>>,
    extras: Option<Box<Extras>>,
    pub(crate) recipients: Recipients,
    /// Under which key it waits in the schedule.
    pub(crate) scheduled: Option<Slot>,
    /// A worker put it back until then; memory only.
    pub(crate) not_before: Timestamp,
    /// What SIZE said; 0 where nothing was said.
    size: u64,
    body: BodyType,
    smtputf8: bool,
    ret: Option<DsnReturn>,
    pub(crate) content: Content,
    /// Its octets cannot be read.
    pub(crate) damaged: bool,
}

/// A place in the schedule, small in an `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(NonZeroI64);

impl Slot {
    /// The wall clock does not go back to the first moment an `i64` has.
    pub(crate) fn of(at: Timestamp) -> Self {
        Self(NonZeroI64::new(at.0.wrapping_sub(i64::MIN)).unwrap_or(NonZeroI64::MIN))
    }

    pub(crate) fn at(self) -> Timestamp {
        Timestamp(self.0.get().wrapping_add(i64::MIN))
    }
}

/// The recipients of a message; most have one.
#[derive(Clone, Debug)]
pub(crate) enum Recipients {
    One(Recipient),
    Many(Box<[Recipient]>),
}

impl From<Vec<Recipient>> for Recipients {
    fn from(mut all: Vec<Recipient>) -> Self {
        match (all.len(), all.pop()) {
            (1, Some(one)) => Self::One(one),
            (_, last) => {
                all.extend(last);
                Self::Many(all.into_boxed_slice())
            }
        }
    }
}

impl std::ops::Deref for Recipients {
    type Target = [Recipient];
    fn deref(&self) -> &[Recipient] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(all) => all,
        }
    }
}

impl std::ops::DerefMut for Recipients {
    fn deref_mut(&mut self) -> &mut [Recipient] {
        match self {
            Self::One(one) => std::slice::from_mut(one),
            Self::Many(all) => all,
        }
    }
}

/// One recipient.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    to: To,
    pub(crate) ground: Arc<Ground>,
    state: Kept,
    pub(crate) more: Option<Box<More>>,
    pub(crate) attempts_made: u32,
    notify: Option<Notify>,
    pub(crate) delay_told: bool,
    pub(crate) leased: bool,
}

/// What few recipients have.
#[derive(Clone, Debug, Default)]
pub(crate) struct More {
    orcpt: Option<Box<str>>,
    attempts: Vec<Try>,
    /// The grounds of a later decision; those of the first are in the letter's head.
    pub(crate) grounds: Option<Box<Grounds>>,
}

impl Recipient {
    fn of(head: &RecipientHead, names: &mut Interner) -> Self {
        let attempts = &head.standing.attempts;
        let more = More {
            orcpt: head.params.orcpt.clone(),
            attempts: attempts.iter().map(|attempt| names.attempt(attempt)).collect(),
            grounds: None,
        };
        Self {
            to: names.to(&head.path),
            ground: names.ground(&head.grounds),
            state: names.state(&head.standing.state),
            more: more.boxed(),
            attempts_made: head.standing.attempts_made,
            notify: head.params.notify,
            delay_told: head.standing.delay_told,
            leased: false,
        }
    }

    pub(crate) fn path(&self) -> ForwardPath {
        self.to.path()
    }

    pub(crate) fn domain(&self) -> Option<&Domain> {
        self.to.domain()
    }

    pub(crate) fn state(&self) -> State {
        self.state.state()
    }

    pub(crate) fn kind(&self) -> StateKind {
        self.state.kind()
    }

    pub(crate) fn due(&self) -> Option<Timestamp> {
        self.state.due()
    }

    pub(crate) fn stand(&mut self, state: &State, names: &mut Interner) {
        self.state = names.state(state);
    }

    pub(crate) fn params(&self) -> RcptParams {
        RcptParams {
            notify: self.notify,
            orcpt: self.more.as_ref().and_then(|more| more.orcpt.clone()),
        }
    }

    pub(crate) fn attempts(&self) -> Vec<AttemptRecord> {
        let attempts = self.more.as_ref().map_or(&[][..], |more| more.attempts.as_slice());
        attempts.iter().map(Try::record).collect()
    }

    pub(crate) fn remember(&mut self, attempt: &AttemptRecord, names: &mut Interner) {
        let attempts = &mut self.more.get_or_insert_default().attempts;
        if attempts.len() >= ATTEMPTS_KEPT {
            attempts.remove(0);
        }
        attempts.reserve_exact(1);
        attempts.push(names.attempt(attempt));
        self.attempts_made = self.attempts_made.saturating_add(1);
    }

    pub(crate) fn stand_on(&mut self, grounds: Grounds, names: &mut Interner) {
        self.ground = names.ground(&grounds);
        self.more.get_or_insert_default().grounds = Some(Box::new(grounds));
    }

    /// The grounds of a later decision, where there was one.
    pub(crate) fn later_grounds(&self) -> Option<&Grounds> {
        self.more.as_ref().and_then(|more| more.grounds.as_deref())
    }

    /// The grounds as far as memory knows them; rulebook and digest of the first decision are in the letter's head.
    pub(crate) fn grounds(&self) -> Grounds {
        self.later_grounds().cloned().unwrap_or_else(|| Grounds {
            basis: self.ground.basis.clone(),
            generation: self.ground.generation,
            rulebook: 0,
            digest: policy::FactDigest(0),
        })
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            state: self.state(),
            delay_told: self.delay_told,
            attempts_made: self.attempts_made,
            attempts: self.attempts(),
        }
    }
}

impl More {
    fn boxed(self) -> Option<Box<Self>> {
        let empty = self.orcpt.is_none() && self.attempts.is_empty() && self.grounds.is_none();
        (!empty).then(|| Box::new(self))
    }
}

impl Entry {
    pub(crate) fn of(head: &LetterHead, place: Place, names: &mut Interner) -> Self {
        let recipients: Vec<Recipient> = head.recipients.iter().map(|one| Recipient::of(one, names)).collect();
        let said = Said {
            reverse: &head.reverse,
            params: &head.params,
            contact: head.grant_contact.as_ref(),
            own_file: head.own_file,
        };
        let (received, octets) = (head.received, head.octets());
        Self::new(place, received, octets, &said, recipients.into(), head.content, names)
    }

    fn new(
        place: Place,
        received: Timestamp,
        octets: u64,
        said: &Said<'_>,
        recipients: Recipients,
        content: Content,
        names: &mut Interner,
    ) -> Self {
        let extras = Extras {
            envid: said.params.envid.clone(),
            own_file: said.own_file,
        };
        Self {
            place,
            received,
            octets,
            reverse: names.reverse(said.reverse),
            contact: said.contact.map(|contact| names.contact(contact)),
            extras: (extras != Extras::default()).then(|| Box::new(extras)),
            recipients,
            scheduled: None,
            not_before: Timestamp(0),
            size: said.params.size.unwrap_or(0),
            body: said.params.body,
            smtputf8: said.params.smtputf8,
            ret: said.params.ret,
            content,
            damaged: false,
        }
    }

    /// The number of the file that holds its octets, where they are not in the log.
    pub(crate) fn own_file(&self) -> Option<u64> {
        self.extras.as_ref().and_then(|extras| extras.own_file)
    }

    /// Brings the head as it was written up to what is known now, to be written anew.
    pub(crate) fn update(&self, head: &mut LetterHead) {
        for (old, now) in head.recipients.iter_mut().zip(self.recipients.iter()) {
            old.standing = now.standing();
            if let Some(grounds) = now.later_grounds() {
                old.grounds = grounds.clone();
            }
        }
    }

    pub(crate) fn params(&self) -> MailParams {
        MailParams {
            body: self.body,
            smtputf8: self.smtputf8,
            ret: self.ret,
            size: (self.size > 0).then_some(self.size),
            envid: self.extras.as_ref().and_then(|extras| extras.envid.clone()),
        }
    }

    pub(crate) fn grant_contact(&self) -> Option<Mailbox> {
        self.contact.as_deref().cloned()
    }

    /// As the checkpoint has it.
    pub(crate) fn encode(&self, out: &mut Encoder) {
        for field in [
            self.place.segment,
            self.place.offset,
            self.place.head_len,
            self.place.body_len,
        ] {
            out.u32(field);
        }
        out.i64(self.received.0);
        out.u64(self.octets);
        out.option(self.own_file(), Encoder::u64);
        put_reverse(out, &self.reverse);
        put_mail_params(out, &self.params());
        out.option(self.contact.as_deref(), Encoder::shown);
        put_content(out, self.content);
        out.u8(u8::from(self.damaged));
        out.count(self.recipients.len());
        for recipient in self.recipients.iter() {
            put_forward(out, &recipient.path());
            put_rcpt_params(out, &recipient.params());
            put_standing(out, &recipient.standing());
            out.u8(u8::from(recipient.later_grounds().is_some()));
            put_grounds(out, &recipient.grounds());
        }
    }

    pub(crate) fn decode(from: &mut Decoder<'_>, names: &mut Interner) -> Result<Self, Malformed> {
        let place = Place {
            segment: from.u32()?,
            offset: from.u32()?,
            head_len: from.u32()?,
            body_len: from.u32()?,
        };
        let (received, octets) = (Timestamp(from.i64()?), from.u64()?);
        let own_file = from.option(Decoder::u64)?;
        let reverse = record::take_reverse(from)?;
        let params = record::take_mail_params(from)?;
        let contact = from.option(record::take_mailbox)?;
        let content = record::take_content(from)?;
        let damaged = from.u8()? != 0;
        let recipients = from.list(|from| decode_recipient(from, names))?;
        let said = Said {
            reverse: &reverse,
            params: &params,
            contact: contact.as_ref(),
            own_file,
        };
        let entry = Self::new(place, received, octets, &said, recipients.into(), content, names);
        Ok(Self { damaged, ..entry })
    }
}

/// What the client said, and what goes along with it.
struct Said<'a> {
    reverse: &'a ReversePath,
    params: &'a MailParams,
    contact: Option<&'a Mailbox>,
    own_file: Option<u64>,
}

fn decode_recipient(from: &mut Decoder<'_>, names: &mut Interner) -> Result<Recipient, Malformed> {
    let mut head = RecipientHead {
        path: record::take_forward(from)?,
        params: record::take_rcpt_params(from)?,
        standing: record::take_standing(from)?,
        grounds: Grounds {
            basis: Basis::Notice {
                parent: mail::MessageId::new(0),
                kind: policy::NoticeKind::Failure,
            },
            generation: Generation(0),
            rulebook: 0,
            digest: policy::FactDigest(0),
        },
    };
    let later = from.u8()? != 0;
    head.grounds = record::take_grounds(from)?;
    let mut recipient = Recipient::of(&head, names);
    if later {
        recipient.stand_on(head.grounds, names);
    }
    Ok(recipient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_entries_fit_where_they_should() {
        // Beside it are the tree's slot (about 31), that in the schedule (as much) and the local part (32).
        let octets = size_of::<Entry>();
        assert!(octets <= 168, "{octets}, a recipient has {}", size_of::<Recipient>());
    }

    #[test]
    fn a_place_in_the_schedule_reads_back() {
        for at in [0, 1, -1, i64::MAX, i64::MIN + 1] {
            assert_eq!(Slot::of(Timestamp(at)).at(), Timestamp(at));
        }
    }
}
