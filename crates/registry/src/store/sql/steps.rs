//! The steps that were taken, and the letters that follow.

use mail::Timestamp;

use super::super::database::{Database, Row, Value};
use super::super::{CaseId, Letter, StoreError, Taken};
use super::fields::Fields;
use crate::actor::Actor;
use crate::life::State;
use crate::notice::{Audience, Notice};

const COLUMNS: &str = "case_id, sequence, number, at, actor, event, from_state, to_state, said, evidence";
const A_STEP: &str = "a step of it";
const A_LETTER: &str = "a letter of it";

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

pub(super) fn letter(
    database: &mut impl Database,
    id: CaseId,
    notice: Notice,
    audience: Audience,
    now: Timestamp,
) -> Result<(), StoreError> {
    let values = [
        Value::from(id.0),
        Value::from(notice.code()),
        Value::from(audience.code()),
        Value::from(notice.is_urgent()),
        Value::from(now),
    ];
    database.execute(
        "INSERT INTO letters (number, case_id, notice, audience, urgent, at) \
         VALUES ((SELECT coalesce(max(number), 0) + 1 FROM letters), $1, $2, $3, $4, $5)",
        &values,
    )?;
    Ok(())
}

pub(super) fn waiting(database: &mut impl Database) -> Result<Vec<Letter>, StoreError> {
    let rows = database.query(
        "SELECT case_id, number, notice, audience, urgent, at FROM letters WHERE sent IS NULL ORDER BY number",
        &[],
    )?;
    let letter = |row| {
        let (case, mut fields) = Fields::with_case(row)?;
        Ok(Letter {
            case,
            number: fields.int(A_LETTER)?,
            notice: fields.text(A_LETTER)?,
            audience: fields.text(A_LETTER)?,
            urgent: fields.flag(A_LETTER)?,
            at: fields.time(A_LETTER)?,
        })
    };
    rows.into_iter().map(letter).collect()
}

pub(super) fn sent(
    database: &mut impl Database,
    letters: &[u64],
    message: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for number in letters {
        database.execute(
            "UPDATE letters SET sent = $2, message = $3 WHERE number = $1 AND sent IS NULL",
            &[Value::from(*number), Value::from(now), Value::from(message)],
        )?;
    }
    Ok(())
}
