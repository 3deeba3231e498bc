//! A desk over a real spool and a real ledger in a folder of its own, for tests.

use std::sync::Arc;

use admission::{Admission, Admitted, LocalLimits, Mending, TlsSeen, Visitor};
use bytes::Bytes;
use mail::{
    Domain, DomainPattern, ForwardPath, MailParams, MessageId, RcptParams, ReversePath, SessionId, Timestamp,
    Tolerances,
};
use policy::{
    By, Class, Generation, Grant, GrantState, Organisation, Place, Role, Rulebook, Scope, SenderPattern, Snapshot,
    Ungranted,
};
use spool::{Opened, State};
use world::World;

use super::{Answer, AskError, Asked, Desk, Storage};
use crate::config::LogFormat;
use crate::journal::Journal;
use crate::metrics::Metrics;
use crate::witness::Recorder;

pub(crate) struct Rig {
    pub(crate) desk: Desk,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) world: World,
    pub(crate) trigger: wire::ShutdownTrigger,
    pub(crate) shutdown: wire::Shutdown,
    rulebook: Rulebook,
    _closers: (spool::Closer, ledger::Closer),
}

impl Rig {
    /// With one grant: the login `copier` may send as `scan@own.test` to everybody, `messages_per_minute` of them.
    pub(crate) fn new(messages_per_minute: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = World::real();
        let config = spool::Config {
            keep_free_octets: 0,
            ..spool::Config::new(dir.path().join("spool"))
        };
        let Opened {
            intake,
            dispatch,
            view,
            closer,
            ..
        } = spool::open(config, &world, spool::Writer::Thread).unwrap();
        let book = ledger::open(
            ledger::Config::new(dir.path().join("ledger")),
            &world,
            ledger::Writer::Thread,
        )
        .unwrap();
        let recorder = Recorder {
            ledger: book.ledger.clone(),
            refusals: Arc::default(),
            journal: Journal::new(LogFormat::Json, "gate.own.test", std::io::sink()).unwrap(),
            metrics: Arc::new(Metrics::new()),
            shadow: Arc::default(),
            uses: Arc::default(),
            clock: world.clock.clone(),
        };
        let config = admission::Config {
            hostname: Domain::parse("gate.own.test").unwrap(),
            snapshot: Arc::new(Snapshot::build(rulebook(messages_per_minute), Generation(7), 1).unwrap()),
        };
        let limits = Arc::new(LocalLimits::new(world.clock.clone()));
        let admission = Admission::new(config, intake, limits, Arc::new(recorder.clone()), &world);
        let (trigger, shutdown) = wire::ShutdownTrigger::new();
        let logins = Arc::new(crate::identities::Logins::new(
            std::collections::BTreeMap::new(),
            crate::config::LimitSettings::default(),
            world.clock.clone(),
            world.rng.clone(),
        ));
        let desk = Desk {
            view,
            dispatch,
            reader: book.reader,
            recorder,
            admission,
            storage: Storage {
                disk: world.disk.clone(),
                dir: dir.path().join("spool"),
                keep_free_octets: 0,
            },
            reload: Arc::new(|_| Box::pin(std::future::ready(Err("line 3 is wrong".to_owned())))),
            selftest: Arc::new(|| Box::pin(std::future::ready(Err("nothing listens".to_owned())))),
            shadow: Arc::new(|_| Box::pin(std::future::ready(Err("nothing stands beside".to_owned())))),
            registry: Arc::new(|_| Box::pin(std::future::ready(Err("no registry is kept".to_owned())))),
            logins,
            succession: crate::succession::Succession::new(crate::succession::Place::default()),
            wake: Arc::new(|| ()),
        };
        Self {
            desk,
            dir,
            world,
            trigger,
            shutdown,
            rulebook: rulebook(messages_per_minute),
            _closers: (closer, book.closer),
        }
    }

    pub(crate) fn socket(&self) -> std::path::PathBuf {
        super::path(&self.dir.path().join("spool"))
    }

    /// Serves the control socket.
    pub(crate) fn open(&self) -> tokio::task::JoinHandle<()> {
        super::serve(&self.socket(), self.desk.clone(), self.shutdown.clone()).unwrap()
    }

    pub(crate) async fn ask(&self, asked: Asked) -> Result<Answer, AskError> {
        let socket = self.socket();
        tokio::task::spawn_blocking(move || super::ask(&socket, asked))
            .await
            .unwrap()
    }

    /// Lets judgement read the first rulebook as `change` leaves it.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut Rulebook)) {
        let mut book = self.rulebook.clone();
        change(&mut book);
        let next = Generation(self.desk.admission.snapshot().generation().0 + 1);
        let snapshot = Snapshot::build(book, next, next.0).unwrap();
        self.desk.admission.publish(Arc::new(snapshot));
    }

    /// Takes a message in, as the live server does.
    pub(crate) async fn store(&self, to: &[&str]) -> MessageId {
        self.store_from(&visitor(), "scan@own.test", to, || ()).await
    }

    /// Takes a message in from somebody; `meanwhile` happens while its body comes.
    pub(crate) async fn store_from(
        &self,
        who: &Visitor,
        sender: &str,
        to: &[&str],
        meanwhile: impl FnOnce(),
    ) -> MessageId {
        let text = format!("From: {sender}\r\nSubject: Scan from 3rd floor\r\n\r\nHello.\r\n");
        let sender = ReversePath::Mailbox(sender.parse().unwrap());
        let admission = &self.desk.admission;
        let mut transaction = admission.mail(who, sender, MailParams::default()).unwrap();
        for one in to {
            let path = ForwardPath::Mailbox(one.parse().unwrap());
            admission
                .recipient(who, &mut transaction, path, RcptParams::default())
                .unwrap();
        }
        admission.begin_body(who, &mut transaction).unwrap();
        transaction.append(Bytes::from(text)).await;
        meanwhile();
        match admission.end_body(who, transaction, Mending::default()).await {
            Admitted::Stored { id } => id,
            other => panic!("not stored: {other:?}"),
        }
    }

    pub(crate) async fn states(&self, id: MessageId) -> Vec<State> {
        let story = self.desk.view.get(id).await.unwrap().unwrap();
        story.recipients.into_iter().map(|one| one.state).collect()
    }
}

/// The copier, logged in.
pub(crate) fn visitor() -> Visitor {
    Visitor {
        session: SessionId::new(99),
        listener: "devices".into(),
        role: Role::Relay,
        client: [10, 20, 3, 14].into(),
        port: 40_000,
        hello: "RNP002673A1B2C3".into(),
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

pub(crate) fn rulebook(messages_per_minute: u32) -> Rulebook {
    Rulebook {
        organisation: Organisation {
            name: "Own".into(),
            domains: vec![DomainPattern::parse("own.test").unwrap()],
            networks: vec!["10.0.0.0/8".parse().unwrap()],
            ..Organisation::default()
        },
        listeners: vec![policy::Listener {
            name: "devices".into(),
            role: Role::Relay,
            zone: None,
            ungranted: Ungranted::Deny,
            place: Place { line: 2 },
        }],
        grants: vec![Grant {
            name: "copier-3f".into(),
            owner: "Facilities".into(),
            contact: "facilities@own.test".parse().unwrap(),
            reason: "scans".into(),
            from_time: Timestamp(0),
            until: Timestamp(i64::MAX),
            by: By::Login("copier".into()),
            networks: Vec::new(),
            zone: None,
            hellos: Vec::new(),
            listeners: Vec::new(),
            senders: vec![SenderPattern::parse("scan@own.test").unwrap()],
            header_from: Vec::new(),
            scope: Scope::Any,
            class: Class::Device,
            limits: policy::LimitSpec {
                messages_per_minute,
                messages_per_hour: 100_000,
                ..Class::Device.limits()
            },
            tolerances: Tolerances::NONE,
            state: GrantState::Active,
            place: Place { line: 1 },
        }],
        ..Rulebook::default()
    }
}
