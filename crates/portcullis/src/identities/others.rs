//! Logins for which somebody else has the word: an issuer of tokens, a directory. Their tries are held back and counted
//! as all others are.

use std::net::IpAddr;
use std::time::Duration;

use policy::{AuthRefusal, Principal};

use super::directory::Directory;
use super::token::NotProved;
use super::{Inner, Verifier, lock};

impl Inner {
    /// Whether a token is that of a login, and whom it names, where it is right and that is nobody here; `asked`: the one it
    /// is shown for, where the client says. Held back as secrets are.
    pub(super) async fn prove_token(
        &self,
        asked: Option<&str>,
        token: &str,
        client: IpAddr,
    ) -> (Result<Principal, AuthRefusal>, Option<String>) {
        let mut named = None;
        let proved = self.look_at_token(asked, token, client, &mut named).await;
        if let Err(AuthRefusal::LockedOut | AuthRefusal::Unavailable) = proved {
            self.hold_back().await;
        }
        (proved, named)
    }

    async fn look_at_token(
        &self,
        asked: Option<&str>,
        token: &str,
        client: IpAddr,
        named: &mut Option<String>,
    ) -> Result<Principal, AuthRefusal> {
        let asked = asked.map(str::to_ascii_lowercase);
        let login = asked.as_deref().unwrap_or_default();
        self.check_lock(login, client)?;
        let since = self.clock.monotonic();
        let issuers = self.issuers.load_full();
        let table = self.table.load_full();
        let expected = table.find(login).and_then(|(_, verifier)| verifier.issuer());
        let proved = issuers.prove(token, expected, self.now(), since).await;
        let table = self.table.load_full();
        match proved {
            Ok(proved) => match table.find_by_token(&proved, asked.as_deref()) {
                Some(name) => self.settle(login, client, Some((name, true)), since).await,
                None => {
                    *named = issuers.login_of(&proved);
                    self.without_grant(login, client, since).await
                }
            },
            Err(NotProved::Wrong) => {
                let known = table.find(login).map(|(name, _)| (name, false));
                self.settle(login, client, known, since).await
            }
            Err(NotProved::Unknown) => Err(AuthRefusal::Unavailable),
        }
    }

    /// Asks the directory, also about who has no grant: whoever helps people has to know that their password was right.
    pub(super) async fn look_in_directory(
        &self,
        directory: &Directory,
        login: &str,
        secret: &[u8],
        client: IpAddr,
    ) -> Result<Principal, AuthRefusal> {
        let since = self.clock.monotonic();
        let table = self.table.load_full();
        let declared = table
            .find(login)
            .filter(|(_, verifier)| **verifier == Verifier::Directory);
        let remembered = || lock(&self.remembered).holds(login, secret, directory.name(), since);
        if let Some((name, verifier)) = declared
            && remembered()
            && !self.is_stopped(name, verifier, client)
        {
            return Ok(Principal(name.clone()));
        }
        let right = match directory.knows(login, secret).await {
            Ok(right) => right,
            Err(error) => {
                tracing::warn!(event = "identities.directory", %error, "the directory cannot be asked");
                return Err(AuthRefusal::Unavailable);
            }
        };
        match declared {
            Some((name, verifier)) => {
                if right {
                    lock(&self.remembered).add(login, secret, directory.name(), self.clock.monotonic());
                }
                self.settle_guess(login, client, Some((name, verifier, right)), since)
                    .await
            }
            None if right => self.without_grant(login, client, since).await,
            None => self.settle(login, client, None, since).await,
        }
    }

    /// Whoever it is, it is not somebody who may send. They hear, after the same time, what a wrong secret hears.
    async fn without_grant(&self, login: &str, client: IpAddr, since: Duration) -> Result<Principal, AuthRefusal> {
        match self.settle(login, client, None, since).await {
            Err(AuthRefusal::UnknownLogin) => Err(AuthRefusal::WithoutGrant),
            settled => settled,
        }
    }
}
