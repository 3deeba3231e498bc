//! A directory (LDAP) that knows people's passwords: whoever can bind to it is who they say.
//!
//! Nothing of it is kept here, and nothing in it is read. A login becomes a name in the directory by a pattern, so that
//! no account of ours is needed to search for it.

mod message;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dns::Resolver;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;
use wire::Roots;
use world::World;
use zeroize::Zeroizing;

use super::reach::{Place, ReachError, Web};
use message::{ANSWER_OCTETS_MAX, Bound, Reading};

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
    /// The name to bind as, with [`LOGIN`] in it.
    pub bind: String,
    /// Authorities trusted in place of the system's, PEM.
    pub ca: Option<PathBuf>,
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
            name: format!("{} {}", settings.place.authority(), settings.bind),
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
            bound = self.bind(web, login, password) => bound?,
            () = late => return Err(DirectoryError::Late),
        };
        match bound {
            Bound::Right => Ok(true),
            Bound::Wrong => Ok(false),
            Bound::NoAnswer(code) => Err(DirectoryError::Code(code)),
        }
    }

    async fn bind(&self, web: &Web, login: &str, password: &[u8]) -> Result<Bound, DirectoryError> {
        let name = self.settings.bind.replace(LOGIN, &escaped(login));
        let request = Zeroizing::new(message::bind(&name, password));
        let stream = web.connect(&self.settings.place).await?;
        if self.settings.place.is_secure() {
            exchange(web.secure(stream, &self.settings.place).await?, &request).await
        } else {
            exchange(stream, &request).await
        }
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> Result<Bound, DirectoryError> {
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut came = Vec::new();
    loop {
        match message::read(&came) {
            Reading::Whole(bound) => {
                // It has answered; whether it hears the end does not matter.
                let _ = stream.write_all(&message::unbind()).await;
                let _ = stream.shutdown().await;
                return Ok(bound);
            }
            Reading::Nonsense => return Err(DirectoryError::Nonsense),
            Reading::More => {}
        }
        let mut part = (&mut stream).take(ANSWER_OCTETS_MAX as u64);
        if part.read_buf(&mut came).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
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
