//! Judgement: who may send what to whom, and why.
//!
//! Responsible for: the [`Snapshot`] of what is declared, the facts of one message, and the one pure function
//! [`decide`] between them; what is true of all its answers ([`prove`]); the [`Permit`] that proves a decision was made;
//! the ports through which identities are proved and uses are counted.
//!
//! Refuses to know: time, randomness, files, sockets, logs. It is told the present moment like any other fact.
//!
//! The letter goes on to `admission`, which asks and then acts.

/// Which engine this is: a digest of the sources that judge and prove. What one engine has proven another has not.
pub const ENGINE: &str = env!("POLICY_ENGINE");

mod basis;
mod certificate;
mod checks;
mod decide;
pub mod diff;
mod explain;
mod facts;
mod hello;
mod intent;
mod live;
mod model;
mod ports;
pub mod prove;
mod reason;
mod snapshot;

pub use basis::{Basis, FactDigest, Generation, Name, NoticeKind, Permit, Standing, notice_permit};
pub use certificate::CertificateId;
pub use checks::{Check, Finding};
pub use decide::{Decision, Ground, NoTrail, Trail, Verdict, decide, decide_with};
pub use explain::{Explanation, NearMiss, Step, explain};
pub use facts::{ContentClass, Fact, Facts, FromAnswer, FromHeader, LoginAnswer, Reader, RecipientForm};
pub use hello::{HelloPattern, HelloPatternError};
pub use intent::{
    AsWhom, Assertion, Bounds, Door, Hidden, Intent, LONGEST_EXCEPTION, LONGEST_FORWARD, Must, ToWhom, WIDEST_V4,
    WIDEST_V6, Who,
};
pub use live::{Live, digest};
pub use model::{
    By, Class, Forward, Grant, GrantState, LimitSpec, Listener, Organisation, Place, Recipients, Role, Route, Rulebook,
    Scope, SenderPattern, Ungranted, Zone, canonical,
};
pub use ports::{
    AuthContext, AuthExchange, AuthRefusal, AuthStep, Authenticator, BoxFuture, Demand, Limits, Principal, Usage,
};
pub use reason::Reason;
pub use snapshot::{
    AddressTable, CertificateTable, Conflict, DomainTable, ForwardTable, LoginTable, Snapshot, contains, unmapped,
};
