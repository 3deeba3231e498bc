//! What is made durable with one sync: records, what each of them does, and who waits for it.

use std::collections::BTreeSet;

use crate::Selector;
use crate::layout::Kind;
use crate::log::Record;
use crate::plan::Reply;
use crate::queue::LetterJob;
use crate::record::{ChangeHead, LetterHead};

/// What a record does to the queue once it is on disk.
pub(crate) enum Effect {
    Letter(Box<LetterJob>),
    Moved(Box<LetterHead>),
    Adopted(Box<LetterHead>),
    Change(ChangeHead),
    Suspended(BTreeSet<Selector>),
}

/// Records, what each of them does, and who waits for changes.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) records: Vec<Record>,
    pub(crate) effects: Vec<Effect>,
    pub(super) waiting: Vec<(Reply, u64)>,
}

impl Batch {
    pub(crate) fn push(&mut self, record: Record, effect: Effect) {
        self.records.push(record);
        self.effects.push(effect);
    }

    pub(crate) fn push_suspended(&mut self, all: BTreeSet<Selector>) {
        let mut out = crate::codec::Encoder::default();
        crate::record::put_suspended(&mut out, all.iter());
        self.push(Record::plain(Kind::Suspended, out.0), Effect::Suspended(all));
    }

    /// What will be suspended when this batch is stored, where it changes that.
    pub(super) fn suspended(&self) -> Option<&BTreeSet<Selector>> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Suspended(all) => Some(all),
            _ => None,
        })
    }

    /// Takes the letters out, when there is no room for them.
    pub(super) fn without_letters(&mut self) -> Vec<LetterJob> {
        let mut letters = Vec::new();
        let (records, effects) = (std::mem::take(&mut self.records), std::mem::take(&mut self.effects));
        for (record, effect) in records.into_iter().zip(effects) {
            match effect {
                Effect::Letter(letter) => letters.push(*letter),
                other => self.push(record, other),
            }
        }
        letters
    }
}
