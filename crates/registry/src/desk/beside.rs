//! What is kept of a step beside who took it, when, and what was said.

use serde_json::json;

use super::hex;
use crate::acknowledgement::ACKNOWLEDGEMENTS;
use crate::form::Form;
use crate::life::Event;
use crate::link::TokenHash;

/// What is kept beside a step.
#[derive(Default)]
pub(super) struct Beside<'a> {
    /// What is asked for from now on, where that changed.
    pub(super) form: Option<&'a Form>,
    /// As JSON.
    pub(super) evidence: Option<serde_json::Value>,
    /// The link by which the step was caused.
    pub(super) link: Option<&'a TokenHash>,
    /// The revision it was decided at, where it depends on other cases.
    pub(super) seen: Option<u64>,
}

impl Beside<'_> {
    pub(super) fn evidence(evidence: serde_json::Value) -> Self {
        Self {
            evidence: Some(evidence),
            ..Self::default()
        }
    }

    /// What people decided is kept word by word.
    pub(super) fn of(event: &Event) -> Self {
        let evidence = match event {
            Event::Acknowledge(signature) => json!({
                "words": ACKNOWLEDGEMENTS,
                "version": signature.words.to_string(),
                "name": signature.name,
                "form_sha256": hex(&signature.request),
            }),
            Event::Complete { until } | Event::Review { until } | Event::Renew { until } => {
                json!({ "until": until.to_rfc3339() })
            }
            Event::Decide { risk, controls, until } => json!({
                "risk": format!("{risk:?}").to_ascii_lowercase(),
                "controls": controls,
                "until": until.to_rfc3339(),
            }),
            _ => return Self::default(),
        };
        Self::evidence(evidence)
    }
}
