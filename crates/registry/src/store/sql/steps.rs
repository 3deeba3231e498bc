//! The steps that were taken.

use mail::Timestamp;

use super::super::database::{Database, Row, Value};
use super::super::{CaseId, StoreError, Taken};
use super::fields::Fields;
use crate::actor::Actor;
use crate::life::State;

const COLUMNS: &str = "case_id, sequence, number, at, actor, event, from_state, to_state, said, evidence";
const A_STEP: &str = "a step of it";

/// A step, about to be written.
pub(super) struct Note<'a> {
    pub(super) event: &'a str,
    pub(super) actor: &'a Actor,
    pub(super) from: Option<State>,
    pub(super) to: State,
    pub(super) at: Timestamp,
    pub(super) said: Option<&'a str>,
    pub(super) evidence: Option<&'a str>,
}

impl Note<'_> {
    pub(super) fn write(&self, database: &mut impl Database, sequence: u64, id: CaseId) -> Result<(), StoreError> {
        let values = [
            Value::from(id.0),
            Value::from(sequence),
            Value::from(self.at),
            Value::from(self.actor.to_string()),
            Value::from(self.event),
            Value::from(self.from.map(State::code)),
            Value::from(self.to.code()),
            Value::from(self.said),
            Value::from(self.evidence),
        ];
        database.execute(
            "INSERT INTO steps (case_id, sequence, number, at, actor, event, from_state, to_state, said, evidence) \
             VALUES ($1, $2, (SELECT coalesce(max(number), 0) + 1 FROM steps WHERE case_id = $1), \
             $3, $4, $5, $6, $7, $8, $9)",
            &values,
        )?;
        Ok(())
    }
}

fn step(row: Row) -> Result<(CaseId, Taken), StoreError> {
    let (id, mut fields) = Fields::with_case(row)?;
    let taken = Taken {
        sequence: fields.int(A_STEP)?,
        number: fields.int(A_STEP)?,
        at: fields.time(A_STEP)?,
        actor: fields.text(A_STEP)?,
        event: fields.text(A_STEP)?,
        from: match fields.maybe_text(A_STEP)? {
            Some(code) => Some(State::of_code(&code).ok_or_else(|| fields.damaged(A_STEP))?),
            None => None,
        },
        to: fields.read(A_STEP, State::of_code)?,
        said: fields.maybe_text(A_STEP)?,
        evidence: fields.maybe_text(A_STEP)?,
    };
    Ok((id, taken))
}

pub(super) fn history(database: &mut impl Database, id: CaseId) -> Result<Vec<Taken>, StoreError> {
    let rows = database.query(
        &format!("SELECT {COLUMNS} FROM steps WHERE case_id = $1 ORDER BY number"),
        &[Value::from(id.0)],
    )?;
    let history = rows.into_iter().map(|row| Ok(step(row)?.1));
    history.collect()
}

pub(super) fn after(
    database: &mut impl Database,
    sequence: u64,
    limit: u32,
) -> Result<Vec<(CaseId, Taken)>, StoreError> {
    let rows = database.query(
        &format!("SELECT {COLUMNS} FROM steps WHERE sequence > $1 ORDER BY sequence LIMIT $2"),
        &[Value::from(sequence), Value::from(limit)],
    )?;
    rows.into_iter().map(step).collect()
}
