//! The letters that wait, written and posted: each is durable in our own queue before it counts as sent, and claimed in
//! the registry before it is posted, so that of several gates one does.

mod pinned;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use admission::ContactLetter;
use mail::{Mailbox, Timestamp};
use registry::{
    About, Authentication, CaseId, Claim, DeskError, Kept, Letters, ListStep, Matter, Notice, OfList, Person, Posting,
    Purpose, Written, about, about_list, is_for_nobody, postings,
};
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

/// For so long what is about to be posted is nobody else's to post. A batch takes a second; a gate that dies meanwhile delays
/// its letters by this.
const CLAIMED_FOR: Duration = Duration::from_secs(5 * 60);

/// In place of a message, for letters that need not be written.
const NOBODY: &str = "nobody";

/// What is remembered of letters; what has to outlive this gate stands in the registry.
#[derive(Default)]
pub(super) struct Post {
    looked: Option<Timestamp>,
    /// Letters that are in our queue, and in which message; the store does not know yet.
    posted: BTreeMap<u64, String>,
}

/// A message that is ready, and ours to post.
pub(super) struct Ready {
    pub(super) message_id: String,
    to: Vec<Mailbox>,
    written: Written,
    /// The letters it is.
    pub(super) numbers: Vec<u64>,
    /// Whether they are about grants of the configuration file.
    pub(super) of_pinned: bool,
}

/// Posts what is to be posted now; `changed` where the registry has changed since.
pub(super) async fn send(live: &Live, changed: bool) {
    let (registry, now) = (&live.registry, live.admission.now());
    let rng = live.world.rng.clone();
    let ready = registry.at_desk(move |office| office.ready(changed, now, &*rng)).await;
    let Ok(Some((setup, ready))) = ready else { return };
    let Some(from) = setup.writer() else { return };
    let mut ready = ready.into_iter();
    while let Some(one) = ready.next() {
        let envelope = Envelope {
            message_id: &one.message_id,
            at: now,
            from: &from,
            to: &one.to,
            organisation: setup.organisation(),
        };
        let letter = ContactLetter {
            to: one.to.clone(),
            sender: setup.post(),
            message_id: one.message_id.as_str().into(),
            message: message(&one.written, &envelope).into(),
            smtputf8: one.to.iter().any(Mailbox::needs_smtputf8),
        };
        match live.admission.post_letter(letter).await {
            Ok(_) => {
                let noted = registry.at_desk(move |office| match one.of_pinned {
                    true => office.posted_of_pinned(&one.numbers, &one.message_id, now),
                    false => office.posted(&one.numbers, &one.message_id, now),
                });
                if noted.await.is_err() {
                    return;
                }
            }
            Err(why) => {
                tracing::error!(event = "registry.letter_not_posted", %why, "it is tried again");
                let rest: Vec<String> = std::iter::once(one).chain(ready).map(|one| one.message_id).collect();
                // Where the registry is away now, they are somebody's again when the time of the claim is over.
                let _ = registry.at_desk(move |office| office.not_posted(&rest)).await;
                return;
            }
        }
    }
}

impl Office {
    /// What is to be posted now, by this gate.
    pub(super) fn ready(
        &mut self,
        changed: bool,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<Option<(Setup, Vec<Ready>)>, String> {
        if !changed && !is_over(self.post.looked, EVERY, now) {
            return Ok(None);
        }
        let Some(setup) = self.setup().cloned() else {
            return Ok(None);
        };
        self.note_posted(now)?;
        self.post.looked = Some(now);
        let Some(words) = self.words.used() else {
            return Ok(None);
        };
        let mut ready = self.at(|desk| write_all(desk, &setup, &words, now, rng))?;
        ready.extend(self.at(|desk| pinned::write_all(desk, &setup, &words, now, rng))?);
        Ok(Some((setup, ready)))
    }

    /// A message is in our queue: these letters are sent by it.
    pub(super) fn posted(&mut self, numbers: &[u64], message_id: &str, now: Timestamp) -> Result<(), String> {
        let posted = numbers.iter().map(|number| (*number, message_id.to_owned()));
        self.post.posted.extend(posted);
        self.note_posted(now)
    }

    /// The same of letters about grants of the configuration file. Where the store is away now, they go out again under
    /// the same `Message-ID`.
    fn posted_of_pinned(&mut self, numbers: &[u64], message_id: &str, now: Timestamp) -> Result<(), String> {
        self.at(|desk| Ok(desk.store().sent_of_pinned(numbers, message_id, now)?))
    }

    /// Our queue took none of these messages: whoever looks next posts them.
    fn not_posted(&mut self, messages: &[String]) -> Result<(), String> {
        self.at(|desk| {
            for message_id in messages {
                desk.store().give_back(message_id)?;
            }
            Ok(())
        })
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
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<Vec<Ready>, DeskError> {
    let letters = desk.store().waiting(now)?;
    if letters.is_empty() {
        return Ok(Vec::new());
    }
    let mut cases: BTreeMap<CaseId, Kept> = BTreeMap::new();
    let mut waiting = Vec::with_capacity(letters.len());
    let mut for_nobody = Vec::new();
    for letter in letters {
        if let std::collections::btree_map::Entry::Vacant(place) = cases.entry(letter.case)
            && let Some(kept) = desk.store().get(letter.case)?
        {
            place.insert(kept);
        }
        match cases.get(&letter.case) {
            Some(kept) if is_for_nobody(&letter, kept) => for_nobody.push(letter.number),
            Some(kept) => waiting.push((letter, kept.clone())),
            None => {}
        }
    }
    desk.store().sent(&for_nobody, NOBODY, now)?;
    let bad = unreachable(desk)?;
    let last = desk.store().written_to(now)?;
    let mut ready = Vec::new();
    for posting in postings(&waiting, &setup.addresses(), &last, &bad, now)
        .into_iter()
        .take(BATCH)
    {
        ready.extend(write(desk, setup, words, &cases, posting, (now, rng))?);
    }
    Ok(ready)
}

/// Addresses that take no mail.
fn unreachable(desk: &mut registrar::Registry) -> Result<BTreeSet<String>, DeskError> {
    let unreachable = desk.store().unreachable()?;
    let addresses = unreachable.into_iter().map(|(address, _)| address.to_ascii_lowercase());
    Ok(addresses.collect())
}

/// What a letter asks of its reader, so that a link stands in it. One link is for one reader.
fn purpose(notice: Notice, kept: &Kept, to: &str) -> Option<Purpose> {
    let proposed = kept.case.handover.as_ref();
    match notice {
        // Who reads it in place of somebody whom mail does not reach does not agree in their place.
        Notice::ContactsAsked => {
            let is_asked = proposed.is_some_and(|proposed| proposed.role_of(&Person::new(to)).is_some());
            is_asked.then_some(Purpose::Contacts)
        }
        Notice::HeadAsked => Some(Purpose::Acknowledge),
        Notice::StillNeeded => Some(Purpose::KeepOrRemove),
        Notice::EndNears => Some(Purpose::Renew),
        Notice::Recipe if kept.form.logs_in_by() == Some(Authentication::Password) => Some(Purpose::Secret),
        _ => None,
    }
}

/// Writes a message, where it is ours to post. Links are made for those alone.
fn write(
    desk: &mut registrar::Registry,
    setup: &Setup,
    words: &Letters,
    cases: &BTreeMap<CaseId, Kept>,
    posting: Posting,
    (now, rng): (Timestamp, &dyn Rng),
) -> Result<Option<Ready>, DeskError> {
    let numbers = posting.numbers();
    let message_id = match &posting.again {
        Some(before) => before.to_string(),
        None => fresh_id(setup, rng),
    };
    let claim = Claim {
        letters: &numbers,
        message: &message_id,
        daily: posting.daily(),
        now,
        until: now.plus(CLAIMED_FOR),
    };
    if !desk.store().claim(&claim)? {
        return Ok(None);
    }
    let relay = setup.relay();
    let mut texts = Vec::new();
    for matter in &posting.matters {
        if let Some(list) = &matter.letter.list {
            let about = about_its_list(desk, setup, (&posting.to, matter, list), (now, rng))?;
            texts.extend(written(words, matter.notice, &about));
            continue;
        }
        let Some(kept) = cases.get(&matter.letter.case) else {
            continue;
        };
        let history = desk.store().history(kept.id)?;
        let step = matter.letter.caused_by(&history);
        let action = match (&setup.settings.answers, &*posting.to) {
            (Some(answers), [to]) => match purpose(matter.notice, kept, to) {
                Some(purpose) => {
                    let (token, _) = desk.link(kept.id, purpose, to, now, rng)?;
                    Some(format!("{}{PATH}{}", answers.url, token.as_str()))
                }
                None => None,
            },
            _ => None,
        };
        let about = about(&relay, kept, &matter.letter, matter.notice, step, action.as_deref());
        texts.extend(written(words, matter.notice, &about));
    }
    let to = posting.to.iter().filter_map(|to| Mailbox::parse(to).ok()).collect();
    let Some(written) = together(words, texts, setup) else {
        return Ok(None);
    };
    Ok(Some(Ready {
        message_id,
        to,
        written,
        numbers,
        of_pinned: false,
    }))
}

/// What a letter about a department's list speaks of. The link in it is for the head whom the list asks alone.
fn about_its_list(
    desk: &mut registrar::Registry,
    setup: &Setup,
    (to, matter, of): (&[String], &Matter, &OfList),
    (now, rng): (Timestamp, &dyn Rng),
) -> Result<About, DeskError> {
    let list = desk.list(of.id)?;
    let action = match (&setup.settings.answers, to, &list.head) {
        (Some(answers), [to], Some(head)) if matter.notice == Notice::ListAsked && *head == Person::new(to) => {
            let (token, _) = desk.link_to_list(list.id, to, now, rng)?;
            Some(format!("{}{PATH}{}", answers.url, token.as_str()))
        }
        _ => None,
    };
    let history = desk.store().history_of_list(list.id)?;
    let caused = |step: &&ListStep| matter.letter.step == Some(step.sequence);
    let step = history.iter().find(caused);
    Ok(about_list(&setup.relay(), &list, now, step, action.as_deref()))
}

/// The letter; nothing where it cannot be written, which is said.
fn written(words: &Letters, notice: Notice, about: &About) -> Option<Written> {
    match words.write(notice, about) {
        Ok(written) => Some(written),
        Err(why) => {
            tracing::error!(event = "registry.letter_not_written", case = %about.id, %why, "somebody is not told");
            None
        }
    }
}

/// One letter of several.
fn together(words: &Letters, mut texts: Vec<Written>, setup: &Setup) -> Option<Written> {
    match texts.len() {
        0 | 1 => texts.pop(),
        _ => match words.digest(&texts, setup.organisation()) {
            Ok(written) => Some(written),
            Err(why) => {
                tracing::error!(event = "registry.letter_not_written", %why, "a digest; it is tried again");
                None
            }
        },
    }
}

/// What nobody guesses: who names it has the letter.
fn fresh_id(setup: &Setup, rng: &dyn Rng) -> String {
    let mut chance = [0; 16];
    rng.fill(&mut chance);
    format!("letter-{:032x}@{}", u128::from_be_bytes(chance), setup.host)
}
