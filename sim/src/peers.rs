//! The servers that take the gateway's mail: plain ones, written for this, with every bad habit there is.

mod session;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_rustls::TlsAcceptor;
use world::Net;
use world::sim::SimNet;

use crate::chronicle::Chronicle;
use crate::papers::Papers;
use crate::town::Place;
use session::Session;

/// Where in a dialogue a habit shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The greeting.
    Greeting,
    /// EHLO.
    Hello,
    /// STARTTLS.
    Tls,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The end of the message.
    End,
}

/// A bad habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Habit {
    /// 4yz.
    Later,
    /// 5yz.
    Never,
    /// No answer at all.
    Hang,
    /// Closes instead of answering.
    Close,
    /// Closes in the middle of its answer.
    CloseMidReply,
    /// Answers after a while.
    Slow,
    /// Words that are no reply; for TLS, octets that are no handshake.
    Babble,
    /// At the end of a message: takes it, and closes without a word.
    TakeAndClose,
    /// At the end of a message: takes it, and says nothing for so long that nobody waits.
    TakeAndHang,
}

/// Every place and habit that can come together, with the name it has among the faults.
pub const HABITS: &[(Step, Habit, &str)] = &[
    (Step::Greeting, Habit::Later, "peer-greeting-4xx"),
    (Step::Greeting, Habit::Never, "peer-greeting-5xx"),
    (Step::Greeting, Habit::Hang, "peer-greeting-hang"),
    (Step::Greeting, Habit::Close, "peer-greeting-close"),
    (Step::Greeting, Habit::Babble, "peer-greeting-babble"),
    (Step::Hello, Habit::Later, "peer-ehlo-4xx"),
    (Step::Hello, Habit::Never, "peer-ehlo-5xx"),
    (Step::Hello, Habit::Close, "peer-ehlo-close"),
    (Step::Hello, Habit::CloseMidReply, "peer-ehlo-close-mid-reply"),
    (Step::Tls, Habit::Later, "peer-tls-4xx"),
    (Step::Tls, Habit::Close, "peer-tls-close"),
    (Step::Tls, Habit::Babble, "peer-tls-broken"),
    (Step::Mail, Habit::Later, "peer-mail-4xx"),
    (Step::Mail, Habit::Never, "peer-mail-5xx"),
    (Step::Mail, Habit::Hang, "peer-mail-hang"),
    (Step::Rcpt, Habit::Later, "peer-rcpt-4xx"),
    (Step::Rcpt, Habit::Never, "peer-rcpt-5xx"),
    (Step::Rcpt, Habit::Close, "peer-rcpt-close"),
    (Step::Rcpt, Habit::Slow, "peer-rcpt-slow"),
    (Step::Data, Habit::Later, "peer-data-4xx"),
    (Step::Data, Habit::Never, "peer-data-5xx"),
    (Step::Data, Habit::Close, "peer-data-close"),
    (Step::End, Habit::Later, "peer-end-4xx"),
    (Step::End, Habit::Never, "peer-end-5xx"),
    (Step::End, Habit::Slow, "peer-end-slow"),
    (Step::End, Habit::CloseMidReply, "peer-end-close-mid-reply"),
    (Step::End, Habit::TakeAndClose, "peer-end-take-and-close"),
    (Step::End, Habit::TakeAndHang, "peer-end-take-and-hang"),
];

/// Something a test lets the peers do beside their habits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerMischief {
    /// Nothing.
    #[default]
    None,
    /// Every so often a message is there twice, and nothing explains it.
    Twice,
    /// Every so often an octet of a message is another.
    Mangle,
}

/// All peers. Cloning shares them.
#[derive(Clone)]
pub struct Peers {
    inner: Arc<Inner>,
}

struct Inner {
    chronicle: Chronicle,
    seed: u64,
    /// Sessions out of a hundred that show a bad habit.
    bad: AtomicU64,
    sessions: AtomicU64,
    tls: TlsAcceptor,
    mischief: PeerMischief,
    /// Who was asked to come again.
    greylist: Mutex<BTreeSet<String>>,
}

impl Peers {
    /// Peers in fine weather.
    pub fn new(seed: u64, papers: &Papers, chronicle: Chronicle, mischief: PeerMischief) -> anyhow::Result<Self> {
        let key = rustls_pki_types::PrivateKeyDer::Pkcs8(papers.key().to_vec().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![papers.chain().clone()], key)?;
        Ok(Self {
            inner: Arc::new(Inner {
                chronicle,
                seed,
                bad: AtomicU64::new(0),
                sessions: AtomicU64::new(0),
                tls: TlsAcceptor::from(Arc::new(config)),
                mischief,
                greylist: Mutex::default(),
            }),
        })
    }

    /// So many sessions out of a hundred show a bad habit from now on.
    pub fn misbehave(&self, percent: u64) {
        self.inner.bad.store(percent, Ordering::SeqCst);
    }

    /// Whether nobody of this name was here before.
    fn is_new(&self, name: String) -> bool {
        let mut greylist = self.inner.greylist.lock().unwrap_or_else(PoisonError::into_inner);
        greylist.insert(name)
    }

    /// Opens a place.
    pub async fn open(&self, place: &'static Place, net: &SimNet) -> anyhow::Result<()> {
        let listener = net.listen(place.address()?).await?;
        let peers = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let session = Session::new(&peers, place, from.port());
                tokio::spawn(session.serve(stream));
            }
        });
        Ok(())
    }
}
