//! What the gates note: that they are there, what the ledger knows, and whom mail does not reach.

use std::time::Duration;

use mail::Timestamp;

use super::super::StoreError;
use super::super::database::{Database, Row, Value};
use super::fields::Fields;
use super::one;

/// The longest time between two notes that is no gap.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Times in which gates were there are kept as whole stretches: a year of minutes is one row.
pub(super) fn seen(database: &mut impl Database, since: Timestamp, now: Timestamp) -> Result<(), StoreError> {
    let near = Timestamp(since.0.saturating_sub(as_millis(PATIENCE)));
    let extended = database.execute(
        "UPDATE presence SET last = $1 WHERE last >= $2 AND last < $1 AND since = (SELECT max(since) FROM presence)",
        &[Value::from(now), Value::from(near)],
    )?;
    if extended == 0 {
        // A clock that was set back adds nothing: that time is in a stretch already, or in none that counts.
        database.execute(
            "INSERT INTO presence (since, last) SELECT CAST($2 AS BIGINT), CAST($1 AS BIGINT) \
             WHERE NOT EXISTS (SELECT 1 FROM presence WHERE last >= $1) ON CONFLICT (since) DO NOTHING",
            &[Value::from(now), Value::from(since)],
        )?;
    }
    Ok(())
}

pub(super) fn gaps(database: &mut impl Database, now: Timestamp) -> Result<Vec<(Timestamp, Timestamp)>, StoreError> {
    let rows = database.query("SELECT since, last FROM presence ORDER BY since", &[])?;
    let mut gaps = Vec::new();
    let mut before: Option<Timestamp> = None;
    for row in rows {
        let (since, last) = pair(row)?;
        gaps.extend(before.map(|before| (before, since)));
        before = Some(last);
    }
    gaps.extend(before.map(|before| (before, now)));
    gaps.retain(|(from, to)| to.0.saturating_sub(from.0) > as_millis(PATIENCE));
    Ok(gaps)
}

fn pair(row: Row) -> Result<(Timestamp, Timestamp), StoreError> {
    let mut fields = Fields::of(Some(row));
    Ok((
        fields.time("when gates were there")?,
        fields.time("when gates were there")?,
    ))
}

fn as_millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn told_until(database: &mut impl Database) -> Result<u64, StoreError> {
    let row = one(database, "SELECT sequence FROM told WHERE one = 1", &[])?;
    Fields::of(row).int("what the ledger was told")
}

pub(super) fn told(database: &mut impl Database, sequence: u64) -> Result<(), StoreError> {
    database.execute(
        "UPDATE told SET sequence = $1 WHERE one = 1 AND sequence < $1",
        &[Value::from(sequence)],
    )?;
    Ok(())
}

/// Addresses that differ by case alone are one: nobody is told apart by that.
fn one_way(address: &str) -> Value {
    Value::from(address.trim().to_ascii_lowercase())
}

pub(super) fn bounced(database: &mut impl Database, address: &str, now: Timestamp) -> Result<(), StoreError> {
    database.execute(
        "INSERT INTO bounced (address, since) VALUES ($1, $2) ON CONFLICT (address) DO NOTHING",
        &[one_way(address), Value::from(now)],
    )?;
    Ok(())
}

pub(super) fn reached(database: &mut impl Database, address: &str) -> Result<(), StoreError> {
    database.execute("DELETE FROM bounced WHERE address = $1", &[one_way(address)])?;
    Ok(())
}

pub(super) fn unreachable(database: &mut impl Database) -> Result<Vec<(Box<str>, Timestamp)>, StoreError> {
    let rows = database.query("SELECT address, since FROM bounced ORDER BY address", &[])?;
    let contact = |row| {
        let mut fields = Fields::of(Some(row));
        let what = "a contact that cannot be reached";
        Ok((fields.text(what)?.into(), fields.time(what)?))
    };
    rows.into_iter().map(contact).collect()
}
