//! Tokens that somebody else issued: an identity provider for people and devices, a platform for the programs it runs.
//!
//! No secret of theirs is kept here. A token is believed if one of the issuer's keys signed it, for us, and it has not
//! ended; what it claims leads to a login. Keys are fetched now and then, and at once when a token names one that we do
//! not know. While an issuer cannot be reached its last keys are used. An issuer that publishes no keys is asked about
//! each token instead.

mod fetch;
mod introspection;
mod jwt;
mod keys;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use dns::Resolver;
use mail::Timestamp;
use policy::Name;
use serde_json::Value;
use wire::Roots;
use world::World;

pub use introspection::Introspection;
pub use jwt::{Algorithm, Rules};

use super::reach::{Place, Web};
use fetch::FetchError;
use introspection::Introspector;
use jwt::{Claims, Fault, Key, Token};

/// How long keys are used before they are fetched again.
const FETCH_EVERY: Duration = Duration::from_secs(15 * 60);
/// How long to wait after asking an issuer, whatever came of it: tokens with invented keys must not make us a nuisance.
const PAUSE: Duration = Duration::from_secs(30);

/// Somebody who issues tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What its tokens have to say.
    pub rules: Rules,
    /// The claim that names a login.
    pub login_claim: String,
    /// How its tokens are told from others.
    pub told_by: ToldBy,
    /// Authorities trusted where it is reached over the web, in place of the system's, PEM.
    pub ca: Option<PathBuf>,
}

/// How an issuer's tokens are told from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// One of its keys signed them.
    Keys(KeySource),
    /// It says so itself.
    Introspection(Introspection),
}

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// On the web.
    Web(Place),
    /// In a file.
    File(PathBuf),
}

/// What a token has to claim for one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRule {
    /// Who issues it.
    pub issuer: Name,
    /// Each of these, exactly; at least one.
    pub claims: BTreeMap<String, String>,
}

impl TokenRule {
    /// Whether a token that this issuer issued says all of it.
    pub(super) fn holds(&self, proved: &Proved) -> bool {
        let says = |(name, wanted): (&String, &String)| {
            let claim = proved.claims.get(name);
            claim.is_some_and(|claim| match claim {
                Value::Array(all) => all.iter().any(|one| is(one, wanted)),
                one => is(one, wanted),
            })
        };
        self.issuer == proved.issuer && !self.claims.is_empty() && self.claims.iter().all(says)
    }
}

fn is(said: &Value, wanted: &str) -> bool {
    match said {
        Value::String(text) => text == wanted,
        Value::Number(number) => number.to_string() == wanted,
        Value::Bool(bool) => bool.to_string() == wanted,
        _ => false,
    }
}

/// What a token was believed to say.
pub(super) struct Proved {
    pub(super) issuer: Name,
    pub(super) claims: Claims,
}

/// Why a token was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotProved {
    /// It is worth nothing.
    Wrong,
    /// Nobody can say: we have none of its issuer's keys, or cannot ask it.
    Unknown,
}

/// Every issuer of a configuration.
pub(super) struct Issuers {
    all: Vec<Issuer>,
}

struct Issuer {
    name: Name,
    settings: IssuerSettings,
    web: Result<Web, String>,
    keys: ArcSwapOption<Vec<Key>>,
    /// Where it has to be asked.
    introspector: Option<Arc<Introspector>>,
    /// When its keys were last asked for; held while they are fetched.
    asked: tokio::sync::Mutex<Option<Duration>>,
}

impl Issuers {
    pub(super) const fn none() -> Self {
        Self { all: Vec::new() }
    }

    /// Those of a configuration; who was there before with the same settings keeps its keys, or what it answered.
    pub(super) fn of(
        settings: &BTreeMap<Name, IssuerSettings>,
        before: &Self,
        world: &World,
        resolver: &Arc<dyn Resolver>,
    ) -> Self {
        let issuer = |(name, settings): (&Name, &IssuerSettings)| {
            let mut former = before.all.iter();
            let former = former.find(|former| former.name == *name && former.settings == *settings);
            Issuer {
                name: name.clone(),
                settings: settings.clone(),
                web: web(settings, world, resolver),
                keys: ArcSwapOption::new(former.and_then(|former| former.keys.load_full())),
                introspector: match (&settings.told_by, former) {
                    (ToldBy::Introspection(_), Some(former)) => former.introspector.clone(),
                    (ToldBy::Introspection(asked), None) => Some(Arc::new(Introspector::new(asked.clone()))),
                    (ToldBy::Keys(_), _) => None,
                },
                asked: tokio::sync::Mutex::default(),
            }
        };
        Self {
            all: settings.iter().map(issuer).collect(),
        }
    }

    /// Whether a token is worth something, and what it says. `expected`: who should have issued it, where that is known.
    pub(super) async fn prove(
        &self,
        text: &str,
        expected: Option<&Name>,
        wall: Timestamp,
        now: Duration,
    ) -> Result<Proved, NotProved> {
        let token = Token::read(text).ok();
        let says = token.as_ref().and_then(Token::says_issuer);
        let issuer = match says {
            Some(says) => self.all.iter().find(|issuer| issuer.settings.rules.issuer == says),
            None => self.asked_about_anything(expected),
        };
        let issuer = issuer.ok_or(NotProved::Wrong)?;
        match (&issuer.introspector, &token) {
            (Some(introspector), _) => issuer.ask(introspector, text, wall).await,
            (None, Some(token)) => issuer.prove(token, wall, now).await,
            (None, None) => Err(NotProved::Wrong),
        }
    }

    /// Who is asked about a token that does not say whose it is: the one it should be from, else the only one that can be
    /// asked. It is shown to nobody else: who has somebody's token can use it.
    fn asked_about_anything(&self, expected: Option<&Name>) -> Option<&Issuer> {
        let mut can_be_asked = self.all.iter().filter(|issuer| issuer.introspector.is_some());
        match expected {
            Some(expected) => can_be_asked.find(|issuer| issuer.name == *expected),
            None => can_be_asked.next().filter(|_| can_be_asked.next().is_none()),
        }
    }

    /// The login that a token names.
    pub(super) fn login_of(&self, proved: &Proved) -> Option<String> {
        let issuer = self.all.iter().find(|issuer| issuer.name == proved.issuer)?;
        let claim = proved.claims.get(&issuer.settings.login_claim)?;
        claim.as_str().map(ToOwned::to_owned)
    }

    /// Fetches keys that are old, or that we do not have.
    pub(super) async fn refresh(&self, now: Duration) {
        for issuer in self.all.iter().filter(|issuer| issuer.introspector.is_none()) {
            let every = if issuer.keys.load().is_some() {
                FETCH_EVERY
            } else {
                PAUSE
            };
            issuer.fetch(now, every).await;
        }
    }

    /// How many keys of an issuer are known.
    #[cfg(test)]
    pub(super) fn keys_of(&self, name: &str) -> usize {
        let mut all = self.all.iter();
        let issuer = all.find(|issuer| &*issuer.name == name);
        issuer
            .and_then(|issuer| issuer.keys.load_full())
            .map_or(0, |keys| keys.len())
    }
}

/// What an issuer is reached by. That a file of authorities cannot be read is said when keys are asked for.
fn web(settings: &IssuerSettings, world: &World, resolver: &Arc<dyn Resolver>) -> Result<Web, String> {
    let roots = match (&settings.told_by, &settings.ca) {
        (ToldBy::Keys(KeySource::File(_)), _) => Ok(Roots::none()),
        (_, Some(file)) => Roots::none().load(file),
        (_, None) => Roots::system(),
    };
    Ok(Web {
        world: world.clone(),
        resolver: resolver.clone(),
        roots: roots.map_err(|error| error.to_string())?,
    })
}

impl Issuer {
    async fn prove(&self, token: &Token<'_>, wall: Timestamp, now: Duration) -> Result<Proved, NotProved> {
        if self.keys.load().is_none() {
            self.fetch(now, PAUSE).await;
        }
        let mut checked = self.check(token, wall)?;
        if let Err(Fault::UnknownKey) = checked {
            self.fetch(now, PAUSE).await;
            checked = self.check(token, wall)?;
        }
        self.believe(checked)
    }

    /// Asks the issuer itself.
    async fn ask(&self, introspector: &Introspector, token: &str, wall: Timestamp) -> Result<Proved, NotProved> {
        let answer = match &self.web {
            Ok(web) => introspector.ask(web, &self.settings.rules, token, wall).await,
            Err(why) => Err(io::Error::other(why.clone())).map_err(|why| FetchError::Io(why).into()),
        };
        match answer {
            Ok(answer) => self.believe(answer),
            Err(why) => {
                let issuer = &*self.name;
                tracing::warn!(event = "identities.introspection", issuer, %why, "an issuer cannot be asked about a token");
                Err(NotProved::Unknown)
            }
        }
    }

    fn believe(&self, checked: Result<Claims, Fault>) -> Result<Proved, NotProved> {
        match checked {
            Ok(claims) => Ok(Proved {
                issuer: self.name.clone(),
                claims,
            }),
            Err(fault) => {
                tracing::info!(
                    event = "auth.token",
                    issuer = &*self.name,
                    ?fault,
                    "a token was not believed"
                );
                Err(NotProved::Wrong)
            }
        }
    }

    fn check(&self, token: &Token<'_>, wall: Timestamp) -> Result<Result<Claims, Fault>, NotProved> {
        let keys = self.keys.load_full().ok_or(NotProved::Unknown)?;
        Ok(token.check(&keys, &self.settings.rules, wall).cloned())
    }

    /// Fetches the keys, unless that was tried less than `every` ago. Who comes while they are being fetched waits, and
    /// finds them.
    async fn fetch(&self, now: Duration, every: Duration) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| now < asked + every) {
            return;
        }
        *asked = Some(now);
        let issuer = &*self.name;
        match self.read().await {
            Ok(keys) => {
                tracing::debug!(
                    event = "identities.keys",
                    issuer,
                    keys = keys.len(),
                    "the keys were read"
                );
                self.keys.store(Some(Arc::new(keys)));
            }
            Err(why) => {
                let kept = self.keys.load().is_some();
                tracing::warn!(event = "identities.keys", issuer, kept, %why, "the keys of an issuer of tokens cannot be read");
            }
        }
    }

    async fn read(&self) -> Result<Vec<Key>, String> {
        let text = match &self.settings.told_by {
            ToldBy::Introspection(_) => return Err("it is asked instead".to_owned()),
            ToldBy::Keys(KeySource::Web(place)) => {
                let web = self.web.as_ref().map_err(Clone::clone)?;
                fetch::get(web, place).await.map_err(|error| error.to_string())?
            }
            ToldBy::Keys(KeySource::File(path)) => {
                let path = path.clone();
                let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
                read.map_err(|error| error.to_string())?
                    .map_err(|error| error.to_string())?
            }
        };
        keys::read(&text).ok_or_else(|| "this is no set of keys (RFC 7517)".to_owned())
    }
}

#[cfg(test)]
pub(super) mod forge;
#[cfg(test)]
mod tests;
