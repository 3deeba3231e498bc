//! A case as a row, and back. The order of the columns is the order of [`COLUMNS`].

use super::super::database::{Row, Value};
use super::super::{Kept, StoreError};
use super::fields::Fields;
use crate::acknowledgement::{Acknowledged, TextVersion};
use crate::actor::Person;
use crate::case::{Case, Track};
use crate::form::Form;
use crate::handover::Handover;
use crate::life::State;

/// Of the table of cases.
pub(super) const COLUMNS: [&str; 26] = [
    "id",
    "version",
    "scope",
    "form",
    "track",
    "state",
    "entered",
    "reminders",
    "reminded",
    "requestor",
    "head",
    "request",
    "ack_by",
    "ack_name",
    "ack_words",
    "ack_request",
    "ack_at",
    "decided_by",
    "until",
    "provisioned",
    "last_accepted",
    "kept",
    "seasonal",
    "orphan",
    "drift",
    "handover",
];

fn track_code(track: Track) -> &'static str {
    match track {
        Track::Authenticated => "authenticated",
        Track::Exception => "exception",
        Track::Consultation { security: false } => "consultation",
        Track::Consultation { security: true } => "consultation+security",
    }
}

fn track_of(code: &str) -> Option<Track> {
    [
        Track::Authenticated,
        Track::Exception,
        Track::Consultation { security: false },
        Track::Consultation { security: true },
    ]
    .into_iter()
    .find(|track| track_code(*track) == code)
}

/// Behind the track of what was imported and not reviewed.
const UNREVIEWED: &str = "+unreviewed";

/// A case as a row.
pub(super) fn values(kept: &Kept) -> [Value; 26] {
    let Kept {
        id,
        version,
        scope,
        form,
        case,
    } = kept;
    let ack = case.acknowledged.as_ref();
    let person = |person: Option<&Person>| Value::from(person.map(Person::address));
    [
        Value::from(id.0),
        Value::from(*version),
        Value::from(&**scope),
        // Strings, numbers and flags always serialise.
        Value::Text(serde_json::to_string(form).unwrap_or_default()),
        Value::Text(track_code(case.track).to_owned() + if case.unreviewed { UNREVIEWED } else { "" }),
        Value::from(case.state.code()),
        Value::from(case.entered),
        Value::from(u32::from(case.reminded.0)),
        Value::from(case.reminded.1),
        Value::from(case.requestor.address()),
        person(case.head.as_ref()),
        Value::from(&case.request),
        person(ack.map(|ack| &ack.by)),
        Value::from(ack.map(|ack| &*ack.name)),
        Value::from(ack.map(|ack| &ack.words.0)),
        Value::from(ack.map(|ack| &ack.request)),
        Value::from(ack.map(|ack| ack.at)),
        person(case.decided_by.as_ref()),
        Value::from(case.until),
        Value::from(case.provisioned),
        Value::from(case.last_accepted),
        Value::from(case.kept),
        Value::from(case.seasonal),
        Value::from(case.orphan),
        Value::from(case.drift),
        // As the form.
        Value::from(case.handover.as_ref().and_then(|one| serde_json::to_string(one).ok())),
    ]
}

/// A row as a case.
pub(super) fn kept(row: Row) -> Result<Kept, StoreError> {
    let (id, mut fields) = Fields::with_case(row)?;
    let version = fields.int("its version")?;
    let scope = fields.text("its scope")?.into();
    let form: Form = fields.read("its form", |text| serde_json::from_str(text).ok())?;
    let (track, unreviewed) = fields.read("its track", |code| match code.strip_suffix(UNREVIEWED) {
        Some(code) => Some((track_of(code)?, true)),
        None => Some((track_of(code)?, false)),
    })?;
    let case = Case {
        track,
        state: fields.read("its state", State::of_code)?,
        entered: fields.time("since when it stands there")?,
        reminded: (fields.int("its reminders")?, fields.time("its last reminder")?),
        requestor: Person::new(&fields.text("its requestor")?),
        head: fields.maybe_text("its head")?.as_deref().map(Person::new),
        request: fields.hash("the hash of its form")?,
        acknowledged: acknowledged(&mut fields)?,
        decided_by: fields.maybe_text("who decided")?.as_deref().map(Person::new),
        until: fields.maybe_time("its end")?,
        provisioned: fields.maybe_time("when it was set up")?,
        last_accepted: fields.maybe_time("its last message")?,
        kept: fields.maybe_time("when it was kept")?,
        seasonal: fields.maybe_int("its season")?,
        orphan: fields.maybe_time("since when nobody answers for it")?,
        drift: fields.maybe_time("since when it drifts")?,
        handover: handover(&mut fields)?,
        unreviewed,
    };
    Ok(Kept {
        id,
        version,
        scope,
        form,
        case,
    })
}

fn handover(fields: &mut Fields) -> Result<Option<Handover>, StoreError> {
    let what = "who is to answer for it";
    let text = fields.maybe_text(what)?;
    let read = text.map(|text| serde_json::from_str(&text).map_err(|_| fields.damaged(what)));
    read.transpose()
}

/// Whole or not at all: half an acknowledgement is damage, never none.
fn acknowledged(fields: &mut Fields) -> Result<Option<Acknowledged>, StoreError> {
    let what = "its acknowledgement";
    let by = fields.maybe_text(what)?;
    let name = fields.maybe_text(what)?;
    let words = fields.maybe_hash(what)?;
    let request = fields.maybe_hash(what)?;
    let at = fields.maybe_time(what)?;
    match (by, name, words, request, at) {
        (None, None, None, None, None) => Ok(None),
        (Some(by), Some(name), Some(words), Some(request), Some(at)) => Ok(Some(Acknowledged {
            by: Person::new(&by),
            name: name.into(),
            words: TextVersion(words),
            request,
            at,
        })),
        _ => Err(fields.damaged(what)),
    }
}
