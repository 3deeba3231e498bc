//! The thread that speaks to the server: it is asked one thing after the other, and listens in between.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::super::database::{Row, Value};
use super::super::{Bell, StoreError};
use super::options::PostgresOptions;
use super::session::{Session, hangs_up};

/// What the server is asked.
pub(super) enum Request {
    /// To begin a transaction.
    Begin,
    /// To end it: `COMMIT` or `ROLLBACK`.
    End(&'static str),
    /// To change rows.
    Execute(String, Vec<Value>),
    /// To read rows.
    Query(String, Vec<Value>),
    /// Several statements without values.
    Script(String),
}

/// What it answers.
pub(super) enum Answer {
    /// That it is done.
    Done,
    /// How many rows were changed.
    Changed(u64),
    /// Those that were found.
    Rows(Vec<Row>),
}

type Reply = SyncSender<Result<Answer, StoreError>>;

/// Rings for whoever asked for it last.
#[derive(Clone, Default)]
pub(super) struct Ears(Arc<Mutex<Option<Bell>>>);

impl Ears {
    fn set(&self, bell: Bell) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(bell);
    }

    /// Something was changed, by whomever.
    pub(super) fn hear(&self) {
        let bell = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(bell) = bell {
            bell();
        }
    }
}

/// A line to the server. The thread behind it ends when this is dropped.
pub(super) struct Line {
    requests: UnboundedSender<(Request, Reply)>,
    ears: Ears,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

impl Line {
    /// Starts the thread. The first thing that is asked connects.
    pub(super) fn open(options: PostgresOptions) -> Result<Self, StoreError> {
        let cannot = |why: std::io::Error| StoreError::Database(format!("no thread for the database: {why}"));
        let (requests, asked) = unbounded_channel();
        let ears = Ears::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(cannot)?;
        let listening = ears.clone();
        std::thread::Builder::new()
            .name("registry".to_owned())
            .spawn(move || runtime.block_on(serve(options, listening, asked)))
            .map_err(cannot)?;
        Ok(Self { requests, ears })
    }

    pub(super) fn ring(&self, bell: Bell) {
        self.ears.set(bell);
    }

    pub(super) fn ask(&self, request: Request) -> Result<Answer, StoreError> {
        let gone = || StoreError::Database("the line to the database is gone; restart".to_owned());
        let (reply, answer) = sync_channel(1);
        self.requests.send((request, reply)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

async fn serve(options: PostgresOptions, ears: Ears, mut asked: UnboundedReceiver<(Request, Reply)>) {
    let mut session: Option<Session> = None;
    while let Some((request, reply)) = asked.recv().await {
        let answer = answer(&options, &ears, &mut session, request).await;
        // Whoever asked and did not wait wants no answer.
        let _ = reply.send(answer);
    }
}

async fn answer(
    options: &PostgresOptions,
    ears: &Ears,
    session: &mut Option<Session>,
    request: Request,
) -> Result<Answer, StoreError> {
    // What a lost connection had begun is undone; what comes next must not be taken for a part of it.
    if session.as_ref().is_some_and(Session::is_lost) {
        let was_writing = session.take().is_some_and(|lost| lost.is_writing());
        if was_writing && !matches!(request, Request::Begin | Request::End("ROLLBACK")) {
            return Err(StoreError::Database(
                "the connection to the database was lost".to_owned(),
            ));
        }
    }
    // What changes nothing, outside of a transaction, is asked once more where the connection was lost on it.
    let harmless = matches!(request, Request::Begin | Request::Query(..));
    let again = harmless && !session.as_ref().is_some_and(Session::is_writing);
    match ask(options, ears, session, &request).await? {
        Err(why) if again && hangs_up(&why) => {
            *session = None;
            Ok(ask(options, ears, session, &request).await??)
        }
        answer => Ok(answer?),
    }
}

async fn ask(
    options: &PostgresOptions,
    ears: &Ears,
    session: &mut Option<Session>,
    request: &Request,
) -> Result<Result<Answer, tokio_postgres::Error>, StoreError> {
    let session = match session {
        Some(session) => session,
        None => session.insert(Session::begin(options, ears.clone()).await?),
    };
    Ok(session.answer(request).await)
}
