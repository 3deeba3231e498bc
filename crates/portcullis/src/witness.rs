//! Everything that is decided, told to the ledger, the log and the metrics.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use admission::{Accepted, LoginTold, Recalled, Refused, TlsSeen, Visitor, Witness};
use bytes::Bytes;
use ledger::{Entry, Event, Ledger, LoginOutcome, Origin, Words};
use mail::{ForwardPath, MessageId, Timestamp};
use policy::{AuthRefusal, Basis, BoxFuture, Name, NoticeKind, Role};
use serde::Serialize;
use world::Clock;

use crate::journal::Journal;
use crate::metrics::Metrics;

/// Tells the ledger, the log and the metrics. Cloning shares it.
#[derive(Clone)]
pub struct Recorder {
    /// Where testimony goes.
    pub ledger: Ledger,
    /// Where lines go.
    pub journal: Journal,
    /// Where counts go.
    pub metrics: Arc<Metrics>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

impl Recorder {
    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.clock.wall())
    }

    /// Testimony that must not be lost: waits where it has piled up.
    pub async fn testify(&self, event: Event) {
        let entry = Entry::of(&event);
        self.journal.event(self.now(), &event, &entry);
        self.ledger.record(entry).await;
    }

    /// The same of what was stored in the queue: it is not written anew.
    pub async fn testify_stored(&self, testimony: Bytes) {
        if let Some(entry) = Entry::from_testimony(testimony) {
            self.journal.entry(self.now(), &entry);
            self.ledger.record(entry).await;
        }
    }

    /// Testimony about strangers: counted rather than kept where it has piled up.
    fn remark(&self, event: Event) {
        let entry = Entry::of(&event);
        self.journal.event(self.now(), &event, &entry);
        self.ledger.note(entry);
    }

    /// Something of a session that is no testimony.
    fn note(&self, event: &str, visitor: &Visitor, text: Option<&str>) {
        let origin = origin(visitor, None);
        self.journal.note(self.now(), event, &OfSession { origin, text });
    }
}

/// What the log tells of a session, with words on it.
#[derive(Serialize)]
struct OfSession<'a> {
    #[serde(flatten)]
    origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl Witness for Recorder {
    fn testimony(&self, accepted: &Accepted<'_>) -> Bytes {
        Entry::of(&Event::Accepted(Box::new(facts(accepted)))).json().clone()
    }

    fn accepted<'a>(&'a self, accepted: &'a Accepted<'a>, testimony: Bytes) -> BoxFuture<'a, ()> {
        self.metrics.accepted(accepted);
        Box::pin(self.testify_stored(testimony))
    }

    fn recall(&self, testimony: &[u8]) -> Option<Recalled> {
        let facts = ledger::Accepted::from_testimony(testimony).ok()?;
        let authors = facts.header_from.iter().map(|words| words.as_str().parse());
        Some(Recalled {
            visitor: visitor(&facts.origin),
            authors: authors.collect::<Result<_, _>>().ok()?,
            octets: facts.size,
        })
    }

    fn refused(&self, refused: &Refused<'_>) {
        self.metrics.refused(refused);
        self.remark(Event::Refused(Box::new(ledger::Refused {
            event: refused.event,
            origin: origin(refused.visitor, refused.grant.clone()),
            from: refused.sender.map(Words::of),
            rcpt: refused.recipient.map(Words::of),
            code: refused.reply.code,
            enhanced: refused.reply.enhanced,
            reason: Words::new(refused.reason),
            text: Words::new(&refused.reply.text),
        })));
    }

    fn connected(&self, visitor: &Visitor) {
        self.metrics.connected(visitor);
        self.note("smtp.connect", visitor, None);
    }

    fn closed(&self, visitor: &Visitor, why: &str) {
        self.metrics.closed(visitor);
        self.note("smtp.close", visitor, Some(why));
    }

    fn login(&self, told: &LoginTold<'_>) {
        let outcome = told
            .failed
            .as_ref()
            .map_or(LoginOutcome::Proved, |(why, ..)| outcome(*why));
        self.metrics.login(told.mechanism, outcome);
        let mut origin = origin(told.visitor, None);
        origin.login = told.login.map(Words::new);
        let event = Event::Login(Box::new(ledger::Login {
            origin,
            mechanism: Words::new(told.mechanism),
            event: told.failed.as_ref().map(|(_, event, _)| *event),
            outcome,
        }));
        self.remark(event);
    }

    fn noted(&self, visitor: &Visitor, what: &str) {
        self.note("smtp.noticed", visitor, Some(what));
    }

    fn noticed(&self, parent: MessageId, kind: NoticeKind, notice: MessageId, to: &ForwardPath) {
        self.metrics.noticed(kind);
        self.remark(Event::NoticeSent(Box::new(ledger::NoticeSent::new(
            parent,
            notice,
            kind,
            Words::of(to),
        ))));
    }
}

fn outcome(why: AuthRefusal) -> LoginOutcome {
    match why {
        AuthRefusal::UnknownLogin => LoginOutcome::UnknownLogin,
        AuthRefusal::WrongSecret => LoginOutcome::WrongSecret,
        AuthRefusal::WithoutGrant => LoginOutcome::WithoutGrant,
        AuthRefusal::Malformed => LoginOutcome::Malformed,
        AuthRefusal::LockedOut => LoginOutcome::LockedOut,
        AuthRefusal::Unavailable => LoginOutcome::Unavailable,
    }
}

fn facts(accepted: &Accepted<'_>) -> ledger::Accepted {
    let grant = accepted.recipients.iter().find_map(|(_, permit)| match permit.basis() {
        Basis::Grant(name) => Some(name.clone()),
        _ => None,
    });
    let recipients = accepted.recipients.iter();
    ledger::Accepted {
        message: accepted.id,
        origin: accepted
            .visitor
            .map_or_else(ourselves, |visitor| origin(visitor, grant)),
        from: Words::of(accepted.sender),
        size: accepted.octets,
        generation: accepted.generation.0,
        rulebook: accepted.rulebook,
        recipients: recipients
            .map(|(path, permit)| ledger::AcceptedRecipient::new(Words::of(path), permit))
            .collect(),
        header_from: accepted.authors.iter().map(Words::of).collect(),
        mended: (!accepted.mended.is_empty()).then(|| Words::new(accepted.mended)),
    }
}

fn origin(visitor: &Visitor, grant: Option<Name>) -> Origin {
    Origin {
        session: visitor.session,
        listener: visitor.listener.clone(),
        client: visitor.client,
        port: visitor.port,
        helo: (!visitor.hello.is_empty()).then(|| Words::new(&visitor.hello)),
        ptr: visitor.ptr.as_ref().map(Words::of),
        tls: visitor.tls.as_ref().map(|tls| ledger::Tls {
            version: Words::new(&tls.version),
            cipher: Words::new(&tls.cipher),
            verified: None,
            client_cert: visitor.pin.map(|pin| Words::new(&hex(&pin))),
        }),
        login: visitor.login.as_deref().map(Words::new),
        grant,
    }
}

/// The visitor that testimony speaks of; the role of its listener is looked up where it is judged again.
fn visitor(origin: &Origin) -> Visitor {
    let word = |words: &Words| Box::from(words.as_str());
    Visitor {
        session: origin.session,
        listener: origin.listener.clone(),
        role: Role::Mx,
        client: origin.client,
        port: origin.port,
        hello: origin.helo.as_ref().map(word).unwrap_or_default(),
        extended: true,
        ptr: origin.ptr.as_ref().and_then(|name| name.as_str().parse().ok()),
        tls: origin.tls.as_ref().map(|tls| TlsSeen {
            version: word(&tls.version),
            cipher: word(&tls.cipher),
        }),
        login: origin.login.as_ref().map(|login| login.as_str().into()),
        pin: origin
            .tls
            .as_ref()
            .and_then(|tls| unhex(tls.client_cert.as_ref()?.as_str())),
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| u8::try_from(c.to_digit(16)?).ok())
        .collect();
    let octets: Vec<u8> = digits
        .chunks_exact(2)
        .filter_map(|two| Some(two.first()? << 4 | two.get(1)?))
        .collect();
    octets.try_into().ok()
}

/// Where our own notices come from: no session, no client.
fn ourselves() -> Origin {
    Origin {
        session: mail::SessionId::new(0),
        listener: Name::from("notices"),
        client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        port: 0,
        helo: None,
        ptr: None,
        tls: None,
        login: None,
        grant: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_reads_back_from_testimony() {
        let pin: [u8; 32] = std::array::from_fn(|index| index as u8 * 7);
        assert_eq!(unhex(&hex(&pin)), Some(pin));
        assert_eq!(unhex("12"), None);
    }
}
