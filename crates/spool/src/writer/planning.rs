//! What is asked for, turned into records; what concerns the whole queue a slice at a time.

use tokio::sync::oneshot;

use super::{Batch, Effect, LogWriter};
use crate::index::Index;
use crate::layout::Kind;
use crate::log::Record;
use crate::plan::{Campaign, Plan, Planned, Reply};
use crate::queue::{AdoptedLetter, Job};
use crate::{ChangeError, CommitError};

/// Messages looked at in one slice of a new schedule.
const LOOKS: usize = 5_000;

impl LogWriter {
    /// Turns jobs into records.
    pub(super) fn plan(&mut self, jobs: Vec<Job>) -> Batch {
        let mut batch = Batch::default();
        let shared = self.shared.clone();
        let index = shared.index.lock();
        for job in jobs {
            match job {
                Job::Letter(letter) if index.entries.contains_key(&letter.head.id) => {
                    let _ = letter.reply.send(Err(CommitError::Invalid("the id is taken")));
                }
                Job::Letter(mut letter) => {
                    let record = Record {
                        kind: Kind::Letter,
                        head: std::mem::take(&mut letter.encoded),
                        head_crc: letter.head_crc,
                        body: letter.raw.clone(),
                        body_crc: letter.body_crc,
                    };
                    batch.push(record, Effect::Letter(letter));
                }
                Job::Plan(plan, reply) => match Campaign::of(plan, reply) {
                    Ok(campaign) => self.campaigns.push_back(campaign),
                    Err((plan, reply)) => plan_change(plan, reply, &index, &mut batch),
                },
                Job::Adopted(letters, reply) => {
                    batch.waiting.push((reply, letters.len() as u64));
                    for AdoptedLetter { record, head } in letters {
                        batch.push(record, Effect::Adopted(head));
                    }
                }
            }
        }
        batch
    }

    /// Everything that concerns the whole queue, which may be long: whoever comes meanwhile is served.
    pub(super) fn carry_out_all(&mut self) {
        loop {
            self.carry_out_campaigns();
            self.reschedule_all();
            if self.campaigns.is_empty() {
                return;
            }
        }
    }

    /// Changes of large parts of the queue, a slice at a time, each with what waits meanwhile.
    fn carry_out_campaigns(&mut self) {
        while let Some(mut campaign) = self.campaigns.pop_front() {
            let outcome = loop {
                let jobs = self.shared.queue.take_now();
                let mut batch = self.plan(jobs);
                let slice = campaign.slice(&self.shared.index.lock());
                let Some(changes) = slice else {
                    self.store(batch);
                    break Ok(campaign.recipients);
                };
                for change in changes {
                    batch.push(Record::plain(Kind::Change, change.encode()), Effect::Change(change));
                }
                let (told, mut heard) = oneshot::channel();
                batch.waiting.push((told, 0));
                self.store(batch);
                self.look_ahead();
                if let Ok(Err(error)) = heard.try_recv() {
                    break Err(error);
                }
            };
            let _ = campaign.reply.send(outcome);
        }
    }

    /// Who is due after a change of what is suspended. Nobody is handed out meanwhile who should not be.
    fn reschedule_all(&mut self) {
        loop {
            let (more, news) = {
                let mut index = self.shared.index.lock();
                (index.reschedule_some(LOOKS), index.take_news())
            };
            if news {
                self.shared.work.notify_waiters();
            }
            if !more {
                return;
            }
            self.serve_waiting();
        }
    }
}

fn plan_change(plan: Plan, reply: Reply, index: &Index, batch: &mut Batch) {
    let mut recipients = 0;
    match plan.resolve(index) {
        Planned::Changes(changes) => {
            for change in changes {
                recipients += change.recipients.len() as u64;
                batch.push(Record::plain(Kind::Change, change.encode()), Effect::Change(change));
            }
        }
        Planned::Suspension(suspension) => {
            // The record tells all that is suspended: what this batch already changes must not be forgotten.
            let mut all = batch.suspended().unwrap_or(&index.suspended).clone();
            if suspension.apply(&mut all) {
                batch.push_suspended(all);
            }
        }
        Planned::NoSuch(why) => {
            let _ = reply.send(Err(ChangeError::NoSuch(why)));
            return;
        }
    }
    batch.waiting.push((reply, recipients));
}
