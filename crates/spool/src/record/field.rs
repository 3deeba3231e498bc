//! The fields that heads are made of.

use mail::{
    AttemptId, BodyType, DsnReturn, ForwardPath, MailParams, Mailbox, MessageId, Notify, RcptParams, ReversePath,
    Timestamp,
};
use policy::{Basis, FactDigest, Generation, NoticeKind, Reason};

use super::{Grounds, Standing, cut_text};
use crate::codec::{Decoder, Encoder, Malformed};
use crate::{AttemptRecord, Content, Holder, Outcome, State};

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

pub(crate) fn put_mailbox(out: &mut Encoder, mailbox: &Mailbox) {
    out.written(|out| mailbox.put(out));
}

pub(crate) fn put_reverse(out: &mut Encoder, path: &ReversePath) {
    out.option(path.mailbox(), put_mailbox);
}

pub(crate) fn take_reverse(from: &mut Decoder<'_>) -> Result<ReversePath, Malformed> {
    Ok(from
        .option(take_mailbox)?
        .map_or(ReversePath::Null, ReversePath::Mailbox))
}

pub(crate) fn put_forward(out: &mut Encoder, path: &ForwardPath) {
    out.option(path.mailbox(), put_mailbox);
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
                NoticeKind::Letter => 6,
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
        kind @ 3..=6 => {
            let kind = match kind {
                3 => NoticeKind::Failure,
                4 => NoticeKind::Delay,
                5 => NoticeKind::Success,
                _ => NoticeKind::Letter,
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

pub(crate) fn put_attempt(out: &mut Encoder, attempt: &AttemptRecord) {
    out.u64(attempt.id.number());
    out.i64(attempt.at.0);
    out.u32(attempt.took_ms);
    for text in [&attempt.host, &attempt.tls, &attempt.reply] {
        out.text(&cut_text(text, AttemptRecord::TEXT_OCTETS_MAX));
    }
    out.option(attempt.ip.as_ref(), Encoder::shown);
}

pub(crate) fn take_attempt(from: &mut Decoder<'_>) -> Result<AttemptRecord, Malformed> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(reply: String) -> AttemptRecord {
        AttemptRecord {
            id: AttemptId::new(3),
            at: Timestamp(4),
            took_ms: 5,
            host: "mx".into(),
            ip: Some("2001:db8::1".parse().unwrap()),
            tls: "".into(),
            reply: reply.into(),
        }
    }

    #[test]
    fn every_state_reads_back_as_it_was() {
        let held = |by| State::Held {
            reason: Reason::RateHeld,
            by,
            until: Some(Timestamp(9)),
        };
        let mut states = vec![
            State::Ready,
            State::Deferred { until: Timestamp(-1) },
            held(Holder::Judgement),
            held(Holder::Suspension),
            held(Holder::Operator("kim".into())),
            State::Quarantined {
                reason: Reason::ContentQuarantined,
            },
            State::Bouncing,
        ];
        for outcome in [Outcome::Delivered, Outcome::Failed, Outcome::Expired, Outcome::Removed] {
            states.push(State::Done {
                outcome,
                at: Timestamp(1),
            });
        }
        for state in states {
            let standing = Standing {
                state,
                delay_told: true,
                attempts_made: 9,
                attempts: vec![attempt("451 later".to_owned())],
            };
            let mut out = Encoder::default();
            put_standing(&mut out, &standing);
            assert_eq!(take_standing(&mut Decoder::new(&out.0)), Ok(standing));
            for len in 0..out.0.len() {
                assert!(take_standing(&mut Decoder::new(&out.0[..len])).is_err(), "cut at {len}");
            }
        }
    }

    #[test]
    fn every_ground_and_parameter_reads_back_as_it_was() {
        let parent = MessageId::new(77);
        let mut bases = vec![
            Basis::Grant("g".into()),
            Basis::Route("r".into()),
            Basis::Forward("f".into()),
        ];
        let kinds = [
            NoticeKind::Failure,
            NoticeKind::Delay,
            NoticeKind::Success,
            NoticeKind::Letter,
        ];
        bases.extend(kinds.map(|kind| Basis::Notice { parent, kind }));
        for basis in bases {
            let grounds = Grounds {
                basis,
                generation: Generation(1),
                rulebook: 2,
                digest: FactDigest(3),
            };
            let mut out = Encoder::default();
            put_grounds(&mut out, &grounds);
            assert_eq!(take_grounds(&mut Decoder::new(&out.0)), Ok(grounds));
        }
        let on = |success, failure, delay| {
            Some(Notify::On {
                success,
                failure,
                delay,
            })
        };
        for notify in [None, Some(Notify::Never), on(true, false, false), on(false, true, true)] {
            let params = RcptParams {
                notify,
                orcpt: Some("rfc822;a@b".into()),
            };
            let mut out = Encoder::default();
            put_rcpt_params(&mut out, &params);
            assert_eq!(take_rcpt_params(&mut Decoder::new(&out.0)), Ok(params));
        }
        for ret in [None, Some(DsnReturn::Full), Some(DsnReturn::Headers)] {
            let params = MailParams {
                size: Some(1),
                body: BodyType::EightBitMime,
                smtputf8: true,
                ret,
                envid: Some("e".into()),
            };
            let mut out = Encoder::default();
            put_mail_params(&mut out, &params);
            assert_eq!(take_mail_params(&mut Decoder::new(&out.0)), Ok(params));
        }
        for text in [
            "a@b.example",
            "\"odd local\"@[192.0.2.1]",
            "\"q\\\"uote\"@[IPv6:2001:db8::1]",
        ] {
            let path = ForwardPath::Mailbox(text.parse().unwrap());
            let mut out = Encoder::default();
            put_forward(&mut out, &path);
            assert_eq!(take_forward(&mut Decoder::new(&out.0)), Ok(path));
        }
    }

    #[test]
    fn what_a_peer_said_is_bounded_on_disk() {
        let mut out = Encoder::default();
        put_attempt(&mut out, &attempt("é".repeat(100_000)));
        let back = take_attempt(&mut Decoder::new(&out.0)).unwrap();
        assert!(back.reply.len() <= AttemptRecord::TEXT_OCTETS_MAX && back.reply.starts_with("éé"));
    }
}
