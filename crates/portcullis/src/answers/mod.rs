//! The pages behind the links in letters: somebody answers by one button, without a login.
//!
//! Responsible for: showing what a link asks and taking the answer to the registry. To look changes nothing, as programs
//! that read mail follow links too; only a button does, and it works once. Refuses to know who somebody is beyond the
//! address that their link was sent to.

mod list;
mod page;
mod question;
mod reply;
mod serve;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use mail::Timestamp;
use registry::{CredentialKind, DeskError, Event, Kept, Link, NewCredential, Secret, StoreError, Token, Whence};
use world::{Clock, Rng};

use crate::identities;
use crate::registrar::Registry;
use page::Page;
use reply::{Fields, Reply};

pub use serve::{PATH, Pages};

/// What a technical contact's first secret is called.
const FIRST_SECRET: &str = "device";

/// Answers to links.
pub struct Answers {
    registry: Mutex<Registry>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    organisation: String,
}

impl Answers {
    /// Over this registry, in the name of this organisation.
    pub fn new(registry: Registry, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>, organisation: String) -> Self {
        Self {
            registry: Mutex::new(registry),
            clock,
            rng,
            organisation,
        }
    }

    /// The page of a link. Changes nothing. Blocks.
    fn look(&self, token: &str) -> Page {
        if let Some(page) = self.look_at_list(token).transpose() {
            return page.unwrap_or_else(|why| page::failed(&why)).signed(&self.organisation);
        }
        let page = match self.followed(token) {
            Ok((link, kept)) => question::page(&link, &kept, self.longest(), None, &Fields::default()),
            Err(why) => page::failed(&why),
        };
        page.signed(&self.organisation)
    }

    /// Takes an answer. Blocks.
    fn take(&self, token: &str, fields: &Fields, whence: &Whence) -> Page {
        let page = match self.take_for_list(token, fields, whence).transpose() {
            Some(page) => page.unwrap_or_else(|why| page::failed(&why)),
            None => self
                .taken(token, fields, whence)
                .unwrap_or_else(|why| self.again(token, &why, fields)),
        };
        page.signed(&self.organisation)
    }

    fn taken(&self, token: &str, fields: &Fields, whence: &Whence) -> Result<Page, DeskError> {
        let (link, kept) = self.followed(token)?;
        let token = parsed(token)?;
        match reply::read(link.purpose, fields) {
            Err(what) => Ok(question::page(&link, &kept, self.longest(), Some(what), fields)),
            Ok(Reply::Step(event)) => self.step(&token, &event, whence),
            Ok(Reply::Renew) => self.step(&token, &Event::Renew { until: self.longest() }, whence),
            Ok(Reply::Agree) => self.step(&token, &Event::Confirm { request: link.request }, whence),
            Ok(Reply::Dissent(reason)) => {
                let request = link.request;
                self.step(&token, &Event::Dissent { request, reason }, whence)
            }
            Ok(Reply::FetchSecret) => self.secret(&token, &link, &kept),
            Ok(Reply::VerifyMail) => {
                self.registry().verify_mail(&token, self.now())?;
                Ok(page::verified(&link.address))
            }
        }
    }

    /// An answer that cannot be taken is said above the question, so that it can be put right; the link still works.
    fn again(&self, token: &str, why: &DeskError, fields: &Fields) -> Page {
        match (why, self.followed(token)) {
            (DeskError::NoStep { why, .. }, Ok((link, kept))) => {
                question::page(&link, &kept, self.longest(), Some(why.to_string()), fields)
            }
            _ => page::failed(why),
        }
    }

    fn step(&self, token: &Token, event: &Event, whence: &Whence) -> Result<Page, DeskError> {
        let kept = self.registry().answer(token, event, whence, self.now())?;
        Ok(page::taken(&kept, event))
    }

    fn secret(&self, token: &Token, link: &Link, kept: &Kept) -> Result<Page, DeskError> {
        let secret = Secret::fresh(&*self.rng);
        let proof = identities::proof_of(&secret, &[], &*self.rng)
            .map_err(|why| StoreError::Database(format!("the secret cannot be hashed: {why}")))?;
        let new = NewCredential {
            kind: CredentialKind::DeviceSecret,
            label: FIRST_SECRET.into(),
            proof,
        };
        self.registry().fetch_secret(token, &new, self.now())?;
        Ok(page::secret(kept, &link.address, &secret))
    }

    fn followed(&self, token: &str) -> Result<(Link, Kept), DeskError> {
        self.registry().followed(&parsed(token)?, self.now())
    }

    fn longest(&self) -> Timestamp {
        self.registry().longest(self.now())
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.wall())
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        // Every step is one transaction of the store's: a panic leaves none half-taken.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parsed(token: &str) -> Result<Token, DeskError> {
    Token::parse(token).ok_or_else(|| StoreError::from(registry::DeadLink::Unknown).into())
}
