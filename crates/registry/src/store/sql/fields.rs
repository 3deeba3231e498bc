//! A row, taken apart column by column.

use mail::Timestamp;
use serde::de::DeserializeOwned;

use super::super::database::{Row, Value};
use super::super::{CaseId, StoreError};

/// The columns of a row that are left to be read. What cannot be read is damage, never something else.
pub(super) struct Fields {
    id: Option<CaseId>,
    values: std::vec::IntoIter<Value>,
}

impl Fields {
    /// Of a row that belongs to no case; of none, where nothing was found.
    pub(super) fn of(row: Option<Row>) -> Self {
        Self {
            id: None,
            values: row.unwrap_or_default().into_iter(),
        }
    }

    /// Of a row whose first column is the number of its case.
    pub(super) fn with_case(row: Row) -> Result<(CaseId, Self), StoreError> {
        let mut fields = Self::of(Some(row));
        let id = CaseId(fields.int("the number of a case")?);
        fields.id = Some(id);
        Ok((id, fields))
    }

    /// Something that is kept as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &'static str, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|_| self.damaged(what))
    }

    pub(super) fn damaged(&self, what: &'static str) -> StoreError {
        match self.id {
            Some(id) => StoreError::Damaged { id, what },
            None => StoreError::Unreadable { what },
        }
    }

    fn next(&mut self) -> Value {
        self.values.next().unwrap_or(Value::Null)
    }

    fn needed<T>(&self, value: Option<T>, what: &'static str) -> Result<T, StoreError> {
        value.ok_or_else(|| self.damaged(what))
    }

    pub(super) fn maybe_int<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<Option<T>, StoreError> {
        match self.next() {
            Value::Int(number) => T::try_from(number).map(Some).map_err(|_| self.damaged(what)),
            Value::Null => Ok(None),
            Value::Text(_) | Value::Octets(_) => Err(self.damaged(what)),
        }
    }

    pub(super) fn int<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T, StoreError> {
        let number = self.maybe_int(what)?;
        self.needed(number, what)
    }

    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool, StoreError> {
        Ok(self.int::<i64>(what)? != 0)
    }

    pub(super) fn maybe_time(&mut self, what: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.maybe_int(what)?.map(Timestamp))
    }

    pub(super) fn time(&mut self, what: &'static str) -> Result<Timestamp, StoreError> {
        self.int(what).map(Timestamp)
    }

    pub(super) fn maybe_text(&mut self, what: &'static str) -> Result<Option<String>, StoreError> {
        match self.next() {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Int(_) | Value::Octets(_) => Err(self.damaged(what)),
        }
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<String, StoreError> {
        let text = self.maybe_text(what)?;
        self.needed(text, what)
    }

    pub(super) fn maybe_octets(&mut self, what: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.next() {
            Value::Octets(octets) => Ok(Some(octets)),
            Value::Null => Ok(None),
            Value::Int(_) | Value::Text(_) => Err(self.damaged(what)),
        }
    }

    pub(super) fn maybe_hash(&mut self, what: &'static str) -> Result<Option<[u8; 32]>, StoreError> {
        let octets = self.maybe_octets(what)?;
        let hash = octets.map(|octets| octets.try_into().map_err(|_| self.damaged(what)));
        hash.transpose()
    }

    pub(super) fn hash(&mut self, what: &'static str) -> Result<[u8; 32], StoreError> {
        let hash = self.maybe_hash(what)?;
        self.needed(hash, what)
    }

    pub(super) fn read<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text = self.text(what)?;
        self.needed(read(&text), what)
    }
}
