//! A whole scale in a simulated world: spool, limits, clock, and a witness that writes down what it is told.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use admission::{
    Accepted, Admission, Admitted, Config, LocalLimits, LoginTold, Mending, Recalled, Refused, Rejection, Room,
    TlsSeen, Transaction, Visitor, Witness,
};
use bytes::Bytes;
use mail::{
    Domain, DomainPattern, ForwardPath, MailParams, MessageId, RcptParams, ReversePath, SessionId, Timestamp,
    Tolerances,
};
use policy::{
    By, Class, Forward, Generation, Grant, GrantState, LimitSpec, Listener, NoticeKind, Organisation, Place,
    Recipients, Role, Route, Rulebook, Scope, SenderPattern, Snapshot, Ungranted,
};
use spool::{Dispatch, Opened, State, View, Writer};
use world::sim::disk::{Fate, SimDisk};
use world::sim::{GENESIS, SeedRng, SimClock, SimNet};
use world::{BoxFuture, Clock, World};

/// When these worlds begin.
pub(crate) const NOW: Timestamp = Timestamp(GENESIS);
const YEAR_MS: i64 = 365 * 86_400_000;

/// What the witness was told, as lines; and what it testified to, which the last line of each testimony numbers.
#[derive(Default)]
pub(crate) struct Told {
    lines: Mutex<Vec<String>>,
    recalled: Mutex<Vec<Recalled>>,
}

impl Told {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Testimony tells something else from now on.
    pub(crate) fn remember(&self, mut change: impl FnMut(&mut Recalled)) {
        self.recalled.lock().unwrap().iter_mut().for_each(&mut change);
    }

    fn say(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

fn accepted_line(word: &str, accepted: &Accepted<'_>) -> String {
    let recipients: Vec<String> = accepted
        .recipients
        .iter()
        .map(|one| format!("{} by {} {:?}", one.path, one.permit.basis(), one.permit.standing()))
        .collect();
    format!(
        "{word} {} for {} [{}] generation {} mended {:?}",
        accepted.sender,
        accepted.visitor.map_or("us", |visitor| &*visitor.listener),
        recipients.join(", "),
        accepted.generation,
        accepted.mended
    )
}

impl Witness for Told {
    fn testimony(&self, accepted: &Accepted<'_>) -> Bytes {
        let mut recalled = self.recalled.lock().unwrap();
        let line = format!("{}\n{}", accepted_line("testimony", accepted), recalled.len());
        recalled.push(Recalled {
            visitor: accepted.visitor.cloned().unwrap_or_else(copier),
            from: accepted.learned.from.clone(),
            octets: accepted.octets,
            hops: accepted.learned.hops,
            asked: accepted.recipients.iter().map(|one| one.asked.cloned()).collect(),
        });
        Bytes::from(line)
    }
    fn recall(&self, testimony: &[u8]) -> Option<Recalled> {
        let number: usize = std::str::from_utf8(testimony).ok()?.lines().next_back()?.parse().ok()?;
        self.recalled.lock().unwrap().get(number).cloned()
    }
    fn accepted<'a>(&'a self, accepted: &'a Accepted<'a>, _: Bytes) -> BoxFuture<'a, ()> {
        self.say(accepted_line("accepted", accepted));
        Box::pin(std::future::ready(()))
    }
    fn refused(&self, refused: &Refused<'_>) {
        self.say(format!("refused {}", refused.reason));
    }
    fn connected(&self, _: &Visitor) {}
    fn closed(&self, _: &Visitor, _: &str) {}
    fn login(&self, _: &LoginTold<'_>) {}
    fn noted(&self, _: &Visitor, _: &str) {}
    fn noticed(&self, parent: MessageId, kind: NoticeKind, _: MessageId, to: &ForwardPath) {
        self.say(format!("noticed {kind} of {parent} to {to}"));
    }
}

/// What is to happen when somebody next looks at the calendar.
type Errand = Box<dyn FnOnce() + Send>;

/// The simulated clock, with one errand to run in the midst of whatever asks for the time.
struct ErrandClock {
    clock: Arc<SimClock>,
    errand: Arc<Mutex<Option<Errand>>>,
}

impl Clock for ErrandClock {
    fn wall(&self) -> i64 {
        let errand = self.errand.lock().unwrap().take();
        if let Some(errand) = errand {
            errand();
        }
        self.clock.wall()
    }
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep_until(at)
    }
}

/// Everything a story needs.
pub(crate) struct Hall {
    pub(crate) admission: Admission,
    pub(crate) told: Arc<Told>,
    pub(crate) disk: SimDisk,
    pub(crate) clock: Arc<SimClock>,
    pub(crate) dispatch: Dispatch,
    pub(crate) view: View,
    rulebook: Rulebook,
    errand: Arc<Mutex<Option<Errand>>>,
}

pub(crate) fn hall(rulebook: Rulebook) -> Hall {
    hall_on(SimDisk::new(), rulebook)
}

fn hall_on(disk: SimDisk, rulebook: Rulebook) -> Hall {
    let clock = Arc::new(SimClock::new(GENESIS));
    let errand = Arc::default();
    let world = World {
        clock: Arc::new(ErrandClock {
            clock: clock.clone(),
            errand: Arc::clone(&errand),
        }),
        rng: Arc::new(SeedRng::new(7)),
        net: Arc::new(SimNet::new()),
        disk: Arc::new(disk.clone()),
    };
    let opened: Opened = spool::open(spool::Config::new("/spool"), &world, Writer::Task).unwrap();
    let told = Arc::new(Told::default());
    let config = Config {
        hostname: Domain::parse("gate.own.test").unwrap(),
        snapshot: Arc::new(Snapshot::build(rulebook.clone(), Generation(1), 1).unwrap()),
    };
    let limits = Arc::new(LocalLimits::new(clock.clone()));
    let admission = Admission::new(config, opened.intake, limits, told.clone(), &world);
    Hall {
        admission,
        told,
        disk,
        clock,
        dispatch: opened.dispatch,
        view: opened.view,
        rulebook,
        errand,
    }
}

impl Hall {
    /// Another hall on the disk as it may look when the power goes now.
    pub(crate) fn after(&self, fate: Fate) -> Hall {
        hall_on(self.disk.crash(fate), self.rulebook.clone())
    }

    /// Publishes the rulebook as `change` leaves it, as the next generation.
    pub(crate) fn publish(&mut self, change: impl FnOnce(&mut Rulebook)) {
        let snapshot = self.next(change);
        self.admission.publish(snapshot);
    }

    /// Publishes it when judgement next asks what time it is: after it has taken its snapshot.
    pub(crate) fn publish_during_judgement(&mut self, change: impl FnOnce(&mut Rulebook)) {
        let snapshot = self.next(change);
        let admission = self.admission.clone();
        *self.errand.lock().unwrap() = Some(Box::new(move || admission.publish(snapshot)));
    }

    fn next(&mut self, change: impl FnOnce(&mut Rulebook)) -> Arc<Snapshot> {
        change(&mut self.rulebook);
        let next = Generation(self.admission.snapshot().generation().0 + 1);
        Arc::new(Snapshot::build(self.rulebook.clone(), next, next.0).unwrap())
    }

    /// MAIL and RCPT, up to where the body begins.
    pub(crate) fn envelope(&self, who: &Visitor, sender: &str, to: &[&str]) -> Result<Box<Transaction>, Rejection> {
        let mut transaction = self.admission.mail(who, path(sender), MailParams::default())?;
        for one in to {
            let room = self
                .admission
                .recipient(who, &mut transaction, recipient(one), RcptParams::default())?;
            assert_eq!(room, Room::Taken);
        }
        Ok(transaction)
    }

    /// MAIL, RCPT and the first word of the body.
    pub(crate) fn begun(&self, who: &Visitor, sender: &str, to: &[&str]) -> Result<Box<Transaction>, Rejection> {
        let mut transaction = self.envelope(who, sender, to)?;
        self.admission.begin_body(who, &mut transaction)?;
        Ok(transaction)
    }

    /// The rest of the body, to its end.
    pub(crate) async fn ended(&self, who: &Visitor, mut transaction: Box<Transaction>, text: &str) -> Admitted {
        for piece in text.as_bytes().chunks(7) {
            transaction.append(Bytes::copy_from_slice(piece)).await;
        }
        self.admission.end_body(who, transaction, Mending::default()).await
    }

    /// A whole message.
    pub(crate) async fn send(&self, who: &Visitor, sender: &str, to: &[&str], text: &str) -> Admitted {
        match self.begun(who, sender, to) {
            Ok(transaction) => self.ended(who, transaction, text).await,
            Err(rejection) => Admitted::Rejected(rejection),
        }
    }

    /// A whole message that must be stored.
    pub(crate) async fn stored(&self, who: &Visitor, sender: &str, to: &[&str], text: &str) -> MessageId {
        match self.send(who, sender, to, text).await {
            Admitted::Stored { id } => id,
            other => panic!("not stored: {other:?}"),
        }
    }

    /// The states of a stored message's recipients.
    pub(crate) async fn states(&self, id: MessageId) -> Vec<State> {
        let story = self.view.get(id).await.unwrap().unwrap();
        story.recipients.into_iter().map(|one| one.state).collect()
    }

    /// What would be delivered of the one message that is ready.
    pub(crate) async fn delivered(&self) -> String {
        let leases = self.dispatch.lease(self.admission.now(), 10);
        assert_eq!(leases.len(), 1, "one message is ready");
        let mut body = self.dispatch.open(&leases[0]).await.unwrap();
        let mut octets = Vec::new();
        while let Some(chunk) = body.chunk().await.unwrap() {
            octets.extend_from_slice(&chunk);
        }
        String::from_utf8(octets).unwrap()
    }

    /// Nothing was stored, and nobody was told of anything.
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(self.view.counts().messages, 0);
        assert_eq!(self.told.lines(), Vec::<String>::new());
    }

    pub(crate) fn messages(&self) -> u64 {
        self.view.counts().messages
    }
}

pub(crate) fn path(text: &str) -> ReversePath {
    match text {
        "" => ReversePath::Null,
        text => ReversePath::Mailbox(text.parse().unwrap()),
    }
}

pub(crate) fn recipient(text: &str) -> ForwardPath {
    ForwardPath::Mailbox(text.parse().unwrap())
}

/// Why, and whether for now or for good.
pub(crate) fn rejected(admitted: Admitted) -> policy::Verdict {
    match admitted {
        Admitted::Rejected(rejection) => rejection.verdict,
        other => panic!("not rejected: {other:?}"),
    }
}

/// A client inside, logged in as the copier over TLS, at the listener for devices.
pub(crate) fn copier() -> Visitor {
    Visitor {
        session: SessionId::new(1),
        listener: "devices".into(),
        role: Role::Relay,
        client: [10, 0, 0, 1].into(),
        port: 40_000,
        hello: "copier".into(),
        extended: true,
        ptr: None,
        tls: Some(TlsSeen {
            version: "TLSv1.3".into(),
            cipher: "TLS13_AES_256_GCM_SHA384".into(),
            doubt: "".into(),
        }),
        login: Some("copier".into()),
        certificate: Vec::new(),
    }
}

/// Somebody's mail server at the front gate.
pub(crate) fn outsider() -> Visitor {
    Visitor {
        listener: "front".into(),
        role: Role::Mx,
        client: [203, 0, 113, 5].into(),
        hello: "mx.foreign.test".into(),
        tls: None,
        login: None,
        ..copier()
    }
}

/// An inside client without login or TLS at the listener for devices.
pub(crate) fn nameless() -> Visitor {
    Visitor {
        tls: None,
        login: None,
        ..copier()
    }
}

/// A live grant for the login `name`, which may send as `scan@own.test` to everybody.
pub(crate) fn grant(name: &str) -> Grant {
    Grant {
        name: name.into(),
        owner: "Facilities".into(),
        contact: "facilities@own.test".parse().unwrap(),
        reason: "scans".into(),
        from_time: Timestamp(0),
        until: Timestamp(NOW.0 + YEAR_MS),
        by: By::Login(name.into()),
        networks: Vec::new(),
        zone: None,
        hellos: Vec::new(),
        listeners: Vec::new(),
        senders: vec![SenderPattern::parse("scan@own.test").unwrap()],
        header_from: Vec::new(),
        scope: Scope::Any,
        class: Class::Device,
        limits: Class::Device.limits(),
        tolerances: Tolerances::NONE,
        state: GrantState::Active,
        place: Place { line: 1 },
    }
}

pub(crate) fn suspend(book: &mut Rulebook) {
    book.grants[0].state = GrantState::Suspended("spam".into());
}

/// Limits under which the second message within a minute is above the limit.
pub(crate) fn one_a_minute() -> LimitSpec {
    LimitSpec {
        messages_per_minute: 1,
        ..Class::Device.limits()
    }
}

/// One domain with a route, a forward, a front gate, a listener for devices, and the copier's grant.
pub(crate) fn book() -> Rulebook {
    let domains = || vec![DomainPattern::parse("own.test").unwrap()];
    let listener = |name: &str, role, ungranted| Listener {
        name: name.into(),
        role,
        zone: None,
        ungranted,
        place: Place { line: 2 },
    };
    Rulebook {
        organisation: Organisation {
            name: "Own".into(),
            domains: domains(),
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..Organisation::default()
        },
        listeners: vec![
            listener("front", Role::Mx, Ungranted::Deny),
            listener("devices", Role::Relay, Ungranted::Deny),
            listener("plant", Role::Relay, Ungranted::InternalOnly),
        ],
        routes: vec![Route {
            name: "inside".into(),
            domains: domains(),
            recipients: Recipients::Any,
            place: Place { line: 3 },
        }],
        forwards: vec![Forward {
            name: "away".into(),
            from: "fwd@own.test".parse().unwrap(),
            to: "bob@foreign.test".parse().unwrap(),
            owner: "Bob".into(),
            reason: "sabbatical".into(),
            until: Timestamp(NOW.0 + YEAR_MS),
            place: Place { line: 4 },
        }],
        grants: vec![grant("copier")],
        ..Rulebook::default()
    }
}

/// A message with everything a message has.
pub(crate) const WHOLE: &str = "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n\
    From: Copier <scan@own.test>\r\n\
    Message-ID: <1@copier.own.test>\r\n\
    Subject: a scan\r\n\
    \r\n\
    Hello.\r\n";

/// A minute of the stopwatch and the calendar.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
