//! What was said of grants that stand in the configuration file. Nothing that was said is forgotten.

use mail::Timestamp;

use super::super::database::{Database, Row, Value};
use super::super::{Pinned, PinnedLetter, StoreError};
use super::fields::Fields;
use crate::life::Trouble;
use crate::notice::Notice;

pub(super) fn say(database: &mut impl Database, said: &Pinned) -> Result<(), StoreError> {
    let sequence = super::change(database)?;
    let values = [
        Value::from(sequence),
        Value::from(&*said.name),
        Value::from(said.at),
        Value::from(&*said.actor),
        Value::from(said.suspended),
        Value::from(&*said.why),
        Value::from(said.abuse),
    ];
    database.execute(
        "INSERT INTO pinned (sequence, name, at, actor, suspended, why, abuse) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &values,
    )?;
    let notice = match (said.suspended, said.abuse) {
        (true, true) => Notice::SuspendedAbuse,
        (true, false) => Notice::SuspendedByOperator,
        (false, _) => Notice::Reinstated,
    };
    write(database, &said.name, notice, &said.why, said.at)
}

/// Keeps a letter that is to be written.
fn write(
    database: &mut impl Database,
    name: &str,
    notice: Notice,
    said: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    let values = [
        Value::from(name),
        Value::from(notice.code()),
        Value::from(said),
        Value::from(notice.is_urgent()),
        Value::from(at),
    ];
    database.execute(
        "INSERT INTO pinned_letters (number, name, notice, said, urgent, at) \
         VALUES ((SELECT coalesce(max(number), 0) + 1 FROM pinned_letters), $1, $2, $3, $4, $5)",
        &values,
    )?;
    Ok(())
}

/// Keeps a letter about a trouble, unless there was one since then.
pub(super) fn trouble(
    database: &mut impl Database,
    (name, trouble): (&str, Trouble),
    said: &str,
    (now, since): (Timestamp, Timestamp),
) -> Result<bool, StoreError> {
    let values = [
        Value::from(name),
        Value::from(trouble.code()),
        Value::from(now),
        Value::from(since),
    ];
    let is_news = database.execute(
        "INSERT INTO pinned_troubles (name, trouble, told) VALUES ($1, $2, $3) \
         ON CONFLICT (name, trouble) DO UPDATE SET told = excluded.told WHERE pinned_troubles.told <= $4",
        &values,
    )?;
    if is_news == 0 {
        return Ok(false);
    }
    write(database, name, trouble.notice(), said, now)?;
    Ok(true)
}

pub(super) fn waiting(database: &mut impl Database, now: Timestamp) -> Result<Vec<PinnedLetter>, StoreError> {
    let rows = database.query(
        "SELECT number, name, notice, said, at, message FROM pinned_letters \
         WHERE sent IS NULL AND (claimed IS NULL OR claimed <= $1) ORDER BY number",
        &[Value::from(now)],
    )?;
    let what = "a letter about a grant of the configuration file";
    let letter = |row| {
        let mut fields = Fields::of(Some(row));
        Ok(PinnedLetter {
            number: fields.int(what)?,
            name: fields.text(what)?.into(),
            notice: fields.read(what, Notice::of)?,
            said: fields.text(what)?,
            at: fields.time(what)?,
            message: fields.maybe_text(what)?.map(Into::into),
        })
    };
    rows.into_iter().map(letter).collect()
}

/// As [`pinned`] reads them.
const COLUMNS: &str = "sequence, name, suspended, at, actor, why, abuse";

pub(super) fn all(database: &mut impl Database) -> Result<Vec<Pinned>, StoreError> {
    let latest = "sequence IN (SELECT max(sequence) FROM pinned GROUP BY name) ORDER BY name";
    Ok(without_numbers(select(database, latest, &[])?))
}

pub(super) fn of(database: &mut impl Database, name: &str) -> Result<Vec<Pinned>, StoreError> {
    let said = select(database, "name = $1 ORDER BY sequence", &[Value::from(name)])?;
    Ok(without_numbers(said))
}

pub(super) fn after(database: &mut impl Database, sequence: u64) -> Result<Vec<(u64, Pinned)>, StoreError> {
    select(database, "sequence > $1 ORDER BY sequence", &[Value::from(sequence)])
}

fn select(
    database: &mut impl Database,
    which: &'static str,
    values: &[Value],
) -> Result<Vec<(u64, Pinned)>, StoreError> {
    let rows = database.query(&format!("SELECT {COLUMNS} FROM pinned WHERE {which}"), values)?;
    rows.into_iter().map(pinned).collect()
}

fn without_numbers(said: Vec<(u64, Pinned)>) -> Vec<Pinned> {
    said.into_iter().map(|(_, said)| said).collect()
}

fn pinned(row: Row) -> Result<(u64, Pinned), StoreError> {
    let mut fields = Fields::of(Some(row));
    let what = "what was said of a grant of the configuration file";
    let sequence = fields.int(what)?;
    let said = Pinned {
        name: fields.text(what)?.into(),
        suspended: fields.flag(what)?,
        at: fields.time(what)?,
        actor: fields.text(what)?,
        why: fields.text(what)?,
        abuse: fields.flag(what)?,
    };
    Ok((sequence, said))
}
