//! Asks an issuer about a token (RFC 7662): for tokens that say nothing to us, and for those that may be withdrawn.
//!
//! Its word holds for a short time, and never longer than the token; that it does not know a token holds for a moment.
//! While the issuer cannot be asked nobody is let in by it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use super::fetch::{self, FetchError};
use super::jwt::{Claims, Fault, Rules};
use crate::identities::reach::{Place, Web};

/// Questions to one issuer at once; who comes then waits.
const AT_ONCE: usize = 16;
/// How long a question may take, waiting included.
const WITHIN: Duration = Duration::from_secs(6);
/// How long a good answer is remembered at most.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// How long a bad one is.
const BAD_FOR: Duration = Duration::from_secs(10);
/// Answers remembered at once.
const ANSWERS_MAX: usize = 4096;

/// Where an issuer answers about its tokens, and as whom we ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// Where.
    pub place: Place,
    /// Who we are there.
    pub client: String,
    /// The file whose first line is our secret there.
    pub secret_file: PathBuf,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("our secret there cannot be read: {0}")]
    Secret(io::Error),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("it did not answer in time")]
    Late,
    #[error("what it answers is no answer to that (RFC 7662)")]
    Nonsense,
}

type Digest = [u8; 32];
/// What was answered about a token.
type Answer = Result<Claims, Fault>;

/// An issuer that is asked.
pub(super) struct Introspector {
    settings: Introspection,
    asking: Semaphore,
    /// By the token's digest, with the moment from which on it is to be asked about again.
    answers: Mutex<BTreeMap<Digest, (Duration, Answer)>>,
}

impl Introspector {
    pub(super) fn new(settings: Introspection) -> Self {
        Self {
            settings,
            asking: Semaphore::new(AT_ONCE),
            answers: Mutex::default(),
        }
    }

    /// What the issuer says of a token, if it is for us.
    pub(super) async fn ask(&self, web: &Web, rules: &Rules, token: &str, wall: Timestamp) -> Result<Answer, NoAnswer> {
        let clock = &web.world.clock;
        let late = clock.sleep_until(clock.monotonic() + WITHIN);
        tokio::select! {
            biased;
            answer = self.look_up(web, rules, token, wall) => answer,
            () = late => Err(NoAnswer::Late),
        }
    }

    async fn look_up(&self, web: &Web, rules: &Rules, token: &str, wall: Timestamp) -> Result<Answer, NoAnswer> {
        let digest = digest_of(token);
        let now = || web.world.clock.monotonic();
        if let Some(answer) = self.remembered(&digest, now()) {
            return Ok(answer);
        }
        // Never closed.
        let _turn = self.asking.acquire().await.map_err(|_| NoAnswer::Late)?;
        // Somebody with the same token may have asked meanwhile.
        if let Some(answer) = self.remembered(&digest, now()) {
            return Ok(answer);
        }
        let said = self.fetch(web, token).await?;
        let answer = read(&said, rules, wall)?;
        let good_for = match &answer {
            Ok(claims) => left(claims, wall).map_or(GOOD_FOR, |left| left.min(GOOD_FOR)),
            Err(_) => BAD_FOR,
        };
        self.remember(digest, now(), good_for, &answer);
        Ok(answer)
    }

    async fn fetch(&self, web: &Web, token: &str) -> Result<Vec<u8>, NoAnswer> {
        let file = self.settings.secret_file.clone();
        let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
        let secret = read.map_err(io::Error::other).and_then(|read| read);
        let secret = Zeroizing::new(secret.map_err(NoAnswer::Secret)?);
        let secret = secret.lines().next().unwrap_or_default().trim();
        // RFC 6749 §2.3.1: both are written as in a form first.
        let pair = Zeroizing::new(format!("{}:{}", *in_form(&self.settings.client), *in_form(secret)));
        let authorization = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        let form = format!("token={}&token_type_hint=access_token", *in_form(token));
        Ok(fetch::post(web, &self.settings.place, &authorization, form).await?)
    }

    fn remembered(&self, digest: &Digest, now: Duration) -> Option<Answer> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, answer) = answers.get(digest)?;
        (now < *until).then(|| answer.clone())
    }

    fn remember(&self, digest: Digest, now: Duration, good_for: Duration, answer: &Answer) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= ANSWERS_MAX {
            answers.retain(|_, (until, _)| now < *until);
        }
        if answers.len() < ANSWERS_MAX {
            answers.insert(digest, (now + good_for, answer.clone()));
        }
    }
}

fn digest_of(token: &str) -> Digest {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}

/// What was said of a token, and whether it is one for us.
fn read(said: &[u8], rules: &Rules, wall: Timestamp) -> Result<Answer, NoAnswer> {
    let claims: Claims = serde_json::from_slice(said).map_err(|_| NoAnswer::Nonsense)?;
    match claims.get("active") {
        Some(Value::Bool(true)) => Ok(rules.check_told(&claims, wall).map(|()| claims)),
        Some(Value::Bool(false)) => Ok(Err(Fault::Inactive)),
        _ => Err(NoAnswer::Nonsense),
    }
}

/// How long a token lives still, where its issuer says so.
fn left(claims: &Claims, wall: Timestamp) -> Option<Duration> {
    let end = super::jwt::seconds(claims.get("exp"))?;
    Some(Timestamp::from_secs(end).since(wall))
}

/// As a value in a form (`application/x-www-form-urlencoded`).
fn in_form(text: &str) -> Zeroizing<String> {
    let mut form = Zeroizing::new(String::with_capacity(text.len()));
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => form.push(char::from(octet)),
            _ => form.push_str(&format!("%{octet:02X}")),
        }
    }
    form
}

#[cfg(test)]
mod tests;
