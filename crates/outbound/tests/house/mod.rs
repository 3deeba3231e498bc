//! A small house for the stories: a simulated world, a real spool, peers that follow a script, and a desk that admits
//! notices.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "helpers of tests; not every test uses all of them"
)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admission::Notice;
use bytes::Bytes;
use dns::{Literal, Resolver};
use mail::{Domain, ForwardPath, MailParams, Mailbox, MessageId, RcptParams, ReversePath, SessionId, Timestamp};
use outbound::route::{Route, Routes, Target};
use outbound::{Config, Event, NoticeDesk, NoticeRefused, Outbound, Ports, Watcher};
use policy::{
    By, Class, ContentClass, Fact, Facts, FromHeader, Generation, Grant, GrantState, Listener, Live, NoticeKind,
    Organisation, Permit, Place, Recipients, Role, Rulebook, Scope, SenderPattern, Snapshot, Ungranted, Usage,
    notice_permit,
};
use spool::{Addressee, Content, Letter, Opened, State, Story, Writer};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use wire::{Shutdown, ShutdownTrigger};
use world::sim::{GENESIS, Handles};
use world::{BoxFuture, Clock, World};

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);

pub fn name(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

pub fn mailbox(text: &str) -> Mailbox {
    Mailbox::parse(text).unwrap()
}

pub fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

// ---------------------------------------------------------------------------------------------------------- permits

fn snapshot() -> Snapshot {
    let listener = |name: &str, role| Listener {
        name: name.into(),
        role,
        zone: None,
        ungranted: Ungranted::Deny,
        place: Place::default(),
    };
    let rulebook = Rulebook {
        organisation: Organisation {
            name: "Example University".into(),
            domains: vec![mail::DomainPattern::parse("example.edu").unwrap()],
            ..Organisation::default()
        },
        listeners: vec![listener("submission", Role::Submission), listener("mx", Role::Mx)],
        routes: vec![policy::Route {
            name: "inside".into(),
            domains: vec![mail::DomainPattern::parse("example.edu").unwrap()],
            recipients: Recipients::Any,
            place: Place::default(),
        }],
        grants: vec![Grant {
            name: "erp".into(),
            owner: "Finance".into(),
            contact: mailbox("erp-admins@example.edu"),
            reason: "invoices".into(),
            from_time: Timestamp(0),
            until: Timestamp(i64::MAX),
            by: By::Login("erp".into()),
            networks: vec![],
            zone: None,
            hellos: Vec::new(),
            listeners: vec![],
            senders: vec![SenderPattern::parse("*@example.edu").unwrap()],
            header_from: vec![],
            scope: Scope::Any,
            class: Class::Application,
            limits: Class::Application.limits(),
            tolerances: mail::Tolerances::default(),
            state: GrantState::Active,
            place: Place::default(),
        }],
        ..Rulebook::default()
    };
    Snapshot::build(rulebook, Generation(1), 1).unwrap()
}

/// A permit on the ground of the grant `erp`, or of the inbound route.
pub fn permit(granted: bool) -> Permit {
    let snapshot = snapshot();
    let sender = ReversePath::Mailbox(mailbox("erp@example.edu"));
    let recipient = ForwardPath::Mailbox(mailbox(if granted { "a@example.org" } else { "a@example.edu" }));
    let from = [mailbox("erp@example.edu")];
    let outsider = ReversePath::Mailbox(mailbox("a@example.org"));
    let facts = Facts {
        listener: snapshot
            .listener_named(if granted { "submission" } else { "mx" })
            .unwrap(),
        client: Fact::Known("192.0.2.77".parse().unwrap()),
        encrypted: Fact::Known(true),
        login: Fact::Known(granted.then_some("erp")),
        certificate: Fact::Known(&[]),
        now: Timestamp(GENESIS),
        sender: Fact::Known(if granted { &sender } else { &outsider }),
        recipient: Fact::Known(&recipient),
        exists: Fact::Known(true),
        from: Fact::Known(FromHeader::Mailboxes(&from)),
        octets: Fact::Known(100),
        hops: Fact::Known(0),
        usage: Fact::Known(Usage::Within),
        masked: Fact::Known(false),
        content: Fact::Known(ContentClass::Below),
    };
    let decision = policy::decide(&snapshot, &mut Live::new(&facts));
    decision
        .permit(&snapshot, policy::digest(&facts))
        .unwrap_or_else(|| panic!("{decision:?}"))
}

// ------------------------------------------------------------------------------------------------------------ peers

/// What a peer wrote down.
#[derive(Default)]
pub struct Notes {
    /// When each connection came, by the stopwatch.
    pub connections: Vec<Duration>,
    /// Every command line, with the number of its connection.
    pub lines: Vec<(usize, String)>,
    pub letters: Vec<Got>,
    pub open: usize,
    pub open_most: usize,
}

#[derive(Clone, Debug)]
pub struct Got {
    pub connection: usize,
    pub at: Duration,
    pub from: String,
    pub to: Vec<String>,
    pub body: String,
}

impl Notes {
    pub fn said(&self, verb: &str) -> usize {
        self.lines.iter().filter(|(_, line)| line.starts_with(verb)).count()
    }
}

/// A reply to a line of connection number so and so; `None` for the usual one. `"hang"` says nothing, `"drop"` closes.
pub type Answer = dyn Fn(usize, &str) -> Option<String> + Send + Sync;

#[derive(Clone)]
pub struct Peer {
    pub notes: Arc<Mutex<Notes>>,
    offers: Vec<&'static str>,
    answer: Arc<Answer>,
}

pub const USUAL: [&str; 4] = ["PIPELINING", "8BITMIME", "SMTPUTF8", "DSN"];

impl Peer {
    pub fn usual() -> Self {
        Self::with(&USUAL, |_, _| None)
    }

    pub fn with(
        offers: &[&'static str],
        answer: impl Fn(usize, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            notes: Arc::default(),
            offers: offers.to_vec(),
            answer: Arc::new(answer),
        }
    }

    pub fn answering(answer: impl Fn(usize, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self::with(&USUAL, answer)
    }

    pub fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.notes.lock().unwrap()
    }

    pub fn letters(&self) -> Vec<Got> {
        self.notes().letters.clone()
    }

    /// Listens there for ever.
    pub async fn listen(&self, world: &World, address: &str) {
        let listener = world.net.listen(at(address)).await.unwrap();
        let (peer, clock) = (self.clone(), world.clock.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = {
                    let mut notes = peer.notes();
                    notes.connections.push(clock.monotonic());
                    notes.open += 1;
                    notes.open_most = notes.open_most.max(notes.open);
                    notes.connections.len() - 1
                };
                let (peer, clock) = (peer.clone(), clock.clone());
                tokio::spawn(async move {
                    let _ = peer.serve(number, stream, clock).await;
                    peer.notes().open -= 1;
                });
            }
        });
    }

    fn usual_answer(&self, line: &str) -> String {
        match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => {
                let mut lines: Vec<String> = self.offers.iter().map(|offer| format!("250-{offer}")).collect();
                lines.insert(0, "250-peer.example".into());
                let last = lines.pop().unwrap().replacen('-', " ", 1);
                lines.push(last);
                lines.join("\r\n")
            }
            "connect" => "220 peer.example ESMTP".into(),
            "DATA" => "354 go on".into(),
            "QUIT" => "221 2.0.0 bye".into(),
            _ => "250 2.0.0 OK".into(),
        }
    }

    async fn serve(&self, number: usize, stream: Box<dyn world::Stream>, clock: Arc<dyn Clock>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut got = Got {
            connection: number,
            at: Duration::ZERO,
            from: String::new(),
            to: vec![],
            body: String::new(),
        };
        let mut line = "connect".to_owned();
        loop {
            let reply = (self.answer)(number, &line).unwrap_or_else(|| self.usual_answer(&line));
            match reply.as_str() {
                "hang" => std::future::pending::<()>().await,
                "drop" => return Ok(()),
                _ => stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await?,
            }
            if reply.starts_with('2') {
                self.note_good(&line, &mut got, &*clock);
            }
            if line == "QUIT" || reply.starts_with("421") {
                return Ok(());
            }
            if reply.starts_with("354") {
                got.body = read_body(&mut stream).await?;
                line = ".".into();
                continue;
            }
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            line = line.trim_end().to_owned();
            self.notes().lines.push((number, line.clone()));
        }
    }

    fn note_good(&self, line: &str, got: &mut Got, clock: &dyn Clock) {
        if let Some(from) = line.strip_prefix("MAIL FROM:") {
            got.from = from.to_owned();
            got.to.clear();
        } else if let Some(to) = line.strip_prefix("RCPT TO:") {
            got.to.push(to.to_owned());
        } else if line == "." {
            got.at = clock.monotonic();
            self.notes().letters.push(got.clone());
        }
    }
}

async fn read_body(stream: &mut BufReader<Box<dyn world::Stream>>) -> std::io::Result<String> {
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(String::from_utf8_lossy(&body).into_owned());
        }
        body.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
    }
}

// ------------------------------------------------------------------------------------------------- desk and watcher

/// Admits notices into the same spool, so that they are delivered as any other letter.
pub struct Desk {
    pub posted: Mutex<Vec<Notice>>,
    pub closed: AtomicBool,
    intake: spool::Intake,
    clock: Arc<dyn Clock>,
}

impl Desk {
    pub fn texts(&self) -> Vec<(NoticeKind, String, String)> {
        let posted = self.posted.lock().unwrap();
        let text = |notice: &Notice| String::from_utf8_lossy(&notice.telling().message).into_owned();
        posted
            .iter()
            .map(|notice| (notice.telling().kind, notice.to().to_string(), text(notice)))
            .collect()
    }
}

impl NoticeDesk for Desk {
    fn post(&self, notice: Notice) -> BoxFuture<'_, Result<(), NoticeRefused>> {
        Box::pin(async move {
            if self.closed.load(Ordering::SeqCst) {
                return Err(NoticeRefused {
                    why: "the disk is full".into(),
                });
            }
            let permit = notice_permit(notice.parent(), notice.telling().kind, Generation(1), 1);
            let mut draft = self.intake.begin();
            draft.append(notice.telling().message.clone()).await.unwrap();
            let recipient = Addressee {
                path: ForwardPath::Mailbox(notice.to().clone()),
                params: RcptParams::default(),
                permit,
            };
            let letter = Letter {
                reverse: ReversePath::Null,
                content: Content {
                    originated: true,
                    ..Content::default()
                },
                recipients: vec![recipient],
                ..letter(self.intake.new_id(), Timestamp(self.clock.wall()))
            };
            self.posted.lock().unwrap().push(notice);
            self.intake.commit(draft, letter).await.unwrap();
            Ok(())
        })
    }
}

/// Writes down events as short lines.
#[derive(Default)]
pub struct Listening {
    pub heard: Mutex<Vec<String>>,
}

impl Listening {
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub fn count(&self, word: &str) -> usize {
        self.heard().iter().filter(|line| line.starts_with(word)).count()
    }
}

impl Watcher for Listening {
    fn noted(&self, event: &Event<'_>) {
        let line = match event {
            Event::Attempted { host, recipients, .. } => format!("attempted {host} {recipients}"),
            Event::Delivered(it) => format!("delivered {} {} {}", it.recipient, it.host, it.text),
            Event::Deferred { report: it, .. } => format!("deferred {} {} {}", it.recipient, it.enhanced, it.text),
            Event::Failed { report: it, expired } => {
                let word = if *expired { "expired" } else { "failed" };
                format!("{word} {} {} {}", it.recipient, it.enhanced, it.text)
            }
            Event::DestinationDown { destination, .. } => format!("down {destination}"),
            Event::NoticePosted { kind, to, .. } => format!("notice {kind} {to}"),
            Event::Trouble { what, .. } => format!("trouble {what}"),
        };
        self.heard.lock().unwrap().push(line);
    }
}

// ------------------------------------------------------------------------------------------------------------ house

pub struct House {
    pub world: World,
    pub handles: Handles,
    pub spool: Opened,
    pub outbound: Outbound,
    pub desk: Arc<Desk>,
    pub events: Arc<Listening>,
    trigger: ShutdownTrigger,
    running: tokio::task::JoinHandle<()>,
}

/// DNS: example.org has two hosts; more is added by the stories.
pub fn usual_dns() -> Literal {
    Literal::new()
        .with_mx(name("example.org"), 10, name("mx1.example.org"))
        .with_mx(name("example.org"), 20, name("mx2.example.org"))
        .with_address(name("mx1.example.org"), "192.0.2.1".parse().unwrap())
        .with_address(name("mx2.example.org"), "192.0.2.2".parse().unwrap())
        .with_mx(name("example.edu"), 10, name("inside.example.edu"))
        .with_address(name("inside.example.edu"), "192.0.2.50".parse().unwrap())
}

pub const MX1: &str = "192.0.2.1:25";
pub const MX2: &str = "192.0.2.2:25";
pub const INSIDE: &str = "192.0.2.50:25";

pub fn usual_config() -> Config {
    let routes = Routes::new(
        vec![Route::new("internet", vec![], Target::Mx)],
        Some(name("example.edu")),
    );
    Config::new(name("gate.example.edu"), mailbox("postmaster@example.edu"), routes)
}

impl House {
    pub async fn usual() -> Self {
        Self::open(usual_config(), usual_dns()).await
    }

    pub async fn open(config: Config, dns: impl Resolver) -> Self {
        let (world, handles) = world::sim::world(7);
        Self::open_in(world, handles, config, dns).await
    }

    pub async fn open_in(world: World, handles: Handles, config: Config, dns: impl Resolver) -> Self {
        let spool = spool::open(spool::Config::new("/spool"), &world, Writer::Task).unwrap();
        let desk = Arc::new(Desk {
            posted: Mutex::default(),
            closed: AtomicBool::new(false),
            intake: spool.intake.clone(),
            clock: world.clock.clone(),
        });
        let events = Arc::new(Listening::default());
        let ports = Ports {
            dispatch: spool.dispatch.clone(),
            resolver: Arc::new(dns),
            world: world.clone(),
            desk: desk.clone(),
            watcher: events.clone(),
        };
        let outbound = Outbound::new(config, ports);
        let (trigger, shutdown): (ShutdownTrigger, Shutdown) = ShutdownTrigger::new();
        let gate = outbound.clone();
        let running = tokio::spawn(async move { gate.run(shutdown).await });
        Self {
            world,
            handles,
            spool,
            outbound,
            desk,
            events,
            trigger,
            running,
        }
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        let until = self.world.clock.monotonic() + time;
        self.world.clock.sleep_until(until).await;
    }

    /// Ends the gate in good order.
    pub async fn close(self) {
        self.trigger.drain();
        self.running.await.unwrap();
    }

    /// Queues a letter from erp@example.edu on the grant.
    pub async fn send(&self, to: &[&str]) -> MessageId {
        self.send_letter(to, |_| {}).await
    }

    pub async fn send_letter(&self, to: &[&str], change: impl FnOnce(&mut Letter)) -> MessageId {
        self.send_text(
            "From: erp@example.edu\r\nSubject: Invoice 7\r\n\r\nHello.\r\n",
            to,
            change,
        )
        .await
    }

    pub async fn send_text(&self, text: &str, to: &[&str], change: impl FnOnce(&mut Letter)) -> MessageId {
        let mut draft = self.spool.intake.begin();
        draft.append(Bytes::from(text.to_owned())).await.unwrap();
        let id = self.spool.intake.new_id();
        let mut letter = letter(id, Timestamp(self.world.clock.wall()));
        letter.recipients = to.iter().map(|to| addressee(to)).collect();
        change(&mut letter);
        self.spool.intake.commit(draft, letter).await.unwrap();
        id
    }

    pub async fn story(&self, id: MessageId) -> Story {
        self.spool.view.get(id).await.unwrap().unwrap()
    }

    /// The state of the only recipient, or the first.
    pub async fn state(&self, id: MessageId) -> State {
        self.story(id).await.recipients[0].state.clone()
    }
}

pub fn addressee(to: &str) -> Addressee {
    let path = match to {
        "postmaster" => ForwardPath::Postmaster,
        to => ForwardPath::Mailbox(mailbox(to)),
    };
    Addressee {
        path,
        params: RcptParams::default(),
        permit: permit(true),
    }
}

fn letter(id: MessageId, received: Timestamp) -> Letter {
    Letter {
        id,
        session: SessionId::new(1),
        received,
        reverse: ReversePath::Mailbox(mailbox("erp@example.edu")),
        params: MailParams::default(),
        prepend: Bytes::new(),
        edits: vec![],
        subject: None,
        source: "test".into(),
        grant_contact: None,
        content: Content::default(),
        testimony: Bytes::new(),
        recipients: vec![],
    }
}
