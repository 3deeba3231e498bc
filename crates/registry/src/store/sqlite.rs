//! A registry in a file of its own: SQLite, in the process.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::StoreError;
use super::database::{Database, Row, Value, atomically};
use super::schema::{VERSIONS, newest};
use super::sql::Sql;

/// How long another process may hold the file.
const PATIENCE: Duration = Duration::from_secs(10);
/// Statements that are kept ready: there are not many more.
const STATEMENTS: usize = 64;

/// A registry in a file.
pub type SqliteStore = Sql<Sqlite>;

/// A database in a file.
#[derive(Debug)]
pub struct Sqlite {
    connection: Connection,
}

impl SqliteStore {
    /// Opens it; makes it where it is not there, and brings an older one to this version.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(file)
            .map_err(|why| StoreError::Database(format!("{} cannot be opened: {why}", file.display())))?;
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        Self::of(connection)
    }

    /// One that ends with the process, for tests and simulations.
    pub fn in_memory() -> Result<Self, StoreError> {
        Self::of(Connection::open_in_memory()?)
    }

    fn of(connection: Connection) -> Result<Self, StoreError> {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // An approval that was told is there after a power cut.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        let mut database = Sqlite { connection };
        atomically(&mut database, Sqlite::migrate)?;
        Ok(Self { database })
    }
}

impl Sqlite {
    fn migrate(&mut self) -> Result<(), StoreError> {
        let found: i64 = self
            .connection
            .pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > newest() {
            return Err(StoreError::Newer { found, known: newest() });
        }
        for version in VERSIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            self.connection.execute_batch(&version.replace("OCTETS", "BLOB"))?;
        }
        self.connection.pragma_update(None, "user_version", newest())?;
        Ok(())
    }
}

/// In SQLite `$1` is a name like any other; `?1` is the first value.
fn numbered(statement: &str) -> String {
    statement.replace('$', "?")
}

impl Database for Sqlite {
    fn begin(&mut self) -> Result<(), StoreError> {
        // For writing, from its first statement on: one that only becomes a writer later may be refused in the middle.
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    fn rollback(&mut self) {
        // Where that fails too, there is no transaction left to be undone, or the next one says so.
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }

    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare_cached(&numbered(statement))?;
        let changed = statement.execute(params_from_iter(values))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut statement = self.connection.prepare_cached(&numbered(statement))?;
        let columns = statement.column_count();
        let mut found = statement.query(params_from_iter(values))?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            rows.push((0..columns).map(|at| value(row, at)).collect::<Result<_, _>>()?);
        }
        Ok(rows)
    }
}

fn value(row: &rusqlite::Row<'_>, at: usize) -> Result<Value, StoreError> {
    Ok(match row.get_ref(at)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        // Nothing of ours; whoever reads it finds that it is damaged.
        ValueRef::Real(_) => Value::Octets(Vec::new()),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(octets) => Value::Octets(octets.to_vec()),
    })
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
    use super::super::{Store, contract};
    use super::*;

    fn fresh() -> SqliteStore {
        SqliteStore::in_memory().unwrap()
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
    fn of_several_who_claim_the_same_letters_one_posts_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.db");
        contract::of_many_one_claims(|| SqliteStore::open(&file).unwrap());
    }

    #[test]
    fn one_of_the_first_version_keeps_everything_and_its_steps_get_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.db");
        let connection = Connection::open(&file).unwrap();
        connection
            .execute_batch(&VERSIONS[0].replace("OCTETS", "BLOB"))
            .unwrap();
        let insert = "INSERT INTO cases (id, version, scope, form, track, state, entered, reminders, reminded, \
                      requestor, request) VALUES (?, 1, '', '{}', 'exception', 'draft', 0, 0, 0, 'a@b', zeroblob(32))";
        for id in [1001, 1002] {
            connection.execute(insert, [id]).unwrap();
        }
        for (id, number, at) in [(1002, 1, 10), (1001, 1, 5), (1001, 2, 20)] {
            let step =
                "INSERT INTO steps (case_id, number, at, actor, event, to_state) VALUES (?, ?, ?, 'x', 'y', 'draft')";
            connection.execute(step, [id, number, at]).unwrap();
        }
        connection
            .execute_batch("UPDATE revision SET value = 3; PRAGMA user_version = 1")
            .unwrap();
        drop(connection);
        let mut store = SqliteStore::open(&file).unwrap();
        assert_eq!(store.list(None).unwrap().len(), 2);
        let steps = store.untold(10).unwrap();
        let order: Vec<_> = steps
            .iter()
            .map(|(id, taken)| (id.0, taken.number, taken.sequence))
            .collect();
        assert_eq!(order, [(1001, 1, 1), (1002, 1, 2), (1001, 2, 3)]);
        contract::create(&mut store, "chemistry");
        assert_eq!(store.steps(3, 10).unwrap()[0].1.sequence, 4);
    }

    #[test]
    fn letters_and_links_from_before_there_were_lists_are_about_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("registry.db");
        let connection = Connection::open(&file).unwrap();
        for version in &VERSIONS[..5] {
            connection.execute_batch(&version.replace("OCTETS", "BLOB")).unwrap();
        }
        connection
            .execute_batch(
                "INSERT INTO cases (id, version, scope, form, track, state, entered, reminders, reminded, requestor, request) \
                 VALUES (1001, 1, '', '{}', 'exception', 'draft', 0, 0, 0, 'a@b', zeroblob(32));
                 INSERT INTO letters (number, case_id, notice, audience, urgent, at) VALUES (1, 1001, 'M06', 'head', 1, 0);
                 INSERT INTO links (hash, case_id, purpose, address, request, made, ends) \
                 VALUES (zeroblob(32), 1001, 'renew', 'a@b', zeroblob(32), 0, 9);
                 PRAGMA user_version = 5",
            )
            .unwrap();
        drop(connection);
        let mut store = SqliteStore::open(&file).unwrap();
        let at = mail::Timestamp(1);
        assert_eq!(store.waiting(at).unwrap()[0].list, None);
        assert_eq!(store.look_at_link(&[0; 32], at).unwrap().list, None);
        assert_eq!(store.lists(crate::attestation::Lists::All).unwrap(), []);
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
            store.database.connection.execute_batch("SAVEPOINT spoil").unwrap();
            store.database.connection.execute(&copy, []).unwrap();
            let why = store.get(kept.id).unwrap_err().to_string();
            assert!(why.starts_with(&format!("{}: {what} cannot be read", kept.id)), "{why}");
            store.database.connection.execute_batch("ROLLBACK TO spoil").unwrap();
        }
        assert_eq!(store.get(kept.id).unwrap(), Some(kept));
    }
}
