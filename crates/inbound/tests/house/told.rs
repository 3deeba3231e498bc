//! A witness that writes down what it is told.

use std::net::IpAddr;
use std::sync::Mutex;

use admission::{Accepted, LoginTold, Refused, Visitor, Witness};
use bytes::Bytes;
use mail::{ForwardPath, MessageId};
use policy::NoticeKind;
use world::BoxFuture;

/// A refusal the witness was told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub event: String,
    pub code: u16,
    pub text: String,
    pub reason: String,
    pub client: IpAddr,
    pub grant: Option<String>,
}

#[derive(Default)]
struct Notes {
    refusals: Vec<Word>,
    heard: usize,
    lines: Vec<String>,
}

/// What the witness was told.
#[derive(Default)]
pub struct Told(Mutex<Notes>);

impl Told {
    /// Everything but refusals, as lines.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().lines.clone()
    }

    /// The lines that begin with this word.
    pub fn of(&self, word: &str) -> Vec<String> {
        self.lines().into_iter().filter(|line| line.starts_with(word)).collect()
    }

    pub fn refusals(&self) -> Vec<Word> {
        self.0.lock().unwrap().refusals.clone()
    }

    /// The reasons of the refusals, in their order.
    pub fn reasons(&self) -> Vec<String> {
        self.refusals().into_iter().map(|word| word.reason).collect()
    }

    /// A client heard a refusal: there is one word about it, in the same words.
    pub fn heard(&self, reply: &str) {
        let mut notes = self.0.lock().unwrap();
        let inside = reply
            .trim_end()
            .strip_suffix(']')
            .and_then(|text| text.rsplit_once('['));
        let (_, inside) = inside.unwrap_or_else(|| panic!("no event in {reply:?}"));
        let (reason, event) = inside.split_once(' ').unwrap();
        let of_it: Vec<&Word> = notes.refusals.iter().filter(|word| word.event == event).collect();
        assert_eq!(of_it.len(), 1, "told once of {reply:?}");
        let word = of_it[0];
        assert_eq!(word.code.to_string(), reply[..3], "{reply:?}");
        assert!(reply.contains(&word.text), "{reply:?} was told as {word:?}");
        assert_eq!(word.reason, reason);
        let page = format!("See {}/{event} [", super::HELP);
        assert!(reply.contains(&page), "no help page in {reply:?}");
        notes.heard += 1;
    }

    /// Every refusal the witness was told of was heard by somebody.
    pub fn assert_all_heard(&self) {
        let notes = self.0.lock().unwrap();
        assert_eq!(notes.heard, notes.refusals.len(), "{:#?}", notes.refusals);
    }

    fn say(&self, line: String) {
        self.0.lock().unwrap().lines.push(line);
    }
}

impl Witness for Told {
    fn testimony(&self, _: &Accepted<'_>) -> Bytes {
        Bytes::new()
    }

    fn accepted<'a>(&'a self, accepted: &'a Accepted<'a>, _: Bytes) -> BoxFuture<'a, ()> {
        let visitor = accepted.visitor.unwrap();
        let basis: Vec<String> = accepted
            .recipients
            .iter()
            .map(|one| format!("{} by {}", one.path, one.permit.basis()))
            .collect();
        self.say(format!(
            "accepted {} at {} from {}: {}",
            accepted.sender,
            visitor.listener,
            visitor.client,
            basis.join(", ")
        ));
        Box::pin(std::future::ready(()))
    }

    fn refused(&self, refused: &Refused<'_>) {
        self.0.lock().unwrap().refusals.push(Word {
            event: refused.event.to_string(),
            code: refused.reply.code,
            text: refused.reply.text.to_string(),
            reason: refused.reason.to_owned(),
            client: refused.visitor.client,
            grant: refused
                .rejection
                .and_then(|rejection| rejection.grant.as_ref())
                .map(ToString::to_string),
        });
    }

    fn connected(&self, visitor: &Visitor) {
        self.say(format!("connected {} to {}", visitor.client, visitor.listener));
    }

    fn closed(&self, visitor: &Visitor, why: &str) {
        self.say(format!("closed {}: {why}", visitor.client));
    }

    fn login(&self, told: &LoginTold<'_>) {
        let Some((why, event, reply)) = told.failed else {
            return self.say(format!("login {} by {}", told.login.unwrap_or("?"), told.mechanism));
        };
        self.say(format!("login {} failed: {why:?}", told.login.unwrap_or("?")));
        let inside = reply.text.rsplit_once('[').unwrap().1;
        self.0.lock().unwrap().refusals.push(Word {
            event: event.to_string(),
            code: reply.code,
            text: reply.text.to_string(),
            reason: inside.split(' ').next().unwrap().to_owned(),
            client: told.visitor.client,
            grant: None,
        });
    }

    fn noted(&self, visitor: &Visitor, what: &str) {
        self.say(format!("noted {}: {what}", visitor.client));
    }

    fn noticed(&self, _: MessageId, _: NoticeKind, _: MessageId, _: &ForwardPath) {}
}
