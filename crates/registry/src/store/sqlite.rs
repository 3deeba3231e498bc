//! Cases in a file of their own: SQLite, in the process.

use std::path::Path;
use std::time::Duration;

use mail::Timestamp;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, Transaction, TransactionBehavior, params, params_from_iter};

use super::row::{COLUMNS, Value, kept, values};
use super::schema::{VERSIONS, newest};
use super::{CaseId, FIRST, Kept, Letter, Store, StoreError, Taken, Taking};
use crate::actor::Actor;
use crate::case::Case;
use crate::form::Form;
use crate::life::State;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(10);

/// A registry in a file.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
}

impl SqliteStore {
    /// Opens it; makes it where it is not there, and brings an older one to this version.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(file)
            .map_err(|why| StoreError::Database(format!("{} cannot be opened: {why}", file.display())))?;
        Self::of(connection)
    }

    fn of(connection: Connection) -> Result<Self, StoreError> {
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An approval that was told is there after a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let mut store = Self { connection };
        store.migrate()?;
        Ok(store)
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > newest() {
            return Err(StoreError::Newer { found, known: newest() });
        }
        for version in VERSIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.execute_batch(&version.replace("OCTETS", "BLOB"))?;
        }
        transaction.pragma_update(None, "user_version", newest())?;
        transaction.commit()?;
        Ok(())
    }

    /// For writing, from its first statement on: one that only becomes a writer later may be refused in the middle.
    fn begin(&mut self) -> Result<Transaction<'_>, StoreError> {
        Ok(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?)
    }
}

impl Store for SqliteStore {
    fn create(&mut self, scope: &str, form: &Form, case: &Case, actor: &Actor) -> Result<Kept, StoreError> {
        let transaction = self.begin()?;
        let highest: Option<u32> = transaction.query_row("SELECT max(id) FROM cases", [], |row| row.get(0))?;
        let kept = Kept {
            id: CaseId(highest.map_or(FIRST, |highest| highest.saturating_add(1))),
            version: 1,
            scope: scope.into(),
            form: form.clone(),
            case: case.clone(),
        };
        let marks = vec!["?"; COLUMNS.len()].join(", ");
        transaction.execute(
            &format!("INSERT INTO cases ({}) VALUES ({marks})", COLUMNS.join(", ")),
            params_from_iter(values(&kept)),
        )?;
        let created = Note {
            event: "create",
            actor,
            from: None,
            to: case.state,
            at: case.entered,
            said: None,
            evidence: None,
        };
        created.write(&transaction, kept.id)?;
        transaction.commit()?;
        Ok(kept)
    }

    fn get(&mut self, id: CaseId) -> Result<Option<Kept>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT {} FROM cases WHERE id = ?", COLUMNS.join(", ")))?;
        let row = statement.query_row([id.0], |row| Ok(columns(row))).optional()?;
        row.map(|row| kept(row?)).transpose()
    }

    fn list(&mut self, scope: Option<&str>) -> Result<Vec<Kept>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM cases WHERE ?1 IS NULL OR scope = ?1 ORDER BY id",
            COLUMNS.join(", ")
        ))?;
        let rows = statement.query_map([scope], |row| Ok(columns(row)))?;
        rows.map(|row| kept(row??)).collect()
    }

    fn take(&mut self, from: &Kept, taking: &Taking<'_>) -> Result<Kept, StoreError> {
        let Taking {
            step,
            event,
            actor,
            now,
            form,
            evidence,
        } = *taking;
        let next = Kept {
            version: from.version.saturating_add(1),
            form: form.unwrap_or(&from.form).clone(),
            case: step.case.clone(),
            ..from.clone()
        };
        let transaction = self.begin()?;
        update(&transaction, from, &next)?;
        let note = Note {
            event: event.code(),
            actor,
            from: Some(from.case.state),
            to: step.case.state,
            at: now,
            said: event.said(),
            evidence,
        };
        note.write(&transaction, from.id)?;
        for (notice, also) in &step.notices {
            for audience in notice.audience().iter().chain(*also) {
                transaction.execute(
                    "INSERT INTO letters (number, case_id, notice, audience, urgent, at) \
                     SELECT coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM letters",
                    params![from.id.0, notice.code(), audience.code(), notice.is_urgent(), now.0],
                )?;
            }
        }
        transaction.commit()?;
        Ok(next)
    }

    fn used(&mut self, last: &[(CaseId, Timestamp)]) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        {
            let mut statement = transaction.prepare_cached(
                "UPDATE cases SET last_accepted = ?2 WHERE id = ?1 AND coalesce(last_accepted, ?2 - 1) < ?2",
            )?;
            for (id, at) in last {
                statement.execute(params![id.0, at.0])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn history(&mut self, id: CaseId) -> Result<Vec<Taken>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, at, actor, event, from_state, to_state, said, evidence FROM steps \
             WHERE case_id = ? ORDER BY number",
        )?;
        let state = |code: &str| {
            State::of_code(code).ok_or(StoreError::Damaged {
                id,
                what: "a step of it",
            })
        };
        let mut rows = statement.query([id.0])?;
        let mut history = Vec::new();
        while let Some(row) = rows.next()? {
            let from: Option<String> = row.get(4)?;
            let to: String = row.get(5)?;
            history.push(Taken {
                number: row.get::<_, i64>(0)?.unsigned_abs(),
                at: Timestamp(row.get(1)?),
                actor: row.get(2)?,
                event: row.get(3)?,
                from: from.as_deref().map(state).transpose()?,
                to: state(&to)?,
                said: row.get(6)?,
                evidence: row.get(7)?,
            });
        }
        Ok(history)
    }

    fn waiting(&mut self) -> Result<Vec<Letter>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, case_id, notice, audience, urgent, at FROM letters WHERE sent IS NULL ORDER BY number",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Letter {
                number: row.get::<_, i64>(0)?.unsigned_abs(),
                case: CaseId(row.get(1)?),
                notice: row.get(2)?,
                audience: row.get(3)?,
                urgent: row.get(4)?,
                at: Timestamp(row.get(5)?),
            })
        })?;
        rows.map(|row| Ok(row?)).collect()
    }

    fn sent(&mut self, letters: &[u64], message: &str, now: Timestamp) -> Result<(), StoreError> {
        let transaction = self.begin()?;
        for number in letters {
            transaction.execute(
                "UPDATE letters SET sent = ?2, message = ?3 WHERE number = ?1 AND sent IS NULL",
                params![Value::from(*number), now.0, message],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn revision(&mut self) -> Result<u64, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT value FROM revision WHERE one = 1")?;
        let value: i64 = statement.query_row([], |row| row.get(0))?;
        Ok(value.unsigned_abs())
    }
}

/// Writes a case over the one it came from. What mail has said meanwhile about its use stays.
fn update(transaction: &Transaction<'_>, from: &Kept, next: &Kept) -> Result<(), StoreError> {
    let sets: Vec<String> = COLUMNS
        .iter()
        .zip(1..)
        .skip(1)
        .map(|(column, number)| match *column {
            "last_accepted" => format!("{column} = max(coalesce({column}, ?{number}), coalesce(?{number}, {column}))"),
            _ => format!("{column} = ?{number}"),
        })
        .collect();
    let mut row: Vec<Value> = values(next).into();
    row.push(Value::from(from.version));
    let seen = row.len();
    let changed = transaction.execute(
        &format!(
            "UPDATE cases SET {} WHERE id = ?1 AND version = ?{seen}",
            sets.join(", ")
        ),
        params_from_iter(row),
    )?;
    if changed == 1 {
        return Ok(());
    }
    let exists = transaction
        .query_row("SELECT 1 FROM cases WHERE id = ?", [from.id.0], |_| Ok(()))
        .optional()?;
    Err(exists.map_or(StoreError::Missing(from.id), |()| StoreError::Changed(from.id)))
}

/// A step, about to be written.
struct Note<'a> {
    event: &'a str,
    actor: &'a Actor,
    from: Option<State>,
    to: State,
    at: Timestamp,
    said: Option<&'a str>,
    evidence: Option<&'a str>,
}

impl Note<'_> {
    fn write(&self, transaction: &Transaction<'_>, id: CaseId) -> Result<(), StoreError> {
        transaction.execute(
            "INSERT INTO steps (case_id, number, at, actor, event, from_state, to_state, said, evidence) \
             SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM steps WHERE case_id = ?1",
            params![
                id.0,
                self.at.0,
                self.actor.to_string(),
                self.event,
                self.from.map(State::code),
                self.to.code(),
                self.said,
                self.evidence,
            ],
        )?;
        transaction.execute("UPDATE revision SET value = value + 1 WHERE one = 1", [])?;
        Ok(())
    }
}

fn columns(row: &Row<'_>) -> Result<Vec<Value>, StoreError> {
    (0..COLUMNS.len())
        .map(|at| {
            Ok(match row.get_ref(at)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Real(_) => Value::Octets(Vec::new()),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(octets) => Value::Octets(octets.to_vec()),
            })
        })
        .collect()
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Octets(octets) => ValueRef::Blob(octets),
        }))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(why: rusqlite::Error) -> Self {
        Self::Database(why.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    fn fresh() -> SqliteStore {
        SqliteStore::of(Connection::open_in_memory().unwrap()).unwrap()
    }

    #[test]
    fn it_keeps_the_contract() {
        contract::keeps(fresh);
    }

    #[test]
    fn it_is_there_after_it_was_closed_and_two_may_have_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.db");
        let mut one = SqliteStore::open(&file).unwrap();
        let kept = contract::create(&mut one, "chemistry");
        let mut other = SqliteStore::open(&file).unwrap();
        assert_eq!(other.get(kept.id).unwrap().as_ref(), Some(&kept));
        let before = one.revision().unwrap();
        contract::create(&mut other, "physics");
        assert_ne!(one.revision().unwrap(), before);
        drop((one, other));
        let mut again = SqliteStore::open(&file).unwrap();
        assert_eq!(again.list(None).unwrap().len(), 2);
    }

    #[test]
    fn a_newer_registry_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.db");
        drop(SqliteStore::open(&file).unwrap());
        let connection = Connection::open(&file).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        drop(connection);
        let why = SqliteStore::open(&file).unwrap_err().to_string();
        assert!(why.contains("newer version (schema 99"), "{why}");
    }

    #[test]
    fn damage_is_named_and_read_as_nothing_else() {
        let mut store = fresh();
        let kept = contract::create(&mut store, "chemistry");
        for (column, value, what) in [
            ("state", "'no state'", "its state"),
            ("ack_by", "'dean@example.edu'", "its acknowledgement"),
            ("request", "x'00'", "the hash of its form"),
            ("form", "'{'", "its form"),
        ] {
            let copy = format!("UPDATE cases SET {column} = {value} WHERE id = {}", kept.id.0);
            store.connection.execute_batch("SAVEPOINT spoil").unwrap();
            store.connection.execute(&copy, []).unwrap();
            let why = store.get(kept.id).unwrap_err().to_string();
            assert!(why.starts_with(&format!("{}: {what} cannot be read", kept.id)), "{why}");
            store.connection.execute_batch("ROLLBACK TO spoil").unwrap();
        }
        assert_eq!(store.get(kept.id).unwrap(), Some(kept));
    }
}
