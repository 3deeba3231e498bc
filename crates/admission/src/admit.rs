//! Facts, limits, judgement, permit, spool: in this order, in this file.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use mail::{Domain, ForwardPath, RcptParams, Timestamp};
use policy::{Basis, By, Decision, Fact, Ground, Limits, Live, Permit, Snapshot, Usage, decide, digest};
use spool::{Addressee, CommitError, DraftError, Intake};
use world::World;

use crate::compose::{self, Mending};
use crate::facts::gather;
use crate::ids::Ids;
use crate::masks::Masks;
use crate::transaction::{Admitted, IncomingBody, Rejection, Transaction, Weighed};
use crate::witness::{Accepted, AcceptedRecipient, Visitor, Witness};

/// What admission is built from.
pub struct Config {
    /// Our name in trace headers.
    pub hostname: Domain,
    /// What judgement reads first.
    pub snapshot: Arc<Snapshot>,
}

/// The one way in. Cloning shares it.
#[derive(Clone)]
pub struct Admission(pub(crate) Arc<Scale>);

pub(crate) struct Scale {
    pub(crate) hostname: Domain,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) limits: Arc<dyn Limits>,
    pub(crate) masks: Masks,
    pub(crate) intake: Intake,
    pub(crate) witness: Arc<dyn Witness>,
    pub(crate) world: World,
    pub(crate) ids: Ids,
    pub(crate) posted: crate::notice::Posted,
}

/// What was decided for each recipient, in their order, by one snapshot.
pub(crate) struct Verdicts {
    snapshot: Arc<Snapshot>,
    now: Timestamp,
    decisions: Vec<Decision>,
    permits: Vec<Option<Permit>>,
}

impl Admission {
    /// Builds the scale.
    #[must_use]
    pub fn new(
        config: Config,
        intake: Intake,
        limits: Arc<dyn Limits>,
        witness: Arc<dyn Witness>,
        world: &World,
    ) -> Self {
        Self(Arc::new(Scale {
            hostname: config.hostname,
            snapshot: ArcSwap::new(config.snapshot),
            limits,
            masks: Masks::default(),
            intake,
            witness,
            ids: Ids::new(world.clock.clone(), &*world.rng),
            world: world.clone(),
            posted: crate::notice::Posted::default(),
        }))
    }

    /// What judgement reads now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot.load_full()
    }

    /// Lets judgement read this from now on. Sessions that are open are judged by it too.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.0.snapshot.store(snapshot);
    }

    /// Where ids of sessions and events come from.
    #[must_use]
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// Who hears of decisions.
    #[must_use]
    pub fn witness(&self) -> &dyn Witness {
        &*self.0.witness
    }

    /// Our name.
    #[must_use]
    pub fn hostname(&self) -> &Domain {
        &self.0.hostname
    }

    /// The present moment of the calendar.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.world.clock.wall())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.world.clock.monotonic()
    }

    /// Makes ready for the body: takes its use from the grant's limits and opens a draft.
    pub fn begin_body(&self, visitor: &Visitor, transaction: &mut Transaction) -> Result<(), Rejection> {
        let (snapshot, now) = (self.snapshot(), self.now());
        let first = self.reserve(&snapshot, visitor, transaction, now);
        transaction.learned.usage = Fact::Known(first.usage);
        // What was decided before the use was known stands where the use is within the limits.
        if !(first.accepted && first.usage == Usage::Within)
            && let Err(rejection) = self.first_rejection(snapshot, visitor, transaction, now)
        {
            self.give_back(transaction);
            return Err(rejection);
        }
        let scan = mail::HeaderScan::default();
        transaction.body = Some(IncomingBody {
            draft: self.0.intake.begin(),
            scan,
            broken: None,
        });
        Ok(())
    }

    fn first_rejection(
        &self,
        snapshot: Arc<Snapshot>,
        visitor: &Visitor,
        transaction: &Transaction,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let listener = listener(&snapshot, visitor);
        let mut verdicts = Verdicts::new(snapshot, 0, now);
        for (path, _) in &transaction.recipients {
            let facts = facts_of(listener, visitor, transaction, path, verdicts.now);
            let decision = decide(&verdicts.snapshot, &mut Live::new(&facts));
            // One is enough to let the body come; it is judged with the body, for each of them.
            if decision.verdict.accepts() {
                return Ok(());
            }
            verdicts.decisions.push(decision);
        }
        Err(verdicts.rejection(transaction))
    }

    /// Judges every recipient of the transaction by one snapshot.
    fn judge(&self, visitor: &Visitor, transaction: &Transaction, now: Timestamp) -> Verdicts {
        let snapshot = self.snapshot();
        let listener = listener(&snapshot, visitor);
        let mut verdicts = Verdicts::new(snapshot, transaction.recipients.len(), now);
        for (path, _) in &transaction.recipients {
            let facts = facts_of(listener, visitor, transaction, path, verdicts.now);
            let decision = decide(&verdicts.snapshot, &mut Live::new(&facts));
            let digest = digest(&facts);
            let permit = decision.permit(&verdicts.snapshot, digest);
            verdicts
                .permits
                .push(permit.or_else(|| decision.permit_aside(&verdicts.snapshot, digest)));
            verdicts.decisions.push(decision);
        }
        verdicts
    }

    /// Forgets a message that is not going to be complete.
    pub fn abandon(&self, mut transaction: Box<Transaction>) {
        self.give_back(&mut transaction);
    }

    /// Judges the whole message and stores it. `Stored` is returned when it is durable, and not before.
    pub async fn end_body(&self, visitor: &Visitor, mut transaction: Box<Transaction>, mended: Mending) -> Admitted {
        let admitted = self.weigh_and_store(visitor, &mut transaction, mended).await;
        match admitted {
            Admitted::Stored { .. } => transaction.reserved = None,
            Admitted::Rejected(_) | Admitted::NotStored(_) => self.give_back(&mut transaction),
        }
        admitted
    }

    async fn weigh_and_store(&self, visitor: &Visitor, transaction: &mut Transaction, mended: Mending) -> Admitted {
        let Some(body) = transaction.body.take() else {
            return Admitted::NotStored(CommitError::Invalid("a message without a body"));
        };
        if let Some(error) = body.broken {
            return Admitted::NotStored(commit_error(error));
        }
        let scanned = body.scan.finish();
        self.count_octets(transaction, body.draft.octets());
        transaction.learned.hops = Fact::Known(u32::try_from(scanned.received).unwrap_or(u32::MAX));
        transaction.learned.from = Fact::Known(compose::from_of(&scanned));
        // No content scanner is asked yet: no evidence.
        transaction.learned.content = Fact::Unknown;
        let now = self.now();
        transaction.learned.masked = Fact::Known(self.masked(visitor, transaction, now));

        let mut verdicts = self.judge(visitor, transaction, now);
        // What was decided holds only for the snapshot it was decided by. A suspension that came meanwhile counts, also
        // one by the registry, which makes no new generation.
        while !Arc::ptr_eq(&verdicts.snapshot, &self.0.snapshot.load()) {
            verdicts = self.judge(visitor, transaction, self.now());
        }
        if !verdicts.decisions.iter().any(|decision| decision.verdict.accepts()) {
            return Admitted::Rejected(verdicts.rejection(transaction));
        }
        if let Some(reason) = verdicts.groundless() {
            return Admitted::Rejected(verdicts.later(reason, transaction));
        }
        let letter = compose::Composition {
            hostname: &self.0.hostname,
            id: self.0.intake.new_id(),
            now: verdicts.now,
            visitor,
            scanned: &scanned,
            mended,
        };
        self.store(&letter, transaction, verdicts, body.draft).await
    }

    /// Whether several clients hide behind the address exception that would be the basis, or another than the one that was
    /// granted.
    fn masked(&self, visitor: &Visitor, transaction: &Transaction, now: Timestamp) -> bool {
        if visitor.login.is_some() {
            return false;
        }
        let snapshot = self.snapshot();
        match snapshot.address_grant(visitor.client, now) {
            Some(grant) if matches!(grant.by, By::Address(_)) => {
                let masks = &self.0.masks;
                masks.is_masked(&grant.name, &visitor.hello, &transaction.sender, self.elapsed())
                    || !grant.expects(&visitor.hello)
            }
            _ => false,
        }
    }

    async fn store(
        &self,
        composition: &compose::Composition<'_>,
        transaction: &mut Transaction,
        verdicts: Verdicts,
        draft: spool::Draft,
    ) -> Admitted {
        let grant = verdicts.grant();
        let mut letter = composition.letter(
            &transaction.sender,
            &transaction.params,
            grant,
            transaction.recipients.as_slice(),
        );
        let mut addressees = Vec::with_capacity(transaction.recipients.len());
        let mut told = Vec::with_capacity(transaction.recipients.len());
        for ((path, params), permit) in transaction.recipients.drain(..).zip(verdicts.permits) {
            match permit {
                Some(permit) => {
                    let asked = matches!(permit.basis(), Basis::Forward(_)).then(|| path.clone());
                    let addressee = addressee(&verdicts.snapshot, path, params, permit);
                    told.push((addressee.path.clone(), asked, addressee.permit.clone()));
                    addressees.push(addressee);
                }
                // `groundless` was asked before; without a permit nothing may be stored.
                None => return Admitted::NotStored(CommitError::Invalid("a recipient without a permit")),
            }
        }
        letter.recipients = addressees;
        let sender = letter.reverse.clone();
        let subject = letter.subject.clone();
        let mended = composition.mended_words();
        let accepted = Accepted {
            id: letter.id,
            at: letter.received,
            visitor: Some(composition.visitor),
            octets: draft.octets(),
            sender: &sender,
            authors: composition.scanned.from.mailboxes(),
            subject: subject.as_deref(),
            message_id: composition.scanned.message_id.as_deref(),
            generation: verdicts.snapshot.generation(),
            rulebook: verdicts.snapshot.hash(),
            recipients: told
                .iter()
                .map(|(path, asked, permit)| AcceptedRecipient {
                    path,
                    asked: asked.as_ref(),
                    permit,
                })
                .collect(),
            learned: &transaction.learned,
            mended: &mended,
        };
        let testimony = self.0.witness.testimony(&accepted);
        letter.testimony = testimony.clone();
        match self.0.intake.commit(draft, letter).await {
            Ok(stored) => {
                self.0.witness.accepted(&accepted, testimony).await;
                Admitted::Stored { id: stored.id }
            }
            Err(error) => Admitted::NotStored(error),
        }
    }
}

impl Verdicts {
    /// None yet, with room for so many.
    fn new(snapshot: Arc<Snapshot>, recipients: usize, now: Timestamp) -> Self {
        Self {
            snapshot,
            decisions: Vec::with_capacity(recipients),
            permits: Vec::with_capacity(recipients),
            now,
        }
    }

    /// What to tell the client when nobody is accepted: the first recipient's verdict, but a deferral outranks a
    /// refusal, so that a message is not lost for those who may get it later.
    fn rejection(self, transaction: &Transaction) -> Rejection {
        let deferred = |decision: &&Decision| matches!(decision.verdict, policy::Verdict::Defer(_));
        let decision = self.decisions.iter().find(deferred).or(self.decisions.first());
        let (verdict, reason) = match decision {
            Some(decision) => (decision.verdict, decision.reason),
            None => (
                policy::Verdict::Refuse(policy::Reason::NoGrant),
                policy::Reason::NoGrant,
            ),
        };
        self.reject(verdict, reason, transaction)
    }

    fn reject(self, verdict: policy::Verdict, reason: policy::Reason, transaction: &Transaction) -> Rejection {
        let recipients = transaction.recipients.iter();
        Rejection {
            verdict,
            reason,
            grant: self.grant().map(|grant| grant.name.clone()),
            snapshot: self.snapshot,
            weighed: Box::new(Weighed {
                now: self.now,
                learned: transaction.learned.clone(),
                recipients: recipients.map(|(path, _)| path.clone()).collect(),
            }),
        }
    }

    /// Why a recipient is refused that has no ground to be set aside on: what it was accepted for at RCPT is gone.
    fn groundless(&self) -> Option<policy::Reason> {
        let mut both = self.decisions.iter().zip(&self.permits);
        both.find(|(_, permit)| permit.is_none())
            .map(|(decision, _)| decision.reason)
    }

    /// The whole message another time, when each recipient can be answered by itself.
    fn later(self, reason: policy::Reason, transaction: &Transaction) -> Rejection {
        self.reject(policy::Verdict::Defer(reason), reason, transaction)
    }

    /// The one grant the session was judged by, where it was a grant.
    fn grant(&self) -> Option<&policy::Grant> {
        self.decisions.iter().find_map(|decision| match decision.ground {
            Some(Ground::Grant(index)) => self.snapshot.grant(index),
            _ => None,
        })
    }
}

/// What is known for one of a transaction's recipients.
fn facts_of<'a>(
    listener: u32,
    visitor: &'a Visitor,
    transaction: &'a Transaction,
    recipient: &'a ForwardPath,
    now: Timestamp,
) -> policy::Facts<'a> {
    let (sender, recipient) = (Fact::Known(&transaction.sender), Fact::Known(recipient));
    gather(listener, visitor, now, sender, recipient, &transaction.learned)
}

/// A recipient as it is stored: a forwarded one under the address its mail goes on to, its own kept as ORCPT.
fn addressee(snapshot: &Snapshot, path: ForwardPath, mut params: RcptParams, permit: Permit) -> Addressee {
    let Basis::Forward(name) = permit.basis() else {
        return Addressee { path, params, permit };
    };
    match (snapshot.forward_named(name), &path) {
        (Some(forward), ForwardPath::Mailbox(own)) => {
            params.orcpt.get_or_insert_with(|| {
                format!("{}{own}", if own.needs_smtputf8() { "utf-8;" } else { "rfc822;" }).into()
            });
            Addressee {
                path: ForwardPath::Mailbox(forward.to.clone()),
                params,
                permit,
            }
        }
        _ => Addressee { path, params, permit },
    }
}

/// A listener that is gone from the rulebook judges like one that allows nothing.
pub(crate) fn listener(snapshot: &Snapshot, visitor: &Visitor) -> u32 {
    snapshot.listener_named(&visitor.listener).unwrap_or(u32::MAX)
}

fn commit_error(error: DraftError) -> CommitError {
    match error {
        DraftError::Full => CommitError::Full,
        DraftError::Broken(error) => CommitError::Broken(error.to_string()),
    }
}
