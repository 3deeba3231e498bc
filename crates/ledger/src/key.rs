//! What can be looked for in the ledger, and which of it an event is about.

use std::net::IpAddr;

use mail::{EventId, MessageId, SessionId};

use crate::facts::{Accepted, Attempt, Ground, Origin, Refused, RefusedMany};
use crate::line::Hash;
use crate::{Event, Words};

/// What to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Everything about a message.
    Message(MessageId),
    /// The refusal a client was told of.
    Event(EventId),
    /// Everything that happened in a session.
    Session(SessionId),
    /// What a client at this address did.
    Source(IpAddr),
    /// What was decided about a grant, or on it.
    Grant(Box<str>),
    /// What a login did.
    Login(Box<str>),
    /// What an address sent or was sent, in the envelope; without brackets.
    Address(Box<str>),
    /// The message with this Message-ID, without brackets.
    MessageId(Box<str>),
    /// What was removed of the ledger itself.
    Pruned,
    /// What must not be removed of it.
    Hold,
}

/// A key as the index keeps it: the first 48 bits of a hash. What they lead to is compared with the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mark(pub(crate) u64);

impl Mark {
    /// Bits of it.
    pub(crate) const BITS: u32 = 48;

    fn of(kind: u8, text: &str) -> Self {
        let mut octets = Vec::with_capacity(text.len() + 1);
        octets.push(kind);
        // Letters of addresses and names are compared without their case.
        octets.extend(text.bytes().map(|octet| octet.to_ascii_lowercase()));
        Self(Hash::of(&octets).leading_u64() >> (u64::BITS - Self::BITS))
    }
}

impl Key {
    /// How the index knows it.
    pub(crate) fn mark(&self) -> Mark {
        match self {
            Self::Message(id) => Mark::of(b'm', &id.to_string()),
            Self::Event(id) => Mark::of(b'e', &id.to_string()),
            Self::Session(id) => Mark::of(b's', &id.to_string()),
            Self::Source(ip) => Mark::of(b'i', &ip.to_string()),
            Self::Grant(name) => Mark::of(b'g', name),
            Self::Login(name) => Mark::of(b'l', name),
            Self::Address(address) => Mark::of(b'a', address),
            Self::MessageId(id) => Mark::of(b'h', id),
            Self::Pruned => Mark::of(b'p', ""),
            Self::Hold => Mark::of(b'o', ""),
        }
    }

    /// Letters that occur in every line about it, whatever their case.
    pub(crate) fn needle(&self) -> String {
        match self {
            Self::Message(id) => id.to_string(),
            Self::Event(id) => id.to_string(),
            Self::Session(id) => id.to_string(),
            Self::Source(ip) => ip.to_string(),
            Self::Pruned => "ledger.pruned".to_owned(),
            Self::Hold => "\"hold.".to_owned(),
            Self::Grant(text) | Self::Login(text) | Self::Address(text) | Self::MessageId(text) => {
                // In a line these are escaped, so the letters around them do.
                let plain = text.split(['"', '\\']).max_by_key(|part| part.len());
                plain.unwrap_or_default().to_owned()
            }
        }
    }

    /// Whether an event is about it.
    #[must_use]
    pub fn fits(&self, event: &Event) -> bool {
        let mut fits = false;
        keys_of(event, |key| fits |= self.is(&key));
        fits
    }

    /// The same thing, without regard to the case of letters where nobody minds it.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Grant(a), Self::Grant(b))
            | (Self::Login(a), Self::Login(b))
            | (Self::Address(a), Self::Address(b))
            | (Self::MessageId(a), Self::MessageId(b)) => a.eq_ignore_ascii_case(b),
            (a, b) => a == b,
        }
    }

    /// Whether nothing about this can stand before the event.
    pub(crate) fn begins_with(&self, event: &Event) -> bool {
        match self {
            Self::Message(id) => matches!(event, Event::Accepted(facts) if facts.message == *id),
            Self::Event(_) => true,
            _ => false,
        }
    }
}

/// Tells every key of an event, some of them more than once.
pub(crate) fn keys_of(event: &Event, mut tell: impl FnMut(Key)) {
    if let Some(id) = event.message() {
        tell(Key::Message(id));
    }
    if let Some(id) = event.id() {
        tell(Key::Event(id));
    }
    match event {
        Event::Refused(facts) => refused(facts, &mut tell),
        Event::RefusedMany(facts) => refused_many(facts, &mut tell),
        Event::Accepted(facts) => accepted(facts, &mut tell),
        Event::Login(facts) => {
            origin(&facts.origin, &mut tell);
            facts
                .tried
                .iter()
                .for_each(|name| tell(Key::Login(name.as_str().into())));
        }
        Event::LoginReleased(facts) => match facts.who.as_str().parse() {
            Ok(address) => tell(Key::Source(address)),
            Err(_) => tell(Key::Login(facts.who.as_str().into())),
        },
        Event::Delivered(attempt) | Event::Failed(attempt) => attempted(attempt, &mut tell),
        Event::Deferred(facts) => attempted(&facts.attempt, &mut tell),
        Event::Held(facts) | Event::Released(facts) | Event::Removed(facts) => {
            facts.rcpt.iter().for_each(|rcpt| tell(address(rcpt)));
        }
        Event::NoticeSent(facts) => {
            tell(Key::Message(facts.notice));
            tell(address(&facts.rcpt));
        }
        Event::ConfigLoaded(_)
        | Event::SelfTested(_)
        | Event::ShadowStarted(_)
        | Event::ShadowEnded(_)
        | Event::Opened(_)
        | Event::Dropped(_)
        | Event::Anchored(_) => {}
        Event::GrantStepped(facts) => tell(Key::Grant((&*facts.grant).into())),
        Event::GrantLeftOut(facts) => tell(Key::Grant((&*facts.grant).into())),
        Event::Pruned(_) => tell(Key::Pruned),
        Event::HoldAdded(_) | Event::HoldReleased(_) => tell(Key::Hold),
    }
}

fn origin(origin: &Origin, tell: &mut impl FnMut(Key)) {
    // Our own notices come in no session and from nowhere.
    if origin.session.number() == 0 {
        return;
    }
    tell(Key::Session(origin.session));
    tell(Key::Source(origin.client));
    if let Some(grant) = &origin.grant {
        tell(Key::Grant((&**grant).into()));
    }
    if let Some(login) = &origin.login {
        tell(Key::Login(login.as_str().into()));
    }
}

fn refused(facts: &Refused, tell: &mut impl FnMut(Key)) {
    origin(&facts.origin, tell);
    let all = facts.from.iter().chain(&facts.rcpt).chain(&facts.recipients);
    all.for_each(|path| tell(address(path)));
}

fn refused_many(facts: &RefusedMany, tell: &mut impl FnMut(Key)) {
    facts.source.into_iter().for_each(|source| tell(Key::Source(source)));
    facts.ids.iter().for_each(|id| tell(Key::Event(*id)));
    facts.samples.iter().for_each(|one| refused(one, tell));
}

fn accepted(facts: &Accepted, tell: &mut impl FnMut(Key)) {
    origin(&facts.origin, tell);
    tell(address(&facts.from));
    for one in &facts.recipients {
        tell(address(&one.rcpt));
        one.asked.iter().for_each(|asked| tell(address(asked)));
        if let Ground::Grant(name) = &one.basis {
            tell(Key::Grant((&**name).into()));
        }
    }
    if let Some(id) = &facts.message_id {
        tell(Key::MessageId(bare(id).into()));
    }
}

fn attempted(attempt: &Attempt, tell: &mut impl FnMut(Key)) {
    tell(address(&attempt.rcpt));
}

fn address(path: &Words) -> Key {
    Key::Address(bare(path).into())
}

fn bare(path: &Words) -> &str {
    let text = path.as_str().trim();
    text.strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .unwrap_or(text)
}
