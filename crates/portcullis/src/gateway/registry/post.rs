//! The letters that wait, written and posted: each is durable in our own queue before it counts as sent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use admission::ContactLetter;
use mail::{Mailbox, MessageId, Timestamp};
use registry::{Authentication, CaseId, DeskError, Kept, Letters, Notice, Posting, Purpose, Written, about, postings};
use world::Rng;

use super::super::Live;
use super::letter::{Envelope, message};
use super::office::{Office, is_over};
use super::setup::Setup;
use crate::answers::PATH;
use crate::registrar;

/// How often it is looked whether letters have waited long enough, by the calendar.
const EVERY: Duration = Duration::from_secs(30);
/// Messages posted between two looks at what else is to be done.
const BATCH: usize = 50;

/// What is remembered of letters.
#[derive(Default)]
pub(super) struct Post {
    looked: Option<Timestamp>,
    /// When each contact got a letter that was not urgent.
    last: BTreeMap<String, Timestamp>,
    /// Letters that are in our queue, and in which message; the store does not know yet.
    posted: BTreeMap<u64, String>,
}

/// A message that is ready.
struct Ready {
    to: Vec<Mailbox>,
    written: Written,
    /// The letters it is.
    numbers: Vec<u64>,
    /// To whom it counts as the letter of this day.
    daily: Vec<String>,
}

/// Posts what is to be posted now; `changed` where the registry has changed since.
pub(super) async fn send(live: &Live, changed: bool) {
    let (registry, now) = (&live.registry, live.admission.now());
    let rng = live.world.rng.clone();
    let ready = registry.at_desk(move |office| office.ready(changed, now, &*rng)).await;
    let Ok(Some((setup, ready))) = ready else { return };
    let Some(from) = setup.postmaster() else { return };
    for one in ready {
        let write = |id: MessageId| {
            let envelope = Envelope {
                id,
                at: now,
                from: &from,
                to: &one.to,
                host: &setup.host,
                organisation: setup.organisation(),
            };
            ContactLetter {
                to: one.to.clone(),
                message: message(&one.written, &envelope).into(),
                smtputf8: one.to.iter().any(Mailbox::needs_smtputf8),
            }
        };
        match live.admission.post_letter(write).await {
            Ok(id) => {
                let Ready { numbers, daily, .. } = one;
                let noted = registry.at_desk(move |office| office.posted(&numbers, &daily, &id.to_string(), now));
                if noted.await.is_err() {
                    return;
                }
            }
            Err(why) => {
                tracing::error!(event = "registry.letter_not_posted", %why, "it is tried again");
                return;
            }
        }
    }
}

impl Office {
    /// What is to be posted now.
    fn ready(&mut self, changed: bool, now: Timestamp, rng: &dyn Rng) -> Result<Option<(Setup, Vec<Ready>)>, String> {
        if !changed && !is_over(self.post.looked, EVERY, now) {
            return Ok(None);
        }
        let Some(setup) = self.setup().cloned() else {
            return Ok(None);
        };
        self.note_posted(now)?;
        self.post.looked = Some(now);
        let last = self.post.last.clone();
        let Some(words) = self.words.used() else {
            return Ok(None);
        };
        let ready = self.at(|desk| write_all(desk, &setup, &words, &last, now, rng))?;
        Ok(Some((setup, ready)))
    }

    /// A message is in our queue: these letters are sent by it.
    fn posted(&mut self, numbers: &[u64], daily: &[String], message: &str, now: Timestamp) -> Result<(), String> {
        self.post.last.extend(daily.iter().map(|to| (to.clone(), now)));
        self.post
            .posted
            .extend(numbers.iter().map(|number| (*number, message.to_owned())));
        self.note_posted(now)
    }

    /// Tells the store what was posted. Nothing is written again before it knows.
    fn note_posted(&mut self, now: Timestamp) -> Result<(), String> {
        while let Some((number, message)) = self.post.posted.first_key_value() {
            let (number, message) = (*number, message.clone());
            self.at(|desk| Ok(desk.store().sent(&[number], &message, now)?))?;
            self.post.posted.remove(&number);
        }
        Ok(())
    }
}

fn write_all(
    desk: &mut registrar::Registry,
    setup: &Setup,
    words: &Letters,
    last: &BTreeMap<String, Timestamp>,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<Vec<Ready>, DeskError> {
    let letters = desk.store().waiting()?;
    if letters.is_empty() {
        return Ok(Vec::new());
    }
    let mut cases: BTreeMap<CaseId, Kept> = BTreeMap::new();
    let mut waiting = Vec::with_capacity(letters.len());
    for letter in letters {
        if let std::collections::btree_map::Entry::Vacant(place) = cases.entry(letter.case)
            && let Some(kept) = desk.store().get(letter.case)?
        {
            place.insert(kept);
        }
        if let Some(kept) = cases.get(&letter.case) {
            waiting.push((letter, kept.clone()));
        }
    }
    let unreachable = desk.store().unreachable()?;
    let bad: BTreeSet<String> = unreachable
        .into_iter()
        .map(|(address, _)| address.to_ascii_lowercase())
        .collect();
    let mut ready = Vec::new();
    for posting in postings(&waiting, &setup.addresses(), last, &bad, now)
        .into_iter()
        .take(BATCH)
    {
        ready.extend(write(desk, setup, words, &cases, posting, (now, rng))?);
    }
    Ok(ready)
}

/// What a letter asks of its reader, so that a link stands in it. One link is for one reader.
fn purpose(notice: Notice, kept: &Kept) -> Option<Purpose> {
    match notice {
        Notice::HeadAsked => Some(Purpose::Acknowledge),
        Notice::StillNeeded => Some(Purpose::KeepOrRemove),
        Notice::EndNears => Some(Purpose::Renew),
        Notice::Recipe if kept.form.logs_in_by() == Some(Authentication::Password) => Some(Purpose::Secret),
        _ => None,
    }
}

fn write(
    desk: &mut registrar::Registry,
    setup: &Setup,
    words: &Letters,
    cases: &BTreeMap<CaseId, Kept>,
    posting: Posting,
    (now, rng): (Timestamp, &dyn Rng),
) -> Result<Option<Ready>, DeskError> {
    let relay = setup.relay();
    let mut texts = Vec::new();
    let mut numbers = Vec::new();
    for matter in &posting.matters {
        let Some(kept) = cases.get(&matter.letter.case) else {
            continue;
        };
        let history = desk.store().history(kept.id)?;
        // The step that was taken then; where several were, the last of them.
        let step = history.iter().rev().find(|step| step.at == matter.letter.at);
        let action = match (&setup.settings.answers, purpose(matter.notice, kept), &*posting.to) {
            (Some(answers), Some(purpose), [to]) => {
                let (token, _) = desk.link(kept.id, purpose, to, now, rng)?;
                Some(format!("{}{PATH}{}", answers.url, token.as_str()))
            }
            _ => None,
        };
        let about = about(&relay, kept, &matter.letter, matter.notice, step, action.as_deref());
        match words.write(matter.notice, &about) {
            Ok(written) => texts.push(written),
            Err(why) => {
                tracing::error!(event = "registry.letter_not_written", case = %kept.id, %why, "somebody is not told")
            }
        }
        numbers.extend(&matter.numbers);
    }
    let to = posting.to.iter().filter_map(|to| Mailbox::parse(to).ok()).collect();
    let written = match texts.len() {
        0 => return Ok(None),
        1 => texts.remove(0),
        _ => match words.digest(&texts, setup.organisation()) {
            Ok(written) => written,
            Err(why) => {
                tracing::error!(event = "registry.letter_not_written", %why, "a digest; it is tried again");
                return Ok(None);
            }
        },
    };
    Ok(Some(Ready {
        to,
        written,
        numbers,
        daily: if posting.urgent { Vec::new() } else { posting.to },
    }))
}
