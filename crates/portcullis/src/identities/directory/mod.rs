//! A directory (LDAP) that knows people's passwords: whoever can bind to it is who they say.
//!
//! Nothing of it is kept here. A login becomes a name in the directory by a pattern, and then nothing in it is read and no
//! account of ours is needed; or, where people's names say nothing of their logins, by a search for the one entry that a
//! filter finds.

mod conversation;
mod filter;
mod message;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dns::Resolver;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use wire::Roots;
use world::World;
use zeroize::Zeroizing;

use super::reach::{Place, ReachError, Web};
use conversation::Conversation;
use message::Bound;

pub use filter::Filter;

/// How long a bind may take in all.
const WITHIN: Duration = Duration::from_secs(8);
/// Binds at once.
const AT_ONCE: usize = 16;
/// What stands for the login in the pattern.
pub const LOGIN: &str = "{login}";

/// A directory of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectorySettings {
    /// Where it is.
    pub place: Place,
    /// Whether it is asked to go on under TLS; where its address says nothing of that.
    pub starttls: bool,
    /// How a login leads to a name.
    pub by: FoundBy,
    /// Authorities trusted in place of the system's, PEM.
    pub ca: Option<PathBuf>,
}

/// How a login leads to a name in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// It is this one, with [`LOGIN`] in it.
    Name(String),
    /// It is that of the entry that is found.
    Search(Search),
}

/// A search for an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Below this name.
    pub base: String,
    /// That this filter, as it is written, is true of.
    pub filter: Filter,
    /// Who searches; nobody in particular, where the directory answers everybody.
    pub account: Option<Account>,
}

/// An account of ours in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// The file whose first line is its secret.
    pub secret_file: PathBuf,
}

/// Why it did not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectoryError {
    #[error("{0}")]
    Authorities(String),
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it did not answer in time")]
    Late,
    #[error("too many ask at once")]
    Busy,
    #[error("it says something else than an answer")]
    Nonsense,
    #[error("it answered with code {0}")]
    Code(u8),
    #[error("our secret there cannot be read: {0}")]
    Secret(io::Error),
    #[error("it does not take the secret of the account that searches")]
    Account,
}

/// A directory that can be asked.
pub(super) struct Directory {
    /// Tells it from others.
    name: String,
    settings: DirectorySettings,
    web: Result<Web, String>,
    asking: Semaphore,
}

impl Directory {
    pub(super) fn new(settings: DirectorySettings, world: &World, resolver: &Arc<dyn Resolver>) -> Self {
        let roots = match &settings.ca {
            Some(file) => Roots::none().load(file),
            None => Roots::system(),
        };
        let web = roots.map_err(|error| error.to_string()).map(|roots| Web {
            world: world.clone(),
            resolver: resolver.clone(),
            roots,
        });
        Self {
            name: format!("{} {:?}", settings.place.authority(), settings.by),
            settings,
            web,
            asking: Semaphore::new(AT_ONCE),
        }
    }

    /// What tells it from others: where it is, and whom it is asked as.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the directory takes this password for this login. An empty one is never asked about: directories call that
    /// an anonymous bind, and it succeeds (RFC 4513 §5.1.2).
    pub(super) async fn knows(&self, login: &str, password: &[u8]) -> Result<bool, DirectoryError> {
        if password.is_empty() {
            return Ok(false);
        }
        let web = self
            .web
            .as_ref()
            .map_err(|why| DirectoryError::Authorities(why.clone()))?;
        let _one = self.asking.try_acquire().map_err(|_| DirectoryError::Busy)?;
        let clock = &web.world.clock;
        let late = clock.sleep_until(clock.monotonic() + WITHIN);
        let bound = tokio::select! {
            biased;
            bound = self.ask(web, login, password) => bound?,
            () = late => return Err(DirectoryError::Late),
        };
        match bound {
            Bound::Right => Ok(true),
            Bound::Wrong => Ok(false),
            Bound::NoAnswer(code) => Err(DirectoryError::Code(code)),
        }
    }

    async fn ask(&self, web: &Web, login: &str, password: &[u8]) -> Result<Bound, DirectoryError> {
        let place = &self.settings.place;
        let stream = web.connect(place).await?;
        if place.is_secure() {
            self.converse(web.secure(stream, place).await?, login, password).await
        } else if self.settings.starttls {
            let stream = Conversation::over(stream).start_tls().await?;
            self.converse(web.secure(stream, place).await?, login, password).await
        } else {
            self.converse(stream, login, password).await
        }
    }

    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        login: &str,
        password: &[u8],
    ) -> Result<Bound, DirectoryError> {
        let mut conversation = Conversation::over(stream);
        let name = match &self.settings.by {
            FoundBy::Name(pattern) => Some(pattern.replace(LOGIN, &escaped(login)).into_bytes()),
            FoundBy::Search(search) => find(search, &mut conversation, login).await?,
        };
        let bound = match name {
            Some(name) => conversation.bind(&name, password).await?,
            None => Bound::Wrong,
        };
        conversation.end().await;
        Ok(bound)
    }
}

/// The one entry that a search finds. An entry without a name is none: to bind as nobody succeeds.
async fn find(
    search: &Search,
    conversation: &mut Conversation<impl AsyncRead + AsyncWrite + Unpin>,
    login: &str,
) -> Result<Option<Vec<u8>>, DirectoryError> {
    if let Some(account) = &search.account {
        let file = account.secret_file.clone();
        let secret = tokio::task::spawn_blocking(move || std::fs::read_to_string(file)).await;
        let secret = Zeroizing::new(secret.map_err(io::Error::other)?.map_err(DirectoryError::Secret)?);
        let secret = secret.lines().next().unwrap_or_default().trim();
        if secret.is_empty() {
            return Err(DirectoryError::Secret(io::ErrorKind::InvalidData.into()));
        }
        match conversation.bind(account.name.as_bytes(), secret.as_bytes()).await? {
            Bound::Right => {}
            Bound::Wrong => return Err(DirectoryError::Account),
            Bound::NoAnswer(code) => return Err(DirectoryError::Code(code)),
        }
    }
    let found = conversation.search(&search.base, &search.filter, login).await?;
    match &found[..] {
        [] => Ok(None),
        [name] => Ok(Some(name.clone()).filter(|name| !name.is_empty())),
        [..] => {
            tracing::warn!(
                event = "identities.directory",
                login,
                "the filter finds more than one entry: nobody is let in"
            );
            Ok(None)
        }
    }
}

/// A login as the value of an attribute in a name (RFC 4514 §2.4): it can never become more than one value.
fn escaped(login: &str) -> String {
    let mut value = String::with_capacity(login.len());
    let last = login.chars().count().saturating_sub(1);
    for (at, char) in login.chars().enumerate() {
        let at_an_end = (at == 0 && " #".contains(char)) || (at == last && char == ' ');
        if at_an_end || "\"+,;<>\\=".contains(char) {
            value.push('\\');
        }
        value.push(char);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_one_value_whatever_it_is_made_of() {
        for (login, expected) in [
            ("alice", "alice"),
            ("a,ou=admins", "a\\,ou\\=admins"),
            ("#a\\", "\\#a\\\\"),
            (" a b ", "\\ a b\\ "),
            (" ", "\\ "),
            ("a+b\"<c>;", "a\\+b\\\"\\<c\\>\\;"),
        ] {
            assert_eq!(escaped(login), expected);
        }
    }
}
