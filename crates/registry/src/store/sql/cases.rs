//! Cases.

use mail::Timestamp;

use super::super::database::{Database, Value};
use super::super::{Beginning, CaseId, FIRST, Kept, StoreError, Taking};
use super::fields::Fields;
use super::row::{COLUMNS, kept, values};
use super::steps::Note;
use super::{change, letters, links, one, places};
use crate::actor::Actor;
use crate::case::Case;
use crate::form::Form;

pub(super) fn create(
    database: &mut impl Database,
    scope: &str,
    form: &Form,
    case: &Case,
    actor: &Actor,
) -> Result<Kept, StoreError> {
    let sequence = change(database)?;
    let highest = one(database, "SELECT max(id) FROM cases", &[])?;
    let highest: Option<u32> = Fields::of(highest).maybe_int("the highest number of a case")?;
    let kept = Kept {
        id: CaseId(highest.map_or(FIRST, |highest| highest.saturating_add(1))),
        version: 1,
        scope: scope.into(),
        form: form.clone(),
        case: case.clone(),
    };
    let mut row: Vec<Value> = values(&kept).into();
    row.push(Value::from(sequence));
    let statement = format!(
        "INSERT INTO cases ({}, changed) VALUES ({})",
        COLUMNS.join(", "),
        places(row.len())
    );
    database.execute(&statement, &row)?;
    let created = Note {
        event: "create",
        actor,
        from: None,
        to: case.state,
        at: case.entered,
        said: None,
        evidence: None,
    };
    created.write(database, sequence, kept.id)?;
    Ok(kept)
}

pub(super) fn begin(database: &mut impl Database, beginning: &Beginning<'_>) -> Result<Kept, StoreError> {
    let Beginning {
        scope,
        form,
        case,
        taking,
    } = beginning;
    let kept = create(database, scope, form, case, taking.actor)?;
    take(database, &kept, taking)
}

fn read(database: &mut impl Database, which: &str, values: &[Value]) -> Result<Vec<Kept>, StoreError> {
    let rows = database.query(
        &format!("SELECT {} FROM cases {which} ORDER BY id", COLUMNS.join(", ")),
        values,
    )?;
    rows.into_iter().map(kept).collect()
}

pub(super) fn get(database: &mut impl Database, id: CaseId) -> Result<Option<Kept>, StoreError> {
    Ok(read(database, "WHERE id = $1", &[Value::from(id.0)])?.pop())
}

pub(super) fn list(database: &mut impl Database, scope: Option<&str>) -> Result<Vec<Kept>, StoreError> {
    match scope {
        Some(scope) => read(database, "WHERE scope = $1", &[Value::from(scope)]),
        None => read(database, "", &[]),
    }
}

pub(super) fn changed(database: &mut impl Database, after: u64) -> Result<Vec<Kept>, StoreError> {
    read(database, "WHERE changed > $1", &[Value::from(after)])
}

pub(super) fn take(database: &mut impl Database, from: &Kept, taking: &Taking<'_>) -> Result<Kept, StoreError> {
    let Taking {
        step,
        event,
        actor,
        now,
        form,
        evidence,
        link,
        seen,
    } = *taking;
    let next = Kept {
        version: from.version.saturating_add(1),
        form: form.unwrap_or(&from.form).clone(),
        case: step.case.clone(),
        ..from.clone()
    };
    let sequence = change(database)?;
    if seen.is_some_and(|seen| sequence != seen.saturating_add(1)) {
        return Err(StoreError::Changed(from.id));
    }
    if let Some(hash) = link {
        links::spend(database, hash, from.id, now)?;
    }
    update(database, from, &next, sequence)?;
    let note = Note {
        event: event.code(),
        actor,
        from: Some(from.case.state),
        to: step.case.state,
        at: now,
        said: event.said(),
        evidence,
    };
    note.write(database, sequence, from.id)?;
    for (notice, also) in &step.notices {
        for audience in notice.audience().iter().chain(*also) {
            letters::keep(database, from.id, *notice, *audience, (sequence, now))?;
        }
    }
    Ok(next)
}

/// Writes a case over the one it came from. What mail has said meanwhile about its use stays.
fn update(database: &mut impl Database, from: &Kept, next: &Kept, sequence: u64) -> Result<(), StoreError> {
    let sets: Vec<String> = COLUMNS
        .iter()
        .zip(1..)
        .skip(1)
        .map(|(column, number)| match *column {
            "last_accepted" => {
                format!(
                    "{column} = CASE WHEN {column} > ${number} THEN {column} ELSE coalesce(${number}, {column}) END"
                )
            }
            _ => format!("{column} = ${number}"),
        })
        .collect();
    let mut row: Vec<Value> = values(next).into();
    row.push(Value::from(sequence));
    let changed = row.len();
    row.push(Value::from(from.version));
    let seen = row.len();
    let statement = format!(
        "UPDATE cases SET {}, changed = ${changed} WHERE id = $1 AND version = ${seen}",
        sets.join(", ")
    );
    if database.execute(&statement, &row)? == 1 {
        return Ok(());
    }
    let there = one(
        database,
        "SELECT id FROM cases WHERE id = $1",
        &[Value::from(from.id.0)],
    )?;
    Err(match there {
        Some(_) => StoreError::Changed(from.id),
        None => StoreError::Missing(from.id),
    })
}

pub(super) fn used(database: &mut impl Database, last: &[(CaseId, Timestamp)]) -> Result<(), StoreError> {
    // In one order, so that two who do this never wait for each other.
    let mut last = last.to_vec();
    last.sort_unstable_by_key(|(id, _)| *id);
    for (id, at) in last {
        database.execute(
            "UPDATE cases SET last_accepted = $2 WHERE id = $1 AND (last_accepted < $2 OR last_accepted IS NULL)",
            &[Value::from(id.0), Value::from(at)],
        )?;
    }
    Ok(())
}
