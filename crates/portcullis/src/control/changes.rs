//! Changes of the queue by an operator, with their testimony.

use std::fmt;
use std::sync::Arc;

use ledger::{Entry, Event, Words};
use mail::{EventId, ForwardPath, MessageId};
use policy::{Basis, Name, Reason};
use serde_json::{Value, json};
use spool::{Change, ChangeError, Filter, Holder, Selector, State, Summary, Testify};

use super::Desk;
use super::desk::PAGE;
use super::protocol::{Act, Select};
use super::release::{Judged, Release, is_judged};
use super::serve::{Out, Unanswered};
use crate::story::bare;

/// What is left alone is explained for this many recipients; the rest is counted.
const KEPT_EXPLAINED_MAX: usize = 20;
/// The reason in testimony where the operator named none.
const UNSAID: &str = "no reason was given";

/// Who changes the queue.
pub(super) struct Operator(Name);

impl Operator {
    /// The kernel vouches for the user id, the name is what the command said.
    pub(super) fn new(uid: u32, name: Option<&str>) -> Self {
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
        let name: String = name.unwrap_or_default().chars().filter(plain).take(64).collect();
        let text = if name.is_empty() {
            format!("uid {uid}")
        } else {
            format!("{name} (uid {uid})")
        };
        Self(text.into())
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A recipient that a change is about; `None` stands for all of a message.
struct Concerned {
    message: MessageId,
    rcpt: Option<String>,
}

/// A recipient that a release leaves alone.
pub(super) struct Kept {
    pub(super) message: MessageId,
    pub(super) rcpt: String,
    pub(super) why: String,
}

#[derive(Default)]
struct Survey {
    concerned: Vec<Concerned>,
    /// What a release frees only on a new decision.
    judged: Vec<Judged>,
    kept: Vec<Kept>,
    kept_count: u64,
}

/// Carries out a change and testifies to it.
pub(super) async fn change(
    desk: &Desk,
    by: &Operator,
    select: &Select,
    act: Act,
    reason: Option<&str>,
    out: &mut Out<'_>,
) -> Result<Value, Unanswered> {
    let selector = select.selector().map_err(|error| error.to_string())?;
    // Looked at before the change: afterwards nobody can tell which ones it changed.
    let mut survey = survey(desk, &selector, act).await;
    if act == Act::Retry {
        (desk.wake)();
    }
    let change = as_change(desk, by, act);
    let record = OnRecord::new(desk, by, act, reason);
    let carried_out = match record.testify() {
        Some(testify) => desk.dispatch.change_on_record(selector.clone(), change, testify).await,
        None => desk.dispatch.change(selector.clone(), change).await,
    };
    let mut changed = match carried_out {
        Ok(changed) => changed,
        Err(ChangeError::NoSuch(_)) => 0,
        Err(error) => return Err(format!("nothing was changed: {error}").into()),
    };
    if changed > 0 {
        record.tell(desk, &survey.concerned).await;
    }
    let judged = std::mem::take(&mut survey.judged);
    let release = Release::new(desk, by, reason.unwrap_or(UNSAID), &selector);
    changed += release.carry_out(&judged, |kept| survey.keep(kept)).await;
    // Whoever hears that it is done can count on its being on record: mail that an operator took out leaves no other trace.
    desk.recorder.ledger.flush().await;
    if changed > 0 {
        let fields = json!({ "by": by.to_string(), "what": select.to_string(), "recipients": changed });
        desk.recorder
            .journal
            .note(desk.now(), &format!("operator.{}", word(act)), &fields);
    }
    for kept in &survey.kept {
        out.item(json!({ "id": kept.message.to_string(), "to": kept.rcpt, "kept": kept.why }))
            .await?;
    }
    Ok(json!({ "changed": changed, "kept": survey.kept_count }))
}

fn as_change(desk: &Desk, by: &Operator, act: Act) -> Change {
    match act {
        Act::Hold { for_secs } => Change::Hold {
            reason: Reason::HeldByOperator,
            by: Holder::Operator(by.0.clone()),
            until: for_secs.map(|secs| desk.now().plus(std::time::Duration::from_secs(secs))),
        },
        Act::Release => Change::Release,
        Act::Retry => Change::RetryNow,
        Act::Remove => Change::Remove,
        Act::Bounce => Change::Bounce,
    }
}

const fn word(act: Act) -> &'static str {
    match act {
        Act::Hold { .. } => "hold",
        Act::Release => "release",
        Act::Retry => "retry",
        Act::Remove => "remove",
        Act::Bounce => "bounce",
    }
}

/// What a change is for a recipient in some state.
enum Fit {
    Applies,
    /// Only a new decision frees it.
    Judged,
    Not,
}

fn fit(act: Act, state: &State) -> Fit {
    let applies = match (act, state) {
        (_, State::Done { .. }) => false,
        (Act::Hold { .. }, state) => matches!(state, State::Ready | State::Deferred { .. }),
        (Act::Release, state) if is_judged(state) => return Fit::Judged,
        (Act::Release, state) => matches!(state, State::Held { .. }),
        (Act::Retry, state) => matches!(state, State::Deferred { .. }),
        (Act::Remove | Act::Bounce, _) => true,
    };
    if applies { Fit::Applies } else { Fit::Not }
}

async fn survey(desk: &Desk, selector: &Selector, act: Act) -> Survey {
    let mut survey = Survey::default();
    match selector {
        Selector::Ids(ids) => {
            for id in ids {
                // The one behind the id before it, if it is the id itself.
                let after = id.number().checked_sub(1).map(MessageId::new);
                let found = desk.view.list(
                    &Filter {
                        after,
                        ..Filter::default()
                    },
                    1,
                );
                if let Some(summary) = found.first().filter(|summary| summary.id == *id) {
                    survey.add(desk, selector, act, summary).await;
                }
            }
        }
        _ => {
            let mut filter = filter_of(selector);
            loop {
                let page = desk.view.page(&filter, PAGE).await;
                for summary in &page {
                    survey.add(desk, selector, act, summary).await;
                }
                let Some(last) = page.last() else { break };
                filter.after = Some(last.id);
                tokio::task::yield_now().await;
            }
        }
    }
    survey
}

fn filter_of(selector: &Selector) -> Filter {
    let mut filter = Filter::default();
    match selector {
        Selector::Sender(sender) => filter.sender = Some(sender.clone()),
        Selector::Grant(grant) => filter.grant = Some(grant.clone()),
        Selector::RecipientDomain(domain) => filter.recipient_domain = Some(domain.clone()),
        Selector::Ids(_) | Selector::All => {}
    }
    filter
}

impl Survey {
    async fn add(&mut self, desk: &Desk, selector: &Selector, act: Act, summary: &Summary) {
        let granted = granted(desk, selector, summary).await;
        let open = summary.recipients.iter().filter(|(_, state)| !state.is_done()).count();
        let mut concerned = Vec::new();
        for ((place, recipient), (path, state)) in (0u32..).enumerate().zip(&summary.recipients) {
            let selected = match selector {
                Selector::RecipientDomain(domain) => path.mailbox().and_then(mail::Mailbox::domain) == Some(domain),
                Selector::Grant(_) => granted.as_ref().is_none_or(|granted| granted.contains(&place)),
                Selector::Ids(_) | Selector::Sender(_) | Selector::All => true,
            };
            if !selected {
                continue;
            }
            match fit(act, state) {
                Fit::Applies => concerned.push(bare(&path.to_string())),
                Fit::Judged => self.judged.push(Judged {
                    message: summary.id,
                    recipient,
                }),
                Fit::Not => {}
            }
        }
        if concerned.len() == open && open > 0 {
            self.concerned.push(Concerned {
                message: summary.id,
                rcpt: None,
            });
        } else {
            let each = concerned.into_iter().map(|rcpt| Concerned {
                message: summary.id,
                rcpt: Some(rcpt),
            });
            self.concerned.extend(each);
        }
    }

    fn keep(&mut self, kept: Kept) {
        self.kept_count += 1;
        if self.kept.len() < KEPT_EXPLAINED_MAX {
            self.kept.push(kept);
        }
    }
}

/// Which recipients stand on the selected grant; `None` where all do. A list does not say, the whole story does.
async fn granted(desk: &Desk, selector: &Selector, summary: &Summary) -> Option<Vec<usize>> {
    let Selector::Grant(grant) = selector else { return None };
    if summary.recipients.len() < 2 {
        return None;
    }
    let story = desk.view.get(summary.id).await.ok().flatten()?;
    let on_it = story.recipients.iter().enumerate();
    Some(
        on_it
            .filter(|(_, one)| one.basis == Basis::Grant(grant.clone()))
            .map(|(place, _)| place)
            .collect(),
    )
}

/// What the ledger is told of one change; the same, recipient by recipient, is stored with the change itself.
#[derive(Clone)]
struct OnRecord {
    event: fn(Box<ledger::Change>) -> Event,
    change: EventId,
    by: Words,
    reason: Words,
    is_told: bool,
}

impl OnRecord {
    fn new(desk: &Desk, by: &Operator, act: Act, reason: Option<&str>) -> Self {
        let (event, unsaid): (fn(Box<ledger::Change>) -> Event, &str) = match act {
            Act::Hold { .. } => (Event::Held, Reason::HeldByOperator.code()),
            Act::Remove => (Event::Removed, UNSAID),
            Act::Release | Act::Retry | Act::Bounce => (Event::Released, UNSAID),
        };
        Self {
            event,
            change: desk.admission.ids().event(),
            by: Words::of(by),
            reason: Words::new(reason.unwrap_or(unsaid)),
            // What comes of these is testified to by the attempt that follows.
            is_told: !matches!(act, Act::Retry | Act::Bounce),
        }
    }

    fn event(&self, message: MessageId, rcpt: Option<&str>) -> Event {
        (self.event)(Box::new(ledger::Change {
            message,
            change: Some(self.change),
            rcpt: rcpt.map(Words::new),
            by: self.by.clone(),
            reason: self.reason.clone(),
        }))
    }

    /// What is stored.
    fn testify(&self) -> Option<Testify> {
        let record = self.clone();
        let testify = move |message: MessageId, to: &ForwardPath| {
            let event = record.event(message, Some(&bare(&to.to_string())));
            Entry::of(&event).json().clone()
        };
        self.is_told.then(|| Arc::new(testify) as Testify)
    }

    async fn tell(&self, desk: &Desk, concerned: &[Concerned]) {
        for one in concerned.iter().filter(|_| self.is_told) {
            let event = self.event(one.message, one.rcpt.as_deref());
            desk.recorder.testify(event).await;
        }
    }
}

/// Stops delivering what is selected.
pub(super) async fn suspend(desk: &Desk, by: &Operator, select: &Select) -> Result<Value, Unanswered> {
    let selector = select.selector().map_err(|error| error.to_string())?;
    if matches!(selector, Selector::Ids(_)) {
        let why = "single messages are not suspended; `portcullis queue hold --id ...` holds them";
        return Err(why.to_owned().into());
    }
    desk.dispatch
        .suspend(selector)
        .await
        .map_err(|error| format!("nothing was suspended: {error}"))?;
    Ok(note(desk, by, "operator.suspend", select))
}

/// Ends a suspension.
pub(super) async fn resume(desk: &Desk, by: &Operator, select: &Select) -> Result<Value, Unanswered> {
    let selector = select.selector().map_err(|error| error.to_string())?;
    if !desk.view.suspended().contains(&selector) {
        return Err(format!("{select} is not suspended; `portcullis queue counts` shows what is").into());
    }
    desk.dispatch
        .resume(selector)
        .await
        .map_err(|error| format!("nothing was resumed: {error}"))?;
    Ok(note(desk, by, "operator.resume", select))
}

fn note(desk: &Desk, by: &Operator, event: &str, select: &Select) -> Value {
    let fields = json!({ "by": by.to_string(), "what": select.to_string() });
    desk.recorder.journal.note(desk.now(), event, &fields);
    json!({ "suspended": desk.view.suspended().iter().map(|one| super::desk::to_value(Select::of(one))).collect::<Vec<_>>() })
}
