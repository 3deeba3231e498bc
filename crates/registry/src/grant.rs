//! What a case means to the gates.

use std::sync::Arc;

use mail::Mailbox;
use policy::{By, CertificateId, Grant, GrantState, LimitSpec, Place};

use crate::form::{Authentication, Request};
use crate::store::Kept;

/// Messages a day that even the smallest grant may send.
const FLOOR_PER_DAY: u32 = 20;

/// The grant a case is, where it can be one: it was set up and has not ended, and its form can still be read. One that
/// does not serve for now is suspended, so that clients hear that and nothing else. `certificates` are
/// those by which it is shown: without one, a grant by certificate is nobody's yet.
#[must_use]
pub fn grant(kept: &Kept, request: &Request, certificates: &[CertificateId]) -> Option<Grant> {
    let case = &kept.case;
    let until = case.until.filter(|_| case.state.is_live() && case.is_decided())?;
    let name: Arc<str> = kept.id.to_string().into();
    let by = match request.authentication {
        Authentication::None => By::Address(vec![request.at]),
        Authentication::Password | Authentication::OAuth2 => By::Login(name.clone()),
        Authentication::Certificate if certificates.is_empty() => return None,
        Authentication::Certificate => By::Certificate(certificates.to_vec()),
    };
    let networks = match by {
        By::Address(_) => Vec::new(),
        // What was imported may have come from anywhere.
        _ if request.at.prefix_len() == 0 => Vec::new(),
        _ => vec![request.at],
    };
    let state = if case.state.admits_mail() {
        GrantState::Active
    } else {
        GrantState::Suspended(case.state.code().to_owned())
    };
    Some(Grant {
        name,
        owner: request.owner.to_string(),
        contact: contact(request),
        reason: kept.form.purpose.clone(),
        from_time: case.provisioned?,
        until,
        by,
        networks,
        hellos: request.hellos.clone(),
        zone: None,
        listeners: Vec::new(),
        senders: request.senders.clone(),
        header_from: Vec::new(),
        scope: request.scope.clone(),
        class: request.class,
        limits: limits(kept, request),
        tolerances: request.tolerances,
        state,
        place: Place::default(),
    })
}

fn contact(request: &Request) -> Mailbox {
    request.technical.clone()
}

/// What its kind may send, or three times what was asked for where that is less.
fn limits(kept: &Kept, request: &Request) -> LimitSpec {
    let class = request.class.limits();
    let wanted = kept.form.volume.per_day.saturating_mul(3).max(FLOOR_PER_DAY);
    LimitSpec {
        messages_per_day: class.messages_per_day.min(wanted),
        ..class
    }
}
