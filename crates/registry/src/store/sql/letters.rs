//! Letters: which wait, who posts them, and which were sent.

use std::collections::BTreeMap;

use mail::Timestamp;

use super::super::database::{Database, Value};
use super::super::{A_DAY, CaseId, Claim, Letter, OfList, StoreError};
use super::fields::Fields;
use crate::actor::Person;
use crate::attestation::ListId;
use crate::notice::{Audience, Notice};

const IT: &str = "a letter of it";

/// Keeps one more that is to be written.
pub(super) fn keep(
    database: &mut impl Database,
    id: CaseId,
    notice: Notice,
    audience: Audience,
    (step, now): (u64, Timestamp),
) -> Result<(), StoreError> {
    insert(database, id, None, (notice, audience), (step, now))
}

/// The same, about a list on which this case stands.
pub(super) fn keep_of_list(
    database: &mut impl Database,
    id: CaseId,
    list: ListId,
    letter: (Notice, Audience),
    when: (u64, Timestamp),
) -> Result<(), StoreError> {
    insert(database, id, Some(list), letter, when)
}

fn insert(
    database: &mut impl Database,
    id: CaseId,
    list: Option<ListId>,
    (notice, audience): (Notice, Audience),
    (step, now): (u64, Timestamp),
) -> Result<(), StoreError> {
    let values = [
        Value::from(id.0),
        Value::from(notice.code()),
        Value::from(audience.code()),
        Value::from(notice.is_urgent()),
        Value::from(now),
        Value::from(step),
        Value::from(list.map(|list| list.0)),
    ];
    database.execute(
        "INSERT INTO letters (number, case_id, notice, audience, urgent, at, step, list_id) \
         VALUES ((SELECT coalesce(max(number), 0) + 1 FROM letters), $1, $2, $3, $4, $5, $6, $7)",
        &values,
    )?;
    Ok(())
}

pub(super) fn waiting(database: &mut impl Database, now: Timestamp) -> Result<Vec<Letter>, StoreError> {
    let rows = database.query(
        "SELECT case_id, number, notice, audience, urgent, at, step, message, list_id, attestations.head \
         FROM letters LEFT JOIN attestations ON attestations.id = list_id \
         WHERE sent IS NULL AND (claimed IS NULL OR claimed <= $1) ORDER BY number",
        &[Value::from(now)],
    )?;
    let letter = |row| {
        let (case, mut fields) = Fields::with_case(row)?;
        Ok(Letter {
            case,
            number: fields.int(IT)?,
            notice: fields.text(IT)?,
            audience: fields.text(IT)?,
            urgent: fields.flag(IT)?,
            at: fields.time(IT)?,
            step: fields.maybe_int(IT)?,
            message: fields.maybe_text(IT)?.map(Into::into),
            list: of_list(&mut fields)?,
        })
    };
    rows.into_iter().map(letter).collect()
}

fn of_list(fields: &mut Fields) -> Result<Option<OfList>, StoreError> {
    let (id, head) = (fields.maybe_int(IT)?, fields.maybe_text(IT)?);
    Ok(id.map(|id| OfList {
        id: ListId(id),
        head: head.as_deref().map(Person::new),
    }))
}

/// Where letters wait: those of cases, and those about grants of the configuration file.
#[derive(Clone, Copy)]
pub(super) struct Drawer(&'static str);

pub(super) const OF_CASES: Drawer = Drawer("letters");
pub(super) const OF_PINNED: Drawer = Drawer("pinned_letters");

pub(super) fn claim<D: Database>(database: &mut D, of: Drawer, claim: &Claim<'_>) -> Result<bool, StoreError> {
    database.begin()?;
    let claimed = claim_all(database, of, claim).and_then(|all| match all {
        true => database.commit().map(|()| true),
        false => Ok(false),
    });
    if !matches!(claimed, Ok(true)) {
        database.rollback();
    }
    claimed
}

/// Always in the same order, so that of two who claim the same nobody waits for the other in a circle.
fn claim_all(database: &mut impl Database, Drawer(table): Drawer, claim: &Claim<'_>) -> Result<bool, StoreError> {
    let (mut letters, mut readers) = (claim.letters.to_vec(), claim.daily.to_vec());
    letters.sort_unstable();
    readers.sort();
    for number in letters {
        let values = [
            Value::from(number),
            Value::from(claim.until),
            Value::from(claim.message),
            Value::from(claim.now),
        ];
        let claimed = database.execute(
            &format!(
                "UPDATE {table} SET claimed = $2, message = $3 \
                 WHERE number = $1 AND sent IS NULL AND (claimed IS NULL OR claimed <= $4)"
            ),
            &values,
        )?;
        if claimed == 0 {
            return Ok(false);
        }
    }
    for reader in readers {
        let values = [
            Value::from(reader),
            Value::from(claim.now),
            Value::from(claim.now.minus(A_DAY)),
        ];
        let is_first = database.execute(
            "INSERT INTO written_to (address, last) VALUES ($1, $2) \
             ON CONFLICT (address) DO UPDATE SET last = excluded.last WHERE written_to.last <= $3",
            &values,
        )?;
        if is_first == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn give_back(database: &mut impl Database, message: &str) -> Result<(), StoreError> {
    for Drawer(table) in [OF_CASES, OF_PINNED] {
        database.execute(
            &format!("UPDATE {table} SET claimed = NULL WHERE message = $1 AND sent IS NULL"),
            &[Value::from(message)],
        )?;
    }
    Ok(())
}

pub(super) fn written_to(
    database: &mut impl Database,
    now: Timestamp,
) -> Result<BTreeMap<String, Timestamp>, StoreError> {
    let rows = database.query(
        "SELECT address, last FROM written_to WHERE last > $1",
        &[Value::from(now.minus(A_DAY))],
    )?;
    let what = "who was written to";
    let reader = |row| {
        let mut fields = Fields::of(Some(row));
        Ok((fields.text(what)?, fields.time(what)?))
    };
    rows.into_iter().map(reader).collect()
}

pub(super) fn cases(database: &mut impl Database, message: &str) -> Result<Vec<CaseId>, StoreError> {
    let rows = database.query(
        "SELECT case_id FROM letters WHERE message = $1 UNION \
         SELECT attested.case_id FROM letters JOIN attested ON attested.list_id = letters.list_id WHERE message = $1 \
         ORDER BY case_id",
        &[Value::from(message)],
    )?;
    rows.into_iter().map(|row| Ok(Fields::with_case(row)?.0)).collect()
}

pub(super) fn sent(
    database: &mut impl Database,
    Drawer(table): Drawer,
    letters: &[u64],
    message: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for number in letters {
        database.execute(
            &format!("UPDATE {table} SET sent = $2, message = $3 WHERE number = $1 AND sent IS NULL"),
            &[Value::from(*number), Value::from(now), Value::from(message)],
        )?;
    }
    Ok(())
}
