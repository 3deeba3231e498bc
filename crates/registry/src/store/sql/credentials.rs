//! Credentials: what to check them by, never what they are.

use mail::Timestamp;
use serde_json::json;

use super::super::database::{Database, Row, Value};
use super::super::{CaseId, CredentialChange, StoreError};
use super::fields::Fields;
use super::steps::Note;
use super::{cases, links};
use crate::actor::Actor;
use crate::credential::{Credential, CredentialKind, NewCredential, Proof, ScramVerifier};
use crate::life::State;

const COLUMNS: &str = "case_id, number, kind, label, argon2, scram_salt, scram_iterations, scram_stored_key, \
                       scram_server_key, public_key, token, subject, account, made, ends, used";
const IT: &str = "a credential of it";

pub(super) fn change(
    database: &mut impl Database,
    id: CaseId,
    change: CredentialChange<'_>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Option<Credential>, StoreError> {
    let sequence = super::change(database)?;
    let kept = cases::get(database, id)?.ok_or(StoreError::Missing(id))?;
    if let Some(hash) = change.link {
        links::spend(database, hash, id, now)?;
    }
    for (number, at) in change.ended {
        database.execute(
            "UPDATE credentials SET ends = $3 WHERE case_id = $1 AND number = $2 AND (ends > $3 OR ends IS NULL)",
            &[Value::from(id.0), Value::from(*number), Value::from(*at)],
        )?;
    }
    let new = change.new.map(|new| add(database, id, new, now)).transpose()?;
    let ended: Vec<_> = change
        .ended
        .iter()
        .map(|(number, at)| json!({ "credential": number, "ends": at.to_rfc3339() }))
        .collect();
    let added = new.as_ref().map(|new| {
        json!({
            "credential": new.number,
            "kind": new.kind.code(),
            "label": new.label,
            "shown_by": shown_by(&new.proof),
        })
    });
    let evidence = json!({ "new": added, "ended": ended });
    let note = Note {
        event: change.event,
        actor,
        from: Some(kept.case.state),
        to: kept.case.state,
        at: now,
        said: None,
        evidence: Some(&evidence.to_string()),
    };
    note.write(database, sequence, id)?;
    Ok(new)
}

/// What shows it, where that is no secret.
fn shown_by(proof: &Proof) -> serde_json::Value {
    match proof {
        Proof::Secret { .. } => serde_json::Value::Null,
        Proof::Key(key) => json!(key.iter().map(|octet| format!("{octet:02x}")).collect::<String>()),
        Proof::Subject(subject) => json!(subject),
        Proof::Token(token) => json!(token),
        Proof::Account(login) => json!(login),
    }
}

fn add(
    database: &mut impl Database,
    id: CaseId,
    new: &NewCredential,
    now: Timestamp,
) -> Result<Credential, StoreError> {
    let number = super::one(
        database,
        "SELECT coalesce(max(number), 0) + 1 FROM credentials WHERE case_id = $1",
        &[Value::from(id.0)],
    )?;
    let number = Fields::of(number).int("the number of a credential")?;
    let proof = &new.proof;
    let (argon2, scram) = match proof {
        Proof::Secret { argon2, scram } => (Some(&**argon2), scram.as_ref()),
        _ => (None, None),
    };
    let key = match proof {
        Proof::Key(key) => Some(key),
        _ => None,
    };
    let token = match proof {
        Proof::Token(token) => Some(json!(token).to_string()),
        _ => None,
    };
    let account = match proof {
        Proof::Account(login) => Some(&**login),
        _ => None,
    };
    let subject = match proof {
        Proof::Subject(subject) => Some(json!(subject).to_string()),
        _ => None,
    };
    let values = [
        Value::from(id.0),
        Value::from(number),
        Value::from(new.kind.code()),
        Value::from(&*new.label),
        Value::from(argon2),
        Value::from(scram.map(|scram| &*scram.salt)),
        Value::from(scram.map(|scram| scram.iterations)),
        Value::from(scram.map(|scram| &scram.stored_key)),
        Value::from(scram.map(|scram| &scram.server_key)),
        Value::from(key),
        Value::from(token.as_deref()),
        Value::from(subject.as_deref()),
        Value::from(account),
        Value::from(now),
        Value::Null,
        Value::Null,
    ];
    database.execute(
        &format!(
            "INSERT INTO credentials ({COLUMNS}) VALUES ({})",
            super::places(values.len())
        ),
        &values,
    )?;
    Ok(Credential {
        number,
        kind: new.kind,
        label: new.label.clone(),
        proof: new.proof.clone(),
        made: now,
        ends: None,
        used: None,
    })
}

pub(super) fn of(database: &mut impl Database, id: CaseId) -> Result<Vec<Credential>, StoreError> {
    let rows = database.query(
        &format!("SELECT {COLUMNS} FROM credentials WHERE case_id = $1 ORDER BY number"),
        &[Value::from(id.0)],
    )?;
    let credentials = rows.into_iter().map(|row| Ok(credential(row)?.1));
    credentials.collect()
}

pub(super) fn live(database: &mut impl Database, now: Timestamp) -> Result<Vec<(CaseId, Credential)>, StoreError> {
    let live = State::ALL.iter().filter(|state| state.is_live());
    let live: Vec<String> = live.map(|state| format!("'{state}'")).collect();
    let statement = format!(
        "SELECT {COLUMNS} FROM credentials WHERE (ends >= $1 OR ends IS NULL) \
         AND case_id IN (SELECT id FROM cases WHERE state IN ({})) ORDER BY case_id, number",
        live.join(", ")
    );
    let rows = database.query(&statement, &[Value::from(now)])?;
    rows.into_iter().map(credential).collect()
}

pub(super) fn used(database: &mut impl Database, last: &[(CaseId, u32, Timestamp)]) -> Result<(), StoreError> {
    // In one order, so that two who do this never wait for each other.
    let mut last = last.to_vec();
    last.sort_unstable_by_key(|(id, number, _)| (*id, *number));
    for (id, number, at) in last {
        database.execute(
            "UPDATE credentials SET used = $3 WHERE case_id = $1 AND number = $2 AND (used < $3 OR used IS NULL)",
            &[Value::from(id.0), Value::from(number), Value::from(at)],
        )?;
    }
    Ok(())
}

fn credential(row: Row) -> Result<(CaseId, Credential), StoreError> {
    let (id, mut fields) = Fields::with_case(row)?;
    let credential = Credential {
        number: fields.int(IT)?,
        kind: fields.read(IT, CredentialKind::of_code)?,
        label: fields.text(IT)?.into(),
        proof: proof(&mut fields)?,
        made: fields.time(IT)?,
        ends: fields.maybe_time(IT)?,
        used: fields.maybe_time(IT)?,
    };
    Ok((id, credential))
}

/// Whole or not at all.
fn proof(fields: &mut Fields) -> Result<Proof, StoreError> {
    let argon2 = fields.maybe_text(IT)?;
    let salt = fields.maybe_octets(IT)?;
    let iterations = fields.maybe_int(IT)?;
    let (stored_key, server_key) = (fields.maybe_hash(IT)?, fields.maybe_hash(IT)?);
    let scram = match (salt, iterations, stored_key, server_key) {
        (None, None, None, None) => None,
        (Some(salt), Some(iterations), Some(stored_key), Some(server_key)) => Some(ScramVerifier {
            salt: salt.into(),
            iterations,
            stored_key,
            server_key,
        }),
        _ => return Err(fields.damaged(IT)),
    };
    let key = fields.maybe_hash(IT)?;
    let (token, subject, account) = (fields.maybe_text(IT)?, fields.maybe_text(IT)?, fields.maybe_text(IT)?);
    match (argon2, scram, key, token, subject, account) {
        (Some(argon2), scram, None, None, None, None) => Ok(Proof::Secret {
            argon2: argon2.into(),
            scram,
        }),
        (None, None, Some(key), None, None, None) => Ok(Proof::Key(key)),
        (None, None, None, Some(token), None, None) => fields.json(IT, &token).map(Proof::Token),
        (None, None, None, None, Some(subject), None) => fields.json(IT, &subject).map(Proof::Subject),
        (None, None, None, None, None, Some(login)) => Ok(Proof::Account(login.into())),
        _ => Err(fields.damaged(IT)),
    }
}
