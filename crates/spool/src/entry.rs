//! One queued message as memory keeps it: small, for there may be a million.

use std::collections::BTreeSet;
use std::sync::Arc;

use mail::{Domain, ForwardPath, Host, MailParams, Mailbox, Notify, RcptParams, ReversePath, Timestamp};
use policy::{Basis, Generation};

use crate::codec::{Decoder, Encoder, Malformed};
use crate::layout::RECORD_HEADER;
use crate::record::{
    self, Grounds, LetterHead, RecipientHead, Standing, put_content, put_forward, put_grounds, put_mail_params,
    put_rcpt_params, put_reverse, put_standing,
};
use crate::{AttemptRecord, Content, State};

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
    pub(crate) params: MailParams,
    pub(crate) grant_contact: Option<Mailbox>,
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) place: Place,
    pub(crate) received: Timestamp,
    pub(crate) octets: u64,
    pub(crate) own_file: Option<u64>,
    pub(crate) reverse: ReversePath,
    pub(crate) extras: Option<Box<Extras>>,
    pub(crate) recipients: Box<[Recipient]>,
    /// Under which key it waits in the schedule.
    pub(crate) scheduled: Option<Timestamp>,
    /// A worker put it back until then; memory only.
    pub(crate) not_before: Timestamp,
    pub(crate) content: Content,
    /// Its octets cannot be read.
    pub(crate) damaged: bool,
}

/// One recipient.
#[derive(Clone, Debug)]
pub(crate) struct Recipient {
    pub(crate) path: ForwardPath,
    pub(crate) basis: Basis,
    pub(crate) generation: Generation,
    pub(crate) state: State,
    pub(crate) more: Option<Box<More>>,
    pub(crate) attempts_made: u32,
    pub(crate) notify: Option<Notify>,
    pub(crate) delay_told: bool,
    pub(crate) leased: bool,
}

/// What few recipients have.
#[derive(Clone, Debug, Default)]
pub(crate) struct More {
    pub(crate) orcpt: Option<Box<str>>,
    pub(crate) attempts: Vec<AttemptRecord>,
    /// The grounds of a later decision; those of the first are in the letter's head.
    pub(crate) grounds: Option<Grounds>,
}

/// Texts that many entries share: names of grants, domains of recipients, senders.
#[derive(Default)]
pub(crate) struct Interner {
    names: BTreeSet<Arc<str>>,
    domains: BTreeSet<Domain>,
    /// Senders: programs send many messages.
    senders: BTreeSet<Mailbox>,
}

/// Distinct texts that are shared at most; beyond, entries have their own.
const INTERNED_MAX: usize = 100_000;

impl Interner {
    fn name(&mut self, name: Arc<str>) -> Arc<str> {
        if let Some(known) = self.names.get(&name) {
            return known.clone();
        }
        if self.names.len() < INTERNED_MAX {
            self.names.insert(name.clone());
        }
        name
    }

    fn basis(&mut self, basis: Basis) -> Basis {
        match basis {
            Basis::Grant(name) => Basis::Grant(self.name(name)),
            Basis::Route(name) => Basis::Route(self.name(name)),
            Basis::Forward(name) => Basis::Forward(self.name(name)),
            notice @ Basis::Notice { .. } => notice,
        }
    }

    fn mailbox(&mut self, mailbox: Mailbox) -> Mailbox {
        let Host::Domain(domain) = mailbox.host() else {
            return mailbox;
        };
        let Some(known) = self.domains.get(domain) else {
            if self.domains.len() < INTERNED_MAX {
                self.domains.insert(domain.clone());
            }
            return mailbox;
        };
        Mailbox::of(&mailbox.local().to_string(), known).unwrap_or(mailbox)
    }

    fn forward(&mut self, path: ForwardPath) -> ForwardPath {
        match path {
            ForwardPath::Postmaster => path,
            ForwardPath::Mailbox(mailbox) => ForwardPath::Mailbox(self.mailbox(mailbox)),
        }
    }

    fn reverse(&mut self, path: ReversePath) -> ReversePath {
        match path {
            ReversePath::Null => path,
            ReversePath::Mailbox(mailbox) => ReversePath::Mailbox(self.sender(mailbox)),
        }
    }

    fn sender(&mut self, mailbox: Mailbox) -> Mailbox {
        if let Some(known) = self.senders.get(&mailbox) {
            return known.clone();
        }
        let mailbox = self.mailbox(mailbox);
        if self.senders.len() < INTERNED_MAX {
            self.senders.insert(mailbox.clone());
        }
        mailbox
    }
}

impl Recipient {
    fn of(head: &RecipientHead, names: &mut Interner) -> Self {
        let more = More {
            orcpt: head.params.orcpt.clone(),
            attempts: head.standing.attempts.clone(),
            grounds: None,
        };
        Self {
            path: names.forward(head.path.clone()),
            basis: names.basis(head.grounds.basis.clone()),
            generation: head.grounds.generation,
            state: head.standing.state.clone(),
            more: more.boxed(),
            attempts_made: head.standing.attempts_made,
            notify: head.params.notify,
            delay_told: head.standing.delay_told,
            leased: false,
        }
    }

    pub(crate) fn params(&self) -> RcptParams {
        RcptParams {
            notify: self.notify,
            orcpt: self.more.as_ref().and_then(|more| more.orcpt.clone()),
        }
    }

    pub(crate) fn attempts(&self) -> &[AttemptRecord] {
        self.more.as_ref().map_or(&[], |more| more.attempts.as_slice())
    }

    pub(crate) fn remember(&mut self, attempt: AttemptRecord) {
        let attempts = &mut self.more.get_or_insert_default().attempts;
        if attempts.len() >= ATTEMPTS_KEPT {
            attempts.remove(0);
        }
        attempts.push(attempt);
        self.attempts_made = self.attempts_made.saturating_add(1);
    }

    pub(crate) fn stand_on(&mut self, grounds: Grounds, names: &mut Interner) {
        self.basis = names.basis(grounds.basis.clone());
        self.generation = grounds.generation;
        self.more.get_or_insert_default().grounds = Some(grounds);
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            state: self.state.clone(),
            delay_told: self.delay_told,
            attempts_made: self.attempts_made,
            attempts: self.attempts().to_vec(),
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
        let extras = Extras {
            params: head.params.clone(),
            grant_contact: head.grant_contact.clone(),
        };
        Self {
            place,
            received: head.received,
            octets: head.octets(),
            own_file: head.own_file,
            reverse: names.reverse(head.reverse.clone()),
            extras: (extras != Extras::default()).then(|| Box::new(extras)),
            recipients: head
                .recipients
                .iter()
                .map(|recipient| Recipient::of(recipient, names))
                .collect(),
            scheduled: None,
            not_before: Timestamp(0),
            content: head.content,
            damaged: false,
        }
    }

    /// Brings the head as it was written up to what is known now, to be written anew.
    pub(crate) fn update(&self, head: &mut LetterHead) {
        for (old, now) in head.recipients.iter_mut().zip(&self.recipients) {
            old.standing = now.standing();
            if let Some(grounds) = now.more.as_ref().and_then(|more| more.grounds.clone()) {
                old.grounds = grounds;
            }
        }
    }

    pub(crate) fn params(&self) -> MailParams {
        self.extras
            .as_ref()
            .map(|extras| extras.params.clone())
            .unwrap_or_default()
    }

    pub(crate) fn grant_contact(&self) -> Option<Mailbox> {
        self.extras.as_ref().and_then(|extras| extras.grant_contact.clone())
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
        out.option(self.own_file, Encoder::u64);
        put_reverse(out, &self.reverse);
        out.option(self.extras.as_deref(), |out, extras| {
            put_mail_params(out, &extras.params);
            out.option(extras.grant_contact.as_ref(), Encoder::shown);
        });
        put_content(out, self.content);
        out.u8(u8::from(self.damaged));
        out.count(self.recipients.len());
        for recipient in &self.recipients {
            put_forward(out, &recipient.path);
            put_rcpt_params(out, &recipient.params());
            put_standing(out, &recipient.standing());
            // Rulebook and digest of the first decision are read from the head when somebody asks.
            let first = Grounds {
                basis: recipient.basis.clone(),
                generation: recipient.generation,
                rulebook: 0,
                digest: policy::FactDigest(0),
            };
            let later = recipient.more.as_ref().and_then(|more| more.grounds.as_ref());
            out.u8(u8::from(later.is_some()));
            put_grounds(out, later.unwrap_or(&first));
        }
    }

    pub(crate) fn decode(from: &mut Decoder<'_>, names: &mut Interner) -> Result<Self, Malformed> {
        let place = Place {
            segment: from.u32()?,
            offset: from.u32()?,
            head_len: from.u32()?,
            body_len: from.u32()?,
        };
        Ok(Self {
            place,
            received: Timestamp(from.i64()?),
            octets: from.u64()?,
            own_file: from.option(Decoder::u64)?,
            reverse: names.reverse(record::take_reverse(from)?),
            extras: from.option(|from| {
                let params = record::take_mail_params(from)?;
                Ok(Box::new(Extras {
                    params,
                    grant_contact: from.option(record::take_mailbox)?,
                }))
            })?,
            content: record::take_content(from)?,
            damaged: from.u8()? != 0,
            recipients: from.list(|from| decode_recipient(from, names))?.into_boxed_slice(),
            scheduled: None,
            not_before: Timestamp(0),
        })
    }
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
        // One recipient each, beside the tree's slots (about 60) and two shared-less local parts (about 64).
        let octets = size_of::<Entry>() + size_of::<Recipient>();
        assert!(
            octets <= 340,
            "{octets}: Entry {}, Recipient {}",
            size_of::<Entry>(),
            size_of::<Recipient>()
        );
    }
}
