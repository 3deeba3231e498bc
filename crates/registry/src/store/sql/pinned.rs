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

pub(super) fn all(database: &mut impl Database) -> Result<Vec<Pinned>, StoreError> {
    let rows = database.query(
        "SELECT name, suspended, at, actor, why FROM pinned \
         WHERE sequence IN (SELECT max(sequence) FROM pinned GROUP BY name) ORDER BY name",
        &[],
    )?;
    rows.into_iter().map(pinned).collect()
}

fn pinned(row: Row) -> Result<Pinned, StoreError> {
    let mut fields = Fields::of(Some(row));
    let what = "what was said of a grant of the configuration file";
    Ok(Pinned {
        name: fields.text(what)?.into(),
        suspended: fields.flag(what)?,
        at: fields.time(what)?,
        actor: fields.text(what)?,
        why: fields.text(what)?,
    })
}
