//! A case as a row, and back. The order of the columns is the order of [`COLUMNS`].

use mail::Timestamp;

use super::{CaseId, Kept, StoreError};
use crate::acknowledgement::{Acknowledged, TextVersion};
use crate::actor::Person;
use crate::case::{Case, Track};
use crate::form::Form;
use crate::life::State;

/// Of the table of cases.
pub(super) const COLUMNS: [&str; 25] = [
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
];

/// A value of any database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Int(i64),
    Text(String),
    Octets(Vec<u8>),
}

impl From<Option<Timestamp>> for Value {
    fn from(at: Option<Timestamp>) -> Self {
        at.map_or(Self::Null, |at| Self::Int(at.0))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

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

/// A case as a row.
pub(super) fn values(kept: &Kept) -> [Value; 25] {
    let Kept {
        id,
        version,
        scope,
        form,
        case,
    } = kept;
    let ack = case.acknowledged.as_ref();
    let octets = |octets: &[u8; 32]| Value::Octets(octets.to_vec());
    let person = |person: Option<&Person>| Value::from(person.map(Person::address));
    [
        Value::Int(id.0.into()),
        Value::from(*version),
        Value::from(&**scope),
        // Strings, numbers and flags always serialise.
        Value::Text(serde_json::to_string(form).unwrap_or_default()),
        Value::from(track_code(case.track)),
        Value::from(case.state.code()),
        Value::Int(case.entered.0),
        Value::Int(case.reminded.0.into()),
        Value::Int(case.reminded.1.0),
        Value::from(case.requestor.address()),
        person(case.head.as_ref()),
        octets(&case.request),
        person(ack.map(|ack| &ack.by)),
        Value::from(ack.map(|ack| &*ack.name)),
        ack.map_or(Value::Null, |ack| octets(&ack.words.0)),
        ack.map_or(Value::Null, |ack| octets(&ack.request)),
        Value::from(ack.map(|ack| ack.at)),
        person(case.decided_by.as_ref()),
        Value::from(case.until),
        Value::from(case.provisioned),
        Value::from(case.last_accepted),
        Value::from(case.kept),
        case.seasonal.map_or(Value::Null, |days| Value::Int(days.into())),
        Value::from(case.orphan),
        Value::from(case.drift),
    ]
}

/// Takes a row apart, column by column.
struct Fields<I> {
    id: CaseId,
    values: I,
}

impl<I: Iterator<Item = Value>> Fields<I> {
    fn damaged(&self, what: &'static str) -> StoreError {
        StoreError::Damaged { id: self.id, what }
    }

    fn next(&mut self) -> Value {
        self.values.next().unwrap_or(Value::Null)
    }

    fn maybe_int(&mut self, what: &'static str) -> Result<Option<i64>, StoreError> {
        match self.next() {
            Value::Int(number) => Ok(Some(number)),
            Value::Null => Ok(None),
            _ => Err(self.damaged(what)),
        }
    }

    fn int<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T, StoreError> {
        let number = self.maybe_int(what)?;
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| self.damaged(what))
    }

    fn maybe_time(&mut self, what: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.maybe_int(what)?.map(Timestamp))
    }

    fn maybe_text(&mut self, what: &'static str) -> Result<Option<String>, StoreError> {
        match self.next() {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            _ => Err(self.damaged(what)),
        }
    }

    fn text(&mut self, what: &'static str) -> Result<String, StoreError> {
        let text = self.maybe_text(what)?;
        text.ok_or_else(|| self.damaged(what))
    }

    fn maybe_hash(&mut self, what: &'static str) -> Result<Option<[u8; 32]>, StoreError> {
        match self.next() {
            Value::Octets(octets) => octets.try_into().map(Some).map_err(|_| self.damaged(what)),
            Value::Null => Ok(None),
            _ => Err(self.damaged(what)),
        }
    }

    fn read<T>(&mut self, what: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        let text = self.text(what)?;
        read(&text).ok_or_else(|| self.damaged(what))
    }
}

/// A row as a case.
pub(super) fn kept(values: impl IntoIterator<Item = Value>) -> Result<Kept, StoreError> {
    let mut fields = Fields {
        id: CaseId(0),
        values: values.into_iter(),
    };
    fields.id = CaseId(fields.int("its number")?);
    let version = fields.int("its version")?;
    let scope = fields.text("its scope")?.into();
    let form: Form = fields.read("its form", |text| serde_json::from_str(text).ok())?;
    let case = Case {
        track: fields.read("its track", track_of)?,
        state: fields.read("its state", State::of_code)?,
        entered: Timestamp(fields.int("since when it stands there")?),
        reminded: (
            fields.int("its reminders")?,
            Timestamp(fields.int("its last reminder")?),
        ),
        requestor: Person::new(&fields.text("its requestor")?),
        head: fields.maybe_text("its head")?.as_deref().map(Person::new),
        request: {
            let hash = fields.maybe_hash("the hash of its form")?;
            hash.ok_or_else(|| fields.damaged("the hash of its form"))?
        },
        acknowledged: acknowledged(&mut fields)?,
        decided_by: fields.maybe_text("who decided")?.as_deref().map(Person::new),
        until: fields.maybe_time("its end")?,
        provisioned: fields.maybe_time("when it was set up")?,
        last_accepted: fields.maybe_time("its last message")?,
        kept: fields.maybe_time("when it was kept")?,
        seasonal: match fields.maybe_int("its season")? {
            Some(days) => Some(u32::try_from(days).map_err(|_| fields.damaged("its season"))?),
            None => None,
        },
        orphan: fields.maybe_time("since when nobody answers for it")?,
        drift: fields.maybe_time("since when it drifts")?,
    };
    Ok(Kept {
        id: fields.id,
        version,
        scope,
        form,
        case,
    })
}

/// Whole or not at all: half an acknowledgement is damage, never none.
fn acknowledged(fields: &mut Fields<impl Iterator<Item = Value>>) -> Result<Option<Acknowledged>, StoreError> {
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
