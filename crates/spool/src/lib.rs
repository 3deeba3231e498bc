//! The durable queue: what was accepted, until every recipient of it is done.
//!
//! Responsible for: keeping a message through any crash from the moment its commit has returned; saying which
//! recipients are due; recording what became of each; showing all of it. The bytes on disk are drawn in `FORMAT.md`.
//!
//! Refuses to know: SMTP, who may send, routes and retry schedules, what a notice says. It takes a
//! [`Permit`](policy::Permit) for every recipient and asks no further.
//!
//! Three handles say what their holder may do: [`Intake`] writes (for `admission`), [`Dispatch`] leases and settles
//! (for `outbound`, where the letter goes next), [`View`] reads.

mod adopt;
mod adopter;
mod aside;
mod body;
mod checkpoint;
mod codec;
mod config;
mod core;
mod dispatch;
mod draft;
mod entry;
mod error;
mod ids;
mod image;
mod index;
mod intake;
mod layout;
mod letter;
mod log;
mod names;
mod open;
mod plan;
mod queue;
mod recent;
mod record;
mod recover;
mod spare;
mod state;
mod sweep;
mod trouble;
mod view;
mod writer;

pub use adopter::{Adopted, Adopter, Orphaned};
pub use body::Body;
pub use config::{Config, Damage, RecoveryReport, Testimony, Writer};
pub use dispatch::{Change, Dispatch, Lease, LeasedRecipient, Selector, Testify};
pub use draft::Draft;
pub use error::{BodyError, ChangeError, CommitError, DraftError, OpenError};
pub use intake::Intake;
pub use letter::{Addressee, Content, Edit, Letter, Stored};
pub use open::open;
pub use state::{AttemptRecord, Holder, Outcome, Settlement, State};
pub use view::{Counts, Filter, RecipientStory, StateKind, Story, Summary, View};

/// A running spool: its handles, and what was found at the start.
pub struct Opened {
    /// Writes.
    pub intake: Intake,
    /// Leases and settles.
    pub dispatch: Dispatch,
    /// Reads.
    pub view: View,
    /// Takes over from writers that die later.
    pub adopter: Adopter,
    /// What was found.
    pub report: RecoveryReport,
    /// Ends it.
    pub closer: Closer,
}

/// Ends a spool in good order.
pub struct Closer {
    shared: std::sync::Arc<core::Shared>,
    done: tokio::sync::oneshot::Receiver<()>,
}
