//! The registry as people and rules use it: every call takes one step of one case, and keeps it.

mod again;
mod attest;
mod beside;
mod contacts;
mod credentials;
mod error;
mod import;
mod known;
mod links;
mod lists;
mod past;
mod pinned;
mod successor;
mod sweep;
#[cfg(test)]
mod tests;
mod troubles;

use std::collections::BTreeMap;
use std::time::Duration;

use mail::{DomainPattern, Timestamp};
use policy::Grant;
use serde_json::json;

use crate::actor::{Actor, Person};
use crate::attestation::{Heads, YearlyDay};
use crate::calendar::Calendar;
use crate::case::{Case, Track};
use crate::check::Check;
use crate::form::{Form, House, Remark, Request, Weight};
use crate::grant::KnownBy;
use crate::life::{Deadline, Event, State, due, next_due, step};
use crate::network::{Colour, Finding, Machine, Names, Network, Widest, hindering, one_machine};
use crate::store::{CaseId, Kept, Store, StoreError, Taking};
use crate::terms::Terms;
use beside::Beside;
use known::Known;

pub use attest::AnswerTo;
pub use error::DeskError;
pub use import::NotImported;
pub use past::Granted;

/// Tries when somebody else was faster.
const TRIES: u32 = 5;
/// For how long it counts who spoke through a grant.
const SEEN_LATELY: Duration = Duration::from_secs(7 * 86_400);

/// What the organisation says.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Its own mail domains.
    pub domains: Vec<DomainPattern>,
    /// How long everything may take.
    pub terms: Terms,
    /// When it works.
    pub calendar: Calendar,
    /// What is known of its network.
    pub network: Network,
    /// How wide a grant may be.
    pub widest: Widest,
    /// The zone that devices which cannot log in have to stand in, where there is one.
    pub device_zone: Option<Box<str>>,
    /// Times of which it is not known whether mail came; in order.
    pub gaps: Vec<(Timestamp, Timestamp)>,
    /// The heads of departments.
    pub heads: Heads,
    /// The day of the year on which each head gets the list of their department; never, where there is none.
    pub attestation: Option<YearlyDay>,
}

/// The registry.
#[derive(Debug)]
pub struct Desk<S> {
    store: S,
    rules: Rules,
    known: Known,
    /// The day of which every list was made already.
    listed: Option<Timestamp>,
    /// When lists were looked after last.
    lists_looked_at: Option<Timestamp>,
}

impl<S: Store> Desk<S> {
    /// Over a store, under these rules.
    pub fn new(store: S, rules: Rules) -> Self {
        Self {
            store,
            rules,
            known: Known::default(),
            listed: None,
            lists_looked_at: None,
        }
    }

    /// Lets other rules hold.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
        // What forms mean may be something else now.
        self.known = Known::default();
        self.listed = None;
        self.lists_looked_at = None;
    }

    /// The last instant at which a grant may hold that is given now.
    pub fn longest(&self, now: Timestamp) -> Timestamp {
        now.plus(Duration::from_secs(86_400) * self.rules.terms.longest)
    }

    /// Lets these be the times of which it is not known whether mail came; in order.
    pub fn set_gaps(&mut self, gaps: Vec<(Timestamp, Timestamp)>) {
        self.rules.gaps = gaps;
    }

    /// What is kept.
    pub const fn store(&mut self) -> &mut S {
        &mut self.store
    }

    /// Keeps a draft, whatever is still wrong with it; the remarks say what is.
    pub fn request(
        &mut self,
        scope: &str,
        form: &Form,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(Kept, Vec<Remark>), DeskError> {
        let (request, remarks) = self.read(form, false, now);
        let mut case = Case::draft(
            Track::Authenticated,
            Person::new(&form.requestor.email),
            form.hash(),
            now,
        );
        understand(&mut case, form, request.as_ref());
        let kept = self.store.create(scope, form, &case, actor)?;
        Ok((kept, remarks))
    }

    /// Asks for what a draft says. Refused while a remark on the form blocks it, or a check finds that it can never be.
    pub fn submit(&mut self, id: CaseId, actor: &Actor, now: Timestamp) -> Result<Kept, DeskError> {
        let mut kept = self.get(id)?;
        let (request, mut remarks) = self.read(&kept.form, false, now);
        if let Some(request) = &request {
            let machine = self.machine(request);
            let ours = self.one(Check::Ours, &machine, &Names::default(), &[], now);
            if ours.colour == Colour::Red {
                remarks.push(Remark {
                    field: "address".to_owned(),
                    weight: Weight::Blocks,
                    said: ours.said,
                });
            }
        }
        remarks.extend(self.strangers(&kept.form));
        remarks.extend(self.cannot_replace(&kept, request.as_ref())?);
        if remarks.iter().any(|remark| remark.weight == Weight::Blocks) {
            return Err(DeskError::Form(remarks));
        }
        understand(&mut kept.case, &kept.form, request.as_ref());
        let form_sha256 = hex(&kept.case.request);
        let evidence = match self.after_abuse(&mut kept, now)? {
            Some(former) => json!({ "form_sha256": form_sha256, "stopped_for_abuse": former.to_string() }),
            None => json!({ "form_sha256": form_sha256 }),
        };
        self.keep(&kept, &Event::Submit, actor, now, Beside::evidence(evidence))
    }

    /// Changes what is asked for: an answer to a question, or an edit. What was said about the former text is void. Of a
    /// grant that was set up, only who operates it and who answers for it can change, and they are asked
    /// ([`hand_over`](Self::hand_over)).
    pub fn amend(&mut self, id: CaseId, form: &Form, actor: &Actor, now: Timestamp) -> Result<Kept, DeskError> {
        let mut kept = self.get(id)?;
        let serves = kept.case.state.is_live() && !kept.case.unreviewed;
        if serves && kept.form.differs_by_contacts(form) {
            return self.hand_over(id, form, None, actor, now);
        }
        let (request, remarks) = self.read(form, kept.case.unreviewed, now);
        if request.is_none() && kept.case.state != State::Draft {
            return Err(DeskError::Form(remarks));
        }
        let event = match kept.case.state {
            State::NeedsInformation => Event::Answer { request: form.hash() },
            _ => Event::Amend { request: form.hash() },
        };
        let before = hex(&kept.case.request);
        // The hash itself is the event's to change: it tells that something did.
        let hash = kept.case.request;
        understand(&mut kept.case, form, request.as_ref());
        kept.case.request = hash;
        let evidence = json!({ "form_sha256": hex(&form.hash()), "before": before });
        let beside = Beside {
            form: Some(form),
            ..Beside::evidence(evidence)
        };
        self.keep(&kept, &event, actor, now, beside)
    }

    /// Takes a step.
    pub fn act(&mut self, id: CaseId, event: &Event, actor: &Actor, now: Timestamp) -> Result<Kept, DeskError> {
        self.retried(|desk| {
            let mut kept = desk.get(id)?;
            desk.is_whole(&kept, event, now)?;
            // The abuse may have come to light while the request waited.
            if matches!(event, Event::Complete { .. }) {
                desk.after_abuse(&mut kept, now)?;
            }
            desk.keep(&kept, event, actor, now, Beside::of(event))
        })
    }

    /// Makes the technical checks of a case, and takes the step that follows: what waits goes on, what serves is warned
    /// or stopped where the network is no longer what it was.
    pub fn check(&mut self, id: CaseId, names: &Names, now: Timestamp) -> Result<(Kept, Vec<Finding>), DeskError> {
        self.retried(|desk| desk.check_once(id, names, now))
    }

    fn check_once(&mut self, id: CaseId, names: &Names, now: Timestamp) -> Result<(Kept, Vec<Finding>), DeskError> {
        let kept = self.get(id)?;
        let findings = self.findings(&kept, names, now)?;
        let hinders = hindering(&findings);
        let is_wrong = findings.iter().any(|finding| finding.colour == Colour::Red);
        let event = match kept.case.state {
            State::Approved | State::WaitingNetwork => Event::Checked { red: hinders },
            state if state.admits_mail() && hinders.is_empty() && kept.case.drift.is_some() => Event::Matches,
            // A register that cannot be read for a day suspends nobody.
            // Nor does a network that nobody has compared with what was imported: its review will.
            state if state.admits_mail() && is_wrong && !kept.case.unreviewed => Event::Drifted {
                observed: said(&findings).into(),
                dynamic: self.is_dynamic(&kept, now),
            },
            _ => return Ok((kept, findings)),
        };
        let evidence = json!({ "findings": findings.iter().map(finding).collect::<Vec<_>>() });
        let beside = Beside {
            // Nobody else may have taken the address in between.
            seen: self.known.revision(),
            ..Beside::evidence(evidence)
        };
        let kept = self.keep(&kept, &event, &Actor::rule("checks"), now, beside)?;
        self.remember(&kept, now);
        self.take_place(kept.id, now)?;
        Ok((kept, findings))
    }

    /// Lets time do what it does, to every case; what it did.
    pub fn tick(&mut self, now: Timestamp) -> Result<Vec<(CaseId, Deadline)>, DeskError> {
        let mut happened = Vec::new();
        self.look(now)?;
        let cases = self.known.cases().filter(|(_, case)| self.due(case, now).is_some());
        let cases: Vec<CaseId> = cases.map(|(id, _)| id).collect();
        for id in cases {
            // Read again: mail may have been accepted a moment ago.
            let mut kept = self.get(id)?;
            self.remember(&kept, now);
            while let Some(deadline) = self.due(&kept.case, now) {
                let (event, actor) = (Event::Elapsed(deadline), Actor::rule(deadline.rule()));
                match self.keep(&kept, &event, &actor, now, Beside::default()) {
                    Ok(next) => kept = next,
                    // Somebody answered in this moment: it is looked at again with the next tick.
                    Err(DeskError::Store(StoreError::Changed(_))) => break,
                    Err(why) => return Err(why),
                }
                happened.push((kept.id, deadline));
            }
        }
        for id in self.known.successors() {
            self.take_place(id, now)?;
        }
        self.look_after_lists(now)?;
        Ok(happened)
    }

    /// What a form would mean, and what is to be said about it. Nothing is kept.
    #[must_use]
    pub fn read_form(&self, form: &Form, now: Timestamp) -> (Option<Request>, Vec<Remark>) {
        self.read(form, false, now)
    }

    /// What is asked for, or was approved: the end that was asked for then is past or near by now, and decided elsewhere.
    #[must_use]
    pub fn understood(&self, kept: &Kept, now: Timestamp) -> (Option<Request>, Vec<Remark>) {
        let form = Form {
            until: String::new(),
            ..kept.form.clone()
        };
        self.read(&form, kept.case.unreviewed, now)
    }

    /// What comes next by itself, and when.
    #[must_use]
    pub fn next_due(&self, kept: &Kept) -> Option<(Deadline, Timestamp)> {
        let rules = &self.rules;
        next_due(&kept.case, &rules.terms, &rules.calendar, &rules.gaps)
    }

    /// The rules that hold.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Every grant there is now, for the gates.
    pub fn grants(&mut self, now: Timestamp) -> Result<Vec<Grant>, DeskError> {
        let mut shown: BTreeMap<CaseId, KnownBy> = BTreeMap::new();
        if self.look(now)?.are_shown_elsewhere() {
            for (id, credential) in self.store.live_credentials(now)? {
                shown.entry(id).or_default().learn(&credential.proof);
            }
        }
        Ok(self.known.grants(&shown))
    }

    fn due(&self, case: &Case, now: Timestamp) -> Option<Deadline> {
        let rules = &self.rules;
        due(case, now, &rules.terms, &rules.calendar, &rules.gaps)
    }

    fn get(&mut self, id: CaseId) -> Result<Kept, DeskError> {
        Ok(self.store.get(id)?.ok_or(StoreError::Missing(id))?)
    }

    fn keep(
        &mut self,
        kept: &Kept,
        event: &Event,
        actor: &Actor,
        now: Timestamp,
        beside: Beside<'_>,
    ) -> Result<Kept, DeskError> {
        let step = step(&kept.case, event, actor, now, &self.rules.terms)
            .map_err(|why| DeskError::NoStep { id: kept.id, why })?;
        let evidence = beside.evidence.map(|evidence| evidence.to_string());
        let handed_over = handed_over(kept, event, &step.case);
        let taking = Taking {
            step: &step,
            event,
            actor,
            now,
            form: beside.form.or(handed_over.as_ref()),
            evidence: evidence.as_deref(),
            link: beside.link,
            seen: beside.seen,
        };
        Ok(self.store.take(kept, &taking)?)
    }

    fn retried<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T, DeskError>) -> Result<T, DeskError> {
        let mut tries = 1;
        loop {
            match one(self) {
                Err(DeskError::Store(StoreError::Changed(_) | StoreError::ListChanged(_))) if tries < TRIES => {
                    tries += 1
                }
                done => return done,
            }
        }
    }

    fn read(&self, form: &Form, imported: bool, now: Timestamp) -> (Option<Request>, Vec<Remark>) {
        form.read(House {
            domains: &self.rules.domains,
            now,
            longest: self.rules.terms.longest,
            imported,
        })
    }

    fn machine(&self, request: &Request) -> Machine {
        let zone = self.rules.device_zone.clone();
        Machine {
            at: request.at,
            name: request.host.clone(),
            zone: zone.filter(|_| request.track == Track::Exception),
        }
    }

    fn one(
        &self,
        check: Check,
        machine: &Machine,
        names: &Names,
        others: &[(Box<str>, ipnet::IpNet)],
        now: Timestamp,
    ) -> Finding {
        let network = &self.rules.network;
        network.check(check, machine, names, others, self.rules.widest, now)
    }

    /// Makes the technical checks of a case; no step is taken.
    pub fn findings(&mut self, kept: &Kept, names: &Names, now: Timestamp) -> Result<Vec<Finding>, DeskError> {
        let (request, remarks) = self.understood(kept, now);
        let Some(request) = request else {
            return Err(DeskError::Form(remarks));
        };
        let mut others = self.look(now)?.others(&request.at, kept.id);
        // Whose place it takes has gone when it serves.
        let former = request.replaces.map(|former| former.to_string());
        others.retain(|(name, _)| Some(&**name) != former.as_deref());
        let machine = self.machine(&request);
        let checks = match kept.case.state.is_live() {
            true => Check::WHILE_SERVING.iter(),
            false => Check::BEFORE_SERVING.iter(),
        };
        let mut findings = Vec::new();
        for check in checks {
            findings.push(match check {
                Check::OneMachine => one_machine(&self.store.observed(kept.id, now.minus(SEEN_LATELY))?),
                check => self.one(*check, &machine, names, &others, now),
            });
        }
        Ok(findings)
    }

    /// Whether its address is anybody's by now.
    fn is_dynamic(&self, kept: &Kept, now: Timestamp) -> bool {
        let (request, _) = self.understood(kept, now);
        request.is_none_or(|request| self.rules.network.gives_out(&request.at))
    }
}

/// What a form means for the way its case goes.
fn understand(case: &mut Case, form: &Form, request: Option<&Request>) {
    case.request = form.hash();
    case.requestor = Person::new(&form.requestor.email);
    if let Some(request) = request {
        case.track = request.track;
        case.head = request.head.as_ref().map(|head| Person::new(&head.to_string()));
    }
}

/// The form with its next contacts, where a step is the one by which all have agreed to them.
fn handed_over(kept: &Kept, event: &Event, next: &Case) -> Option<Form> {
    let handover = match event {
        Event::Contacts { to, .. } => to,
        _ => kept.case.handover.as_ref()?,
    };
    let is_done = next.handover.is_none() && next.request == handover.request;
    is_done.then(|| handover.applied(&kept.form))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn finding(finding: &Finding) -> serde_json::Value {
    json!({
        "check": finding.check.code(),
        "colour": format!("{:?}", finding.colour).to_ascii_lowercase(),
        "said": finding.said,
    })
}

/// What is wrong, in words.
fn said(findings: &[Finding]) -> String {
    let wrong = findings.iter().filter(|finding| finding.colour == Colour::Red);
    let lines: Vec<String> = wrong
        .map(|finding| format!("{}: {}", finding.check.code(), finding.said))
        .collect();
    lines.join("\n")
}
