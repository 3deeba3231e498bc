//! What a request leads to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use admission::Admission;
use ledger::{Event, Key, LoginReleased, Reader, Words};
use mail::{MessageId, Timestamp};
use serde_json::{Value, json};
use spool::{Dispatch, View};
use world::{BoxFuture, Disk};

use super::protocol::{self, Asked, Listing, Mail, Request, Select};
use super::serve::{Out, Unanswered};
use super::{changes, handing};
use crate::generations::{Came, Wish};
use crate::identities::Logins;
use crate::kept::Kept;
use crate::selftest::Report;
use crate::shadow;
use crate::story::{self, Tale};
use crate::succession::Succession;
use crate::why::{self, Account, Present};
use crate::witness::Recorder;

/// Reads the configuration again, as somebody wishes: what came of it, in words.
pub type Reload = Arc<dyn Fn(Wish) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// Tries to relay through the gate, as strangers do.
pub type SelfTest = Arc<dyn Fn() -> BoxFuture<'static, Result<Report, String>> + Send + Sync>;

/// Does what somebody wants of the shadow; what came of it.
pub type Shadowing = Arc<dyn Fn(shadow::Wish) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// Does what somebody wants of the registry, as this gate sees it; what came of it.
pub type Registering = Arc<dyn Fn(RegistryWish) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// What somebody wants of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryWish {
    /// What keeps it from its work, in words.
    Troubles,
    /// To tell what was seen in a grant's mail.
    Report(protocol::Seen),
}

/// What operators and monitors of a gateway may use. Cloning shares it.
#[derive(Clone)]
pub struct Desk {
    /// Reads the queue.
    pub view: View,
    /// Changes the queue.
    pub dispatch: Dispatch,
    /// Reads the ledger.
    pub reader: Reader,
    /// Hears of changes; has the metrics and the clock.
    pub recorder: Recorder,
    /// Knows the rulebook that serves.
    pub admission: Admission,
    /// Where the queue is stored.
    pub storage: Storage,
    /// Reads the configuration again.
    pub reload: Reload,
    /// Tests the gate.
    pub selftest: SelfTest,
    /// Lets a configuration decide beside the one that serves.
    pub shadow: Shadowing,
    /// Asks of the registry.
    pub registry: Registering,
    /// Knows who is kept out for guessing.
    pub logins: Arc<Logins>,
    /// Who follows this gateway.
    pub succession: Succession,
    /// Lets no destination rest any longer: who tries again now means now.
    pub wake: Arc<dyn Fn() + Send + Sync>,
}

/// Where the queue is stored, for telling when it takes nothing more.
#[derive(Clone)]
pub struct Storage {
    /// The disk.
    pub disk: Arc<dyn Disk>,
    /// The spool's folder.
    pub dir: PathBuf,
    /// Below this much free space the spool accepts nothing.
    pub keep_free_octets: u64,
}

/// Messages listed unless more are asked for.
const LIST_DEFAULT: usize = 100;
/// Messages read from the queue at a time: mail waits while they are.
pub(super) const PAGE: usize = 200;

impl Desk {
    /// Answers one request of the user `uid`.
    pub(super) async fn answer(&self, uid: u32, request: Request, out: &mut Out<'_>) -> Result<Value, Unanswered> {
        let by = changes::Operator::new(uid, request.operator.as_deref());
        match request.asked {
            Asked::List(listing) => self.list(&listing, out).await,
            Asked::Show { id } => self.show(&id).await,
            Asked::Counts => Ok(self.counts()),
            Asked::Change { select, act, reason } => {
                changes::change(self, &by, &select, act, reason.as_deref(), out).await
            }
            Asked::Suspend { select } => changes::suspend(self, &by, &select).await,
            Asked::Resume { select } => changes::resume(self, &by, &select).await,
            Asked::Trace { id } => Ok(to_value(self.trace(&id).await?)),
            Asked::Reload => self.reload(&by, Came::Reload).await,
            Asked::Rollback { of, from } => self.reload(&by, Came::Rollback { of, from }).await,
            Asked::SelfTest => Ok(to_value((self.selftest)().await?)),
            Asked::ShadowStart { file, for_secs, reason } => {
                let (lasting, by) = (Duration::from_secs(for_secs), by.to_string());
                let start = shadow::Wish::Start {
                    file,
                    lasting,
                    by,
                    reason,
                };
                Ok((self.shadow)(start).await?)
            }
            Asked::ShadowStatus => Ok((self.shadow)(shadow::Wish::Status).await?),
            Asked::ShadowStop { reason } => {
                let by = by.to_string();
                Ok((self.shadow)(shadow::Wish::Stop { by, reason }).await?)
            }
            Asked::Report(seen) => {
                let fields = json!({ "by": by.to_string(), "grant": seen.grant, "verdict": seen.verdict });
                self.recorder.journal.note(self.now(), "registry.report", &fields);
                Ok((self.registry)(RegistryWish::Report(seen)).await?)
            }
            Asked::Logins => Ok(to_value(self.logins.kept_out())),
            Asked::ReleaseLogin { who, reason } => {
                let released = self.logins.release(&who);
                if released {
                    let event = LoginReleased {
                        who: Words::new(&who.to_ascii_lowercase()),
                        by: Words::of(&by),
                        reason: Words::new(&reason),
                    };
                    self.recorder.testify(Event::LoginReleased(Box::new(event))).await;
                    // Whoever hears that it is done can count on its being on record.
                    self.recorder.ledger.flush().await;
                }
                Ok(released.into())
            }
            Asked::Why { about, last } => Ok(to_value(self.why(&about, last).await?)),
            Asked::Status => Ok(self.status().await),
            Asked::Upgrade { binary, grace_secs } => {
                handing::upgrade(self, &by, binary, Duration::from_secs(grace_secs)).await
            }
            // Heard before it comes here.
            Asked::HandOver { .. } | Asked::Relieve { .. } | Asked::GiveUp { .. } => {
                Err("only a successor says this".to_owned().into())
            }
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.recorder.now()
    }

    async fn list(&self, listing: &Listing, out: &mut Out<'_>) -> Result<Value, Unanswered> {
        let mut filter = listing.filter().map_err(|error| error.to_string())?;
        let mut left = listing.limit.unwrap_or(LIST_DEFAULT);
        let now = self.now();
        loop {
            let page = self.view.page(&filter, PAGE.min(left)).await;
            for summary in &page {
                out.item(Mail::summary(summary, now)).await?;
            }
            left -= page.len();
            let Some(last) = page.last() else { break };
            filter.after = Some(last.id);
            if left == 0 {
                break;
            }
        }
        let more = left == 0 && !self.view.page(&filter, 1).await.is_empty();
        Ok(json!({ "more": more, "last": filter.after.map(|id| id.to_string()) }))
    }

    async fn show(&self, id: &str) -> Result<Value, Unanswered> {
        let message = protocol::id(id).map_err(|error| error.to_string())?;
        match self.view.get(message).await {
            Ok(Some(story)) => Ok(to_value(Mail::whole(&story, self.now()))),
            Ok(None) => {
                Err(format!("{id} is not in the queue; `portcullis trace {id}` tells what became of it").into())
            }
            Err(error) => Err(format!("{id} cannot be shown: {error}").into()),
        }
    }

    /// How much is in the queue.
    #[must_use]
    pub fn counts(&self) -> Value {
        let counts = self.view.counts();
        json!({
            "messages": counts.messages,
            "octets": counts.octets,
            "recipients": {
                "ready": counts.ready,
                "deferred": counts.deferred,
                "held": counts.held,
                "quarantined": counts.quarantined,
                "bouncing": counts.bouncing,
            },
            "leased": counts.leased,
            "oldest": counts.oldest.map(Timestamp::to_rfc3339),
            "oldest_age_secs": counts.oldest.map(|oldest| self.now().since(oldest).as_secs()),
            "suspended": self.view.suspended().iter().map(|one| to_value(Select::of(one))).collect::<Vec<_>>(),
            "damaged": self.view.damaged().len(),
        })
    }

    /// Tells the story of a message, a session or a refusal.
    ///
    /// # Errors
    /// In words: nothing is known of it, or it cannot be read.
    pub async fn trace(&self, id: &str) -> Result<Tale, String> {
        // What was told a moment ago is to be found.
        self.recorder.catch_up().await;
        let (reader, asked) = (self.reader.clone(), id.to_owned());
        let named = tokio::task::spawn_blocking(move || message_named(&reader, &asked)).await;
        let id = &named.map_err(|error| error.to_string())??;
        let message: MessageId = protocol::id(id).map_err(|error| error.to_string())?;
        // A message that cannot be read has a story nevertheless: the ledger's.
        let story = self.view.get(message).await.ok().flatten();
        let (reader, text) = (self.reader.clone(), id.to_owned());
        let found = tokio::task::spawn_blocking(move || trace(&reader, &text, story.as_ref())).await;
        found.map_err(|error| error.to_string())?
    }

    /// Tells the last decisions about something.
    ///
    /// # Errors
    /// In words: nothing is known of it, or it cannot be read.
    pub async fn why(&self, about: &str, last: Option<usize>) -> Result<Account, String> {
        // What was decided a moment ago is to be found.
        self.recorder.catch_up().await;
        let (reader, about, snapshot, now) = (
            self.reader.clone(),
            about.to_owned(),
            self.admission.snapshot(),
            self.now(),
        );
        let telling = tokio::task::spawn_blocking(move || {
            let present = Present {
                snapshot: &snapshot,
                now,
            };
            why::account(&reader, &about, last.unwrap_or(why::LAST_DEFAULT), Some(present))
        });
        telling.await.map_err(|error| error.to_string())?
    }

    async fn reload(&self, by: &changes::Operator, came: Came) -> Result<Value, Unanswered> {
        let fields = json!({ "by": by.to_string(), "what": came.to_string() });
        self.recorder.journal.note(self.now(), "config.reload", &fields);
        let by = Some(by.to_string());
        let outcome = (self.reload)(Wish { came, by }).await?;
        Ok(json!({ "outcome": outcome }))
    }

    async fn status(&self) -> Value {
        let ledger = self.recorder.ledger.status();
        json!({
            "hostname": self.admission.hostname().to_string(),
            "generation": self.admission.snapshot().generation().0,
            "pid": std::process::id(),
            "version": crate::version::version(),
            "queue": self.counts(),
            "ledger": { "written": ledger.written, "dropped": ledger.dropped, "failing": ledger.failing },
            "troubles": self.troubles().await,
        })
    }

    /// What keeps the gateway from its work, in words; nothing where all is well.
    pub async fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        let Storage {
            disk,
            dir,
            keep_free_octets,
        } = self.storage.clone();
        let shown = dir.display().to_string();
        match tokio::task::spawn_blocking(move || disk.free_space(&dir)).await {
            Ok(Ok(free)) if free < keep_free_octets => troubles.push(format!(
                "spool: {} free in {shown}, {} are kept free; nothing new is accepted",
                story::size(free),
                story::size(keep_free_octets)
            )),
            Ok(Ok(_)) => {}
            Ok(Err(error)) => troubles.push(format!("spool: {shown} cannot be looked at: {error}")),
            Err(error) => troubles.push(format!("spool: {error}")),
        }
        troubles.extend(self.view.troubles().into_iter().map(|what| format!("spool: {what}")));
        if self.recorder.ledger.status().failing {
            troubles.push("ledger: the disk refuses; acceptances wait once its queue is full".to_owned());
        }
        if let Ok(Value::Array(more)) = (self.registry)(RegistryWish::Troubles).await {
            troubles.extend(more.into_iter().filter_map(|what| what.as_str().map(str::to_owned)));
        }
        troubles
    }
}

/// The id of the message that somebody else's words mean: where they are a Message-ID, the last that came with it.
/// Blocks.
///
/// # Errors
/// In words: no message came with it, or the ledger cannot be read.
pub(crate) fn message_named(reader: &Reader, asked: &str) -> Result<String, String> {
    let asked = asked.trim();
    let bare = asked
        .strip_prefix('<')
        .and_then(|id| id.strip_suffix('>'))
        .unwrap_or(asked);
    if !bare.contains('@') {
        return Ok(asked.to_owned());
    }
    let found = reader
        .last_of(&Key::MessageId(bare.into()), 1)
        .map_err(|error| format!("the ledger cannot be read: {error}"))?;
    let message = found.last().and_then(|line| line.event.message());
    message
        .map(|id| id.to_string())
        .ok_or_else(|| Kept::beside(reader, format!("no message came with the Message-ID <{bare}>")))
}

/// Tells what the ledger, and the spool where `story` is given, know of an id. Blocks.
///
/// # Errors
/// In words: nothing is known of it, or it cannot be read.
pub(crate) fn trace(reader: &Reader, id: &str, story: Option<&spool::Story>) -> Result<Tale, String> {
    let message: MessageId = protocol::id(id).map_err(|error| error.to_string())?;
    let read = |key| {
        reader
            .events_of(&key)
            .map_err(|error| format!("the ledger cannot be read: {error}"))
    };
    if let Some(mut tale) = story::tell(story, &read(Key::Message(message))?) {
        if !tale.begins() {
            tale.kept = Kept::of(reader).map(|kept| kept.to_string());
        }
        return Ok(tale);
    }
    let number = message.number();
    for key in [
        Key::Event(mail::EventId::new(number)),
        Key::Session(mail::SessionId::new(number)),
    ] {
        if let Some(tale) = story::tell_session(&message.to_string(), &read(key)?) {
            return Ok(tale);
        }
    }
    let nothing = format!("nothing is known of {message}: no message, session or refusal has this id");
    Err(Kept::beside(reader, nothing))
}

pub(super) fn to_value(value: impl serde::Serialize) -> Value {
    // Our own types of text and numbers; serialising them does not fail.
    serde_json::to_value(value).unwrap_or_default()
}
