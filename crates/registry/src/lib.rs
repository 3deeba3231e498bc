//! Who may relay: requests, acknowledgements, reviews, grants and their whole life.
//!
//! The life of a grant is one pure function, [`step`]: a case, an event and the time go in; the next state, the letters
//! to be written, the evidence to be kept and the checks to be made come out. Nothing here reads a clock or a disk.

mod abuse;
mod acknowledgement;
mod actor;
mod attestation;
mod calendar;
mod case;
mod check;
pub mod chosen;
mod credential;
mod desk;
mod form;
mod grant;
mod handover;
mod letters;
mod life;
mod link;
mod network;
mod notice;
mod post;
mod promise;
mod store;
mod terms;

pub use abuse::{ABUSED_MAIL_KEPT, Abuse, Alert, Verdict};
pub use acknowledgement::{ACKNOWLEDGEMENTS, Acknowledged, Signature, TextVersion};
pub use actor::{Actor, Person, Role};
pub use attestation::{
    Attestation, Entry, Heads, ListDeadline, ListId, ListLetter, ListStep, ListTaking, Lists, NewList, NoAnswer,
    Outcome, Shown, Standing, YearlyDay, next_of_list,
};
pub use calendar::Calendar;
pub use case::{Case, Track};
pub use check::Check;
pub use credential::{
    Claimed, Credential, CredentialKind, NewCredential, OVERLAP, Proof, ScramVerifier, Secret, Subject, superseded,
};
pub use desk::{AnswerTo, Desk, DeskError, Granted, NotImported, Rules};
pub use form::{
    Addendum, Authentication, Consultation, Contact, Device, Form, House, Remark, Request, Tls, Volume, Weight,
};
pub use grant::{KnownBy, grant};
pub use handover::{Change, Handover};
pub use letters::{About, Letters, PLACEHOLDERS, Unknown, WordsError, Written, own_words};
pub use life::{
    Deadline, Event, Evidence, NoStep, Revocation, Risk, State, Step, Suspension, Trouble, due, idle_days, next_due,
    step,
};
pub use link::{DeadLink, Link, Purpose, Token, TokenHash, Whence};
pub use network::{
    Colour, DhcpError, Directory, Egress, Finding, Kind, Mac, Machine, Names, Network, Observation, Others, Register,
    RegisterError, Reservations, Row, Scan, Sightings, Source, TableError, Widest, Zones, ZonesError, hindering,
    one_machine,
};
pub use notice::{Audience, Notice};
pub use post::{
    Addresses, Doors, HEARD_OCTETS_MAX, Heard, Matter, PinnedPosting, Posting, Relay, about, about_list, about_pinned,
    heard, is_for_nobody, pinned_postings, postings,
};
pub use promise::promised;
pub use store::{
    Beginning, Bell, CaseId, Claim, CredentialChange, Kept, Letter, OfList, Pinned, PinnedLetter, PostgresOptions,
    PostgresStore, SqliteStore, Store, StoreError, Taken, Taking,
};
pub use terms::Terms;
