//! The story of a decision, for people and for scripts.

use std::fmt::Write;

use inbound::reply::{self, Occasion};
use mail::{EventId, Reply};
use policy::{
    Check, Explanation, Finding, Grant, Ground, Listener, NearMiss, Place, Reason, Scope, Snapshot, Step, Verdict,
};

use super::Case;
use super::conditions::{code, is_lookup, remedy, shown_by, words};

/// Everything the story is made of.
pub(super) struct Story<'s> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) case: &'s Case,
    pub(super) file: &'s str,
    pub(super) explanation: &'s Explanation<'s>,
}

/// One line of the story: of what, what it is, what was found, where it is declared.
struct Row {
    of: &'static str,
    what: String,
    found: String,
    place: Option<Place>,
}

impl Row {
    fn new(of: &'static str, what: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            of,
            what: what.into(),
            found: found.into(),
            place: None,
        }
    }

    fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
}

impl Story<'_> {
    /// For people.
    pub(super) fn text(&self) -> String {
        let case = self.case;
        let login = case
            .login
            .as_ref()
            .map(|login| format!(", logged in as `{login}`,"))
            .or_else(|| Some(format!(", with certificate {},", case.certificate.first()?)))
            .unwrap_or_default();
        let listener = self.listener().map_or("?", |listener| &listener.name);
        let mut text = format!(
            "Would {}{login} on `{listener}` be allowed to send from {} to {}?\n\n{}\n\n",
            case.client,
            bare(&case.sender),
            bare(&case.recipient),
            self.headline()
        );
        let rows = self.rows();
        let width = rows
            .iter()
            .map(|row| row.what.chars().count())
            .max()
            .unwrap_or(0)
            .min(44);
        for row in &rows {
            let _ = writeln!(text, "  {}", self.line(row, width).trim_end());
        }
        text.push_str("\n  looked at, in this order\n");
        for step in &self.explanation.steps {
            let _ = writeln!(text, "    {:<52} {}", words(step.check), found(*step));
        }
        text.push_str("\n  Taken for granted: a small, harmless message, and a sender within all limits.\n");
        text
    }

    fn line(&self, row: &Row, width: usize) -> String {
        let place = row
            .place
            .map(|place| format!("   {}", self.place(place)))
            .unwrap_or_default();
        format!("{:<10} {:<width$}   {}{place}", row.of, row.what, row.found)
    }

    fn place(&self, place: Place) -> String {
        format!("{}:{}", self.file, place.line)
    }

    fn listener(&self) -> Option<&Listener> {
        self.snapshot.listener(self.case.listener)
    }

    fn headline(&self) -> String {
        let decision = &self.explanation.decision;
        match decision.verdict {
            Verdict::Accept => format!("YES  [{}]", decision.reason),
            Verdict::Hold(why) => format!("YES, and held until a new decision  [{why}]"),
            Verdict::Quarantine(why) => format!("YES, and set aside for review  [{why}]"),
            Verdict::Defer(_) => format!("NOT NOW  {}", self.reply_text()),
            Verdict::Refuse(_) => format!("NO   {}", self.reply_text()),
        }
    }

    /// What the client would read; `None` where it would read 250.
    fn reply(&self) -> Option<Reply> {
        let decision = &self.explanation.decision;
        let occasion = Occasion {
            client: self.case.client,
            grant: decision.grant(self.snapshot),
            logged_in: self.case.login.is_some(),
            sender: Some(&self.case.sender),
            recipient: Some(&self.case.recipient),
        };
        let event = EventId::new(0);
        let accepted = decision.verdict.accepts();
        (!accepted).then(|| reply::refusal(self.snapshot, decision.verdict, decision.reason, &occasion, event))
    }

    /// The reply without the event id it would carry.
    fn reply_text(&self) -> String {
        let event = EventId::new(0);
        let text = self.reply().map_or_else(String::new, |reply| reply.to_string());
        text.replace(&format!(" {event}]"), "]")
            .replace(&format!("/{event}"), "/...")
    }

    fn rows(&self) -> Vec<Row> {
        let case = self.case;
        let mut rows = vec![self.listener_row()];
        rows.push(self.basis_row());
        rows.push(Row::new(
            "sender",
            bare(&case.sender),
            self.about(&SENDER, "any sender"),
        ));
        rows.push(Row::new("recipient", bare(&case.recipient), self.about_recipient()));
        if let Some(step) = self.other_stop() {
            rows.push(Row::new("condition", words(step.check), found(step)));
        }
        rows.extend(self.explanation.nearest.as_ref().map(nearest_row));
        rows
    }

    fn listener_row(&self) -> Row {
        let Some(listener) = self.listener() else {
            return Row::new("listener", "?", "");
        };
        let zone = listener
            .zone
            .as_ref()
            .map(|zone| format!(", zone {zone}"))
            .unwrap_or_default();
        let what = format!("{} ({}{zone})", listener.name, listener.role.name());
        let found = match (&listener.zone, self.stopped_at(&[Check::ClientInZone])) {
            (_, Some(_)) => format!("REFUSED: {} is outside of the zone", self.case.client),
            (Some(_), None) => format!("{} is inside the zone", self.case.client),
            (None, None) => String::new(),
        };
        Row::new("listener", what, found).at(listener.place)
    }

    fn basis_row(&self) -> Row {
        match self.explanation.decision.ground {
            Some(Ground::Grant(index)) => match self.snapshot.grant(index) {
                Some(grant) => grant_row(grant),
                None => Row::new("basis", "?", ""),
            },
            Some(Ground::Route(Some(index))) => match self.snapshot.route(index) {
                Some(route) => {
                    Row::new("basis", format!("route {}", route.name), "takes the recipient's domain").at(route.place)
                }
                None => Row::new("basis", "?", ""),
            },
            Some(Ground::Route(None)) => Row::new("basis", "role address", "always reachable"),
            Some(Ground::Forward(index)) => match self.snapshot.forward(index) {
                Some(forward) => Row::new(
                    "basis",
                    format!("forward {}", forward.name),
                    format!(
                        "{}, until {}, to {}",
                        forward.owner,
                        forward.until.to_date(),
                        forward.to
                    ),
                )
                .at(forward.place),
                None => Row::new("basis", "?", ""),
            },
            None => Row::new("basis", "none", self.no_basis()),
        }
    }

    fn no_basis(&self) -> &'static str {
        match (&self.case.login, self.explanation.decision.reason) {
            (Some(_), Reason::LoginWithoutGrant) => "no grant is bound to this login",
            (None, Reason::LoginRequired) => "this listener asks for a login first",
            (_, Reason::NotOurDomain) => "only mail for our own domains comes in here",
            _ => "no grant is bound to this client",
        }
    }

    /// What was found about some conditions: the refusal among them, else that they hold, else `otherwise`.
    fn about(&self, checks: &[Check], otherwise: &'static str) -> String {
        if let Some(reason) = self.stopped_at(checks) {
            return format!("REFUSED: {}", self.refused(reason));
        }
        let looked = |check| self.explanation.steps.iter().any(|step| step.check == check);
        match checks.iter().copied().find(|check| looked(*check)) {
            Some(check) => words(check).to_owned(),
            None if self.explanation.decision.verdict.accepts() => otherwise.to_owned(),
            None => "was not looked at".to_owned(),
        }
    }

    /// Whose the recipient is may be the whole reason, without a condition of its own.
    fn about_recipient(&self) -> String {
        let whose = self.explanation.steps.last().map(|step| step.check) == Some(Check::OwnDomain);
        let decision = &self.explanation.decision;
        match decision.reason {
            Reason::NoGrant if whose => format!("REFUSED: {}", self.refused(Reason::NotOurDomain)),
            reason if whose && !decision.verdict.accepts() => format!("REFUSED: {}", self.refused(reason)),
            _ => self.about(&RECIPIENT, "takes mail from everybody"),
        }
    }

    fn refused(&self, reason: Reason) -> String {
        let grant = self.explanation.decision.grant(self.snapshot);
        match (reason, grant.map(|grant| &grant.scope)) {
            (Reason::RecipientOutsideScope, Some(Scope::Internal)) => {
                "the grant allows internal recipients only".to_owned()
            }
            (Reason::RecipientOutsideScope, Some(_)) => "the grant does not reach this domain".to_owned(),
            (Reason::SenderNotGranted, Some(_)) => "the grant has other senders".to_owned(),
            (Reason::SenderNotGranted, None) => "without a grant only our own senders pass here".to_owned(),
            (Reason::SenderIsOurs, _) => "one of us, coming from outside".to_owned(),
            (Reason::NoSuchRecipient, _) => "nobody here has this address".to_owned(),
            (Reason::NotOurDomain, _) => "another organisation".to_owned(),
            (Reason::AddressForm, _) => "an address of a form that only relay testers use".to_owned(),
            (reason, _) => reason.code().to_owned(),
        }
    }

    fn stopped_at(&self, checks: &[Check]) -> Option<Reason> {
        self.explanation.steps.iter().find_map(|step| match step.finding {
            Finding::Stop(_, reason) if checks.contains(&step.check) => Some(reason),
            _ => None,
        })
    }

    /// A refusal that is about neither zone, sender nor recipient.
    fn other_stop(&self) -> Option<Step> {
        let told = |check| check == Check::ClientInZone || SENDER.contains(&check) || RECIPIENT.contains(&check);
        let mut steps = self.explanation.steps.iter().copied();
        steps.find(|step| matches!(step.finding, Finding::Stop(..) | Finding::Mark(_)) && !told(step.check))
    }

    /// For scripts.
    pub(super) fn json(&self) -> serde_json::Value {
        let decision = &self.explanation.decision;
        let rows: serde_json::Map<String, serde_json::Value> = self
            .rows()
            .into_iter()
            .map(|row| {
                let place = row.place.map(|place| self.place(place));
                (
                    row.of.to_owned(),
                    serde_json::json!({ "what": row.what, "found": row.found, "place": place }),
                )
            })
            .collect();
        let steps: Vec<_> = self
            .explanation
            .steps
            .iter()
            .map(|step| serde_json::json!({ "check": code(step.check), "found": found(*step) }))
            .collect();
        let nearest = self.explanation.nearest.as_ref().map(|miss| {
            serde_json::json!({
                "grant": &*miss.grant.name,
                "selected": miss.selected,
                "missing": miss.missing.iter().map(|check| code(*check)).collect::<Vec<_>>(),
                "place": self.place(miss.grant.place),
            })
        });
        serde_json::json!({
            "accepted": decision.verdict.accepts(),
            "verdict": verdict(decision.verdict),
            "reason": decision.reason.code(),
            "reply": self.reply().map(|_| self.reply_text()),
            "story": rows,
            "steps": steps,
            "nearest": nearest,
        })
    }
}

/// Conditions about the sender, the most telling first.
const SENDER: [Check; 4] = [
    Check::SenderGranted,
    Check::FromGranted,
    Check::SenderNotOurs,
    Check::SenderIsOurs,
];
/// Conditions about the recipient, the most telling first.
const RECIPIENT: [Check; 4] = [
    Check::RecipientExists,
    Check::RecipientInScope,
    Check::ForwardNotEnded,
    Check::RecipientForm,
];

/// A path as people write it, without brackets.
fn bare(path: &impl ToString) -> String {
    let text = path.to_string();
    match text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) {
        Some(inner) if !inner.is_empty() => inner.to_owned(),
        _ => text,
    }
}

fn grant_row(grant: &Grant) -> Row {
    let what = format!("grant {}, {}", grant.name, shown_by(grant));
    let found = format!("{}, {}, until {}", grant.owner, grant.contact, grant.until.to_date());
    Row::new("basis", what, found).at(grant.place)
}

fn nearest_row(miss: &NearMiss<'_>) -> Row {
    let grant = miss.grant;
    let mut needs: Vec<String> = Vec::new();
    if !miss.selected {
        needs.push(shown_by(grant));
    }
    needs.extend(miss.missing.iter().map(|check| remedy(*check, grant)));
    let found = format!("would allow this {}", needs.join(", and "));
    Row::new("nearest", format!("grant {}", grant.name), found).at(grant.place)
}

fn found(step: Step) -> String {
    match step.finding {
        Finding::Pass if is_lookup(step.check) => "looked up".to_owned(),
        Finding::Pass => "yes".to_owned(),
        Finding::NotYet => "known only when the message comes".to_owned(),
        Finding::Mark(marked) => format!("accepted, with a mark: {}", verdict(marked)),
        Finding::Stop(_, reason) => format!("NO [{reason}]"),
    }
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Hold(_) => "hold",
        Verdict::Quarantine(_) => "quarantine",
        Verdict::Defer(_) => "defer",
        Verdict::Refuse(_) => "refuse",
    }
}
