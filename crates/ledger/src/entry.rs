//! An event as JSON, made once for everybody who keeps it: the ledger's line, the log's line, the spool's testimony.

use bytes::Bytes;

use crate::{Accepted, Event, quill};

/// What every entry begins with; the name of the event follows.
const HEAD: &[u8] = b"{\"event\":\"";
/// Serialising an event cannot fail: no map has other keys than names. Were it to, this says that something is missing.
const LOST: &[u8] = b"{\"event\":\"ledger.dropped\",\"refusals\":1}";
/// Room for an acceptance with one recipient, so that it is written without moving.
const OCTETS_USUAL: usize = 640;

/// An event as JSON: `{"event":"data.accept","qid":"...",...}`. Cloning shares the octets.
#[derive(Clone, Debug)]
pub struct Entry {
    json: Bytes,
    refusals: u64,
}

impl Entry {
    /// Writes an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        if let Event::Accepted(facts) = event {
            return Self::accepted(facts);
        }
        let mut json = Vec::with_capacity(OCTETS_USUAL);
        let json = match serde_json::to_writer(&mut json, event) {
            Ok(()) => Bytes::from(json),
            Err(_) => Bytes::from_static(LOST),
        };
        Self {
            json,
            refusals: event.refusals(),
        }
    }

    /// Writes an acceptance.
    #[must_use]
    pub fn accepted(facts: &Accepted) -> Self {
        let mut json = Vec::with_capacity(OCTETS_USUAL);
        quill::put_accepted(&mut json, facts);
        Self {
            json: json.into(),
            refusals: 0,
        }
    }

    /// The entry from the testimony that was stored with a message or a change of it, which is the same octets. `None`
    /// where they are something else.
    #[must_use]
    pub fn from_testimony(testimony: Bytes) -> Option<Self> {
        let is_entry = testimony.starts_with(HEAD) && testimony.ends_with(b"}");
        is_entry.then_some(Self {
            json: testimony,
            refusals: 0,
        })
    }

    /// The whole object; of an acceptance, what [`Accepted::from_testimony`](crate::Accepted::from_testimony) reads.
    #[must_use]
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// Its members without the braces, the event's name first.
    #[must_use]
    pub fn members(&self) -> &[u8] {
        self.json.get(1..self.json.len().saturating_sub(1)).unwrap_or_default()
    }

    /// Its members behind the event's name, without the comma between them.
    #[must_use]
    pub fn facts(&self) -> &[u8] {
        let members = self.members();
        // No name has a comma in it.
        let comma = memchr::memchr(b',', members).unwrap_or(members.len());
        members.get(comma + 1..).unwrap_or_default()
    }

    /// How many refusals are counted where it is left out; zero where it may not be.
    pub(crate) fn refusals(&self) -> u64 {
        self.refusals
    }
}

impl From<Event> for Entry {
    fn from(event: Event) -> Self {
        Self::of(&event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dropped;

    #[test]
    fn an_entry_is_taken_apart_at_its_name() {
        let entry = Entry::of(&Event::Dropped(Dropped { refusals: 2 }));
        assert_eq!(&entry.json()[..], b"{\"event\":\"ledger.dropped\",\"refusals\":2}");
        assert_eq!(entry.members(), b"\"event\":\"ledger.dropped\",\"refusals\":2");
        assert_eq!(entry.facts(), b"\"refusals\":2");
    }

    #[test]
    fn what_stands_in_for_an_event_can_be_read() {
        let read: Event = serde_json::from_slice(LOST).unwrap();
        assert_eq!(read, Event::Dropped(Dropped { refusals: 1 }));
        assert!(Entry::from_testimony(Bytes::from_static(LOST)).is_some());
        assert!(Entry::from_testimony(Bytes::from_static(b"{\"qid\":\"x\"}")).is_none());
    }
}
