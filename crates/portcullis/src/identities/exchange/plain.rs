//! The two dialogues that send the secret: PLAIN in one response, LOGIN in two.

use std::net::IpAddr;
use std::sync::Arc;

use policy::{AuthExchange, AuthRefusal, AuthStep, BoxFuture};
use zeroize::Zeroizing;

use super::{Client, FIELD_OCTETS_MAX, Inner, readable};

pub(super) fn plain(inner: Arc<Inner>, client: IpAddr) -> Box<dyn AuthExchange> {
    let (client, state) = (Client::at(client), State::Plain);
    Box::new(Exchange { inner, client, state })
}

pub(super) fn login(inner: Arc<Inner>, client: IpAddr) -> Box<dyn AuthExchange> {
    let (client, state) = (Client::at(client), State::Username);
    Box::new(Exchange { inner, client, state })
}

struct Exchange {
    inner: Arc<Inner>,
    client: Client,
    state: State,
}

/// What the next response is.
enum State {
    /// The one message of PLAIN.
    Plain,
    /// LOGIN's user name.
    Username,
    /// LOGIN's secret, for this user name.
    Password(String),
    /// Nothing: the exchange is over.
    Over,
}

impl AuthExchange for Exchange {
    fn step(&mut self, response: Option<Vec<u8>>) -> BoxFuture<'_, AuthStep> {
        let response = response.map(Zeroizing::new);
        Box::pin(async move {
            let Some(response) = response else {
                return AuthStep::Challenge(self.prompt().to_vec());
            };
            match std::mem::replace(&mut self.state, State::Over) {
                State::Plain => self.plain(&response).await,
                State::Username => self.username(&response),
                State::Password(login) => self.prove(&login, response).await,
                State::Over => AuthStep::Refused(AuthRefusal::Malformed),
            }
        })
    }

    fn claimed(&self) -> Option<&str> {
        self.client.claimed()
    }

    fn turned_down(&mut self) -> BoxFuture<'_, ()> {
        self.client.turned_down(&self.inner)
    }
}

impl Exchange {
    /// Devices look for exactly these words.
    fn prompt(&self) -> &'static [u8] {
        match self.state {
            State::Username => b"Username:",
            State::Password(_) => b"Password:",
            State::Plain | State::Over => b"",
        }
    }

    /// `message = [authzid] UTF8NUL authcid UTF8NUL passwd` (RFC 4616 §2). Nobody acts for somebody else here.
    async fn plain(&mut self, response: &[u8]) -> AuthStep {
        let mut fields = response.split(|octet| *octet == 0);
        let (Some(authzid), Some(authcid), Some(passwd), None) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return AuthStep::Refused(AuthRefusal::Malformed);
        };
        let same = authzid.is_empty() || authzid == authcid;
        match readable(authcid).filter(|_| same) {
            Some(login) => self.prove(&login, Zeroizing::new(passwd.to_vec())).await,
            None => AuthStep::Refused(AuthRefusal::Malformed),
        }
    }

    fn username(&mut self, response: &[u8]) -> AuthStep {
        match readable(response) {
            Some(login) => {
                self.state = State::Password(login);
                AuthStep::Challenge(self.prompt().to_vec())
            }
            None => AuthStep::Refused(AuthRefusal::Malformed),
        }
    }

    async fn prove(&mut self, login: &str, secret: Zeroizing<Vec<u8>>) -> AuthStep {
        self.client.claims(login, self.inner.clock.monotonic());
        self.client.hidden = secret.eq_ignore_ascii_case(login.as_bytes());
        if secret.is_empty() || secret.len() > FIELD_OCTETS_MAX {
            return AuthStep::Refused(AuthRefusal::Malformed);
        }
        match self.inner.prove(login, secret, self.client.address).await {
            Ok(principal) => AuthStep::Proved(principal),
            Err(why) => AuthStep::Refused(why),
        }
    }
}
