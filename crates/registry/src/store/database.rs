//! What a registry needs of a database: statements with values, within transactions.

use std::fmt;

use mail::Timestamp;

use super::StoreError;

/// A value of any database.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Octets(Vec<u8>),
}

/// What checks a secret is among them: none is shown.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(..)")
    }
}

/// A row, in the order of the columns that were asked for.
pub(super) type Row = Vec<Value>;

/// A database. Statements name their values `$1`, `$2`; calls block.
pub(super) trait Database: Send {
    /// Begins to write. Whoever else writes waits, or is waited for.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// Keeps what was written since, on disk.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Forgets what was written since, as far as it still can be.
    fn rollback(&mut self);

    /// Changes rows; how many.
    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<u64, StoreError>;

    /// Reads rows.
    fn query(&mut self, statement: &str, values: &[Value]) -> Result<Vec<Row>, StoreError>;

    /// Tells others who have it open that something changed, once this is committed. Who cannot be told asks.
    fn announce(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Rings when somebody else changed something, where the database tells. Who is not told asks.
    fn ring(&mut self, _bell: super::Bell) {}
}

/// Everything that `work` writes, or nothing of it.
pub(super) fn atomically<D: Database, T>(
    database: &mut D,
    work: impl FnOnce(&mut D) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    database.begin()?;
    let done = work(database).and_then(|done| database.commit().map(|()| done));
    if done.is_err() {
        database.rollback();
    }
    done
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Int(flag.into())
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Int(at.0)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(octets: &[u8]) -> Self {
        Self::Octets(octets.to_vec())
    }
}

impl From<&[u8; 32]> for Value {
    fn from(octets: &[u8; 32]) -> Self {
        Self::Octets(octets.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
