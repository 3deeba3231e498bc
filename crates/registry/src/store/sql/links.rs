//! Links, under the hash of what they carry.

use mail::Timestamp;

use super::super::database::{Database, Value};
use super::super::{CaseId, StoreError};
use super::fields::Fields;
use super::one;
use crate::actor::Person;
use crate::attestation::{ListId, Standing};
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
        Value::from(link.list.map(|list| list.0)),
    ];
    database.execute(
        "INSERT INTO links (hash, case_id, purpose, address, request, made, ends, list_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        &values,
    )?;
    Ok(())
}

pub(super) fn look(database: &mut impl Database, hash: &TokenHash, now: Timestamp) -> Result<Link, StoreError> {
    let row = one(
        database,
        "SELECT case_id, purpose, address, links.request, links.made, ends, used, list_id, cases.request, \
         attestations.standing, attestations.head \
         FROM links JOIN cases ON cases.id = case_id LEFT JOIN attestations ON attestations.id = list_id \
         WHERE links.hash = $1",
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
        list: fields.maybe_int(IT)?.map(ListId),
    };
    link.works(&fields.hash(IT)?, now)?;
    if link.list.is_some() {
        let standing = fields.read(IT, Standing::of_code)?;
        let asked = fields.maybe_text(IT)?.as_deref().map(Person::new);
        if !standing.is_open() || asked != Some(Person::new(&link.address)) {
            return Err(DeadLink::Settled.into());
        }
    }
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
    match link.case == case && link.list.is_none() {
        true => Ok(link),
        false => Err(DeadLink::Unknown.into()),
    }
}

/// Uses a link up for an answer to this list.
pub(super) fn spend_for_list(
    database: &mut impl Database,
    hash: &TokenHash,
    list: ListId,
    now: Timestamp,
) -> Result<(), StoreError> {
    match redeem(database, hash, now)?.list == Some(list) {
        true => Ok(()),
        false => Err(DeadLink::Unknown.into()),
    }
}
