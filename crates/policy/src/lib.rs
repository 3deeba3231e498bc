//! Judgement: who may send what to whom, and why.
//!
//! Responsible for: the [`Snapshot`] of what is declared, the facts of one message, and the one pure function
//! [`decide`] between them; the [`Permit`] that proves a decision was made; the ports through which identities are
//! proved and uses are counted.
//!
//! Refuses to know: time, randomness, files, sockets, logs. It is told the present moment like any other fact.
//!
//! The letter goes on to `admission`, which asks and then acts.

mod basis;
mod ports;
mod reason;

pub use basis::{Basis, FactDigest, Generation, Name, NoticeKind, Permit, Standing, notice_permit};
pub use ports::{
    AuthContext, AuthExchange, AuthRefusal, AuthStep, Authenticator, BoxFuture, Demand, Limits, Mechanism, Principal,
    Usage,
};
pub use reason::Reason;

/// Placeholder until model.rs stands.
pub struct LimitSpec;
