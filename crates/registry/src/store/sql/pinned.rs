//! What was said of grants that stand in the configuration file. Nothing that was said is forgotten.

use super::super::database::{Database, Row, Value};
use super::super::{Pinned, StoreError};
use super::fields::Fields;

pub(super) fn say(database: &mut impl Database, said: &Pinned) -> Result<(), StoreError> {
    let sequence = super::change(database)?;
    let values = [
        Value::from(sequence),
        Value::from(&*said.name),
        Value::from(said.at),
        Value::from(&*said.actor),
        Value::from(said.suspended),
        Value::from(&*said.why),
    ];
    database.execute(
        "INSERT INTO pinned (sequence, name, at, actor, suspended, why) VALUES ($1, $2, $3, $4, $5, $6)",
        &values,
    )?;
    Ok(())
}

/// As [`pinned`] reads them.
const COLUMNS: &str = "sequence, name, suspended, at, actor, why";

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
    };
    Ok((sequence, said))
}
