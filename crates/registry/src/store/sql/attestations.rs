//! The yearly lists of departments, what became of the grants on them, and every step they took.

use mail::Timestamp;

use super::super::database::{Database, Row, Value};
use super::super::{CaseId, StoreError};
use super::fields::Fields;
use super::{cases, change, letters, links, one};
use crate::actor::{Actor, Person};
use crate::attestation::{
    Attestation, Entry, ListId, ListLetter, ListStep, ListTaking, Lists, NewList, Outcome, Standing, department,
};

const IT: &str = "a list of a department";
const A_STEP: &str = "a step of a department's list";
const COLUMNS: &str = "id, version, scope, department, head, made, asked, reminders, reminded, standing, hash";
/// Steps are the lists' and the cases' alike.
const STEPS: &str = "sequence, list_id, at, actor, event, standing, said";

pub(super) fn make(
    database: &mut impl Database,
    new: &NewList,
    actor: &Actor,
    notices: &[ListLetter],
) -> Result<Option<Attestation>, StoreError> {
    // Whoever makes the same one in this moment waits here, and finds it made.
    let sequence = change(database)?;
    let known_as = department(&new.department);
    for other in of_department(database, &new.scope, &known_as)? {
        let is_recent = new.unless_since.is_some_and(|since| other.made >= since);
        if is_recent || other.standing == Standing::Open {
            return Ok(None);
        }
    }
    let highest = one(database, "SELECT max(id) FROM attestations", &[])?;
    let highest: Option<u32> = Fields::of(highest).maybe_int(IT)?;
    let list = Attestation {
        id: ListId(highest.map_or(1, |highest| highest.saturating_add(1))),
        version: 1,
        scope: new.scope.clone(),
        department: new.department.clone(),
        head: new.head.clone(),
        made: new.now,
        asked: new.now,
        reminded: (0, new.now),
        standing: Standing::Open,
        hash: new.hash(),
        entries: new
            .entries
            .iter()
            .map(|(case, shown)| Entry {
                case: *case,
                shown: shown.clone(),
                outcome: None,
            })
            .collect(),
    };
    replace_former(database, &list, &known_as, actor)?;
    insert(database, &list, &known_as)?;
    let asked = Note {
        event: "asked",
        said: Some(&new.said),
        actor,
        at: new.now,
    };
    asked.write(database, sequence, &list)?;
    write(database, &list, notices, (sequence, new.now))?;
    Ok(Some(list))
}

/// What nobody ever answered is not asked twice.
fn replace_former(
    database: &mut impl Database,
    list: &Attestation,
    known_as: &str,
    actor: &Actor,
) -> Result<(), StoreError> {
    for former in of_department(database, &list.scope, known_as)? {
        if former.standing == Standing::Overdue {
            let next = Attestation {
                standing: Standing::Replaced,
                ..former.clone()
            };
            let by = list.id.to_string();
            let taking = ListTaking {
                next: &next,
                event: "replaced",
                said: Some(&by),
                actor,
                now: list.made,
                steps: &[],
                letters: &[],
                link: None,
            };
            take(database, &former, &taking)?;
        }
    }
    Ok(())
}

fn insert(database: &mut impl Database, list: &Attestation, known_as: &str) -> Result<(), StoreError> {
    let values = [
        Value::from(list.id.0),
        Value::from(list.version),
        Value::from(&*list.scope),
        Value::from(&*list.department),
        Value::from(list.head.as_ref().map(Person::address)),
        Value::from(list.made),
        Value::from(list.asked),
        Value::from(u32::from(list.reminded.0)),
        Value::from(list.reminded.1),
        Value::from(list.standing.code()),
        Value::from(&list.hash),
        Value::from(known_as),
    ];
    database.execute(
        &format!(
            "INSERT INTO attestations ({COLUMNS}, known_as) VALUES ({})",
            super::places(values.len())
        ),
        &values,
    )?;
    for entry in &list.entries {
        let values = [
            Value::from(list.id.0),
            Value::from(entry.case.0),
            // Strings always serialise.
            Value::Text(serde_json::to_string(&entry.shown).unwrap_or_default()),
        ];
        database.execute(
            "INSERT INTO attested (list_id, case_id, shown) VALUES ($1, $2, $3)",
            &values,
        )?;
    }
    Ok(())
}

pub(super) fn take(
    database: &mut impl Database,
    from: &Attestation,
    taking: &ListTaking<'_>,
) -> Result<Attestation, StoreError> {
    let sequence = change(database)?;
    let next = Attestation {
        version: from.version.saturating_add(1),
        ..taking.next.clone()
    };
    if let Some(hash) = taking.link {
        links::spend_for_list(database, hash, from.id, taking.now)?;
    }
    update(database, from, &next)?;
    let note = Note {
        event: taking.event,
        said: taking.said,
        actor: taking.actor,
        at: taking.now,
    };
    note.write(database, sequence, &next)?;
    for (kept, step) in taking.steps {
        cases::take(database, kept, step)?;
    }
    // What waits to be sent says what was so before.
    database.execute(
        "DELETE FROM letters WHERE list_id = $1 AND sent IS NULL AND claimed IS NULL",
        &[Value::from(from.id.0)],
    )?;
    write(database, &next, taking.letters, (sequence, taking.now))?;
    Ok(next)
}

fn update(database: &mut impl Database, from: &Attestation, next: &Attestation) -> Result<(), StoreError> {
    let values = [
        Value::from(next.id.0),
        Value::from(next.version),
        Value::from(next.head.as_ref().map(Person::address)),
        Value::from(next.asked),
        Value::from(u32::from(next.reminded.0)),
        Value::from(next.reminded.1),
        Value::from(next.standing.code()),
        Value::from(from.version),
    ];
    let written = database.execute(
        "UPDATE attestations SET version = $2, head = $3, asked = $4, reminders = $5, reminded = $6, standing = $7 \
         WHERE id = $1 AND version = $8",
        &values,
    )?;
    if written == 0 {
        return Err(StoreError::ListChanged(from.id));
    }
    let entries = from.entries.iter().zip(&next.entries);
    for (_, entry) in entries.filter(|(before, entry)| before.outcome != entry.outcome) {
        let values = [
            Value::from(next.id.0),
            Value::from(entry.case.0),
            Value::from(entry.outcome.map(Outcome::code)),
        ];
        database.execute(
            "UPDATE attested SET outcome = $3 WHERE list_id = $1 AND case_id = $2",
            &values,
        )?;
    }
    Ok(())
}

/// A step, about to be written.
struct Note<'a> {
    event: &'a str,
    said: Option<&'a str>,
    actor: &'a Actor,
    at: Timestamp,
}

impl Note<'_> {
    fn write(&self, database: &mut impl Database, sequence: u64, list: &Attestation) -> Result<(), StoreError> {
        let values = [
            Value::from(sequence),
            Value::from(list.id.0),
            Value::from(self.at),
            Value::from(self.actor.to_string()),
            Value::from(self.event),
            Value::from(list.standing.code()),
            Value::from(self.said),
        ];
        database.execute(
            &format!("INSERT INTO attestation_steps ({STEPS}) VALUES ($1, $2, $3, $4, $5, $6, $7)"),
            &values,
        )?;
        Ok(())
    }
}

/// A letter hangs on one case as all letters do: the first on the list.
fn write(
    database: &mut impl Database,
    list: &Attestation,
    notices: &[ListLetter],
    when: (u64, Timestamp),
) -> Result<(), StoreError> {
    let Some(first) = list.entries.first() else {
        return Ok(());
    };
    for (notice, also) in notices {
        for audience in notice.audience().iter().chain(*also) {
            letters::keep_of_list(database, first.case, list.id, (*notice, *audience), when)?;
        }
    }
    Ok(())
}

pub(super) fn read(database: &mut impl Database, which: Lists) -> Result<Vec<Attestation>, StoreError> {
    match which {
        Lists::All => select(database, "", &[]),
        Lists::Open => {
            let open = [Standing::Open, Standing::Overdue].map(|standing| Value::from(standing.code()));
            select(database, "WHERE standing IN ($1, $2)", &open)
        }
        Lists::One(id) => select(database, "WHERE id = $1", &[Value::from(id.0)]),
    }
}

fn of_department(database: &mut impl Database, scope: &str, known_as: &str) -> Result<Vec<Attestation>, StoreError> {
    let values = [Value::from(scope), Value::from(known_as)];
    select(database, "WHERE scope = $1 AND known_as = $2", &values)
}

fn select(database: &mut impl Database, which: &str, values: &[Value]) -> Result<Vec<Attestation>, StoreError> {
    let rows = database.query(
        &format!("SELECT {COLUMNS} FROM attestations {which} ORDER BY id"),
        values,
    )?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let mut list = list(row)?;
        list.entries = entries(database, list.id)?;
        all.push(list);
    }
    Ok(all)
}

fn list(row: Row) -> Result<Attestation, StoreError> {
    let mut fields = Fields::of(Some(row));
    Ok(Attestation {
        id: ListId(fields.int(IT)?),
        version: fields.int(IT)?,
        scope: fields.text(IT)?.into(),
        department: fields.text(IT)?.into(),
        head: fields.maybe_text(IT)?.as_deref().map(Person::new),
        made: fields.time(IT)?,
        asked: fields.time(IT)?,
        reminded: (fields.int(IT)?, fields.time(IT)?),
        standing: fields.read(IT, Standing::of_code)?,
        hash: fields.hash(IT)?,
        entries: Vec::new(),
    })
}

fn entries(database: &mut impl Database, id: ListId) -> Result<Vec<Entry>, StoreError> {
    let rows = database.query(
        "SELECT case_id, shown, outcome FROM attested WHERE list_id = $1 ORDER BY case_id",
        &[Value::from(id.0)],
    )?;
    let entry = |row| {
        let mut fields = Fields::of(Some(row));
        Ok(Entry {
            case: CaseId(fields.int(IT)?),
            shown: fields.read(IT, |text| serde_json::from_str(text).ok())?,
            outcome: match fields.maybe_text(IT)? {
                Some(code) => Some(Outcome::of_code(&code).ok_or_else(|| fields.damaged(IT))?),
                None => None,
            },
        })
    };
    rows.into_iter().map(entry).collect()
}

pub(super) fn history(database: &mut impl Database, id: ListId) -> Result<Vec<ListStep>, StoreError> {
    steps(database, "list_id = $1", Value::from(id.0))
}

pub(super) fn after(database: &mut impl Database, sequence: u64) -> Result<Vec<ListStep>, StoreError> {
    steps(database, "sequence > $1", Value::from(sequence))
}

fn steps(database: &mut impl Database, which: &str, value: Value) -> Result<Vec<ListStep>, StoreError> {
    let rows = database.query(
        &format!("SELECT {STEPS} FROM attestation_steps WHERE {which} ORDER BY sequence"),
        &[value],
    )?;
    let step = |row| {
        let mut fields = Fields::of(Some(row));
        Ok(ListStep {
            sequence: fields.int(A_STEP)?,
            list: ListId(fields.int(A_STEP)?),
            at: fields.time(A_STEP)?,
            actor: fields.text(A_STEP)?,
            event: fields.text(A_STEP)?,
            standing: fields.read(A_STEP, Standing::of_code)?,
            said: fields.maybe_text(A_STEP)?,
        })
    };
    rows.into_iter().map(step).collect()
}
