//! One message to one next hop: slot, line, transactions, and what each recipient comes to.

use bytes::Bytes;
use mail::{BodyType, Host, MailParams, Timestamp};
use policy::Basis;
use smtp::client::{Extensions, RecipientOutcome, Stage, Transaction};
use spool::{Lease, LeasedRecipient};
use wire::{BodyError, BodySource, ConnectionError, WholeBody};

use crate::body::{self, CONVERTED_OCTETS_MAX};
use crate::call::{Calls, Line, setback_of};
use crate::config::Config;
use crate::destination::{Admittance, Lesson, Slot};
use crate::gate::Gate;
use crate::outcome::{self, Pressure, Setback, Verdict};
use crate::report::Event;
use crate::route::NextHop;
use crate::settle::{Attempt, Finding, conclude};

/// Waiting connections that may turn out to be dead before only fresh ones are used.
const STALE_MAX: usize = 3;
/// When a lease is looked at again after something of ours failed.
const AFTER_TROUBLE: std::time::Duration = std::time::Duration::from_secs(300);

/// Recipients of a message that share a next hop.
pub(crate) struct Group {
    pub(crate) next: NextHop,
    /// The domain they are in, or the first of several.
    pub(crate) site: Host,
    /// Their places in the lease.
    pub(crate) places: Vec<usize>,
}

/// A group under way.
struct Delivery<'a> {
    gate: &'a Gate,
    config: &'a Config,
    lease: &'a Lease,
    group: &'a Group,
    /// Those whose fate is open.
    left: Vec<usize>,
    /// The right to speak to the destination; given back as soon as all is said.
    slot: Option<Slot>,
    /// Waiting connections used so far.
    reused: usize,
    /// When the lease is to come back, if it must.
    later: Option<Timestamp>,
}

/// A message as this peer can take it.
enum Form {
    AsStored,
    Converted(Bytes),
}

/// Delivers to a group. Says when what could not even be tried is to come back.
pub(crate) async fn deliver(gate: &Gate, config: &Config, lease: &Lease, group: Group) -> Option<Timestamp> {
    let clock = || gate.monotonic();
    let route = &group.next.route;
    let mut delivery = Delivery {
        gate,
        config,
        lease,
        left: group.places.clone(),
        group: &group,
        slot: None,
        reused: 0,
        later: None,
    };
    match gate
        .destinations
        .admit(&group.next.key, Some(lease.id), route.connections, &clock)
        .await
    {
        Admittance::Go(slot) => {
            delivery.slot = Some(slot);
            // Behind a pointer: each future around this one would have room for it twice.
            Box::pin(delivery.run()).await;
        }
        Admittance::Busy(until) => delivery.later = Some(gate.wall_at(until)),
        Admittance::Down(why) => {
            let attempt = delivery.attempt(group.site.to_string(), None);
            delivery.conclude_left(&attempt, Verdict::still_down(&why)).await;
        }
    }
    delivery.later
}

impl Delivery<'_> {
    async fn run(&mut self) {
        let mut calls = Calls::new(self.gate, self.config, &self.group.next, &self.group.site);
        while !self.left.is_empty() && self.later.is_none() {
            let line = match self.waiting_line() {
                Some(line) => Ok(line),
                // Behind a pointer, for it is large: dialling, TLS, the opening of the dialogue.
                None => Box::pin(calls.next_line()).await,
            };
            match line {
                Ok(line) => self.use_line(line, &mut calls).await,
                Err(setback) => return self.give_up(setback, &calls).await,
            }
        }
    }

    /// A connection that waits for its next message.
    fn waiting_line(&mut self) -> Option<Line> {
        if self.reused >= STALE_MAX {
            return None;
        }
        let kept = self
            .gate
            .pool
            .lock()
            .take(&self.group.next.key, self.gate.monotonic())?;
        self.reused += 1;
        Some(Line {
            messages: kept.messages,
            ..kept.connection
        })
    }

    /// One transaction behind the other, until all fates are known or the line is of no more use.
    async fn use_line(&mut self, mut line: Line, calls: &mut Calls<'_>) {
        while !self.left.is_empty() && line.connection.is_usable() {
            let attempt = self.attempt_on(&line);
            let form = if self.fits_as_stored(line.connection.extensions().eight_bit_mime) {
                Form::AsStored
            } else {
                Box::pin(self.fit(&attempt)).await
            };
            let batch = self.batch(line.connection.extensions());
            if batch.is_empty() {
                break;
            }
            let mut source = match self.source(form).await {
                Ok(source) => source,
                Err(error) => return self.cannot_read(&error, &attempt, line).await,
            };
            self.gate.note(&Event::Attempted {
                message: self.lease.id,
                attempt: attempt.id,
                host: &attempt.host,
                recipients: batch.len(),
            });
            let transaction = self.transaction(&batch, line.connection.extensions(), &source);
            let seasoned = line.messages > 0;
            match line.connection.deliver(transaction, &mut *source.body).await {
                Ok(outcome) => {
                    line.messages = line.messages.saturating_add(1);
                    let said = batch.into_iter().zip(outcome.recipients).collect();
                    let findings = self.take_outcomes(said, seasoned, calls);
                    if self.left.is_empty() {
                        // The next message has the line while this one's settlement is on its way to the disk.
                        self.gate.keep(self.config, &self.group.next.key, line);
                        self.slot = None;
                        return self.record(&attempt, findings).await;
                    }
                    self.record(&attempt, findings).await;
                }
                Err(ConnectionError::Body(error)) => return self.cannot_read(&error, &attempt, line).await,
                Err(error) => {
                    // A connection that waited may have gone away meanwhile; that says nothing about the destination.
                    if !seasoned {
                        calls.note(setback_of(&error, &line.host, line.connection.peer_addr()));
                    }
                    return;
                }
            }
            if self.later.is_some() {
                break;
            }
        }
        self.gate.keep(self.config, &self.group.next.key, line);
    }

    /// SMTPUTF8 is never taken back: without it the client refuses the transaction by itself (5.6.7).
    fn fits_as_stored(&self, takes_8bit: bool) -> bool {
        !self.lease.content.has_8bit || takes_8bit || self.needs_smtputf8()
    }

    /// Takes out the recipients whom this peer, which takes 7 bits, cannot be given the message for, and says in which
    /// form the others get it.
    async fn fit(&mut self, attempt: &Attempt) -> Form {
        let (may, must_not): (Vec<usize>, Vec<usize>) = self
            .left
            .iter()
            .partition(|place| self.recipient(**place).is_some_and(|it| self.may_convert(it)));
        let converted = if may.is_empty() { None } else { self.convert().await };
        let refused = match converted {
            Some(_) => must_not,
            None => self.left.clone(),
        };
        let verdict = Verdict::conversion_forbidden(&attempt.host);
        self.conclude_these(
            attempt,
            refused
                .into_iter()
                .map(|place| Finding {
                    place,
                    verdict: verdict.clone(),
                })
                .collect(),
        )
        .await;
        converted.map_or(Form::AsStored, Form::Converted)
    }

    /// Octets are changed only where we wrote them, or where a grant lets its own unsigned mail through.
    fn may_convert(&self, recipient: &LeasedRecipient) -> bool {
        let content = self.lease.content;
        content.originated || !content.signed && matches!(recipient.basis, Basis::Grant(_))
    }

    async fn convert(&self) -> Option<Bytes> {
        if self.lease.octets > CONVERTED_OCTETS_MAX {
            return None;
        }
        let whole = body::whole(&self.gate.ports.dispatch, self.lease).await.ok()?;
        mail::to_seven_bit(&whole).map(|converted| Bytes::from(converted.into_owned()))
    }

    /// Whether the message cannot do without SMTPUTF8. Where all of it is US-ASCII its sender asked on the chance.
    fn needs_smtputf8(&self) -> bool {
        let recipients = self
            .left
            .iter()
            .filter_map(|place| self.recipient(*place)?.path.mailbox());
        let wide = self
            .lease
            .reverse
            .mailbox()
            .into_iter()
            .chain(recipients)
            .any(mail::Mailbox::needs_smtputf8);
        wide || self.lease.params.smtputf8 && self.lease.content.has_8bit
    }

    fn batch(&self, offers: &Extensions) -> Vec<usize> {
        let most = offers
            .rcpt_max
            .unwrap_or(usize::MAX)
            .min(self.config.recipients_max)
            .max(1);
        self.left.iter().copied().take(most).collect()
    }

    async fn source(&self, form: Form) -> Result<Source, BodyError> {
        Ok(match form {
            Form::AsStored => Source {
                octets: self.lease.octets,
                eight_bit: self.lease.content.has_8bit,
                body: Box::new(body::stored(&self.gate.ports.dispatch, self.lease).await?),
            },
            Form::Converted(octets) => Source {
                octets: octets.len() as u64,
                eight_bit: false,
                body: Box::new(WholeBody::new(octets)),
            },
        })
    }

    fn transaction(&self, batch: &[usize], offers: &Extensions, source: &Source) -> Transaction {
        let params = &self.lease.params;
        let recipients = batch.iter().filter_map(|place| self.recipient(*place));
        Transaction {
            reverse: self.lease.reverse.clone(),
            recipients: recipients.map(|it| (it.path.clone(), it.params.clone())).collect(),
            params: MailParams {
                size: Some(source.octets),
                body: if source.eight_bit {
                    BodyType::EightBitMime
                } else {
                    BodyType::SevenBit
                },
                smtputf8: params.smtputf8 && (offers.smtputf8 || self.needs_smtputf8()),
                ..params.clone()
            },
        }
    }

    /// What the peer said to each. Fates that another line may better stay open.
    fn take_outcomes(
        &mut self,
        said: Vec<(usize, RecipientOutcome)>,
        seasoned: bool,
        calls: &mut Calls<'_>,
    ) -> Vec<Finding> {
        let some_delivered = said
            .iter()
            .any(|(_, outcome)| matches!(outcome, RecipientOutcome::Delivered(_)));
        let mut findings = Vec::with_capacity(said.len());
        let mut pressure = Pressure::None;
        for (place, outcome) in said {
            let verdict = outcome::of_recipient(&outcome, None);
            match &outcome {
                RecipientOutcome::Unanswered(Stage::End) => pressure = Pressure::Throttle,
                RecipientOutcome::Unanswered(_) => {
                    calls.note(Setback {
                        verdict,
                        pressure: Pressure::Unreachable,
                    });
                    continue;
                }
                // Some of them got through, so the rest will in a transaction of their own.
                RecipientOutcome::Refused(stage, reply) if some_delivered && outcome::is_too_many(*stage, reply) => {
                    continue;
                }
                // The connection has done its share; a fresh one may do more.
                RecipientOutcome::Refused(Stage::Mail, reply) if seasoned && reply.code == 421 => continue,
                _ if verdict.asks_for_less() => pressure = Pressure::Throttle,
                _ => {}
            }
            findings.push(Finding { place, verdict });
        }
        if !findings.is_empty() {
            self.learn(pressure, "");
        }
        self.close_these(&findings);
        findings
    }

    /// No host is left to be tried.
    async fn give_up(&mut self, setback: Setback, calls: &Calls<'_>) {
        self.learn(setback.pressure, &setback.verdict.text);
        self.slot = None;
        let attempt = match &calls.last {
            Some((host, address)) => self.attempt(host.to_string(), Some(address.ip())),
            None => self.attempt(self.group.site.to_string(), None),
        };
        let attempt = Attempt {
            begun: calls.begun,
            at: calls.at,
            ..attempt
        };
        self.conclude_left(&attempt, setback.verdict).await;
    }

    /// The message cannot be read; the line has no part in that, but it is in the middle of something.
    async fn cannot_read(&mut self, error: &BodyError, attempt: &Attempt, line: Line) {
        self.gate.note(&Event::Trouble {
            message: Some(self.lease.id),
            what: &error.to_string(),
        });
        drop(line);
        self.slot = None;
        self.conclude_left(attempt, Verdict::unreadable()).await;
    }

    fn learn(&mut self, pressure: Pressure, why: &str) {
        let Some(slot) = &mut self.slot else { return };
        if slot.learn(&Lesson {
            pressure,
            why,
            now: self.gate.monotonic(),
        }) {
            self.gate.note(&Event::DestinationDown {
                destination: &self.group.next.key,
                why,
            });
        }
    }

    async fn conclude_left(&mut self, attempt: &Attempt, verdict: Verdict) {
        let left = std::mem::take(&mut self.left);
        let verdicts = std::iter::repeat_n(verdict, left.len());
        let findings = left.into_iter().zip(verdicts);
        let findings = findings.map(|(place, verdict)| Finding { place, verdict }).collect();
        self.record(attempt, findings).await;
    }

    async fn conclude_these(&mut self, attempt: &Attempt, findings: Vec<Finding>) {
        self.close_these(&findings);
        self.record(attempt, findings).await;
    }

    /// The fate of these is no longer open.
    fn close_these(&mut self, findings: &[Finding]) {
        self.left
            .retain(|place| findings.iter().all(|finding| finding.place != *place));
    }

    async fn record(&mut self, attempt: &Attempt, findings: Vec<Finding>) {
        if conclude(self.gate, self.config, self.lease, Some(attempt), findings)
            .await
            .is_err()
        {
            self.later = Some(self.gate.now().plus(AFTER_TROUBLE));
        }
    }

    fn recipient(&self, place: usize) -> Option<&LeasedRecipient> {
        self.lease.recipients.get(place)
    }

    fn attempt(&self, host: impl Into<Box<str>>, ip: Option<std::net::IpAddr>) -> Attempt {
        Attempt {
            id: self.gate.attempt_id(),
            at: self.gate.now(),
            begun: self.gate.monotonic(),
            route: self.group.next.route.name.clone(),
            host: host.into(),
            ip,
            tls: Box::default(),
            dsn: false,
        }
    }

    fn attempt_on(&self, line: &Line) -> Attempt {
        let ip = Some(line.connection.peer_addr().ip());
        Attempt {
            tls: line.tls_words.clone(),
            dsn: line.connection.extensions().dsn,
            ..self.attempt(line.host_words.clone(), ip)
        }
    }
}

/// Octets to be sent, and what is to be said of them.
struct Source {
    octets: u64,
    eight_bit: bool,
    body: Box<dyn BodySource>,
}
