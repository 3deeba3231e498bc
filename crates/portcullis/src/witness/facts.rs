//! What is decided, as the ledger keeps it, and back.

use std::net::{IpAddr, Ipv4Addr};

use admission::{AcceptedRecipient, FromScan, Learned, Recalled, Refused, TlsSeen, Visitor, Weighed};
use ledger::{FromForm, Ground, Judged, Origin, Words};
use mail::{Mailbox, SubjectName, Timestamp};
use policy::{Basis, CertificateId, Fact, Name, Role};

use crate::recollection::forward_path;

/// An acceptance.
pub(super) fn accepted(accepted: &admission::Accepted<'_>) -> ledger::Accepted {
    let grant = accepted.recipients.iter().find_map(|one| match one.permit.basis() {
        Basis::Grant(name) => Some(name.clone()),
        _ => None,
    });
    ledger::Accepted {
        message: accepted.id,
        origin: accepted
            .visitor
            .map_or_else(ourselves, |visitor| origin(visitor, grant)),
        from: Words::put(|text| accepted.sender.put(text)),
        size: accepted.octets,
        generation: accepted.generation.0,
        rulebook: accepted.rulebook,
        recipients: accepted.recipients.iter().map(recipient).collect(),
        header_from: accepted.authors.iter().map(author).collect(),
        message_id: accepted.message_id.map(Words::new),
        mended: (!accepted.mended.is_empty()).then(|| Words::new(accepted.mended)),
        judged: accepted.visitor.map(|_| judged(accepted.at, accepted.learned)),
    }
}

fn recipient(one: &AcceptedRecipient<'_>) -> ledger::AcceptedRecipient {
    ledger::AcceptedRecipient {
        asked: one.asked.map(Words::of),
        ..ledger::AcceptedRecipient::new(Words::put(|text| one.path.put(text)), one.permit)
    }
}

fn author(mailbox: &Mailbox) -> Words {
    Words::put(|text| mailbox.put(text))
}

/// A refusal.
pub(super) fn refused(refused: &Refused<'_>) -> ledger::Refused {
    let rejection = refused.rejection;
    let weighed: Option<&Weighed> = rejection.map(|rejection| &*rejection.weighed);
    ledger::Refused {
        event: refused.event,
        origin: origin(refused.visitor, rejection.and_then(|rejection| rejection.grant.clone())),
        from: refused.sender.map(Words::of),
        rcpt: refused.recipient.map(Words::of),
        recipients: weighed.map_or_else(Vec::new, |weighed| weighed.recipients.iter().map(Words::of).collect()),
        size: weighed.and_then(|weighed| match weighed.learned.octets {
            Fact::Known(octets) => Some(octets),
            Fact::Unknown | Fact::NotYet => None,
        }),
        header_from: weighed.map_or_else(Vec::new, |weighed| match &weighed.learned.from {
            Fact::Known(FromScan::Mailboxes(mailboxes)) => mailboxes.iter().map(Words::of).collect(),
            _ => Vec::new(),
        }),
        code: refused.reply.code,
        enhanced: refused.reply.enhanced,
        reason: Words::new(refused.reason),
        text: Words::new(&refused.reply.text),
        generation: rejection.map(|rejection| rejection.snapshot.generation().0),
        rulebook: rejection.map(|rejection| rejection.snapshot.hash()),
        judged: weighed.map(|weighed| judged(weighed.now, &weighed.learned)),
    }
}

/// What else was known of a message when it was decided then.
fn judged(now: Timestamp, learned: &Learned) -> Judged {
    Judged {
        from: match &learned.from {
            Fact::Known(FromScan::Missing) => Fact::Known(FromForm::Missing),
            Fact::Known(FromScan::Malformed) => Fact::Known(FromForm::Malformed),
            Fact::Known(FromScan::Mailboxes(_)) => Fact::Known(FromForm::Mailboxes),
            Fact::Unknown => Fact::Unknown,
            Fact::NotYet => Fact::NotYet,
        },
        hops: learned.hops,
        usage: learned.usage,
        masked: learned.masked,
        content: learned.content,
        ..Judged::nothing_yet(now)
    }
}

/// Where a session comes from.
pub(super) fn origin(visitor: &Visitor, grant: Option<Name>) -> Origin {
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
            client_cert: visitor.certificate.iter().find_map(|id| match id {
                CertificateId::Key(key) => Some(Words::new(&hex(key))),
                CertificateId::Subject { .. } => None,
            }),
            client_names: visitor.certificate.iter().filter_map(vouched).collect(),
            client_doubt: (!tls.doubt.is_empty()).then(|| Words::new(&tls.doubt)),
        }),
        login: visitor.login.as_deref().map(Words::new),
        grant,
    }
}

/// What testimony tells of a message that is to be judged again; `None` where that is not all it was judged by.
pub(super) fn recalled(accepted: &ledger::Accepted) -> Option<Recalled> {
    let asked = accepted.recipients.iter().map(|one| match (&one.asked, &one.basis) {
        (Some(asked), _) => Some(Some(forward_path(asked.as_str()).ok()?)),
        (None, Ground::Forward(_)) => None,
        (None, _) => Some(None),
    });
    let authors = accepted.header_from.iter().map(|words| words.as_str().parse());
    let authors: Vec<Mailbox> = authors.collect::<Result<_, _>>().ok()?;
    let judged = accepted.judged.as_ref();
    Some(Recalled {
        visitor: visitor(&accepted.origin),
        from: match judged.map_or(Fact::Unknown, |judged| judged.from) {
            Fact::Known(FromForm::Missing) => Fact::Known(FromScan::Missing),
            Fact::Known(FromForm::Malformed) => Fact::Known(FromScan::Malformed),
            Fact::Known(FromForm::Mailboxes) => Fact::Known(FromScan::Mailboxes(authors)),
            Fact::Unknown | Fact::NotYet => Fact::Unknown,
        },
        octets: accepted.size,
        hops: judged.map_or(Fact::Unknown, |judged| judged.hops),
        asked: asked.collect::<Option<_>>()?,
    })
}

/// The visitor that testimony speaks of; the role of its listener is looked up where it is judged again.
pub(crate) fn visitor(origin: &Origin) -> Visitor {
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
            doubt: tls.client_doubt.as_ref().map(word).unwrap_or_default(),
        }),
        login: origin.login.as_ref().map(|login| login.as_str().into()),
        certificate: origin.tls.as_ref().map(certificate).unwrap_or_default(),
    }
}

/// What is known of the certificate of a session: its key first.
fn certificate(tls: &ledger::Tls) -> Vec<CertificateId> {
    let key = tls.client_cert.as_ref().and_then(|key| unhex(key.as_str()));
    let names = tls.client_names.iter().filter_map(|vouched| {
        Some(CertificateId::Subject {
            authority: vouched.by.clone(),
            name: SubjectName::parse(vouched.name.as_str()).ok()?,
        })
    });
    key.map(CertificateId::Key).into_iter().chain(names).collect()
}

fn vouched(id: &CertificateId) -> Option<ledger::Vouched> {
    match id {
        CertificateId::Key(_) => None,
        CertificateId::Subject { authority, name } => Some(ledger::Vouched {
            name: Words::new(name.as_str()),
            by: authority.clone(),
        }),
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

    #[test]
    fn what_is_known_of_a_certificate_reads_back_from_testimony() {
        let subject = CertificateId::Subject {
            authority: "campus".into(),
            name: SubjectName::parse("dns:ups-7.example.edu").unwrap(),
        };
        let mut came = visitor(&ourselves());
        came.certificate = vec![CertificateId::Key([7; 32]), subject];
        came.tls = Some(TlsSeen {
            version: "TLSv1.3".into(),
            cipher: "X".into(),
            doubt: "others: it has expired".into(),
        });
        let again = visitor(&origin(&came, None));
        assert_eq!((&again.certificate, &again.tls), (&came.certificate, &came.tls));
    }

    fn accepted() -> ledger::Accepted {
        let recipient = |rcpt: &str, asked: Option<&str>, basis| ledger::AcceptedRecipient {
            rcpt: rcpt.into(),
            asked: asked.map(Into::into),
            basis,
            digest: 3,
            held: None,
            quarantined: false,
        };
        ledger::Accepted {
            message: mail::MessageId::new(1),
            origin: ourselves(),
            from: "<scan@own.test>".into(),
            size: 2048,
            generation: 1,
            rulebook: 2,
            recipients: vec![
                recipient("<it@own.test>", None, Ground::Route("inside".into())),
                recipient("<bob@far.test>", Some("<fwd@own.test>"), Ground::Forward("away".into())),
            ],
            header_from: Vec::new(),
            message_id: None,
            mended: None,
            judged: Some(Judged {
                from: Fact::Known(FromForm::Malformed),
                hops: Fact::Known(7),
                ..Judged::nothing_yet(Timestamp(0))
            }),
        }
    }

    #[test]
    fn testimony_tells_what_a_message_was_judged_by() {
        let recalled = recalled(&accepted()).unwrap();
        assert_eq!((recalled.octets, recalled.hops), (2048, Fact::Known(7)));
        assert!(matches!(recalled.from, Fact::Known(FromScan::Malformed)));
        let asked = "<fwd@own.test>";
        assert_eq!(recalled.asked, [None, Some(forward_path(asked).unwrap())]);
    }

    #[test]
    fn testimony_that_leaves_out_what_was_asked_for_tells_nothing() {
        let mut old = accepted();
        old.recipients[1].asked = None;
        assert!(recalled(&old).is_none());
        let mut older = accepted();
        older.judged = None;
        assert_eq!(recalled(&older).unwrap().hops, Fact::Unknown);
    }
}
