//! What a case means to the gates.

use std::sync::Arc;

use mail::Mailbox;
use policy::{By, CertificateId, Grant, GrantState, LimitSpec, Name, Place};

use crate::credential::Proof;
use crate::form::{Authentication, Request};
use crate::store::Kept;

/// Messages a day that even the smallest grant may send.
const FLOOR_PER_DAY: u32 = 20;

/// What shows a grant besides its own login: whose it is stands in the rulebook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownBy {
    /// By what certificates are known; each of them shows it.
    pub certificates: Vec<CertificateId>,
    /// The login of a directory.
    pub account: Option<Name>,
}

impl KnownBy {
    /// Learns of a credential that holds. Of several accounts the last one does.
    pub fn learn(&mut self, proof: &Proof) {
        self.certificates.extend(proof.certificate());
        self.account = proof.account().or(self.account.take());
    }

    /// Whether a grant that is shown so is known by it.
    #[must_use]
    pub fn by(&self, authentication: Authentication) -> Option<By> {
        match authentication {
            Authentication::Certificate if self.certificates.is_empty() => None,
            Authentication::Certificate => Some(By::Certificate(self.certificates.clone())),
            Authentication::Directory => self.account.clone().map(By::Login),
            Authentication::Password | Authentication::OAuth2 | Authentication::None => None,
        }
    }
}

/// The grant a case is, where it can be one: it was set up and has not ended, and its form can still be read. One that
/// does not serve for now is suspended, so that clients hear that and nothing else. One by certificate or directory is
/// nobody's before it is known by which.
#[must_use]
pub fn grant(kept: &Kept, request: &Request, shown: &KnownBy) -> Option<Grant> {
    let case = &kept.case;
    let until = case.until.filter(|_| case.state.is_live() && case.is_decided())?;
    let name: Arc<str> = kept.id.to_string().into();
    let by = match request.authentication {
        Authentication::None => By::Address(vec![request.at]),
        Authentication::Password | Authentication::OAuth2 => By::Login(name.clone()),
        Authentication::Certificate | Authentication::Directory => shown.by(request.authentication)?,
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
