//! What of a grant stands on its department's list.

use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::form::{Authentication, Contact, Form, Request};
use crate::store::Kept;

/// Characters of each part: a list is read, and has many lines.
const PART_MAX: usize = 160;

/// A grant as its head sees it, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shown {
    /// `pc-1042`.
    pub id: String,
    /// What it is, and where.
    pub what: String,
    /// How it is known, and whom it may send as and to.
    pub may: String,
    /// Where it stands, by its code.
    pub state: String,
    /// The same in words.
    pub stands: String,
    /// Who answers for it.
    pub owner: String,
    /// Who operates it.
    pub technical: String,
    /// Who asked for it.
    pub requestor: String,
    /// The day of its last message; empty where there was none.
    pub last: String,
    /// How much it was to send.
    pub volume: String,
    /// Its last day.
    pub until: String,
}

impl Shown {
    /// A grant as it is now; `request` is what its form means, where it can be read.
    #[must_use]
    pub fn of(kept: &Kept, request: Option<&Request>, calendar: &Calendar) -> Self {
        let (form, case) = (&kept.form, &kept.case);
        let date = |at: Option<mail::Timestamp>| at.map(|at| calendar.date(at)).unwrap_or_default();
        let owner = match form.owner.email.trim() {
            "" => &form.requestor,
            _ => &form.owner,
        };
        Self {
            id: kept.id.to_string(),
            what: part(&what(form)),
            may: part(&may(kept, request)),
            state: reviewed(case.state.code(), case.unreviewed),
            stands: reviewed(case.state.in_words(), case.unreviewed),
            owner: part(&person(owner)),
            technical: part(&person(&form.technical)),
            requestor: part(&person(&form.requestor)),
            last: date(case.last_accepted),
            volume: match form.volume.per_day {
                0 => String::new(),
                per_day => format!("up to {per_day} messages a day"),
            },
            until: date(case.until),
        }
    }

    /// As lines of plain text, the first of which names it.
    #[must_use]
    pub fn lines(&self) -> String {
        let last = if self.last.is_empty() { "never" } else { &self.last };
        let volume = match &*self.volume {
            "" => String::new(),
            volume => format!("; {volume} were asked for"),
        };
        let mut lines = vec![
            format!("{}: {}", self.id, self.what),
            self.may.clone(),
            format!("{}; until {}, last message {last}{volume}", self.stands, self.until),
            format!("answers for it: {}; operates it: {}", self.owner, self.technical),
        ];
        if self.requestor != self.owner {
            lines.push(format!("asked for by {}", self.requestor));
        }
        lines.join("\n")
    }
}

fn what(form: &Form) -> String {
    let device = match form.device.trim() {
        "" => "device",
        device => device,
    };
    let mut what = device.to_owned();
    if !form.model.trim().is_empty() {
        what.push_str(&format!(", {}", form.model.trim()));
    }
    if !form.location.trim().is_empty() {
        what.push_str(&format!(", {}", form.location.trim()));
    }
    match (form.address.trim(), form.host.trim()) {
        ("", "") => what,
        (address, "") => format!("{what} {address}"),
        ("", host) => format!("{what} {host}"),
        (address, host) => format!("{what} {address} ({host})"),
    }
}

fn may(kept: &Kept, request: Option<&Request>) -> String {
    let form = &kept.form;
    let known = match request.map(|request| request.authentication) {
        Some(Authentication::None) => format!("is known by its address {} alone, without a login", form.address.trim()),
        Some(Authentication::Password) => format!("logs in as {} with a password", kept.id),
        Some(Authentication::OAuth2) => format!("logs in as {} with a token", kept.id),
        Some(Authentication::Directory) => "logs in with a password of the directory".to_owned(),
        Some(Authentication::Certificate) => "shows a certificate".to_owned(),
        None => "its form can no longer be read".to_owned(),
    };
    let to = match form.recipients.is_empty() {
        true => "our own domains".to_owned(),
        false => form.recipients.join(", "),
    };
    format!("{known}; sends as {} to {to}", form.senders.join(", "))
}

fn reviewed(state: &str, unreviewed: bool) -> String {
    match unreviewed {
        true => format!("{state}, imported and not reviewed"),
        false => state.to_owned(),
    }
}

fn person(contact: &Contact) -> String {
    match (contact.name.trim(), contact.email.trim()) {
        ("", "") => "nobody".to_owned(),
        ("", email) => email.to_owned(),
        (name, email) => format!("{name} <{email}>"),
    }
}

/// One line, and not too long: what somebody filled in does not break a list apart.
fn part(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect();
    match plain.char_indices().nth(PART_MAX) {
        Some((cut, _)) => format!("{}…", plain.get(..cut).unwrap_or_default()),
        None => plain,
    }
}
