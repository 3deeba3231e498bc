//! The two dialogues that carry a token: OAUTHBEARER (RFC 7628), and XOAUTH2 which came before it.
//!
//! A refusal has two steps: the client is told why in JSON, says that it heard, and only then comes the reply.

use std::net::IpAddr;
use std::sync::Arc;

use policy::{AuthExchange, AuthRefusal, AuthStep, BoxFuture};
use zeroize::Zeroizing;

use super::{Client, Inner, readable};

/// Which of the two.
#[derive(Clone, Copy)]
pub(super) enum Form {
    OAuthBearer,
    XOAuth2,
}

impl Form {
    /// What is wrong, as each form words it (RFC 7628 §3.2.2).
    const fn refusal(self) -> &'static [u8] {
        match self {
            Self::OAuthBearer => br#"{"status":"invalid_token"}"#,
            Self::XOAuth2 => br#"{"status":"401","schemes":"bearer","scope":"smtp"}"#,
        }
    }

    fn read(self, message: &[u8]) -> Option<Bearer> {
        let text = std::str::from_utf8(message).ok()?;
        let (login, pairs) = match self {
            // gs2-header kvsep *kvpair kvsep
            Self::OAuthBearer => {
                let (header, pairs) = text.split_once('\x01')?;
                let header = header.strip_prefix("n,").or_else(|| header.strip_prefix("y,"))?;
                let authzid = header.strip_suffix(',')?;
                let login = match authzid {
                    "" => None,
                    _ => Some(authzid.strip_prefix("a=")?.replace("=2C", ",").replace("=3D", "=")),
                };
                (login, pairs)
            }
            Self::XOAuth2 => {
                let (user, pairs) = text.strip_prefix("user=")?.split_once('\x01')?;
                (Some(user.to_owned()), pairs)
            }
        };
        let pairs = pairs.strip_suffix("\x01\x01")?;
        let mut tokens = pairs.split('\x01').filter_map(|pair| pair.strip_prefix("auth="));
        let (scheme, token) = tokens.next()?.split_once(' ')?;
        let whole = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && tokens.next().is_none();
        let login = match login.filter(|login| !login.is_empty()) {
            Some(login) => Some(readable(login.as_bytes())?),
            None => None,
        };
        whole.then(|| Bearer {
            login,
            token: Zeroizing::new(token.to_owned()),
        })
    }
}

/// What such a message says.
struct Bearer {
    /// As whom the client wants to log in, where it says.
    login: Option<String>,
    token: Zeroizing<String>,
}

pub(super) fn begin(inner: Arc<Inner>, form: Form, client: IpAddr) -> Box<dyn AuthExchange> {
    let (client, state) = (Client::at(client), State::Message);
    Box::new(Exchange {
        inner,
        client,
        form,
        state,
    })
}

struct Exchange {
    inner: Arc<Inner>,
    client: Client,
    form: Form,
    state: State,
}

/// What the next response is.
enum State {
    /// The one message.
    Message,
    /// Whatever the client says to having been told this.
    Told(AuthRefusal),
    /// Nothing: the exchange is over.
    Over,
}

impl AuthExchange for Exchange {
    fn step(&mut self, response: Option<Vec<u8>>) -> BoxFuture<'_, AuthStep> {
        let response = response.map(Zeroizing::new);
        Box::pin(async move {
            let Some(response) = response else {
                return AuthStep::Challenge(Vec::new());
            };
            match std::mem::replace(&mut self.state, State::Over) {
                State::Message => self.message(&response).await,
                State::Told(why) => AuthStep::Refused(why),
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
    async fn message(&mut self, message: &[u8]) -> AuthStep {
        let Some(Bearer { login, token }) = self.form.read(message) else {
            return AuthStep::Refused(AuthRefusal::Malformed);
        };
        let (address, now) = (self.client.address, self.inner.clock.monotonic());
        self.client.since = now;
        login.iter().for_each(|login| self.client.claims(login, now));
        let (proved, named) = self.inner.prove_token(login.as_deref(), &token, address).await;
        named.iter().for_each(|name| self.client.claims(name, now));
        match proved {
            Ok(principal) => AuthStep::Proved(principal),
            Err(why @ (AuthRefusal::LockedOut | AuthRefusal::Unavailable)) => AuthStep::Refused(why),
            Err(why) => {
                self.state = State::Told(why);
                AuthStep::Challenge(self.form.refusal().to_vec())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: Form, message: &str) -> Option<(Option<String>, String)> {
        let bearer = form.read(message.as_bytes())?;
        Some((bearer.login, bearer.token.to_string()))
    }

    #[test]
    fn both_forms_are_read_with_and_without_a_login() {
        let some = |login: &str| Some((Some(login.to_owned()), "t.o.k".to_owned()));
        let form = Form::OAuthBearer;
        assert_eq!(
            read(form, "n,a=a=2Cb@x,\x01host=h\x01port=587\x01auth=Bearer t.o.k\x01\x01"),
            some("a,b@x")
        );
        assert_eq!(
            read(form, "n,,\x01auth=bearer t.o.k\x01\x01"),
            Some((None, "t.o.k".to_owned()))
        );
        assert_eq!(
            read(Form::XOAuth2, "user=scan@x\x01auth=Bearer t.o.k\x01\x01"),
            some("scan@x")
        );
    }

    #[test]
    fn other_messages_are_none() {
        for wrong in [
            "",
            "n,,\x01auth=Bearer t",
            "n,,\x01auth=Basic t\x01\x01",
            "n,,\x01auth=Bearer \x01\x01",
            "n,,\x01host=h\x01\x01",
            "n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
            "p=tls-exporter,,\x01auth=Bearer t\x01\x01",
            "n,x=y,\x01auth=Bearer t\x01\x01",
            "user=x\x01auth=Bearer t\x01\x01",
        ] {
            assert_eq!(read(Form::OAuthBearer, wrong), None, "{wrong:?}");
        }
        assert_eq!(read(Form::XOAuth2, "n,,\x01auth=Bearer t\x01\x01"), None);
    }
}
