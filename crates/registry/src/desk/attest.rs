//! Answers to the yearly lists: every grant on one is still needed, or not.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use mail::Timestamp;
use serde_json::json;
use world::Rng;

use super::{Desk, DeskError, hex};
use crate::actor::{Actor, Person, Role};
use crate::attestation::{Attestation, ListId, ListTaking, Lists, NoAnswer, Outcome, Standing};
use crate::life::{Event, NoStep, State, Step, Suspension, step};
use crate::link::{DeadLink, Link, Purpose, Token, TokenHash, Whence};
use crate::notice::Notice;
use crate::store::{CaseId, Kept, Store, StoreError, Taking};

/// An answer to a list: what is not to be removed is kept.
#[derive(Clone, Copy, Debug)]
pub struct AnswerTo<'a> {
    /// Which list.
    pub list: ListId,
    /// What is no longer needed.
    pub remove: &'a BTreeSet<CaseId>,
    /// Why; who answers in place of the head has to say it.
    pub reason: &'a str,
}

/// The link by which an answer came, where it came by one.
type By<'a> = Option<(&'a TokenHash, &'a Link, &'a Whence)>;

/// What an answer does to one grant.
struct Doing {
    kept: Kept,
    event: Event,
    step: Step,
}

impl<S: Store> Desk<S> {
    /// A list, by its number.
    pub fn list(&mut self, id: ListId) -> Result<Attestation, DeskError> {
        let found = self.store.lists(Lists::One(id))?.pop();
        Ok(found.ok_or(NoAnswer::Missing(id))?)
    }

    /// A link that is about to be sent to the head whom a list asks. It stands in what is returned, and nowhere else.
    pub fn link_to_list(
        &mut self,
        id: ListId,
        address: &str,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<(Token, Link), DeskError> {
        let list = self.list(id)?;
        let first = list.entries.first().ok_or(NoAnswer::Missing(id))?;
        let token = Token::fresh(rng);
        let link = Link {
            case: first.case,
            list: Some(id),
            purpose: Purpose::Attest,
            address: address.trim().into(),
            request: list.hash,
            made: now,
            // As long as anybody waits for the answer, and not less than any other link.
            ends: self.ends_of(&list).max(Purpose::Attest.ends(now, &self.rules.calendar)),
            used: None,
        };
        self.store.keep_link(&token.hash(), &link)?;
        Ok((token, link))
    }

    /// The last instant at which an answer to a list comes in time.
    #[must_use]
    pub fn ends_of(&self, list: &Attestation) -> Timestamp {
        list.asked.plus(crate::life::DAY * self.rules.terms.attestation.3)
    }

    /// The list that a link is about, where it works. To look at it uses nothing up.
    pub fn followed_to_list(
        &mut self,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<(Link, Attestation)>, DeskError> {
        let link = self.store.look_at_link(&token.hash(), now)?;
        let Some(id) = link.list else { return Ok(None) };
        let list = self.list(id)?;
        Ok(Some((link, list)))
    }

    /// Takes the answer of a head who has followed a link. The link is used up with it, or not at all.
    pub fn attest_by_link(
        &mut self,
        token: &Token,
        remove: &BTreeSet<CaseId>,
        reason: &str,
        whence: &Whence,
        now: Timestamp,
    ) -> Result<Attestation, DeskError> {
        let hash = token.hash();
        let link = self.look_at(&hash, &[Purpose::Attest], now)?;
        let list = link.list.ok_or(StoreError::Link(DeadLink::Unknown))?;
        let answer = AnswerTo { list, remove, reason };
        let actor = Actor::human(&link.address, Role::Head);
        let by = Some((&hash, &link, whence));
        self.retried(|desk| desk.attest_once(answer, &actor, by, now))
    }

    /// Takes an answer: of the head who was asked, or of an administrator or security in their place, who say why. Nobody
    /// attests what they asked for themselves: that is handed on.
    pub fn attest(&mut self, answer: AnswerTo<'_>, actor: &Actor, now: Timestamp) -> Result<Attestation, DeskError> {
        self.retried(|desk| desk.attest_once(answer, actor, None, now))
    }

    fn attest_once(
        &mut self,
        answer: AnswerTo<'_>,
        actor: &Actor,
        by: By<'_>,
        now: Timestamp,
    ) -> Result<Attestation, DeskError> {
        let list = self.list(answer.list)?;
        may_answer(&list, &answer, actor)?;
        let mut next = list.clone();
        let mut done = Vec::new();
        let mut own = 0_usize;
        for entry in next.entries.iter_mut().filter(|entry| entry.outcome.is_none()) {
            let kept = self.get(entry.case)?;
            let is_removed = answer.remove.contains(&entry.case);
            entry.outcome = match kept.case.state {
                state if !state.is_live() => Some(Outcome::Ended),
                State::Suspended(Suspension::Abuse) if is_removed => Some(Outcome::LeftToSecurity),
                _ => match self.done_to(kept, &list, is_removed, answer.reason, actor, now) {
                    Ok(doing) => {
                        done.push(doing);
                        Some(if is_removed { Outcome::Removed } else { Outcome::Kept })
                    }
                    Err(NoStep::OwnRequest { .. }) => {
                        own += 1;
                        None
                    }
                    Err(why) => return Err(DeskError::NoStep { id: entry.case, why }),
                },
            };
        }
        if own > 0 && next.entries == list.entries {
            let (id, who) = (list.id, actor.person().cloned());
            let who = who.unwrap_or_else(|| Person::new(&actor.to_string()));
            return Err(NoAnswer::AllTheirOwn { id, who }.into());
        }
        if own == 0 {
            next.standing = Standing::Answered;
        } else {
            next.head = None;
            next.asked = now;
            next.reminded = (0, now);
            next.standing = Standing::Open;
        }
        self.keep_answer(&list, &next, &done, (answer.reason, actor), by, now)
    }

    fn keep_answer(
        &mut self,
        list: &Attestation,
        next: &Attestation,
        done: &[Doing],
        (said, actor): (&str, &Actor),
        by: By<'_>,
        now: Timestamp,
    ) -> Result<Attestation, DeskError> {
        let evidence = evidence(list, by).to_string();
        let steps: Vec<(&Kept, Taking<'_>)> = done
            .iter()
            .map(|doing| {
                let taking = Taking {
                    step: &doing.step,
                    event: &doing.event,
                    actor,
                    now,
                    form: None,
                    evidence: Some(&evidence),
                    link: None,
                    seen: None,
                };
                (&doing.kept, taking)
            })
            .collect();
        let left = next.standing.is_open();
        let mut counts = counted(next, said);
        if left {
            counts.push_str("; what is left was asked for by whoever answered, and nobody attests their own");
        }
        let taking = ListTaking {
            next,
            event: "answered",
            said: Some(&counts),
            actor,
            now,
            steps: &steps,
            letters: if left { &[(Notice::ListUnanswered, &[])] } else { &[] },
            link: by.map(|(hash, ..)| hash),
        };
        Ok(self.store.take_list(list, &taking)?)
    }

    /// The step that an answer means for one grant.
    fn done_to(
        &self,
        kept: Kept,
        list: &Attestation,
        is_removed: bool,
        reason: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Doing, NoStep> {
        let of = format!("{}, {}", list.id, list.whose());
        let event = match (is_removed, reason.trim()) {
            (false, _) => Event::Attest { list: of.into() },
            (true, "") => Event::NotAttested { reason: of.into() },
            (true, why) => Event::NotAttested {
                reason: format!("{of}: {why}").into(),
            },
        };
        let step = step(&kept.case, &event, actor, now, &self.rules.terms)?;
        Ok(Doing { kept, event, step })
    }
}

/// Whether this answer can be taken from this person at all.
fn may_answer(list: &Attestation, answer: &AnswerTo<'_>, actor: &Actor) -> Result<(), NoAnswer> {
    let id = list.id;
    if !list.standing.is_open() {
        let standing = list.standing;
        return Err(NoAnswer::Over { id, standing });
    }
    for case in answer.remove {
        match list.entries.iter().find(|entry| entry.case == *case) {
            None => return Err(NoAnswer::NotOnIt { id, case: *case }),
            Some(entry) => {
                if let Some(outcome) = entry.outcome {
                    return Err(NoAnswer::Said {
                        id,
                        case: *case,
                        outcome,
                    });
                }
            }
        }
    }
    match actor {
        Actor::Human { who, role: Role::Head } if list.head.as_ref() != Some(who) => Err(NoAnswer::NotYours {
            id,
            head: list.head.clone(),
            who: who.clone(),
        }),
        Actor::Human { role: Role::Head, .. } => Ok(()),
        _ if answer.reason.trim().is_empty() => Err(NoAnswer::NoReason),
        _ => Ok(()),
    }
}

/// What is kept beside each step: which list, as which it was shown, and how the answer came.
fn evidence(list: &Attestation, by: By<'_>) -> serde_json::Value {
    let mut evidence = json!({ "list": list.id.to_string(), "sha256": hex(&list.hash) });
    if let (Some((_, link, whence)), Some(evidence)) = (by, evidence.as_object_mut()) {
        evidence.insert("by_link_to".to_owned(), json!(link.address));
        evidence.insert("from".to_owned(), json!(whence.address));
        evidence.insert("agent".to_owned(), json!(whence.agent));
    }
    evidence
}

/// What became of a list, in one line, with what was said.
fn counted(list: &Attestation, said: &str) -> String {
    let of = |outcome| list.entries.iter().filter(move |entry| entry.outcome == Some(outcome));
    let removed: Vec<String> = of(Outcome::Removed).map(|entry| entry.case.to_string()).collect();
    let mut counted = format!("{} kept, {} removed", of(Outcome::Kept).count(), removed.len());
    if !removed.is_empty() {
        counted.push_str(&format!(" ({})", removed.join(", ")));
    }
    counted.push_str(&format!("; the list as shown has SHA-256 {}", hex(&list.hash)));
    if !said.trim().is_empty() {
        counted.push_str(&format!("; {}", said.trim()));
    }
    counted
}
