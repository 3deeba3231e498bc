//! One connection to the server, with the statements it has prepared.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::future::poll_fn;

use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};
use tokio_postgres::{AsyncMessage, Client, Statement};

use super::super::StoreError;
use super::super::database::{Row, Value};
use super::line::{Answer, Ears, Request};
use super::options::PostgresOptions;

/// For every session. What was told to be kept is on the server's disk, and nobody is waited for without end.
const MANNERS: &str = "
SET synchronous_commit = on;
SET statement_timeout = '30s';
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '60s';
LISTEN portcullis_registry;
";

/// A connection.
pub(super) struct Session {
    client: Client,
    prepared: BTreeMap<String, Statement>,
    is_writing: bool,
}

impl Session {
    /// Connects, and listens from then on.
    pub(super) async fn begin(options: &PostgresOptions, ears: Ears) -> Result<Self, StoreError> {
        let (client, mut connection) = options
            .config()
            .connect(options.tls())
            .await
            .map_err(|why| cannot(&format!("{} cannot be reached", options.whom()), &why))?;
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notification(_) = message {
                    ears.hear();
                }
            }
        });
        client.batch_execute(MANNERS).await?;
        Ok(Self {
            client,
            prepared: BTreeMap::new(),
            is_writing: false,
        })
    }

    pub(super) fn is_lost(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) const fn is_writing(&self) -> bool {
        self.is_writing
    }

    pub(super) async fn answer(&mut self, request: &Request) -> Result<Answer, tokio_postgres::Error> {
        match request {
            Request::Begin => {
                self.client
                    .batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED")
                    .await?;
                self.is_writing = true;
                Ok(Answer::Done)
            }
            Request::End(how) => {
                self.is_writing = false;
                self.client.batch_execute(how).await?;
                Ok(Answer::Done)
            }
            Request::Script(script) => {
                self.client.batch_execute(script).await?;
                Ok(Answer::Done)
            }
            Request::Execute(statement, values) => {
                let statement = self.prepared(statement).await?;
                let changed = self.client.execute_raw(&statement, values).await?;
                Ok(Answer::Changed(changed))
            }
            Request::Query(statement, values) => {
                let statement = self.prepared(statement).await?;
                let values: Vec<_> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
                let found = self.client.query(&statement, &values).await?;
                let rows = found.iter().map(row).collect::<Result<_, _>>()?;
                Ok(Answer::Rows(rows))
            }
        }
    }

    async fn prepared(&mut self, text: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.prepared.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text).await?;
        self.prepared.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }
}

fn row(found: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    (0..found.len()).map(|at| found.try_get(at)).collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(number) => number.to_sql(kind, out),
            Self::Text(text) => text.to_sql(kind, out),
            Self::Octets(octets) => octets.to_sql(kind, out),
        }
    }

    accepts!(INT8, TEXT, BYTEA);
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *kind {
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            Type::TEXT => Self::Text(String::from_sql(kind, raw)?),
            _ => Self::Octets(raw.to_vec()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self::Null)
    }

    accepts!(INT8, TEXT, BYTEA);
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(why: tokio_postgres::Error) -> Self {
        cannot("the database", &why)
    }
}

/// Whether the connection is lost with this: what the server refuses and goes on is an answer like any other.
pub(super) fn hangs_up(why: &tokio_postgres::Error) -> bool {
    let goes_on = |said: &DbError| !matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    !why.as_db_error().is_some_and(goes_on)
}

/// What went wrong, as far as the server or the system says.
fn cannot(what: &str, why: &tokio_postgres::Error) -> StoreError {
    let said = match (why.as_db_error(), why.source()) {
        (Some(said), _) => said.message().to_owned(),
        (None, Some(source)) => source.to_string(),
        (None, None) => why.to_string(),
    };
    StoreError::Database(format!("{what}: {said}"))
}
