//! The scale: the one way anything gets in.
//!
//! Responsible for: facts into limits, limits into judgement, judgement into a permit, the permit compared once more
//! with what holds now, then the spool; and for telling the [`Witness`] of all of it. The live server, notices and every
//! other door go through here.
//!
//! Refuses to know: SMTP dialogues and replies, where mail goes next, how testimony is kept. It alone holds the spool's
//! `Intake`, and alone asks judgement for a permit.
//!
//! The letter goes on to the `spool`, and from there to `outbound`.

mod admit;
mod compose;
mod early;
mod facts;
mod held;
mod ids;
mod limits;
mod masks;
mod notice;
mod reserve;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod window;
mod witness;

pub use admit::{Admission, Config};
pub use compose::Mending;
pub use early::Room;
pub use facts::{FromScan, Learned, gather};
pub use held::{Held, Reviewed};
pub use ids::Ids;
pub use limits::LocalLimits;
pub use masks::Masks;
pub use notice::{ContactLetter, Notice, NoticeError, Telling};
/// Why a message was not stored, for the reply.
pub use spool::CommitError;
pub use transaction::{Admitted, Rejection, Transaction, Weighed};
pub use window::Window;
pub use witness::{Accepted, AcceptedRecipient, LoginTold, Recalled, Refused, TlsSeen, Visitor, Witness};
