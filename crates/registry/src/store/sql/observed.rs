//! Who spoke through a grant, as the gates saw it: kept while it says something about now.

use std::time::Duration;

use mail::Timestamp;

use super::super::database::{Database, Value};
use super::super::{CaseId, StoreError};
use super::fields::Fields;
use crate::network::Observation;

const IT: &str = "what was seen of it";
/// What is older is nobody's business any more.
const KEPT: Duration = Duration::from_secs(30 * 86_400);
/// Between senders, in a column: no address has one.
const BREAK: char = '\n';

pub(super) fn observe(
    database: &mut impl Database,
    seen: &[(CaseId, Observation, Timestamp)],
) -> Result<(), StoreError> {
    for (id, one, at) in seen {
        let senders: Vec<&str> = one.senders.iter().map(|sender| &**sender).collect();
        let values = [
            Value::from(id.0),
            Value::from(one.from.to_string()),
            Value::from(&*one.hello),
            Value::from(senders.join(&BREAK.to_string())),
            Value::from(*at),
        ];
        database.execute(
            "INSERT INTO observed (case_id, source, hello, senders, last) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (case_id, source, hello, senders) DO UPDATE SET last = excluded.last \
             WHERE observed.last < excluded.last",
            &values,
        )?;
        database.execute(
            "DELETE FROM observed WHERE case_id = $1 AND last < $2",
            &[Value::from(id.0), Value::from(at.minus(KEPT))],
        )?;
    }
    Ok(())
}

pub(super) fn since(
    database: &mut impl Database,
    id: CaseId,
    since: Timestamp,
) -> Result<Vec<Observation>, StoreError> {
    let rows = database.query(
        "SELECT source, hello, senders FROM observed WHERE case_id = $1 AND last >= $2 ORDER BY source, hello, senders",
        &[Value::from(id.0), Value::from(since)],
    )?;
    let one = |row| {
        let mut fields = Fields::of(Some(row));
        let observation = Observation {
            from: fields.read(IT, |text| text.parse().ok())?,
            hello: fields.text(IT)?.into(),
            senders: fields
                .text(IT)?
                .split(BREAK)
                .filter(|sender| !sender.is_empty())
                .map(Box::from)
                .collect(),
        };
        Ok(observation)
    };
    rows.into_iter().map(one).collect()
}
