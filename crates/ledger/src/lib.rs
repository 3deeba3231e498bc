//! Testimony: what was decided, changed and delivered, written so that tampering shows.
//!
//! Responsible for: the closed list of [`Event`]s with their facts; an append-only record of them, one JSON object a
//! line, each line sealed with a SHA-256 that covers the line before; [`verify`], which names the first broken link;
//! [`Reader`], which finds what was said of a message, a session or an event id.
//!
//! Refuses to know: what an event should lead to. It judges nothing, forgets nothing that it was not told to, and
//! holds no secret: no event has a field for one.
//!
//! The letter was stored before it came here; the record lags the truth by at most a second and is completed from the
//! spool after a crash ([`Ledger::complete`]). From here `trace` tells the letter's story.
//!
//! On disk: `2026-11-21.gate.0000.jsonl`, a new file for each day, writer, start of the writer and 64 MiB. The first line
//! of a file names the last good line before it, so the files of a writer are one chain. Beside a closed file lies its
//! [`index()`], which may be deleted.

mod anchor;
mod chain;
mod complete;
mod configured;
mod entry;
mod event;
mod facts;
mod granted;
mod hold;
mod index;
mod judged;
mod key;
mod known;
mod line;
mod lineup;
mod progress;
mod prune;
mod quill;
mod reader;
mod record;
mod search;
mod text;
mod verify;

pub use anchor::{Anchor, AnchorFault, Anchors, BrokenAnchor, Cause, Heads, Place, write_anchor};
pub use complete::Completed;
pub use configured::{ConfigLoaded, LoadedBy, SelfTested, ShadowEnded, ShadowStarted};
pub use entry::Entry;
pub use event::{Anchored, Dropped, Event, Opened, Previous};
pub use facts::{
    Accepted, AcceptedRecipient, Attempt, Change, Deferred, Ground, Login, LoginOutcome, LoginReleased, NoticeSent,
    Origin, Refused, RefusedMany, TestimonyError, Tls, Vouched,
};
pub use granted::{GrantLeftOut, GrantStepped};
pub use hold::{HOLDS_WRITER, Hold, Holds, Released, Scope};
pub use index::{Indexed, index};
pub use judged::{FromForm, Judged};
pub use key::Key;
pub use line::{Hash, Line};
pub use prune::{Pruned, Pruning, Stretch};
pub use reader::{Progress, Reader};
pub use record::{Closer, Config, Ledger, OpenError, OpenReport, Opening, Status, Writer, open};
pub use text::Words;
pub use verify::{AnchorPlace, Broken, Expected, Fault, Head, Report, Torn, verify};
