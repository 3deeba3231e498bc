//! Why the desk does nothing.

use crate::attestation::NoAnswer;
use crate::form::Remark;
use crate::life::NoStep;
use crate::store::{CaseId, StoreError};

/// Why nothing was done, and what leads on.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The form has to be put right first.
    #[error("the form has to be put right first:\n{}", lines(.0))]
    Form(Vec<Remark>),
    /// It is not possible here.
    #[error("{id}: {why}")]
    NoStep {
        /// Which case.
        id: CaseId,
        /// Why.
        why: NoStep,
    },
    /// It is not possible with a grant of the configuration file.
    #[error("{name}: {why}")]
    Pinned {
        /// Which grant.
        name: Box<str>,
        /// Why.
        why: NoStep,
    },
    /// A list is not answered, or made, so.
    #[error(transparent)]
    List(#[from] NoAnswer),
    /// It cannot be imported.
    #[error("it cannot be imported: {why}")]
    NoImport {
        /// Why.
        why: NoStep,
    },
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn lines(remarks: &[Remark]) -> String {
    let lines: Vec<String> = remarks.iter().map(Remark::to_string).collect();
    lines.join("\n")
}
