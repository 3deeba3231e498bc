//! What mail told of the registry, written down: troubles of grants, answers to letters, and letters that came back. What
//! the store does not take stays with us, and is tried again.

use std::collections::BTreeSet;
use std::time::Duration;

use mail::Timestamp;
use registry::{Actor, DeskError, Event};

use super::{Office, is_over};
use crate::gateway::registry::heard;
use crate::registrar;
use crate::uses::Uses;

/// How often it is looked up whether the people of a grant know of its trouble.
const TROUBLED_AGAIN: Duration = Duration::from_secs(3_600);

impl Office {
    /// Tells the people of grants what of their mail is not as it was approved.
    pub(super) fn tell_troubles(&mut self, uses: &Uses, now: Timestamp) -> Result<(), String> {
        let mut troubles = uses.take_troubles();
        // A device that goes on and on is not looked up each time.
        troubles.retain(|id, trouble, _| {
            let told = self.troubled.get(&(*id, trouble));
            is_over(told.copied(), TROUBLED_AGAIN, now)
        });
        if troubles.is_empty() {
            return Ok(());
        }
        let told = self.at(|desk| {
            for (id, trouble, said, at) in troubles.iter() {
                desk.trouble(*id, trouble, said, at)?;
            }
            Ok(())
        });
        match &told {
            Ok(()) => self
                .troubled
                .extend(troubles.iter().map(|(id, trouble, ..)| ((*id, trouble), now))),
            Err(_) => uses.put_back_troubles(troubles),
        }
        told
    }

    /// The same of grants of the configuration file.
    pub(super) fn tell_troubles_of_pinned(&mut self, uses: &Uses) -> Result<(), String> {
        let troubles = uses.take_troubles_of_pinned();
        if troubles.is_empty() {
            return Ok(());
        }
        let told = self.at(|desk| {
            for (name, trouble, said, at) in troubles.iter() {
                desk.trouble_of_pinned(name, trouble, said, at)?;
            }
            Ok(())
        });
        if told.is_err() {
            uses.put_back_troubles_of_pinned(troubles);
        }
        told
    }

    /// Notes what arrived at the address that letters are from: whom they did not reach, and who answered.
    pub(super) fn note_heard(&mut self, uses: &Uses, now: Timestamp) -> Result<(), String> {
        let heard = uses.take_heard();
        if heard.is_empty() {
            return Ok(());
        }
        match self.at(|desk| heard::note(desk, &heard, now)) {
            Ok(returned) => {
                uses.put_back_returned(returned);
                Ok(())
            }
            Err(why) => {
                uses.put_back_heard(heard);
                Err(why)
            }
        }
    }

    /// Notes whom letters do not reach. A device of which nobody can be told anything is nobody's.
    pub(super) fn note_returned(&mut self, uses: &Uses, now: Timestamp) -> Result<(), String> {
        let returned = uses.take_returned();
        if returned.is_empty() {
            return Ok(());
        }
        let noted = self.at(|desk| note_returned(desk, &returned, now));
        if noted.is_err() {
            uses.put_back_returned(returned);
        }
        noted
    }
}

fn note_returned(desk: &mut registrar::Registry, returned: &BTreeSet<String>, now: Timestamp) -> Result<(), DeskError> {
    for address in returned {
        desk.store().bounced(address, now)?;
    }
    for kept in desk.store().list(None)? {
        let form = &kept.form;
        let answers = [&form.technical.email, &form.owner.email];
        let is_lost = answers
            .iter()
            .any(|one| returned.contains(&one.trim().to_ascii_lowercase()));
        if is_lost && kept.case.state.admits_mail() {
            match desk.act(kept.id, &Event::Abandoned, &Actor::rule("letter-returned"), now) {
                // Another step came first; what it left of the case is looked at when the next letter comes back.
                Ok(_) | Err(DeskError::NoStep { .. }) => {}
                Err(why) => return Err(why),
            }
        }
    }
    Ok(())
}
