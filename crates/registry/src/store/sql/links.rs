//! Links, under the hash of what they carry.

use mail::Timestamp;

use super::super::database::{Database, Value};
use super::super::{CaseId, StoreError};
use super::fields::Fields;
use super::one;
use crate::link::{DeadLink, Link, Purpose, TokenHash};

const IT: &str = "a link of it";

pub(super) fn keep(database: &mut impl Database, hash: &TokenHash, link: &Link) -> Result<(), StoreError> {
    let values = [
        Value::from(hash),
        Value::from(link.case.0),
        Value::from(link.purpose.code()),
        Value::from(&*link.address),
        Value::from(&link.request),
        Value::from(link.made),
        Value::from(link.ends),
    ];
    database.execute(
        "INSERT INTO links (hash, case_id, purpose, address, request, made, ends) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &values,
    )?;
    Ok(())
}

pub(super) fn look(database: &mut impl Database, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError> {
    let row = one(
        database,
        "SELECT case_id, purpose, address, links.request, made, ends, used, cases.request \
         FROM links JOIN cases ON cases.id = case_id WHERE hash = $1",
        &[Value::from(hash)],
    )?;
    let (case, mut fields) = Fields::with_case(row.ok_or(DeadLink::Unknown)?)?;
    let link = Link {
        case,
        purpose: fields.read(IT, Purpose::of_code)?,
        address: fields.text(IT)?.into(),
        request: fields.hash(IT)?,
        made: fields.time(IT)?,
        ends: fields.time(IT)?,
        used: fields.maybe_time(IT)?,
    };
    link.works(&fields.hash(IT)?, now)?;
    Ok(link)
}

pub(super) fn redeem(database: &mut impl Database, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError> {
    let link = look(database, hash, now)?;
    // Whoever comes second in the same moment waits here, and finds it used.
    let taken = database.execute(
        "UPDATE links SET used = $2 WHERE hash = $1 AND used IS NULL",
        &[Value::from(hash), Value::from(now)],
    )?;
    match taken {
        1 => Ok(Link {
            used: Some(now),
            ..link
        }),
        _ => Err(DeadLink::Used(now).into()),
    }
}

/// Uses a link up for a step of this case.
pub(super) fn spend(
    database: &mut impl Database,
    hash: &TokenHash,
    case: CaseId,
    now: Timestamp,
) -> Result<Link, StoreError> {
    let link = redeem(database, hash, now)?;
    match link.case == case {
        true => Ok(link),
        false => Err(DeadLink::Unknown.into()),
    }
}
