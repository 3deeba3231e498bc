//! The nouns of mail.
//!
//! Responsible for: domains, addresses and paths, envelopes and their DSN parameters, ids, status codes and replies,
//! the header scan, the trace headers we write, and the text of delivery status notifications.
//!
//! Refuses to know: sockets, files, clocks, randomness, logs, and what anybody may do. Everything here is a value or a
//! pure function; a value that exists is valid, so nobody inside checks it again.
//!
//! The letter goes next to [`smtp`](../smtp/index.html), where these nouns are spoken.

mod address;
mod address_list;
mod census;
mod domain;
mod dsn;
mod envelope;
mod field;
mod header;
mod id;
mod mechanism;
mod seven_bit;
mod status;
mod subject;
mod time;
mod tolerance;
mod trace;
mod transfer;

pub use address::{ForwardPath, Host, LocalPart, Mailbox, MailboxError, MailboxFault, ReversePath, put_ip};
pub use domain::{Domain, DomainError, DomainPattern};
pub use dsn::{Action, Charset, Notice, Original, Told};
pub use envelope::{BodyType, DsnReturn, MailParams, Notify, RcptParams};
pub use header::{HEADER_OCTETS_MAX, HeaderEnd, HeaderScan, Originator, ScannedHeaders, TransferEncoding};
pub use id::{AttemptId, EventId, IdError, MessageId, SessionId};
pub use mechanism::{Mechanism, Mechanisms};
pub use seven_bit::to_seven_bit;
pub use status::{EnhancedCode, Reply, Severity};
pub use subject::{SubjectKind, SubjectName, SubjectNameError};
pub use time::Timestamp;
pub use tolerance::Tolerances;
pub use trace::{Greeting, Received, ReceivedWith, message_id, missing_fields, passages};
