//! A registry that several gates share: PostgreSQL.
//!
//! Calls of a store block. Behind this one a thread of its own speaks to the server (`line.rs`), which hears at once
//! when another gate changes something, and connects again where the connection was lost.

mod line;
mod options;
mod passfile;
mod session;
#[cfg(test)]
mod tests;

use super::database::{Database, Row, Value, atomically};
use super::schema::{VERSIONS, newest};
use super::sql::Sql;
use super::{Bell, StoreError};
use line::{Answer, Line, Request};

pub use options::PostgresOptions;

/// Who brings the tables to a newer version holds this lock: any number that means nothing to anybody else.
const MIGRATING: &str = "SELECT pg_advisory_xact_lock(7365128904417)::text";

/// A registry in a database that several may share.
pub type PostgresStore = Sql<Postgres>;

/// A database on a server.
#[derive(Debug)]
pub struct Postgres {
    line: Line,
}

impl PostgresStore {
    /// Connects; makes the tables where they are not there, and brings older ones to this version.
    pub fn connect(options: PostgresOptions) -> Result<Self, StoreError> {
        let mut database = Postgres {
            line: Line::open(options)?,
        };
        atomically(&mut database, Postgres::migrate)?;
        Ok(Self { database })
    }
}

impl Postgres {
    fn migrate(&mut self) -> Result<(), StoreError> {
        self.query(MIGRATING, &[])?;
        let there = self.query("SELECT to_regclass('schema_version')::text", &[])?;
        let found = match there.first().and_then(|row| row.first()) {
            Some(Value::Text(_)) => self.version()?,
            _ => {
                self.script(
                    "CREATE TABLE schema_version (one BIGINT PRIMARY KEY, version BIGINT NOT NULL);
                     INSERT INTO schema_version (one, version) VALUES (1, 0);",
                )?;
                0
            }
        };
        if found > newest() {
            return Err(StoreError::Newer { found, known: newest() });
        }
        for version in VERSIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            self.script(&version.replace("OCTETS", "BYTEA"))?;
        }
        if found < newest() {
            self.execute(
                "UPDATE schema_version SET version = $1 WHERE one = 1",
                &[Value::from(newest())],
            )?;
        }
        Ok(())
    }

    fn version(&mut self) -> Result<i64, StoreError> {
        let rows = self.query("SELECT version FROM schema_version WHERE one = 1", &[])?;
        match rows.first().and_then(|row| row.first()) {
            Some(Value::Int(version)) => Ok(*version),
            _ => Err(StoreError::Unreadable {
                what: "the version of its tables",
            }),
        }
    }

    fn script(&mut self, script: &str) -> Result<(), StoreError> {
        self.line.ask(Request::Script(script.to_owned())).map(|_| ())
    }
}

impl Database for Postgres {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.line.ask(Request::Begin).map(|_| ())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.line.ask(Request::End("COMMIT")).map(|_| ())
    }

    fn rollback(&mut self) {
        // Where that fails too the connection is lost, and the server rolls back by itself.
        let _ = self.line.ask(Request::End("ROLLBACK"));
    }

    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError> {
        let asked = Request::Execute(statement.to_owned(), values.to_vec());
        self.line.ask(asked).map(|answer| match answer {
            Answer::Changed(rows) => rows,
            Answer::Done | Answer::Rows(_) => 0,
        })
    }

    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let asked = Request::Query(statement.to_owned(), values.to_vec());
        self.line.ask(asked).map(|answer| match answer {
            Answer::Rows(rows) => rows,
            Answer::Done | Answer::Changed(_) => Vec::new(),
        })
    }

    fn announce(&mut self) -> Result<(), StoreError> {
        self.script("NOTIFY portcullis_registry")
    }

    fn ring(&mut self, bell: Bell) {
        self.line.ring(bell);
    }
}
